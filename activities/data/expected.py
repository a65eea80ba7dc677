"""What an intake would take of a source, as far as it is known before its rows are scanned.

The intake gate is asked as an intake asks it, about the terms that rows state and the language that they are in, and
without findings; what reviewers released by now is let in. Scanners, near repetitions and opt-outs can only take more
rows away.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from activities.data.checks import language_in
from activities.data.facts import row_facts
from activities.data.judging import Own, RowTerms, after_review, fate_of
from activities.data.readers import read_rows, source_digest
from activities.data.rows import Row
from activities.data.seen import SeenRows
from activities.data.verdicts import Question
from assay.contracts.base import CodeCount
from assay.contracts.data import RowKind
from assay.contracts.datasheet import RowGroup


class _Alike(NamedTuple):
    """Rows that are alike in this have one fate. `released`: the codes that a reviewer released them with."""

    own: Own
    language: str
    released: frozenset[str] | None


@dataclass(frozen=True)
class Expected:
    """Rows that may enter, in groups, and how many would be left out; one that has several codes counts under each."""

    groups: tuple[RowGroup, ...] = ()
    left_out: int = 0
    left_out_by_code: tuple[CodeCount, ...] = ()

    def and_(self, other: Expected) -> Expected:
        """Of two sources together."""
        codes = Counter[str]()
        for one in (*self.left_out_by_code, *other.left_out_by_code):
            codes[one.code] += one.count
        return Expected((*self.groups, *other.groups), self.left_out + other.left_out, _by_code(codes))


def expected(question: Question, released: Mapping[str, frozenset[str]] | None = None) -> Expected:
    """Read a source and ask about its rows, once for all that are alike to the gate.

    `released` are rows that reviewers let in, with the codes they were released with. The gate is told ordinals in the
    place of row ids: these rows are in no ledger in which an erasure would find them.

    Raises as `read_rows` does, PolicyUndefined, Unavailable, InputRefused (`LICENCE_NOT_SPDX`).
    """
    source, let_in = question.source, released or {}
    rows, repeated = Counter[tuple[_Alike, RowKind]](), 0
    with tempfile.TemporaryDirectory(prefix="assay-expected-") as scratch, SeenRows(Path(scratch, "seen")) as seen:
        for read in read_rows(source, source_digest(source)):
            if not seen.first(read.id):
                repeated += 1
                continue
            rows[_alike(read.row, let_in.get(read.id)), read.row.kind] += 1
    return _judged(question, rows, repeated)


def _alike(row: Row, released: frozenset[str] | None) -> _Alike:
    own = Own(row.licence, row.consent, None if row.purposes is None else tuple(row.purposes))
    return _Alike(own, language_in({**row.learnt(), "meta": row.meta}), released)


def _judged(question: Question, rows: Counter[tuple[_Alike, RowKind]], repeated: int) -> Expected:
    known = RowTerms(question.source)
    ids = {alike: str(number) for number, alike in enumerate(dict.fromkeys(alike for alike, _ in rows), 1)}
    terms = {alike: known.of(alike.own) for alike in ids}
    asked = [row_facts(ids[alike], stated, (), alike.language) for alike, (stated, _) in terms.items() if stated]
    said = question.verdicts(asked, admitted=question.admits())
    kept, codes, out = Counter[tuple[str, RowKind]](), Counter({"ROW_DUPLICATE": repeated}), repeated
    for (alike, kind), count in rows.items():
        stated, code = terms[alike]
        fate = after_review(fate_of(ids[alike], said.get(ids[alike])), alike.released)
        if stated is not None and fate.outcome in ("accepted", "redacted"):
            kept[stated.licence.expression, kind] += count
            continue
        out += count
        for one in (code,) if code else fate.codes:
            codes[one] += count
    source = question.source
    groups = (
        RowGroup(
            source=source.name,
            licence=expression,
            tier=source.tier,
            synthetic_depth=source.synthetic_depth,
            kind=kind,
            rows=count,
        )
        for (expression, kind), count in sorted(kept.items())
    )
    return Expected(tuple(groups), out, _by_code(codes))


def _by_code(codes: Counter[str]) -> tuple[CodeCount, ...]:
    return tuple(CodeCount(code=code, count=count) for code, count in sorted(codes.items()) if count)
