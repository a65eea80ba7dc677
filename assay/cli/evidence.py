"""`assay evidence`: everything with which a version is checked by other people's tools, as plain files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import click

from activities.data.datasheet import page_of
from activities.data.notice import notice_of
from assay.cli.main import OutputPath, as_json, json_option, settings_in_force
from assay.cli.naming import name_of, released, states_about, version_named
from assay.contracts.errors import Conflict, NotFound
from assay.contracts.policy import Decision
from registry import Registry, VersionRecord
from stack.bundles import kept


@click.command()
@click.argument("version", metavar="DIGEST|TENANT/MODEL/VERSION")
@click.option("--out", type=OutputPath(path_type=Path, file_okay=False), required=True, help="A new folder.")
@json_option
def evidence(version: str, out: Path, *, as_json_: bool) -> None:
    """Export a version with its signature, statements, release decision, policy bundle and public keys.

    The folder then holds adapter/, model.sig, statements/, decision.json, input.json, bundle.tar.gz (that of the
    decision), signing.pub.pem and policy.pub.pem: all that `model_signing` and `opa` need. Beside them NOTICE, where
    licences of the base or of the data ask for one, and datasheets/ with the sheet of each dataset.
    """
    settings = settings_in_force()
    registry = Registry.open(settings)
    if out.exists():
        raise Conflict("FOLDER_EXISTS", f"{out} exists already", "name a folder that does not")
    found = version_named(registry, version)
    registry.withdrawals.refuse(found.digest)
    name, decision = _release(registry, found, version)
    bundle = kept(settings.home, decision.policy_revision)
    statements = _statements(registry, found, name)
    out.mkdir(parents=True)
    registry.blobs.fetch_tree(found.files, out / "adapter")
    registry.blobs.fetch_file(found.signature, out / "model.sig")
    for number, statement in enumerate(statements, start=1):
        registry.blobs.fetch_file(statement, out / "statements" / f"{number}.dsse.json")
    (out / "decision.json").write_text(decision.model_dump_json(indent=2), "utf-8")
    registry.blobs.fetch_file(decision.input, out / "input.json")
    shutil.copyfile(bundle, out / "bundle.tar.gz")
    for key in ("signing.pub.pem", "policy.pub.pem"):
        shutil.copyfile(settings.home / "keys" / key, out / key)
    _about_data(registry, found, out)
    _writable(out)
    if as_json_:
        as_json({"folder": str(out), "version": name, "decision": json.loads(decision.model_dump_json())})
    else:
        click.echo(f"{out}: {name}: adapter, signature, {len(statements)} statements, decision {decision.decision_id}")


def _about_data(registry: Registry, version: VersionRecord, out: Path) -> None:
    """What has to be passed on with the weights, and what they were trained from."""
    if text := notice_of(registry, version.request.training.config_hash):
        (out / "NOTICE").write_text(text, "utf-8")
    for dataset in version.request.datasets:
        if page := page_of(registry, dataset):
            (out / "datasheets").mkdir(exist_ok=True)
            registry.blobs.fetch_file(page, out / "datasheets" / f"{dataset.removeprefix('sha256:')}.md")


def _writable(out: Path) -> None:
    """It is the reader's copy: theirs to move and to remove, unlike the stored trees, which are read-only."""
    for path in (out, *out.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)


def _release(registry: Registry, version: VersionRecord, asked: str) -> tuple[str, Decision]:
    """What was released and by which decision: the newest that allowed what was asked for.

    A digest stands for the version that it was registered as, or, when that one was not released, for the newest of its
    model that was.
    """
    named = released(registry, version)
    own = [one for one in named if one[0] == (name_of(version) if asked == version.digest else asked)]
    if not own and asked == version.digest:
        own = [one for one in named if one[0].startswith(f"{version.tenant}/{version.model}/")]
    if not own:
        raise NotFound("DECISION_UNKNOWN", f"no decision released {asked}", "only released versions have one")
    return own[-1]


def _statements(registry: Registry, version: VersionRecord, name: str) -> tuple[str, ...]:
    """Digests of what is stated about it: what its signature came with, then what the gates decided about `name`."""
    nodes = [node.name for node in registry.lineage.descendants(version.digest) if node.kind == "statement"]
    decided = [node for node in nodes if states_about(registry, node, name)]
    return tuple(dict.fromkeys([*(one.sha256 for one in version.statements), *decided]))
