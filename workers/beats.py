"""Every activity with a heartbeat timeout beats, whether it says something or not: a killed worker is noticed by all.

Without it, an activity that only takes a moment would be missed for its whole `start_to_close_timeout`: a rollback
whose worker died would wait five minutes for another.

An answer to a heartbeat may be that the activity is cancelled. Those that beat by themselves are told: they can take a
while. The others end what they do, as if nobody had beaten for them; what they do half, nobody undoes.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, Final

from temporalio import activity
from temporalio.worker import (
    ActivityInboundInterceptor,
    ActivityOutboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
)

EVERY_SECONDS: Final = 4.0
"""Several in the shortest heartbeat timeout, the 15 seconds of a training."""


class _Remembering(ActivityOutboundInterceptor):
    """Keeps the details that the activity sent last; before that, those of the attempt before."""

    def __init__(self, next: ActivityOutboundInterceptor) -> None:
        super().__init__(next)
        self._details: tuple[Any, ...] = tuple(next.info().heartbeat_details)
        self.own = False

    def heartbeat(self, *details: Any) -> None:  # noqa: ANN401  # the SDK's signature
        """The activity's own."""
        self._details, self.own = details, True
        super().heartbeat(*details)

    def again(self) -> None:
        """Send the last ones."""
        super().heartbeat(*self._details)


class _Beating(ActivityInboundInterceptor):
    _outbound: _Remembering

    def init(self, outbound: ActivityOutboundInterceptor) -> None:
        self._outbound = _Remembering(outbound)
        super().init(self._outbound)

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: ANN401  # SDK signature
        if activity.info().heartbeat_timeout is None:
            return await super().execute_activity(input)
        beats = asyncio.create_task(self._beat())
        try:
            return await self._ended(asyncio.ensure_future(super().execute_activity(input)))
        finally:
            beats.cancel()
            with suppress(asyncio.CancelledError):
                await beats

    async def _ended(self, work: asyncio.Future[Any]) -> Any:  # noqa: ANN401  # what the activity returns
        while True:
            try:
                return await asyncio.shield(work)
            except asyncio.CancelledError:
                details = activity.cancellation_details()
                if work.done() or self._outbound.own or (details and details.worker_shutdown):
                    work.cancel()
                    return await work

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            self._outbound.again()


class Beats(Interceptor):
    """Worker interceptor, see the module."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        """Wrap one activity execution."""
        return _Beating(super().intercept_activity(next))
