"""Real OPA servers on free ports, and a registry with one version that every gate allows."""

from __future__ import annotations

import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from activities.policy.bundle import Bundle, build_bundle
from activities.policy.config import server_arguments, server_config
from activities.policy.opa import find_opa
from registry import BlobStore
from stack.keys import ensure_keys

from .house import House, build_house


@dataclass
class OpaServer:
    """A started server. `ready` is whether its bundle was activated."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path
    ready: bool = False

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=10)


StartOpa = Callable[[Path], OpaServer]


@pytest.fixture(scope="session")
def policy_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ensure_keys(tmp_path_factory.mktemp("policy-keys")) / "policy.pem"


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory, policy_key: Path) -> Bundle:
    return build_bundle(tmp_path_factory.mktemp("bundle") / "bundle.tar.gz", policy_key)


@pytest.fixture(scope="session")
def start_opa(
    tmp_path_factory: pytest.TempPathFactory, policy_key: Path, free_port: Callable[[], int]
) -> Iterator[StartOpa]:
    """Start OPA with a bundle file, as the stack does, and wait until it says whether it is healthy."""
    started: list[OpaServer] = []

    def start(bundle_file: Path) -> OpaServer:
        folder = tmp_path_factory.mktemp("opa")
        config = folder / "config.json"
        config.write_text(server_config(bundle_file, policy_key.with_suffix(".pub.pem")), "utf-8")
        port, diagnostics = free_port(), free_port()
        log = folder / "opa.log"
        with log.open("wb") as output:
            command = [str(find_opa()), *server_arguments(config, port, diagnostics)]
            process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        server = OpaServer(url=f"http://127.0.0.1:{port}", process=process, log=log)
        started.append(server)
        server.ready = _wait(f"http://127.0.0.1:{diagnostics}/health?bundles", log)
        return server

    yield start
    for server in started:
        server.stop()


def _wait(health: str, log: Path) -> bool:
    """True once healthy; False once OPA has said that it refuses the bundle."""
    for _ in range(200):
        try:
            with urllib.request.urlopen(health, timeout=2) as answer:
                return bool(answer.status == 200)
        except urllib.error.HTTPError:
            if b"Bundle load failed" in log.read_bytes():
                return False
        except OSError:
            pass
        time.sleep(0.05)
    raise AssertionError(log.read_text("utf-8"))


@pytest.fixture(scope="session")
def opa(start_opa: StartOpa, bundle: Bundle) -> OpaServer:
    server = start_opa(bundle.path)
    assert server.ready
    return server


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return BlobStore.open((tmp_path / "blobs").as_uri())


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    home = tmp_path / "home"
    home.mkdir()
    built = build_house(home)
    yield built
    built.registry.close()
