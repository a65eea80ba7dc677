"""The loss of a mixed batch, without padding and with the LM head on answer positions only.

A batch is one line of tokens, row after row. Matrix products then do no work for padding, and attention is done row by
row, which is the varlen attention of GPU kernels written for any device (measured on two cores: 0.27 steps/s against
0.23 padded and 0.12 with the LM head on every position).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AttentionInterface
from transformers.modeling_outputs import CausalLMOutputWithPast

from activities.training.rows import Example
from assay.contracts.data import RowKind
from assay.contracts.training import MixShare

ROWWISE = "assay_rowwise"
"""Name under which `rowwise_attention` is registered with transformers."""


def rowwise_attention(
    module: nn.Module,  # noqa: ARG001  # the library's signature
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,  # noqa: ARG001  # the bounds say it all
    *,
    scaling: float | None = None,
    dropout: float = 0.0,
    cu_seq_lens_q: Tensor | None = None,
    **_: object,
) -> tuple[Tensor, None]:
    """Causal attention within each row of a line of rows. Shapes: (1, heads, tokens, head size), bounds (rows + 1,)."""
    bounds = [0, query.shape[2]] if cu_seq_lens_q is None else cu_seq_lens_q.tolist()
    done = [
        functional.scaled_dot_product_attention(
            query[:, :, a:b], key[:, :, a:b], value[:, :, a:b], is_causal=True, scale=scaling, dropout_p=dropout,
            enable_gqa=True,
        )
        for a, b in itertools.pairwise(bounds)
    ]  # fmt: skip
    return torch.cat(done, dim=2).transpose(1, 2).contiguous(), None


AttentionInterface.register(ROWWISE, rowwise_attention)


@dataclass(frozen=True)
class Line:
    """Rows laid end to end. T tokens, P answer positions (those whose next token is part of an answer)."""

    input_ids: Tensor  # (1, T)
    position_ids: Tensor  # (1, T), from 0 in each row
    bounds: Tensor  # (rows + 1,)
    scored: Tensor  # (P,) positions in the line that predict an answer token
    targets: Tensor  # (P,)
    weights: Tensor  # (P,) of each answer token: the first of a row, which decides call or text, may count more
    scales: Tensor  # (P,) of the row's kind: multiplies its loss, does not share in the mean

    @staticmethod
    def of(examples: Sequence[Example], shares: Mapping[RowKind, MixShare]) -> Line:
        """Lay out `examples`."""
        ids, positions, bounds, scored, targets = list[int](), list[int](), [0], list[int](), list[int]()
        weights, scales = list[float](), list[float]()
        for example in examples:
            share, start, length = shares[example.kind], bounds[-1], len(example.tokens)
            answers = length - example.answer
            ids += example.tokens
            positions += range(length)
            scored += range(start + example.answer - 1, start + length - 1)
            targets += example.tokens[example.answer :]
            weights += [share.first_token_weight, *[1.0] * (answers - 1)]
            scales += [share.weight] * answers
            bounds.append(start + length)
        return Line(
            input_ids=torch.tensor([ids]),
            position_ids=torch.tensor([positions]),
            bounds=torch.tensor(bounds),
            scored=torch.tensor(scored),
            targets=torch.tensor(targets),
            weights=torch.tensor(weights),
            scales=torch.tensor(scales),
        )

    def tensors(self) -> dict[str, Tensor]:
        """For the trainer, which moves dictionaries of tensors to its device."""
        return dict(vars(self))

    def first(self, count: int) -> Line:
        """The same line with only its first `count` answer positions scored."""
        return replace(
            self, **{name: getattr(self, name)[:count] for name in ("scored", "targets", "weights", "scales")}
        )

    def logits(self, model: nn.Module) -> Tensor:
        """(P, vocabulary) in fp32. Goes through `forward`, so that wrappers for several devices see it."""
        output: CausalLMOutputWithPast = model(
            input_ids=self.input_ids,
            position_ids=self.position_ids,
            cu_seq_lens_q=self.bounds,
            logits_to_keep=self.scored,
            use_cache=False,
        )
        assert output.logits is not None
        return output.logits[0].float()


def cross_entropy(logits: Tensor, line: Line) -> Tensor:
    """Weighted mean over answer tokens of -log p(target). Shapes: (P, vocabulary) -> ()."""
    return _mean(functional.cross_entropy(logits, line.targets, reduction="none"), line)


def kl_to_base(logits: Tensor, base_logits: Tensor, line: Line) -> Tensor:
    """Weighted mean over answer positions of KL(base || adapter) = Σ p_base (log p_base - log p_adapter).

    Shapes: (P, vocabulary) twice -> ().
    """
    ours, base = (functional.log_softmax(values, dim=-1) for values in (logits, base_logits))
    return _mean(functional.kl_div(ours, base, reduction="none", log_target=True).sum(dim=-1), line)


def _mean(losses: Tensor, line: Line) -> Tensor:
    return (line.weights * line.scales * losses).sum() / line.weights.sum()
