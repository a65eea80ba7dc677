"""One shard decided: what the gate says of each row is done to it, and the ledger says what.

Rows that are accepted as they are pass from the raw shard into the one that is learnt from without being taken apart.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import pyarrow as arrow
from pyarrow import parquet

from activities.data.entries import counts_of, entries
from activities.data.findings import Scanner
from activities.data.judging import LIGHT, Copies, Fate, Known, judge, known
from activities.data.ledger import KEPT, LEDGER, ROWS_A_GROUP, SHARD, Table
from activities.data.runners import Runner
from activities.data.scanning import installed_scanner
from activities.data.staging import StoresShards, groups
from activities.data.treating import TO_TREAT, TREATED, Treat
from activities.data.verdicts import Question
from assay.contracts.base import Reference
from assay.contracts.screening import DecidedShard, DecideJob

_TEXTS: Final = ("messages", "tools", "rejected")


class StoresBlobs(Protocol):
    """The blob store."""

    def put(self, data: bytes) -> Reference:
        """Raises Unavailable."""
        ...


@dataclass(frozen=True)
class Tools:
    """What deciding works with.

    `suppressed`: which of these keyed hashes are of persons who opted out. `released`: rows that reviewers let in, with
    the codes they were released with. `pseudonyms`: the key that makes them. `beat` is told the rows done.
    """

    shards: StoresShards
    blobs: StoresBlobs
    runner: Runner
    subject_key: bytes
    pseudonyms: bytes
    suppressed: Callable[[Sequence[str]], frozenset[str]]
    released: Mapping[str, frozenset[str]]
    beat: Callable[[int], None]
    scanner: Callable[[], Scanner] = installed_scanner


@dataclass(frozen=True)
class _Shard:
    """A shard in a folder. `fates` and `treated` (by place) grow as it is worked on."""

    job: DecideJob
    raw: Path
    rows: Known
    fates: list[Fate]
    treated: dict[int, dict[str, Any]]

    @property
    def stamp(self) -> str:
        """Whose rows these are: a dataset's own shards are nobody else's."""
        return f"{self.job.intake.name}/{self.job.source.name}/{self.job.shard.number}"


def decide(job: DecideJob, question: Question, tools: Tools) -> DecidedShard:
    """Decide one shard. The same rows under the same policy give the same bytes.

    Raises PolicyRefused (`DPIA_EXPIRED`, `SOURCE_ADMISSION_CHANGED`), PolicyUndefined, NotFound, IntegrityRefused,
    Unavailable.
    """
    with tempfile.TemporaryDirectory(prefix="assay-decide-") as scratch:
        folder = Path(scratch)
        raw = tools.shards.fetch_file(job.shard.content, folder / "raw.parquet")
        light = parquet.read_table(raw, columns=LIGHT)
        found = parquet.read_table(
            tools.shards.fetch_file(job.found, folder / "found.parquet"),
            columns=["findings", "personal", "pieces", "language"],
        )
        rows = known(job, light, found, _copies(job, tools, folder), tools.subject_key, tools.suppressed)
        shard = _Shard(job, raw, rows, judge(rows, question, tools.released, admitted=job.admitted), {})
        _treat(shard, found, tools)
        tools.beat(light.num_rows)
        kept = _write(shard, folder / "rows.parquet", KEPT)
        aside = _write(shard, folder / "aside.parquet", {"quarantined"})
        with Table(folder / "ledger.parquet", LEDGER, shard.stamp) as ledger:
            ledger.add(entries(job.source, light, found, rows, shard.fates))
        owner = job.intake.name
        decisions = json.dumps([one.model_dump(mode="json") for one in question.decisions], sort_keys=True)
        return DecidedShard(
            rows=tools.shards.put_file(kept, owner) if kept else None,
            quarantined=tools.shards.put_file(aside, owner) if aside else None,
            ledger=tools.shards.put_file(folder / "ledger.parquet", owner),
            decisions=tools.blobs.put(decisions.encode()),
            counts=counts_of(shard.fates),
        )


def _copies(job: DecideJob, tools: Tools, folder: Path) -> Copies:
    if job.repeats is None:
        return Copies({}, {})
    rows = parquet.read_table(tools.shards.fetch_file(job.repeats, folder / "repeats.parquet")).to_pylist()
    return Copies(
        {row["at"]: (row["of"], row["same"]) for row in rows if row["of"]},
        {row["at"]: tuple(row.get("subjects") or ()) for row in rows},
    )


def _treat(shard: _Shard, found: arrow.Table, tools: Tools) -> None:
    """Have personal data replaced; a row in which some is left is refused."""
    at = [place for place, fate in enumerate(shard.fates) if fate.outcome == "redacted"]
    if not at:
        return
    work = Treat(tools.pseudonyms, tools.scanner)
    done = (row for batch in tools.runner.run(work, _to_treat(shard, found, at)) for row in batch.to_pylist())
    for place, row in zip(at, done, strict=True):
        if row["whole"]:
            shard.treated[place] = row
        else:
            shard.fates[place] = Fate("refused", ("REDACTION_INCOMPLETE",), asked_as=shard.fates[place].asked_as)


def _to_treat(shard: _Shard, found: arrow.Table, at: list[int]) -> Iterator[arrow.RecordBatch]:
    texts = arrow.concat_tables([group.take(places) for group, places, _ in _chosen(shard, at)])
    more = found.take(at)
    treatments = [json.dumps(dict(shard.fates[place].treatments)) for place in at]
    table = arrow.table(
        {
            **{name: texts[name] for name in _TEXTS},
            "personal": more["personal"],
            "pieces": more["pieces"],
            "treatments": treatments,
        },
        schema=TO_TREAT,
    )
    yield from table.combine_chunks().to_batches(ROWS_A_GROUP // 10)


def _chosen(shard: _Shard, at: list[int]) -> Iterator[tuple[arrow.Table, arrow.Array, list[int]]]:
    """Each group of the raw shard that has some of these rows, with their places in it and in the shard."""
    left, start = iter([*at, -1]), 0
    place = next(left)
    for group in groups(shard.raw, ["row_id", "kind", *_TEXTS]):
        mine = []
        while start <= place < start + group.num_rows:
            mine.append(place)
            place = next(left)
        if mine:
            yield group, arrow.array([one - start for one in mine], arrow.int32()), mine
        start += group.num_rows


def _write(shard: _Shard, path: Path, outcomes: frozenset[str] | set[str]) -> Path | None:
    """A shard of the rows that ended so; None when there are none."""
    at = [place for place, fate in enumerate(shard.fates) if fate.outcome in outcomes]
    if not at:
        return None
    source = shard.job.source
    with Table(path, SHARD, shard.stamp) as table:
        for group, places, mine in _chosen(shard, at):
            rows, count = group.take(places), len(mine)
            columns = {
                **{name: rows[name] for name in ("row_id", "kind")},
                **{name: _texts(shard, rows, name, mine) for name in _TEXTS},
                **{name: [getattr(source, name)] * count for name in ("tier", "synthetic_depth")},
                "source": [source.name] * count,
                "subject": [shard.rows.subjects[place] for place in mine],
            }
            table.add(arrow.table({field.name: columns[field.name] for field in SHARD}, schema=SHARD))
    return path


def _texts(shard: _Shard, rows: arrow.Table, name: str, mine: list[int]) -> Any:  # noqa: ANN401  # an array, chunked or not
    changed = {i: shard.treated[place][name] for i, place in enumerate(mine) if place in shard.treated}
    if not changed:
        return rows[name]
    texts = rows[name].to_pylist()
    for i, text in changed.items():
        texts[i] = text
    return arrow.array(texts, TREATED.field(name).type)
