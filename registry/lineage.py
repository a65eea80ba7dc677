"""What was made from what, walked both ways.

    source -> dataset -> run -> adapter -> version:<tenant>/<model>/<n> -> route:<revision>
    base   ->            run    adapter -> report, card, statement

A row of the ledger belongs to its dataset by the ledger itself and needs no edge. Repositories write the edges of what
they enter in the same transaction, so that there is no record without its origin.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Literal

from sqlalchemy import or_, select, text, update
from sqlalchemy.orm import Session

from assay.contracts.base import Message
from registry.database import Database
from registry.erasure_tables import WithdrawalRow
from registry.tables import DatasetRow, LedgerRow, LineageRow, VersionRow

Direction = Literal["ancestor", "descendant"]
_LOCK = 7140212  # any number, the same in every process: PostgreSQL's advisory lock of lineage


class Edge(Message):
    """`child` was made from `parent`. Names are digests, run ids, `version:…` and `route:…`."""

    parent: str
    child: str
    relation: str
    parent_kind: str
    child_kind: str


class Node(Message):
    """Something that a walk met, reached by `relation` from `via`; `depth` counts steps."""

    name: str
    kind: str
    relation: str
    via: str
    depth: int
    direction: Direction


def version_name(tenant: str, model: str, version: int) -> str:
    """`version:acme/helpdesk/1`"""
    return f"version:{tenant}/{model}/{version}"


def record(database: Database, session: Session, edges: Iterable[Edge]) -> None:
    """Write edges in an open transaction; those that are there stay. What is made from something withdrawn is, too."""
    lock(session, shared=True)
    for edge in edges:
        database.add_once(session, LineageRow(**edge.model_dump()))
        if (origin := session.get(WithdrawalRow, edge.parent)) is not None:
            mark(database, session, edge.child, edge.child_kind, origin.case)
            if edge.child_kind == "version":
                mark(database, session, edge.parent, "adapter", origin.case)


def mark(database: Database, session: Session, name: str, kind: str, case: str) -> bool:
    """Withdraw one thing in an open transaction; True when it was not before."""
    session.execute(update(DatasetRow).where(DatasetRow.id == name).values(quarantined=True))
    session.execute(update(VersionRow).where(VersionRow.digest == name).values(quarantined=True))
    return database.add_once(session, WithdrawalRow(name=name, kind=kind, case=case))


def lock(session: Session, *, shared: bool) -> None:
    """Let no edge be written while a lineage is walked to be withdrawn. SQLite has one writer at a time anyhow."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text(f"SELECT pg_advisory_xact_lock{'_shared' if shared else ''}({_LOCK})"))


class Lineage:
    """Repository of lineage edges."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def link(self, parent: str, child: str, relation: str, *, parent_kind: str, child_kind: str) -> None:
        """Record that `child` was made from `parent`; again adds nothing."""
        edge = Edge(parent=parent, child=child, relation=relation, parent_kind=parent_kind, child_kind=child_kind)
        with self._database.writing() as session:
            record(self._database, session, (edge,))

    def ancestors(self, name: str) -> tuple[Node, ...]:
        """Everything it was made from, nearest first."""
        with self._database.reading() as session:
            return _walk(session, name, "ancestor")

    def descendants(self, name: str) -> tuple[Node, ...]:
        """Everything that was made from it, nearest first. A ledger row leads to the datasets that accepted it."""
        with self._database.reading() as session:
            return (*_walk(session, name, "descendant"), *_from_row(session, name))

    def tree(self, name: str) -> tuple[Node, ...]:
        """Both ways: ancestors, then descendants."""
        return (*self.ancestors(name), *self.descendants(name))


def _walk(session: Session, name: str, direction: Direction, depth: int = 0) -> tuple[Node, ...]:
    """Edges reached by a recursive CTE (UNION of names: it ends even where edges form a ring), sorted by distance."""
    up = direction == "ancestor"
    near, far = (LineageRow.child, LineageRow.parent) if up else (LineageRow.parent, LineageRow.child)
    reached = select(far.label("name")).where(near == name).cte("reached", recursive=True)
    reached = reached.union(select(far).where(near == reached.c.name))
    query = select(LineageRow).where(or_(near == name, near.in_(select(reached.c.name))))
    edges: dict[str, list[LineageRow]] = defaultdict(list)
    for row in session.scalars(query.order_by(far, LineageRow.relation)):
        edges[row.child if up else row.parent].append(row)
    nodes, front, seen = [], [name], {name}
    while front:
        depth += 1
        found = [_node(row, direction, depth) for via in front for row in edges[via]]
        nodes += found
        front = list(dict.fromkeys(node.name for node in found if node.name not in seen))
        seen.update(front)
    return tuple(nodes)


def _node(row: LineageRow, direction: Direction, depth: int) -> Node:
    up = direction == "ancestor"
    return Node(
        name=row.parent if up else row.child,
        kind=row.parent_kind if up else row.child_kind,
        relation=row.relation,
        via=row.child if up else row.parent,
        depth=depth,
        direction=direction,
    )


def _from_row(session: Session, row_id: str) -> tuple[Node, ...]:
    """A row that was refused went into nothing: its dataset is named, what was made from it is not."""
    query = select(LedgerRow.dataset, LedgerRow.outcome).where(LedgerRow.row_id == row_id).distinct()
    nodes: list[Node] = []
    for dataset, outcome in session.execute(query.order_by(LedgerRow.dataset, LedgerRow.outcome)).all():
        nodes.append(Node(name=dataset, kind="dataset", relation=outcome, via=row_id, depth=1, direction="descendant"))
        if outcome != "refused":
            nodes += _walk(session, dataset, "descendant", depth=1)
    return tuple(dict.fromkeys(nodes))
