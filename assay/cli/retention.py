"""`assay retention`: until when rows are kept."""

from __future__ import annotations

import asyncio

import click

from assay.cli.known import require_tenant
from assay.cli.main import as_json, json_option, settings_in_force
from assay.client import AssayClient
from assay.contracts.base import canonical_person
from assay.contracts.retention import RetentionRequest
from registry import Registry

_PARTS = 3


@click.group()
def retention() -> None:
    """Until when rows of sealed datasets are kept. What has expired is removed with the cascade of an erasure."""


@retention.command(name="list")
@click.option("--tenant", help="Only this tenant's.")
@json_option
def list_(tenant: str | None, *, as_json_: bool) -> None:
    """Terms of all sealed datasets by source, the first to expire first."""
    from activities.data.retention import standing
    from assay.cli import tables

    registry = Registry.open(settings_in_force())
    require_tenant(registry, tenant)
    found = standing(registry, tenant)
    if as_json_:
        as_json([term.model_dump(mode="json") for term in found])
        return
    table = tables.table("dataset", "source", "until", "state")
    for term in found:
        name = f"{term.tenant}/{term.name}/{term.version}"
        left = term.state in ("kept", "held") and term.current_version != term.version
        state = f"{term.state}, in version {term.current_version}" if left else term.state
        table.add_row(name, term.source, f"{term.expires_at:%Y-%m-%d %H:%M} UTC", state)
    tables.show(table, nothing=f"no sealed dataset{f' of {tenant}' if tenant else ''} has a term")


@retention.command()
@click.argument("dataset", metavar="TENANT/DATASET/VERSION")
@click.option("--requested-by", required=True, help="Whose name stands on the removal's order.")
def start(dataset: str, requested_by: str) -> None:
    """Begin the timer of a sealed dataset that has none; intake does it for what it seals.

    What an erasure sealed has the timer of the version that it replaced.
    """
    from activities.data.retention import timed

    parts = dataset.split("/")
    if len(parts) != _PARTS or not parts[2].isdecimal():
        raise click.BadParameter("name it TENANT/DATASET/VERSION", param_hint="TENANT/DATASET/VERSION")
    try:
        person = canonical_person(requested_by)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--requested-by") from error
    record = timed(Registry.open(settings_in_force()), parts[0], parts[1], int(parts[2]))
    request = RetentionRequest(
        tenant=parts[0], dataset=parts[1], version=int(parts[2]), id=record.dataset.id, requested_by=person
    )
    click.echo(asyncio.run(_start(request)))


async def _start(request: RetentionRequest) -> str:
    return (await (await AssayClient.connect()).start_retention(request)).id
