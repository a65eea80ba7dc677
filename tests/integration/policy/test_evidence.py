"""What `assay evidence` exports is enough to repeat the decision elsewhere, also after the policies have changed."""

from __future__ import annotations

import json
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from activities.policy.activity import PolicyActivities
from activities.policy.bundle import POLICIES, Bundle, build_bundle
from activities.policy.opa import find_opa
from activities.signing.activity import SigningActivities
from activities.signing.envelope import open_envelope
from activities.signing.statements import SUMMARY
from assay.cli.evidence import evidence
from assay.cli.records import decisions, models
from assay.contracts.errors import InputRefused, IntegrityRefused, NotFound
from assay.contracts.promotion import PromotionCase
from assay.contracts.rollout import Incident, RootCause
from assay.settings import Settings
from examples.demo.outside import _tampered, _verify
from examples.demo.shell import run
from stack.bundles import keep, kept

from .conftest import OpaServer
from .house import HEALTHY, TEMPLATE, House


def opa_says(*arguments: str) -> int:
    return subprocess.run([str(find_opa()), *arguments], capture_output=True, check=False).returncode


def export(digest: str, out: Path) -> None:
    """Run the command; an error that it raises is raised here."""
    CliRunner().invoke(evidence, [digest, "--out", str(out)], catch_exceptions=False)


@pytest.fixture
def settings(house: House, opa: OpaServer, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("ASSAY_HOME", str(house.home))
    return Settings(home=house.home, opa_url=opa.url)


@pytest.fixture
def case(house: House, settings: Settings) -> PromotionCase:
    """A released version, then a second attempt that was refused for want of approvals."""
    unapproved = house.case(HEALTHY)
    approved, gates = house.approved(unapproved), PolicyActivities(settings, served=lambda: TEMPLATE)
    release = gates.decide_release(approved)
    assert release.allow
    SigningActivities(settings).attest_decision(approved, release)
    assert not gates.decide_release(unapproved).allow
    return approved


def keep_with_key_of(house: House, policies: Path = POLICIES) -> Bundle:
    """What `assay up` does with a set of policies."""
    built = build_bundle(house.home / "opa" / "bundle.tar.gz", house.home / "keys" / "policy.pem", policies=policies)
    keep(built, house.home)
    return built


def test_weights_that_had_to_go_are_said_to_be_withdrawn(house: House, case: PromotionCase, tmp_path: Path) -> None:
    keep_with_key_of(house)
    house.registry.withdrawals.withdraw("acme.000000000001", [*case.request.datasets])
    with pytest.raises(IntegrityRefused, match="ARTIFACT_WITHDRAWN"):
        export(case.version.digest, tmp_path / "evidence")
    assert not (tmp_path / "evidence").exists()
    [row] = json.loads(CliRunner().invoke(models, ["--json"], catch_exceptions=False).output)
    assert row["note"] == "withdrawn, case acme.000000000001"


def test_a_decision_is_repeated_with_its_own_policies(house: House, case: PromotionCase, tmp_path: Path) -> None:
    decided = keep_with_key_of(house)
    changed = tmp_path / "policies"
    shutil.copytree(POLICIES, changed)
    for rule in changed.rglob("release/*.rego"):
        rule.write_text(rule.read_text() + "\n# changed\n")
    assert keep_with_key_of(house, changed).revision != decided.revision

    out = tmp_path / "evidence"
    export(case.version.digest, out)
    decision = json.loads((out / "decision.json").read_text())
    assert (decision["allow"], decision["policy_revision"]) == (True, decided.revision)
    # With `==` a refusal would be the value false, for which `--fail` does not fail.
    asked = ("eval", "--bundle", str(out / "bundle.tar.gz"), "--fail", "data.assay.release.decision.allow = true")
    assert opa_says(*asked, "--input", str(out / "input.json")) == 0
    forged = json.loads((out / "input.json").read_text()) | {"approvals": []}
    (tmp_path / "forged.json").write_text(json.dumps(forged))
    assert opa_says(*asked, "--input", str(tmp_path / "forged.json")) == 1
    verified = ("--verification-key-id", "assay-policy", "--signing-alg", "ES256", "--output", str(tmp_path / "out"))
    key = ("--verification-key", str(out / "policy.pub.pem"))
    assert opa_says("build", "--bundle", str(out / "bundle.tar.gz"), *key, *verified) == 0
    wrong = ("--verification-key", str(out / "signing.pub.pem"))
    assert opa_says("build", "--bundle", str(out / "bundle.tar.gz"), *wrong, *verified) != 0


def test_the_demonstrations_lines_hold_on_what_is_exported(house: House, case: PromotionCase, tmp_path: Path) -> None:
    keep_with_key_of(house)
    out = tmp_path / "evidence"
    export(case.version.digest, out)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in out.rglob("*") if path.is_file()}
    assert modes == {0o644}
    key = str(out / "signing.pub.pem")
    assert run(*_verify(out / "adapter", out, key)).code == 0
    tampered = run(*_verify(_tampered(out), out, key))
    assert tampered.code == 1
    assert "mismatch" in tampered.output.lower()


