"""Real rows under the real policy: each planted row gets exactly its code, and nothing personal is stored."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from presidio_analyzer import Pattern, PatternRecognizer
from pyarrow import parquet
from temporalio.testing import ActivityEnvironment

from activities.data.activity import DataActivities
from activities.data.dpia import Assessment, sign_assessment
from activities.data.findings import Scanner
from assay.contracts.data import Dataset, Source
from assay.contracts.errors import InputRefused, Unavailable
from assay.contracts.screening import IntakeKey, PlanJob, ScreenedSource
from assay.settings import Settings
from examples.data import planted
from registry import Registry

Intake = Callable[..., tuple[tuple[ScreenedSource, ...], Dataset]]
Tables = Callable[[ScreenedSource, str], list[dict[str, Any]]]

EXPECTED = {
    "ok-printer": ("accepted", []),
    "ok-login": ("accepted", []),
    "ok-invoice": ("accepted", []),
    "redact-mail": ("redacted", ["ROW_REDACTED"]),
    "redact-phone": ("redacted", ["ROW_REDACTED"]),
    "redact-iban": ("redacted", ["ROW_REDACTED"]),
    "redact-name": ("redacted", ["ROW_REDACTED"]),
    "redact-full-width": ("redacted", ["ROW_REDACTED"]),
    "redact-spelt": ("redacted", ["ROW_REDACTED"]),
    "redact-meta": ("redacted", ["ROW_REDACTED"]),
    "refuse-secret-aws": ("refused", ["ROW_SECRET_FOUND"]),
    "refuse-secret-key": ("refused", ["ROW_SECRET_FOUND"]),
    "refuse-licence-nc": ("refused", ["ROW_LICENCE_NOT_PERMITTED"]),
    "refuse-licence-copyleft": ("refused", ["ROW_LICENCE_NOT_PERMITTED"]),
    "refuse-licence-unknown": ("refused", ["LICENCE_NOT_SPDX"]),
    "refuse-consent": ("refused", ["ROW_CONSENT_MISSING"]),
    "refuse-purpose": ("refused", ["ROW_PURPOSE_NOT_PERMITTED"]),
    "quarantine-injection": ("quarantined", ["ROW_QUARANTINED_INJECTION"]),
    "refuse-card": ("refused", ["ROW_PII_REFUSED"]),
    "refuse-pii-limit": ("refused", ["ROW_PII_REFUSED"]),
    "refuse-duplicate": ("refused", ["ROW_DUPLICATE"]),
}


@pytest.fixture
def named(rows: Path) -> Callable[[str], Source]:
    terms = json.loads((rows / "sources.json").read_text("utf-8"))
    return lambda name: Source.model_validate(terms[name])


@pytest.fixture
def tables(settings: Settings, tmp_path: Path) -> Tables:
    """Rows of one sort of all shards of a source: `rows`, `ledger` or `quarantined`."""
    store = Registry.open(settings).shards

    def read(screened: ScreenedSource, sort: str) -> list[dict[str, Any]]:
        references = [one for shard in screened.shards if (one := getattr(shard, sort)) is not None]
        paths = (store.fetch_file(one, tmp_path / "table") for one in references)
        return [row for path in paths for row in parquet.read_table(path).to_pylist()]

    return read


def test_each_planted_row_gets_exactly_its_code(
    intake: Intake, named: Callable[[str], Source], tables: Tables, settings: Settings
) -> None:
    [screened], dataset = intake(named("planted"))
    ledger = tables(screened, "ledger")
    assert {
        row["id"]: (entry["outcome"], entry["codes"]) for row, entry in zip(planted.rows(), ledger, strict=True)
    } == EXPECTED
    assert all(decision.allow for decision in Registry.open(settings).decisions.list(dataset.id))


def test_nothing_personal_is_stored_anywhere(
    intake: Intake, named: Callable[[str], Source], settings: Settings, tables: Tables
) -> None:
    [screened], _ = intake(named("planted"))
    shard, ledger = json.dumps(tables(screened, "rows")), json.dumps(tables(screened, "ledger"))
    # Blobs are read raw too: decisions' inputs and manifests lie there. Parquet is compressed, hence the tables above.
    stored = [path.read_bytes() for path in (settings.home / "blobs").rglob("*") if path.is_file()]
    stored.append((settings.home / "registry.sqlite").read_bytes())
    for value in (*planted.PERSONAL, planted.AWS_KEY, "customer-redact-mail"):
        assert value not in shard + ledger
        assert not any(value.encode() in blob for blob in stored)


def test_benchmark_rows_pass_and_the_dataset_has_one_name(
    intake: Intake, named: Callable[[str], Source], settings: Settings
) -> None:
    sources = [named(name) for name in ("calls", "refusals", "replay", "planted")]
    _, first = intake(*sources)
    _, second = intake(*sources)
    assert first == second
    counts = first.counts
    assert counts.read == counts.accepted + counts.quarantined + counts.refused
    assert counts.refused - 10 <= 0.01 * counts.read
    assert counts.quarantined == 1
    assert Registry.open(settings).datasets.get(first.id).dataset == first


def test_a_regulated_source_needs_an_assessment_in_force(
    intake: Intake, named: Callable[[str], Source], settings: Settings
) -> None:
    def signed(valid_for: timedelta, scope: tuple[Any, ...]) -> Source:
        assessment = Assessment(valid_until=datetime.now(UTC) + valid_for, scope=scope)
        envelope = sign_assessment("patient-portal", assessment, settings.home / "keys" / "signing.pem")
        reference = Registry.open(settings).blobs.put(envelope)
        return named("regulated").model_copy(update={"dpia": reference})

    day = timedelta(days=1)
    for refused in (named("regulated"), signed(-day, ("train-tenant-model",)), signed(day, ("evaluate",))):
        with pytest.raises(InputRefused, match="DPIA_MISSING 3"):
            intake(refused)
    [screened], _ = intake(signed(day, ("train-tenant-model",)))
    assert screened.counts.accepted == 3


def test_a_malformed_file_is_refused_with_its_line(intake: Intake, named: Callable[[str], Source]) -> None:
    with pytest.raises(InputRefused, match="line 2") as refused:
        intake(named("malformed"))
    assert refused.value.code == "JSONL_MALFORMED"


def test_without_opa_nothing_is_decided(
    settings: Settings, named: Callable[[str], Source], free_port: Callable[[], int]
) -> None:
    alone = DataActivities(settings.model_copy(update={"opa_url": f"http://127.0.0.1:{free_port()}"}))
    intake = IntakeKey(tenant="acme", dataset="support", version=1, purpose="train-tenant-model")
    with pytest.raises(Unavailable) as away:
        ActivityEnvironment().run(alone.plan_source, PlanJob(intake=intake, source=named("planted")))
    assert away.value.code == "OPA_UNREACHABLE"


def test_a_recogniser_of_presidio_fits_in() -> None:
    plates = PatternRecognizer("LICENSE_PLATE", patterns=[Pattern("plate", r"\bB-[A-Z]{2} \d{4}\b", 0.9)])
    assert Scanner([plates]).scan({"note": "seen: B-AY 1234"}).personal == (("LICENSE_PLATE", "B-AY 1234"),)
