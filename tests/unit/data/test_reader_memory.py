"""Readers stream: however large a source is, a few of its rows are in memory, and what would not stream is refused."""

from __future__ import annotations

import csv
import json
import random
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from datasets import Dataset as HuggingFaceDataset
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from activities.data.readers import hugging_face, read_rows, source_digest
from assay.contracts.data import Source
from assay.contracts.errors import AssayError, InputRefused

MakeSource = Callable[..., Source]
CONTENT_BYTES = 64_000_000
MOST_BYTES = 16 << 20
"""What reading any of them may take: about a quarter of what is in the source.

Text takes a line, a query 64 rows, a saved dataset twice its batch (a thousand rows: four megabytes here), and Parquet
64 rows and a few pages of each column (two megabytes here: Arrow ends none before a thousand values).
"""
SHORT, LONG = 4_000, 32_000
"""Bytes of a row."""


def rows(content: int, size: int) -> Iterator[dict[str, str]]:
    """Text that no compression makes much of."""
    some = random.Random(1)
    for _ in range(content // size):
        instruction, output = (some.randbytes(size // 4).hex() for _ in range(2))
        yield {"instruction": instruction, "output": output}


def columns(content: int) -> dict[str, list[str]]:
    read = list(rows(content, SHORT))
    return {name: [row[name] for row in read] for name in ("instruction", "output")}


def as_jsonl(folder: Path, content: int) -> dict[str, Any]:
    with (folder / "rows.jsonl").open("w") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows(content, LONG))
    return {"uri": str(folder / "rows.jsonl")}


def as_csv(folder: Path, content: int) -> dict[str, Any]:
    with (folder / "rows.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["instruction", "output"])
        writer.writeheader()
        writer.writerows(rows(content, LONG))
    return {"uri": str(folder / "rows.csv")}


def as_parquet(folder: Path, content: int, **how: Any) -> dict[str, Any]:
    parquet.write_table(pyarrow.table(columns(content)), folder / "rows.parquet", row_group_size=content, **how)
    assert parquet.ParquetFile(folder / "rows.parquet").num_row_groups == 1
    return {"uri": str(folder / "rows.parquet")}


def as_saved(folder: Path, content: int) -> dict[str, Any]:
    HuggingFaceDataset.from_dict(columns(content)).save_to_disk(folder / "saved")
    return {"uri": str(folder / "saved"), "format": "hf-dataset"}


def as_query(folder: Path, content: int) -> dict[str, Any]:
    with sqlite3.connect(folder / "rows.sqlite") as database:
        database.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, instruction TEXT, output TEXT)")
        database.executemany(
            "INSERT INTO rows (instruction, output) VALUES (:instruction, :output)", rows(content, LONG)
        )
    database.close()
    query = "SELECT instruction, output FROM rows ORDER BY id"
    return {"uri": f"sqlite:///{folder / 'rows.sqlite'}", "query": query, "tables": {"rows": "helpdesk"}}


WAYS: dict[str, Callable[[Path, int], dict[str, Any]]] = {
    "jsonl": as_jsonl,
    "csv": as_csv,
    "parquet of one row group": lambda folder, content: as_parquet(folder, content, compression="none"),
    "parquet of one packed row group": lambda folder, content: as_parquet(folder, content, compression="zstd"),
    "hugging face": as_saved,
    "sql": as_query,
}
# In a process of its own: Arrow's high-water mark is never set back. The small source is read for its imports.
MEASURED = """
import json, sys, tracemalloc
import pyarrow
from activities.data.readers import read_records, source_digest
from assay.contracts.data import Source

def read(text):
    source = Source.model_validate_json(text)
    return sum(1 for _ in read_records(source, source_digest(source)))

read(sys.argv[1])
tracemalloc.start()
rows = read(sys.argv[2])
print(json.dumps([rows, tracemalloc.get_traced_memory()[1], pyarrow.default_memory_pool().max_memory()]))
"""


@pytest.mark.parametrize("way", WAYS)
def test_a_source_is_read_in_far_less_memory_than_it_holds(tmp_path: Path, source: MakeSource, way: str) -> None:
    made = []
    for content in (LONG, CONTENT_BYTES):
        (folder := tmp_path / str(content)).mkdir()
        made.append(source(b"", **WAYS[way](folder, content)).model_dump_json())
    done = subprocess.run([sys.executable, "-c", MEASURED, *made], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    read, python, arrow = json.loads(done.stdout)
    assert read in (CONTENT_BYTES // SHORT, CONTENT_BYTES // LONG)
    assert python + arrow < MOST_BYTES < CONTENT_BYTES / 3


def stream(folder: Path, table: pyarrow.Table, **how: Any) -> dict[str, Any]:
    """A directory as `save_to_disk` writes it, of one file, written as it never does."""
    (folder / "saved").mkdir()
    with pyarrow.OSFile(str(folder / "saved" / "data.arrow"), "wb") as file:
        options = pyarrow.ipc.IpcWriteOptions(**how)
        with pyarrow.ipc.new_stream(file, table.schema, options=options) as writer:
            writer.write_table(table)
    (folder / "saved" / "state.json").write_text('{"_data_files": [{"filename": "data.arrow"}]}', "utf-8")
    return {"uri": str(folder / "saved"), "format": "hf-dataset"}


def blanks(count: int = 100) -> pyarrow.Table:
    return pyarrow.table({"instruction": [" " * (1 << 19)] * count, "output": ["y"] * count})


def shared(count: int = 100) -> pyarrow.Table:
    """One long value in a dictionary, and rows that name it."""
    names = pyarrow.array([0] * count, pyarrow.int32())
    long = pyarrow.DictionaryArray.from_arrays(names, pyarrow.array([" " * (64 << 20)]))
    return pyarrow.table({"instruction": long, "output": ["y"] * count})


@pytest.mark.parametrize("made", [blanks, shared])
@pytest.mark.parametrize("codec", ["zstd", "lz4"])
def test_a_stream_that_is_packed_inside_is_refused_before_it_is_unpacked(
    tmp_path: Path, source: MakeSource, made: Callable[[], pyarrow.Table], codec: str
) -> None:
    packed = source(b"", **stream(tmp_path, made(), compression=codec))
    with pytest.raises(InputRefused, match="packed inside") as refused:
        list(read_rows(packed, source_digest(packed)))
    assert refused.value.code == "HF_DATASET_MALFORMED"


def test_a_batch_that_is_too_long_to_be_in_memory_is_refused(
    tmp_path: Path, source: MakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = source(b"", **stream(tmp_path, pyarrow.table({"instruction": ["Say it"] * 9, "output": ["It."] * 9})))
    assert len(list(read_rows(whole, source_digest(whole)))) == 9
    monkeypatch.setattr(hugging_face, "BATCH_BYTES", 64)
    with pytest.raises(InputRefused, match="has more than 64 bytes") as refused:
        list(read_rows(whole, source_digest(whole)))
    assert refused.value.code == "HF_DATASET_MALFORMED"


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_saved_dataset_with_flipped_bytes_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, source: MakeSource, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("flipped")
    flipped = source(b"", **stream(folder, pyarrow.table({"instruction": ["Say it"] * 9, "output": ["It."] * 9})))
    whole = bytearray((path := folder / "saved" / "data.arrow").read_bytes())
    for at in data.draw(st.lists(st.integers(0, len(whole) - 1), min_size=1, max_size=4)):
        whole[at] ^= data.draw(st.integers(1, 255))
    path.write_bytes(whole)
    try:
        list(read_rows(flipped, source_digest(flipped)))
    except AssayError as error:
        assert error.code  # noqa: PT017  # anything but an AssayError fails the test
