"""Recognisers that an installed package offers are asked by every scanner, also in the processes of data workers."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pyarrow import parquet
from temporalio.testing import ActivityEnvironment

from activities.data.activity import DataActivities
from activities.data.findings import Scanner
from activities.data.readers import source_digest
from activities.data.scanning import installed_scanner
from activities.data.staging import Portions, stage
from assay.contracts.data import Source
from assay.contracts.screening import IntakeKey, ScanJob
from assay.settings import ScanningSettings, Settings
from registry import Registry
from stack.keys import ensure_keys

KEY = IntakeKey(tenant="acme", dataset="added", version=1, purpose="train-tenant-model")
PRESIDIO = """
from presidio_analyzer import Pattern, PatternRecognizer


def recogniser():
    return PatternRecognizer("LOCKER", patterns=[Pattern("locker", r"\\bLK-\\d{4}\\b", 0.9)])
"""
LIKE_PRESIDIO = """
import re
from types import SimpleNamespace


class recogniser:
    def analyze(self, text, entities, nlp_artifacts=None):
        found = re.finditer(r"\\bLK-\\d{4}\\b", text)
        return [SimpleNamespace(entity_type="LOCKER", start=one.start(), end=one.end()) for one in found]
"""
TEXT = "It is in LK-2041, and erika@example.org has the key."
FOUND = {"LOCKER": "LK-2041", "EMAIL_ADDRESS": "erika@example.org"}


Install = Callable[[str], None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """A package as a user would install it: a module, and metadata that names its recogniser."""

    def make(module: str) -> None:
        folder = tmp_path / "site"
        about = folder / "acme_privacy-1.0.dist-info"
        about.mkdir(parents=True)
        (folder / "acme_privacy.py").write_text(module, "utf-8")
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-privacy\nVersion: 1.0\n", "utf-8")
        (about / "entry_points.txt").write_text("[assay.recognisers]\nlockers = acme_privacy:recogniser\n", "utf-8")
        monkeypatch.syspath_prepend(folder)
        monkeypatch.delitem(sys.modules, "acme_privacy", raising=False)

    installed_scanner.cache_clear()
    yield make
    installed_scanner.cache_clear()


def test_a_recogniser_of_presidio_in_an_installed_package_is_asked_and_counts(install: Install) -> None:
    install(PRESIDIO)
    found = Scanner.installed().scan({"note": TEXT})
    assert dict(found.personal) == FOUND
    assert [(one.category, one.kind, one.count) for one in found.summary] == [
        ("pii", kind, 1) for kind in sorted(FOUND)
    ]
    assert dict(Scanner().scan({"note": TEXT}).personal) == {"EMAIL_ADDRESS": FOUND["EMAIL_ADDRESS"]}


def test_the_processes_of_a_data_worker_ask_it(install: Install, tmp_path: Path) -> None:
    install(LIKE_PRESIDIO)
    ensure_keys(tmp_path)
    settings = Settings(home=tmp_path, scanning=ScanningSettings(processes=1))
    source, shards = _source(tmp_path), Registry.open(settings).shards
    [shard] = stage(KEY, source, source_digest(source), shards, Portions(), lambda _: None)
    worker = DataActivities(settings)
    try:
        job = ScanJob(intake=KEY, source=source.name, shard=shard)
        scanned = ActivityEnvironment().run(worker.scan_shard, job)
    finally:
        worker.close()
    [row] = parquet.read_table(shards.fetch_file(scanned.found, tmp_path / "found.parquet")).to_pylist()
    assert {one["kind"]: one["text"] for one in row["personal"]} == FOUND
    assert {f"pii:{kind}:1" for kind in FOUND} <= set(row["findings"])


def _source(folder: Path) -> Source:
    said = [{"role": "user", "content": TEXT}, {"role": "assistant", "content": "I see."}]
    row = {"id": "r", "kind": "replay", "messages": said, "tools": []}
    (folder / "rows.jsonl").write_text(json.dumps(row) + "\n", "utf-8")
    return Source(
        name="rows",
        uri=str(folder / "rows.jsonl"),
        system="helpdesk",
        owner="ann",
        licence="MIT",
        purposes=("train-tenant-model",),
        consent="granted",
        retention_days=30,
        tier="curated",
    )
