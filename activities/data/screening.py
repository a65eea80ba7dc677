"""One source, row by row: read, scan, ask the intake gate in batches, keep, redact or refuse."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from activities.data.dpia import Assessment
from activities.data.facts import question, row_facts, terms_of
from activities.data.findings import RowFindings, Scanner
from activities.data.ledger import SHARD, Outcome, Screened, Table, ledger_row, ledger_schema, shard_row, subject_hash
from activities.data.licences import Licence, normalise
from activities.data.readers import ReadRow, read_rows, source_digest
from activities.data.redaction import Redactor
from activities.data.seen import SeenRows
from assay.contracts.base import CodeCount, Reference
from assay.contracts.data import RowCounts, ScreenedSource, ScreenJob
from assay.contracts.errors import InputRefused, PolicyUndefined
from assay.contracts.policy import Decision, Gate, Violation

BATCH: Final = 500
"""Rows a question: a stored decision stays small enough to read, and asking costs little beside scanning."""

SCANNED: Final = {"messages", "tools", "meta", "rejected"}


class Answered(Protocol):
    """What a gate says: the decision, and its whole document."""

    @property
    def decision(self) -> Decision: ...

    @property
    def document(self) -> Mapping[str, Any]: ...


class Asks(Protocol):
    """The policy client."""

    def decide(self, gate: Gate, facts: dict[str, Any]) -> Answered:
        """Raises PolicyUndefined, Unavailable."""
        ...


class StoresFiles(Protocol):
    """The blob store."""

    def put_file(self, path: Path) -> Reference:
        """Raises Unavailable."""
        ...


@dataclass(frozen=True)
class Tools:
    """What screening works with. `beat` is told the rows done, after every batch."""

    gate: Asks
    blobs: StoresFiles
    scanner: Scanner
    subject_key: bytes
    now: datetime
    beat: Callable[[int], None]


Treatment = Literal["keep", "redact", "pseudonym", "synthetic"]


class _Verdict(BaseModel):
    model_config = ConfigDict(extra="forbid")

    row_id: str
    action: Literal["accept", "redact", "quarantine", "refuse"]
    violations: list[Violation]
    treatments: dict[str, Treatment] = Field(default_factory=dict)
    """By kind of finding; a kind that is absent is redacted."""


_VERDICTS: Final = TypeAdapter(list[_Verdict])
_OUTCOMES: Final[dict[str, Outcome]] = {
    "accept": "accepted",
    "redact": "redacted",
    "quarantine": "quarantined",
    "refuse": "refused",
}


def screen(job: ScreenJob, assessment: Assessment | None, tools: Tools) -> ScreenedSource:
    """Screen one source. Memory is bounded by one batch of rows.

    The same bytes under the same policy give the same result.

    Raises InputRefused (see `reader`; `LICENCE_NOT_SPDX`), PolicyUndefined, Unavailable.
    """
    licence = normalise(job.source.licence)
    digest = source_digest(job.source)
    tally, decisions = _Tally(), []
    with tempfile.TemporaryDirectory(prefix="assay-screen-") as scratch, ExitStack() as open_files:
        shard, ledger = Path(scratch, "rows.parquet"), Path(scratch, "ledger.parquet")
        rows_table = open_files.enter_context(Table(shard, SHARD))
        ledger_table = open_files.enter_context(Table(ledger, ledger_schema(digest)))
        seen = open_files.enter_context(SeenRows(Path(scratch, "seen.sqlite")))
        batches = _Batches(job, licence, assessment, tools, seen)
        for batch in _batched(read_rows(job.source, digest)):
            screened, decision = batches.judge(batch)
            decisions += [decision] if decision else []
            _write(screened, job, tools.subject_key, rows_table, ledger_table)
            tally.add(screened)
            tools.beat(tally.read)
        open_files.close()
        return ScreenedSource(
            source=job.source.name,
            rows=tools.blobs.put_file(shard),
            ledger=tools.blobs.put_file(ledger),
            counts=tally.counts(),
            decisions=tuple(decisions),
        )


@dataclass(frozen=True)
class _Batches:
    job: ScreenJob
    licence: Licence
    assessment: Assessment | None
    tools: Tools
    seen: SeenRows

    def judge(self, batch: list[ReadRow]) -> tuple[list[Screened], Decision | None]:
        """What becomes of each row of a batch, in order, and the decision behind it."""
        prepared = [self._prepare(read) for read in batch]
        asked = [(row, findings) for row, findings in prepared if not row.codes]
        if not asked:
            return [row for row, _ in prepared], None
        facts = [row_facts(row.read.id, row.terms, row.findings) for row, _ in asked if row.terms]
        answer = self.tools.gate.decide(
            "intake", question(self.job, self.licence, self.assessment, facts, self.tools.now)
        )
        verdicts = _verdicts(answer)
        return [row if row.codes else self._apply(row, f, verdicts) for row, f in prepared], answer.decision

    def _prepare(self, read: ReadRow) -> tuple[Screened, RowFindings]:
        """Scan; refuse here what needs no gate: a row met before, and terms that cannot be read."""
        findings = self.tools.scanner.scan(read.row.model_dump(mode="json", include=SCANNED, exclude_none=True))
        row = Screened(read, None, findings.summary, "refused", (), None)
        try:
            row = replace(row, terms=terms_of(read.row, self.job.source, self.licence))
        except InputRefused as error:
            row = replace(row, codes=(error.code,))
        return (row if self.seen.first(read.id) else replace(row, codes=("ROW_DUPLICATE",))), findings

    def _apply(self, row: Screened, findings: RowFindings, verdicts: dict[str, _Verdict]) -> Screened:
        verdict = verdicts.get(row.read.id)
        if verdict is None:
            return replace(row, codes=("ROW_UNDECIDED",))
        codes = tuple(sorted({violation.code for violation in verdict.violations}))
        if verdict.action in ("refuse", "quarantine"):
            return replace(row, outcome=_OUTCOMES[verdict.action], codes=codes)
        content: Any = row.read.row.learnt()
        content.setdefault("tools", [])
        if verdict.action == "redact":
            content = Redactor(self.tools.scanner, findings).redact(content)
            if self.tools.scanner.scan(content).personal:
                return replace(row, codes=("REDACTION_INCOMPLETE",))
        return replace(row, outcome=_OUTCOMES[verdict.action], codes=codes, content=content)


def _verdicts(answer: Answered) -> dict[str, _Verdict]:
    """By row id. Fails closed: a source that was not allowed refuses every row, whatever stands beside it.

    Raises PolicyUndefined (`INTAKE_MALFORMED`).
    """
    try:
        verdicts = {v.row_id: v for v in _VERDICTS.validate_python(answer.document.get("rows"))}
    except ValidationError as error:
        raise PolicyUndefined(
            "INTAKE_MALFORMED",
            "the intake gate's answer has no verdict list",
            "check that OPA runs this version's bundle",
        ) from error
    if answer.decision.allow:
        return verdicts
    reasons = list(answer.decision.violations)
    return {i: _Verdict(row_id=i, action="refuse", violations=v.violations or reasons) for i, v in verdicts.items()}


class _Tally:
    def __init__(self) -> None:
        self.read = 0
        self._outcomes: Counter[str] = Counter()
        self._codes: dict[str, Counter[str]] = {outcome: Counter() for outcome in _OUTCOMES.values()}

    def add(self, rows: Iterable[Screened]) -> None:
        for row in rows:
            self.read += 1
            self._outcomes[row.outcome] += 1
            self._codes[row.outcome].update(row.codes)

    def counts(self) -> RowCounts:
        return RowCounts(
            read=self.read,
            accepted=self._outcomes["accepted"] + self._outcomes["redacted"],
            redacted=self._outcomes["redacted"],
            refused=self._outcomes["refused"],
            refused_by_code=_by_code(self._codes["refused"]),
            redacted_by_code=_by_code(self._codes["redacted"]),
            quarantined=self._outcomes["quarantined"],
            quarantined_by_code=_by_code(self._codes["quarantined"]),
        )


def _by_code(counter: Counter[str]) -> tuple[CodeCount, ...]:
    return tuple(CodeCount(code=code, count=count) for code, count in sorted(counter.items()))


def _write(rows: list[Screened], job: ScreenJob, key: bytes, shard: Table, ledger: Table) -> None:
    subjects = [(row, subject_hash(key, job.tenant, row.read.row.subject)) for row in rows]
    shard.write([shard_row(row, job.source, subject) for row, subject in subjects if row.content is not None])
    ledger.write([ledger_row(row, job.source, subject) for row, subject in subjects])


def _batched(rows: Iterator[ReadRow]) -> Iterator[list[ReadRow]]:
    while batch := list(islice(rows, BATCH)):
        yield batch
