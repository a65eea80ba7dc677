"""Notices that a client hung up, so that the engine stops generating for nobody."""

from __future__ import annotations

import asyncio
from typing import Final

from serving.gateway.http import Request

WATCH_AFTER_SECONDS: Final = 0.02
"""How long a request runs, at least, before its client is watched; at most twice that."""


class Watches:
    """Watches that have not begun: a task or a timer of its own costs more than a quick answer is worth.

    One timer for all of them begins each after `WATCH_AFTER_SECONDS`, at most twice that.
    """

    def __init__(self) -> None:
        self._new: set[Watch] = set()
        self._older: set[Watch] = set()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, watch: Watch) -> None:
        """Begin it later."""
        self._new.add(watch)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(WATCH_AFTER_SECONDS, self._turn)

    def discard(self, watch: Watch) -> None:
        """Its request is through."""
        self._new.discard(watch)
        self._older.discard(watch)

    def _turn(self) -> None:
        older, self._older, self._new = self._older, self._new, set()
        for watch in older:
            watch.begin()
        waiting = self._older or self._new
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(WATCH_AFTER_SECONDS, self._turn) if waiting else None


class Watch:
    """Cancels the request when its client hangs up, so that the engine stops generating for nobody."""

    def __init__(self, request: Request, others: Watches) -> None:
        task = asyncio.current_task()
        assert task
        self._work, self._fired, self._request = task, False, request
        self._watch: asyncio.Task[None] | None = None
        self._others = others
        others.add(self)

    def begin(self) -> None:
        """From now on."""
        self._watch = asyncio.create_task(self._request.gone())
        self._watch.add_done_callback(self._fire)

    def _fire(self, watch: asyncio.Task[None]) -> None:
        if not watch.cancelled():
            self._fired = True
            self._work.cancel()

    def fired(self) -> bool:
        """Whether the cancellation being handled was ours; then it is taken back."""
        if self._fired:
            self._work.uncancel()
        return self._fired

    def stop(self) -> None:
        """The request is through."""
        self._others.discard(self)
        if self._watch is not None:
            self._watch.remove_done_callback(self._fire)
            self._watch.cancel()
