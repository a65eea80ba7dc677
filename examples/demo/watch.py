"""Waits for things to happen and shows them happening."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from temporalio.service import RPCError

from assay.client import AssayClient
from assay.contracts.errors import AssayError, NotFound
from assay.contracts.evaluation import EvaluationStatus
from assay.contracts.lifecycle import LifecycleRequest
from assay.contracts.rollout import RolloutStatus
from assay.contracts.training import TrainingProgress, TrainingStatus
from examples.demo.story import Story

Status = TypeVar("Status")


async def until(ask: Callable[[], Awaitable[Status]], ready: Callable[[Status], bool], every: float = 0.3) -> Status:
    """Ask until it is ready; what has not begun yet is waited for."""
    while True:
        try:
            status = await ask()
            if ready(status):
                return status
        except (NotFound, RPCError):
            pass
        await asyncio.sleep(every)


class StoppedEarly(AssayError):
    """The lifecycle ended before the step that was waited for."""


class Watcher:
    """Watches one lifecycle; a lifecycle that fails ends every wait with its reason."""

    def __init__(self, story: Story, client: AssayClient, request: LifecycleRequest) -> None:
        self.story, self.client, self.request = story, client, request
        self.key = (request.tenant, request.model, request.version)

    async def step(self, ask: Callable[[], Awaitable[Status]], ready: Callable[[Status], bool]) -> Status:
        """Wait for a child's status; raises StoppedEarly when the lifecycle has failed or was refused."""

        async def asked() -> Status:
            whole = await self.client.lifecycle_status(*self.key)
            if whole.stage in ("failed", "refused"):
                raise StoppedEarly(
                    "LIFECYCLE_ENDED", f"{whole.stage}: {'; '.join(whole.reasons)}", "see the Temporal UI"
                )
            return await ask()

        return await until(asked, ready)

    async def training(
        self, beyond_checkpoint: Callable[[TrainingProgress], Awaitable[None]] | None
    ) -> tuple[TrainingStatus, list[dict[str, Any]]]:
        """Show steps, loss and tokens/s live; call `beyond_checkpoint` once when a step has followed a checkpoint."""
        points: list[dict[str, Any]] = []
        with self.story.progress() as progress:
            bar = progress.add_task("training", total=self.request.recipe.max_steps, note="starting the trainer")
            while True:
                status = await self.step(lambda: self.client.training_status(*self.key), lambda _: True)
                if status.stage in ("trained", "refused", "failed"):
                    progress.update(bar, completed=self.request.recipe.max_steps, note="done")
                    return status, points
                now = await self.client.training_progress(*self.key)
                if now is not None and now.step:
                    progress.update(bar, completed=now.step, note=_note(now))
                    points.append(now.model_dump(mode="json"))
                if beyond_checkpoint and now and now.checkpoint_step and now.step > now.checkpoint_step:
                    await beyond_checkpoint(now)
                    beyond_checkpoint = None
                await asyncio.sleep(1)

    async def evaluation(self) -> EvaluationStatus:
        """Show arms done."""
        with self.story.progress() as progress:
            bar = progress.add_task("evaluating", total=None, note="")
            while True:
                status = await self.step(lambda: self.client.evaluation_status(*self.key), lambda _: True)
                note = f"{status.stage}, {status.arms_done} of {status.arms_total} arms"
                progress.update(bar, completed=status.arms_done, total=status.arms_total, note=note)
                if status.stage == "evaluated":
                    return status
                await asyncio.sleep(0.5)

    async def rollout(self, ends: frozenset[str]) -> RolloutStatus:
        """Show each change of stage, percent and verdict, and how many answers were judged, until one of `ends`."""
        shown: tuple[object, ...] = ()
        with self.story.progress() as progress:
            bar = progress.add_task("judging", total=None, note="")
            while True:
                status = await self.step(lambda: self.client.rollout_status(*self.key), lambda _: True)
                reason = status.analysis.reason if status.analysis else ""
                progress.update(bar, note=reason)
                verdict = status.analysis.verdict if status.analysis else ""
                now = (status.stage, status.percent, status.route_revision, verdict)
                if now != shown:
                    self.story.say(_routed(status, reason))
                    shown = now
                if status.stage in ends:
                    return status
                await asyncio.sleep(0.5)


def _routed(status: RolloutStatus, reason: str) -> str:
    """Before the first table there is no revision, and before the first answers nothing to say of them."""
    routes = "" if status.route_revision is None else f", route revision {status.route_revision}"
    return f"  {status.stage} {status.percent:g} %{routes}{f': {reason}' if reason else ''}"


def _note(now: TrainingProgress) -> str:
    loss = f"loss {now.loss:.3f}" if now.loss is not None else ""
    speed = f"{now.tokens_per_second:.0f} tokens/s" if now.tokens_per_second else ""
    left = f"about {now.eta_seconds:.0f} s left" if now.eta_seconds is not None else ""
    return "  ".join(part for part in (loss, speed, left) if part)
