"""Where lifecycles live: a dev server, OPA with the signed bundle, a registry, and worker processes of each kind."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import psutil
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from assay.client import AssayClient
from assay.contracts import names
from assay.contracts.base import BasePin
from assay.contracts.data import Source
from assay.contracts.lifecycle import LifecycleRequest
from assay.contracts.rollout import AnalysisRules, CanaryStep, RolloutPlan
from assay.contracts.training import MixShare, Recipe
from assay.parting import part_at_exit
from assay.settings import Settings
from benchmarks.lives.worker import KINDS
from benchmarks.opa import started_opa
from benchmarks.processes import running
from registry import BaseRecord, Registry
from serving.template import template_digest
from stack.ports import free_ports
from workers.plugin import plugin
from workers.run import make_current

BASE: Final = BasePin(repository="benchmarks/base", revision="r1", digest="sha256:" + "b" * 64)
PLAN: Final = RolloutPlan(
    shadow=None,
    canary=(CanaryStep(percent=50, min_requests=1),),
    analysis=AnalysisRules(interval=timedelta(milliseconds=100)),
)


@dataclass
class House:
    """One installation with its workers."""

    settings: Settings
    client: AssayClient
    source: Source
    suite: Path
    workers: dict[str, list[psutil.Process]] = field(default_factory=dict)

    def request(self, model: str, version: int) -> LifecycleRequest:
        """A lifecycle with a dataset of its own."""
        return LifecycleRequest(
            tenant="acme",
            model=model,
            version=version,
            base=BASE.repository,
            dataset=f"{model}-rows",
            sources=(self.source,),
            recipe=Recipe(mix=(MixShare(kind="replay", rows_per_batch=1),)),  # the one kind that there is
            suite=str(self.suite),
            rollout=PLAN,
            requested_by="ann@acme.example",
        )


@asynccontextmanager
async def opened(
    home: Path, *, each: int, database: str | None = None, blobs: str | None = None, variables: Mapping[str, str] = {}
) -> AsyncIterator[House]:
    """A house with `each` processes of each kind of worker. `variables` go to the workers, and the registry's."""
    part_at_exit()
    binary = str(Path(sys.executable).with_name("temporal"))
    environment = await WorkflowEnvironment.start_local(
        dev_server_existing_path=binary, search_attributes=names.SEARCH_ATTRIBUTES, dev_server_log_level="error"
    )
    async with environment:
        with started_opa(home) as opa:
            settings = Settings(
                home=home,
                database_url=database,
                blob_url=blobs,
                opa_url=opa,
                temporal_address=environment.client.service_client.config.target_host,
            )
            source, suite = _material(home)
            _register(settings)
            config = environment.client.config()
            config["plugins"] = [plugin()]
            client = Client(**config)
            with _workers(settings, each, variables) as workers:
                await make_current(client, settings, patience=timedelta(seconds=120))
                yield House(settings, AssayClient(client), source, suite, workers)


@contextmanager
def _workers(settings: Settings, each: int, variables: Mapping[str, str]) -> Iterator[dict[str, list[psutil.Process]]]:
    said = {
        "ASSAY_HOME": str(settings.home),
        "ASSAY_DATABASE_URL": settings.database,
        "ASSAY_BLOB_URL": settings.blobs,
        "ASSAY_OPA_URL": settings.opa,
        "ASSAY_TEMPORAL_ADDRESS": settings.temporal,
        "OMP_NUM_THREADS": "1",
        **variables,
    }
    started: dict[str, list[psutil.Process]] = {kind: [] for kind in KINDS}
    with ExitStack() as stack:
        for kind in KINDS:
            for number, port in enumerate(free_ports(each)):
                # Each its own port for metrics: the product's setting names the first of four.
                own = {**said, "ASSAY_PORTS__WORKER_METRICS": str(port - KINDS.index(kind))}
                command = [sys.executable, "-m", "benchmarks.lives.worker", kind]
                log = settings.home / f"{kind}-{number}.log"
                started[kind].append(stack.enter_context(running(command, log, own)))
        yield started


def _register(settings: Settings) -> None:
    registry = Registry.open(settings)
    base = BaseRecord(
        pin=BASE, licence="Apache-2.0", path=str(settings.home), template=template_digest(), max_context=2048
    )
    registry.bases.add(base)
    registry.close()


def _material(home: Path) -> tuple[Source, Path]:
    """Rows that every intake reads, and the smallest suite there can be."""
    rows, suite = home / "rows.jsonl", home / "suite.jsonl"
    _write(rows, [_row(number) for number in range(8)])
    _write(suite, _suite())
    source = Source(
        name="tickets",
        uri=str(rows),
        system="crm",
        owner="ann@acme.example",
        licence="Apache-2.0",
        purposes=("train-tenant-model",),
        consent="contract",
        retention_days=365,
        tier="curated",
    )
    return source, suite


def _row(number: int) -> dict[str, Any]:
    question = f"What is {number} and {number}?" + (" Write to joe@shop.example" if number % 4 == 0 else "")
    messages = [{"role": "user", "content": question}, {"role": "assistant", "content": f"It is {2 * number}."}]
    return {"id": f"row-{number}", "kind": "replay", "messages": messages, "tools": [], "subject": f"person-{number}"}


def _suite() -> list[dict[str, Any]]:
    tool = {"type": "function", "function": {"name": "capital", "parameters": {"type": "object", "properties": {}}}}
    tasks: list[dict[str, Any]] = [
        {"task": "call", "tools": [tool], "expected": [{"name": "capital", "arguments": {}}]},
        {"task": "irrelevance", "tools": [tool]},
        {"task": "chat", "contains": ["Paris"]},
    ]
    return [
        {"id": f"{split} {task['task']}", "split": split, "messages": [{"role": "user", "content": split}], **task}
        for split in ("select", "report")
        for task in tasks
    ]


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
