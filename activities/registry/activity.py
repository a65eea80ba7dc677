"""Registry activities: pin a lifecycle's inputs, register versions, move pointers, keep incidents."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

from temporalio import activity

from activities.registry.suites import store_suite
from assay.contracts.lifecycle import LifecycleRequest, Preparation
from assay.contracts.promotion import PointerMove, PointerMoved, PointerQuery, PromotionCase
from assay.contracts.rollout import Incident, RootCause
from assay.settings import Settings
from registry import Registry


class RegistryActivities:
    """Shell over `registry`; opens it at first use."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def all(self) -> list[Callable[..., Any]]:
        """The activities a worker registers."""
        return [
            self.prepare_lifecycle,
            self.register_version,
            self.move_pointer,
            self.read_pointer,
            self.open_incident,
            self.close_incident,
        ]

    @activity.defn(name="prepare_lifecycle")
    def prepare_lifecycle(self, request: LifecycleRequest) -> Preparation:
        """See `assay.contracts.lifecycle.prepare_lifecycle`."""
        base = self._registry.bases.get(request.base)
        suite = store_suite(request.suite, self._registry.blobs)
        return Preparation(base=base.pin, template=base.template, suite=suite)

    @activity.defn(name="register_version")
    def register_version(self, case: PromotionCase) -> None:
        """See `assay.contracts.promotion.register_version`."""
        self._registry.versions.add(case)

    @activity.defn(name="move_pointer")
    def move_pointer(self, move: PointerMove) -> PointerMoved:
        """See `assay.contracts.promotion.move_pointer`."""
        return self._registry.pointers.move(move)

    @activity.defn(name="read_pointer")
    def read_pointer(self, query: PointerQuery) -> PointerMoved:
        """See `assay.contracts.promotion.read_pointer`."""
        return self._registry.pointers.read(query)

    @activity.defn(name="open_incident")
    def open_incident(self, incident: Incident) -> None:
        """See `assay.contracts.rollout.open_incident`."""
        self._registry.incidents.open(incident)

    @activity.defn(name="close_incident")
    def close_incident(self, incident: Incident, cause: RootCause) -> None:
        """See `assay.contracts.rollout.close_incident`."""
        self._registry.incidents.close(incident, cause)

    @cached_property
    def _registry(self) -> Registry:
        return Registry.open(self._settings)
