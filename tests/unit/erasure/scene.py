"""Datasets with a person's rows in them, and the steps of a case."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import rfc8785
from pyarrow import parquet

from activities.data.ledger import LEDGER, SHARD, Table
from activities.erasure import resealing, second_search, shredding, withdrawing
from activities.erasure.probe import read_probe
from assay.contracts.base import BasePin, Reference
from assay.contracts.data import Dataset, IntakeRequest, RowCounts, Source
from assay.contracts.erasure import CaseJob, ErasureRequest, NewDataset, Shredded, Withdrawn
from assay.contracts.remains import Remains
from assay.contracts.review import ReviewQueue
from assay.contracts.rollout import Arm, Route, RouteTable
from registry import LedgerEntry, QuarantinedRow, Registry

SUBJECT, OTHER = "5" * 64, "6" * 64
ROWS_A_SHARD, PER_CASE = 4, "the invoice of the person who lives by the old mill"


def sha(number: int) -> str:
    """A digest; of no number is it that of a blanked line."""
    return f"sha256:{number:063x}a"


def request() -> IntakeRequest:
    source = Source(
        name="tickets",
        uri="tickets.jsonl",
        system="helpdesk",
        owner="ann",
        licence="Apache-2.0",
        purposes=("train-tenant-model",),
        consent="granted",
        retention_days=30,
        tier="curated",
    )
    return IntakeRequest(tenant="acme", dataset="support", sources=(source,), requested_by="ann")


def text(number: int) -> str:
    return PER_CASE if number == 2 else f"a question about the weather of number {number}"


def shard(numbers: range) -> list[dict[str, Any]]:
    said = [json.dumps([{"role": "user", "content": text(n)}], separators=(",", ":")) for n in numbers]
    return [
        {
            **{"row_id": sha(n), "kind": "call", "messages": one, "tools": "[]", "source": "tickets"},
            **{"tier": "curated", "synthetic_depth": 0, "subject": SUBJECT if n == 2 else OTHER},
        }
        for n, one in zip(numbers, said, strict=True)
    ]


def ledger_row(n: int) -> dict[str, Any]:
    empty: dict[str, Any] = {"codes": [], "findings": [], "mentions": ["a" * 64] if n == 5 else [], "treatments": []}
    return {
        **{"row_id": sha(n), "source": "tickets", "line": n + 1, "outcome": "accepted", "licence": "Apache-2.0"},
        **{"consent": "granted", "purposes": ["train-tenant-model"], "system": "helpdesk", "tier": "curated"},
        **{"synthetic_depth": 0, "retention_days": 30, "subject": SUBJECT if n == 2 else OTHER, "kind": "call"},
        **{"characters": 40, "language": "en", "duplicate_of": "", **empty},
    }


def sealed(registry: Registry, tmp_path: Path, rows: int = 8) -> Dataset:
    """A dataset of two encrypted shards; row 2 is the person's, row 5 mentions them."""
    shards = []
    for begin in range(0, rows, ROWS_A_SHARD):
        with Table(tmp_path / "rows", SHARD) as table:
            table.write(shard(range(begin, begin + ROWS_A_SHARD)))
        reference = registry.shards.put_file(tmp_path / "rows")
        shards.append({**reference.model_dump(), "source": "tickets", "rows": ROWS_A_SHARD})
    with Table(tmp_path / "ledger", LEDGER) as table:
        table.write([ledger_row(n) for n in range(rows)])
    ledger = registry.shards.put_file(tmp_path / "ledger")
    (tmp_path / "ledger").unlink()
    (tmp_path / "rows").unlink()
    counts = RowCounts(read=rows, accepted=rows)
    body = {"tenant": "acme", "dataset": "support", "version": 1, "shards": shards, "ledger": ledger.model_dump()}
    manifest = registry.blobs.put(rfc8785.dumps(body))
    names = ("row_id", "source", "outcome", "licence", "consent", "tier", "subject", "mentions")
    entries = [
        LedgerEntry.model_validate({"ordinal": n} | {k: v for k, v in ledger_row(n).items() if k in names})
        for n in range(rows)
    ]
    dataset = Dataset(id=manifest.sha256, manifest=manifest, counts=counts)
    registry.datasets.add(dataset, request(), ledger, entries)
    return dataset


def serving(registry: Registry, dataset: Dataset) -> str:
    """An adapter that was trained on the dataset, and the route that serves it."""
    adapter = sha(99)
    link = registry.lineage.link
    link(dataset.id, "acme.helpdesk.1.51d0e2aa17cc", "trained with", parent_kind="dataset", child_kind="run")
    link("acme.helpdesk.1.51d0e2aa17cc", adapter, "checkpoint", parent_kind="run", child_kind="adapter")
    arm = Arm(name="stable", version=adapter, adapter="acme.helpdesk.000000000000", percent=100)
    base = BasePin(repository="acme/base", revision="1", digest=sha(0))
    table = RouteTable(revision=1, routes=(Route(tenant="acme", model="helpdesk", base=base, arms=(arm,)),))
    registry.routes.publish(table, key="first", actor="ann", reason="first", decision_id="d")
    return adapter


def job(case: str = "acme.51d0e2aa17cc", **fields: Any) -> CaseJob:
    wanted = ErasureRequest.model_validate({"tenant": "acme", "subject": SUBJECT, "requested_by": "pia", **fields})
    return CaseJob(case=case, workflow="erasure/acme/5", request=wanted, decision_id="d")


