"""`assay erase`: rows of a person gone from everywhere, with a receipt."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from assay.cli.identifiers import parsed
from assay.cli.known import require_tenant
from assay.cli.main import OutputPath, as_json, json_option, message, settings_in_force
from assay.cli.mentions import confirm, mentions
from assay.cli.watching import begun, result_of, standing
from assay.contracts.errors import InputRefused, NotFound

if TYPE_CHECKING:
    from assay.contracts.erasure import ErasureRequest, ErasureStatus
    from assay.settings import Settings

tenant_option = click.option("--tenant", required=True, help="Whose data.")
subject_option = click.option("--subject", help="The person's id as rows carry it; - reads it from standard input.")
identifier_option = click.option(
    "--identifier",
    "identifiers",
    multiple=True,
    metavar="KIND=VALUE",
    help="A value that names the person, EMAIL_ADDRESS=…",
)


@click.group(invoke_without_command=True)
@click.option("--tenant", help="Whose data.")
@subject_option
@identifier_option
@click.option("--ground", type=click.Choice(["erasure", "opt-out"]), default="erasure", show_default=True)
@click.option("--role", type=click.Choice(["privacy", "owner", "legal"]), default="privacy", show_default=True)
@click.option("--by", help="Who orders it.")
@click.option("--retrain", is_flag=True, help="Start retraining without asking a person.")
@click.option("--wait", is_flag=True, help="Until the receipt is signed.")
@json_option
@click.pass_context
def erase(  # noqa: PLR0913  # one parameter an option
    context: click.Context,
    tenant: str | None,
    subject: str | None,
    identifiers: tuple[str, ...],
    ground: str,
    role: str,
    by: str | None,
    *,
    retrain: bool,
    wait: bool,
    as_json_: bool,
) -> None:
    """Remove a person's rows and all that was made from them. The person's id does not leave this machine.

    Rows that only mention the person are found by --identifier alone: values in their own rows may be somebody else's.
    """
    if context.invoked_subcommand is not None:
        return
    if not tenant or not by or not (subject or identifiers):
        raise click.UsageError("give --tenant, --by, and --subject or --identifier")
    from assay.contracts.erasure import ErasureRequest
    from registry import Registry

    settings = settings_in_force()
    own, mentions = hashes(settings, tenant, subject, identifiers)
    person = {"tenant": tenant, "subject": own, "mentions": mentions}
    request = message(ErasureRequest, **person, ground=ground, role=role, retrain=retrain, requested_by=by)
    require_tenant(Registry.open(settings), tenant)
    status, workflow_id = asyncio.run(_order(request, wait=wait))
    if as_json_:
        as_json(status.model_dump(mode="json"))
    else:
        _tell(status, workflow_id)
    if status.stage in ("refused", "failed"):
        sys.exit(1)


@erase.command("hash")
@tenant_option
@subject_option
@identifier_option
def hash_(tenant: str, subject: str | None, identifiers: tuple[str, ...]) -> None:
    """Print the keyed hashes that an erasure is ordered with by hand, and the id of its workflow."""
    if not (subject or identifiers):
        raise click.UsageError("give --subject or --identifier")
    from assay.contracts.names import erasure_id, erasure_what

    own, mentions = hashes(settings_in_force(), tenant, subject, identifiers)
    as_json({"subject": own, "mentions": mentions, "workflow": erasure_id(tenant, erasure_what(own, mentions))})


@erase.command("list")
@click.option("--tenant")
@json_option
def list_(tenant: str | None, *, as_json_: bool) -> None:
    """Cases, newest first."""
    from registry import Registry

    cases = Registry.open(settings_in_force()).erasures.list(tenant)
    if as_json_:
        as_json([one.model_dump(mode="json", exclude={"done", "probe"}) for one in cases])
        return
    for one in cases:
        state = f"erased {one.closed_at:%Y-%m-%d}" if one.closed_at else "open"
        click.echo(f"{one.case}  {one.ground}  {one.opened_at:%Y-%m-%d}  {state}")


@erase.command()
@click.argument("case")
def show(case: str) -> None:
    """What is known of CASE: what its receipt says, or for an open one what was found and what its workflow says."""
    from registry import Registry

    registry = Registry.open(settings_in_force())
    record = registry.erasures.get(case)
    if record.done:
        as_json(record.done)
        return
    found = registry.erasures.found(case).model_dump(mode="json")
    says = asyncio.run(standing(record.workflow))
    # Of rows that are in no ledger only the workflow knows how many are the person's: it looked by their hash.
    found["waiting"] = max(found["waiting"], says.pop("waiting", 0))
    as_json({**found, **says})


@erase.command()
@click.argument("case")
@click.option("--out", type=OutputPath(path_type=Path), required=True, help="Folder for envelope and public key.")
def receipt(case: str, out: Path) -> None:
    """Export the signed receipt of CASE with the key that verifies it."""
    from registry import Registry

    settings = settings_in_force()
    registry = Registry.open(settings)
    digest = registry.erasures.get(case).receipt
    if digest is None:
        raise NotFound("RECEIPT_UNSIGNED", "this case is not closed yet", "see the `status` query of its workflow")
    out.mkdir(parents=True, exist_ok=True)
    (out / "receipt.dsse.json").write_bytes(registry.blobs.get(digest))
    (out / "signing.pub.pem").write_bytes((settings.home / "keys" / "signing.pub.pem").read_bytes())
    click.echo(f"{out}/receipt.dsse.json")


erase.add_command(mentions)
erase.add_command(confirm)


def hashes(
    settings: Settings, tenant: str, subject: str | None, identifiers: tuple[str, ...]
) -> tuple[str | None, list[str]]:
    """Keyed hashes of a person's id and of values that name the person.

    Raises NotFound (`SUBJECT_KEY_MISSING`), InputRefused (`IDENTIFIER_MALFORMED`, `IDENTIFIER_KIND_UNKNOWN`,
    `SUBJECT_MISSING`).
    """
    from activities.data.ledger import mention_hash, subject_hash

    named = parsed(identifiers)

    path = settings.home / "keys" / "subject.key"
    try:
        key = path.read_bytes().strip()
    except OSError as error:
        raise NotFound("SUBJECT_KEY_MISSING", f"{path.name} cannot be read", "run `assay up`: it makes keys") from error
    if subject == "-":
        subject = sys.stdin.readline().strip()
        if not subject:
            raise InputRefused("SUBJECT_MISSING", "standard input has no id on its first line", "write the id there")
    return subject_hash(key, tenant, subject) or None, sorted(mention_hash(key, tenant, *one) for one in named)


async def _order(request: ErasureRequest, *, wait: bool) -> tuple[ErasureStatus, str]:
    from assay.client import AssayClient

    client = await AssayClient.connect()
    handle = await client.start_erasure(request)
    return (await result_of(client, handle) if wait else await begun(client, handle)), handle.id


def _tell(status: ErasureStatus, workflow_id: str) -> None:
    from assay.contracts.erasure_totals import rows_in

    if status.stage == "refused":
        click.echo(f"refused: no case was opened and nothing was looked for (workflow {workflow_id})")
    else:
        rows = rows_in(status.found.own)
        click.echo(f"case {status.case}: {status.stage}, {rows} rows, {status.artifacts} things made from them")
        if status.stage not in ("erased", "failed"):
            click.echo(f"  it goes on: assay erase show {status.case}")
    for one in status.replaced:
        click.echo(f"  {one.tenant}/{one.model} is answered by {one.version or 'the base'}")
    if status.receipt:
        click.echo(f"  receipt {status.receipt.sha256}: assay erase receipt {status.case} --out FOLDER")
    for reason in (*status.holds, *status.reasons):
        click.echo(f"  {reason}")
