"""What an intake would take of a source, as far as it is known before its rows are scanned.

The intake gate is asked as an intake asks it, about the terms that rows state and without findings. Scanners, near
repetitions and opt-outs can only take more rows away.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from activities.data.facts import Terms, row_facts
from activities.data.judging import Own, RowTerms
from activities.data.readers import read_rows, source_digest
from activities.data.rows import row_id
from activities.data.seen import SeenRows
from activities.data.verdicts import Question
from assay.contracts.base import CodeCount
from assay.contracts.data import RowKind
from assay.contracts.datasheet import RowGroup


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


def expected(question: Question) -> Expected:
    """Read a source and ask about its rows, once for all that state the same terms.

    Raises as `read_rows` does, PolicyUndefined, Unavailable, InputRefused (`LICENCE_NOT_SPDX`).
    """
    source = question.source
    known, rows, first, repeated = RowTerms(source), Counter[tuple[Own, RowKind]](), dict[Own, str](), 0
    with tempfile.TemporaryDirectory(prefix="assay-expected-") as scratch, SeenRows(Path(scratch, "seen")) as seen:
        for read in read_rows(source, source_digest(source)):
            id_, purposes = row_id(read.row, source.name), read.row.purposes
            if not seen.first(id_):
                repeated += 1
                continue
            own = Own(read.row.licence, read.row.consent, None if purposes is None else tuple(purposes))
            first.setdefault(own, id_)
            rows[own, read.row.kind] += 1
    return _judged(question, {own: (*known.of(own), id_) for own, id_ in first.items()}, rows, repeated)


def _judged(
    question: Question,
    terms: Mapping[Own, tuple[Terms | None, str, str]],
    rows: Counter[tuple[Own, RowKind]],
    repeated: int,
) -> Expected:
    asked = [row_facts(id_, stated, (), "") for stated, _, id_ in terms.values() if stated is not None]
    said = question.verdicts(asked, admitted=question.admits())
    kept, codes, out = Counter[tuple[str, RowKind]](), Counter({"ROW_DUPLICATE": repeated}), repeated
    for (own, kind), count in rows.items():
        stated, code, id_ = terms[own]
        verdict = said.get(id_)
        if stated is not None and verdict is not None and verdict.action in ("accept", "redact"):
            kept[stated.licence.expression, kind] += count
            continue
        out += count
        for one in (code,) if code else verdict.codes if verdict else ("ROW_UNDECIDED",):
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
