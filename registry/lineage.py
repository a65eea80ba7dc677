"""What was made from what: rows -> dataset -> run -> adapter -> report, routes; walked both ways."""

from __future__ import annotations

from typing import Literal

from sqlalchemy import literal, select

from assay.contracts.base import Message
from registry.database import Database
from registry.tables import LineageRow

Direction = Literal["ancestor", "descendant"]


class Node(Message):
    """Something that a walk met: `name` is a digest, a run id or `route:<revision>`; `depth` counts steps."""

    name: str
    kind: str
    relation: str
    via: str
    depth: int
    direction: Direction


class Lineage:
    """Repository of lineage edges."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def link(self, parent: str, child: str, relation: str, *, parent_kind: str, child_kind: str) -> None:
        """Record that `child` was made from `parent`; again adds nothing."""
        row = LineageRow(parent=parent, child=child, relation=relation, parent_kind=parent_kind, child_kind=child_kind)
        with self._database.writing() as session:
            self._database.add_once(session, row)

    def ancestors(self, name: str) -> tuple[Node, ...]:
        """Everything it was made from, nearest first."""
        return self._walk(name, "ancestor")

    def descendants(self, name: str) -> tuple[Node, ...]:
        """Everything that was made from it, nearest first."""
        return self._walk(name, "descendant")

    def tree(self, name: str) -> tuple[Node, ...]:
        """Both ways: ancestors, then descendants."""
        return (*self.ancestors(name), *self.descendants(name))

    def _walk(self, name: str, direction: Direction) -> tuple[Node, ...]:
        """A recursive CTE over edges; UNION (not ALL) and the graph's acyclicity end it."""
        up = direction == "ancestor"
        near, far = (LineageRow.child, LineageRow.parent) if up else (LineageRow.parent, LineageRow.child)
        kind = LineageRow.parent_kind if up else LineageRow.child_kind
        seed = select(
            near.label("via"), far.label("name"), kind.label("kind"), LineageRow.relation, literal(1).label("depth")
        ).where(near == name)
        walk = seed.cte("walk", recursive=True)
        step = select(near, far, kind, LineageRow.relation, walk.c.depth + 1).where(near == walk.c.name)
        walk = walk.union(step)
        with self._database.reading() as session:
            rows = session.execute(select(walk).order_by(walk.c.depth, walk.c.name)).all()
        nearest: dict[tuple[str, str], Node] = {}
        for row in rows:
            node = Node(
                name=row.name, kind=row.kind, relation=row.relation, via=row.via, depth=row.depth, direction=direction
            )
            nearest.setdefault((node.name, node.via), node)
        return tuple(nearest.values())
