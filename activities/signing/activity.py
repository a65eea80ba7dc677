"""Signing activities."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from temporalio import activity

from activities.signing.statements import summary
from activities.signing.version import attest, sign_chosen
from assay.contracts.base import Reference
from assay.contracts.errors import IntegrityRefused
from assay.contracts.policy import Decision
from assay.contracts.promotion import PinnedPromotion, PromotionCase, SignedVersion
from assay.settings import Settings
from registry import Registry


class SigningActivities:
    """Shell over `activities.signing`; opens the registry at first use."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def all(self) -> list[Callable[..., Any]]:
        """The activities a worker registers."""
        return [self.sign_version, self.attest_decision]

    @activity.defn(name="sign_version", no_thread_cancel_exception=True)
    def sign_version(self, request: PinnedPromotion) -> SignedVersion:
        """See `assay.contracts.promotion.sign_version`."""
        return sign_chosen(self._registry, request, self._settings.home, self._key)

    @activity.defn(name="attest_decision", no_thread_cancel_exception=True)
    def attest_decision(self, case: PromotionCase, decision: Decision) -> Reference:
        """See `assay.contracts.promotion.attest_decision`. The lineage leads from the version to what was decided.

        Raises IntegrityRefused (`DECISION_FOREIGN`): what is signed is what a gate said, not what somebody says of it.
        """
        adapter = case.request.evaluation.chosen.adapter
        if case.version.digest != adapter or decision not in self._registry.decisions.list(adapter):
            raise IntegrityRefused(
                "DECISION_FOREIGN",
                f"decision {decision.decision_id} is not on record about {case.version.digest}",
                "attest a decision that `assay decisions DIGEST` lists",
            )
        reference = attest(self._registry.blobs, summary(case.request, decision), self._key)
        self._registry.lineage.link(
            case.version.digest,
            reference.sha256,
            f"decided by {decision.gate}",
            parent_kind="adapter",
            child_kind="statement",
        )
        return reference

    @property
    def _key(self) -> Path:
        return self._settings.home / "keys" / "signing.pem"

    @cached_property
    def _registry(self) -> Registry:
        return Registry.open(self._settings)
