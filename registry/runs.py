"""Training runs and evaluation reports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Literal, cast

from sqlalchemy import Table, delete, select
from sqlalchemy.orm import Session

from assay.contracts.base import Message
from assay.contracts.errors import AssayError, NotFound
from assay.contracts.evaluation import EvaluationResult, PinnedEvaluation
from assay.contracts.training import Intervention, PinnedTraining, TrainingProgress, TrainingResult, TrainJob
from registry.database import Database
from registry.lineage import Edge, record
from registry.run_search import expression
from registry.tables import EvaluationRow, RunRow, RunSummaryRow

_SUMMARIES = cast(Table, RunSummaryRow.__table__)


class RunSummary(Message):
    """A run, finished or failed, as it is searched and listed. `cause` is a stable code."""

    run: str
    tenant: str
    model: str
    version: int
    outcome: Literal["finished", "failed"]
    cause: str | None = None
    message: str | None = None
    config_hash: str
    base: str
    requested_by: str
    method: str
    objective: str
    learning_rate: float
    warmup_steps: int
    max_steps: int
    checkpoint_every: int
    max_tokens: int
    rows_per_batch: int
    seed: int
    data_seed: int
    rank: int
    alpha: int
    dropout: float
    steps: int
    resumed_from_step: int
    attempts: int
    rollbacks: int
    loss_first: float | None = None
    loss_last: float | None = None
    heldout_loss: float | None = None
    tokens_per_second: float | None = None
    created_at: datetime


class RunRecord(Message):
    """A run as it was asked for and as it went."""

    request: PinnedTraining
    result: TrainingResult


class Runs:
    """Repository of training runs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, result: TrainingResult, request: PinnedTraining) -> None:
        """Enter a finished run with its lineage (base, datasets -> run -> checkpoints); again adds nothing."""
        row = RunRow(
            run_id=result.run_id,
            tenant=request.tenant,
            model=request.model,
            version=request.version,
            config_hash=result.config_hash,
            result=result.model_dump(mode="json"),
            request=request.model_dump(mode="json"),
        )
        with self._database.writing() as session:
            if self._database.add_once(session, row):
                self._summarise(session, row.run_id, request, _finished(result))
            record(self._database, session, _run_edges(result, request))

    def begin(self, run_id: str, request: PinnedTraining) -> None:
        """Enter what a run is made from before it is made, so that an erasure finds it while it is under way."""
        with self._database.writing() as session:
            record(self._database, session, _origins(run_id, request))

    def add_failed(self, job: TrainJob, error: AssayError, progress: TrainingProgress, attempts: int) -> None:
        """Enter a run that failed, so that it is found by its cause; one that has finished stays as it is."""
        with self._database.writing() as session:
            if session.get(RunRow, job.run_id) is None:
                self._summarise(session, job.run_id, job.request, _failed(error, progress, attempts))

    def search(
        self, where: str | None = None, *, tenant: str | None = None, model: str | None = None
    ) -> tuple[RunSummary, ...]:
        """Runs, finished and failed, for which `where` holds, newest first; the grammar is in `registry.run_search`.

        Raises InputRefused (`SEARCH_MALFORMED`, `SEARCH_FIELD_UNKNOWN`, `SEARCH_VALUE_UNFIT`).
        """
        query = select(RunSummaryRow).order_by(RunSummaryRow.created_at.desc(), RunSummaryRow.run)
        if tenant:
            query = query.where(RunSummaryRow.tenant == tenant)
        if model:
            query = query.where(RunSummaryRow.model == model)
        if where is not None:
            query = query.where(expression(where))
        with self._database.reading() as session:
            rows = session.scalars(query).all()
        return tuple(RunSummary(**{name: getattr(row, name) for name in RunSummary.model_fields}) for row in rows)

    def _summarise(self, session: Session, run: str, request: PinnedTraining, went: Mapping[str, object]) -> None:
        """One row a run: a failed one that was asked for again and finished has finished."""
        session.execute(delete(RunSummaryRow).where(RunSummaryRow.run == run))
        created = self._database.moment(session, _SUMMARIES, tenant=request.tenant)
        session.add(RunSummaryRow(run=run, created_at=created, **_asked(request), **went))

    def get(self, run_id: str) -> RunRecord:
        """Raises NotFound (`RUN_UNKNOWN`)."""
        with self._database.reading() as session:
            row = session.get(RunRow, run_id)
        if row is None:
            raise NotFound("RUN_UNKNOWN", f"no finished run {run_id}", "see `assay runs`")
        return _run(row)

    def newest(self, tenant: str, model: str, version: int) -> RunRecord:
        """The newest finished run of a version. Raises NotFound (`RUN_UNKNOWN`)."""
        of = (RunRow.tenant == tenant, RunRow.model == model, RunRow.version == version)
        with self._database.reading() as session:
            row = session.scalars(select(RunRow).where(*of).order_by(RunRow.created_at.desc())).first()
        if row is None:
            raise NotFound("RUN_UNKNOWN", f"no finished run of {tenant}/{model} version {version}", "see `assay runs`")
        return _run(row)

    def list(self, *, tenant: str | None = None, model: str | None = None) -> tuple[RunRecord, ...]:
        """Finished runs, newest first."""
        query = select(RunRow).order_by(RunRow.created_at.desc())
        if tenant:
            query = query.where(RunRow.tenant == tenant)
        if model:
            query = query.where(RunRow.model == model)
        with self._database.reading() as session:
            return tuple(_run(row) for row in session.scalars(query))


