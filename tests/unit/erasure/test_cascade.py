"""A person's row is found, withdrawn with all that was made from it, destroyed, looked for again and receipted."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey  # type: ignore[attr-defined]  # public, but has no __all__

from activities.data.ledger import LEDGER, SHARD, Table
from activities.erasure import receipt, resealing, second_search, shredding, withdrawing
from activities.erasure.probe import read_probe
from assay.contracts.base import BasePin, Reference
from assay.contracts.data import Dataset, IntakeRequest, RowCounts, Source
from assay.contracts.erasure import CaseDone, CaseJob, ErasureRequest, HoldPlaced, Remains, Withdrawn
from assay.contracts.errors import Conflict, IntegrityRefused, NotFound
from assay.contracts.promotion import PointerMove
from assay.contracts.rollout import Arm, Route, RouteTable
from assay.settings import Settings
from registry import LedgerEntry, Registry
from serving.routes import adapters_needed
from stack.keys import ensure_keys

SUBJECT, OTHER = "5" * 64, "6" * 64
ROWS_A_SHARD, PER_CASE = 4, "the invoice of the person who lives by the old mill"


def sha(number: int) -> str:
    return f"sha256:{number:064x}"


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    ensure_keys(tmp_path)
    return Registry.open(Settings(home=tmp_path))


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
    kept = registry.erasures.get(mine.case).probe
    return second_search.search(registry, read_probe(registry, mine), kept.sha256 if kept else None, home)


def test_the_whole_cascade_leaves_nothing_and_says_so(registry: Registry, tmp_path: Path) -> None:
    dataset = sealed(registry, tmp_path)
    adapter, mine = serving(registry, dataset), job()
    old = registry.datasets.get(dataset.id).dataset.manifest
    withdrawn = withdrawing.withdraw(registry, mine)
    assert [one.kept for one in withdrawn.found.own] == [1]
    assert {one.kind for one in withdrawn.artifacts} == {"dataset", "run", "adapter", "route"}
    assert registry.datasets.get(dataset.id).quarantined
    with pytest.raises(IntegrityRefused, match="ARTIFACT_WITHDRAWN"):
        registry.withdrawals.refuse(adapter)

    [made] = resealing.reseal(registry, mine)
    assert made.dataset is not None
    assert (made.version, made.rows) == (2, 7)
    assert not registry.datasets.get(made.dataset).quarantined
    assert resealing.reseal(registry, mine) == (made,)

    before = searched(registry, mine, tmp_path)
    assert before.found
    shredded = shredding.shred(registry, mine, withdrawn, tmp_path)
    assert len(shredded.shards) == 2
    assert shredded.ledger_rows == 1
    first, second = json.loads(registry.blobs.get(old))["shards"]
    assert not registry.shards.readable(Reference(uri=first["uri"], sha256=first["sha256"]))
    assert registry.shards.readable(Reference(uri=second["uri"], sha256=second["sha256"]))

    remains = searched(registry, mine, tmp_path)
    assert remains.found == ()
    now = datetime.now(UTC)
    done = CaseDone(
        job=mine,
        withdrawn=(withdrawn,),
        shredded=(shredded,),
        datasets=(made,),
        remains=remains,
        opened=now,
        closed=now,
    )
    signed = registry.blobs.get(receipt.write(registry, done, tmp_path / "keys" / "signing.pem"))
    envelope = Envelope.from_dict(json.loads(signed))
    public = load_pem_public_key((tmp_path / "keys" / "signing.pub.pem").read_bytes())
    envelope.verify([SSlibKey.from_crypto(public)], threshold=1)
    said = json.loads(envelope.payload)
    assert {one["digest"]["sha256"] for one in said["subject"]} >= {adapter[7:], dataset.id[7:]}
    for private in (SUBJECT, sha(2), PER_CASE, "pia", "ann"):
        assert private not in envelope.payload.decode()
    with pytest.raises(NotFound, match="SHARD_DESTROYED"):
        registry.shards.fetch_file(Reference(uri=first["uri"], sha256=first["sha256"]), tmp_path / "x")


def test_the_base_answers_at_once_and_nothing_brings_the_adapter_back(registry: Registry, tmp_path: Path) -> None:
    adapter = serving(registry, sealed(registry, tmp_path))
    withdrawing.withdraw(registry, job())
    table = registry.routes.current()
    with pytest.raises(IntegrityRefused, match="ARTIFACT_WITHDRAWN"):
        registry.pointers.move(
            PointerMove(
                tenant="acme",
                model="helpdesk",
                stage="production",
                target=adapter,
                expected=None,
                actor="ann",
                reason="again",
                key="again",
            )
        )
    registry.lineage.link(adapter, sha(7), "tuned further", parent_kind="adapter", child_kind="adapter")
    assert registry.withdrawals.of((sha(7),))
    assert table.revision == 2
    assert table.denied == (adapter,)
    assert adapters_needed(table) == frozenset()
    assert [arm.version for arm in table.routes[0].arms] == [None]


def test_a_second_case_finds_rows_that_a_first_one_withdrew(registry: Registry, tmp_path: Path) -> None:
    sealed(registry, tmp_path)
    withdrawing.withdraw(registry, job())
    again = withdrawing.withdraw(registry, job("acme.000000000001"))
    assert [one.kept for one in again.found.own] == [1]
    assert again.artifacts


def test_rows_that_mention_the_person_wait_for_a_reviewer(registry: Registry, tmp_path: Path) -> None:
    sealed(registry, tmp_path)
    mine = job(mentions=("a" * 64,))
    withdrawn = withdrawing.withdraw(registry, mine)
    assert [one.kept for one in withdrawn.found.mentioned] == [1]
    left = registry.erasures.confirm(mine.case, (sha(5),), others_are_not=True)
    assert left.mentioned == ()
    assert [one.kept for one in left.own] == [2]


def test_a_legal_hold_stops_destruction_and_not_the_withdrawal(registry: Registry, tmp_path: Path) -> None:
    dataset = sealed(registry, tmp_path)
    held = registry.holds.place(HoldPlaced(tenant="acme", subject=SUBJECT, reason="a lawsuit", actor="leo"))
    withdrawn = withdrawing.withdraw(registry, job())
    assert registry.datasets.get(dataset.id).quarantined
    with pytest.raises(Conflict, match="ERASURE_HELD"):
        shredding.shred(registry, job(), withdrawn, tmp_path)
    registry.holds.lift(held, "leo")
    assert shredding.shred(registry, job(), withdrawn, tmp_path).shards


def test_who_was_erased_is_refused_by_intake_from_then_on(registry: Registry, tmp_path: Path) -> None:
    sealed(registry, tmp_path)
    withdrawing.withdraw(registry, job())
    assert registry.suppression.obeyed("acme", [SUBJECT, OTHER]) == {SUBJECT}
    assert registry.suppression.obeyed("other", [SUBJECT]) == frozenset()


def test_a_receipt_is_not_signed_while_something_is_left(registry: Registry, tmp_path: Path) -> None:
    sealed(registry, tmp_path)
    mine, now = job(), datetime.now(UTC)
    withdrawn: Withdrawn = withdrawing.withdraw(registry, mine)
    resealing.reseal(registry, mine)
    found = searched(registry, mine, tmp_path)
    done = CaseDone(job=mine, withdrawn=(withdrawn,), remains=found, opened=now, closed=now)
    with pytest.raises(Conflict, match="ERASURE_INCOMPLETE"):
        receipt.write(registry, done, tmp_path / "keys" / "signing.pem")
