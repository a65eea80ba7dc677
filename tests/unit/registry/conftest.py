"""The registry on SQLite and on PostgreSQL, blobs in a folder and on S3: servers of our own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from assay.contracts.base import BasePin, Rate, Reference
from assay.contracts.data import Dataset, IntakeRequest, RowCounts, Source
from assay.contracts.evaluation import ArmScores, EvaluationResult, PinnedEvaluation
from assay.contracts.promotion import CardDraft, PinnedPromotion, PromotionCase, SignedVersion
from assay.contracts.training import Candidate, DatasetShare, PinnedTraining, RunSpec, TrainingResult
from assay.settings import Settings
from registry import BlobStore, LedgerEntry, Registry
from tests._servers.postgresql import Server
from tests._servers.s3 import Server as S3


@pytest.fixture
def empty_url(backend: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """A database without a schema."""
    if backend == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.sqlite'}"
    server: Server = request.getfixturevalue("postgresql")
    return server.create()


@dataclass(frozen=True)
class Place:
    """A blob store, and where its objects stand on disk."""

    url: str
    folder: Path

    def open(self) -> BlobStore:
        return BlobStore.open(self.url)


@pytest.fixture(params=["folder", "s3"])
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, ran_on: Callable[[str], None]
) -> Place:
    """Every test that stores blobs runs on both stores."""
    if request.param == "folder":
        ran_on("blob store: local folder")
        folder = tmp_path_factory.mktemp("store") / "blobs and more"  # the space must survive the URL
        return Place(folder.as_uri(), folder)
    server: S3 = request.getfixturevalue("on_s3")
    url = server.url()
    return Place(url, server.folder_of(url))


@pytest.fixture
def blobs(place: Place) -> BlobStore:
    return place.open()


@pytest.fixture
def settings(install: Callable[[Path], Settings], tmp_path: Path) -> Settings:
    """Settings of a fresh installation."""
    home = tmp_path / "home"
    home.mkdir()
    return install(home)


@pytest.fixture
def registry(settings: Settings) -> Iterator[Registry]:
    opened = Registry.open(settings)
    yield opened
    opened.close()


def sha(text: str) -> str:
    return "sha256:" + text.encode().hex().rjust(64, "0")[-64:]


def ref(text: str) -> Reference:
    return Reference(uri="blob:" + sha(text).removeprefix("sha256:"), sha256=sha(text))


class Examples:
    """One of each, consistent with the others."""

    sha = staticmethod(sha)
    ref = staticmethod(ref)
    base = BasePin(repository="acme/base", revision="r1", digest=sha("base"))

    def intake(self, tenant: str = "acme", licence: str = "Apache-2.0") -> IntakeRequest:
        source = Source(
            name="tickets",
            uri="tickets.jsonl",
            system="helpdesk",
            owner="ann",
            licence=licence,
            purposes=("train-tenant-model",),
            consent="granted",
            retention_days=30,
            tier="human-gold",
        )
        return IntakeRequest(tenant=tenant, dataset="support", sources=(source,), requested_by="ann")

    def dataset(self, name: str = "dataset") -> Dataset:
        return Dataset(id=sha(name), manifest=ref(name), counts=RowCounts(read=3, accepted=2, redacted=1, refused=1))

    def entry(self, number: int, outcome: str = "accepted") -> LedgerEntry:
        return LedgerEntry(
            row_id=sha(f"row {number}"),
            ordinal=number,
            source="tickets",
            outcome=outcome,
            codes=("PII_EMAIL",) if outcome == "redacted" else (),
            licence="Apache-2.0",
            consent="granted",
            tier="human-gold",
            subject="5" * 64,
        )

    def candidate(self, step: int, adapter: str) -> Candidate:
        return Candidate(step=step, adapter=sha(adapter), files=ref(f"files {adapter}"), train_loss=0.5)

    def run(self, adapter: str = "adapter", tenant: str = "acme") -> tuple[TrainingResult, PinnedTraining]:
        spec = RunSpec(base=self.base, datasets=(DatasetShare(dataset=sha("dataset")),), template=sha("template"))
        request = PinnedTraining(tenant=tenant, model="helpdesk", version=1, spec=spec, requested_by="ann")
        result = TrainingResult(
            run_id=f"{tenant}.helpdesk.1.{adapter}",
            config_hash=spec.content_digest(),
            record=ref("record"),
            candidates=(self.candidate(10, f"{adapter} 10"), self.candidate(20, adapter)),
            steps=20,
            loss_first=2.0,
            loss_last=0.5,
            tokens_per_second=100.0,
        )
        return result, request

    def evaluation(self, adapter: str = "adapter", tenant: str = "acme") -> tuple[EvaluationResult, PinnedEvaluation]:
        candidates = self.run(adapter, tenant)[0].candidates
        request = PinnedEvaluation(
            tenant=tenant,
            model="helpdesk",
            version=1,
            base=self.base,
            template=sha("template"),
            suite=ref("suite"),
            candidates=candidates,
            requested_by="ann",
        )
        rates = (Rate(name="call_valid", count=9, total=10, low=0.6, high=0.98),)
        arms = tuple(
            ArmScores(
                name=f"step-{c.step}", split="select", adapter=c.adapter, rates=rates, samples=ref("samples"), seconds=1
            )
            for c in candidates
        )
        result = EvaluationResult(
            report=ref(f"report {adapter}"), chosen=candidates[-1], arms=arms, template=sha("template")
        )
        return result, request

    def case(self, adapter: str = "adapter", version: int = 1, tenant: str = "acme") -> PromotionCase:
        request = PinnedPromotion(
            tenant=tenant,
            model="helpdesk",
            version=version,
            base=self.base,
            datasets=(sha("dataset"),),
            training=self.run(adapter, tenant)[0],
            evaluation=self.evaluation(adapter, tenant)[0],
            requested_by="ann",
        )
        signed = SignedVersion(digest=sha(adapter), files=ref("files"), signature=ref("sig"), statements=(ref("slsa"),))
        return PromotionCase(request=request, card=CardDraft(card=ref("card"), diff=ref("diff")), version=signed)


@pytest.fixture(scope="session")
def suite_rows() -> list[dict[str, Any]]:
    """The smallest suite that can be evaluated on: each task in each split."""
    tool = {"type": "function", "function": {"name": "capital", "parameters": {"type": "object", "properties": {}}}}
    tasks: list[dict[str, Any]] = [
        {"task": "call", "tools": [tool], "expected": [{"name": "capital", "arguments": {}}]},
        {"task": "irrelevance", "tools": [tool]},
        {"task": "chat", "contains": ["Paris"]},
    ]
    return [
        {"id": f"{split} {row['task']}", "split": split, "messages": [{"role": "user", "content": f"{split}?"}], **row}
        for split in ("select", "report")
        for row in tasks
    ]


@pytest.fixture(scope="session")
def examples() -> Examples:
    return Examples()


@pytest.fixture
def all_at_once() -> Callable[[list[Callable[[], object]]], list[object]]:
    """Run functions in threads that start together; their results, or the exceptions they raised, in order."""

    def run(functions: list[Callable[[], object]]) -> list[object]:
        gate = Barrier(len(functions))

        def one(function: Callable[[], object]) -> object:
            gate.wait()
            try:
                return function()
            except Exception as error:  # the test looks at it
                return error

        with ThreadPoolExecutor(len(functions)) as pool:
            return list(pool.map(one, functions))

    return run
