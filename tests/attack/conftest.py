"""What several attacks need: a real Temporal, a real OPA, keys, and a way to ask for them with other keys."""

from __future__ import annotations

import base64
import subprocess
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from activities.policy.bundle import Bundle, build_bundle
from activities.policy.config import server_arguments, server_config
from assay.settings import Ports, Settings
from stack.keys import ensure_keys
from tests._servers.temporal import running_temporal
from workers.plugin import plugin

APPROVALS = "approvals"
"""A namespace of its own: its workers stand in for all others."""


def payload_key(name: str, letter: str = "k") -> str:
    """An entry of ASSAY_PAYLOAD_KEYS."""
    return f"{name}:{base64.b64encode(letter.encode() * 32).decode()}"


@dataclass(frozen=True)
class Opa:
    """A started OPA."""

    url: str
    log: Path
    bundle: Bundle
    home: Path


@pytest.fixture(scope="session")
async def server(temporal_binary: Path) -> AsyncIterator[WorkflowEnvironment]:
    async with running_temporal(temporal_binary, "--namespace", APPROVALS) as environment:
        yield environment


@pytest.fixture(scope="session")
def address(server: WorkflowEnvironment) -> str:
    return server.client.service_client.config.target_host


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state folder with keys."""
    folder = tmp_path_factory.mktemp("home")
    ensure_keys(folder)
    return folder


@pytest.fixture(scope="session")
def opa(home: Path, free_port: Callable[[], int], opa_binary: Path) -> Iterator[Opa]:
    """A real OPA with the signed bundle."""
    bundle = build_bundle(home / "opa" / "bundle.tar.gz", home / "keys" / "policy.pem", opa=opa_binary)
    config = home / "opa" / "config.json"
    config.write_text(server_config(bundle.path, home / "keys" / "policy.pub.pem"), "utf-8")
    ports = Ports(opa=free_port(), opa_diagnostics=free_port())
    command = [str(opa_binary), *server_arguments(config, ports.opa, ports.opa_diagnostics)]
    with (home / "opa.log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        _until_healthy(f"http://127.0.0.1:{ports.opa_diagnostics}/health?bundles")
        yield Opa(f"http://127.0.0.1:{ports.opa}", home / "opa.log", bundle, home)
        process.terminate()


def _until_healthy(url: str) -> None:
    for _ in range(400):
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"{url} does not become healthy")


Connect = Callable[[Settings], Client]


@pytest.fixture
def connect(server: WorkflowEnvironment) -> Connect:
    """A client with the plugin of these settings, as every process of ours has it."""

    def with_settings(settings: Settings) -> Client:
        config = server.client.config()
        config["plugins"] = [plugin(settings)]
        return Client(**config)

    return with_settings


@pytest.fixture(name="payload_key")
def payload_key_fixture() -> Callable[..., str]:
    return payload_key