def test_the_gates_statements_are_exported_too(house: House, case: PromotionCase, tmp_path: Path) -> None:
    keep_with_key_of(house)
    export(case.version.digest, tmp_path / "evidence")
    files = sorted((tmp_path / "evidence" / "statements").iterdir())
    kinds = [open_envelope(path.read_bytes(), house.public_key).predicate_type for path in files]
    assert len(kinds) == len(case.version.statements) + 1
    assert kinds.count(SUMMARY) == 1


def test_without_its_policies_nothing_is_exported(house: House, case: PromotionCase, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="POLICY_REVISION_UNKNOWN"):
        export(case.version.digest, tmp_path / "evidence")
    assert not (tmp_path / "evidence").exists()
    with pytest.raises(NotFound, match="POLICY_REVISION_UNKNOWN"):
        kept(house.home, "../../keys/policy")


def test_what_was_only_refused_has_no_evidence(house: House, settings: Settings, tmp_path: Path) -> None:
    unapproved = house.case(HEALTHY)
    assert not PolicyActivities(settings, served=lambda: TEMPLATE).decide_release(unapproved).allow
    with pytest.raises(NotFound, match="DECISION_UNKNOWN"):
        export(unapproved.version.digest, tmp_path / "evidence")


def test_two_models_with_the_same_weights_keep_their_evidence_apart(
    house: House, case: PromotionCase, settings: Settings, tmp_path: Path
) -> None:
    keep_with_key_of(house)
    twin = case.model_copy(update={"request": case.request.model_copy(update={"model": "concierge"})})
    house.registry.versions.add(twin)
    gates = PolicyActivities(settings, served=lambda: TEMPLATE)
    release = gates.decide_release(twin)
    SigningActivities(settings).attest_decision(twin, release)
    with pytest.raises(InputRefused, match=r"VERSION_AMBIGUOUS.*acme/concierge/1, acme/helpdesk/1"):
        export(case.version.digest, tmp_path / "evidence")

    export("acme/helpdesk/1", tmp_path / "evidence")
    asked = json.loads((tmp_path / "evidence" / "input.json").read_text())
    assert (asked["tenant"], asked["model"], asked["version"]) == ("acme", "helpdesk", 1)
    opened = [
        open_envelope(path.read_bytes(), house.public_key) for path in (tmp_path / "evidence" / "statements").iterdir()
    ]
    about = [statement.predicate["resourceUri"] for statement in opened if statement.predicate_type == SUMMARY]
    assert about == ["urn:assay:version:acme/helpdesk/1"]
    listed = json.loads(CliRunner().invoke(decisions, [case.version.digest, "--json"]).output)
    assert {one["about"] for one in listed} == {"acme/helpdesk/1", "acme/concierge/1"}


def test_weights_released_under_a_later_number_have_evidence_too(
    house: House, settings: Settings, tmp_path: Path
) -> None:
    keep_with_key_of(house)
    first = house.case(HEALTHY)
    again = house.approved(first.model_copy(update={"request": first.request.model_copy(update={"version": 2})}))
    assert PolicyActivities(settings, served=lambda: TEMPLATE).decide_release(again).allow
    for asked in (first.version.digest, "acme/helpdesk/2"):
        export(asked, tmp_path / asked.replace("/", "-"))
        assert json.loads((tmp_path / asked.replace("/", "-") / "input.json").read_text())["version"] == 2
    with pytest.raises(NotFound, match="DECISION_UNKNOWN"):
        export("acme/helpdesk/1", tmp_path / "never-released")


def test_a_version_that_was_rolled_back_says_so(house: House, case: PromotionCase) -> None:
    def note() -> str:
        [version] = json.loads(CliRunner().invoke(models, ["--json"]).output)
        return str(version["note"])

    assert note() == ""
    incident = Incident(id="i", tenant="acme", model="helpdesk", version=case.version.digest, reason="bad")
    house.registry.incidents.open(incident)
    assert note() == "rolled back, root cause open"
    house.registry.incidents.close(incident, RootCause(actor="bob", cause="no replay", action="replay is back"))
    assert note() == "rolled back"


def test_a_name_that_nobody_registered_is_unknown(house: House, case: PromotionCase, tmp_path: Path) -> None:
    for name in ("acme/helpdesk/9", "sha256:" + "0" * 64, "helpdesk"):
        with pytest.raises(NotFound, match="VERSION_UNKNOWN"):
            export(name, tmp_path / "evidence")


def test_notice_and_datasheets_go_with_the_weights(
    house: House, case: PromotionCase, settings: Settings, opa: OpaServer, tmp_path: Path
) -> None:
    keep_with_key_of(house)
    [dataset] = case.request.datasets
    assert PolicyActivities(settings).decide_training(house.training_request(dataset)).allow
    sheet = house.registry.blobs.put(b"# Datasheet")
    house.registry.lineage.link(
        dataset, sheet.sha256, "described by (markdown)", parent_kind="dataset", child_kind="datasheet"
    )
    out = tmp_path / "evidence"
    export(case.version.digest, out)
    assert "smol/base, revision r1" in (out / "NOTICE").read_text("utf-8")
    assert [path.read_text("utf-8") for path in (out / "datasheets").iterdir()] == ["# Datasheet"]
