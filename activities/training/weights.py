"""Weights of a run on their way to the blob store: known to the lineage before they are there.

What a run was made from may have to go at any moment. An erasure finds what stands in the lineage, so a tree of weights
is listed and linked first, and only then uploaded: whoever is killed in between leaves nothing that nobody looks for.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from assay.contracts.base import Reference
from registry import Registry, trees
from registry.blobs import reference_of


class RunWeights:
    """Stores checkpoints and adapters of one run. `shield` is held while what was put is taken back."""

    def __init__(
        self, registry: Registry, run_id: str, shield: Callable[[], AbstractContextManager[None]] = nullcontext
    ) -> None:
        self.blobs = registry.blobs
        self._registry, self._run, self._shield = registry, run_id, shield

    def put(self, directory: Path) -> Reference:
        """What `put_tree` does, unless the run is withdrawn; of one that is withdrawn meanwhile nothing new stays.

        Raises IntegrityRefused (`ARTIFACT_WITHDRAWN`) and what `put_tree` raises.
        """
        listed = trees.listing(directory, reference_of)
        self._registry.withdrawals.refuse(self._run)
        tree = self.blobs.put(listed)
        self._registry.lineage.link(self._run, tree.sha256, "stored", parent_kind="run", child_kind="checkpoint")
        put = list[str]()
        try:
            self._upload(directory, trees.parse(listed), put)
        finally:
            with self._shield():
                self._take_back(put)
        self._registry.withdrawals.refuse(self._run)
        return tree

    def _upload(self, directory: Path, listed: trees.Tree, put: list[str]) -> None:
        """Names weights in `put` before they are there. Those that were stored before are not this call's to remove: a
        legal hold may keep them."""
        weights = {*trees.weights(listed)}
        for entry in listed.files:
            if not self.blobs.has(entry.sha256):
                put += [entry.sha256] if entry.sha256 in weights else []
                self.blobs.put_file(directory / entry.path, entry.sha256)

    def _take_back(self, put: list[str]) -> None:
        """The erasure may have destroyed and searched before the upload was through."""
        if put and (withdrawn := self._registry.withdrawals.of((self._run,))):
            destroyed = self._registry.destroyed
            known = {digest for digest in put if destroyed.reason(digest) is not None}
            destroyed.note({one for one in put if one not in known and self.blobs.has(one)}, withdrawn[0].case)
            for digest in put:
                self.blobs.remove(digest)
