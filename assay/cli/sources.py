"""`assay sources`: contracts of sources."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from assay.cli.main import as_json, json_option

FOLDER = Path("sources")


@click.group()
def sources() -> None:
    """Contracts of sources: what their owners state about rows before anybody uses them."""


@sources.command()
def schema() -> None:
    """The JSON schema of a contract, for editors and other checkers."""
    from assay.contracts.sources import contract_schema

    as_json(contract_schema())


@sources.command()
@click.argument("description", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def draft(description: Path) -> None:
    """Begin a contract for each file of a Croissant DESCRIPTION; what it does not say is for the owner to state."""
    import yaml

    from activities.data.croissant import drafted

    for found in drafted(description.read_text("utf-8")):
        uri = found.uri if "://" in found.uri else str(description.parent / found.uri)
        stated = {"name": found.name, "uri": uri, "sha256": found.sha256, "format": found.format}
        known = {name: value for name, value in {**stated, "licence": found.licence}.items() if value}
        click.echo(f"--- # {found.name}.yaml; its columns: {', '.join(found.columns)}")
        click.echo(yaml.safe_dump(known, sort_keys=False), nl=False)
        click.echo("# To be stated: system, owner, purposes, consent, legal_basis, retention_days, tier")


@sources.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@json_option
def check(files: tuple[Path, ...], *, as_json_: bool) -> None:
    """Look at FILES, by default sources/*.yaml: every fault with its line and field. Exit code 1 when there is one."""
    from activities.data.contracts import check as looked_at
    from assay.contracts.errors import NotFound

    chosen = files or tuple(sorted(FOLDER.glob("*.yaml")))
    if not chosen:
        raise NotFound("SOURCE_CONTRACT_MISSING", f"there is no contract in {FOLDER}/", "name the files to look at")
    found = {str(path): looked_at(path) for path in chosen}
    if as_json_:
        as_json({name: [vars(fault) for fault in one.faults] for name, one in found.items()})
    for name, one in found.items() if not as_json_ else ():
        click.echo(f"{name}: {'ok' if not one.faults else ''}".rstrip())
        for fault in one.faults:
            click.echo(f"  {fault}")
    sys.exit(1 if any(one.faults for one in found.values()) else 0)
