"""Route tables: put in force at once, for all, and kept when the control plane is gone."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from assay.contracts.rollout import Route, RouteTable


async def test_after_the_flip_no_new_request_reaches_the_old_arm(gateway: Any, engine: Any, make_route: Any) -> None:
    """Sixteen clients ask without a pause while the pointer moves under them."""
    engine.delay = 0.002
    confirmed, letters = 1, {1: "a"}
    asked: list[tuple[int, int]] = []
    stop = asyncio.Event()

    async def client(number: int) -> None:
        while not stop.is_set():
            before = confirmed
            answer = await gateway.chat(user=f"u{number}")
            revision = int(answer.headers["x-assay-route-revision"])
            assert answer.text == f"hello from base:acme.helpdesk.{letters[revision]}"
            asked.append((before, revision))

    clients = [asyncio.create_task(client(number)) for number in range(16)]
    for letter in "0123456789":
        letters[confirmed + 1] = letter
        gateway.source.publish(make_route(stable=letter))
        confirmed = await gateway.refresh()
        await asyncio.sleep(0.1)
    stop.set()
    await asyncio.gather(*clients)
    assert len(asked) > 100
    assert {revision for _, revision in asked} >= set(range(2, 11))
    assert all(revision >= before for before, revision in asked), (
        "nobody asked after a flip and was answered from before"
    )


async def test_a_request_in_flight_finishes_on_its_arm(gateway: Any, engine: Any, make_route: Any) -> None:
    engine.delay = 0.3
    early = asyncio.create_task(gateway.chat())
    await asyncio.sleep(0.1)
    gateway.source.publish(make_route(stable="e"))
    await gateway.refresh()
    late = await gateway.chat()
    assert (await early).text == "hello from base:acme.helpdesk.a"
    assert late.text == "hello from base:acme.helpdesk.e"


async def test_a_table_that_comes_in_with_the_body_is_used(gateway: Any, engine: Any, make_route: Any) -> None:
    """Slow senders do not hold on to the old arm."""

    async def slow_body() -> Any:
        yield b'{"model": "helpdesk", '
        gateway.source.publish(make_route(stable="e"))
        await gateway.refresh()
        yield b'"messages": [{"role": "user", "content": "hi"}]}'

    async with gateway.session.post(
        f"{gateway.url}/v1/chat/completions", data=slow_body(), headers={"authorization": "Bearer ak_acme"}
    ) as response:
        assert response.headers["x-assay-adapter"] == "sha256:" + "e" * 64


async def test_the_poll_takes_a_new_table_without_being_told(gateway: Any, make_route: Any, eventually: Any) -> None:
    async def taken() -> bool:
        return bool((await gateway.chat()).headers["x-assay-adapter"] == "sha256:" + "e" * 64)

    gateway.source.publish(make_route(stable="e"))
    await eventually(taken)


async def test_sessions_stick_and_the_canary_gets_its_share(gateway: Any, make_route: Any) -> None:
    gateway.source.publish(make_route(canary=25))
    await gateway.refresh()
    arms = [(await gateway.chat(headers={"x-assay-session": f"s{n}"})).headers["x-assay-arm"] for n in range(80)]
    again = [(await gateway.chat(headers={"x-assay-session": f"s{n}"})).headers["x-assay-arm"] for n in range(80)]
    by_user = [(await gateway.chat(user=f"s{n}")).headers["x-assay-arm"] for n in range(80)]
    assert arms == again == by_user
    assert 8 <= arms.count("canary") <= 35
    seen = await gateway.observed(since=2)
    assert seen["canary"]["requests"] == 3 * arms.count("canary")
    assert (await gateway.observed(since=3)) == {}


async def test_serving_goes_on_without_the_control_plane(gateway: Any) -> None:
    gateway.source.gone = True
    refused = await gateway.post("/admin/refresh", b"", "admin-secret")
    assert (refused.status, refused.code) == (503, "control_plane_unreachable")
    assert (await gateway.chat()).status == 200
    gateway.source.gone = False
    assert await gateway.refresh() == 1


async def test_a_gateway_starts_from_the_last_good_table(serve: Any, source: Any, engine: Any, tmp_path: Path) -> None:
    async with serve(source, (engine.url,), tmp_path / "state" / "routes.json"):
        pass
    source.gone = True
    async with serve(source, (engine.url,), tmp_path / "state" / "routes.json") as running:
        answer = await running.chat()
        assert (answer.status, answer.headers["x-assay-route-revision"]) == (200, "1")
    assert (tmp_path / "state" / "routes.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", [None, b"", b"{", b'{"table": {"revision": 1}, "keys": {}, "more": 1}'])
async def test_without_any_table_everything_is_a_503(
    serve: Any, source: Any, engine: Any, tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "routes.json"
    if content is not None:
        file.write_bytes(content)
    source.gone = True
    async with serve(source, (engine.url,), file) as running:
        answer = await running.chat()
        assert (answer.status, answer.code) == (503, "no_route_table")
        assert (await running.get("/healthz")).status == 503
        source.gone = False
        await running.refresh()
        assert (await running.chat()).status == 200


async def test_an_older_table_is_ignored_but_its_keys_are_taken(gateway: Any, make_route: Any) -> None:
    gateway.source.publish(make_route(stable="e"))
    await gateway.refresh()
    gateway.source.table = RouteTable(revision=1, routes=(make_route(stable="a"),))
    assert await gateway.refresh() == 2
    assert (await gateway.chat()).headers["x-assay-adapter"] == "sha256:" + "e" * 64
    gateway.source.keys.clear()
    await gateway.refresh()
    assert (await gateway.chat()).status == 401


async def test_an_unusable_table_leaves_the_last_good_one_in_force(gateway: Any, make_route: Any) -> None:
    broken: Route = make_route(stable="e")
    arm = broken.arms[0].model_copy(update={"adapter": None})
    gateway.source.publish(broken.model_copy(update={"arms": (arm,)}))
    assert (await gateway.post("/admin/refresh", b"", "admin-secret")).status == 503
    assert (await gateway.chat()).headers["x-assay-adapter"] == "sha256:" + "a" * 64


async def test_a_revoked_version_never_answers(gateway: Any, engine: Any, make_route: Any) -> None:
    gateway.source.publish(make_route(canary=100), denied=("sha256:" + "c" * 64,))
    await gateway.refresh()
    assert (await gateway.chat()).headers["x-assay-arm"] == "stable"
    gateway.source.publish(make_route(), denied=("sha256:" + "a" * 64,))
    await gateway.refresh()
    engine.bodies.clear()
    answer = await gateway.chat()
    assert (answer.status, answer.code) == (403, "version_revoked")
    assert (await gateway.get("/v1/models", "ak_acme")).json["data"] == []
    assert engine.bodies == []


async def test_the_base_model_is_a_route_like_any_other(gateway: Any, make_route: Any) -> None:
    gateway.source.publish(make_route(stable=None))
    await gateway.refresh()
    answer = await gateway.chat()
    assert (answer.text, answer.headers["x-assay-adapter"]) == ("hello from base", "none")


async def test_a_shadow_sees_its_share_and_delays_nobody(gateway: Any, engine: Any, make_route: Any) -> None:
    gateway.source.publish(make_route(shadow=50))
    await gateway.refresh()
    engine.scripts["base:acme.helpdesk.d"] = _slowly
    began = time.perf_counter()
    answers = [await gateway.chat() for _ in range(20)]
    assert time.perf_counter() - began < 2
    assert {answer.text for answer in answers} == {"hello from base:acme.helpdesk.a"}
    assert sum(body["model"] == "base:acme.helpdesk.d" for body in engine.bodies) == 4, "bounded: the rest is dropped"


async def _slowly(request: Any) -> Any:
    await asyncio.sleep(30)


async def test_shadow_answers_are_judged_apart(gateway: Any, make_route: Any, eventually: Any) -> None:
    gateway.source.publish(make_route(shadow=50))
    await gateway.refresh()
    for number in range(8):
        await gateway.chat(stream=bool(number % 4))
        await asyncio.sleep(0.02)

    async def all_counted() -> bool:
        return bool((await gateway.observed()).get("shadow", {}).get("requests") == 4)

    await eventually(all_counted)
    seen = await gateway.observed()
    assert (seen["stable"]["requests"], seen["shadow"]["bad"]) == (8, 0)


async def test_an_engine_that_is_down_is_passed_over(
    serve: Any, source: Any, engine: Any, running_engine: Any, tmp_path: Path
) -> None:
    async with (
        running_engine() as other,
        serve(source, (other.url, engine.url), tmp_path / "routes.json") as running,
    ):
        await asyncio.gather(*(running.chat() for _ in range(20)))
        assert engine.bodies
        assert other.bodies
        await other.stop()
        assert {answer.status for answer in await asyncio.gather(*(running.chat() for _ in range(20)))} == {200}


async def test_engines_are_known_by_what_they_serve_and_hold(
    serve: Any, source: Any, engine: Any, running_engine: Any, tmp_path: Path, eventually: Any
) -> None:
    """One holds the adapter, one does not, one serves another base: only the first is asked."""
    async with running_engine() as empty, running_engine() as foreign:
        empty.adapters, foreign.weight_version = set(), "rev-2"
        async with serve(source, (empty.url, foreign.url, engine.url), tmp_path / "routes.json") as running:

            async def all_looked_at() -> bool:
                return all(up.revision for up in running.app.engine.pool.upstreams)

            await eventually(all_looked_at)
            for _ in range(6):
                assert (await running.chat()).status == 200
            assert (len(engine.bodies), empty.bodies, foreign.bodies) == (6, [], [])
            health = (await running.get("/healthz")).json
            assert health["engines"] == {"reachable": 3, "all": 3}


async def test_an_adapter_that_no_engine_holds_is_not_asked_for(
    serve: Any, source: Any, engine: Any, tmp_path: Path
) -> None:
    """SGLang would read an unloaded adapter's directory again, and nobody would have verified it."""
    engine.adapters.clear()
    async with serve(source, (engine.url,), tmp_path / "routes.json") as running:
        answer = await running.chat()
        assert (answer.status, answer.code, answer.headers["retry-after"]) == (503, "adapter_not_ready", "1")
        assert engine.bodies == []


