"""Decode attention for a whole batch in one call, in place of SGLang's loop over sequences.

`TorchNativeAttnBackend` (sglang 0.5.23) answers every sequence of a batch on its own: two gathers and one attention
call for each, in every layer. At 32 sequences and 30 layers that is 960 small calls a token. Padding the batch to its
longest sequence makes it 30, which matters most where other processes want the same cores: every call is a barrier.
"""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def install(module: ModuleType) -> None:
    """Give `TorchNativeAttnBackend` the batched decode; windows and cross-attention stay with the original."""
    backend_class = module.TorchNativeAttnBackend
    one_by_one = backend_class._run_sdpa_forward_decode

    def decode(backend: object, *tensors: torch.Tensor, **options: float | bool | None) -> torch.Tensor:
        query, output, k_cache, v_cache, req_to_token, req_pool_indices, seq_lens, encoder_lens = tensors
        if encoder_lens is not None or options.get("sliding_window_size") is not None:
            answer: torch.Tensor = one_by_one(backend, *tensors, **options)
            return answer
        slots = req_to_token[req_pool_indices, : int(seq_lens.max())]
        return attend(query, output, k_cache, v_cache, slots, seq_lens, options.get("scaling"))

    backend_class._run_sdpa_forward_decode = decode


def attend(
    query: torch.Tensor,
    output: torch.Tensor,
    k_cache: torch.Tensor,
    v_cache: torch.Tensor,
    slots: torch.Tensor,
    seq_lens: torch.Tensor,
    scaling: float | None,
) -> torch.Tensor:
    """One query position a sequence against its cached keys and values; writes and returns `output`.

    Shapes: query and output (batch, heads, head_dim); caches (slots, kv_heads, head_dim); slots (batch, longest) int,
    padded with any valid slot; seq_lens (batch,). Heads that share a KV head become query positions of that head, so
    that grouped-query attention needs no copy of the cache.
    """
    import torch

    batch, longest = slots.shape
    _, kv_heads, head_dim = k_cache.shape
    flat = slots.reshape(-1)
    keys = k_cache.index_select(0, flat).view(batch, longest, kv_heads, head_dim).transpose(1, 2)
    values = v_cache.index_select(0, flat).view(batch, longest, kv_heads, -1).transpose(1, 2)
    visible = torch.arange(longest) < seq_lens[:, None]
    answer = torch.nn.functional.scaled_dot_product_attention(
        query.view(batch, kv_heads, -1, head_dim).to(keys.dtype),
        keys,
        values,
        attn_mask=visible[:, None, None, :],
        scale=scaling,
    )
    return output.copy_(answer.reshape(output.shape))
