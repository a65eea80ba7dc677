"""Policy activities: gather facts, ask, keep the decision."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from temporalio import activity

from activities.data.notice import NOTICE, notice
from activities.policy.client import PolicyClient
from activities.policy.evidence import release_facts, review_facts
from activities.policy.facts import training_facts
from assay.contracts.policy import Decision
from assay.contracts.promotion import PromotionCase
from assay.contracts.training import PinnedTraining
from assay.settings import Settings
from registry import Registry
from serving.engines.sglang import SGLangEngine


class PolicyActivities:
    """Shell over `activities.policy`; opens its connections at first use.

    `served` answers the digest of the chat template that every engine renders with, None when they differ.
    """

    def __init__(self, settings: Settings, served: Callable[[], str | None] | None = None) -> None:
        self._settings = settings
        self._served = served or self._ask_engines

    def all(self) -> list[Callable[..., Any]]:
        """The activities a worker registers."""
        return [self.decide_training, self.decide_review, self.decide_release]

    @activity.defn(name="decide_training", no_thread_cancel_exception=True)
    def decide_training(self, request: PinnedTraining) -> Decision:
        """See `assay.contracts.training.decide_training`. The decision is about the run spec, by its config hash."""
        answer = self._client.decide("training", training_facts(self._registry, request))
        if answer.decision.allow:
            self._keep_notice(request, answer.document)
        return self._kept(answer.decision, request.spec.content_digest())

    def _keep_notice(self, request: PinnedTraining, document: Mapping[str, Any]) -> None:
        """What its licences ask to be named is known here, and is exported with what is trained."""
        text = notice(self._registry, f"{request.tenant}/{request.model}", request.spec.base, document)
        if text is not None:
            stored = self._registry.blobs.put(text.encode())
            spec = request.spec.content_digest()
            self._registry.lineage.link(spec, stored.sha256, NOTICE, parent_kind="run spec", child_kind="notice")

    @activity.defn(name="decide_review", no_thread_cancel_exception=True)
    def decide_review(self, case: PromotionCase) -> Decision:
        """See `assay.contracts.promotion.decide_review`."""
        facts = review_facts(self._registry, case, self._public_key, self._served())
        return self._kept(self._client.decide("review", facts).decision, case.version.digest)

    @activity.defn(name="decide_release", no_thread_cancel_exception=True)
    def decide_release(self, case: PromotionCase) -> Decision:
        """See `assay.contracts.promotion.decide_release`."""
        facts = release_facts(self._registry, case, self._public_key, self._served())
        return self._kept(self._client.decide("release", facts).decision, case.version.digest)

    def _kept(self, decision: Decision, subject: str) -> Decision:
        self._registry.decisions.add(decision, subject)
        return decision

    def _ask_engines(self) -> str | None:
        """Raises Unavailable, EngineRefused."""
        keys = (key.get_secret_value() for key in (self._settings.engine_key, self._settings.control_key))
        served = asyncio.run(_templates(self._settings.engines, *keys))
        return served.pop() if len(served) == 1 else None

    @property
    def _public_key(self) -> Path:
        return self._settings.home / "keys" / "signing.pub.pem"

    @cached_property
    def _registry(self) -> Registry:
        return Registry.open(self._settings)

    @cached_property
    def _client(self) -> PolicyClient:
        return PolicyClient(self._settings.opa, self._registry.blobs)


async def _templates(urls: tuple[str, ...], key: str, admin_key: str) -> set[str]:
    found = set()
    for url in urls:
        async with SGLangEngine(url, key, admin_key) as engine:
            found.add((await engine.info()).template)
    return found
