"""How long it takes until nothing of a person is served, as the ledger grows; what is affected stays the same.

    python benchmarks/erasure.py [--rows 10000 --rows 100000 --rows 1000000] [--repeat 5] [--gateways 2]

One tenant has a dataset with that many ledger entries. Each repetition plants a person with three rows of their own
and two in which they are mentioned, in a small dataset with a run, an adapter and a route of production, which
gateways (one process each) serve and a stub engine holds. Timed is the activity that a case begins with: enter it, find
the rows, withdraw what was made from them, publish a route table in which it is denied, have every gateway take that
and every engine let go. Then each gateway is asked, and the base must answer. The part of the registry is timed alone.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp
import click

from activities.erasure.activity import ErasureServing
from activities.erasure.withdrawing import withdraw
from activities.serving.activity import ServingActivities
from assay.contracts.base import Reference
from assay.contracts.data import Dataset, IntakeRequest, RowCounts, Source
from assay.contracts.erasure import CaseJob, ErasureRequest, Withdrawn
from assay.contracts.errors import IntegrityRefused
from assay.contracts.names import adapter_name
from assay.contracts.rollout import Arm, Route, RouteTable
from benchmarks.house import House, started_house, told_by
from benchmarks.material import BASE
from benchmarks.report import Report, median, options
from registry import LedgerEntry, Registry
from serving.gateways import Gateways
from serving.routes import route_of

AIM: Final = 2.0
"""Seconds until unservable, at a million rows."""
TENANT: Final = "acme"
OWN, MENTIONED = 3, 2
EMPTY: Final = RouteTable(revision=1, routes=())


def hashed(text: str) -> str:
    """64 hexadecimal digits, as a keyed hash has."""
    return hashlib.sha256(text.encode()).hexdigest()


def digest(text: str) -> str:
    """A digest of nothing that exists."""
    return f"sha256:{hashed(text)}"


def entries(rows: int, seed: int) -> Iterator[LedgerEntry]:
    """So many ledger entries, streamed: twenty rows to a person, a mention in every tenth row."""
    chance = random.Random(seed)  # noqa: S311  # a sample, no secret
    for number in range(rows):
        mentions = (hashed(f"mention {chance.randrange(rows)}"),) if number % 10 == 0 else ()
        subject = hashed(f"person {chance.randrange(max(1, rows // 20))}")
        yield entry(f"{seed} {number}", number, subject, mentions)


def entry(name: str, ordinal: int, subject: str, mentions: tuple[str, ...] = ()) -> LedgerEntry:
    """An accepted row."""
    return LedgerEntry(
        row_id=digest(f"row {name}"),
        ordinal=ordinal,
        source="tickets",
        outcome="accepted",
        licence="Apache-2.0",
        consent="contract",
        tier="curated",
        subject=subject,
        mentions=mentions,
    )


def add(registry: Registry, name: str, made: Iterator[LedgerEntry], rows: int) -> str:
    """Enter a dataset; its id."""
    source = Source(
        name="tickets",
        uri="tickets.jsonl",
        system="crm",
        owner="ann",
        licence="Apache-2.0",
        purposes=("train-tenant-model",),
        consent="contract",
        retention_days=365,
        tier="curated",
    )
    request = IntakeRequest(tenant=TENANT, dataset=name, sources=(source,), requested_by="ann")
    id_ = digest(f"dataset {name}")
    nothing = Reference(uri=id_.replace("sha256:", "blob:"), sha256=id_)
    counts = RowCounts(read=rows, accepted=rows)
    registry.datasets.add(Dataset(id=id_, manifest=nothing, counts=counts), request, nothing, made)
    return id_


@dataclass(frozen=True)
class Planted:
    """A person, and what was made from their rows."""

    case: str
    model: str
    adapter: str
    request: ErasureRequest

    @property
    def job(self) -> CaseJob:
        """What the activities are told."""
        return CaseJob(case=self.case, workflow=self.case, request=self.request, decision_id="d")


def plant(registry: Registry, number: int) -> Planted:
    """Rows of a person, a run that learnt from them, and an adapter of it in production."""
    name, subject, mention = f"planted-{number}", hashed(f"planted {number}"), hashed(f"name of planted {number}")
    rows = [entry(f"own {number} {at}", at, subject) for at in range(OWN)]
    rows += [entry(f"by {number} {at}", at, hashed("other"), (mention,)) for at in range(OWN, OWN + MENTIONED)]
    dataset = add(registry, name, iter(rows), len(rows))
    adapter, run = digest(f"adapter {number}"), f"{TENANT}.{name}.1.{hashed(name)[:12]}"
    registry.lineage.link(dataset, run, "was learnt by", parent_kind="dataset", child_kind="run")
    registry.lineage.link(run, adapter, "gave", parent_kind="run", child_kind="adapter")
    current = registry.routes.current()
    arm = Arm(name="stable", version=adapter, adapter=adapter_name(TENANT, name, adapter), percent=100)
    route = Route(tenant=TENANT, model=name, base=BASE, arms=(arm,))
    table = RouteTable(revision=current.revision + 1, routes=(*current.routes, route), denied=current.denied)
    registry.routes.publish(table, key=f"plant/{number}", actor="ann", reason="planted", decision_id="d")
    case = f"{TENANT}.{hashed(name)[:12]}"
    request = ErasureRequest(tenant=TENANT, subject=subject, mentions=(mention,), requested_by="ann")
    return Planted(case, name, adapter, request)


def recorded(registry: Registry, planted: Planted) -> float:
    """Seconds until no table gives the adapter any more and nothing may be made from it."""
    began = time.perf_counter()
    done = withdraw(registry, planted.job)
    seen = registry.routes.current()
    ended = time.perf_counter() - began
    _assert_found(done)
    assert seen.revision == done.revision
    _assert_gone(registry, planted, seen)
    return ended


async def unservable(house: House, planted: Planted) -> float:
    """Seconds until every gateway denies the adapter and the engine has let go of it."""
    settings, name = house.settings, adapter_name(TENANT, planted.model, planted.adapter)
    activities, gateways = ServingActivities(settings), Gateways(settings.gateways, "admin")
    (engine,) = activities.engines
    await engine.load(name, settings.home)
    await gateways.refresh(house.registry.routes.current().revision)
    async with aiohttp.ClientSession() as session:
        for url in settings.gateways:
            await _until_served(session, url, house, planted)
        began = time.perf_counter()
        done = await ErasureServing(settings, activities).withdraw_rows(planted.job)
        ended = time.perf_counter() - began
        served = {await _adapter(session, url, house, planted) for url in settings.gateways}
        held = await engine.loaded()
        await engine.close()
    _assert_found(done)
    assert (served, name in held) == ({"none"}, False)
    assert (done.gateways, done.unloaded) == (len(settings.gateways), 1)
    return ended


async def _until_served(session: aiohttp.ClientSession, url: str, house: House, planted: Planted) -> None:
    """A gateway asks its engines every second or so what they hold."""
    async with asyncio.timeout(30):
        while True:
            with suppress(aiohttp.ClientResponseError):
                if await _adapter(session, url, house, planted) == planted.adapter:
                    return
            await asyncio.sleep(0.1)


async def _adapter(session: aiohttp.ClientSession, url: str, house: House, planted: Planted) -> str:
    return (await told_by(session, url, house.key, planted.model, "anybody"))["x-assay-adapter"]


def _assert_found(done: Withdrawn) -> None:
    found = done.found
    assert (sum(one.kept for one in found.own), sum(one.kept for one in found.mentioned)) == (OWN, MENTIONED)


def _assert_gone(registry: Registry, planted: Planted, table: RouteTable) -> None:
    route = route_of(table, TENANT, planted.model)
    assert route is not None
    assert {arm.version for arm in route.arms} == {None}
    assert planted.adapter in table.denied
    try:
        registry.withdrawals.refuse(planted.adapter)
    except IntegrityRefused:
        return
    raise AssertionError("the adapter is not withdrawn")


def fill(report: Report, registry: Registry, rows: int, seed: int) -> None:
    """Enter a corpus of that many rows."""
    began = time.perf_counter()
    add(registry, f"corpus-{rows}", entries(rows, seed), rows)
    report.add(f"{rows:,} rows: entered in the ledger", rows / (time.perf_counter() - began), "rows/s")


def measure(report: Report, house: House, rows: int, repeat: int) -> float:
    """The medians at a size of ledger; that until unservable."""
    found = [recorded(house.registry, plant(house.registry, number)) for number in range(repeat)]
    report.add(f"{rows:,} rows: of it in the registry", median(found), "s")
    people = [plant(house.registry, number) for number in range(repeat, 2 * repeat)]
    times = [asyncio.run(unservable(house, planted)) for planted in people]
    return report.add(f"{rows:,} rows: unservable", median(times), "s", at_most=AIM)


@options
@click.option("--rows", default=(10_000, 100_000, 1_000_000), show_default=True, multiple=True)
@click.option("--repeat", default=5, show_default=True)
@click.option("--gateways", default=2, show_default=True)
@click.option("--seed", default=1, show_default=True)
def main(out: Path | None, rows: tuple[int, ...], repeat: int, gateways: int, seed: int) -> None:
    """Measure erasure."""
    report, ended = Report("erasure", f"Erasure: until nothing of it is served by {gateways} gateways"), {}
    for size in sorted(rows):
        with tempfile.TemporaryDirectory() as home, started_house(Path(home), gateways, EMPTY) as house:
            fill(report, house.registry, size, seed)
            ended[size] = measure(report, house, size, repeat)
            files = sum(file.stat().st_size for file in Path(home).rglob("*.sqlite*"))
            report.add(f"{size:,} rows: ledger index in the database", files / size, "bytes a row")
    if len(ended) > 1:
        small, large = min(ended), max(ended)
        report.add(f"unservable, {large:,} rows / {small:,} rows", ended[large] / ended[small], "ratio")
    report.write(out)


if __name__ == "__main__":
    main()
