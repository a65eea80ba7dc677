"""A regulated system behind a source needs its assessment, whatever brought its rows: a join, a view, a re-export."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from temporalio.testing import ActivityEnvironment

from activities.data.activity import DataActivities
from activities.data.dpia import Assessment, sign_assessment
from assay.contracts.base import Reference
from assay.contracts.data import IntakeRequest, Source
from assay.contracts.errors import InputRefused
from assay.contracts.review import ReviewQueue
from assay.contracts.screening import ClearJob, IntakeKey, ScreenedSource, SealJob
from assay.settings import Settings
from registry import Registry

Sign = Callable[..., Reference]
Screen = Callable[[IntakeRequest], tuple[ScreenedSource, ...]]
REGULATED = "patient-portal"
"""As `policies/tunables/sources/data.yaml` knows it."""
JOINED = (
    "SELECT t.question AS instruction, t.answer || ' ' || p.advice AS output"
    " FROM tickets t JOIN patients p ON p.ticket = t.id ORDER BY t.id"
)
VIEWED = "SELECT question AS instruction, answer AS output FROM handy ORDER BY id"
TABLES = {"tickets": "helpdesk", "patients": REGULATED, "handy": "helpdesk"}
TERMS: dict[str, Any] = {
    "system": "helpdesk",
    "owner": "ann",
    "licence": "Apache-2.0",
    "purposes": ("train-tenant-model", "evaluate"),
    "consent": "granted",
    "retention_days": 30,
    "tier": "curated",
    "regulated": False,
}


@pytest.fixture
def database(tmp_path: Path) -> str:
    """A database of tickets, of patients, and a view of tickets that reads patients too."""
    url = f"sqlite:///{tmp_path / 'desk.sqlite'}"
    engine = create_engine(url)
    with engine.begin() as connection:
        for statement in (
            "CREATE TABLE tickets (id INTEGER PRIMARY KEY, question TEXT, answer TEXT)",
            "CREATE TABLE patients (ticket INTEGER PRIMARY KEY, advice TEXT)",
            "INSERT INTO tickets VALUES (1, 'When does the harbour ferry leave?', 'Every full hour.')",
            "INSERT INTO tickets VALUES (2, 'Where can I return a borrowed book?', 'At the front desk.')",
            "INSERT INTO patients VALUES (1, 'Rest for three days.'), (2, 'Drink plenty of water.')",
            "CREATE VIEW handy AS SELECT t.id, t.question, p.advice AS answer"
            " FROM tickets t JOIN patients p ON p.ticket = t.id",
        ):
            connection.execute(text(statement))
    engine.dispose()
    return url


@pytest.fixture
def exported(tmp_path: Path) -> str:
    """A file of rows that look like any others."""
    prompts = ("Which train goes to the old mill?", "How do I renew a library card?")
    rows = [
        {"id": f"r{n}", "messages": [{"role": "user", "content": p}, {"role": "assistant", "content": "I will ask."}]}
        for n, p in enumerate(prompts)
    ]
    path = tmp_path / "export.jsonl"
    path.write_text("".join(json.dumps({**row, "kind": "replay"}) + "\n" for row in rows), "utf-8")
    return str(path)


@pytest.fixture
def hidden(database: str, exported: str) -> dict[str, Source]:
    """Sources of the helpdesk, each said to be unregulated, behind which the regulated system stands."""
    return {
        "join": Source(name="joined", uri=database, query=JOINED, tables=TABLES, **TERMS),
        "view": Source(name="viewed", uri=database, query=VIEWED, tables=TABLES, **TERMS),
        "re-export": Source(name="exported", uri=exported, derived_from=(REGULATED,), **TERMS),
    }


@pytest.fixture
def sign(registry: Registry, settings: Settings) -> Sign:
    """A stored assessment, in force for another day and for training unless said otherwise."""

    def make(system: str = REGULATED, days: float = 1, scope: tuple[Any, ...] = ("train-tenant-model",)) -> Reference:
        said = Assessment(valid_until=datetime.now(UTC) + timedelta(days=days), scope=scope)
        return registry.blobs.put(sign_assessment(system, said, settings.home / "keys" / "signing.pem"))

    return make


def request_of(dataset: str, *sources: Source) -> IntakeRequest:
    return IntakeRequest(tenant="acme", dataset=dataset, sources=sources, requested_by="ann")


def insufficient(sign: Sign) -> dict[str, tuple[Reference, ...]]:
    return {
        "none": (),
        "of the other system": (sign("helpdesk"),),
        "expired": (sign(days=-1),),
        "for another purpose": (sign(scope=("evaluate",)),),
    }


@pytest.mark.parametrize("attached", ["none", "of the other system", "expired", "for another purpose"])
@pytest.mark.parametrize("way", ["join", "view", "re-export"])
def test_nothing_is_sealed_of_a_source_that_hides_a_regulated_system(
    activities: DataActivities,
    screen: Screen,
    registry: Registry,
    hidden: dict[str, Source],
    sign: Sign,
    dataset: str,
    way: str,
    attached: str,
) -> None:
    source = hidden[way].model_copy(update={"assessments": insufficient(sign)[attached]})
    living, request = registry.shards.living(), request_of(dataset, source)
    [screened] = screen(request)
    assert not screened.admitted
    assert [(shard.rows, shard.quarantined) for shard in screened.shards] == [(None, None)]
    with pytest.raises(InputRefused, match=r"none of 2 rows was accepted \(DPIA_MISSING 2\)"):
        ActivityEnvironment().run(activities.seal_dataset, SealJob(request=request, screened=(screened,)))
    assert registry.datasets.all_named("acme", dataset) == ()
    assert registry.quarantine.all(ReviewQueue(tenant="acme", dataset=dataset)) == ()
    ActivityEnvironment().run(activities.clear_stage, ClearJob(intake=IntakeKey.of(request)))
    assert registry.shards.living() == living


@pytest.mark.parametrize("way", ["join", "view", "re-export"])
def test_it_is_accepted_with_an_assessment_of_the_system_it_hides(
    intake: Any, hidden: dict[str, Source], sign: Sign, dataset: str, way: str
) -> None:
    assessed = hidden[way].model_copy(update={"assessments": (sign(),)})
    [screened], sealed = intake(assessed, dataset=dataset)
    assert screened.admitted
    assert (sealed.counts.read, sealed.counts.accepted) == (2, 2)


def test_beside_a_clean_source_none_of_its_rows_enters(
    intake: Any, registry: Registry, hidden: dict[str, Source], exported: str, dataset: str
) -> None:
    clean = Source(name="clean", uri=exported, **TERMS)
    _, sealed = intake(hidden["join"], clean, dataset=dataset)
    counted = {one.code: one.count for one in sealed.counts.refused_by_code}
    assert (sealed.counts.accepted, counted) == (2, {"DPIA_MISSING": 2})
    manifest = json.loads(registry.blobs.get(registry.datasets.get(sealed.id).dataset.manifest))
    assert {shard["source"] for shard in manifest["shards"]} == {"clean"}


@pytest.mark.parametrize("query", [JOINED, VIEWED])
def test_a_query_that_says_nothing_of_the_regulated_table_is_not_even_read(
    screen: Screen, registry: Registry, database: str, dataset: str, query: str
) -> None:
    stated = {name: system for name, system in TABLES.items() if system != REGULATED}
    silent = Source(name="silent", uri=database, query=query, tables=stated, **TERMS)
    living = registry.shards.living()
    with pytest.raises(InputRefused) as refused:
        screen(request_of(dataset, silent))
    assert refused.value.code == "SQL_TABLE_UNASSIGNED"
    assert registry.shards.living() == living
