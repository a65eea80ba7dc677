"""Heartbeats from beside the work: a phase that hashes, uploads or waits in a queue lives though it has nothing to say.

They say that the process lives, not that the work gets on: the activity's `start_to_close_timeout` bounds a phase that
hangs.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, Final

from temporalio import activity

from assay.telemetry import meters

EVERY_SECONDS: Final = 4.0
"""Several in the shortest heartbeat timeout, the 15 seconds of a training."""


class Beat:
    """Sends details now, and remembers them for the beats in between."""

    def __init__(self, *details: Any) -> None:  # noqa: ANN401  # the SDK's own signature
        self._lock = threading.Lock()
        self._details = details

    def __call__(self, *details: Any) -> None:  # noqa: ANN401  # the SDK's own signature
        """Send these, and again until others are given; also when sending them fails, never older ones after them."""
        with self._lock:
            self._details = details
            activity.heartbeat(*details)
        _seen(time.time())

    def again(self) -> None:
        """Send the last ones."""
        with self._lock:
            activity.heartbeat(*self._details)
        _seen(time.time())


def _seen(at: float) -> None:
    meters.HEARTBEAT.set(at, activity_type=activity.info().activity_type)


@contextmanager
def beating(*details: Any, every: float = EVERY_SECONDS) -> Iterator[Beat]:  # noqa: ANN401  # the SDK's own signature
    """Within this block of a synchronous activity a heartbeat goes out every few seconds, first with these details."""
    beat, ended = Beat(*details), threading.Event()
    beat.again()

    def run() -> None:
        while not ended.wait(every):
            try:
                beat.again()
            except (RuntimeError, TimeoutError):  # the worker's loop is busy, or closed: the next one may get through
                logging.getLogger(__name__).warning("a heartbeat was not sent", exc_info=True)

    # The activity is found through a context variable, which a new thread does not inherit.
    thread = threading.Thread(target=contextvars.copy_context().run, args=(run,), name="heartbeat", daemon=True)
    thread.start()
    try:
        yield beat
    finally:
        ended.set()
        thread.join()
        _seen(0)


@asynccontextmanager
async def beating_async(*details: Any, every: float = EVERY_SECONDS) -> AsyncIterator[Beat]:  # noqa: ANN401  # as above
    """The same for an activity that is a coroutine: its heartbeats must come from its own loop."""
    beat = Beat(*details)
    beat.again()

    async def run() -> None:
        while True:
            await asyncio.sleep(every)
            beat.again()

    task = asyncio.create_task(run())
    try:
        yield beat
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        _seen(0)
