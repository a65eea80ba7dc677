"""The eight steps of the demonstration."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError

from assay.client import AssayClient
from assay.contracts import names
from assay.contracts.errors import NotFound
from assay.contracts.lifecycle import LifecycleRequest
from assay.contracts.promotion import Approval, ApprovalRules, Override, PromotionRequest, PromotionStatus
from assay.contracts.rollout import RootCause
from assay.contracts.training import TrainingProgress
from examples.demo import erasing, figures, governed, outside, plan, rollback
from examples.demo.report import Report
from examples.demo.shell import ROOT, assay, run, show
from examples.demo.story import Story
from examples.demo.traffic import Traffic
from examples.demo.watch import Watcher, until


@dataclass
class Demo:
    """State of one demonstration."""

    story: Story
    report: Report
    size: plan.Size
    folder: Path
    client: AssayClient = field(init=False)
    traffic: Traffic = field(init=False)
    good: LifecycleRequest = field(init=False)
    endpoints: dict[str, str] = field(init=False)

    async def prepare(self) -> None:
        """Start the stack, make keys, find the next free version number."""
        with self.story.step("The local stack"):
            if show("assay", "up"):
                raise RuntimeError("the stack did not come up; `assay doctor` says what is wrong")
            self.endpoints = self.report.endpoints = assay("status")["endpoints"]
            self.client = await AssayClient.connect(self.endpoints["temporal"])
            key = assay("keys", "create", plan.TENANT)["key"]
            data = self.data
            self.traffic = Traffic.over(self.endpoints["gateway"], key, plan.MODEL, data / "suite.jsonl")
            self.good = plan.lifecycle(data, await self._next_version(), self.size)

    @property
    def data(self) -> Path:
        """Where `assay up` built the example data."""
        return Path(os.environ.get("ASSAY_HOME", ROOT / "var")).resolve() / "examples"

    async def _next_version(self) -> int:
        version = 1
        while True:
            handle = self.client.temporal.get_workflow_handle(names.promotion_id(plan.TENANT, plan.MODEL, version))
            lifecycle = self.client.temporal.get_workflow_handle(names.lifecycle_id(plan.TENANT, plan.MODEL, version))
            found = [await _status(one) for one in (handle, lifecycle)]
            if not any(found):
                return version
            version += 1

    async def intake(self) -> None:
        """Step 1."""
        with self.story.step("Intake"):
            self.story.say("Every row is checked for licence, consent, purpose, personal data and secrets.")
            handle = await self.client.start_lifecycle(self.good)
            self.report.workflow_ids.append(handle.id)
            watcher = Watcher(self.story, self.client, self.good)
            status = await watcher.step(
                lambda: self.client.intake_status(self.good.tenant, self.good.dataset, self.good.version),
                lambda s: s.stage == "sealed",
            )
            assert status.dataset is not None
            counts = status.dataset.counts
            self.report.dataset = {
                "id": status.dataset.id,
                **counts.model_dump(mode="json", include={"read", "accepted"}),
                **governed.counted(self.story, counts),
            }
            assert counts.read == counts.accepted + counts.quarantined + counts.refused
            self.story.say(f"{counts.accepted} of {counts.read} rows accepted, dataset {status.dataset.id}")
            self.report.dataset["sheet"] = governed.sheet(self.story, status.dataset.id, self.folder)
            governed.stories(self.story)
            self.report.dataset["waiting"] = governed.waiting(self.story, self.good.tenant, self.good.dataset)

    async def training(self) -> None:
        """Step 2: the worker is killed on the way."""
        with self.story.step("Training"):
            status, self.report.loss = await Watcher(self.story, self.client, self.good).training(self._kill_worker)
            assert status.result is not None, status.reasons
            result = status.result
            assert result.resumed_from_step > 0, "the run did not resume from a checkpoint"
            self.report.training = figures.training(result)
            self.story.say(
                f"{result.steps} steps, loss {result.loss_first:.3f} to {result.loss_last:.3f}, "
                f"{result.tokens_per_second:.0f} tokens/s; resumed from step {result.resumed_from_step} by itself"
            )

    async def _kill_worker(self, now: TrainingProgress) -> None:
        processes = {p["name"]: p for p in assay_status()["processes"]}
        pid = int(processes["worker-training"]["pid"])
        os.kill(pid, signal.SIGKILL)
        self.story.say(
            f"  [red]SIGKILL[/red] to the training worker (pid {pid}) after step {now.step}; "
            f"its last checkpoint is step {now.checkpoint_step}"
        )

    async def evaluation(self) -> None:
        """Step 3."""
        with self.story.step("Evaluation"):
            status = await Watcher(self.story, self.client, self.good).evaluation()
            assert status.result is not None
            self.report.evaluation = figures.evaluation(status.result)
            figures.show_arms(self.story, status.result)
            base, adapter = figures.reported(status.result)
            assert adapter.rate("call_valid").low > base.rate("call_valid").high, "not clearly better than the base"

    async def decision(self) -> None:
        """Step 4."""
        with self.story.step("Decision"):
            status = await self._awaiting(self.good, "awaiting approval", unless="awaiting override")
            assert status.card is not None
            assert status.decision is not None
            self._show_diff(status.card.diff.sha256)
            self.story.say(
                f"  the review gate says yes: decision {status.decision.decision_id}, "
                f"policy {status.decision.policy_revision}"
            )
            yes = Approval(reviewer=plan.REVIEWER, role="owner", card_diff=status.card.diff.sha256, comment="read it")
            self._show_update(self.good, "approve", yes.model_dump_json(exclude_defaults=True))
            await self.client.approve(*_key(self.good), yes)
            status = await self._awaiting(self.good, "staged")
            assert status.card is not None
            assert status.release is not None
            assert status.version is not None
            self.report.promotion = {
                "digest": status.version.digest,
                "decision_id": status.release.decision_id,
                "policy_revision": status.release.policy_revision,
                "approvals": [a.model_dump(mode="json") for a in status.approvals],
                "card_diff": status.card.diff.sha256,
                "statements": [s.sha256 for s in status.version.statements],
            }
            self.story.say(f"  signed, registered, staged: {status.version.digest}")

    async def rollout(self) -> None:
        """Step 5."""
        with self.story.step("Rollout"):
            async with self.traffic.flowing():
                status = await Watcher(self.story, self.client, self.good).rollout(ENDED)
            assert status.stage == "promoted", status.reasons
            self.report.promotion["route_revision"] = status.route_revision

    async def bad_adapter(self) -> None:
        """Step 6."""
        bad = plan.lifecycle(self.data, self.good.version + 1, self.size, narrow=True)
        with self.story.step("A bad adapter that looks good"):
            self.story.say(
                "The same calls, without the replay of ordinary chat, at twice the rate. It trains without complaint."
            )
            handle = await self.client.start_lifecycle(bad)
            self.report.workflow_ids.append(handle.id)
            watcher = Watcher(self.story, self.client, bad)
            trained, _ = await watcher.training(None)
            assert trained.result is not None
            evaluated = await watcher.evaluation()
            assert evaluated.result is not None
            figures.show_arms(self.story, evaluated.result)
            refused = await self._stopped_by_the_gate(bad)
            self.report.bad_adapter = {
                "training": figures.training(trained.result),
                "evaluation": figures.evaluation(evaluated.result),
                "refused": [v.model_dump(mode="json") for v in refused.decision.violations] if refused.decision else [],
            }
            await self._override(bad, refused)
            await self._caught_on_live_traffic(bad, watcher)
            await self._root_cause(bad)

    async def _stopped_by_the_gate(self, bad: LifecycleRequest) -> PromotionStatus:
        status = await self._awaiting(bad, "awaiting override", unless="awaiting approval")
        self.story.panel("\n".join(status.reasons), "Stopped by the evaluation gate")
        return status

    async def _override(self, bad: LifecycleRequest, refused: PromotionStatus) -> None:
        assert refused.decision is not None
        assert refused.card is not None
        codes = tuple(sorted({v.code for v in refused.decision.violations}))
        diff = refused.card.diff.sha256
        risk = Override(
            reviewer=plan.RISK_OFFICER,
            role="risk",
            card_diff=diff,
            codes=codes,
            reason="a drill of the canary analysis",
        )
        await self.client.override(*_key(bad), risk)
        self.story.say(f"  {plan.RISK_OFFICER} overrides {', '.join(codes)}: recorded, and only then may it go on")
        await self._awaiting(bad, "awaiting approval")
        yes = Approval(reviewer=plan.REVIEWER, role="owner", card_diff=diff)
        await self.client.approve(*_key(bad), yes)

    async def _caught_on_live_traffic(self, bad: LifecycleRequest, watcher: Watcher) -> None:
        async with self.traffic.flowing():
            status = await watcher.rollout(ENDED)
            assert status.stage == "awaiting root cause", f"the bad adapter was not caught: {status}"
            # Users who were in the canary's cohort come back and must be answered by the previous version.
            await asyncio.sleep(5)
        handle = self.client.temporal.get_workflow_handle(names.rollout_id(*_key(bad)))
        decided = await rollback.decision_time(handle)
        digest = (await self.client.lifecycle_status(*_key(bad))).version
        assert digest is not None
        self.report.rollback = rollback.measure(decided, status, digest, self.traffic.seen)
        self.report.rollback["flipped_at"] = decided + self.report.rollback["flip_ms"] / 1000
        assert self.report.rollback["wrong_arm_requests_after_flip"] == 0
        self.story.say(
            f"  rolled back after {self.report.rollback['detected_after_requests']} canary requests; from decision to "
            f"the first token of the previous version {self.report.rollback['decision_to_first_token_ms']:.0f} ms "
            f"(the flip itself {self.report.rollback['flip_ms']:.0f} ms); requests to the bad arm after it: 0"
        )

    async def _root_cause(self, bad: LifecycleRequest) -> None:
        blocked = await self._promote_again(bad.version + 1)
        assert blocked.stage == "refused", blocked.stage
        self.story.say(f"  a new promotion is refused meanwhile: {'; '.join(blocked.reasons)}")
        cause = RootCause(
            actor=plan.REVIEWER,
            cause="trained without replay of ordinary chat and at twice the rate: plain questions all got one answer",
            action="the recipe keeps a third of replay, and its rate; the gate's override needs two people from now on",
        )
        await self.client.record_root_cause(*_key(bad), cause)
        allowed = await self._promote_again(bad.version + 2)
        assert allowed.stage == "awaiting approval", allowed.stage
        self.story.say("  the root cause is recorded; promotion is possible again")
        self.report.rollback["promotion_while_open"] = blocked.stage
        self.report.rollback["promotion_after_root_cause"] = allowed.stage

    async def _promote_again(self, version: int) -> PromotionStatus:
        """Ask for the good version once more; withdrawn as soon as it has been decided."""
        good = _key(self.good)
        trained, evaluated = await self.client.training_status(*good), await self.client.evaluation_status(*good)
        assert trained.result is not None
        assert evaluated.result is not None
        request = PromotionRequest(
            tenant=good[0],
            model=good[1],
            version=version,
            run=trained.result.run_id,
            report=evaluated.result.report.sha256,
            rules=ApprovalRules(deadline=timedelta(hours=1)),
            requested_by=plan.REQUESTER,
        )
        handle = await self.client.start_promotion(request)
        self.report.workflow_ids.append(handle.id)
        decided = ("awaiting approval", "awaiting override", "refused")
        status = await until(
            lambda: self.client.promotion_status(good[0], good[1], version), lambda s: s.stage in decided
        )
        if status.stage != "refused":
            await handle.cancel()
        return status

    async def outside_check(self) -> None:
        """Step 7."""
        with self.story.step("Outside check"):
            evidence = self.folder / "evidence"
            erasing.remove(evidence)
            assay("evidence", "/".join(map(str, _key(self.good))), "--out", str(evidence))
            workflow_id = names.lifecycle_id(*_key(self.good))
            self.report.verify = outside.check(self.story, evidence, workflow_id, self.endpoints["temporal"])

    async def erasure(self) -> None:
        """Step 8."""
        with self.story.step("Erasure"):
            self.story.say(
                "A person whose ticket was learnt from asks to be forgotten, while users are being answered."
            )
            version = (await self.client.lifecycle_status(*_key(self.good))).version
            assert version is not None
            self.report.erasure = await erasing.erase(self.story, self.traffic, plan.TENANT, self.folder, version)
            erasing.remove_copies(self.story, self.folder / "evidence")

    async def _awaiting(self, request: LifecycleRequest, stage: str, unless: str | None = None) -> PromotionStatus:
        """Wait until its promotion is at `stage`. `unless`: where it waits for a person instead, and would for ever."""
        watcher = Watcher(self.story, self.client, request)
        ends = {stage, unless, "refused", "rejected", "expired", "failed"}
        status = await watcher.step(lambda: self.client.promotion_status(*_key(request)), lambda s: s.stage in ends)
        assert status.stage == stage, f"promotion is {status.stage}: {'; '.join(status.reasons)}"
        return status

    def _show_diff(self, digest: str) -> None:
        shown_by = run("assay", "show", digest)
        assert shown_by.code == 0, shown_by.output
        lines = shown_by.output.strip().splitlines()
        measured = [line for line in lines if "evaluation.arms." in line and ".low" in line]
        shown = [lines[0], lines[2], *[line for line in lines[4:16] if line not in measured], *measured[:8]]
        self.story.panel("\n".join(shown), "Model card diff, which the reviewer reads")

    def _show_update(self, request: LifecycleRequest, name: str, message: str) -> None:
        id_ = names.promotion_id(*_key(request))
        self.story.say("  the same from the command line:")
        self.story.say(
            f"  [bold]$ temporal workflow update execute --workflow-id {id_} --name {name} --input '{message}'[/bold]"
        )


ENDED = frozenset({"promoted", "awaiting root cause", "rolled back", "refused", "failed"})


def assay_status() -> dict[str, Any]:
    """`assay status --json`, also while something is starting again (exit code 1)."""
    document: dict[str, Any] = json.loads(run("assay", "status", "--json").output)
    return document


async def _status(handle: Any) -> WorkflowExecutionStatus | None:  # noqa: ANN401  # any workflow's handle
    try:
        found: WorkflowExecutionStatus | None = (await handle.describe()).status
    except (NotFound, RPCError):
        return None
    return found


def _key(request: LifecycleRequest) -> tuple[str, str, int]:
    return request.tenant, request.model, request.version
