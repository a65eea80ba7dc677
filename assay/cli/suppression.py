"""`assay suppression`: persons whose rows intake refuses since an erasure or an opt-out."""

from __future__ import annotations

import click

from assay.cli.erase import hashes, identifier_option, subject_option, tenant_option
from assay.cli.main import as_json, json_option, settings_in_force
from assay.contracts.errors import NotFound


@click.group()
def suppression() -> None:
    """Persons whose rows intake refuses. They stand here as keyed hashes."""


@suppression.command("list")
@click.option("--tenant")
@json_option
def list_(tenant: str | None, *, as_json_: bool) -> None:
    """Hashes on the list, and the case that put each there."""
    from registry import Registry

    found = Registry.open(settings_in_force()).suppression.list(tenant)
    if as_json_:
        as_json([one.model_dump(mode="json") for one in found])
        return
    for one in found:
        click.echo(f"{one.hash}  {one.tenant}  {one.case}  {one.created_at:%Y-%m-%d}")


@suppression.command()
@tenant_option
@subject_option
@identifier_option
@click.option("--reason", required=True, help="Why intake may take rows of this person again.")
@click.option("--by", required=True, help="Who lifts it.")
def lift(tenant: str, subject: str | None, identifiers: tuple[str, ...], reason: str, by: str) -> None:
    """Take a person off who agrees again, with all that the person's cases put there. What is erased stays erased."""
    if not (subject or identifiers):
        raise click.UsageError("give --subject or --identifier")
    from registry import Registry

    settings = settings_in_force()
    own, mentions = hashes(settings, tenant, subject, identifiers)
    people = [one for one in (own, *mentions) if one]
    gone = Registry.open(settings).suppression.lift(tenant, people, reason=reason, actor=by)
    if not gone:
        raise NotFound("SUPPRESSION_UNKNOWN", "nobody of that name is on the list", "see `assay suppression list`")
    click.echo(f"lifted {gone}")
