"""Approvals of data owners: what the gate is asked, what is signed, and whether one in force is on record."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from temporalio import activity

from activities.policy.client import PolicyClient
from activities.signing.envelope import open_envelope
from activities.signing.statements import Statement, Subject
from activities.signing.version import attest
from assay.contracts.approval import ApprovalCase, ApprovalQuery, OwnerApproval, OwnerReminder, Standing
from assay.contracts.base import Reference
from assay.contracts.errors import IntegrityRefused, NotFound
from assay.contracts.policy import Decision
from assay.settings import Settings
from assay.telemetry import meters
from registry import Registry
from registry.approvals import ApprovalRecord

logger = logging.getLogger("assay.approval")
PREDICATE: Final = "urn:assay:predicate:data-approval:v1"


def approval_facts(query: ApprovalQuery, approval: OwnerApproval, requested_by: str, now: datetime) -> dict[str, Any]:
    """Input document of the gate `data_approval`."""
    source = query.source
    return {
        "tenant": query.tenant,
        "purpose": query.purpose,
        "requested_by": requested_by,
        "source": {"name": source.name, "system": source.system, "owner": source.owner, "terms": query.terms},
        "approval": approval.model_dump(mode="json", exclude={"comment"}),
        "now": now.isoformat(timespec="seconds"),
    }


def statement(case: ApprovalCase, decision: Decision) -> Statement:
    """Who approved which terms for what; the subject is the terms, by their digest."""
    request = case.request
    subject = Subject(
        name=f"{request.query.tenant}/{request.query.source.name}",
        digest={"sha256": request.query.terms.partition(":")[2]},
    )
    predicate = {
        "approval": case.approval.model_dump(mode="json"),
        "intake": request.query.intake,
        "requested_by": request.requested_by,
        "decision": decision.model_dump(mode="json"),
    }
    return Statement(subject=(subject,), predicate_type=PREDICATE, predicate=predicate)


class ApprovalActivities:
    """Shell over this module; opens its connections at first use."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def all(self) -> list[Callable[..., Any]]:
        """The activities a worker registers."""
        return [self.find_approval, self.decide_approval, self.attest_approval, self.remind_owner]

    @activity.defn(name="find_approval", no_thread_cancel_exception=True)
    def find_approval(self, query: ApprovalQuery) -> Standing:
        """See `assay.contracts.approval.find_approval`."""
        found = self._registry.approvals.about(query.tenant, query.source.name, query.terms, query.intake)
        return Standing(statement=next((one.statement for one in found if self._in_force(query, one)), None))

    @activity.defn(name="decide_approval", no_thread_cancel_exception=True)
    def decide_approval(self, case: ApprovalCase) -> Decision:
        """See `assay.contracts.approval.decide_approval`. The decision is about the terms."""
        query = case.request.query
        decision = self._ask(query, case.approval, case.request.requested_by)
        self._registry.decisions.add(decision, query.terms)
        return decision

    @activity.defn(name="attest_approval", no_thread_cancel_exception=True)
    def attest_approval(self, case: ApprovalCase, decision: Decision) -> Reference:
        """See `assay.contracts.approval.attest_approval`: what is signed is what the gate allowed."""
        query = case.request.query
        if not decision.allow or decision not in self._registry.decisions.list(query.terms):
            raise IntegrityRefused(
                "DECISION_FOREIGN",
                f"decision {decision.decision_id} does not allow {query.terms}",
                "attest a decision that `assay decisions DIGEST` lists",
            )
        reference = attest(self._registry.blobs, statement(case, decision), self._keys / "signing.pem")
        self._registry.approvals.add(
            ApprovalRecord(
                statement=reference,
                tenant=query.tenant,
                source=query.source.name,
                terms=query.terms,
                intake=query.intake,
                owner=case.approval.owner,
                valid_until=case.approval.valid_until,
            )
        )
        return reference

    @activity.defn(name="remind_owner", no_thread_cancel_exception=True)
    def remind_owner(self, reminder: OwnerReminder) -> None:
        """See `assay.contracts.approval.remind_owner`."""
        meters.REMINDERS.add(about="data_approval")
        logger.warning(
            "source %s of %s waits for its owner until %s (reminder %d)",
            *(reminder.source, reminder.tenant),
            *(reminder.deadline.isoformat(timespec="minutes"), reminder.number),
        )

    def _in_force(self, query: ApprovalQuery, record: ApprovalRecord) -> bool:
        """Not what the record says counts, but what was signed, under today's policy."""
        try:
            said = open_envelope(self._registry.blobs.get(record.statement), self._keys / "signing.pub.pem")
            same = (said.predicate_type, said.subject_digest, said.predicate["intake"])
            approval = OwnerApproval.model_validate(said.predicate["approval"])
        except (IntegrityRefused, NotFound, KeyError, ValidationError):
            return False
        if same != (PREDICATE, query.terms, query.intake):
            return False
        return self._ask(query, approval, str(said.predicate.get("requested_by", ""))).allow

    def _ask(self, query: ApprovalQuery, approval: OwnerApproval, requested_by: str) -> Decision:
        facts = approval_facts(query, approval, requested_by, datetime.now(UTC))
        return self._client.decide("data_approval", facts).decision

    @property
    def _keys(self) -> Path:
        return self._settings.home / "keys"

    @cached_property
    def _registry(self) -> Registry:
        return Registry.open(self._settings)

    @cached_property
    def _client(self) -> PolicyClient:
        return PolicyClient(self._settings.opa, self._registry.blobs)
