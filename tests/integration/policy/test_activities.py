"""The activities as a worker runs them: decided, kept, attested."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from temporalio import activity

from activities.data.notice import notice_of
from activities.policy.activity import PolicyActivities
from activities.signing.activity import SigningActivities
from activities.signing.envelope import open_envelope
from activities.signing.statements import SUMMARY
from assay.contracts.errors import Unavailable
from assay.settings import Settings

from .conftest import OpaServer
from .house import HEALTHY, TEMPLATE, House


@pytest.fixture
def settings(house: House, opa: OpaServer) -> Settings:
    return Settings(home=house.home, opa_url=opa.url)


def test_training_decision_is_kept_under_the_config_hash(house: House, settings: Settings) -> None:
    request = house.training_request(house.seal_dataset())
    decision = PolicyActivities(settings).decide_training(request)
    assert decision.allow
    assert house.registry.decisions.list(request.spec.content_digest()) == (decision,)


def test_promotion_is_decided_kept_and_attested(house: House, settings: Settings) -> None:
    case = house.approved(house.case(HEALTHY))
    gates = PolicyActivities(settings, served=lambda: TEMPLATE)
    review, release = gates.decide_review(case), gates.decide_release(case)
    assert review.allow
    assert release.allow
    assert house.registry.decisions.list(case.version.digest) == (review, release)

    reference = SigningActivities(settings).attest_decision(case, release)
    statement = open_envelope(house.registry.blobs.get(reference), house.public_key)
    assert statement.predicate_type == SUMMARY
    assert statement.subject_digest == case.version.digest
    assert statement.predicate["verificationResult"] == "PASSED"
    assert f"sha256:{statement.predicate['policy']['digest']['sha256']}" == release.policy_revision
    assert reference.sha256 in {node.name for node in house.registry.lineage.descendants(case.version.digest)}


def test_signing_activity_answers_the_same_again(house: House, settings: Settings) -> None:
    case = house.case(HEALTHY)
    assert SigningActivities(settings).sign_version(case.request) == case.version


def test_stored_facts_name_no_reviewer_comment(house: House, settings: Settings) -> None:
    case = house.approved(house.case(HEALTHY))
    decision = PolicyActivities(settings, served=lambda: TEMPLATE).decide_release(case)
    facts = json.loads(house.registry.blobs.get(decision.input))
    assert set(facts["approvals"][0]) == {"reviewer", "role", "card_diff"}


def test_engine_that_is_down_decides_nothing(house: House, settings: Settings, free_port: Callable[[], int]) -> None:
    case = house.case(HEALTHY)
    engine = settings.engine.model_copy(update={"urls": (f"http://127.0.0.1:{free_port()}",)})
    away = settings.model_copy(update={"engine": engine})
    with pytest.raises(Unavailable):
        PolicyActivities(away).decide_review(case)
    assert house.registry.decisions.list(case.version.digest) == ()


def test_activities_carry_the_names_of_the_contracts(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    names = [
        activity._Definition.must_from_callable(method).name
        for owner in (PolicyActivities(settings), SigningActivities(settings))
        for method in owner.all()
    ]
    assert names == ["decide_training", "decide_review", "decide_release", "sign_version", "attest_decision"]
    assert list(tmp_path.iterdir()) == []


def test_what_licences_ask_to_be_named_is_kept_with_the_run_spec(house: House, settings: Settings) -> None:
    request = house.training_request(house.seal_dataset())
    decision = PolicyActivities(settings).decide_training(request)
    text = notice_of(house.registry, request.spec.content_digest())
    assert {warning.code for warning in decision.warnings} == {"TRAINING_NOTICE_ASKED"}
    assert text is not None
    assert "smol/base, revision r1" in text
    assert "crm, 9 rows (source support of dataset support/1)" in text


def test_a_run_that_is_refused_has_no_notice(house: House, settings: Settings) -> None:
    request = house.training_request(house.seal_dataset(synthetic_share=0.9))
    assert not PolicyActivities(settings).decide_training(request).allow
    assert notice_of(house.registry, request.spec.content_digest()) is None
