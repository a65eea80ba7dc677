"""Keys and a small directory of weights."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from stack.keys import ensure_keys


class KeyPair(NamedTuple):
    """An EC P-256 key pair in PEM files, as an installation makes it at first start."""

    private: Path
    public: Path


def key_pair(home: Path) -> KeyPair:
    folder = ensure_keys(home)
    return KeyPair(folder / "signing.pem", folder / "signing.pub.pem")


@pytest.fixture
def keys(tmp_path: Path) -> KeyPair:
    return key_pair(tmp_path / "ours")


@pytest.fixture
def other_keys(tmp_path: Path) -> KeyPair:
    return key_pair(tmp_path / "theirs")


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    folder = tmp_path / "adapter"
    folder.mkdir()
    (folder / "adapter_config.json").write_text('{"r": 16}', encoding="utf-8")
    (folder / "adapter_model.safetensors").write_bytes(bytes(range(256)) * 64)
    return folder
