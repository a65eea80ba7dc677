"""Activities of the data review: a thin shell that opens record, gate and key."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cached_property
from typing import Any, Final

import rfc8785
from temporalio import activity

from activities.data.review import queue_of, reading, review_facts, rows_of, statement, stored_rows
from activities.policy.client import PolicyClient
from activities.signing.version import attest
from assay.contracts.base import Reference
from assay.contracts.errors import IntegrityRefused
from assay.contracts.policy import Decision
from assay.contracts.review import ReviewCase, ReviewCounts, ReviewReminder, RowState, Verdict
from assay.settings import Settings
from assay.telemetry import meters
from registry import Registry
from registry.quarantine import Ruling

logger = logging.getLogger("assay.review")
STATES: Final[dict[Verdict, RowState]] = {"release": "released", "refuse": "refused"}


class ReviewActivities:
    """Shell over `activities.data.review`; opens its connections at first use."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def all(self) -> list[Callable[..., Any]]:
        """The activities a worker registers."""
        return [self.count_rows, self.decide_rows, self.attest_rows, self.settle_rows, self.remind_reviewers]

    @activity.defn(name="count_rows", no_thread_cancel_exception=True)
    def count_rows(self, tenant: str, dataset: str) -> ReviewCounts:
        """See `assay.contracts.review.count_rows`."""
        return ReviewCounts.model_validate(self._registry.quarantine.counts(tenant, dataset))

    @activity.defn(name="decide_rows", no_thread_cancel_exception=True)
    def decide_rows(self, case: ReviewCase) -> Decision:
        """See `assay.contracts.review.decide_rows`. The decision is about the reading, which is stored."""
        rows = rows_of(self._registry, case)
        decision = self._client.decide("data_review", review_facts(case, rows)).decision
        self._registry.blobs.put(rfc8785.dumps(reading(queue_of(case), rows)))
        self._registry.decisions.add(decision, case.votes[-1].ruling.read)
        return decision

    @activity.defn(name="attest_rows", no_thread_cancel_exception=True)
    def attest_rows(self, case: ReviewCase, decision: Decision) -> Reference:
        """See `assay.contracts.review.attest_rows`: what is signed is what the gate said of this very reading."""
        read = case.votes[-1].ruling.read
        if not decision.allow or decision not in self._registry.decisions.list(read):
            raise IntegrityRefused(
                "DECISION_FOREIGN",
                f"decision {decision.decision_id} does not settle {read}",
                "attest a decision that `assay decisions DIGEST` lists",
            )
        said = statement(case, decision, len(stored_rows(self._registry, read)))
        reference = attest(self._registry.blobs, said, self._settings.home / "keys" / "signing.pem")
        self._registry.lineage.link(
            read, reference.sha256, "decided by data_review", parent_kind="reading", child_kind="statement"
        )
        return reference

    @activity.defn(name="settle_rows", no_thread_cancel_exception=True)
    def settle_rows(self, case: ReviewCase, statement: Reference) -> ReviewCounts:
        """See `assay.contracts.review.settle_rows`. The rows are those of the stored reading, also the second time."""
        last = case.votes[-1]
        ruling = Ruling(
            state=STATES[last.verdict],
            reviewer=last.ruling.reviewer,
            reason=last.ruling.reason,
            statement=statement.sha256,
        )
        self._registry.quarantine.decide(queue_of(case), stored_rows(self._registry, last.ruling.read), ruling)
        return self.count_rows(case.tenant, case.dataset)

    @activity.defn(name="remind_reviewers", no_thread_cancel_exception=True)
    def remind_reviewers(self, reminder: ReviewReminder) -> None:
        """See `assay.contracts.review.remind_reviewers`."""
        meters.REMINDERS.add(about="data_review")
        logger.warning(
            "%d quarantined rows of %s/%s wait for a reviewer until %s (reminder %d)",
            *(reminder.waiting, reminder.tenant, reminder.dataset),
            *(reminder.deadline.isoformat(timespec="minutes"), reminder.number),
        )

    @cached_property
    def _registry(self) -> Registry:
        return Registry.open(self._settings)

    @cached_property
    def _client(self) -> PolicyClient:
        return PolicyClient(self._settings.opa, self._registry.blobs)