def _asked(request: PinnedTraining) -> dict[str, object]:
    spec = request.spec
    recipe = spec.recipe
    plain = ("learning_rate", "warmup_steps", "max_steps", "checkpoint_every", "max_tokens", "seed", "data_seed")
    return {
        "tenant": request.tenant,
        "model": request.model,
        "version": request.version,
        "config_hash": spec.content_digest(),
        "base": spec.base.repository,
        "requested_by": request.requested_by,
        **{name: getattr(recipe, name) for name in (*plain, "method", "objective")},
        **{name: getattr(recipe.lora, name) for name in ("rank", "alpha", "dropout")},
        "rows_per_batch": sum(share.rows_per_batch for share in recipe.mix),
    }


def _finished(result: TrainingResult) -> dict[str, object]:
    losses = [one.heldout_loss for one in result.candidates if one.heldout_loss is not None]
    plain = ("cause", "steps", "resumed_from_step", "attempts", "loss_first", "loss_last", "tokens_per_second")
    return {
        "outcome": "finished",
        **{name: getattr(result, name) for name in plain},
        "rollbacks": _rollbacks(result.interventions),
        "heldout_loss": min(losses, default=None),
    }


def _failed(error: AssayError, progress: TrainingProgress, attempts: int) -> dict[str, object]:
    return {
        "outcome": "failed",
        "cause": error.code,
        "message": error.message,
        "steps": progress.step,
        "resumed_from_step": progress.resumed_from_step,
        "attempts": attempts,
        "rollbacks": _rollbacks(progress.interventions),
        "loss_last": progress.loss,
        "tokens_per_second": progress.tokens_per_second,
    }


def _rollbacks(interventions: Sequence[Intervention]) -> int:
    return sum(one.action == "roll-back" for one in interventions)


class EvaluationRecord(Message):
    """An evaluation as it was asked for and what came out."""

    request: PinnedEvaluation
    result: EvaluationResult


class Evaluations:
    """Repository of evaluation reports."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, result: EvaluationResult, request: PinnedEvaluation) -> None:
        """Enter a report with its lineage (suite, adapters -> report); again adds nothing."""
        row = EvaluationRow(
            report=result.report.sha256,
            tenant=request.tenant,
            model=request.model,
            adapter=result.chosen.adapter,
            result=result.model_dump(mode="json"),
            request=request.model_dump(mode="json"),
        )
        with self._database.writing() as session:
            self._database.add_once(session, row)
            record(self._database, session, _report_edges(result, request))

    def get(self, report: str) -> EvaluationRecord:
        """Raises NotFound (`REPORT_UNKNOWN`)."""
        with self._database.reading() as session:
            row = session.get(EvaluationRow, report)
        if row is None:
            raise NotFound("REPORT_UNKNOWN", f"no evaluation report {report}", "run an Evaluation")
        return _evaluation(row)

    def about(self, tenant: str, model: str, adapters: Sequence[str], *, report: str | None = None) -> EvaluationRecord:
        """The newest report of this model that chose one of these adapters, or exactly `report`.

        Raises NotFound (`REPORT_UNKNOWN`).
        """
        query = select(EvaluationRow).where(
            EvaluationRow.tenant == tenant, EvaluationRow.model == model, EvaluationRow.adapter.in_(adapters)
        )
        if report is not None:
            query = query.where(EvaluationRow.report == report)
        with self._database.reading() as session:
            row = session.scalars(query.order_by(EvaluationRow.created_at.desc())).first()
        if row is None:
            which = report or "an adapter of this run"
            raise NotFound(
                "REPORT_UNKNOWN", f"no evaluation report of {tenant}/{model} on {which}", "run an Evaluation"
            )
        return _evaluation(row)


def _run_edges(result: TrainingResult, request: PinnedTraining) -> Iterator[Edge]:
    yield from _origins(result.run_id, request)
    for candidate in result.candidates:
        at = f"checkpoint at step {candidate.step}"
        yield Edge(parent=result.run_id, child=candidate.adapter, relation=at, parent_kind="run", child_kind="adapter")


def _origins(run: str, request: PinnedTraining) -> Iterator[Edge]:
    spec = request.spec
    yield Edge(parent=spec.base.digest, child=run, relation="trained on", parent_kind="base", child_kind="run")
    for share in spec.datasets:
        yield Edge(parent=share.dataset, child=run, relation="trained with", parent_kind="dataset", child_kind="run")


def _report_edges(result: EvaluationResult, request: PinnedEvaluation) -> Iterator[Edge]:
    report, chosen = result.report.sha256, result.chosen.adapter
    yield Edge(
        parent=request.suite.sha256, child=report, relation="asked from", parent_kind="suite", child_kind="report"
    )
    for adapter in sorted({arm.adapter for arm in result.arms if arm.adapter} | {chosen}):
        relation = "chosen in" if adapter == chosen else "compared in"
        yield Edge(parent=adapter, child=report, relation=relation, parent_kind="adapter", child_kind="report")


def _evaluation(row: EvaluationRow) -> EvaluationRecord:
    return EvaluationRecord(
        request=PinnedEvaluation.model_validate(row.request), result=EvaluationResult.model_validate(row.result)
    )


def _run(row: RunRow) -> RunRecord:
    return RunRecord(
        request=PinnedTraining.model_validate(row.request), result=TrainingResult.model_validate(row.result)
    )
