"""Recognisers that an installed package offers are asked by every scanner, also in the processes of data workers."""

from __future__ import annotations

import json
from collections.abc import Iterator
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
PACKAGE = """
from presidio_analyzer import EntityRecognizer, Pattern, PatternRecognizer, RecognizerResult


def lockers():
    return PatternRecognizer("LOCKER", patterns=[Pattern("locker", r"\\bLK-\\d{4}\\b", 0.9)])


class Badges(EntityRecognizer):
    def __init__(self):
        super().__init__(["BADGE"])

    def load(self):
        pass

    def analyze(self, text, entities, nlp_artifacts=None):
        at = text.find("badge-7")
        return [RecognizerResult("BADGE", at, at + 7, 1.0)] if at >= 0 else []
"""
ENTRY_POINTS = "[assay.recognisers]\nlockers = acme_privacy:lockers\nbadges = acme_privacy:Badges\n"
TEXT = "She left badge-7 in LK-2041, and erika@example.org has the key."
FOUND = {"BADGE": "badge-7", "LOCKER": "LK-2041", "EMAIL_ADDRESS": "erika@example.org"}


@pytest.fixture(autouse=True)
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package as a user would install it: a module, and metadata that names its recognisers."""
    folder = tmp_path / "site"
    about = folder / "acme_privacy-1.0.dist-info"
    about.mkdir(parents=True)
    (folder / "acme_privacy.py").write_text(PACKAGE, "utf-8")
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-privacy\nVersion: 1.0\n", "utf-8")
    (about / "entry_points.txt").write_text(ENTRY_POINTS, "utf-8")
    monkeypatch.syspath_prepend(folder)
    installed_scanner.cache_clear()
    yield
    installed_scanner.cache_clear()


def test_an_installed_package_is_asked_and_its_findings_count() -> None:
    found = Scanner.installed().scan({"note": TEXT})
    assert dict(found.personal) == FOUND
    assert [(one.category, one.kind, one.count) for one in found.summary] == [
        ("pii", kind, 1) for kind in sorted(FOUND)
    ]
    assert {kind for kind, _ in Scanner().scan({"note": TEXT}).personal} == {"EMAIL_ADDRESS"}


@pytest.mark.parametrize("thorough", [False, True])
def test_the_processes_of_a_data_worker_ask_it(tmp_path: Path, thorough: bool) -> None:
    ensure_keys(tmp_path)
    settings = Settings(home=tmp_path, scanning=ScanningSettings(processes=1, thorough=thorough))
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
