"""The last checkpoints of a run in the blob store: named in every heartbeat, brought to the worker that goes on."""

from __future__ import annotations

from activities.training import checkpoints
from activities.training.checkpoints import Checkpoint
from activities.training.job import RunFolder, worth_keeping
from assay.contracts.base import Digest
from assay.contracts.errors import InputRefused
from assay.contracts.training import StoredCheckpoint, TrainingProgress
from registry import BlobStore


class Stored:
    """Which checkpoints are stored, by step; begins with those that the last heartbeat of another attempt named."""

    def __init__(self, folder: RunFolder, blobs: BlobStore, known: TrainingProgress | None) -> None:
        self._folder, self._blobs = folder, blobs
        self._recipe = folder.read_run().recipe
        self._trees: dict[int, Digest] = {one.step: one.tree for one in known.earlier} if known else {}
        if known and known.checkpoint and known.checkpoint_step:
            self._trees[known.checkpoint_step] = known.checkpoint

    def bring_here(self) -> int:
        """Fetch what is not here of the last checkpoints, the candidates to be. Returns the step to go on from.

        Raises IntegrityRefused (`BLOB_TAMPERED`, `CHECKPOINT_TORN`), NotFound, Unavailable.
        """
        here = {checkpoint.step for checkpoint in checkpoints.valid(self._folder.checkpoints)}
        kept = worth_keeping(here | self._trees.keys(), self._recipe)
        for step in kept:
            if step not in here:
                fetched = self._blobs.fetch_tree(self._trees[step], self._folder.workdir / f"fetched-{step}")
                checkpoints.adopt(fetched, self._folder.checkpoints)
        return max(kept, default=0)

    def add_new(self) -> None:
        """Store the checkpoints that were sealed since. Raises Unavailable."""
        for step in checkpoints.steps(self._folder.checkpoints):
            if step not in self._trees and (found := checkpoints.at(self._folder.checkpoints, step)):
                self._store(found)

    def named_in(self, progress: TrainingProgress) -> TrainingProgress:
        """The same progress with the stored checkpoints."""
        if not self._trees:
            return progress
        kept = worth_keeping(self._trees, self._recipe)
        *earlier, newest = (StoredCheckpoint(step=step, tree=self._trees[step]) for step in kept)
        named = {"checkpoint_step": newest.step, "checkpoint": newest.tree, "earlier": tuple(earlier)}
        return progress.model_copy(update=named)

    def _store(self, found: Checkpoint) -> None:
        """The trainer may sweep it meanwhile: what was stored counts only if all of it is there afterwards."""
        try:
            tree = self._blobs.put_tree(found.path)
        except (FileNotFoundError, InputRefused):
            if checkpoints.read(found.path) == found:
                raise
            return
        if checkpoints.read(found.path) == found:
            self._trees[found.step] = tree.sha256
