"""The loss of a line of rows is that of the rows one by one. Runs where torch is imported: not in this process."""

from __future__ import annotations

from collections.abc import Callable
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest


def a_line_scores_each_row_as_if_alone(base: str) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    from activities.training.objective import ROWWISE, Line
    from activities.training.rows import Example
    from assay.contracts.training import HEALTHY_MIX

    rows = [Example(str(n), "call", 0, tuple(range(10, 30 + 7 * n)), 12 + n) for n in range(3)]
    shares = {share.kind: share for share in HEALTHY_MIX}
    ours = AutoModelForCausalLM.from_pretrained(base, attn_implementation=ROWWISE)
    plain = AutoModelForCausalLM.from_pretrained(base, attn_implementation="sdpa")
    together = Line.of(rows, shares).logits(ours)
    alone = [plain(torch.tensor([row.tokens])).logits[0, row.answer - 1 : -1] for row in rows]
    torch.testing.assert_close(together, torch.cat(alone), rtol=1e-4, atol=1e-5)


def the_loss_is_the_weighted_mean_that_the_recipe_states(_: str) -> None:
    import torch

    from activities.training.objective import Line, cross_entropy, kl_to_base
    from activities.training.rows import Example
    from assay.contracts.training import MixShare

    share = MixShare(kind="call", rows_per_batch=1, first_token_weight=4, weight=3)
    line = Line.of([Example("r", "call", 0, (5, 6, 7, 8), 2)], {"call": share})
    assert line.scored.tolist() == [1, 2]
    assert line.targets.tolist() == [7, 8]
    assert line.weights.tolist() == [4, 1]
    logits, base = torch.randn(2, 11), torch.randn(2, 11)
    chosen = -logits.log_softmax(-1)[[0, 1], [7, 8]]
    torch.testing.assert_close(cross_entropy(logits, line), 3 * (4 * chosen[0] + chosen[1]) / 5)
    p = base.softmax(-1)
    kl = (p * (p.log() - logits.log_softmax(-1))).sum(-1)
    torch.testing.assert_close(kl_to_base(logits, base, line), 3 * (4 * kl[0] + kl[1]) / 5)


def a_new_adapter_has_no_kl_to_its_base(base: str) -> None:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    from activities.training.objective import ROWWISE, Line, kl_to_base
    from activities.training.rows import Example
    from assay.contracts.training import HEALTHY_MIX

    model = get_peft_model(
        AutoModelForCausalLM.from_pretrained(base, attn_implementation=ROWWISE),
        LoraConfig(r=4, target_modules=["q_proj", "v_proj"]),
    )
    shares = {share.kind: share for share in HEALTHY_MIX}
    line = Line.of([Example("r", "replay", 0, tuple(range(10, 40)), 12)], shares)
    with torch.no_grad():
        with model.disable_adapter():
            reference = line.logits(model)
        assert kl_to_base(line.logits(model), reference, line).abs() < 1e-6
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.normal_()
        assert kl_to_base(line.logits(model), reference, line) > 1e-4


@pytest.mark.parametrize(
    "claim",
    [
        a_line_scores_each_row_as_if_alone,
        the_loss_is_the_weighted_mean_that_the_recipe_states,
        a_new_adapter_has_no_kl_to_its_base,
    ],
    ids=lambda claim: claim.__name__,
)
def test_objective(claim: Callable[[str], None], trainers: ForkServerContext, tiny_base: Path) -> None:
    process = trainers.Process(target=claim, args=(str(tiny_base),))
    process.start()
    process.join(120)
    assert process.exitcode == 0
