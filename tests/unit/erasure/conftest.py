"""A registry in a folder of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.settings import Settings
from registry import Registry
from stack.keys import ensure_keys


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    ensure_keys(tmp_path)
    return Registry.open(Settings(home=tmp_path))
