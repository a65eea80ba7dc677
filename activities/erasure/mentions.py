"""Rows that only mention a person: what a reviewer reads of them, and what the gate is asked about their word."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence, Set
from pathlib import Path
from typing import Any

import pyarrow as arrow
from pyarrow import compute, parquet

from activities.data.review import contents, parsed
from activities.erasure.resealing import shards_of
from assay.contracts.base import Digest, Message
from assay.contracts.erasure import ConfirmJob
from assay.contracts.review import ReviewQueue
from registry import DatasetRecord, QuarantineRecord, Registry


class MentioningRow(Message):
    """A row that waits for a reviewer. `content` is None where the key of every shard with it was destroyed.

    One that an intake set aside without sealing anything stands in no dataset.
    """

    row_id: Digest
    datasets: tuple[Digest, ...]
    content: dict[str, Any] | None


def rows(registry: Registry, case: str) -> tuple[MentioningRow, ...]:
    """The rows of a case that wait, with their text, in the order of their ids.

    Reads every shard of their datasets until all are found. Raises NotFound (`ERASURE_UNKNOWN`), IntegrityRefused,
    Unavailable.
    """
    tenant = registry.erasures.get(case).tenant
    waiting = registry.erasures.waiting(case)
    datasets: dict[Digest, list[Digest]] = {}
    texts: dict[Digest, dict[str, Any]] = {}
    for one in waiting:
        datasets.setdefault(one.row_id, []).extend([one.dataset] if one.dataset else [])
    for dataset in dict.fromkeys(one.dataset for one in waiting):
        left = {one.row_id for one in waiting if one.dataset == dataset} - texts.keys()
        if not dataset:
            texts |= _readable(registry, registry.quarantine.of_rows(tenant, sorted(left)))
            continue
        record = registry.datasets.get(dataset)
        texts |= _set_aside(registry, record, left)
        texts |= _kept(registry, record, left - texts.keys())
    return tuple(
        MentioningRow(row_id=one, datasets=tuple(of), content=texts.get(one)) for one, of in sorted(datasets.items())
    )


def facts(registry: Registry, job: ConfirmJob) -> dict[str, Any]:
    """Input document of the gate `mentions`: counts, never which rows."""
    case, confirmed = job.job, job.confirmed
    judged = {*confirmed.rows, *confirmed.others}
    waiting = {one.row_id for one in registry.erasures.waiting(case.case)}
    return {
        "case": case.case,
        "tenant": case.request.tenant,
        "ground": case.request.ground,
        "reviewer": confirmed.reviewer,
        "role": confirmed.role,
        "named": len(set(confirmed.rows)),
        "not_waiting": len(judged - waiting),
        "others": len(set(confirmed.others)),
    }


def _set_aside(registry: Registry, record: DatasetRecord, row_ids: Set[Digest]) -> dict[Digest, dict[str, Any]]:
    """Text of those that wait in the queue of a dataset, or were decided on there."""
    request = record.request
    queue = ReviewQueue(tenant=request.tenant, dataset=request.dataset, purpose=request.purpose)
    return _readable(registry, [row for one in sorted(row_ids) if (row := registry.quarantine.find(queue, one))])


def _readable(registry: Registry, rows: Sequence[QuarantineRecord]) -> dict[Digest, dict[str, Any]]:
    return contents(registry, [row for row in rows if registry.shards.readable(row.shard)])


def _kept(registry: Registry, record: DatasetRecord, row_ids: Set[Digest]) -> dict[Digest, dict[str, Any]]:
    """Text of those that stand in the shards of a dataset, one shard after the other until all are found."""
    texts: dict[Digest, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory(prefix="assay-mentions-") as scratch:
        for shard in shards_of(registry, record):
            if not row_ids - texts.keys():
                break
            if registry.shards.readable(shard):
                texts |= dict(_rows_of(registry.shards.fetch_file(shard, Path(scratch, "rows.parquet")), row_ids))
    return texts


def _rows_of(path: Path, row_ids: Set[Digest]) -> Iterator[tuple[Digest, dict[str, Any]]]:
    wanted = arrow.array(sorted(row_ids), arrow.string())
    with parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(500):
            for row in batch.filter(compute.is_in(batch.column("row_id"), value_set=wanted)).to_pylist():
                yield row["row_id"], parsed(row)
