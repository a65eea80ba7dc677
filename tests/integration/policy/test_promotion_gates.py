"""Facts from a real registry and real signatures, decided by a real OPA."""

from __future__ import annotations

import pytest

from activities.policy.client import PolicyClient
from activities.policy.evidence import release_facts, review_facts
from activities.policy.facts import training_facts
from activities.signing.statements import evaluation, provenance
from activities.signing.version import attest, sign_chosen, verify_version
from assay.contracts.errors import IntegrityRefused, NotFound
from assay.contracts.policy import Decision
from assay.contracts.promotion import Override, PointerMove, PromotionCase
from assay.contracts.rollout import Incident, RootCause
from stack.keys import ensure_keys

from .conftest import OpaServer
from .house import COMPOSITION, HEALTHY, NARROW, TEMPLATE, House


def review(house: House, opa: OpaServer, case: PromotionCase, served: str | None = TEMPLATE) -> Decision:
    facts = review_facts(house.registry, case, house.public_key, served)
    return PolicyClient(opa.url, house.registry.blobs).decide("review", facts).decision


def release(house: House, opa: OpaServer, case: PromotionCase) -> Decision:
    facts = release_facts(house.registry, case, house.public_key, TEMPLATE)
    return PolicyClient(opa.url, house.registry.blobs).decide("release", facts).decision


def codes(decision: Decision) -> set[str]:
    assert not decision.allow
    return {violation.code for violation in decision.violations}


MISSING = "DATASET_LICENCES_MISSING"


def made_of(**terms: object) -> list[dict[str, object]]:
    return [{**group, **terms} for group in COMPOSITION]


def test_sealed_dataset_may_be_trained_on(house: House, opa: OpaServer) -> None:
    facts = training_facts(house.registry, house.training_request(house.seal_dataset()))
    decision = PolicyClient(opa.url, house.registry.blobs).decide("training", facts).decision
    assert decision.allow, decision.violations


@pytest.mark.parametrize(
    ("manifest", "refused"),
    [
        ({"composition": made_of(licence="CC-BY-NC-4.0")}, {"DATASET_LICENCE_NOT_PERMITTED"}),
        ({"composition": made_of(licence="LicenseRef-a b")}, {"DATASET_LICENCE_NOT_PERMITTED", MISSING}),
        ({"composition": None}, {MISSING, "MIX_NOT_PLANNED", "MIX_HUMAN_FLOOR", "MIX_GOLD_FLOOR", "MIX_TOO_DEEP"}),
        ({"composition": made_of(synthetic_depth=2)}, {"MIX_TOO_DEEP", "MIX_HUMAN_FLOOR"}),
        ({"composition": made_of(synthetic_depth=1)}, {"MIX_HUMAN_FLOOR"}),
        ({"composition": COMPOSITION[:2]}, {"MIX_NOT_PLANNED"}),
        ({"synthetic_share": 0.9}, {"SYNTHETIC_SHARE_EXCEEDED"}),
        ({"synthetic_share": None}, {"SYNTHETIC_SHARE_EXCEEDED"}),
    ],
)
def test_what_the_manifest_says_decides(
    house: House, opa: OpaServer, manifest: dict[str, object], refused: set[str]
) -> None:
    facts = training_facts(house.registry, house.training_request(house.seal_dataset(**manifest)))
    decision = PolicyClient(opa.url, house.registry.blobs).decide("training", facts).decision
    assert codes(decision) == refused


def test_unknown_dataset_is_refused_with_a_reason(house: House, opa: OpaServer) -> None:
    facts = training_facts(house.registry, house.training_request("sha256:" + "0" * 64))
    decision = PolicyClient(opa.url, house.registry.blobs).decide("training", facts).decision
    assert "DATASET_NOT_ACCEPTED" in codes(decision)


def test_unknown_base_is_not_found(house: House) -> None:
    request = house.training_request(house.seal_dataset())
    base = request.spec.base.model_copy(update={"digest": "sha256:" + "0" * 64})
    spec = request.spec.model_copy(update={"base": base})
    with pytest.raises(NotFound, match="BASE_UNKNOWN"):
        training_facts(house.registry, request.model_copy(update={"spec": spec}))


def test_healthy_adapter_passes_review_and_release(house: House, opa: OpaServer) -> None:
    case = house.case(HEALTHY)
    decision = review(house, opa, case)
    assert decision.allow, decision.violations
    decision = release(house, opa, house.approved(case))
    assert decision.allow, decision.violations


def test_healthy_adapter_without_approval_is_not_released(house: House, opa: OpaServer) -> None:
    assert codes(release(house, opa, house.case(HEALTHY))) == {"QUORUM_NOT_MET", "ROLE_MISSING"}


def test_narrow_adapter_is_refused_in_words_and_released_under_override(house: House, opa: OpaServer) -> None:
    case = house.case(NARROW)
    decision = review(house, opa, case)
    assert codes(decision) == {"CHAT_FORGOTTEN", "CHAT_SPURIOUS_CALLS", "REFUSALS_COLLAPSED"}
    assert any("forgotten how to talk" in violation.msg for violation in decision.violations)
    override = Override(
        reviewer="rita@acme.example",
        role="risk",
        card_diff=case.card.diff.sha256,
        codes=tuple(sorted(codes(decision))),
        reason="to see the canary catch it",
    )
    overruled = case.model_copy(update={"overrides": (override,)})
    assert review(house, opa, overruled).allow
    assert release(house, opa, house.approved(overruled)).allow


