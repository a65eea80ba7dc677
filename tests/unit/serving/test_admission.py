"""An adapter that the engine would serve wrongly, or die of, is refused before it is loaded."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from assay.contracts.base import BasePin
from assay.contracts.errors import IntegrityRefused
from serving.admission import admit, expected_tensors

PIN = BasePin(repository="acme/base", revision="r1", digest="sha256:" + "0" * 64)
BASE_CONFIG = {
    "hidden_size": 12,
    "intermediate_size": 20,
    "num_attention_heads": 3,
    "num_key_value_heads": 1,
    "num_hidden_layers": 2,
}
CONFIG: dict[str, Any] = {
    "peft_type": "LORA",
    "base_model_name_or_path": PIN.repository,
    "revision": PIN.revision,
    "r": 4,
    "bias": "none",
    "target_modules": ["q_proj", "k_proj", "down_proj"],
}


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    (tmp_path / "adapter_config.json").write_text(json.dumps(CONFIG))
    shapes = expected_tensors(CONFIG, BASE_CONFIG)
    save_file(
        {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}, tmp_path / "adapter_model.safetensors"
    )
    return tmp_path


def reconfigure(adapter: Path, **changes: Any) -> None:
    (adapter / "adapter_config.json").write_text(json.dumps({**CONFIG, **changes}))


def test_an_adapter_of_this_base_is_admitted(adapter: Path) -> None:
    admit(adapter, BASE_CONFIG, PIN, max_rank=16)
    assert len(expected_tensors(CONFIG, BASE_CONFIG)) == 2 * 2 * 3


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"base_model_name_or_path": "other/base"}, "BASE_MISMATCH"),
        ({"revision": "r2"}, "BASE_MISMATCH"),
        ({"use_rslora": True}, "ADAPTER_CONFIG"),
        ({"use_dora": True}, "ADAPTER_CONFIG"),
        ({"rank_pattern": {"q_proj": 8}}, "ADAPTER_CONFIG"),
        ({"alpha_pattern": {"q_proj": 8}}, "ADAPTER_CONFIG"),
        ({"modules_to_save": ["lm_head"]}, "ADAPTER_CONFIG"),
        ({"bias": "all"}, "ADAPTER_CONFIG"),
        ({"r": 32}, "ADAPTER_CONFIG"),
        ({"r": 8}, "ADAPTER_SHAPE"),
        ({"target_modules": ["k_proj", "down_proj"]}, "ADAPTER_CONFIG"),
        ({"target_modules": ["q_proj", "k_proj", "down_proj", "router"]}, "ADAPTER_CONFIG"),
        ({"target_modules": ["q_proj"]}, "ADAPTER_SHAPE"),
        ({"peft_type": "IA3"}, "ADAPTER_CONFIG"),
    ],
)
def test_a_configuration_that_the_engine_would_misread_is_refused(
    adapter: Path, changes: dict[str, Any], code: str
) -> None:
    reconfigure(adapter, **changes)
    with pytest.raises(IntegrityRefused) as refusal:
        admit(adapter, BASE_CONFIG, PIN, max_rank=16)
    assert refusal.value.code == code


def _pickle(adapter: Path) -> None:
    (adapter / "adapter_model.bin").write_bytes(b"\x80\x04")


def _link(adapter: Path) -> None:
    (adapter / "README.md").symlink_to(adapter / "adapter_config.json")


def _extra(adapter: Path) -> None:
    (adapter / "run.py").write_text("")


def _missing(adapter: Path) -> None:
    (adapter / "adapter_model.safetensors").unlink()


def _cut(adapter: Path) -> None:
    weights = adapter / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-8])


def _no_json(adapter: Path) -> None:
    (adapter / "adapter_config.json").write_text("{")


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (_pickle, "ADAPTER_PICKLE"),
        (_link, "ADAPTER_FILES"),
        (_extra, "ADAPTER_FILES"),
        (_missing, "ADAPTER_FILES"),
        (_cut, "ADAPTER_SHAPE"),
        (_no_json, "ADAPTER_CONFIG"),
    ],
)
def test_files_that_do_not_belong_are_refused(adapter: Path, spoil: Callable[[Path], None], code: str) -> None:
    spoil(adapter)
    with pytest.raises(IntegrityRefused) as refusal:
        admit(adapter, BASE_CONFIG, PIN, max_rank=16)
    assert refusal.value.code == code


def test_a_larger_base_is_another_base(adapter: Path) -> None:
    with pytest.raises(IntegrityRefused, match="ADAPTER_SHAPE"):
        admit(adapter, {**BASE_CONFIG, "hidden_size": 24}, PIN, max_rank=16)
