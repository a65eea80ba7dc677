"""Where a function over Arrow batches runs: in worker processes of this machine, or on Ray (`ray_runner`)."""

from __future__ import annotations

import functools
import hashlib
import multiprocessing
import os
import pickle
import signal
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from pathlib import Path
from typing import Final, Protocol

import pyarrow as arrow

from assay.contracts.errors import Unavailable
from assay.settings import ScanningSettings

Work = Callable[[arrow.RecordBatch], arrow.RecordBatch]
"""A pure function that can be pickled."""
AHEAD: Final = 2
"""Batches a process that wait or are worked on: enough that none idles, few enough that memory stays bounded."""
_SMALL: Final = 1 << 16
"""Bytes of a pickled function that go along with each batch; a larger one is read from a file, once a process."""


class Runner(Protocol):
    """Applies a function to batches. The order stays, and how many run at once changes no byte."""

    @property
    def lanes(self) -> int:
        """Batches that are worked on at once."""
        ...

    def run(self, work: Work, batches: Iterable[arrow.RecordBatch]) -> Iterator[arrow.RecordBatch]:
        """What `work` makes of each batch, in order. Raises Unavailable (`SCANNER_DIED`)."""
        ...

    def close(self) -> None:
        """Give back what it holds. It can be used again afterwards."""
        ...


def runner_of(settings: ScanningSettings) -> Runner:
    """The one that is set."""
    if settings.runner == "ray":
        from activities.data.ray_runner import OnRay

        return OnRay(settings.ray_address, settings.lanes)
    return Processes(settings.lanes)


class Processes:
    """Processes of this machine, started at first use, each of which loads its models once. Safe to share by threads.

    They end with the process that started them, also when it is killed.
    """

    def __init__(self, lanes: int) -> None:
        self._lanes, self._lock = lanes, threading.Lock()
        self._pool: ProcessPoolExecutor | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    @property
    def lanes(self) -> int:
        """See `Runner`."""
        return self._lanes

    def run(self, work: Work, batches: Iterable[arrow.RecordBatch]) -> Iterator[arrow.RecordBatch]:
        """See `Runner`. A process that dies takes the batches in flight with it, and a new one is there next time."""
        packed, pool = self._packed(work), self._started()
        waiting: deque[Future[arrow.RecordBatch]] = deque()
        try:
            for batch in batches:
                waiting.append(pool.submit(_apply, packed, batch))
                if len(waiting) >= AHEAD * self._lanes:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool as error:
            self._discard(pool)
            raise Unavailable(
                "SCANNER_DIED",
                "a scanning process ended in the middle of its work",
                "it is tried again; is the machine short of memory? then set ASSAY_SCANNING__PROCESSES lower",
            ) from error
        finally:
            for left in waiting:
                left.cancel()

    def close(self) -> None:
        """See `Runner`."""
        with self._lock:
            pool, self._pool = self._pool, None
            folder, self._folder = self._folder, None
        if pool is not None:
            pool.shutdown(wait=True, cancel_futures=True)
        if folder is not None:
            folder.cleanup()

    def _started(self) -> ProcessPoolExecutor:
        with self._lock:
            if self._pool is None:
                # Spawned: a fork would copy the threads' locks of whoever asks, held as they are.
                context = multiprocessing.get_context("spawn")
                self._pool = ProcessPoolExecutor(self._lanes, mp_context=context, initializer=_begin)
            return self._pool

    def _discard(self, pool: ProcessPoolExecutor) -> None:
        with self._lock:
            if self._pool is pool:
                self._pool = None
        pool.shutdown(wait=False, cancel_futures=True)

    def _packed(self, work: Work) -> bytes | Path:
        packed = pickle.dumps(work)
        if len(packed) < _SMALL:
            return packed
        with self._lock:
            self._folder = self._folder or tempfile.TemporaryDirectory(prefix="assay-work-")
            path = Path(self._folder.name, hashlib.sha256(packed).hexdigest())
            if not path.exists():
                draft = path.with_suffix(".draft")
                draft.write_bytes(packed)
                draft.replace(path)
            return path


def _begin() -> None:
    """In each new process: leave the terminal's interrupt to the parent, and end when that ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _apply(packed: bytes | Path, batch: arrow.RecordBatch) -> arrow.RecordBatch:
    return _unpacked(packed)(batch)


@functools.lru_cache(4)
def _unpacked(packed: bytes | Path) -> Work:
    # Written by this process's own parent a moment ago.
    work: Work = pickle.loads(packed if isinstance(packed, bytes) else packed.read_bytes())  # noqa: S301
    return work
