"""The batched decode of the CPU shim against attention computed one sequence at a time."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from serving.engines.cpu_shim.batched_decode import install

BATCH, HEADS, KV_HEADS, HEAD_DIM, SLOTS = 5, 6, 2, 8, 200


class Backend:
    """The method as SGLang 0.5.23 has it, reduced to what it computes."""

    def _run_sdpa_forward_decode(self, *tensors: Any, scaling: float | None, **options: Any) -> Any:
        import torch

        query, output, k_cache, v_cache, req_to_token, req_pool_indices, seq_lens, _ = tensors
        for row in range(len(seq_lens)):
            slots = req_to_token[req_pool_indices[row], : seq_lens[row]]
            keys, values = k_cache[slots].transpose(0, 1), v_cache[slots].transpose(0, 1)
            answer = torch.nn.functional.scaled_dot_product_attention(
                query[row][:, None][None], keys[None], values[None], enable_gqa=True, scale=scaling
            )
            output[row] = answer[0, :, 0]
        options.get("called", []).append(True)
        return output


def batch() -> tuple[Any, ...]:
    import torch

    torch.manual_seed(0)
    return (
        torch.randn(BATCH, HEADS, HEAD_DIM),
        torch.empty(BATCH, HEADS, HEAD_DIM),
        torch.randn(SLOTS, KV_HEADS, HEAD_DIM),
        torch.randn(SLOTS, KV_HEADS, HEAD_DIM),
        torch.randint(0, SLOTS, (8, 64), dtype=torch.int32),
        torch.tensor([3, 0, 7, 1, 2]),
        torch.tensor([1, 64, 17, 30, 2]),
    )


@pytest.fixture
def patched() -> type[Any]:
    copy = type("Copy", (Backend,), {})
    install(SimpleNamespace(TorchNativeAttnBackend=copy))  # type: ignore[arg-type]  # one attribute of the module
    return copy


def test_the_batch_is_answered_as_one_by_one(patched: type[Any]) -> None:
    import torch

    expected = Backend()._run_sdpa_forward_decode(*batch(), None, scaling=0.3)
    got = patched()._run_sdpa_forward_decode(*batch(), None, scaling=0.3, enable_gqa=True, sliding_window_size=None)
    torch.testing.assert_close(got, expected)


@pytest.mark.parametrize(("encoder", "window"), [(True, None), (None, 16)])
def test_windows_and_cross_attention_stay_with_the_original(
    patched: type[Any], encoder: bool | None, window: int | None
) -> None:
    called: list[bool] = []
    patched()._run_sdpa_forward_decode(*batch(), encoder, scaling=None, sliding_window_size=window, called=called)
    assert called == [True]
