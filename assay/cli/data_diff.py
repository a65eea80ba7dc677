"""`assay data diff`: what is otherwise in a second dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from assay.cli.main import as_json, json_option, settings_in_force

if TYPE_CHECKING:
    from collections.abc import Iterable

    from activities.data.comparison import Comparison, Moved


@click.command()
@click.argument("before")
@click.argument("after")
@json_option
def diff(before: str, after: str, *, as_json_: bool) -> None:
    """What is otherwise in the dataset AFTER than in BEFORE: digests, or TENANT/NAME/VERSION.

    Without /VERSION the newest that is not withdrawn is taken.
    """
    from activities.data.comparison import compare
    from assay.cli.naming import dataset_or_newest
    from registry import Registry

    registry = Registry.open(settings_in_force())
    ids = [dataset_or_newest(registry, name).dataset.id for name in (before, after)]
    found = compare(registry, *ids)
    if as_json_:
        as_json(found.model_dump(mode="json"))
    else:
        _tell(found)


def _tell(found: Comparison) -> None:
    rows = found.rows
    click.echo(f"{found.before}\n{found.after}\n")
    click.echo(f"rows: {rows.added} added, {rows.removed} removed, {rows.changed} changed, {rows.same} the same")
    for change in rows.changes:
        click.echo(f"  {change.rows} were {change.before} and are {change.after}")
    for counts in found.counts:
        if any(one.before != one.after for one in counts.moved):
            _table(f"{counts.of} (distance {counts.distance:.3f})", counts.moved)
    _table("findings (rows)", found.findings)
    _table("lengths (characters)", found.lengths, shares=False)


def _table(title: str, moved: Iterable[Moved], *, shares: bool = True) -> None:
    from assay.cli import tables

    changed = [one for one in moved if (one.before, one.after) != (0, 0)]
    if not changed:
        return
    table = tables.table(title, "before", "after", "by", *(("share before", "share after") if shares else ()))
    for one in changed:
        parts = (f"{100 * one.share_before:.1f} %", f"{100 * one.share_after:.1f} %") if shares else ()
        table.add_row(one.name, str(one.before), str(one.after), f"{one.after - one.before:+}", *parts)
    tables.show(table)