def searched(registry: Registry, mine: CaseJob, home: Path) -> Remains:
    learnt = shredding.withdrawn_blobs(registry, mine)
    return second_search.search(registry, read_probe(registry, mine), home, learnt=learnt)


Said = tuple[int, str, str, list[dict[str, str]]]
"""A row: its number, whose it is, its outcome, its messages."""


def asks(text: str, system: str | None = None) -> list[dict[str, str]]:
    first = [{"role": "system", "content": system}] if system else []
    return [*first, {"role": "user", "content": text}]


def _line(number: int, subject: str, messages: list[dict[str, str]]) -> dict[str, Any]:
    return {
        **{"row_id": sha(number), "kind": "call", "messages": json.dumps(messages), "tools": "[]", "subject": subject},
        **{"source": "tickets", "tier": "curated", "synthetic_depth": 0, "rejected": ""},
    }


def seal(
    registry: Registry,
    folder: Path,
    rows: Sequence[Said],
    *,
    tenant: str = "acme",
    name: str = "support",
    version: int = 1,
    one_a_shard: bool = False,
    again: int = 0,
    purpose: str = "train-tenant-model",
    named: Mapping[int, list[str]] = MappingProxyType({}),
) -> Dataset:
    """A dataset of these rows, of which some name people (`named`, by number).

    Files of two datasets are never the same bytes, unless a version is sealed `again`.
    """
    stamp = f"{tenant}/{name}/{version}"
    kept = [row for row in rows if row[2] in ("accepted", "redacted")]
    shards = []
    for part in [[row] for row in kept] if one_a_shard else [kept]:
        with Table(folder / "rows", SHARD, stamp) as table:
            table.write([_line(n, subject, said) for n, subject, _, said in part])
        reference = registry.shards.put_file(folder / "rows")
        shards.append({**reference.model_dump(), "source": "tickets", "rows": len(part)})
        (folder / "rows").unlink()
    lines = [
        ledger_row(n) | {"subject": subject, "outcome": outcome, "mentions": named.get(n, [])}
        for n, subject, outcome, _ in rows
    ]
    with Table(folder / "ledger", LEDGER, stamp) as table:
        table.write(lines)
    ledger = registry.shards.put_file(folder / "ledger")
    (folder / "ledger").unlink()
    body = {"tenant": tenant, "dataset": name, "version": version, "shards": shards, "ledger": ledger.model_dump()}
    manifest = registry.blobs.put(rfc8785.dumps(body | ({"again": again} if again else {})))
    names = ("row_id", "source", "outcome", "licence", "consent", "tier", "subject", "mentions")
    entries = [
        LedgerEntry.model_validate({"ordinal": n} | {k: v for k, v in line.items() if k in names})
        for n, line in enumerate(lines)
    ]
    dataset = Dataset(id=manifest.sha256, manifest=manifest, counts=RowCounts(read=len(rows), accepted=len(kept)))
    asked = request().model_copy(update={"tenant": tenant, "dataset": name, "version": version, "purpose": purpose})
    registry.datasets.add(dataset, asked, ledger, entries)
    return dataset


def set_aside(
    registry: Registry,
    folder: Path,
    rows: Sequence[Said],
    *,
    name: str = "support",
    stamp: str = "q",
    named: Mapping[int, list[str]] = MappingProxyType({}),
) -> tuple[ReviewQueue, Reference]:
    """Rows of one quarantine shard, waiting in a queue; some name people (`named`, by number)."""
    with Table(folder / "rows", SHARD, stamp) as table:
        table.write([_line(n, subject, said) for n, subject, _, said in rows])
    shard_ = registry.shards.put_file(folder / "rows")
    (folder / "rows").unlink()
    queue = ReviewQueue(tenant="acme", dataset=name, purpose="train-tenant-model")
    waiting = [
        QuarantinedRow(
            **{"row_id": sha(n), "source": "tickets", "codes": ("X",), "subject": subject},
            **{"mentions": tuple(named.get(n, ())), "shard": shard_, "ordinal": at},
        )
        for at, (n, subject, _, _) in enumerate(rows)
    ]
    registry.quarantine.add(queue, waiting, requested_by="ann")
    return queue, shard_


def retention(dataset: Dataset, **fields: Any) -> CaseJob:
    of = {"ground": "retention", "subject": None, "dataset": dataset.id, "source": "tickets", "role": "owner"}
    return job(**{**of, "suppress": False, **fields})


def erase(registry: Registry, home: Path, mine: CaseJob) -> tuple[Withdrawn, tuple[NewDataset, ...], Shredded]:
    withdrawn = withdrawing.withdraw(registry, mine)
    made = resealing.reseal(registry, mine)
    return withdrawn, made, shredding.shred(registry, mine, withdrawn, home)


def column(registry: Registry, dataset: str | None, folder: Path, name: str = "row_id") -> list[str]:
    """Values of a column over the shards of a dataset that can be read."""
    assert dataset is not None
    values: list[str] = []
    for reference in resealing.shards_of(registry, registry.datasets.get(dataset)):
        if registry.shards.readable(reference):
            values += parquet.read_table(registry.shards.fetch_file(reference, folder / "read"))[name].to_pylist()
            (folder / "read").unlink()
    return values