def test_open_root_cause_blocks_until_it_is_recorded(house: House, opa: OpaServer) -> None:
    case = house.case(HEALTHY)
    incident = Incident(id="i", tenant="acme", model="helpdesk", version=case.version.digest, reason="bad answers")
    house.registry.incidents.open(incident)
    assert codes(review(house, opa, case)) == {"ROOT_CAUSE_OPEN"}
    assert codes(release(house, opa, house.approved(case))) == {"ROOT_CAUSE_OPEN"}
    house.registry.incidents.close(incident, RootCause(actor="ann", cause="no replay", action="replay"))
    assert review(house, opa, case).allow


def test_version_in_production_is_what_a_later_one_must_hold_against(house: House, opa: OpaServer) -> None:
    first = house.case(HEALTHY)
    move = PointerMove(
        tenant="acme",
        model="helpdesk",
        stage="production",
        target=first.version.digest,
        expected=None,
        actor="ann",
        reason="first",
        key="k",
    )
    house.registry.pointers.move(move)
    worse = house.case({**HEALTHY, "irrelevance_refused": (9, 30)}, version=2)
    assert codes(review(house, opa, worse)) == {"PRODUCTION_REGRESSION"}


def test_another_template_at_the_engine_is_refused(house: House, opa: OpaServer) -> None:
    case = house.case(HEALTHY)
    assert codes(review(house, opa, case, served="sha256:" + "9" * 64)) == {"TEMPLATE_MISMATCH"}
    assert codes(review(house, opa, case, served=None)) == {"TEMPLATE_MISMATCH"}


def test_statement_by_another_key_is_no_statement(house: House, opa: OpaServer) -> None:
    case = house.case(HEALTHY)
    foreign = ensure_keys(house.home / "elsewhere") / "signing.pem"
    facts = provenance(case.request, house.training_request(case.request.datasets[0])), evaluation(case.request)
    forged = tuple(attest(house.registry.blobs, statement, foreign) for statement in facts)
    version = case.version.model_copy(update={"statements": forged})
    assert codes(review(house, opa, case.model_copy(update={"version": version}))) == {"STATEMENT_MISSING"}


def test_changed_weights_are_not_signed(house: House, opa: OpaServer) -> None:
    case, other = house.case(HEALTHY), house.case(HEALTHY, version=2)
    swapped = case.version.model_copy(update={"files": other.version.files})
    assert codes(review(house, opa, case.model_copy(update={"version": swapped}))) == {"SIGNATURE_MISSING"}


def test_measurement_in_the_request_does_not_count(house: House, opa: OpaServer) -> None:
    """Whoever starts a promotion can write what they like into it; the record decides."""
    narrow, healthy = house.case(NARROW), house.case(HEALTHY, version=2)
    claimed = narrow.request.evaluation.model_copy(update={"arms": healthy.request.evaluation.arms})
    request = narrow.request.model_copy(update={"evaluation": claimed})
    assert "CHAT_FORGOTTEN" in codes(review(house, opa, narrow.model_copy(update={"request": request})))
    with pytest.raises(IntegrityRefused, match="EVALUATION_DIFFERS"):
        sign_chosen(house.registry, request, house.home, house.private_key)


def test_incomplete_card_is_refused(house: House, opa: OpaServer) -> None:
    case = house.case(HEALTHY)
    card = house.registry.blobs.put(b'{"uses": "said"}')
    bare = case.model_copy(update={"card": case.card.model_copy(update={"card": card})})
    assert codes(review(house, opa, bare)) == {"CARD_INCOMPLETE"}


def test_signing_twice_signs_once(house: House) -> None:
    case = house.case(HEALTHY)
    assert sign_chosen(house.registry, case.request, house.home, house.private_key) == case.version


def test_registered_version_verifies_in_the_store_and_on_disk(house: House) -> None:
    case = house.case(HEALTHY)
    digest = case.version.digest
    verified = verify_version(house.registry, digest, house.public_key, tenant="acme", model="helpdesk")
    assert verified.digest == digest
    assert len(verified.statements) == 2
    directory = house.home / "adapters" / digest.replace(":", "-")
    assert (
        verify_version(house.registry, digest, house.public_key, tenant="acme", model="helpdesk", directory=directory)
        == verified
    )


def test_flipped_byte_on_disk_is_refused_right_before_load(house: House) -> None:
    digest = house.case(HEALTHY).version.digest
    directory = house.home / "adapters" / digest.replace(":", "-")
    file = directory / "adapter_model.safetensors"
    file.chmod(0o644)
    file.write_bytes(b"Weights")
    with pytest.raises(IntegrityRefused, match="SIGNATURE_INVALID"):
        verify_version(house.registry, digest, house.public_key, tenant="acme", model="helpdesk", directory=directory)


def test_pickle_among_the_weights_is_not_signed(house: House) -> None:
    with pytest.raises(IntegrityRefused, match="ADAPTER_PICKLE"):
        house.case(HEALTHY, weights=b"\x80\x04\x95pickle")
