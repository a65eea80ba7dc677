"""A plan is printed, and judged by the real gate, before anything is built."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from activities.data.datasheet import datasheet, judged
from activities.data.manifest import composition_of, licence_terms
from activities.policy.activity import PolicyActivities
from activities.policy.bundle import POLICIES, build_bundle
from activities.policy.client import PolicyClient
from activities.policy.planning import Planned, planned
from activities.policy.repeat import repeat
from assay.cli import main
from assay.cli.data_plan import read_request
from assay.contracts.errors import InputRefused, NotFound
from assay.contracts.lifecycle import LifecycleRequest
from assay.contracts.policy import Decision
from assay.contracts.training import TrainingRequest
from assay.settings import Settings
from examples.data import planted

from .conftest import OpaServer, StartOpa
from .house import BASE, COMPOSITION, House

EXAMPLES = Path(__file__).parents[3] / "examples"


def training(house: House, **manifest: Any) -> TrainingRequest:
    house.seal_dataset(**manifest)
    return TrainingRequest.model_validate(
        {
            "tenant": "acme",
            "model": "helpdesk",
            "version": 1,
            "base": BASE.repository,
            "datasets": [{"dataset": "support/1"}],
            "requested_by": "ann@acme.example",
        }
    )


def lifecycle(folder: Path, asks: str = "", **terms: Any) -> LifecycleRequest:
    """The example, about files of a few rows that have the kinds and terms of the real ones."""
    request = json.loads((EXAMPLES / "lifecycle.json").read_text("utf-8"))
    call = {"tool_calls": [{"function": {"name": "f", "arguments": {}}}]}
    answers = {"calls": ("call", call), "planted": ("call", call)}
    for number, source in enumerate(request["sources"]):
        kind, answer = answers.get(source["name"], (source["name"].replace("refusals", "refusal"), {"content": "No."}))
        rows = [
            {
                "id": str(n),
                "kind": kind,
                "messages": [{"role": "user", "content": f"{asks}{number} {n}"}, {"role": "assistant", **answer}],
            }
            for n in range(9 if source["name"] != "planted" else 1)
        ]
        path = folder / f"{source['name']}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
        source["uri"] = str(path)
    return LifecycleRequest.model_validate({**request, "base": BASE.repository, **terms})


def plan_of(house: House, opa: OpaServer, request: TrainingRequest | LifecycleRequest) -> Planned:
    return planned(house.registry, request, PolicyClient(opa.url, house.registry.blobs), house.public_key)


def ask(house: House, opa: OpaServer, request: TrainingRequest | LifecycleRequest) -> Decision:
    facts = plan_of(house, opa, request).facts
    return PolicyClient(opa.url, house.registry.blobs).decide("training", facts).decision


def test_the_example_recipe_keeps_every_floor(house: House, opa: OpaServer, tmp_path: Path) -> None:
    found = plan_of(house, opa, lifecycle(tmp_path))
    assert found.estimated
    assert found.plan is not None
    assert (found.plan.human.share, found.plan.synthetic.share, found.plan.deepest) == (0.666667, 0.333333, 1)
    assert found.plan.gold.drawn == pytest.approx(96 / 10)
    decision = ask(house, opa, lifecycle(tmp_path))
    assert decision.allow, decision.violations
    assert {warning.code for warning in decision.warnings} == {"TRAINING_NOTICE_ASKED"}


def test_rows_that_intake_leaves_out_refuse_no_plan(house: House, opa: OpaServer, tmp_path: Path) -> None:
    """The planted rows of the demonstration: five of them are under terms that the intake gate does not take."""
    request = lifecycle(tmp_path)
    rows = planted.rows()
    (tmp_path / "planted.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    found = plan_of(house, opa, request)
    assert found.expected is not None
    assert {one.code: one.count for one in found.expected.left_out_by_code} == {
        "LICENCE_NOT_SPDX": 1,
        "ROW_CONSENT_MISSING": 1,
        "ROW_DUPLICATE": 1,
        "ROW_LICENCE_NOT_PERMITTED": 2,
        "ROW_PURPOSE_NOT_PERMITTED": 1,
    }
    assert found.expected.left_out == 6
    assert sum(group.rows for group in found.expected.groups if group.source == "planted") == len(rows) - 6
    decision = ask(house, opa, request)
    assert decision.allow, decision.violations


GERMAN = "Wie kann ich mein Passwort ändern, wenn ich es seit gestern nicht mehr weiß?"
FRENCH = "Comment puis-je changer mon mot de passe si je ne le connais plus depuis hier soir ?"


@pytest.fixture(scope="module")
def german_is_wanted(start_opa: StartOpa, policy_key: Path, tmp_path_factory: pytest.TempPathFactory) -> OpaServer:
    """The policies of an installation that trains on German and English alone."""
    policies = tmp_path_factory.mktemp("german") / "policies"
    shutil.copytree(POLICIES, policies)
    tunables = policies / "tunables/findings/data.yaml"
    before = tunables.read_text("utf-8")
    after = before.replace("train-tenant-model: null", "train-tenant-model: [de, en]", 1)
    assert after != before
    tunables.write_text(after, "utf-8")
    server = start_opa(build_bundle(policies.parent / "bundle.tar.gz", policy_key, policies=policies).path)
    assert server.ready
    return server


def test_only_rows_in_a_wanted_language_are_expected(house: House, german_is_wanted: OpaServer, tmp_path: Path) -> None:
    request = lifecycle(tmp_path, asks=GERMAN)
    found = plan_of(house, german_is_wanted, request)
    assert found.expected is not None
    assert found.expected.left_out_by_code == ()
    decision = ask(house, german_is_wanted, request)
    assert decision.allow, decision.violations
    found = plan_of(house, german_is_wanted, lifecycle(tmp_path, asks=FRENCH))
    assert found.expected is not None
    [left_out] = found.expected.left_out_by_code
    assert (left_out.code, left_out.count) == ("ROW_LANGUAGE_NOT_WANTED", found.expected.left_out)
    assert found.expected.groups == ()


def test_a_source_that_intake_refuses_is_drawn_from_by_nobody(house: House, opa: OpaServer, tmp_path: Path) -> None:
    request = lifecycle(tmp_path)
    regulated = request.sources[-1].model_copy(update={"regulated": True, "system": "patient-portal"})
    found = plan_of(house, opa, request.model_copy(update={"sources": (*request.sources[:-1], regulated)}))
    assert found.expected is not None
    assert [(one.code, one.count) for one in found.expected.left_out_by_code] == [("DPIA_MISSING", 1)]
    assert found.plan is not None
    assert found.plan.gold.rows == 0


def test_a_mix_below_the_floor_is_refused_with_the_rows_behind_it(house: House, opa: OpaServer, tmp_path: Path) -> None:
    mix = [{"kind": "call", "rows_per_batch": 1}, {"kind": "replay", "rows_per_batch": 3}]
    decision = ask(house, opa, lifecycle(tmp_path, recipe={"mix": mix, "max_steps": 10}))
    [violation] = decision.violations
    assert violation.code == "MIX_HUMAN_FLOOR"
    assert violation.msg == "10 of 40 rows drawn are written by people (10 rows there); the floor is a share of 0.4"


def test_the_plan_of_a_sealed_dataset_is_the_one_that_the_gate_is_asked_about(house: House, opa: OpaServer) -> None:
    request = training(house)
    found = plan_of(house, opa, request)
    assert not found.estimated
    assert found.plan is not None
    assert found.facts["mix"] == found.plan.model_dump(mode="json", exclude={"parts"})
    assert ask(house, opa, request).allow


def test_a_lifecycle_whose_dataset_is_sealed_is_no_estimate(house: House, opa: OpaServer, tmp_path: Path) -> None:
    house.seal_dataset()
    assert not plan_of(house, opa, lifecycle(tmp_path, dataset="support")).estimated
    assert plan_of(house, opa, lifecycle(tmp_path, dataset="support", version=2)).estimated


def test_licences_of_base_rows_and_purpose_decide_together(house: House, opa: OpaServer) -> None:
    dual = [{**COMPOSITION[0], "licence": "GPL-3.0-only OR MIT"}, *COMPOSITION[1:]]
    assert ask(house, opa, training(house, composition=dual)).allow
    shared = training(house, composition=[{**one, "licence": "ODC-By-1.0"} for one in COMPOSITION])
    assert ask(house, opa, shared.model_copy(update={"purpose": "train-tenant-model"})).allow
    decision = ask(house, opa, shared.model_copy(update={"purpose": "train-shared-model"}))
    assert "DATASET_LICENCE_NOT_PERMITTED" in {violation.code for violation in decision.violations}


def test_a_sheet_is_judged_by_the_licences_gate(house: House, opa: OpaServer) -> None:
    terms = licence_terms(composition_of({"composition": COMPOSITION}))
    said = judged(terms, "train-tenant-model", None, PolicyClient(opa.url, house.registry.blobs))
    assert said["licence_outcome"] == "allowed with notice"
    [use] = said["licences"]
    assert (use.rows, use.chosen, use.obligations) == (9, ("Apache-2.0",), ("notice",))


def test_a_decision_is_made_again_from_its_question_and_its_bundle(house: House, opa: OpaServer, bundle: Any) -> None:
    request = house.training_request(house.seal_dataset(composition=COMPOSITION[:2]))
    decision = PolicyActivities(Settings(home=house.home, opa_url=opa.url)).decide_training(request)
    document = repeat(decision, house.registry.blobs, bundle.path)
    assert document["allow"] is False
    assert {one["code"] for one in document["violations"]} == {one.code for one in decision.violations}


@pytest.fixture
def assay(
    house: House, opa: OpaServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    monkeypatch.setenv("ASSAY_HOME", str(house.home))
    monkeypatch.setenv("ASSAY_OPA_URL", opa.url)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["assay", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


def test_the_command_prints_plan_and_verdict(house: House, assay: Any, tmp_path: Path) -> None:
    file = tmp_path / "request.json"
    file.write_text(lifecycle(tmp_path).model_dump_json(), "utf-8")
    before = set(house.registry.blobs.digests())
    code, out, _ = assay("data", "plan", str(file))
    assert code == 0
    assert "an estimate" in out
    assert "known once the intake has run" in out
    assert "66.7 %  192 drawn from 19 rows" in out
    assert "the training gate would allow it, as far as is known before the intake" in out
    rows = [json.dumps(row) for row in planted.rows()]
    (tmp_path / "planted.jsonl").write_text("\n".join(rows), "utf-8")
    assert (
        "6 rows would be left out: LICENCE_NOT_SPDX 1, ROW_CONSENT_MISSING 1, " in assay("data", "plan", str(file))[1]
    )
    told = json.loads(assay("data", "plan", str(file), "--json")[1])
    # Nothing that a plan asks is stored, and none of it is named as if it were.
    assert set(house.registry.blobs.digests()) == before
    assert (told["left_out"]["rows"], "input" in told["decision"]) == (6, False)
    file.write_text(training(house, composition=COMPOSITION[:2]).model_dump_json(), "utf-8")
    code, out, _ = assay("data", "plan", str(file), "--json")
    told = json.loads(out)
    assert (code, told["decision"]["allow"], told["plan"]["missing_kinds"]) == (1, False, ["replay"])


def test_the_plan_is_printed_also_where_no_gate_answers(
    house: House, assay: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_port: Callable[[], int]
) -> None:
    monkeypatch.setenv("ASSAY_OPA_URL", f"http://127.0.0.1:{free_port()}")
    file = tmp_path / "request.json"
    file.write_text(training(house).model_dump_json(), "utf-8")
    code, out, err = assay("data", "plan", str(file))
    assert (code, "by people" in out, "OPA_UNREACHABLE" in err) == (1, True, True)


@pytest.mark.parametrize("text", ["{", "[]", '{"tenant": "somebody@example.org"}', '{"sources": 3}'])
def test_what_is_no_request_is_refused_without_repeating_it(text: str, tmp_path: Path) -> None:
    file = tmp_path / "request.json"
    file.write_text(text, "utf-8")
    with pytest.raises(InputRefused, match="REQUEST_MALFORMED") as refused:
        read_request(file)
    assert "somebody" not in str(refused.value)


def test_a_dataset_that_says_too_little_has_no_plan(house: House, opa: OpaServer) -> None:
    request = training(house, composition=None)
    assert plan_of(house, opa, request).plan is None
    with pytest.raises(NotFound, match="DATASET_UNKNOWN"):
        datasheet(house.registry, "sha256:" + "0" * 64)
