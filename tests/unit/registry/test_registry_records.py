"""Repositories: what goes in comes out, adding again adds nothing, what is not there is said with a code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from assay.contracts.errors import Conflict, NotFound
from assay.contracts.policy import Decision, Violation
from assay.contracts.rollout import Incident, RootCause
from registry import BaseRecord, Registry, hash_key

Examples = Any  # the class stands in conftest.py, which tests do not import


def base(examples: Examples, path: str = "/models/base", revision: str = "r1") -> BaseRecord:
    pin = examples.base.model_copy(update={"revision": revision, "digest": examples.sha(f"base {revision}")})
    return BaseRecord(pin=pin, licence="Apache-2.0", path=path, template=examples.sha("template"), max_context=2048)


def test_the_newest_revision_of_a_base_is_found_by_name_and_every_one_by_digest(
    registry: Registry, examples: Examples
) -> None:
    first, second = base(examples, revision="r1"), base(examples, revision="r2")
    for record in (first, second, first):
        registry.bases.add(record)
    assert registry.bases.get("acme/base") == second
    assert registry.bases.by_digest(first.pin.digest) == first


def test_a_base_that_moved_is_found_where_it_is_now(registry: Registry, examples: Examples) -> None:
    registry.bases.add(base(examples))
    registry.bases.add(base(examples, path="/elsewhere"))
    assert registry.bases.get("acme/base").path == "/elsewhere"


def test_a_dataset_holds_one_ledger_entry_a_row(registry: Registry, examples: Examples) -> None:
    outcomes = ["accepted"] * 1200 + ["redacted"] * 30 + ["refused"] * 7  # more than one batch of inserts
    entries = [examples.entry(number, outcome) for number, outcome in enumerate(outcomes)]
    for _ in range(2):
        registry.datasets.add(examples.dataset(), examples.intake(), examples.ref("ledger"), iter(entries))
    assert registry.datasets.outcomes(examples.sha("dataset")) == {"accepted": 1200, "redacted": 30, "refused": 7}
    record = registry.datasets.get(examples.sha("dataset"))
    assert (record.dataset, record.request, record.ledger) == (
        examples.dataset(),
        examples.intake(),
        examples.ref("ledger"),
    )
    assert (record.licences, record.quarantined) == (("Apache-2.0",), False)


def test_a_ledger_that_breaks_off_leaves_no_dataset(registry: Registry, examples: Examples) -> None:
    def broken() -> Any:
        yield examples.entry(1)
        raise RuntimeError("disk gone")

    with pytest.raises(RuntimeError, match="disk gone"):
        registry.datasets.add(examples.dataset(), examples.intake(), examples.ref("ledger"), broken())
    with pytest.raises(NotFound, match="DATASET_UNKNOWN"):
        registry.datasets.get(examples.sha("dataset"))


def test_long_licences_and_many_codes_are_kept_whole(registry: Registry, examples: Examples) -> None:
    licence = " AND ".join(["LicenseRef-customer-contract"] * 20)
    entry = examples.entry(1).model_copy(update={"licence": licence, "codes": ("PII_PHONE_NUMBER",) * 100})
    registry.datasets.add(examples.dataset(), examples.intake(licence=licence), examples.ref("ledger"), [entry])
    assert registry.datasets.outcomes(examples.sha("dataset")) == {"accepted": 1}
    assert registry.datasets.get(examples.sha("dataset")).licences == (licence,)


def test_runs_are_listed_newest_first_and_by_tenant(registry: Registry, examples: Examples) -> None:
    for adapter, tenant in (("one", "acme"), ("two", "globex"), ("three", "acme"), ("one", "acme")):
        registry.runs.add(*examples.run(adapter, tenant))
    assert [r.result.run_id for r in registry.runs.list(tenant="acme")] == [
        "acme.helpdesk.1.three",
        "acme.helpdesk.1.one",
    ]
    assert len(registry.runs.list()) == 3
    assert registry.runs.list(model="other") == ()
    record = registry.runs.get("globex.helpdesk.1.two")
    assert (record.result, record.request) == examples.run("two", "globex")


def test_an_evaluation_is_found_by_its_report(registry: Registry, examples: Examples) -> None:
    for _ in range(2):
        registry.evaluations.add(*examples.evaluation())
    record = registry.evaluations.get(examples.sha("report adapter"))
    assert (record.result, record.request) == examples.evaluation()


def test_the_same_weights_are_registered_once(registry: Registry, examples: Examples) -> None:
    case = examples.case("adapter", version=1)
    for one in (case, case, examples.case("adapter", version=2)):
        registry.versions.add(one)
    (record,) = registry.versions.list(tenant="acme", model="helpdesk")
    assert record == registry.versions.get(examples.sha("adapter"))
    assert (record.version, record.digest, record.files) == (1, case.version.digest, case.version.files)
    assert (record.signature, record.statements) == (case.version.signature, case.version.statements)
    assert (record.card, record.base, record.quarantined) == (case.card, examples.base, False)


def test_a_version_number_names_one_set_of_weights(registry: Registry, examples: Examples) -> None:
    registry.versions.add(examples.case("adapter", version=1))
    with pytest.raises(Conflict, match="VERSION_TAKEN"):
        registry.versions.add(examples.case("other", version=1))
    with pytest.raises(NotFound, match="VERSION_UNKNOWN"):
        registry.versions.get(examples.sha("other"))


def test_two_tenants_with_the_same_weights_each_find_their_own(registry: Registry, examples: Examples) -> None:
    for tenant in ("globex", "acme"):
        registry.versions.add(examples.case("adapter", tenant=tenant))
    digest = examples.sha("adapter")
    assert registry.versions.get(digest).tenant == "globex"
    assert registry.versions.get(digest, tenant="acme", model="helpdesk").tenant == "acme"
    with pytest.raises(NotFound, match="VERSION_UNKNOWN"):
        registry.versions.get(digest, tenant="initech")


def decision(examples: Examples, id_: str, *, allow: bool = True) -> Decision:
    no = (Violation(code="LICENCE", msg="not permitted", remedy="another base"),)
    return Decision(
        gate="review",
        allow=allow,
        violations=() if allow else no,
        decision_id=id_,
        policy_revision="r1",
        input=examples.ref("input"),
    )


def test_decisions_are_kept_in_order_and_never_rewritten(registry: Registry, examples: Examples) -> None:
    subject = examples.sha("adapter")
    registry.decisions.add(decision(examples, "d1", allow=False), subject)
    registry.decisions.add(decision(examples, "d2"), subject)
    registry.decisions.add(decision(examples, "d1", allow=True), subject)
    registry.decisions.add(decision(examples, "d3"), None)
    assert [(d.decision_id, d.allow) for d in registry.decisions.list(subject)] == [("d1", False), ("d2", True)]
    assert registry.decisions.get("d1").violations[0].code == "LICENCE"


def incident(examples: Examples, id_: str) -> Incident:
    return Incident(id=id_, tenant="acme", model="helpdesk", version=examples.sha("adapter"), reason="bad answers")


def test_an_incident_is_open_until_its_root_cause_is_recorded(registry: Registry, examples: Examples) -> None:
    first, second = incident(examples, "one"), incident(examples, "two")
    for one in (first, second, first):
        registry.incidents.open(one)
    assert registry.incidents.open_for("acme", "helpdesk") == (first, second)
    assert registry.incidents.open_for("acme", "other") == ()
    cause = RootCause(actor="ann", cause="no replay", action="replay added")
    for _ in range(2):
        registry.incidents.close(first, cause)
    registry.incidents.open(first)  # a retry that comes late does not open it again
    assert registry.incidents.open_for("acme", "helpdesk") == (second,)
    with pytest.raises(Conflict, match="INCIDENT_CLOSED"):
        registry.incidents.close(first, cause.model_copy(update={"cause": "something else"}))


def test_keys_are_stored_hashed_and_leave_force_at_once(registry: Registry) -> None:
    key, other = registry.keys.create("acme"), registry.keys.create("acme")
    assert key.startswith("ak_")
    assert "acme" not in key
    assert registry.keys.hashes() == {hash_key(key): "acme", hash_key(other): "acme"}
    registry.keys.revoke(key)
    assert (registry.keys.tenant_of(key), registry.keys.tenant_of(other)) == (None, "acme")
    assert registry.keys.hashes() == {hash_key(other): "acme"}


@pytest.mark.parametrize("key", ["", "ak_", "ak_unknown", "\ud800", "key\0"])
def test_a_key_that_was_never_made_has_no_tenant(registry: Registry, key: str) -> None:
    assert registry.keys.tenant_of(key) is None
    with pytest.raises(NotFound, match="KEY_UNKNOWN"):
        registry.keys.revoke(key)


@pytest.mark.parametrize(
    ("ask", "code"),
    [
        (lambda r: r.bases.get("acme/unknown"), "BASE_UNKNOWN"),
        (lambda r: r.bases.by_digest("sha256:0"), "BASE_UNKNOWN"),
        (lambda r: r.datasets.get("sha256:0"), "DATASET_UNKNOWN"),
        (lambda r: r.runs.get("none"), "RUN_UNKNOWN"),
        (lambda r: r.evaluations.get("sha256:0"), "REPORT_UNKNOWN"),
        (lambda r: r.versions.get("sha256:0"), "VERSION_UNKNOWN"),
        (lambda r: r.decisions.get("none"), "DECISION_UNKNOWN"),
    ],
)
def test_what_is_not_there_is_said_with_a_code(
    registry: Registry, ask: Callable[[Registry], object], code: str
) -> None:
    with pytest.raises(NotFound) as caught:
        ask(registry)
    assert caught.value.code == code
    assert caught.value.remedy


def test_an_incident_that_was_never_opened_cannot_be_closed(registry: Registry, examples: Examples) -> None:
    cause = RootCause(actor="ann", cause="unknown", action="none")
    with pytest.raises(NotFound, match="INCIDENT_UNKNOWN"):
        registry.incidents.close(incident(examples, "never"), cause)
