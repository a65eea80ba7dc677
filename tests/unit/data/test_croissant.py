"""Other people's tools understand our descriptions, and we read theirs."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from click.testing import CliRunner
from pyarrow import parquet

from activities.data.croissant import drafted, written
from activities.data.ledger import SHARD
from activities.data.sealing import seal
from assay.cli.main import cli
from assay.contracts.base import Reference
from assay.contracts.data import Dataset, Source
from assay.contracts.errors import InputRefused

DIGEST = "sha256:" + "7" * 64
MANIFEST: dict[str, Any] = {
    "tenant": "acme",
    "dataset": "support",
    "version": 3,
    "purpose": "train-tenant-model",
    "licences": ["Apache-2.0", "LicenseRef-tenant-agreement"],
    "counts": {"read": 5, "accepted": 4},
    "synthetic_share": 0.25,
    "shards": [
        {"uri": "blob:" + "1" * 64, "sha256": "sha256:" + "1" * 64, "source": "calls", "rows": 3},
        {"uri": "blob:" + "2" * 64, "sha256": "sha256:" + "2" * 64, "source": "replay", "rows": 1},
    ],
    "sources": [
        {"name": name, "system": "helpdesk", "tier": "curated", "licence": "MIT", "sha256": DIGEST}
        for name in ("calls", "replay")
    ],
}


# In a process of its own: the library it logs with closes this one's standard error.
REFERENCE = """
import json, sys
import mlcroissant
read = mlcroissant.Dataset(jsonld=sys.argv[1])
print(json.dumps({
    "errors": sorted(map(str, read.metadata.ctx.issues.errors)),
    "digests": [one.sha256 for one in read.metadata.distribution],
    "version": read.metadata.version,
    "fields": [field.id for field in read.metadata.record_sets[0].fields],
    "rows": [{k: str(v) for k, v in row.items()} for row in read.records("rows-0")] if sys.argv[2:] else [],
}))
"""


def reference(folder: Path, description: dict[str, Any], *flags: str) -> dict[str, Any]:
    """What MLCommons' own reader makes of a description; with a flag it reads the rows as well."""
    path = folder / "croissant.json"
    path.write_text(json.dumps(description), "utf-8")
    line = [sys.executable, "-W", "ignore", "-c", REFERENCE, str(path), *flags]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    read: dict[str, Any] = json.loads(done.stdout)
    return read


def test_the_reference_implementation_finds_no_fault(tmp_path: Path) -> None:
    read = reference(tmp_path, written(MANIFEST, DIGEST, "2026-01-01"))
    assert read["errors"] == []
    assert read["digests"] == ["1" * 64, "2" * 64]
    assert read["version"] == "3.0.0"
    assert read["fields"] == [f"rows-0/{name}" for name in SHARD.names]


def test_the_reference_implementation_reads_the_rows_of_a_shard(tmp_path: Path) -> None:
    row = dict.fromkeys(SHARD.names, "x") | {"synthetic_depth": 0}
    shard = tmp_path / "shard.parquet"
    parquet.write_table(pyarrow.Table.from_pylist([row], schema=SHARD), shard)
    described = written({**MANIFEST, "shards": [{**MANIFEST["shards"][0], "uri": "shard.parquet"}]}, DIGEST)
    described["distribution"][0]["sha256"] = hashlib.sha256(shard.read_bytes()).hexdigest()
    [read] = reference(tmp_path, described, "rows")["rows"]
    assert read["rows-0/kind"] == "b'x'"


MakeRow = Callable[..., dict[str, Any]]


@pytest.fixture
def dataset(desk: Any, source: Callable[..., Source], row: MakeRow, tmp_path: Path) -> Dataset:
    """A sealed dataset of three shards: two of rows of two licences, one of a synthetic row."""
    desk.rows_a_shard = 2
    rows = [row(f"Question {n}?", licence="ISC" if n else None) for n in range(3)]
    asked = source([*rows, row("mail erika@example.org")], name="calls", licence="MIT")
    (tmp_path / "more.jsonl").write_text(json.dumps(row("Another?")) + "\n", "utf-8")
    more = asked.model_copy(update={"name": "more", "uri": str(tmp_path / "more.jsonl"), "synthetic_depth": 1})
    return seal(desk.sealing(asked, more), desk.registry, lambda *_: [])


def described(dataset: str) -> dict[str, Any]:
    """What `assay data croissant` prints."""
    ran = CliRunner().invoke(cli, ["data", "croissant", dataset], catch_exceptions=False)
    assert ran.exit_code == 0
    printed: dict[str, Any] = json.loads(ran.output)
    return printed


