"""Registry activities: pin a lifecycle's inputs, register versions, move pointers, keep incidents."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

from temporalio import activity

from activities.registry import pinning
from activities.registry.suites import store_suite
from assay.contracts.evaluation import EvaluationRequest, PinnedEvaluation
from assay.contracts.lifecycle import LifecycleRequest, Preparation
from assay.contracts.promotion import (
    PinnedPromotion,
    PointerMove,
    PointerMoved,
    PointerQuery,
    PromotionCase,
    PromotionRequest,
)
from assay.contracts.rollout import Incident, PinnedRollout, RolloutRequest, RootCause
from assay.contracts.training import PinnedTraining, TrainingRequest
from assay.settings import Settings
from assay.telemetry import meters
from registry import Registry


class RegistryActivities:
    """Shell over `registry`; opens it at first use."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def all(self) -> list[Callable[..., Any]]:
        """The activities a worker registers."""
        return [
            self.prepare_lifecycle,
            self.pin_training,
            self.pin_evaluation,
            self.pin_promotion,
            self.pin_rollout,
            self.register_version,
            self.move_pointer,
            self.read_pointer,
            self.open_incident,
            self.close_incident,
        ]

    @activity.defn(name="prepare_lifecycle", no_thread_cancel_exception=True)
    def prepare_lifecycle(self, request: LifecycleRequest) -> Preparation:
        """See `assay.contracts.lifecycle.prepare_lifecycle`."""
        base = self._registry.bases.get(request.base)
        suite = store_suite(request.suite, self._registry.blobs)
        return Preparation(base=base.pin, template=base.template, suite=suite)

    @activity.defn(name="pin_training", no_thread_cancel_exception=True)
    def pin_training(self, request: TrainingRequest) -> PinnedTraining:
        """See `assay.contracts.training.pin_training`."""
        return pinning.pin_training(self._registry, request)

    @activity.defn(name="pin_evaluation", no_thread_cancel_exception=True)
    def pin_evaluation(self, request: EvaluationRequest) -> PinnedEvaluation:
        """See `assay.contracts.evaluation.pin_evaluation`."""
        return pinning.pin_evaluation(self._registry, request)

    @activity.defn(name="pin_promotion", no_thread_cancel_exception=True)
    def pin_promotion(self, request: PromotionRequest) -> PinnedPromotion:
        """See `assay.contracts.promotion.pin_promotion`."""
        return pinning.pin_promotion(self._registry, request)

    @activity.defn(name="pin_rollout", no_thread_cancel_exception=True)
    def pin_rollout(self, request: RolloutRequest) -> PinnedRollout:
        """See `assay.contracts.rollout.pin_rollout`."""
        return pinning.pin_rollout(self._registry, request)

    @activity.defn(name="register_version", no_thread_cancel_exception=True)
    def register_version(self, case: PromotionCase) -> None:
        """See `assay.contracts.promotion.register_version`."""
        self._registry.versions.add(case)

    @activity.defn(name="move_pointer", no_thread_cancel_exception=True)
    def move_pointer(self, move: PointerMove) -> PointerMoved:
        """See `assay.contracts.promotion.move_pointer`."""
        moved = self._registry.pointers.move(move)
        meters.POINTER_MOVES.add(stage=move.stage)
        return moved

    @activity.defn(name="read_pointer", no_thread_cancel_exception=True)
    def read_pointer(self, query: PointerQuery) -> PointerMoved:
        """See `assay.contracts.promotion.read_pointer`."""
        return self._registry.pointers.read(query)

    @activity.defn(name="open_incident", no_thread_cancel_exception=True)
    def open_incident(self, incident: Incident) -> None:
        """See `assay.contracts.rollout.open_incident`."""
        self._registry.incidents.open(incident)
        meters.ROLLBACKS.add()

    @activity.defn(name="close_incident", no_thread_cancel_exception=True)
    def close_incident(self, incident: Incident, cause: RootCause) -> None:
        """See `assay.contracts.rollout.close_incident`."""
        self._registry.incidents.close(incident, cause)

    @cached_property
    def _registry(self) -> Registry:
        return Registry.open(self._settings)
