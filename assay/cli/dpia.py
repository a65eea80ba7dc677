"""`assay dpia`: sign and read data protection impact assessments."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Final, get_args

import click

from activities.data.dpia import Assessment, assessment_of, sign_assessment
from assay.cli.main import as_json, json_option, settings_in_force
from assay.contracts.base import canonical_person
from assay.contracts.data import Purpose
from assay.contracts.errors import InputRefused, IntegrityRefused, NotFound
from registry import Registry

PRINTED: Final = "give the `sha256` that `assay dpia sign` printed; a source's contract has it under `dpia`"
REMEDIES: Final = {
    "BLOB_UNKNOWN": PRINTED,
    "DIGEST_MALFORMED": PRINTED,
    "DPIA_OF_ANOTHER_SYSTEM": PRINTED,
    "STATEMENT_INVALID": f"{PRINTED}; one that another installation signed is read there, or signed here again",
}
"""Where somebody names a document to read it. What is said of them elsewhere is for a source that has one."""


@click.group()
def dpia() -> None:
    """Signed assessments of regulated systems: who assessed what, for which use, and until when it holds."""


@dpia.command()
@click.argument("system")
@click.option("--scope", required=True, multiple=True, type=click.Choice(get_args(Purpose)), help="Use that it covers.")
@click.option("--until", required=True, type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"]), help="UTC.")
@click.option("--assessor", required=True, help="Who assessed it.")
@click.option(
    "--document",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Risks and measures, as a file: it is stored, and the statement names its digest.",
)
def sign(system: str, scope: tuple[Purpose, ...], until: datetime, assessor: str, document: Path) -> None:
    """Sign that the system of record SYSTEM was assessed; prints the reference to put into a source's `dpia`."""
    settings, now = settings_in_force(), datetime.now(UTC)
    valid_until = until.replace(tzinfo=UTC)
    if valid_until <= now:
        raise click.BadParameter("it would have expired already", param_hint="--until")
    try:
        person = canonical_person(assessor)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--assessor") from error
    registry = Registry.open(settings)
    assessment = Assessment(
        valid_until=valid_until,
        scope=tuple(sorted(set(scope))),
        assessor=person,
        issued_at=now.replace(microsecond=0),
        document=registry.blobs.put_file(document),
    )
    signed = sign_assessment(system, assessment, settings.home / "keys" / "signing.pem")
    as_json(registry.blobs.put(signed).model_dump(mode="json"))


@dpia.command()
@click.argument("digest")
@json_option
def show(digest: str, *, as_json_: bool) -> None:
    """What the signed assessment DIGEST says, once its signature is verified."""
    settings = settings_in_force()
    registry = Registry.open(settings)
    try:
        system, said = assessment_of(registry.blobs.get(digest), settings.home / "keys" / "signing.pub.pem")
    except (IntegrityRefused, InputRefused, NotFound) as error:
        if error.code in REMEDIES:
            error.remedy = REMEDIES[error.code]
        raise
    in_force = said.in_force(datetime.now(UTC))
    if as_json_:
        as_json({"system": system, "in_force": in_force, **said.model_dump(mode="json", exclude={"system", "others"})})
        return
    click.echo(f"{system}, for {', '.join(said.scope)}")
    click.echo(f"{'in force' if in_force else 'EXPIRED'}: until {said.valid_until:%Y-%m-%d %H:%M} UTC")
    if said.assessor and said.issued_at:
        click.echo(f"assessed by {said.assessor} on {said.issued_at:%Y-%m-%d}")
    if said.document:
        click.echo(f"risks and measures: assay show {said.document.sha256}")
