"""`assay data review`: read quarantined rows, release or refuse them.

A row is named by a digest of all that is shown of it: its content, its codes, what was found in it. Whoever names it
has read it, and the name is good no more once anything of that has changed.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any, Final, get_args

import click

from activities.data.review import contents, read_digest
from assay.cli.known import require_dataset
from assay.cli.main import as_json, json_option, settings_in_force
from assay.client import AssayClient
from assay.contracts.base import Digest
from assay.contracts.data import Purpose
from assay.contracts.errors import NotFound
from assay.contracts.promotion import Role
from assay.contracts.review import ReviewQueue, ReviewRequest, ReviewStatus, RowRuling, Verdict
from registry import QuarantineRecord, Registry

NAME: Final = 12
"""Hexadecimal digits of a row's name: enough that two of a million rows share one in a run of hundreds at most."""


@click.command()
@click.argument("dataset", metavar="[TENANT/DATASET]", required=False)
@click.option("--purpose", type=click.Choice(get_args(Purpose)), default="train-tenant-model", show_default=True)
@click.option("--code", help="Only rows that wait with this code.")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="Show so many rows.")
@click.option("--release", "release", multiple=True, metavar="ROW", help="Let this row into the next intake.")
@click.option("--refuse", "refuse", multiple=True, metavar="ROW", help="Keep this row out for good.")
@click.option("--release-all", metavar="READ", help="Release all rows of --code, which READ was shown for.")
@click.option("--refuse-all", metavar="READ", help="Refuse all rows of --code, which READ was shown for.")
@click.option("--reviewer", help="Who has read them.")
@click.option("--role", type=click.Choice(get_args(Role)), help="As what.")
@click.option("--reason", help="Why; it is kept and signed, so name nobody from the rows.")
@json_option
def review(dataset: str | None, code: str | None, limit: int, purpose: Purpose, *, as_json_: bool, **said: Any) -> None:  # noqa: ANN401  # what click parsed
    """Quarantined rows of TENANT/DATASET with their text, or the datasets that have some; release and refuse them."""
    registry = Registry.open(settings_in_force())
    if dataset is None:
        _overview(registry, as_json_=as_json_)
        return
    tenant, _, name = dataset.partition("/")
    if not name:
        raise click.BadParameter("name it TENANT/DATASET", param_hint="TENANT/DATASET")
    require_dataset(registry, tenant, name)
    queue = ReviewQueue(tenant=tenant, dataset=name, purpose=purpose)
    rows = [row for row in registry.quarantine.waiting(queue) if code is None or code in row.codes]
    rulings = _rulings(queue, rows, code, said)
    if rulings:
        _answer(asyncio.run(_rule(queue, rulings)), as_json_=as_json_)
    else:
        _show(registry, queue, rows, limit, as_json_=as_json_)


def name_of(queue: ReviewQueue, row: QuarantineRecord) -> str:
    """What a row is called here."""
    return read_digest(queue, [row]).removeprefix("sha256:")[:NAME]


def _overview(registry: Registry, *, as_json_: bool) -> None:
    found = [
        {**queue.model_dump(), "waiting": len(registry.quarantine.waiting(queue))}
        for queue in registry.quarantine.queues()
    ]
    if as_json_:
        as_json(found)
    if not found and not as_json_:
        click.echo("no rows wait for a reviewer", err=True)
    for one in [] if as_json_ else found:
        click.echo(f"{one['tenant']}/{one['dataset']} for {one['purpose']}: {one['waiting']} rows wait")


def _rulings(
    queue: ReviewQueue, rows: Sequence[QuarantineRecord], code: str | None, said: dict[str, Any]
) -> list[tuple[Verdict, RowRuling]]:
    verdicts: tuple[Verdict, ...] = ("release", "refuse")
    who = {name: said[name] for name in ("reviewer", "role", "reason")}
    found: list[tuple[Verdict, RowRuling]] = []
    for verdict in verdicts:
        if names := said[verdict]:
            chosen = [_named(queue, rows, name) for name in dict.fromkeys(names)]
            about = {"rows": [row.row_id for row in chosen], "read": read_digest(queue, chosen)}
            found.append((verdict, _ruling(queue, who, about)))
        if read := said[f"{verdict}_all"]:
            if code is None:
                raise click.UsageError(f"--{verdict}-all goes with --code")
            found.append((verdict, _ruling(queue, who, {"code": code, "read": read})))
    return found


def _ruling(queue: ReviewQueue, who: dict[str, str | None], about: dict[str, Any]) -> RowRuling:
    if missing := [f"--{name}" for name, value in who.items() if not value]:
        raise click.UsageError(f"a decision needs {', '.join(missing)}")
    return RowRuling.model_validate({"purpose": queue.purpose, **who, **about})


