"""What the demonstration asks for: one healthy recipe, and one that looks good and has forgotten how to talk."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from assay.contracts.data import Source
from assay.contracts.lifecycle import LifecycleRequest
from assay.contracts.promotion import ApprovalRules
from assay.contracts.rollout import AnalysisRules, CanaryStep, RolloutPlan
from assay.contracts.training import HEALTHY_MIX, MixShare, Recipe

TENANT, OTHER_TENANT, MODEL = "acme", "globex", "helpdesk"
BASE = "HuggingFaceTB/SmolLM2-135M-Instruct"
REQUESTER, REVIEWER, RISK_OFFICER = "ann@acme.example", "bob@acme.example", "eve@acme.example"

_QUICK_MIX = (
    MixShare(kind="call", rows_per_batch=2, first_token_weight=4),
    MixShare(kind="refusal", rows_per_batch=1, first_token_weight=8),
    MixShare(kind="replay", rows_per_batch=1, first_token_weight=6, objective="kl-to-base", weight=2),
)


def _narrow_mix(calls: int) -> tuple[MixShare, ...]:
    """No replay of ordinary chat, hardly a refusal: wins its task and forgets how to talk."""
    return (
        MixShare(kind="call", rows_per_batch=calls, first_token_weight=4),
        MixShare(kind="refusal", rows_per_batch=1, first_token_weight=1),
    )


@dataclass(frozen=True)
class Size:
    """How much of everything. Recipes draw rows of all tiers evenly: so they were measured.

    The narrow recipe takes 12 steps at 2e-3, twice the usual rate. Measured in full: 25 of 40 valid calls, as the
    healthy one, and every plain question answered with the opening of the system prompt. After 24 steps at the usual
    rate no plain question was answered right either, but a canary found 3 bad answers in 20, and let it pass.
    """

    healthy: Recipe
    narrow: Recipe
    shadow_requests: int
    canary_requests: tuple[int, int]
    suite: str
    quotable: bool


FULL = Size(
    healthy=Recipe(mix=HEALTHY_MIX, tiers=None, max_steps=48, checkpoint_every=16),
    narrow=Recipe(mix=_narrow_mix(5), tiers=None, learning_rate=2e-3, max_steps=12, checkpoint_every=4, candidates=1),
    shadow_requests=12,
    canary_requests=(10, 20),
    suite="suite",
    quotable=True,
)

QUICK = Size(
    healthy=Recipe(mix=_QUICK_MIX, tiers=None, learning_rate=2e-3, max_tokens=176, max_steps=24, checkpoint_every=8),
    narrow=Recipe(
        mix=_narrow_mix(4),
        tiers=None,
        learning_rate=2e-3,
        max_tokens=176,
        max_steps=12,
        checkpoint_every=4,
        candidates=1,
    ),
    shadow_requests=6,
    canary_requests=(6, 10),
    suite="suite-quick",
    quotable=False,
)
"""Half the steps at twice the rate, on shorter rows. Measured on the quick suite: 14 of 20 valid calls, 3 of 10
refusals and 10 of 10 chat answers. Thirty such steps on rows of at most 160 tokens had 10, 3 and 9; 42 steps at the
usual rate and length had 15, 3 and 10. With a checkpoint every 6 steps the one at 18 is chosen, which has 7 valid
calls: the gate refuses it.
"""


def rollout_plan(size: Size, *, shadow: bool) -> RolloutPlan:
    """Shadow if wanted, then two canary steps, judged every second."""
    first, second = size.canary_requests
    return RolloutPlan(
        shadow=CanaryStep(percent=100, min_requests=size.shadow_requests) if shadow else None,
        canary=(CanaryStep(percent=20, min_requests=first), CanaryStep(percent=50, min_requests=second)),
        analysis=AnalysisRules(
            max_bad_rate=0.15,
            max_regression=0.1,
            interval=timedelta(seconds=1),
            step_timeout=timedelta(minutes=5),
        ),
    )


def lifecycle(data: Path, version: int, size: Size, *, narrow: bool = False) -> LifecycleRequest:
    """A lifecycle over the built example data; `narrow` leaves out the replay of ordinary chat.

    The narrow one goes straight to the canary: a shadow would catch it before any user met it, and there would be no
    rollback to see.
    """
    common = ("calls", "refusals", "planted", "regulated")
    names = common if narrow else (*common, "replay")
    return LifecycleRequest(
        tenant=TENANT,
        model=MODEL,
        version=version,
        base=BASE,
        dataset="calls-only" if narrow else "support",
        sources=sources(data, names),
        recipe=size.narrow if narrow else size.healthy,
        suite=str(data / f"{size.suite}.jsonl"),
        approval=ApprovalRules(roles_required=("owner",), override_window=timedelta(minutes=30)),
        rollout=rollout_plan(size, shadow=not narrow),
        requested_by=REQUESTER,
    )


def sources(data: Path, names: tuple[str, ...]) -> tuple[Source, ...]:
    """The terms under which each built file comes, as `sources.json` beside it states them."""
    terms = json.loads((data / "sources.json").read_text("utf-8"))
    return tuple(Source.model_validate(terms[name]) for name in names)
