"""When the base model is prepared and when it is refused. The conversion itself runs in tests/integration/engines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from assay.contracts.errors import IntegrityRefused
from registry.root_digest import root_digest
from serving.material import REPOSITORY, pin_of, prepare_base_model


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    directory = tmp_path / "base"
    directory.mkdir()
    (directory / "config.json").write_text(json.dumps({"assay_revision": "r1"}))
    (directory / "model.safetensors").write_bytes(b"weights")
    return directory


def test_a_pin_names_repository_revision_and_bytes(prepared: Path) -> None:
    pin = pin_of(prepared)
    assert (pin.repository, pin.revision, pin.digest) == (REPOSITORY, "r1", root_digest(prepared))


def test_another_byte_is_another_base(prepared: Path) -> None:
    before = pin_of(prepared)
    (prepared / "model.safetensors").write_bytes(b"Weights")
    assert pin_of(prepared).digest != before.digest


def test_what_is_there_is_not_touched(prepared: Path) -> None:
    assert prepare_base_model(prepared) == pin_of(prepared)
    assert sorted(path.name for path in prepared.iterdir()) == ["config.json", "model.safetensors"]


@pytest.mark.parametrize("config", [None, "{", "{}"])
def test_a_directory_of_something_else_is_refused(tmp_path: Path, config: str | None) -> None:
    if config is not None:
        (tmp_path / "config.json").write_text(config)
    with pytest.raises(IntegrityRefused, match="BASE_NOT_PREPARED"):
        prepare_base_model(tmp_path)
