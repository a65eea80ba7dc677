"""A home with free ports, and a supervisor of its own in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from assay.settings import Settings
from stack.supervise import Supervisor


@pytest.fixture
def settings(tmp_path: Path, free_port: Callable[[], int]) -> Settings:
    """Settings of a stack that nobody else uses."""
    return Settings.model_validate({"home": tmp_path / "home", "ports": {"gateway": free_port()}})


@pytest.fixture
def supervisor(settings: Settings) -> Iterator[Supervisor]:
    """A supervisor that is stopped afterwards, with all that it started."""
    one = Supervisor(settings)
    yield one
    one.stop()
