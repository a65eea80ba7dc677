"""What the registry holds: models, runs, routes, incidents, decisions, lineage, documents."""

from __future__ import annotations

import json
from typing import Any, get_args

import click

from assay.cli import tables
from assay.cli.known import require_model
from assay.cli.main import as_json, json_option, settings_in_force
from assay.cli.naming import decided_about
from assay.contracts.errors import NotFound
from assay.contracts.promotion import PointerQuery, Stage
from assay.contracts.rollout import RootCause
from evals.diff import SCHEMA as DIFF_SCHEMA
from evals.diff import markdown
from registry import Registry, VersionRecord

tenant_option = click.option("--tenant", help="Only this tenant's.")
model_option = click.option("--model", help="Only this model's.")


def _print(columns: tuple[str, ...], rows: list[tuple[Any, ...]], *, as_json_: bool, nothing: str = "") -> None:
    if as_json_:
        as_json([dict(zip(columns, row, strict=True)) for row in rows])
        return
    table = tables.table(*columns)
    for row in rows:
        tables.add(table, *row)
    tables.show(table, nothing=nothing)


@click.command()
@tenant_option
@model_option
@json_option
def models(tenant: str | None, model: str | None, *, as_json_: bool) -> None:
    """Registered versions, newest first, and which stages point at them."""
    registry = Registry.open(settings_in_force())
    rows = []
    for version in registry.versions.list(tenant=tenant, model=model):
        stages = [
            stage
            for stage in get_args(Stage)
            if registry.pointers.read(PointerQuery(tenant=version.tenant, model=version.model, stage=stage)).target
            == version.digest
        ]
        withdrawn = registry.withdrawals.of((version.digest,))
        notes = [f"withdrawn, case {one.case}" for one in withdrawn]
        if "production" not in stages and (back := _rolled_back(registry, version)):
            notes.append(back)
        note = "; ".join(notes)
        rows.append((version.tenant, version.model, version.version, version.digest, ",".join(stages), note))
    if not rows and (tenant or model):
        click.echo(f"nothing is registered for {' '.join(filter(None, (tenant, model)))}: is it misspelt?", err=True)
    _print(("tenant", "model", "version", "digest", "stages", "note"), rows, as_json_=as_json_)


def _rolled_back(registry: Registry, version: VersionRecord) -> str:
    """A version that was rolled back keeps its `staging` pointer, and would look like any other."""
    found = registry.incidents.all_for(version.tenant, version.model)
    causes = [cause for incident, cause in found if incident.version == version.digest]
    if not causes:
        return ""
    return "rolled back" if all(causes) else "rolled back, root cause open"


@click.command()
@tenant_option
@model_option
@click.option("--where", help="Only runs for which this holds: 'learning_rate > 1e-4 and cause = LOSS_NAN'.")
@json_option
def runs(tenant: str | None, model: str | None, where: str | None, *, as_json_: bool) -> None:
    """Training runs, finished and failed, newest first."""
    found = Registry.open(settings_in_force()).runs.search(where, tenant=tenant, model=model)
    if as_json_:
        as_json([run.model_dump(mode="json") for run in found])
        return
    columns = ("run", "outcome", "cause", "learning_rate", "rank", "steps", "rollbacks", "loss_first", "loss_last")
    _print(columns, [tuple(getattr(run, name) for name in columns) for run in found], as_json_=False)


@click.command()
@json_option
def routes(*, as_json_: bool) -> None:
    """The route table in force."""
    table = Registry.open(settings_in_force()).routes.current()
    if as_json_:
        as_json(table.model_dump(mode="json"))
        return
    rows = [
        (route.tenant, route.model, arm.name, f"{arm.percent:g} %", arm.version or "base")
        for route in table.routes
        for arm in route.arms
    ]
    click.echo(f"revision {table.revision}")
    _print(("tenant", "model", "arm", "share", "version"), rows, as_json_=False)


@click.command()
@click.argument("tenant")
@click.argument("model")
@click.option("--all", "all_", is_flag=True, help="Closed ones too, with their root causes.")
@json_option
def incidents(tenant: str, model: str, *, all_: bool, as_json_: bool) -> None:
    """Rollbacks of TENANT's MODEL that wait for their root cause."""
    registry = Registry.open(settings_in_force())
    require_model(registry, tenant, model)
    found = registry.incidents.all_for(tenant, model)
    if not all_:
        closed = f"; {len(found)} closed, see --all" if found else ""
        rows: list[tuple[Any, ...]] = [(i.id, i.version, i.reason) for i, cause in found if cause is None]
        nothing = f"no incident of {tenant}/{model} waits for its root cause{closed}"
        _print(("id", "version", "reason"), rows, as_json_=as_json_, nothing=nothing)
        return
    rows = [(i.id, i.version, i.reason, c and c.actor, c and c.cause, c and c.action) for i, c in found]
    columns = ("id", "version", "reason", "closed by", "cause", "action")
    _print(columns, rows, as_json_=as_json_, nothing=f"{tenant}/{model} was never rolled back")


