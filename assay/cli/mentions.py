"""`assay erase mentions` and `assay erase confirm`: rows that name a person, read and judged by a reviewer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from assay.cli.main import as_json, json_option, message, settings_in_force
from assay.contracts.errors import Conflict

if TYPE_CHECKING:
    from activities.erasure.mentions import MentioningRow
    from assay.contracts.erasure import ErasureStatus, MentionsConfirmed, OrderRole

A_WORD = 1000
"""Rows that one `MentionsConfirmed` takes of a kind; more are said in several."""


@click.command()
@click.argument("case")
@json_option
def mentions(case: str, *, as_json_: bool) -> None:
    """Rows of CASE that mention the person, with their text, of which nobody has said yet whom they are about."""
    from activities.erasure.mentions import rows
    from registry import Registry

    found = rows(Registry.open(settings_in_force()), case)
    if as_json_:
        as_json([one.model_dump(mode="json") for one in found])
        return
    for one in found:
        _show(one)
    click.echo(f"{len(found)} rows wait")


@click.command()
@click.argument("case")
@click.option("--row", "rows", multiple=True, metavar="ID", help="This row is about the person.")
@click.option("--others-are-not", is_flag=True, help="The other rows that wait now are not about the person, and stay.")
@click.option("--by", "reviewer", required=True, help="Who has read them.")
@click.option("--role", type=click.Choice(["privacy", "owner", "legal"]), default="privacy", show_default=True)
@json_option
def confirm(
    case: str, rows: tuple[str, ...], reviewer: str, role: OrderRole, *, others_are_not: bool, as_json_: bool
) -> None:
    """Say which rows of CASE that `assay erase mentions` shows are about the person: they go as the person's own."""
    from assay.contracts.erasure import MentionsConfirmed
    from registry import Registry

    if not rows and not others_are_not:
        raise click.UsageError("give --row, or --others-are-not")
    erasures, named = Registry.open(settings_in_force()).erasures, tuple(dict.fromkeys(rows))
    record = erasures.get(case)
    if record.closed_at is not None:
        raise Conflict(
            "ERASURE_CLOSED",
            f"case {case} is closed: no row waits in it",
            "order another erasure with the --identifier that names the person",
        )
    # Named one by one: a row that is found after this one look was read by nobody.
    others = sorted({one.row_id for one in erasures.waiting(case)} - {*named}) if others_are_not else []
    parts = [tuple(others[at : at + A_WORD]) for at in range(0, len(others), A_WORD)] or [()]
    who = {"case": case, "reviewer": reviewer, "role": role}
    words = [message(MentionsConfirmed, rows=() if at else named, others=part, **who) for at, part in enumerate(parts)]
    status = asyncio.run(_confirm(record.workflow, words))
    if as_json_:
        as_json(status.model_dump(mode="json"))
        return
    rest = f", {len(others)} others are not" if others_are_not else ""
    click.echo(f"case {case}: {len(named)} rows are about the person{rest}")


async def _confirm(workflow: str, words: list[MentionsConfirmed]) -> ErasureStatus:
    from assay.client import AssayClient

    client = await AssayClient.connect()
    said = [await client.confirm_mentions(workflow, one) for one in words]
    return said[-1]


def _show(row: MentioningRow) -> None:
    from assay.cli.review import lines_of

    click.echo(click.style(row.row_id, bold=True))
    for dataset in row.datasets:
        click.echo(f"  in {dataset}")
    if not row.datasets:
        click.echo("  in quarantine alone")
    gone = ["its text is gone: every shard with it was destroyed"]
    for line in gone if row.content is None else lines_of(row.content):
        click.echo(f"    {line}")
