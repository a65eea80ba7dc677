"""Checkpoints that are whole or not there.

A checkpoint is written into a hidden folder, flushed, given a manifest with the digest of every file as the last thing
written, and renamed. A reader takes the newest folder whose manifest fits its bytes, so that a run that was killed at
any instruction, a half-copied folder or a flipped bit lead to the checkpoint before, never to a wrong one.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.contracts.base import canonical_digest
from assay.contracts.errors import IntegrityRefused

MANIFEST = "manifest.json"
RESUMED_FILES = (
    "adapter_config.json",
    "adapter_model.safetensors",
    "optimizer.pt",
    "scheduler.pt",
    "rng_state.pth",
    "trainer_state.json",
)
"""What a resume reads. Everything else the library writes (pickled arguments, a card, the tokenizer) is left out."""
METRICS = "metrics.jsonl"
"""The steps up to the checkpoint: a worker that has nothing but a checkpoint still knows the whole run."""


@dataclass(frozen=True)
class Checkpoint:
    """A sealed checkpoint: `digest` is the digest of its manifest, and so of all its bytes."""

    step: int
    path: Path
    digest: str
    facts: dict[str, Any]


@contextmanager
def writing(folder: Path) -> Iterator[Path]:
    """A scratch folder beside the checkpoints; what is in it when the block raises is thrown away."""
    scratch = folder / f".writing-{os.getpid()}"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def seal(scratch: Path, folder: Path, step: int, facts: dict[str, Any]) -> Checkpoint:
    """Make the files in `scratch` the checkpoint of `step`. `facts` (losses and the like) stand in the manifest."""
    files = {path.name: _digest(path) for path in sorted(scratch.iterdir())}
    for path in scratch.iterdir():
        _flush(path)
    manifest = {"step": step, "files": files, "facts": facts}
    (scratch / MANIFEST).write_text(json.dumps(manifest, indent=1, sort_keys=True), encoding="utf-8")
    _flush(scratch / MANIFEST)
    _flush(scratch)
    target = _path(folder, step)
    # Only a torn or older folder can stand here: the same step is written again after a resume from before it.
    shutil.rmtree(target, ignore_errors=True)
    os.rename(scratch, target)
    _flush(folder)
    return Checkpoint(step, target, canonical_digest(manifest), facts)


def read(path: Path) -> Checkpoint | None:
    """The checkpoint at `path`, or None when it is torn or altered."""
    found = look(path)
    return found if isinstance(found, Checkpoint) else None


def look(path: Path) -> Checkpoint | str:
    """The checkpoint at `path`, or why it is none: no manifest, a missing file or other bytes than sealed."""
    try:
        found = sealed(path)
        for name, digest in json.loads((path / MANIFEST).read_bytes())["files"].items():
            if _digest(path / name) != digest:
                return f"{name} has other bytes than were sealed"
    except FileNotFoundError as error:
        return f"{Path(str(error.filename)).name} is missing"
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return f"{MANIFEST} cannot be read"
    return found


def sealed(path: Path) -> Checkpoint:
    """What the manifest says, without reading the files. Raises OSError, ValueError, KeyError, TypeError."""
    manifest = json.loads((path / MANIFEST).read_bytes())
    return Checkpoint(int(manifest["step"]), path, canonical_digest(manifest), dict(manifest["facts"]))


def best(folder: Path, among: Iterable[int]) -> int | None:
    """Which of these steps has the lowest held-out loss, by the manifests."""
    losses: list[tuple[float, int]] = []
    for step in among:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            losses.append((float(sealed(_path(folder, step)).facts["heldout_loss"]), step))
    return min(losses)[1] if losses else None


def at(folder: Path, step: int) -> Checkpoint | str:
    """The checkpoint of that step, or why it is none."""
    return look(_path(folder, step))


def newest(folder: Path) -> Checkpoint | None:
    """The newest checkpoint that is whole."""
    found = (read(path) for path in sorted(folder.glob("step-*"), reverse=True))
    return next((checkpoint for checkpoint in found if checkpoint is not None), None)


def valid(folder: Path) -> list[Checkpoint]:
    """Every whole checkpoint, oldest first."""
    return [checkpoint for path in sorted(folder.glob("step-*")) if (checkpoint := read(path)) is not None]


def adopt(fetched: Path, folder: Path) -> None:
    """Move a checkpoint that came from elsewhere, read-only as the store writes it, to its place."""
    found = read(fetched)
    if found is None:
        raise IntegrityRefused(
            "CHECKPOINT_TORN",
            "a stored checkpoint does not fit its manifest",
            "none: the checkpoint before it is gone on from",
        )
    for path in (fetched, *fetched.iterdir()):
        path.chmod(path.stat().st_mode | stat.S_IWUSR)
    target = _path(folder, found.step)
    shutil.rmtree(target, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    os.rename(fetched, target)


def steps(folder: Path) -> list[int]:
    """Steps that have a folder, whole or not, oldest first: cheap enough to ask every second."""
    return [int(path.name.removeprefix("step-")) for path in sorted(folder.glob("step-*"))]


def discard(folder: Path, step: int) -> None:
    """Delete the checkpoint of a step, whole or not."""
    shutil.rmtree(_path(folder, step), ignore_errors=True)


def keep_only(folder: Path, kept: Collection[int]) -> None:
    """Delete the checkpoints of other steps, and what dead writers left."""
    for step in set(steps(folder)) - set(kept):
        shutil.rmtree(_path(folder, step))
    for path in folder.glob(".writing-*"):
        shutil.rmtree(path, ignore_errors=True)


def _path(folder: Path, step: int) -> Path:
    return folder / f"step-{step:06d}"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