def _named(queue: ReviewQueue, rows: Sequence[QuarantineRecord], name: str) -> QuarantineRecord:
    """The row that was shown under a name. Raises NotFound (`ROW_NOT_WAITING`)."""
    found = [row for row in rows if len(name) >= NAME and read_digest(queue, [row])[7:].startswith(name)]
    if len(found) != 1:
        raise NotFound(
            "ROW_NOT_WAITING",
            f"no row {name} waits in {queue.tenant}/{queue.dataset} for {queue.purpose} as it was shown",
            f"read them again: assay data review {queue.tenant}/{queue.dataset}",
        )
    return found[0]


async def _rule(queue: ReviewQueue, rulings: list[tuple[Verdict, RowRuling]]) -> ReviewStatus:
    """Begin the review when none runs (its deadline may have passed), then give it the rulings."""
    client = await AssayClient.connect()
    reviewer = rulings[0][1].reviewer
    await client.start_data_review(ReviewRequest(tenant=queue.tenant, dataset=queue.dataset, requested_by=reviewer))
    status = ReviewStatus()
    for verdict, ruling in rulings:
        give = client.release_rows if verdict == "release" else client.refuse_rows
        status = await give(queue.tenant, queue.dataset, ruling)
    return status


def _answer(status: ReviewStatus, *, as_json_: bool) -> None:
    if as_json_:
        as_json(status.model_dump(mode="json"))
        return
    counts = status.counts
    click.echo(f"{counts.released} released, {counts.refused} refused, {counts.waiting} rows wait")
    for reason in status.reasons:
        click.echo(reason)


def _show(
    registry: Registry, queue: ReviewQueue, rows: Sequence[QuarantineRecord], limit: int, *, as_json_: bool
) -> None:
    shown = rows[:limit]
    texts = contents(registry, shown)
    # What is not shown was not read: only who sees all of them gets the digest of all of them.
    read = read_digest(queue, rows) if rows and len(shown) == len(rows) else None
    if as_json_:
        as_json({"waiting": len(rows), "read": read, "rows": [_document(queue, row, texts) for row in shown]})
        return
    for row in shown:
        found = ", ".join(row.findings)
        click.echo(click.style(name_of(queue, row), bold=True) + f"  {row.source}  {', '.join(row.codes)}  {found}")
        for line in lines_of(texts[row.row_id]):
            click.echo(f"    {line}")
    if not rows:
        click.echo(f"no rows of {queue.tenant}/{queue.dataset} wait for {queue.purpose}{_elsewhere(registry, queue)}")
        return
    click.echo(f"{len(rows)} rows wait" + (f", read {read}" if read else f", {len(shown)} are shown (--limit)"))


def _elsewhere(registry: Registry, queue: ReviewQueue) -> str:
    """Rows of a dataset are set aside for one purpose: who asked for another has not seen them."""
    others = [one for one in registry.quarantine.queues(queue.tenant) if one.dataset == queue.dataset and one != queue]
    return "".join(f"; some wait for {one.purpose}: --purpose {one.purpose}" for one in others)


def _document(queue: ReviewQueue, row: QuarantineRecord, texts: dict[Digest, Any]) -> dict[str, Any]:
    fields = row.model_dump(mode="json", include={"row_id", "source", "codes", "findings", "requesters"})
    return {"row": name_of(queue, row), **fields, "content": texts[row.row_id]}


def lines_of(content: dict[str, Any]) -> list[str]:
    """All that is learnt from a row, as text for a terminal: nobody lets in what was not shown.

    A terminal takes no orders from it: what cannot be printed is shown as its number.
    """
    messages, rejected, tools = (content.get(name) for name in ("messages", "rejected", "tools"))
    lines = [_said(part) for part in (messages if isinstance(messages, list) else [content])]
    lines += [f"rejected {_said(part)}" for part in rejected or ()]
    lines += [f"tool {json.dumps(tool, ensure_ascii=False)}" for tool in tools or ()]
    return [_printable(line) for line in lines]


def _said(part: Any) -> str:  # noqa: ANN401  # anything JSON can say
    if not isinstance(part, dict) or "role" not in part:
        return json.dumps(part, ensure_ascii=False)
    rest = {name: value for name, value in part.items() if name not in ("role", "content") and value}
    return f"{part['role']}: {part.get('content') or ''}" + (f" {json.dumps(rest, ensure_ascii=False)}" if rest else "")


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "\\n" if c == "\n" else f"\\u{ord(c):04x}" for c in text)