@click.command()
@click.argument("incident")
@click.option("--actor", required=True, help="Who found it.")
@click.option("--cause", required=True, help="Why it happened.")
@click.option("--action", required=True, help="What was done, so that it does not happen again.")
def root_cause(incident: str, actor: str, cause: str, action: str) -> None:
    """Record the root cause of INCIDENT, whose rollout has ended; one that still waits takes `record_root_cause`."""
    incidents_ = Registry.open(settings_in_force()).incidents
    incidents_.close(incidents_.get(incident), RootCause(actor=actor, cause=cause, action=action))
    click.echo(f"{incident}: closed")


@click.command()
@click.argument("digest")
@json_option
def decisions(digest: str, *, as_json_: bool) -> None:
    """Decisions of the gates about DIGEST, oldest first."""
    registry = Registry.open(settings_in_force())
    _require_known(registry, digest)
    columns = ("decision_id", "gate", "about", "allow", "policy_revision", "input", "violations")
    rows = [
        (
            *(d.decision_id, d.gate, decided_about(registry, d), d.allow),
            *(d.policy_revision, d.input.sha256, ", ".join(v.code for v in d.violations)),
        )
        for d in registry.decisions.list(digest)
    ]
    if not rows and (former := _sealed_from(registry, digest)):
        click.echo(f"a case sealed it without asking again; those of its rows are about {former}", err=True)
    _print(columns, rows, as_json_=as_json_)


def _sealed_from(registry: Registry, digest: str) -> str | None:
    """The dataset that an intake sealed, of one that erasures made of it."""
    from activities.data.manifest import formers_of

    try:
        formers = tuple(formers_of(registry, registry.datasets.get(digest)))
    except NotFound:
        return None
    return formers[-1].dataset.id if formers else None


@click.command()
@click.argument("digest")
@json_option
def lineage(digest: str, *, as_json_: bool) -> None:
    """What DIGEST was made from, and what was made from it (also a run id, or route:REVISION).

    What is withdrawn has the case for which it was; DIGEST itself is listed only where it is.
    """
    registry = Registry.open(settings_in_force())
    _require_known(registry, digest)
    nodes = registry.lineage.tree(digest)
    gone = {one.name: one for one in registry.withdrawals.of({digest, *(node.name for node in nodes)})}
    cases = {name: one.case for name, one in gone.items()}
    rows: list[tuple[Any, ...]] = []
    if itself := gone.get(digest):
        rows.append(("itself", 0, itself.kind, digest, None, None, itself.case))
    rows += [(n.direction, n.depth, n.kind, n.name, n.relation, n.via, cases.get(n.name)) for n in nodes]
    for node in (node for node in nodes if node.kind == "dataset"):
        rows += [
            (node.direction, node.depth + 1, "rows", f"{count} {outcome}", "in the ledger of", node.name, None)
            for outcome, count in sorted(registry.datasets.outcomes(node.name).items())
        ]
    _print(("direction", "depth", "kind", "name", "relation", "via", "withdrawn"), rows, as_json_=as_json_)


@click.command()
@click.argument("digest")
@click.option("--raw", is_flag=True, help="The very bytes that the digest is of.")
@json_option
def show(digest: str, *, raw: bool, as_json_: bool) -> None:
    """Print the stored document DIGEST: a model card, its diff, a report, a decision's input."""
    stored = _stored(Registry.open(settings_in_force()), digest)
    document = _parsed(stored.decode("utf-8", "replace"))
    if raw:
        click.echo(stored, nl=False)
    elif as_json_:
        as_json({"digest": digest, "document": document})
    else:
        click.echo(_readable(document))


def _stored(registry: Registry, digest: str) -> bytes:
    """Raises NotFound (`BLOB_DESTROYED`, `BLOB_UNKNOWN`) and what `BlobStore.get` raises."""
    from activities.erasure.destroyed import why_destroyed

    try:
        return registry.blobs.get(digest)
    except NotFound as error:
        raise why_destroyed(registry, f"sha256:{digest.rpartition(':')[2]}") or error from error


def _readable(document: Any) -> str:  # noqa: ANN401  # anything JSON can say
    """A card diff as its reviewer reads it, other JSON indented, text as it is."""
    if isinstance(document, str):
        return document
    if isinstance(document, dict) and document.get("schema") == DIFF_SCHEMA:
        return markdown(document)
    return json.dumps(document, indent=2, ensure_ascii=False)


def _parsed(text: str) -> Any:  # noqa: ANN401  # anything JSON can say
    """A document that is JSON as what it says, another as its text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _require_known(registry: Registry, name: str) -> None:
    """Nothing to tell of something known is an answer; of something unknown it is a misspelt name.

    Raises NotFound (`DIGEST_UNKNOWN`), InputRefused (`DIGEST_MALFORMED`).
    """
    if registry.lineage.tree(name) or registry.decisions.list(name):
        return
    try:
        registry.bases.by_digest(name)
    except NotFound as error:
        if not (name.startswith("sha256:") and registry.blobs.has(name)):
            message = f"nothing called {name} is on record"
            raise NotFound(
                "DIGEST_UNKNOWN", message, "`assay models`, `assay runs`, `assay data list` name them"
            ) from error
