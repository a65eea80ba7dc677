"""`assay evidence`: everything with which a version is checked by other people's tools, as plain files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import click

from assay.cli.main import as_json, json_option, settings_in_force
from assay.contracts.errors import Conflict, NotFound
from assay.contracts.policy import Decision
from registry import Registry


@click.command()
@click.argument("digest")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="A new folder.")
@json_option
def evidence(digest: str, out: Path, *, as_json_: bool) -> None:
    """Export version DIGEST with its signature, statements, last decision, policy bundle and public key.

    The folder then holds adapter/, model.sig, statements/, decision.json, input.json, bundle.tar.gz and
    signing.pub.pem: all that `model_signing` and `opa` need.
    """
    settings = settings_in_force()
    registry = Registry.open(settings)
    if out.exists():
        raise Conflict("FOLDER_EXISTS", f"{out} exists already", "name a folder that does not")
    version = registry.versions.get(digest)
    decision = _last_release(registry, digest)
    out.mkdir(parents=True)
    registry.blobs.fetch_tree(version.files, out / "adapter")
    registry.blobs.fetch_file(version.signature, out / "model.sig")
    for number, statement in enumerate(version.statements, start=1):
        registry.blobs.fetch_file(statement, out / "statements" / f"{number}.dsse.json")
    (out / "decision.json").write_text(decision.model_dump_json(indent=2), "utf-8")
    registry.blobs.fetch_file(decision.input, out / "input.json")
    shutil.copyfile(settings.home / "opa" / "bundle.tar.gz", out / "bundle.tar.gz")
    shutil.copyfile(settings.home / "keys" / "signing.pub.pem", out / "signing.pub.pem")
    if as_json_:
        as_json({"folder": str(out), "decision": json.loads(decision.model_dump_json())})
    else:
        click.echo(f"{out}: adapter, signature, {len(version.statements)} statements, decision {decision.decision_id}")


def _last_release(registry: Registry, digest: str) -> Decision:
    released = [d for d in registry.decisions.list(digest) if d.gate == "release"]
    if not released:
        raise NotFound("DECISION_UNKNOWN", f"no release decision about {digest}", "only released versions have one")
    return released[-1]
