"""How long a rollback takes: from the decision to turn back until every gateway answers from the old arm.

    python benchmarks/rollback.py [--flips 200] [--gateways 2] [--routes 100]

Real registry, real gateways (one process each), and the activity that the Rollout workflow calls. Before each flip half
of the sessions are on a canary. Timed is `publish_routes` with `withdraw`: the pointer's write and its confirmation by
every gateway. Then a session of the canary asks each gateway: the stable arm must answer. The engine counts loads.
"""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any, Final, NamedTuple

import aiohttp
import click

from activities.serving.activity import ServingActivities
from assay.contracts.names import adapter_name
from assay.contracts.rollout import Arm, Route, RouteChange, RouteTable
from assay.memory import settle_memory
from benchmarks.house import House, publish, started_house, told_by
from benchmarks.material import BASE
from benchmarks.report import Report, options, quantile
from serving.gateway.cohort import bucket
from serving.gateways import Gateways
from serving.routes import compile_table

OLD, NEW = "sha256:" + "1" * 64, "sha256:" + "2" * 64
SESSION: Final = next(str(n) for n in range(1000) if bucket("acme", "helpdesk", str(n)) < 5000)
"""One that a canary of half the sessions gets."""


def change(key: str, **fields: Any) -> RouteChange:  # noqa: ANN401  # of RouteChange
    """A change of the one route that moves."""
    return RouteChange(
        tenant="acme",
        model="helpdesk",
        base=BASE,
        target=NEW,
        stable=OLD,
        actor="benchmark",
        reason="benchmark",
        key=key,
        **fields,
    )


def first_table(routes: int) -> RouteTable:
    """The route that moves, among others that do not."""
    others = tuple(
        Route(
            tenant=f"tenant-{index}",
            model="helpdesk",
            base=BASE,
            arms=(Arm(name="stable", version=None, adapter=None, percent=100),),
        )
        for index in range(routes - 1)
    )
    return compile_table(RouteTable(revision=0, routes=others), change("first"))


class Flips(NamedTuple):
    """Milliseconds of each flip, by the clock and of this processor, and of a plain flush to the same disk beside it;
    answers that came from the new arm.
    """

    took: list[float]
    worked: list[float]
    flushed: list[float]
    wrong: int


async def flip(house: House, flips: int) -> Flips:
    """Canary forward, and back, so many times; timed is the way back."""
    settings, registry, key = house.settings, house.registry, house.key
    activities, gateways = ServingActivities(settings), Gateways(settings.gateways, "admin")
    took, worked, flushed, wrong = [], [], [], 0
    async with aiohttp.ClientSession() as session:
        for number in range(flips):
            forward = change(f"forward-{number}", canary=NEW, canary_percent=50)
            table = compile_table(registry.routes.current(), forward)
            await asyncio.to_thread(publish, registry, table, forward.key)
            await gateways.refresh(table.revision)
            if "stable" in [await arm(session, url, key) for url in settings.gateways]:
                raise RuntimeError("the canary was not in force before the flip")
            began = time.process_time()
            published = await activities.publish_routes(change(f"back-{number}", withdraw=True))
            worked.append((time.process_time() - began) * 1000)
            took.append(published.flip_milliseconds)
            flushed.append(await asyncio.to_thread(flush, settings.home / "flushed"))
            wrong += [await arm(session, url, key) for url in settings.gateways].count("canary")
    return Flips(took, worked, flushed, wrong)


def flush(file: Path) -> float:
    """Milliseconds of one write of 4 KiB that reaches the disk: what no commit can be quicker than."""
    began = time.perf_counter()
    with file.open("wb") as out:
        out.write(bytes(4096))
        out.flush()
        os.fsync(out.fileno())
    return (time.perf_counter() - began) * 1000


async def arm(session: aiohttp.ClientSession, url: str, key: str) -> str:
    """Which arm answers the session now."""
    return (await told_by(session, url, key, "helpdesk", SESSION))["x-assay-arm"]


async def loads(engine: int) -> int:
    """What the engine counted."""
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{engine}/loads") as response:
        return int(json.loads(await response.read())["loads"])


@options
@click.option("--flips", default=200, show_default=True)
@click.option("--gateways", "count", default=2, show_default=True)
@click.option("--routes", default=100, show_default=True, help="in the table")
def main(out: Path | None, flips: int, count: int, routes: int) -> None:
    """Measure rollbacks."""
    report = Report("rollback", f"{flips} rollbacks, {count} gateways, a table of {routes} routes")
    held = [adapter_name("acme", "helpdesk", version) for version in (OLD, NEW)]
    with (
        tempfile.TemporaryDirectory() as scratch,
        started_house(Path(scratch), count, first_table(routes), *held) as up,
    ):
        settle_memory()  # as the worker does whose part this process plays
        found = asyncio.run(flip(up, flips))
        report.add("a flip until every gateway confirmed it, p50", quantile(found.took, 0.5), "ms")
        report.add("a flip until every gateway confirmed it, p99", quantile(found.took, 0.99), "ms", at_most=50)
        report.add("longest flip", max(found.took), "ms")
        report.add("processor time of the worker for a flip, p50", quantile(found.worked, 0.5), "ms")
        report.add("processor time of the worker for a flip, p99", quantile(found.worked, 0.99), "ms")
        report.add("a plain flush to the same disk beside it, p50", quantile(found.flushed, 0.5), "ms")
        report.add("a plain flush to the same disk beside it, p99", quantile(found.flushed, 0.99), "ms")
        report.add("answers from the new arm after a flip", found.wrong, "", at_most=0)
        report.add("loads at the engine", asyncio.run(loads(up.engine)), "", at_most=0)
    report.write(out)


if __name__ == "__main__":
    main()
