"""What must stand before anything starts: keys, base model, registry, policy bundle, example data. All idempotent."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from activities.policy.bundle import build_bundle
from activities.policy.config import server_config
from assay.contracts.base import BasePin
from assay.contracts.errors import Unavailable
from assay.settings import Settings
from registry import BaseRecord, Registry
from serving.material import pin_of
from serving.template import TEMPLATE_PATH, template_digest
from stack.bundles import keep
from stack.keys import ensure_keys
from stack.processes import ROOT

BASE_LICENCE = "Apache-2.0"
"""Licence of SmolLM2-135M-Instruct, as its package states it."""
Say = Callable[[str], None]


def prepare(settings: Settings, say: Say) -> BasePin:
    """Make everything ready; returns the base model's pin. Raises AssayError."""
    home = settings.home.resolve()
    home.mkdir(parents=True, exist_ok=True)
    keys = ensure_keys(home)
    base = _base_model(home / "base", say)
    _register(settings, base, home / "base")
    bundle = build_bundle(home / "opa" / "bundle.tar.gz", keys / "policy.pem")
    keep(bundle, home)
    say(f"policies: bundle {bundle.revision}")
    (home / "opa" / "config.yaml").write_text(server_config(bundle.path, keys / "policy.pub.pem"), "utf-8")
    _examples(home / "examples", say)
    return base


def _base_model(target: Path, say: Say) -> BasePin:
    """Converted in a process of its own: torch and its gigabyte are gone again afterwards."""
    if not target.exists():
        say("base model: converting the packaged GGUF, about half a minute")
        _module("serving.material", str(target))
    pin = pin_of(target)
    say(f"base model: {pin.repository} {pin.revision}")
    return pin


def _register(settings: Settings, base: BasePin, path: Path) -> None:
    registry = Registry.open(settings)
    registry.blobs.put(TEMPLATE_PATH.read_bytes())
    context = int(json.loads((path / "config.json").read_text("utf-8"))["max_position_embeddings"])
    registry.bases.add(
        BaseRecord(
            pin=base,
            licence=BASE_LICENCE,
            path=str(path),
            template=template_digest(),
            max_context=min(context, settings.engine.context_length),
        )
    )
    registry.close()


def _examples(target: Path, say: Say) -> None:
    """Built anew each time: it takes two seconds, gives the same bytes, and follows the packages and the builder."""
    _module("examples.data.build", str(target))
    say(f"example data: {target}")


def _module(name: str, *arguments: str) -> None:
    """Run one of our modules. Raises Unavailable (`PREPARATION_FAILED`) with the end of what it said."""
    command = [sys.executable, "-m", name, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip()[-2000:]
        raise Unavailable("PREPARATION_FAILED", f"{name} ended with {done.returncode}: {said}", "run `assay doctor`")
