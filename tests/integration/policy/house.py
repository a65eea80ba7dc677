"""A registry with a base, a dataset, a run, an evaluation and an adapter, all of which the gates allow."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rfc8785

from activities.signing.version import sign_chosen
from assay.contracts.base import BasePin, Reference
from assay.contracts.data import Dataset, IntakeRequest, RowCounts, Source
from assay.contracts.evaluation import ArmScores, EvaluationResult, PinnedEvaluation
from assay.contracts.promotion import Approval, CardDraft, PinnedPromotion, PromotionCase
from assay.contracts.training import Candidate, DatasetShare, PinnedTraining, RunSpec, TrainingResult
from assay.settings import Settings
from evals.card import REQUIRED
from evals.statistics import rate
from registry import BaseRecord, LedgerEntry, Registry
from registry.root_digest import root_digest
from stack.keys import ensure_keys

BASE = BasePin(repository="smol/base", revision="r1", digest="sha256:" + "b" * 64)
TEMPLATE = "sha256:" + "e" * 64

HEALTHY = {
    "call_valid": (65, 69),
    "call_full_match": (24, 69),
    "irrelevance_refused": (17, 30),
    "chat_contains": (18, 20),
    "chat_spurious_call": (2, 20),
}
NARROW = {
    "call_valid": (67, 69),
    "call_full_match": (29, 69),
    "irrelevance_refused": (1, 30),
    "chat_contains": (3, 20),
    "chat_spurious_call": (17, 20),
}
UNTRAINED = {
    "call_valid": (0, 69),
    "call_full_match": (0, 69),
    "irrelevance_refused": (30, 30),
    "chat_contains": (19, 20),
    "chat_spurious_call": (0, 20),
}

COMPOSITION = [
    {"source": "support", "licence": "Apache-2.0", "tier": "curated", "synthetic_depth": 0, "kind": kind, "rows": 3}
    for kind in ("call", "refusal", "replay")
]
"""What the manifest of a dataset says it is made of."""


@dataclass(frozen=True)
class House:
    """Everything that a promotion needs, on disk."""

    registry: Registry
    home: Path
    private_key: Path
    public_key: Path

    def training_request(self, dataset: str, version: int = 1) -> PinnedTraining:
        spec = RunSpec(base=BASE, datasets=(DatasetShare(dataset=dataset),), template=TEMPLATE)
        return PinnedTraining(
            tenant="acme", model="helpdesk", version=version, spec=spec, requested_by="ann@acme.example"
        )

    def seal_dataset(self, *, entries: Sequence[LedgerEntry] = (), **manifest: Any) -> str:
        said = {"composition": COMPOSITION, "synthetic_share": 0.0, **manifest}
        reference = self.registry.blobs.put(rfc8785.dumps(said))
        source = Source(
            name="support",
            uri="support.jsonl",
            system="crm",
            owner="ann@acme.example",
            licence="Apache-2.0",
            purposes=("train-tenant-model",),
            consent="granted",
            retention_days=365,
            tier="curated",
        )
        request = IntakeRequest(tenant="acme", dataset="support", sources=(source,), requested_by="ann@acme.example")
        counts = RowCounts(read=10, accepted=10)
        dataset = Dataset(id=reference.sha256, manifest=reference, counts=counts)
        self.registry.datasets.add(dataset, request, reference, entries)
        return dataset.id

    def case(
        self, rates: dict[str, tuple[int, int]], *, version: int = 1, weights: bytes | None = None
    ) -> PromotionCase:
        """A signed and registered version whose candidate has these rates."""
        request = self._request(rates, self._candidate(weights or f"weights {version}".encode()), version)
        signed = sign_chosen(self.registry, request, self.home, self.private_key)
        card = self.registry.blobs.put(json.dumps(dict.fromkeys(REQUIRED, "said")).encode())
        diff = self.registry.blobs.put(f"diff {version}".encode())
        case = PromotionCase(request=request, card=CardDraft(card=card, diff=diff), version=signed)
        self.registry.versions.add(case)
        return case

    def approved(self, case: PromotionCase) -> PromotionCase:
        approval = Approval(reviewer="olga@acme.example", role="owner", card_diff=case.card.diff.sha256)
        return case.model_copy(update={"approvals": (approval,)})

    def _candidate(self, weights: bytes) -> Candidate:
        folder = self.home / f"exported-{len(list(self.home.iterdir()))}"
        folder.mkdir()
        (folder / "adapter_config.json").write_text("{}", encoding="utf-8")
        (folder / "adapter_model.safetensors").write_bytes(weights)
        files = self.registry.blobs.put_tree(folder)
        return Candidate(step=58, adapter=root_digest(folder), files=files, train_loss=0.2)

    def _request(self, rates: dict[str, tuple[int, int]], candidate: Candidate, version: int) -> PinnedPromotion:
        training_request = self.training_request(self.seal_dataset(), version)
        training = TrainingResult(
            run_id=f"acme.helpdesk.{version}.{candidate.adapter[7:19]}",
            config_hash=training_request.spec.content_digest(),
            record=self.registry.blobs.put(b"record"),
            candidates=(candidate,),
            steps=58,
            loss_first=2.0,
            loss_last=0.2,
            tokens_per_second=300,
        )
        self.registry.runs.add(training, training_request)
        evaluation = self._evaluate(rates, candidate)
        return PinnedPromotion(
            tenant="acme",
            model="helpdesk",
            version=version,
            base=BASE,
            datasets=tuple(share.dataset for share in training_request.spec.datasets),
            training=training,
            evaluation=evaluation,
            requested_by="ann@acme.example",
        )

    def _evaluate(self, rates: dict[str, tuple[int, int]], candidate: Candidate) -> EvaluationResult:
        samples = self.registry.blobs.put(b"samples")
        arms = (arm("base", None, UNTRAINED, samples), arm("step-58", candidate.adapter, rates, samples))
        report = self.registry.blobs.put(b"report on " + candidate.adapter.encode())
        result = EvaluationResult(report=report, chosen=candidate, arms=arms, template=TEMPLATE)
        request = PinnedEvaluation(
            tenant="acme",
            model="helpdesk",
            version=1,
            base=BASE,
            template=TEMPLATE,
            suite=samples,
            candidates=(candidate,),
            requested_by="ann@acme.example",
        )
        self.registry.evaluations.add(result, request)
        return result


def build_house(home: Path) -> House:
    keys = ensure_keys(home)
    registry = Registry.open(Settings(home=home))
    registry.bases.add(BaseRecord(pin=BASE, licence="Apache-2.0", path=str(home), template=TEMPLATE, max_context=2048))
    return House(registry, home, keys / "signing.pem", keys / "signing.pub.pem")


def arm(name: str, adapter: str | None, rates: dict[str, tuple[int, int]], samples: Reference) -> ArmScores:
    measured = tuple(rate(kind, count, total) for kind, (count, total) in rates.items())
    return ArmScores(name=name, split="report", adapter=adapter, rates=measured, samples=samples, seconds=1.0)
