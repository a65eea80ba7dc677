"""`assay hold`: legal holds, which stop destruction and say so."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import click

from assay.cli.main import as_json, json_option, message, settings_in_force
from assay.cli.watching import PATIENCE
from assay.contracts.errors import AssayError, Conflict, NotFound

if TYPE_CHECKING:
    from registry import Registry

HOURS: Final = 6
"""Between two looks of an erasure at most (`LONGEST_LOOK` of its workflow)."""


@click.group()
def hold() -> None:
    """Legal holds: what is held is not served, and not destroyed either."""


@hold.command()
@click.option("--tenant", required=True)
@click.option("--subject", help="A person's id as rows carry it; without it and --dataset all of the tenant is held.")
@click.option("--dataset", help="A dataset: DIGEST or TENANT/NAME/VERSION.")
@click.option("--reason", required=True, help="Why; it is kept and shown, so name nobody.")
@click.option("--by", required=True, help="Who places it.")
def add(tenant: str, subject: str | None, dataset: str | None, reason: str, by: str) -> None:
    """Place a hold, and print its id."""
    from assay.cli.erase import hashes
    from assay.cli.known import require_tenant
    from assay.cli.naming import only_dataset_named
    from assay.contracts.erasure import HoldPlaced
    from registry import Registry

    settings = settings_in_force()
    if subject == "":
        raise click.UsageError("--subject is empty: leave it out to hold all of the tenant")
    own = hashes(settings, tenant, subject, ())[0] if subject else None
    registry = Registry.open(settings)
    digest = only_dataset_named(registry, dataset).dataset.id if dataset and "/" in dataset else dataset
    placed = message(HoldPlaced, tenant=tenant, subject=own, dataset=digest, reason=reason, actor=by)
    if placed.dataset is not None and registry.datasets.get(placed.dataset).request.tenant != tenant:
        raise NotFound("DATASET_UNKNOWN", f"no dataset {dataset} of {tenant}", "a hold is on the tenant's own data")
    require_tenant(registry, tenant)
    if placed.dataset is not None:
        _require_rows(registry, placed.dataset)
    click.echo(registry.holds.place(placed))
    if placed.dataset is not None:
        click.echo(f"held: {placed.dataset}", err=True)
    if own is not None and not registry.holds.knows(own):
        loud = click.style("no row of this person is known now", fg="yellow", bold=True)
        click.echo(
            f"{loud} in tenant {tenant}: check the spelling of the id. The hold is placed, and covers rows that come "
            "later.",
            err=True,
        )


def _require_rows(registry: Registry, digest: str) -> None:
    """A hold on what is destroyed would protect nothing. Raises Conflict (`DATASET_DESTROYED`)."""
    from activities.erasure.resealing import shards_of

    record = registry.datasets.get(digest)
    parts = [record.ledger]
    with suppress(NotFound):  # a manifest that went with the rest
        # The ledger may be gone, and a shard with rows that another hold keeps still be there.
        parts += shards_of(registry, record)
    if record.quarantined and not registry.shards.all_readable(parts):
        request = record.request
        raise Conflict(
            "DATASET_DESTROYED",
            f"{request.tenant}/{request.dataset}/{request.version} ({digest}) is destroyed: there is nothing to hold",
            f"hold what was sealed in its place: `assay data list {request.tenant}` names it under `replaces`",
        )


@hold.command()
@click.argument("id_", metavar="ID")
@click.option("--by", required=True, help="Who lifts it.")
def lift(id_: str, by: str) -> None:
    """End a hold, and have the tenant's erasures and retentions that wait look again at once."""
    from registry import Registry

    holds = Registry.open(settings_in_force()).holds
    in_force = {one.id for one in holds.list()}
    lifted = holds.lift(id_, by)
    if id_ in in_force:
        click.echo("lifted")
    else:
        click.echo(f"was lifted already, on {lifted.lifted_at:%Y-%m-%d} by {lifted.lifted_by}")
    _tell(lifted.tenant)


def _tell(tenant: str) -> None:
    """The hold is lifted whatever becomes of this: who is not told looks by themselves."""
    from temporalio.service import RPCError

    try:
        told = asyncio.run(_told(tenant))
    except (AssayError, RPCError, TimeoutError) as error:
        why = "Temporal does not answer"
        if isinstance(error, AssayError | RPCError):
            why = f"{error.code if isinstance(error, AssayError) else error.status.name}: {error.message}"
        loud = click.style("not everybody was told", fg="yellow", bold=True)
        click.echo(
            f"{loud} ({why}). Erasures that wait notice at their next look, within {HOURS} hours, and "
            "retentions within a day; once Temporal answers, this command again tells them at once.",
            err=True,
        )
        return
    click.echo(f"{told} running erasures and retentions of {tenant} look again now")


async def _told(tenant: str) -> int:
    from assay.client import AssayClient

    async with asyncio.timeout(PATIENCE):
        return await (await AssayClient.connect()).look_again(tenant)


@hold.command("list")
@click.option("--tenant")
@json_option
def list_(tenant: str | None, *, as_json_: bool) -> None:
    """Holds in force."""
    from assay.cli import tables
    from assay.cli.known import require_tenant
    from registry import Registry

    registry = Registry.open(settings_in_force())
    require_tenant(registry, tenant)
    holds = registry.holds.list(tenant)
    if as_json_:
        as_json([one.model_dump(mode="json") for one in holds])
        return
    table = tables.table("id", "tenant", "on", "since", "by", "reason")
    for one in holds:
        on = "a person" if one.subject else (one.dataset or "all")
        tables.add(table, one.id, one.tenant, on, f"{one.created_at:%Y-%m-%d}", one.actor, one.reason)
    tables.show(table, nothing=f"no hold{f' of {tenant}' if tenant else ''} is in force")
