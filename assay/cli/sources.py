"""`assay sources`: contracts of sources."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from assay.cli.main import as_json, json_option

if TYPE_CHECKING:
    from activities.data.contracts import Fault

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
    """Look at FILES, by default sources/*.yaml: each fault with line, field and remedy. Exit code 1 if there is one."""
    from assay.contracts.errors import NotFound

    chosen = files or tuple(sorted(FOLDER.glob("*.yaml")))
    if not chosen:
        raise NotFound("SOURCE_CONTRACT_MISSING", f"there is no contract in {FOLDER}/", "name the files to look at")
    found = {str(path): _faults(path) for path in chosen}
    if as_json_:
        as_json({name: [vars(fault) for fault in faults] for name, faults in found.items()})
    for name, faults in found.items() if not as_json_ else ():
        click.echo(f"{name}: {'ok' if not faults else ''}".rstrip())
        for fault in faults:
            click.echo(f"  {fault}\n    remedy: {fault.remedy}")
    sys.exit(1 if any(found.values()) else 0)


def _faults(path: Path) -> tuple[Fault, ...]:
    """One file that is not there keeps nobody from hearing of the others."""
    from activities.data.contracts import Fault, check
    from assay.contracts.errors import NotFound

    try:
        return check(path).faults
    except NotFound as error:
        return (Fault(error.code, 1, "", error.message, error.remedy),)
