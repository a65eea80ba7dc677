"""One checkpoint at a time, written beside the training."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor


class Writer:
    """A thread with room for one piece of work: the next waits until it is done, and no error is lost."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._pending: Future[None] | None = None

    def start(self, work: Callable[[], None]) -> None:
        """Do this in the background, after what is being done. Raises what that raised."""
        self.wait()
        self._pending = self._thread.submit(work)

    @property
    def busy(self) -> bool:
        """Whether there is work that is not done."""
        return self._pending is not None and not self._pending.done()

    def check(self) -> None:
        """Raise what went wrong meanwhile, without waiting."""
        if self._pending is not None and self._pending.done():
            self.wait()

    def wait(self) -> None:
        """Return when nothing is left to do. Raises what the work raised, once."""
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.result()

    def close(self) -> None:
        """Wait, and end the thread. Raises what the work raised."""
        try:
            self.wait()
        finally:
            self._thread.shutdown()
