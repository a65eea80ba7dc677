"""What is said about a version: in-toto v1 statements over its root digest, read with other people's tools.

provenance  SLSA provenance v1: which run, on which base and datasets, made these bytes
evaluation  our typed predicate: every rate of every arm, and the digest of the report
summary     SLSA verification summary v1: which gate said what, under which policy
"""

from __future__ import annotations

from typing import Any, Final, Literal

import rfc8785
from pydantic import BaseModel, ConfigDict, Field

from assay.contracts.base import Digest
from assay.contracts.evaluation import EvaluationResult
from assay.contracts.names import training_id
from assay.contracts.policy import Decision
from assay.contracts.promotion import PinnedPromotion
from assay.contracts.training import PinnedTraining

STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PROVENANCE: Final = "https://slsa.dev/provenance/v1"
SUMMARY: Final = "https://slsa.dev/verification_summary/v1"
EVALUATION: Final = "urn:assay:predicate:evaluation:v1"
BUILD_TYPE: Final = "urn:assay:build:lora-sft:v1"
BUILDER: Final = "urn:assay:worker:training"
VERIFIER: Final = "urn:assay:gate"


class Subject(BaseModel):
    """What a statement is about, by digest."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    digest: dict[str, str]


class Statement(BaseModel):
    """An in-toto v1 statement with one subject."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    type: Literal["https://in-toto.io/Statement/v1"] = Field(default=STATEMENT_TYPE, alias="_type")
    subject: tuple[Subject, ...] = Field(min_length=1, max_length=1)
    predicate_type: str = Field(alias="predicateType")
    predicate: dict[str, Any]

    @property
    def subject_digest(self) -> Digest:
        """Root digest of the subject. Raises KeyError when it is named by another algorithm only."""
        return f"sha256:{self.subject[0].digest['sha256']}"

    def payload(self) -> bytes:
        """Canonical JSON (RFC 8785): the same facts are the same bytes."""
        return rfc8785.dumps(self.model_dump(mode="json", by_alias=True))

    @classmethod
    def parse(cls, payload: bytes) -> Statement:
        """Read verified bytes. Raises ValueError (pydantic.ValidationError)."""
        return cls.model_validate_json(payload)


def provenance(request: PinnedPromotion, run: PinnedTraining) -> Statement:
    """How the chosen adapter came to be. `run` is the training as it was asked for, from the record."""
    training = request.training
    base = {
        "name": request.base.repository,
        "uri": f"urn:assay:base:{request.base.repository}@{request.base.revision}",
        "digest": _bare(request.base.digest),
    }
    named = sorted({share.dataset for share in run.spec.datasets})
    datasets = [{"name": "dataset", "digest": _bare(digest)} for digest in named]
    predicate = {
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": run.spec.model_dump(mode="json"),
            "internalParameters": {"configHash": training.config_hash, "step": request.evaluation.chosen.step},
            "resolvedDependencies": [base, *datasets],
        },
        "runDetails": {
            "builder": {"id": BUILDER},
            "metadata": {"invocationId": f"{training_id(run.tenant, run.model, run.version)}/{training.run_id}"},
            "byproducts": [{"name": "run record", "digest": _bare(training.record.sha256)}],
        },
    }
    return _about(request, PROVENANCE, predicate)


def evaluation(request: PinnedPromotion) -> Statement:
    """What was measured, so that a reader needs no access to the report."""
    return _about(request, EVALUATION, measured(request.evaluation))


def summary(request: PinnedPromotion, decision: Decision) -> Statement:
    """What a gate decided about this version, and under which policy revision."""
    predicate = {
        "verifier": {"id": f"{VERIFIER}:{decision.gate}"},
        "resourceUri": f"urn:assay:version:{request.tenant}/{request.model}/{request.version}",
        "policy": {"uri": f"urn:assay:policy:{decision.gate}", "digest": _bare(decision.policy_revision)},
        "inputAttestations": [{"uri": decision.input.uri, "digest": _bare(decision.input.sha256)}],
        "verificationResult": "PASSED" if decision.allow else "FAILED",
        "verifiedLevels": [f"ASSAY_{decision.gate.upper()}"] if decision.allow else [],
        "slsaVersion": "1.0",
        "assay_decision": decision.model_dump(mode="json", exclude={"input"}),
    }
    return _about(request, SUMMARY, predicate)


def measured(result: EvaluationResult) -> dict[str, Any]:
    """What an evaluation found, without how long it took: the same measurement is the same value."""
    return {
        "report": _bare(result.report.sha256),
        "template": _bare(result.template),
        "chosenStep": result.chosen.step,
        "arms": [arm.model_dump(mode="json", exclude={"seconds"}) for arm in result.arms],
        "paired": [test.model_dump(mode="json") for test in result.paired],
    }


def _about(request: PinnedPromotion, predicate_type: str, predicate: dict[str, Any]) -> Statement:
    # No version number: the same weights asked for again under another number are the same subject.
    subject = Subject(name=f"{request.tenant}/{request.model}", digest=_bare(request.evaluation.chosen.adapter))
    return Statement(subject=(subject,), predicate_type=predicate_type, predicate=predicate)


def _bare(digest: str) -> dict[str, str]:
    return {"sha256": digest.removeprefix("sha256:")}
