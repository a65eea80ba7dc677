"""The control plane's side of gateways: real ones, asked as the serving worker asks them."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from temporalio.testing import ActivityEnvironment

from activities.serving.activity import ServingActivities
from assay.contracts.errors import Unavailable
from assay.contracts.rollout import AnalysisJob, AnalysisRules, RouteChange, RouteTable
from assay.settings import Settings
from registry import Registry
from serving.gateways import Gateways


def job(letter: str, since: int, *, shadow: bool = False) -> AnalysisJob:
    return AnalysisJob(
        tenant="acme",
        model="helpdesk",
        version="sha256:" + letter * 64,
        since_revision=since,
        shadow=shadow,
        min_requests=1,
        rules=AnalysisRules(),
    )


async def test_the_serving_worker_speaks_with_the_control_key_in_force(gateway: Any, tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "admin.key").write_text("not-in-force")
    settings = Settings.model_validate(
        {"home": tmp_path, "admin_key": "admin-secret", "gateway_urls": [gateway.url], "engine": {"urls": ["http://x"]}}
    )
    analysis = await ActivityEnvironment().run(ServingActivities(settings).analyse_canary, job("c", 1))
    assert analysis.verdict == "inconclusive"


@pytest.fixture
async def second(serve: Any, source: Any, engine: Any, tmp_path: Path) -> AsyncIterator[Any]:
    """Another gateway of the same fleet."""
    async with serve(source, (engine.url,), tmp_path / "second" / "routes.json") as running:
        yield running


@pytest.fixture
def fleet(gateway: Any, second: Any) -> Gateways:
    return Gateways((gateway.url, second.url), "admin-secret")


async def test_a_flip_is_done_when_every_gateway_confirmed_it(fleet: Gateways, gateway: Any, make_route: Any) -> None:
    gateway.source.publish(make_route(stable="e"))
    assert await fleet.refresh(2) == 2


async def test_gateways_flip_before_anything_else_is_read_and_nothing_is_read_in_the_workers_loop(
    gateway: Any, make_route: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that hangs must not hold up the heartbeats of other activities, nor a flip that is committed."""
    settings = Settings.model_validate(
        {"home": tmp_path, "admin_key": "admin-secret", "gateway_urls": [gateway.url], "engine": {"urls": ["http://x"]}}
    )
    activities, registry = ServingActivities(settings), Registry.open(settings)
    table = RouteTable(revision=1, routes=(make_route(canary=50),))
    registry.routes.publish(table, key="first", actor="ann", reason="test", decision_id="d1")
    gateway.source.publish(make_route())
    monkeypatch.setitem(vars(activities), "_registry", registry)
    read: list[tuple[bool, int]] = []
    decision_id = registry.routes.decision_id

    def watched(revision: int) -> str:
        read.append((threading.current_thread() is threading.main_thread(), gateway.app.routes.snapshot.revision))
        return decision_id(revision)

    monkeypatch.setattr(registry.routes, "decision_id", watched)
    stable, canary = (next(arm.version for arm in table.routes[0].arms if arm.name == n) for n in ("stable", "canary"))
    back = RouteChange(
        tenant="acme",
        model="helpdesk",
        base=table.routes[0].base,
        target=canary or "",
        stable=stable,
        actor="ann",
        reason="test",
        key="back",
        withdraw=True,
    )
    published = await ActivityEnvironment().run(activities.publish_routes, back)
    assert (published.revision, published.decision_id) == (2, "d1")
    assert read == [(False, 2)]
    registry.close()


async def test_a_gateway_that_is_away_leaves_the_flip_undone(gateway: Any, free_port: Any, make_route: Any) -> None:
    """Those that answer have flipped all the same, so trying again finishes the flip."""
    away = f"http://127.0.0.1:{free_port()}"
    gateway.source.publish(make_route(stable="e"))
    with pytest.raises(Unavailable, match="GATEWAY_UNREACHABLE") as refused:
        await Gateways((gateway.url, away), "admin-secret").refresh(2)
    assert away in refused.value.message
    assert gateway.url not in refused.value.message
    assert (await gateway.chat()).headers["x-assay-adapter"] == "sha256:" + "e" * 64


async def test_a_gateway_that_lags_behind_leaves_the_flip_undone(fleet: Gateways) -> None:
    with pytest.raises(Unavailable, match="GATEWAY_UNREACHABLE"):
        await fleet.refresh(2)


async def test_counts_of_a_fleet_need_every_gateway(fleet: Gateways, gateway: Any, second: Any, free_port: Any) -> None:
    for running in (gateway, second):
        await running.chat()
    stable = (await fleet.observations("acme", "helpdesk", 1, "sha256:" + "c" * 64))["stable"]
    assert stable.requests == 2
    with_a_hole = Gateways((gateway.url, f"http://127.0.0.1:{free_port()}"), "admin-secret")
    with pytest.raises(Unavailable, match="GATEWAY_UNREACHABLE"):
        await with_a_hole.observations("acme", "helpdesk", 1, "sha256:" + "c" * 64)


async def test_answers_of_an_earlier_canary_are_not_held_against_this_one(
    fleet: Gateways, gateway: Any, engine: Any, make_route: Any
) -> None:
    async def nothing(request: Any) -> Any:
        return web.json_response({"choices": []}, status=500)

    engine.scripts["base:acme.helpdesk.c"] = nothing
    gateway.source.publish(make_route(canary=100))
    await fleet.refresh(2)
    assert (await gateway.chat()).status == 502
    seen = await fleet.observations("acme", "helpdesk", 1, "sha256:" + "e" * 64)
    assert "canary" not in seen
    seen = await fleet.observations("acme", "helpdesk", 1, "sha256:" + "c" * 64)
    assert (seen["canary"].requests, seen["canary"].bad) == (1, 1)
