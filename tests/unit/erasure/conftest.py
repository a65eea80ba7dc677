"""A registry in a folder of its own, on both databases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from assay.settings import Settings
from registry import Registry
from stack.keys import ensure_keys


@pytest.fixture
def settings(install: Callable[[Path], Settings], tmp_path: Path) -> Settings:
    ensure_keys(tmp_path)
    return install(tmp_path)


@pytest.fixture
def registry(settings: Settings) -> Iterator[Registry]:
    opened = Registry.open(settings)
    yield opened
    opened.close()
