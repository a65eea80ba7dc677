"""Ledger entries of a shard, made column by column: of most columns a row has nothing of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final

import pyarrow as arrow

from activities.data.judging import NEAR, Fate, Known
from activities.data.ledger import KEPT, LEDGER
from assay.contracts.base import CodeCount
from assay.contracts.data import RowCounts, Source

_STATED: Final = ("system", "tier", "synthetic_depth", "retention_days")


def entries(source: Source, light: arrow.Table, found: arrow.Table, rows: Known, fates: Sequence[Fate]) -> arrow.Table:
    """Rows of `LEDGER`. Terms that could not be read are empty: nothing of an unreadable licence is repeated."""
    terms = [facts.terms for facts in rows.facts]
    columns: dict[str, Any] = {
        "row_id": light["row_id"],
        "source": _constant("source", source.name, light),
        "line": light["line"],
        "outcome": [fate.outcome for fate in fates],
        "codes": _each("codes", [fate.codes for fate in fates], list),
        "findings": _findings(found, rows),
        "licence": [one.licence.expression if one else "" for one in terms],
        "consent": [one.consent if one else "unknown" for one in terms],
        "purposes": _each("purposes", [one.purposes if one else () for one in terms], list),
        **{name: _constant(name, getattr(source, name), light) for name in _STATED},
        "subject": rows.subjects,
        "kind": light["kind"],
        "characters": light["characters"],
        "language": found["language"],
        "duplicate_of": [rows.repeats[at][0] if at in rows.repeats else "" for at in range(light.num_rows)],
        "mentions": _mentions(rows, fates),
        "treatments": _treatments(rows, fates),
        "asked_as": [fate.asked_as for fate in fates],
    }
    return arrow.table({field.name: columns[field.name] for field in LEDGER}, schema=LEDGER)


def counts_of(fates: Sequence[Fate]) -> RowCounts:
    """What became of how many, and why."""
    outcomes = Counter[str](fate.outcome for fate in fates)
    codes: dict[str, Counter[str]] = {name: Counter() for name in ("refused", "redacted", "quarantined")}
    for fate, count in Counter(fates).items():
        for code in fate.codes if fate.outcome in codes else ():
            codes[fate.outcome][code] += count
    return RowCounts(
        read=len(fates),
        accepted=sum(outcomes[name] for name in KEPT),
        redacted=outcomes["redacted"],
        refused=outcomes["refused"],
        quarantined=outcomes["quarantined"],
        refused_by_code=_by_code(codes["refused"]),
        redacted_by_code=_by_code(codes["redacted"]),
        quarantined_by_code=_by_code(codes["quarantined"]),
    )


def _by_code(counter: Counter[str]) -> tuple[CodeCount, ...]:
    return tuple(CodeCount(code=code, count=count) for code, count in sorted(counter.items()))


def _constant(name: str, value: object, light: arrow.Table) -> arrow.Array:
    return arrow.repeat(arrow.scalar(value, LEDGER.field(name).type), light.num_rows)


def _each(name: str, values: Sequence[Any], make: Callable[[Any], Any]) -> arrow.Array:
    """A column with few different values: each is made once."""
    places: dict[Any, int] = {}
    at = [places.setdefault(value, len(places)) for value in values]
    return arrow.array([make(value) for value in places], LEDGER.field(name).type).take(arrow.array(at, arrow.int32()))


def _findings(found: arrow.Table, rows: Known) -> Any:  # noqa: ANN401  # an array, chunked or not
    if not any(not same for _, same in rows.repeats.values()):
        return found["findings"]
    said = found["findings"].to_pylist()
    for at, (_, same) in rows.repeats.items():
        if not same:
            said[at] = [*said[at], NEAR]
    return arrow.array(said, LEDGER.field("findings").type)


def _mentions(rows: Known, fates: Sequence[Fate]) -> arrow.Array:
    """Of a refused row nothing is kept that its subject would have to be forgotten in."""
    named = [() if fate.outcome == "refused" else one for one, fate in zip(rows.mentions, fates, strict=True)]
    return _each("mentions", named, list)


def _treatments(rows: Known, fates: Sequence[Fate]) -> arrow.Array:
    done = [
        (facts.findings, fate.treatments) if fate.outcome in KEPT and fate.treatments else ()
        for facts, fate in zip(rows.facts, fates, strict=True)
    ]
    return _each("treatments", done, _done)


def _done(row: tuple[tuple[str, ...], tuple[tuple[str, str], ...]] | tuple[()]) -> list[str]:
    if not row:
        return []
    findings, treatments = row
    chosen = dict(treatments)
    counts = (one.removeprefix("pii:").rpartition(":") for one in findings if one.startswith("pii:"))
    return sorted(f"{kind}:{chosen.get(kind, 'redact')}:{count}" for kind, _, count in counts)
