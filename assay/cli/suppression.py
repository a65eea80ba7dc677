"""`assay suppression`: persons whose rows intake refuses since an erasure or an opt-out."""

from __future__ import annotations

import click

from assay.cli.erase import hashes, identifier_option, subject_option, tenant_option
from assay.cli.main import as_json, json_option, message, settings_in_force
from assay.contracts.errors import NotFound


@click.group()
def suppression() -> None:
    """Persons whose rows intake refuses. They stand here as keyed hashes."""


@suppression.command("list")
@click.option("--tenant")
@click.option("--lifted", is_flag=True, help="What was taken off, by whom and why.")
@json_option
def list_(tenant: str | None, *, lifted: bool, as_json_: bool) -> None:
    """Hashes on the list, and the case that put each there first."""
    from assay.cli import tables
    from assay.cli.known import require_tenant
    from registry import Registry

    registry = Registry.open(settings_in_force())
    require_tenant(registry, tenant)
    known = registry.suppression
    if as_json_:
        as_json([one.model_dump(mode="json") for one in (known.lifted(tenant) if lifted else known.list(tenant))])
        return
    of = f" of {tenant}" if tenant else ""
    if lifted:
        table = tables.table("tenant", "case", "lifted", "by", "reason")
        for off in known.lifted(tenant):
            tables.add(table, off.tenant, off.case, f"{off.created_at:%Y-%m-%d}", off.actor, off.reason)
        tables.show(table, nothing=f"nobody{of} was taken off the list")
        return
    table = tables.table("tenant", "case", "since", "hash")
    for one in known.list(tenant):
        tables.add(table, one.tenant, one.case, f"{one.created_at:%Y-%m-%d}", one.hash)
    tables.show(table, nothing=f"nobody{of} is on the list")


@suppression.command()
@tenant_option
@subject_option
@identifier_option
@click.option("--entry", "entries", multiple=True, metavar="HASH", help="As `list` prints it, of a confirmed row too.")
@click.option("--reason", required=True, help="Why intake may take these rows again; it is kept, so name nobody.")
@click.option("--by", required=True, help="Who lifts it.")
def lift(  # one parameter an option
    tenant: str, subject: str | None, identifiers: tuple[str, ...], entries: tuple[str, ...], reason: str, by: str
) -> None:
    """Take a person off who agrees again. What is erased stays erased."""
    if not (subject or identifiers or entries):
        raise click.UsageError("give --subject, --identifier or --entry")
    from assay.contracts.erasure import SuppressionLifted
    from registry import Registry

    settings = settings_in_force()
    own, mentions = hashes(settings, tenant, subject, identifiers)
    off = sorted({one for one in (own, *mentions, *entries) if one})
    lifted = message(SuppressionLifted, tenant=tenant, hashes=off, reason=reason, actor=by)
    gone = Registry.open(settings).suppression.lift(lifted)
    if not gone:
        raise NotFound("SUPPRESSION_UNKNOWN", "nobody of that name is on the list", "see `assay suppression list`")
    click.echo(f"lifted {gone}")
