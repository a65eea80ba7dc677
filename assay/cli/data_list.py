"""`assay data list`: which datasets there are."""

from __future__ import annotations

import click

from assay.cli.main import as_json, json_option, settings_in_force


@click.command("list")
@click.argument("tenant", required=False)
@json_option
def list_(tenant: str | None, *, as_json_: bool) -> None:
    """Datasets that were sealed, all or TENANT's, newest first: rows, state, and what each was made in the place of.

    `sealed` is in use, `withdrawn` is not used any more, of `destroyed` ones rows cannot be read any more, and of
    `damaged` ones the manifest is gone or not what was sealed.
    """
    from activities.data.catalogue import catalogue
    from assay.cli import tables
    from assay.cli.known import require_tenant
    from registry import Registry

    registry = Registry.open(settings_in_force())
    require_tenant(registry, tenant)
    found = catalogue(registry, tenant)
    if as_json_:
        as_json([one.model_dump(mode="json") for one in found])
        return
    titles = {one.digest: one.title for one in found}
    table = tables.table("dataset", "state", "accepted", "set aside", "sealed", "replaces", "digest")
    for one in found:
        state = f"{one.state} ({', '.join(one.cases)})" if one.cases else one.state
        replaced = titles.get(one.replaces, one.replaces) if one.replaces else ""
        rows = (one.accepted, one.quarantined)
        tables.add(table, one.title, state, *rows, f"{one.sealed_at:%Y-%m-%d}", replaced, one.digest)
    tables.show(table, nothing=f"{tenant} has no sealed dataset" if tenant else "no dataset is sealed yet")
