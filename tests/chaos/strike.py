"""Carries out a plan: waits for a stage of the leading lifecycle, then kills or pauses, and keeps what it did."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import psutil

from .house import House
from .life import ENDED, Life
from .plan import Strike

_PATIENCE: Final = 45.0
"""A trainer lives for seconds only: that long a strike waits for its target to be there."""


@dataclass(frozen=True)
class Struck:
    """What was done. `stage` is where the leading lifecycle really stood; times are epoch seconds."""

    strike: Strike
    at: float
    until: float
    pid: int
    stage: str

    def document(self) -> dict[str, Any]:
        """For the summary."""
        return {**asdict(self.strike), "at": round(self.at, 2), "pid": self.pid, "really": self.stage}


@dataclass
class Striker:
    """Strikes one round at a time."""

    house: House
    say: Callable[[str], None]
    struck: list[Struck] = field(default_factory=list)
    missed: list[Strike] = field(default_factory=list)
    _dead: set[int] = field(default_factory=set)
    """Killed once: their supervisor may not have noticed yet."""
    _paused: list[asyncio.Task[None]] = field(default_factory=list)

    async def play(self, strikes: Sequence[Strike], life: Life) -> None:
        """All strikes of a round against the stack that `life` runs on; returns when the last pause is over."""
        for strike in strikes:
            await self._moment(strike, life)
            await self._strike(strike, life)
        await asyncio.gather(*self._paused)
        self._paused.clear()

    async def _moment(self, strike: Strike, life: Life) -> None:
        """The stage's beginning plus the delay; at once when that is over already."""
        await life.reaches(strike.stage)
        began = life.began.get(strike.stage, time.time())
        last = self.struck[-1].at if self.struck else 0.0
        await asyncio.sleep(max(0.0, began + strike.delay - time.time(), last + strike.gap - time.time()))

    async def _strike(self, strike: Strike, life: Life) -> None:
        deadline = time.monotonic() + _PATIENCE
        while (pid := await asyncio.to_thread(self.house.pid, strike.target)) is None or pid in self._dead:
            if time.monotonic() > deadline or life.status.stage in ENDED:
                self.missed.append(strike)
                return
            await asyncio.sleep(0.2)
        try:
            process = psutil.Process(pid)
            os.kill(pid, signal.SIGSTOP if strike.pause else signal.SIGKILL)
        except (ProcessLookupError, psutil.NoSuchProcess):
            self.missed.append(strike)
            return
        if not strike.pause:
            self._dead.add(pid)
        now = time.time()
        self.struck.append(Struck(strike, now, now + strike.pause, pid, life.stage or "preparing"))
        what = f"paused for {strike.pause:g} s" if strike.pause else "killed"
        self.say(f"{what}: {strike.target} (pid {pid}), {life.name} in {life.stage}")
        if strike.pause:
            self._paused.append(asyncio.create_task(_go_on(process, strike.pause)))


async def _go_on(process: psutil.Process, after: float) -> None:
    await asyncio.sleep(after)
    try:
        process.send_signal(signal.SIGCONT)  # psutil checks that the pid is still the same process
    except psutil.NoSuchProcess:
        return  # killed meanwhile
