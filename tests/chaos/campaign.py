"""Rounds of lifecycles under strikes on one house: driven, struck, waited for, checked."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from activities.training import checkpoints
from activities.training.export import export_adapter
from activities.training.job import RunFolder, candidates_of
from activities.training.process import CHECKOUT, ENVIRONMENT
from assay.client import AssayClient
from assay.contracts.data import IntakeRequest
from registry.database import Database
from registry.root_digest import root_digest

from . import material
from .histories import failed_tasks, flips
from .house import House, until_healthy
from .invariants import Checker
from .life import ANN, Life, persistently, request
from .plan import Strike
from .strike import Striker
from .traffic import Traffic

TENANTS: Final = ("acme", "globex")
MODEL: Final = "helpdesk"
PATIENCE: Final = 1200.0
"""For one round: ten times what an undisturbed one takes."""


@dataclass
class Campaign:
    """One house and what happened in it."""

    house: House
    say: Callable[[str], None]
    tenants: tuple[str, ...] = TENANTS
    violations: list[str] = field(default_factory=list)
    rounds: list[dict[str, Any]] = field(default_factory=list)
    client: AssayClient = field(init=False)
    traffic: Traffic = field(init=False)
    striker: Striker = field(init=False)
    checker: Checker = field(init=False)
    _flips: list[tuple[float, int]] = field(default_factory=list)

    async def open(self) -> None:
        """Start the house, make keys, seal every tenant's dataset once undisturbed."""
        self.house.prepare()
        await self.house.start()
        self.client = await AssayClient.connect(self.house.settings.temporal)
        keys = {tenant: self.house.registry.keys.create(tenant) for tenant in self.tenants}
        self.traffic, self.striker = Traffic(self.house, keys), Striker(self.house, self.say)
        manifests = {tenant: await self._undisturbed(tenant) for tenant in self.tenants}
        self.checker = Checker(self.house, Database(self.house.settings.database), manifests)

    async def _undisturbed(self, tenant: str) -> dict[str, Any]:
        wanted = IntakeRequest(
            tenant=tenant, dataset="undisturbed", sources=material.sources(self.house.data), requested_by=ANN
        )
        handle = await self.client.start_intake(wanted)
        status = await handle.result()
        assert status.dataset is not None
        manifest: dict[str, Any] = json.loads(self.house.registry.blobs.get(status.dataset.manifest))
        return manifest

    async def round(self, number: int, strikes: list[Strike]) -> None:
        """One lifecycle of each tenant at the same time; strikes follow the stages of one of them in turn."""
        begun, already = time.time(), len(self.striker.struck)
        lives = [Life(self.client, request(self.house.data, t, MODEL, number + 1)) for t in self.tenants]
        leading = lives[number % len(lives)]
        async with self.traffic.flowing():
            living = asyncio.gather(*(life.live() for life in lives), self.striker.play(strikes, leading))
            with suppress(TimeoutError):
                await asyncio.wait_for(living, PATIENCE)
            healthy = await until_healthy(self.house, 300)
            await asyncio.sleep(5)  # the reconciler's and the gateways' next rounds
        wrong = await self._check(lives, healthy)
        self.violations += [f"round {number + 1}: {one}" for one in wrong]
        self._report(number, begun, already, lives, wrong)

    async def _check(self, lives: list[Life], healthy: bool) -> list[str]:
        wrong = [] if healthy else ["not everything is healthy after five minutes"]
        for life in lives:
            wrong += self.checker.life(life)
            if life.status.stage == "production":
                self._flips += await flips(self.client.temporal, life.key)
                wrong += await failed_tasks(self.client.temporal, life.request)
        wrong += await self.checker.routes() + await self.checker.engine()
        wrong += [*self.checker.loads(), *self.checker.files()]
        wrong += self.checker.answers(self.traffic, self._flips)
        wrong += [f"left running: {line}" for line in self.house.strangers()]
        if lives[0].status.stage == "production":
            wrong += await self._twin(lives[0])
        return wrong

    async def _twin(self, life: Life) -> list[str]:
        """The same run, trained again by nobody but the trainer, gives the same weights."""
        status = await persistently(lambda: self.client.training_status(*life.key))
        assert status.result is not None
        made = {candidate.step: candidate.adapter for candidate in status.result.candidates}
        return (
            []
            if await asyncio.to_thread(twin, self.house, status.result.run_id) == made
            else [f"{life.name}: the weights are not those of an undisturbed run"]
        )

    def _report(self, number: int, begun: float, already: int, lives: list[Life], wrong: list[str]) -> None:
        struck, seen = self.striker.struck[already:], self.traffic.seen
        ends = {life.name: life.status.stage for life in lives}
        document = {
            "round": number + 1,
            "engine": self.house.engine,
            "seconds": round(time.time() - begun),
            "lifecycles": ends,
            "requests": len(seen),
            "requests_failed": sum(one.status != 200 for one in seen),
            "down_seconds": round(sum(end - start for start, end in self.traffic.down if end > begun)),
            "strikes": [one.document() for one in struck],
            "violations": wrong,
        }
        self.rounds.append(document)
        self.traffic.seen = []
        self.say(
            f"round {number + 1}: {len(struck)} strikes, {', '.join(ends.values())}, {document['seconds']} s, "
            f"{len(wrong)} violations"
        )
        for one in wrong[:20]:
            self.say(f"  VIOLATION {one}")


def twin(house: House, run_id: str) -> dict[int, str]:
    """Step to adapter digest of an undisturbed training of the same `run.json`."""
    original, folder = house.home / "runs" / run_id, RunFolder(house.home / "twins" / run_id)
    folder.checkpoints.mkdir(parents=True)
    shutil.copyfile(original / "run.json", folder.run)
    command = [sys.executable, "-m", "activities.training.sft", "--workdir", str(folder.workdir)]
    environment = {**house.environment, **ENVIRONMENT}
    done = subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    run, found = folder.read_run(), {one.step: one for one in checkpoints.valid(folder.checkpoints)}
    return {
        step: root_digest(export_adapter(found[step], run.base, folder.workdir / "adapters" / str(step)))
        for step in candidates_of(found, run.recipe)
    }
