"""From the blob store into an engine: materialise, hash, verify, admit, load.

    python benchmarks/adapters.py [--rounds 7] [--layers 38]

The adapter is a real one for an 8B Llama's shapes with 38 layers: rank 16 over all linear modules in 16 bits, 100 MB.
The engine is a stand-in that takes it at once, so what stands here is Assay's own part; what SGLang takes on top is in
docs/engines.md. `cold` begins without the adapter on disk, `warm` with it.
"""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import click

from activities.signing.envelope import open_envelope, sign_statement
from activities.signing.statements import PROVENANCE, Statement, Subject
from activities.signing.weights import sign_directory, verify_directory
from assay.contracts.base import Reference
from assay.contracts.errors import IntegrityRefused
from benchmarks.material import BASE, CONFIG, write_adapter, write_keys
from benchmarks.report import Report, median, options
from registry import BlobStore
from registry.root_digest import root_digest
from serving.adapters import AdapterStore
from serving.admission import admit
from serving.engines.protocol import ChatBody, Engine, EngineInfo
from serving.loading import Loader

Verify = Callable[[Path, str], None]


class ReadyEngine:
    """Holds whatever it is told to, at once."""

    def __init__(self) -> None:
        self.held: set[str] = set()

    async def info(self) -> EngineInfo:
        """The base of the benchmark."""
        return EngineInfo(
            kind="in-process",
            base_revision=BASE.revision,
            template="sha256:" + "0" * 64,
            max_context=2048,
            adapters=frozenset(self.held),
        )

    async def loaded(self) -> frozenset[str]:
        """What it was told to hold."""
        return frozenset(self.held)

    async def load(self, name: str, path: Path) -> None:  # noqa: ARG002
        """Hold it."""
        self.held.add(name)

    async def unload(self, name: str) -> None:
        """Let go."""
        self.held.discard(name)

    async def chat(self, body: ChatBody, adapter: str | None) -> dict[str, Any]:  # noqa: ARG002
        """The answer to the probe."""
        return {"choices": [{"message": {"role": "assistant", "content": "Paris."}}]}


def signed(adapter: Path, scratch: Path, digest: str) -> Verify:
    """Sign the adapter and two statements about it; what checks all three, as `verify_version` does."""
    private, public = write_keys(scratch)
    signature = sign_directory(adapter, private)
    subject = Subject(name="adapter", digest={"sha256": digest.removeprefix("sha256:")})
    facts = Statement(subject=(subject,), predicate_type=PROVENANCE, predicate={"buildType": "benchmark"})
    envelopes = [sign_statement(facts, private) for _ in range(2)]

    def verify(path: Path, expected: str) -> None:
        if verify_directory(path, signature, public) != expected:
            raise IntegrityRefused("DIGEST_MISMATCH", "other bytes", "none")
        for envelope in envelopes:
            open_envelope(envelope, public)

    return verify


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def ensure(home: Path, blobs: BlobStore, digest: str, files: Reference, verify: Verify, config: dict[str, Any]) -> None:
    """What `warm_version` does for one engine."""
    loader = Loader(AdapterStore(home, blobs), BASE, config, 16, lambda _: None)
    engine = cast("Engine", ReadyEngine())
    asyncio.run(loader.ensure(engine, "acme.helpdesk.a", digest, files, verify))


@options
@click.option("--rounds", default=7, show_default=True)
@click.option("--layers", default=38, show_default=True, help="2.6 MB each")
def main(out: Path | None, rounds: int, layers: int) -> None:
    """Measure how an adapter gets into an engine."""
    with tempfile.TemporaryDirectory() as scratch:
        report = measure(Path(scratch), rounds, layers)
    report.write(out)


def measure(scratch: Path, rounds: int, layers: int) -> Report:
    """All rows."""
    adapter, config = write_adapter(scratch / "adapter", layers=layers), {**CONFIG, "num_hidden_layers": layers}
    weights = adapter / "adapter_model.safetensors"
    digest, megabytes = root_digest(adapter), weights.stat().st_size / 1e6
    blobs = BlobStore.open((scratch / "blobs").as_uri())
    files, verify = blobs.put_tree(adapter), signed(adapter, scratch, digest)
    whole = AdapterStore(scratch / "warm", blobs)
    whole.materialise(digest, files)
    steps: dict[str, Callable[[int], object]] = {
        "plain SHA-256, once": lambda _: hashlib.file_digest(weights.open("rb"), "sha256"),
        "materialise from the blob store": lambda n: AdapterStore(scratch / f"m{n}", blobs).materialise(digest, files),
        "verify signature and statements": lambda _: verify(whole.path(digest), digest),
        "admit": lambda _: admit(whole.path(digest), config, BASE, 16),
        "cold: from the blob store into the engine": lambda n: ensure(
            scratch / f"c{n}", blobs, digest, files, verify, config
        ),
        "warm: from disk into the engine": lambda _: ensure(scratch / "warm", blobs, digest, files, verify, config),
    }
    took: dict[str, list[float]] = {name: [] for name in steps}
    for number in range(rounds):
        for name, step in steps.items():
            took[name].append(seconds(lambda step=step, number=number: step(number)))  # type: ignore[misc]
        for home in (scratch / f"m{number}", scratch / f"c{number}"):
            remove(home)
    report = Report("adapters", f"An adapter of {megabytes:.0f} MB on its way into an engine")
    for name, times in took.items():
        report.add(name, median(times), "s", at_most=0.5 if name.startswith(("cold", "warm")) else None)
    return report


def remove(home: Path) -> None:
    """Directories of adapters are read-only."""
    for folder in (path for path in home.rglob("*") if path.is_dir()):
        folder.chmod(0o755)
    shutil.rmtree(home)


if __name__ == "__main__":
    main()
