"""How many rows stand under a case, by dataset, and which of them a dataset has that was put in another's place."""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from sqlalchemy import Select, and_, func, or_, select, tuple_
from sqlalchemy.orm import Session, aliased

from assay.contracts.erasure import Found, FoundIn, Rows
from registry.erasure_tables import NOWHERE, ErasedRow, ErasureRow
from registry.tables import DatasetRow, ShardKeyRow

ASIDE: Final = "quarantined"
_OUTCOMES: Final = {"accepted": "kept", "redacted": "kept", ASIDE: "aside"}
"""Of `LedgerRow.outcome`; the others were refused."""
_Counted = dict[bool, dict[str, dict[str, int]]]
"""By whether the rows are the person's own, by dataset, by a field of `Rows`."""


def found_of(session: Session, case: str) -> Found:
    """What stands under a case now."""
    columns = (ErasedRow.own, ErasedRow.dataset, ErasedRow.outcome)
    there = (ErasedRow.case == case, ErasedRow.let_go.is_(False))
    counted = _counted(session, select(*columns, func.count()).where(*there).group_by(*columns))
    waiting = {one: sum(counted[one].pop(NOWHERE, {}).values()) for one in counted}
    gone = frozenset(session.scalars(_gone(case)))
    replaced = _counted(session, _replaced(case) if gone else None)
    found = {
        own: tuple(
            FoundIn(dataset=one, gone=one in gone, replaced=Rows(**replaced[own][one]), **counts)
            for one, counts in sorted(counted[own].items())
        )
        for own in counted
    }
    return Found(own=found[True], mentioned=found[False], waiting=waiting[True], mentioned_waiting=waiting[False])


def _counted(session: Session, query: Select[bool, str, str, int] | None) -> _Counted:
    counted: _Counted = {True: defaultdict(dict), False: defaultdict(dict)}
    for own, dataset, outcome, count in session.execute(query) if query is not None else ():
        of, name = counted[own][dataset], _OUTCOMES.get(outcome, "refused")
        of[name] = of.get(name, 0) + int(count)
    return counted


def _gone(case: str) -> Select[str]:
    """Datasets whose ledger was destroyed before the case was opened, so by another one; its own changes nothing."""
    opened = select(ErasureRow.opened_at).where(ErasureRow.case == case).scalar_subquery()
    mine = select(ErasedRow.dataset).where(ErasedRow.case == case)
    destroyed = and_(ShardKeyRow.shard == DatasetRow.ledger["sha256"].as_string(), ShardKeyRow.destroyed_at < opened)
    return select(DatasetRow.id).join(ShardKeyRow, destroyed).where(DatasetRow.id.in_(mine))


def _replaced(case: str) -> Select[bool, str, str, int]:
    """Rows of gone datasets that a dataset of the same name has which is not gone, as (own, dataset, outcome, count).

    One that was quarantined is replaced only where it is quarantined: it stands in its own shard until its case, not
    in those that went with the dataset.
    """
    left, at = aliased(ErasedRow), aliased(DatasetRow)
    standing = (
        select(left.row_id, left.own, at.name)
        .join(at, at.id == left.dataset)
        .where(left.case == case, left.let_go.is_(False), left.dataset.not_in(_gone(case)))
    )
    # Neither query depends on the row, so a database reads each once.
    row = tuple_(ErasedRow.row_id, ErasedRow.own, DatasetRow.name)
    again = and_(row.in_(standing), or_(ErasedRow.outcome != ASIDE, row.in_(standing.where(left.outcome == ASIDE))))
    columns = (ErasedRow.own, ErasedRow.dataset, ErasedRow.outcome)
    return (
        select(*columns, func.count())
        .join(DatasetRow, DatasetRow.id == ErasedRow.dataset)
        .where(ErasedRow.case == case, ErasedRow.let_go.is_(False), ErasedRow.dataset.in_(_gone(case)), again)
        .group_by(*columns)
    )