async def test_an_engine_that_never_said_what_it_serves_is_asked_for_nothing(
    serve: Any, source: Any, engine: Any, make_route: Any, tmp_path: Path
) -> None:
    engine.looks_away = True
    async with serve(source, (engine.url,), tmp_path / "routes.json") as running:
        answer = await running.chat()
        assert (answer.status, answer.code) == (503, "engine_unavailable")
        running.source.publish(make_route(stable=None))
        await running.refresh()
        for stream in (True, False):  # what a stream comes from is said nowhere in it
            answer = await running.chat(stream=stream)
            assert (answer.status, answer.code) == (503, "engine_unavailable")
        assert engine.bodies == []
        engine.looks_away = False
        await running.app.engine.pool.look()
        assert (await running.chat()).text == "hello from base"


async def test_an_adapter_that_was_loaded_just_before_its_table_is_seen(
    gateway: Any, engine: Any, make_route: Any
) -> None:
    """Loaded after the last look at the engines, published at once: no request may be refused in between."""
    for number in range(10):
        engine.adapters = {f"acme.helpdesk.{number}"}
        gateway.source.publish(make_route(stable=str(number)))
        await gateway.refresh()
        assert (await gateway.chat()).text == f"hello from base:acme.helpdesk.{number}"


async def test_looks_that_cross_do_not_forget_what_was_loaded(gateway: Any, engine: Any) -> None:
    """One that began before a load may end after one that began later."""
    pool = gateway.app.engine.pool
    engine.adapters, engine.look_gate = set(), asyncio.Event()
    early = asyncio.create_task(pool.look())
    await engine.look_begun.wait()
    held, engine.look_gate, engine.adapters = engine.look_gate, None, {"acme.helpdesk.a"}
    await pool.look()
    held.set()
    await early
    assert pool.upstreams[0].adapters == {"acme.helpdesk.a"}
