"""The workers' own metrics, exported by the Temporal SDK at the worker's one `/metrics` beside the SDK's own.

Labels are few and closed (a gate, an operation, a code): never a tenant, a model, a digest or a run, of which there is
no end. A process without a meter counts nothing. Names are given without the suffixes `_total` and `_seconds`, which
the exporter adds by kind and unit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol


class Meter(Protocol):
    """The part of `temporalio.common.MetricMeter` that is used. The registry counts too, and knows no Temporal."""

    def create_counter(self, name: str, description: str | None = None, unit: str | None = None) -> Any:  # noqa: ANN401
        """A counter with `add(value, labels)`."""

    def create_gauge_float(self, name: str, description: str | None = None, unit: str | None = None) -> Any:  # noqa: ANN401
        """A gauge with `set(value, labels)`."""


_meter: Meter | None = None
_made: dict[str, Any] = {}


def use(meter: Meter | None) -> None:
    """From now on count here. A process has one."""
    global _meter  # noqa: PLW0603
    _meter = meter
    _made.clear()
    if meter is not None:
        for instrument in ALL:
            instrument.begin()


@dataclass(frozen=True)
class Instrument:
    """One metric. `zeroes` are label values that are shown before anything happened, so that a first event is a step
    that `increase()` sees."""

    kind: Literal["counter", "gauge"]
    name: str
    description: str
    zeroes: tuple[dict[str, str], ...] = field(default=())

    def add(self, by: int = 1, **labels: str) -> None:
        """Count."""
        if (made := self._instrument()) is not None:
            made.add(by, labels)

    def set(self, value: float, **labels: str) -> None:
        """Say what it is now."""
        if (made := self._instrument()) is not None:
            made.set(value, labels)

    def begin(self) -> None:
        """Show the zeroes."""
        for labels in self.zeroes:
            if self.kind == "counter":
                self.add(0, **labels)
            else:
                self.set(0, **labels)

    def _instrument(self) -> Any:  # noqa: ANN401  # the SDK's own
        if _meter is None:
            return None
        if self.name not in _made:
            create = _meter.create_counter if self.kind == "counter" else _meter.create_gauge_float
            _made[self.name] = create(self.name, self.description)
        return _made[self.name]


GATES: Final = (
    "intake",
    "licences",
    "training",
    "review",
    "release",
    "routes",
    "data_review",
    "data_approval",
    "erasure",
    "mentions",
)
STAGES: Final = ("staging", "production", "archived")

GATE_DECISIONS: Final = Instrument(
    "counter",
    "assay_gate_decisions",
    "Decisions that a gate gave",
    tuple({"gate": gate, "outcome": outcome} for gate in GATES for outcome in ("allowed", "refused")),
)
GATE_VIOLATIONS: Final = Instrument("counter", "assay_gate_violations", "Violations in decisions, by their stable code")
GATE_FAILURES: Final = Instrument(
    "counter",
    "assay_gate_failures",
    "Questions to a gate that got no decision, which counts as no",
    tuple({"gate": gate} for gate in GATES),
)
ROLLBACKS: Final = Instrument("counter", "assay_rollbacks", "Incidents opened by rollbacks", ({},))
REMINDERS: Final = Instrument(
    "counter",
    "assay_reminders",
    "Reminders that somebody is waited for",
    tuple({"about": about} for about in ("data_review", "data_approval", "erasure")),
)
POINTER_MOVES: Final = Instrument(
    "counter", "assay_pointer_moves", "Moves of a model's pointers", tuple({"stage": stage} for stage in STAGES)
)
BLOB_ERRORS: Final = Instrument("counter", "assay_blob_errors", "Failures of the blob store", ({},))
BLOBS_TAMPERED: Final = Instrument("counter", "assay_blobs_tampered", "Blobs whose bytes are not those named", ({},))
ROUTES_REVISION: Final = Instrument("gauge", "assay_routes_revision", "Newest route table in the registry")
ADAPTER_LOAD_FAILURES: Final = Instrument(
    "counter", "assay_adapter_load_failures", "Adapters that the reconciler could not bring into an engine", ({},)
)
HEARTBEAT: Final = Instrument(
    "gauge",
    "assay_activity_heartbeat_timestamp_seconds",
    "Unix time of the last heartbeat of an activity type on this worker; 0 while none runs",
)
TRAINING_STEP: Final = Instrument("gauge", "assay_training_step", "Steps done of the run on this worker", ({},))
TRAINING_MAX_STEPS: Final = Instrument("gauge", "assay_training_max_steps", "Steps of the run on this worker", ({},))
TRAINING_LOSS: Final = Instrument("gauge", "assay_training_loss", "Training loss at the last step", ({},))
TRAINING_HELDOUT_LOSS: Final = Instrument("gauge", "assay_training_heldout_loss", "Last loss on held-out rows", ({},))
TRAINING_GRAD_NORM: Final = Instrument("gauge", "assay_training_gradient_norm", "Gradient norm, last step", ({},))
TRAINING_STEPS_RATE: Final = Instrument("gauge", "assay_training_steps_per_second", "Pace of the last step", ({},))
TRAINING_TOKENS_RATE: Final = Instrument("gauge", "assay_training_tokens_per_second", "Pace of the last step", ({},))
TRAINERS_KILLED: Final = Instrument("counter", "assay_trainers_killed", "Trainers that somebody else ended", ({},))

ALL: Final = tuple(one for one in list(globals().values()) if isinstance(one, Instrument))