@pytest.mark.parametrize("by", ["digest", "name"])
def test_the_command_describes_a_sealed_dataset_for_the_reference_implementation(
    dataset: Dataset, desk: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path))
    printed = described(dataset.id if by == "digest" else "acme/support/1")
    read = reference(tmp_path, printed)
    shards = json.loads(desk.registry.blobs.get(dataset.manifest))["shards"]
    assert read["errors"] == []
    assert (len(shards), read["version"]) == (3, "1.0.0")
    # What the description promises of a file holds of the bytes in the store.
    stored = [hashlib.sha256(desk.registry.blobs.get(shard["sha256"])).hexdigest() for shard in shards]
    assert read["digests"] == stored
    assert printed["license"] == ["https://spdx.org/licenses/ISC.html", "https://spdx.org/licenses/MIT.html"]
    assert printed["description"].startswith("5 of 5 rows of 2 sources, governed and sealed; 20.0% of them")
    assert "erika" not in json.dumps(printed)


def test_the_reference_implementation_reads_the_rows_of_a_sealed_dataset(
    dataset: Dataset, desk: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path))
    printed = described(dataset.id)
    first = printed["distribution"][0]
    shard = Reference(uri=first["contentUrl"], sha256=f"sha256:{first['sha256']}")
    plain = desk.registry.shards.fetch_file(shard, tmp_path / "shard.parquet")
    first |= {"contentUrl": plain.name, "sha256": hashlib.sha256(plain.read_bytes()).hexdigest()}
    rows = reference(tmp_path, printed, "rows")["rows"]
    assert [row["rows-0/source"] for row in rows] == ["b'calls'"] * 2
    assert ["Question 0?" in row["rows-0/messages"] for row in rows] == [True, False]


def test_the_same_manifest_gives_the_same_description() -> None:
    assert json.dumps(written(MANIFEST, DIGEST)) == json.dumps(written(MANIFEST, DIGEST))


def test_files_of_our_own_description_are_no_source() -> None:
    with pytest.raises(InputRefused, match=rf"CROISSANT_OF_SEALED.*{DIGEST}"):
        drafted(json.dumps(written(MANIFEST, DIGEST)))


def test_a_description_like_our_own_is_read_again() -> None:
    first, _ = drafted(json.dumps({**written(MANIFEST, DIGEST), "url": "https://data.example/calls"}))
    assert (first.name, first.format, first.sha256) == ("shard-0", "parquet", "sha256:" + "1" * 64)
    assert first.licence == "Apache-2.0 AND LicenseRef-tenant-agreement"
    assert first.columns == tuple(SHARD.names)


THEIRS: dict[str, Any] = {
    "@type": "sc:Dataset",
    "conformsTo": "http://mlcommons.org/croissant/1.0",
    "name": "alpaca",
    "license": "https://spdx.org/licenses/CC-BY-4.0.html",
    "distribution": [
        {"@type": "cr:FileObject", "@id": "f", "name": "Train Data.jsonl", "contentUrl": "data/train.jsonl",
         "encodingFormat": "application/jsonlines", "sha256": "3" * 64},
        {"@type": "cr:FileObject", "@id": "readme", "contentUrl": "README.md", "encodingFormat": "text/markdown"},
    ],
    "recordSet": [
        {"@type": "cr:RecordSet", "@id": "r", "field": [
            {"@type": "cr:Field", "source": {"fileObject": {"@id": "f"}, "extract": {"column": "instruction"}}},
            {"@type": "cr:Field", "source": {"fileObject": {"@id": "f"}, "extract": {"jsonPath": "$.output"}}},
        ]},
    ],
}  # fmt: skip


def test_a_description_of_others_begins_a_contract(tmp_path: Path) -> None:
    (tmp_path / "croissant.json").write_text(json.dumps(THEIRS))
    said = CliRunner().invoke(cli, ["sources", "draft", str(tmp_path / "croissant.json")]).output
    assert "train-data.yaml; its columns: instruction, output" in said
    assert f"uri: {tmp_path}/data/train.jsonl" in said
    assert "licence: CC-BY-4.0" in said


FAULTS: dict[str, Any] = {
    "no JSON": "{",
    "no object": [],
    "another standard": {**THEIRS, "conformsTo": "http://example.org"},
    "no rows": {**THEIRS, "recordSet": []},
    "no files": {**THEIRS, "distribution": None},
    "a path that leads out": {
        **THEIRS, "distribution": [{**THEIRS["distribution"][0], "contentUrl": "../../etc/passwd"}]
    },
    "an absolute path": {**THEIRS, "distribution": [{**THEIRS["distribution"][0], "contentUrl": "/etc/passwd"}]},
}  # fmt: skip


@pytest.mark.parametrize("described", FAULTS.values(), ids=FAULTS.keys())
def test_what_is_no_description_is_refused(described: Any) -> None:
    text = described if isinstance(described, str) else json.dumps(described)
    with pytest.raises(InputRefused, match="no Croissant description"):
        drafted(text)
