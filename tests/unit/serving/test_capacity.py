"""The handbook's Llama-3.1-8B figures, from that model's own config.json."""

from __future__ import annotations

from typing import Any

import pytest

from assay.contracts.errors import InputRefused
from serving.capacity import ModelShape, kv_bytes_per_token, plan_capacity, pool_bytes, slot_bytes

MIB, GIB = 1 << 20, 1 << 30

LLAMA_8B: dict[str, Any] = {
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_attention_heads": 32,
    "num_hidden_layers": 32,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
}


@pytest.fixture
def llama() -> ModelShape:
    return ModelShape.from_config(LLAMA_8B)


def test_weights_of_eight_billion_parameters(llama: ModelShape) -> None:
    assert llama.weight_bytes == 8_030_261_248 * 2


def test_a_slot_costs_five_mebibytes_a_rank(llama: ModelShape) -> None:
    assert slot_bytes(llama, 1) == 5 * MIB
    assert slot_bytes(llama, 16) == 80 * MIB


def test_a_token_costs_128_kibibytes_of_cache(llama: ModelShape) -> None:
    assert kv_bytes_per_token(llama) == 128 * 1024
    assert kv_bytes_per_token(llama, "float8_e4m3fn") == 64 * 1024


@pytest.mark.parametrize(("slots", "pool_gib", "tokens"), [(8, 0.63, 449_000), (64, 5.0, 413_000)])
def test_what_80_gigabytes_hold(llama: ModelShape, slots: int, pool_gib: float, tokens: int) -> None:
    capacity = plan_capacity(llama, 80 * GIB, max_rank=16, slots=slots)
    assert capacity.pool_bytes / GIB == pytest.approx(pool_gib, abs=0.01)
    assert capacity.kv_tokens == pytest.approx(tokens, abs=500)
    assert capacity.feasible


def test_a_thousand_slots_are_refused_by_arithmetic(llama: ModelShape) -> None:
    assert pool_bytes(llama, 16, 1000) / GIB == pytest.approx(78, abs=0.2)
    capacity = plan_capacity(llama, 80 * GIB, max_rank=16, slots=1000)
    assert not capacity.feasible
    assert capacity.kv_tokens == 0


def test_grouped_heads_and_head_size_default_to_the_plain_ones() -> None:
    shape = ModelShape.from_config({**LLAMA_8B, "num_key_value_heads": None})
    assert (shape.kv_heads, shape.head_dim) == (32, 128)


def test_a_config_without_layers_is_refused() -> None:
    broken = {name: value for name, value in LLAMA_8B.items() if name != "num_hidden_layers"}
    with pytest.raises(InputRefused, match="num_hidden_layers") as refusal:
        ModelShape.from_config(broken)
    assert refusal.value.code == "MODEL_CONFIG_UNREADABLE"


def test_a_config_without_a_dtype_is_told_which_ones_there_are() -> None:
    broken = {name: value for name, value in LLAMA_8B.items() if name != "torch_dtype"}
    with pytest.raises(InputRefused, match="it has no `dtype`") as refusal:
        ModelShape.from_config(broken)
    assert "`dtype` of float32, float16, bfloat16" in refusal.value.remedy
