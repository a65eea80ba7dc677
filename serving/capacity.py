"""Memory arithmetic of one engine, before anything is promised: LoRA slots, KV cache, and what fits.

Formulas as SGLang 0.5.23 charges them (lora/mem_pool.py, model_executor's memory profiling): every adapter costs the
maximum rank; the A matrices of fused projections are stored once a part; the LoRA pool counts to the static share.
All sizes are bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import Field

from assay.contracts.base import Message
from assay.contracts.errors import InputRefused

__all__ = ["Capacity", "ModelShape", "kv_bytes_per_token", "plan_capacity", "pool_bytes", "slot_bytes"]

DTypeName = Literal["float32", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2"]
_WIDTH: Final[Mapping[DTypeName, int]] = {
    "float32": 4,
    "float16": 2,
    "bfloat16": 2,
    "float8_e4m3fn": 1,
    "float8_e5m2": 1,
}


class ModelShape(Message):
    """The numbers of a Llama-like decoder that memory depends on."""

    layers: int = Field(ge=1)
    hidden: int = Field(ge=1)
    intermediate: int = Field(ge=1)
    heads: int = Field(ge=1)
    kv_heads: int = Field(ge=1)
    head_dim: int = Field(ge=1)
    vocabulary: int = Field(ge=1)
    tied_embeddings: bool
    dtype: DTypeName

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> ModelShape:
        """Read a Hugging Face `config.json`. Raises InputRefused when a number is missing or not usable."""
        try:
            heads = config["num_attention_heads"]
            return cls(
                layers=config["num_hidden_layers"],
                hidden=config["hidden_size"],
                intermediate=config["intermediate_size"],
                heads=heads,
                kv_heads=config.get("num_key_value_heads") or heads,
                head_dim=config.get("head_dim") or config["hidden_size"] // heads,
                vocabulary=config["vocab_size"],
                tied_embeddings=config.get("tie_word_embeddings", False),
                dtype=config.get("dtype") or config["torch_dtype"],
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InputRefused(
                "MODEL_CONFIG_UNREADABLE",
                f"The model's config.json does not describe a Llama-like decoder: {_what(error)}.",
                "Use a base model whose config.json has hidden, intermediate, head and layer counts, and a `dtype` of "
                f"{', '.join(_WIDTH)}.",
            ) from error

    @property
    def weight_bytes(self) -> int:
        """All parameters in the model's own dtype."""
        query, key = self.heads * self.head_dim, self.kv_heads * self.head_dim
        attention = self.hidden * (2 * query + 2 * key)
        layer = attention + 3 * self.hidden * self.intermediate + 2 * self.hidden
        embeddings = self.vocabulary * self.hidden * (1 if self.tied_embeddings else 2)
        return (self.layers * layer + embeddings + self.hidden) * _WIDTH[self.dtype]


class Capacity(Message):
    """What one engine can promise."""

    weight_bytes: int
    slots: int
    slot_bytes: int
    pool_bytes: int
    kv_bytes_per_token: int
    kv_tokens: int = Field(description="tokens of all running requests together; 0 when it does not fit")
    feasible: bool


def _what(error: Exception) -> str:
    """`torch_dtype` is what older configs call it."""
    if isinstance(error, KeyError):
        return f"it has no `{'dtype' if error.args[0] == 'torch_dtype' else error.args[0]}`"
    return str(error)


def slot_bytes(shape: ModelShape, max_rank: int) -> int:
    """One adapter on all seven projections: layers · dtype · Σ_modules (c·R·in + out·R).

    c = 3 for qkv, 2 for gate_up and 1 for o and down: SGLang keeps one A matrix for each part of a fused projection.
    """
    query, key = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    per_rank = (
        (3 * shape.hidden + query + 2 * key)
        + (query + shape.hidden)
        + (2 * shape.hidden + 2 * shape.intermediate)
        + (shape.intermediate + shape.hidden)
    )
    return shape.layers * _WIDTH[shape.dtype] * max_rank * per_rank


def pool_bytes(shape: ModelShape, max_rank: int, slots: int) -> int:
    """All slots; the base takes one of them."""
    return slots * slot_bytes(shape, max_rank)


def kv_bytes_per_token(shape: ModelShape, kv_dtype: DTypeName | None = None) -> int:
    """kv_heads · (head_dim + v_head_dim) · layers · dtype; None stores keys and values as the weights are."""
    return shape.kv_heads * 2 * shape.head_dim * shape.layers * _WIDTH[kv_dtype or shape.dtype]


def plan_capacity(shape: ModelShape, memory: int, max_rank: int, slots: int, static_fraction: float = 0.88) -> Capacity:
    """What fits into `memory` free bytes of device before loading.

    KV budget = free after load - free before load · (1 - static_fraction) - pool. The fraction is SGLang's
    `--mem-fraction-static`; what it leaves goes to activations and graphs.
    """
    pool = pool_bytes(shape, max_rank, slots)
    budget = memory - shape.weight_bytes - round(memory * (1 - static_fraction)) - pool
    tokens = max(0, budget) // kv_bytes_per_token(shape)
    return Capacity(
        weight_bytes=shape.weight_bytes,
        slots=slots,
        slot_bytes=slot_bytes(shape, max_rank),
        pool_bytes=pool,
        kv_bytes_per_token=kv_bytes_per_token(shape),
        kv_tokens=tokens,
        feasible=tokens > 0,
    )
