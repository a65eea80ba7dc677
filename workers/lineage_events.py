"""What an activity says of its run in the words of OpenLineage (https://openlineage.io/spec, 2-0-2).

| run | begins with | ends with | reads | writes |
|---|---|---|---|---|
| intake | the first look at a source | sealing | sources | the dataset |
| training | the trainer | the trainer | datasets and base | adapters |
| evaluation | an arm's answers | the report | suite and adapter | the report |
| erasure | | new versions | datasets | datasets without the rows |

A run's id is that of its workflow run. Datasets are named after the tenant and by digest or place; rows, subjects and
persons are in no event.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from openlineage.client import event_v2 as lineage
from openlineage.client.facet_v2 import (
    dataset_version_dataset,
    error_message_run,
    job_type_job,
    output_statistics_output_dataset,
    tags_dataset,
    tags_run,
)

from assay import __version__
from assay.contracts.data import Dataset, Source
from assay.contracts.erasure import CaseJob, NewDataset
from assay.contracts.evaluation import ArmJob, EvaluationResult, ReportJob
from assay.contracts.screening import DecideJob, PlanJob, SealJob
from assay.contracts.training import TrainingResult, TrainJob

PRODUCER: Final = f"urn:assay:{__version__}"
BEGINS: Final = frozenset({"plan_source", "train", "evaluate_arm"})
"""Activities that a run begins with; what follows of the same run is RUNNING."""
ENDS: Final = frozenset({"seal_dataset", "train", "write_report", "reseal_datasets"})


@dataclass(frozen=True)
class Described:
    """One activity as OpenLineage sees it."""

    kind: str
    tenant: str
    about: str
    inputs: Sequence[lineage.InputDataset] = ()
    outputs: Sequence[lineage.OutputDataset] = ()


def described(name: str, arguments: Sequence[Any], result: object = None) -> Described | None:
    """None for an activity that says nothing of lineage. `result` None: it has not ended, or it failed."""
    describe = _DESCRIBE.get(name)
    return describe(arguments[0], result) if describe and arguments else None


def event(
    state: lineage.RunState, what: Described, workflow_id: str, run_id: str, failure: str | None = None
) -> lineage.RunEvent:
    """A run event, now. `failure` is an error's code: its words stay in the house."""
    tags = [tags_run.TagsRunFacetFields("temporal.workflow_id", workflow_id, "ASSAY")]
    run: dict[str, Any] = {"tags": tags_run.TagsRunFacet(tags)}
    if failure is not None:
        run["errorMessage"] = error_message_run.ErrorMessageRunFacet(failure, "python")
    kind = job_type_job.JobTypeJobFacet("BATCH", "ASSAY", what.kind.upper())
    return lineage.RunEvent(
        eventType=state,
        eventTime=datetime.now(UTC).isoformat(),
        producer=PRODUCER,
        run=lineage.Run(run_id, run),
        job=lineage.Job(f"assay/{what.tenant}", f"{what.kind}.{what.about}", {"jobType": kind}),
        inputs=list(what.inputs),
        outputs=list(what.outputs),
    )


def _screening(job: PlanJob | DecideJob, _: object) -> Described:
    return Described("intake", job.intake.tenant, job.intake.dataset, inputs=[_source(job.source)])


def _sealing(job: SealJob, result: object) -> Described:
    request = job.request
    outputs = []
    if isinstance(result, Dataset):
        kept = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(rowCount=result.counts.accepted)
        outputs.append(_output(request.tenant, request.dataset, result.id, {"outputStatistics": kept}))
    return Described("intake", request.tenant, request.dataset, [_source(s) for s in request.sources], outputs)


def _training(job: TrainJob, result: object) -> Described:
    wanted = job.request
    base = wanted.spec.base
    inputs = [_input(wanted.tenant, share.dataset, share.dataset) for share in wanted.spec.datasets]
    inputs.append(_input("", f"base/{base.repository}", base.digest))
    made = result.candidates if isinstance(result, TrainingResult) else ()
    outputs = [_output(wanted.tenant, f"{wanted.model}/adapter", one.adapter) for one in made]
    return Described("training", wanted.tenant, wanted.model, inputs, outputs)


def _answering(job: ArmJob, _: object) -> Described:
    inputs = [_input(job.tenant, "suite", job.suite.sha256), _input("", f"base/{job.base.repository}", job.base.digest)]
    if job.candidate is not None:
        inputs.append(_input(job.tenant, f"{job.model}/adapter", job.candidate.adapter))
    return Described("evaluation", job.tenant, job.model, inputs)


def _reporting(job: ReportJob, result: object) -> Described:
    asked = job.request
    inputs = [_input(asked.tenant, f"{asked.model}/adapter", one.adapter) for one in asked.candidates]
    inputs.append(_input(asked.tenant, "suite", asked.suite.sha256))
    outputs = []
    if isinstance(result, EvaluationResult):
        outputs.append(_output(asked.tenant, f"{asked.model}/report", result.report.sha256))
    return Described("evaluation", asked.tenant, asked.model, inputs, outputs)


def _resealing(job: CaseJob, result: object) -> Described:
    tenant = job.request.tenant
    made = [one for one in (result if isinstance(result, tuple | list) else ()) if isinstance(one, NewDataset)]
    outputs = [_output(tenant, one.dataset, one.dataset) for one in made if one.dataset is not None]
    return Described(
        "erasure", tenant, "dataset", [_input(tenant, one.replaces, one.replaces) for one in made], outputs
    )


_DESCRIBE: Final[dict[str, Callable[[Any, object], Described]]] = {
    "plan_source": _screening,
    "decide_shard": _screening,
    "seal_dataset": _sealing,
    "train": _training,
    "evaluate_arm": _answering,
    "write_report": _reporting,
    "reseal_datasets": _resealing,
}


def _source(source: Source) -> lineage.InputDataset:
    terms = {"licence": source.licence, "tier": source.tier, "consent": source.consent, "system": source.system}
    facets: dict[str, Any] = {
        "tags": tags_dataset.TagsDatasetFacet(
            [tags_dataset.TagsDatasetFacetFields(key, value, "ASSAY") for key, value in terms.items()]
        )
    }
    if source.sha256:
        facets["version"] = dataset_version_dataset.DatasetVersionDatasetFacet(source.sha256)
    scheme, _, place = source.uri.rpartition("://")
    return lineage.InputDataset(scheme or "file", place.partition("?")[0], facets=facets)


def _input(tenant: str, name: str, digest: str) -> lineage.InputDataset:
    return lineage.InputDataset(_namespace(tenant), name, facets=_version(digest))


def _output(tenant: str, name: str, digest: str, facets: dict[str, Any] | None = None) -> lineage.OutputDataset:
    return lineage.OutputDataset(_namespace(tenant), name, facets or {}, facets=_version(digest))


def _version(digest: str) -> dict[str, Any]:
    return {"version": dataset_version_dataset.DatasetVersionDatasetFacet(digest)}


def _namespace(tenant: str) -> str:
    return f"assay/{tenant}" if tenant else "assay"
