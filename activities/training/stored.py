"""The last checkpoints of a run in the blob store: named in every heartbeat, brought to the worker that goes on."""

from __future__ import annotations

import contextlib
import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from activities.training import checkpoints
from activities.training.checkpoints import Checkpoint
from activities.training.job import RunFolder, scheduled, worth_keeping
from assay.contracts.base import Digest, Reference
from assay.contracts.errors import InputRefused, IntegrityRefused, NotFound
from assay.contracts.training import PassedOver, StoredCheckpoint, TrainingProgress
from registry import BlobStore, trees
from registry.blobs import reference_of

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Kept:
    """A stored checkpoint. `sealed` is the digest of its manifest where this process stored it."""

    tree: Digest
    heldout_loss: float | None
    sealed: Digest | None = None


class Stored:
    """Which checkpoints are stored, by step; begins with those that the last heartbeat of another attempt named."""

    def __init__(
        self,
        folder: RunFolder,
        blobs: BlobStore,
        known: TrainingProgress | None,
        put: Callable[[Path], Reference] | None = None,
    ) -> None:
        """`put` stores a checkpoint; without it nothing else is told of it."""
        self._folder, self._blobs, self._put = folder, blobs, put or blobs.put_tree
        self._recipe = folder.read_run().recipe
        self._kept = {one.step: _Kept(one.tree, one.heldout_loss) for one in known.earlier} if known else {}
        if known and known.checkpoint and known.checkpoint_step:
            self._kept[known.checkpoint_step] = _Kept(known.checkpoint, known.checkpoint_heldout_loss)
        self.passed_over: tuple[PassedOver, ...] = known.passed_over if known else ()

    def bring_here(self) -> int:
        """Fetch what is not here as it was stored of the checkpoints worth keeping. Returns the step to go on from.

        One that is torn or altered, here and in the store, is passed over: the one before it is gone on from, and
        `passed_over` says why. Raises Unavailable.
        """
        here = set(filter(self._is_here, checkpoints.steps(self._folder.checkpoints)))
        for step in self._worth(here | self._kept.keys()):
            if step not in here and self._fetch(step):
                here.add(step)
        return max(here, default=0)

    def add_new(self) -> None:
        """Store the checkpoints that were sealed since. Raises Unavailable."""
        here = checkpoints.steps(self._folder.checkpoints)
        if self._folder.read_interventions():
            # A rollback deleted those after it here: another worker must not go on from them either.
            self._kept = {step: kept for step, kept in self._kept.items() if step <= max(here, default=0)}
        for step in here:
            if self._is_new(step):
                self._store(step)

    def _is_new(self, step: int) -> bool:
        """Whether other bytes are stored, or none: after a rollback the same step is sealed again."""
        known = self._kept.get(step)
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            return known is None or known.sealed != checkpoints.sealed(self._folder.checkpoint(step)).digest
        return False

    def named_in(self, progress: TrainingProgress) -> TrainingProgress:
        """The same progress with the stored checkpoints, and those that were passed over."""
        named: dict[str, object] = {"passed_over": self.passed_over}
        if self._kept:
            *earlier, newest = self._worth(self._kept)
            named |= {
                "checkpoint_step": newest,
                "checkpoint": self._kept[newest].tree,
                "checkpoint_heldout_loss": self._kept[newest].heldout_loss,
                "earlier": tuple(
                    StoredCheckpoint(step=step, tree=self._kept[step].tree, heldout_loss=self._kept[step].heldout_loss)
                    for step in earlier
                ),
            }
        return progress.model_copy(update=named)

    def _worth(self, steps: set[int] | dict[int, _Kept]) -> list[int]:
        losses = {step: one.heldout_loss for step, one in self._kept.items() if one.heldout_loss is not None}
        best = min(scheduled(losses, self._recipe), key=lambda step: losses[step], default=None)
        return worth_keeping(steps, self._recipe, best)

    def _is_here(self, step: int) -> bool:
        """Whether it lies here whole and, where it was stored, as it was stored. What does not is deleted."""
        found = checkpoints.at(self._folder.checkpoints, step)
        stored = self._kept.get(step)
        if isinstance(found, Checkpoint):
            if stored is None or _tree_digest(found.path) == stored.tree:
                return True
            found = "its files are not those that were stored"
        self._pass_over(step, found)
        checkpoints.discard(self._folder.checkpoints, step)
        return False

    def _fetch(self, step: int) -> bool:
        """Bring one from the store. A blob that is missing or has other bytes takes the whole checkpoint with it."""
        tree = self._kept[step].tree
        try:
            # Named by what it holds: a step may be stored again, and a killed worker have left its older bytes here.
            fetched = self._blobs.fetch_tree(tree, self._folder.workdir / f"fetched-{tree.removeprefix('sha256:')}")
            checkpoints.adopt(fetched, self._folder.checkpoints)
        except (IntegrityRefused, NotFound) as error:
            del self._kept[step]
            self._pass_over(step, f"{error.code}: {error.message}")
            return False
        return True

    def _pass_over(self, step: int, why: str) -> None:
        log.warning("checkpoint of step %d is not gone on from: %s", step, why)
        self.passed_over = (*self.passed_over, PassedOver(step=step, why=why))[-_MOST_TOLD:]

    def _store(self, step: int) -> None:
        """The trainer may sweep it meanwhile: what was stored counts only if all of it is there afterwards."""
        found = checkpoints.at(self._folder.checkpoints, step)
        if isinstance(found, str):
            return
        try:
            tree = self._put(found.path)
        except (FileNotFoundError, InputRefused):
            if checkpoints.read(found.path) == found:
                raise
            return
        if checkpoints.read(found.path) == found:
            self._kept[step] = _Kept(tree.sha256, found.facts.get("heldout_loss"), found.digest)


_MOST_TOLD = 20
"""Checkpoints passed over that a heartbeat names, the last ones."""


def _tree_digest(directory: Path) -> Digest:
    """What `put_tree` would return, without storing anything."""
    return "sha256:" + hashlib.sha256(trees.listing(directory, reference_of)).hexdigest()
