"""A registry, gateways and an engine as benchmarks of serving start them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from assay.contracts.rollout import RouteTable
from assay.settings import EngineSettings, Ports, Settings
from benchmarks.gateway import started_engine
from benchmarks.processes import answers, load_tool, running
from registry import Registry
from stack.environment import environment_of
from stack.keys import ensure_keys
from stack.ports import free_ports


@dataclass(frozen=True)
class House:
    """What runs: `key` is tenant acme's, `engine` the port of the stub engine."""

    settings: Settings
    registry: Registry
    key: str
    engine: int


@contextmanager
def started_house(home: Path, gateways: int, first: RouteTable, *held: str) -> Iterator[House]:
    """Gateways, one process each, that serve `first` from an engine that says it holds the adapters `held`."""
    ensure_keys(home)
    ports = free_ports(gateways)
    with ExitStack() as up:
        engine = up.enter_context(started_engine(load_tool(), home, *held))
        settings = Settings(
            home=home,
            ports=Ports(gateway=ports[0]),
            engine=EngineSettings(urls=(f"http://127.0.0.1:{engine}",)),
            gateway_urls=tuple(f"http://127.0.0.1:{port}" for port in ports),
            admin_key="admin",
        )
        registry = Registry.open(settings)
        up.callback(registry.close)
        publish(registry, first, "first")
        for port in ports:
            variables = environment_of(settings) | {"ASSAY_PORTS__GATEWAY": str(port)}
            up.enter_context(running([sys.executable, "-m", "serving.gateway"], home / f"{port}.log", variables))
        for port in ports:
            answers(f"http://127.0.0.1:{port}/healthz", home / f"{port}.log")
        yield House(settings, registry, registry.keys.create("acme"), engine)


def publish(registry: Registry, table: RouteTable, key: str) -> None:
    """Put a table in force."""
    registry.routes.publish(table, key=key, actor="benchmark", reason="benchmark", decision_id="none")


async def told_by(session: aiohttp.ClientSession, url: str, key: str, model: str, name: str) -> dict[str, str]:
    """The gateway's own headers on an answer to the session of this name, `x-assay-…`. Raises when it is no answer."""
    body = {"model": model, "messages": [{"role": "user", "content": "hi"}]}
    headers = {"authorization": f"Bearer {key}", "x-assay-session": name}
    async with session.post(f"{url}/v1/chat/completions", json=body, headers=headers) as response:
        await response.read()
        response.raise_for_status()
        return {header.lower(): value for header, value in response.headers.items()}
