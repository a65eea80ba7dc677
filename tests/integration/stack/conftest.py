"""A home with free ports, and a supervisor of its own in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from assay.settings import Settings
from stack.leftovers import leftovers
from stack.ports import free_stack_ports
from stack.supervise import Supervisor

from .collector import Collector, collecting
from .house import BIN, Stack, run


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


@pytest.fixture(scope="session")
def collector() -> Iterator[Collector]:
    """Where every process of the stack sends its spans."""
    with collecting() as one:
        yield one


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, collector: Collector) -> Iterator[Stack]:
    """`assay up` before the first test, `assay down` after the last."""
    settings = Settings.model_validate(
        {"home": tmp_path_factory.mktemp("stack"), "ports": free_stack_ports(), "otlp_endpoint": collector.url}
    )
    try:
        yield Stack(settings, run(settings, str(BIN / "assay"), "up"))
    finally:
        run(settings, str(BIN / "assay"), "down")
        assert leftovers(settings.home) == []
