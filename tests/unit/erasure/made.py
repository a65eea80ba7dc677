"""What training and evaluation make of a dataset: a run, a checkpoint, an adapter and a report, stored and on disk."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.contracts.base import BasePin, Reference
from assay.contracts.evaluation import ArmScores, EvaluationResult, PinnedEvaluation
from assay.contracts.promotion import CardDraft, PinnedPromotion, PointerMove, PromotionCase, SignedVersion
from assay.contracts.training import Candidate, DatasetShare, PinnedTraining, RunSpec, TrainingResult
from registry import Registry
from registry.root_digest import root_digest
from serving.adapters import AdapterStore

from .scene import sha

BASE = BasePin(repository="acme/base", revision="1", digest=sha(0))
CONFIG = b'{"r": 16}'
STEPS = [
    {"step": 1, "tokens": 1200, "tokens_per_second": 400.0},
    {"step": 2, "tokens": 1000, "tokens_per_second": 600.0},
    {"step": 3, "tokens": 900, "tokens_per_second": 0.0},
]
"""Of a run record: 3 s, 1.67 s, and a step that was not timed."""


@dataclass(frozen=True)
class Made:
    """`learnt` are blobs with what the rows taught, `plain` the others; `folders` stand on disk."""

    run: str
    adapter: str
    checkpoint: str
    report: str
    learnt: frozenset[str]
    plain: frozenset[str]
    folders: tuple[Path, ...]


def tree(registry: Registry, files: dict[str, bytes]) -> tuple[str, Reference]:
    """Root digest of a folder with these files, and its stored tree."""
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            Path(folder, name).write_bytes(content)
        return root_digest(Path(folder)), registry.blobs.put_tree(Path(folder))


def trained(
    registry: Registry,
    *datasets: str,
    model: str = "helpdesk",
    version: int = 1,
    record: bytes | None = None,
    **of: Any,
) -> TrainingResult:
    """A finished run on these datasets, as a training enters it. `of` are further fields of its spec."""
    shares = tuple(DatasetShare(dataset=one, ratio=1 / (at + 1)) for at, one in enumerate(datasets))
    spec = RunSpec.model_validate({"base": BASE, "datasets": shares, "template": sha(1), **of})
    adapter = {"adapter_config.json": CONFIG, "adapter_model.safetensors": f"weights {model} {version}".encode()}
    digest, files = tree(registry, adapter)
    said = json.dumps({"metrics": STEPS}).encode() if record is None else record
    result = TrainingResult(
        run_id=f"acme.{model}.{version}.{digest[7:19]}",
        config_hash=spec.content_digest(),
        record=registry.blobs.put(said),
        candidates=(Candidate(step=58, adapter=digest, files=files, train_loss=0.2),),
        steps=58,
        loss_first=2.0,
        loss_last=0.2,
        tokens_per_second=500.0,
    )
    request = PinnedTraining(tenant="acme", model=model, version=version, spec=spec, requested_by="ann")
    registry.runs.add(result, request)
    return result


def in_production(registry: Registry, result: TrainingResult) -> None:
    """The run's adapter as a registered version that the production pointer holds."""
    [candidate] = result.candidates
    stored = registry.blobs.put(b"a document")
    of = {"tenant": "acme", "model": "helpdesk", "version": 1, "requested_by": "ann"}
    evaluation = EvaluationResult(report=stored, chosen=candidate, arms=(), template=sha(1))
    request = PinnedPromotion(base=BASE, datasets=(sha(10),), training=result, evaluation=evaluation, **of)
    signed = SignedVersion(digest=candidate.adapter, files=candidate.files, signature=stored, statements=(stored,))
    registry.versions.add(PromotionCase(request=request, card=CardDraft(card=stored, diff=stored), version=signed))
    where = {"tenant": "acme", "model": "helpdesk", "stage": "production", "key": "first"}
    registry.pointers.move(
        PointerMove(target=candidate.adapter, expected=None, actor="ann", reason="promoted", **where)
    )


def made_of(registry: Registry, home: Path, dataset: str, model: str = "helpdesk") -> Made:
    """A run with a stored checkpoint, its adapter on disk, and a report of its answers beside those of the base."""
    result = trained(registry, dataset, model=model)
    [candidate] = result.candidates
    resumed = {"adapter_config.json": CONFIG, "trainer_state.json": b"{}"}
    learnt = {"adapter_model.safetensors": f"step 10 {model}".encode(), "optimizer.pt": f"moments {model}".encode()}
    _, checkpoint = tree(registry, resumed | learnt)
    registry.lineage.link(result.run_id, checkpoint.sha256, "stored", parent_kind="run", child_kind="checkpoint")
    run = home / "runs" / result.run_id
    # As a worker leaves it that was killed while it brought the checkpoint back.
    registry.blobs.fetch_tree(checkpoint, run / f"fetched-{checkpoint.sha256[7:]}")
    on_disk = AdapterStore(home, registry.blobs).materialise(candidate.adapter, candidate.files)
    report, theirs, of_base = _evaluated(registry, candidate, model)
    weights = [f"weights {model} 1".encode(), *learnt.values()]
    return Made(
        run=result.run_id,
        adapter=candidate.adapter,
        checkpoint=checkpoint.sha256,
        report=report.sha256,
        learnt=frozenset({theirs.sha256, *(registry.blobs.put(one).sha256 for one in weights)}),
        plain=frozenset({of_base.sha256, report.sha256, *(registry.blobs.put(one).sha256 for one in (CONFIG, b"{}"))}),
        folders=(run, on_disk),
    )


def _evaluated(registry: Registry, candidate: Candidate, model: str) -> tuple[Reference, Reference, Reference]:
    theirs = registry.blobs.put(f"answers of the adapter of {model}".encode())
    of_base, report = registry.blobs.put(b"answers of the base"), registry.blobs.put(f"report on {model}".encode())
    arms = tuple(
        ArmScores(name=name, split="report", adapter=adapter, rates=(), samples=samples, seconds=1)
        for name, adapter, samples in (("base", None, of_base), ("step-58", candidate.adapter, theirs))
    )
    request = PinnedEvaluation(
        tenant="acme",
        model=model,
        version=1,
        base=BASE,
        template=sha(1),
        suite=of_base,
        candidates=(candidate,),
        requested_by="ann",
    )
    result = EvaluationResult(report=report, chosen=candidate, arms=arms, template=sha(1))
    registry.evaluations.add(result, request)
    return report, theirs, of_base
