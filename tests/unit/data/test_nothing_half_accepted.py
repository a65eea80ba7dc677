"""Of a source that turns out to be hostile after hundreds of good rows nothing is left, wherever one looks."""

from __future__ import annotations

import gzip
import json
import lzma
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from datasets import Dataset as HuggingFaceDataset
from pyarrow import parquet
from sqlalchemy import MetaData, create_engine, text

from activities.data import staging
from activities.data.clearing import clear
from activities.data.readers import MAX_LINE_BYTES
from assay.contracts.data import Source
from assay.contracts.errors import InputRefused
from assay.contracts.screening import ClearJob
from registry import Registry

MakeSource = Callable[..., Source]
GOOD = 700
"""More than a shard here, and more than a group of rows."""
ROWS_A_SHARD = 100


def alpaca(count: int = GOOD) -> list[dict[str, str]]:
    return [{"instruction": f"Say {n}", "output": f"It is {n}."} for n in range(count)]


LINES = b"".join(json.dumps(row).encode() + b"\n" for row in alpaca())
TABLE = b"instruction,output\n" + b"".join(b"Say %d,It is %d.\n" % (n, n) for n in range(GOOD))
BLANK = b" " * (MAX_LINE_BYTES - 1) + b"\n"
FILES: dict[str, tuple[str, bytes, str]] = {
    "a formula": ("rows.csv", TABLE + b"Say,=1+1\n", "CSV_FORMULA"),
    "a row of another width": ("rows.csv", TABLE + b"Say\n", "CSV_MALFORMED"),
    "a latin-1 line": ("rows.jsonl", LINES + '{"instruction": "Sag é"}\n'.encode("latin-1"), "ENCODING_NOT_UTF8"),
    "a latin-1 cell": ("rows.csv", TABLE + "Sag é,Es ist.\n".encode("latin-1"), "ENCODING_NOT_UTF8"),
    "a cut line": ("rows.jsonl", LINES + b'{"instruction": "Sa', "JSONL_MALFORMED"),
    "an unknown field": ("rows.jsonl", LINES + b'{"instruction": "a", "output": "b", "c": 1}\n', "ROW_FIELD_UNKNOWN"),
    "an endless line": ("rows.jsonl", LINES + b" " * (MAX_LINE_BYTES + 1) + b"\n" + LINES, "ROW_TOO_LONG"),
    "an endless cell": ("rows.csv", TABLE + b'Say,"' + b"a\n" * MAX_LINE_BYTES, "ROW_TOO_LONG"),
    "a bomb at the end": ("rows", gzip.compress(LINES) + gzip.compress(BLANK * 32), "ARCHIVE_BOMB"),
    "a gzip file cut off": ("rows", gzip.compress(LINES)[:-9], "ARCHIVE_MALFORMED"),
    "an xz file cut off": ("rows", lzma.compress(LINES)[:-9], "ARCHIVE_MALFORMED"),
    "something after the archive": ("rows", gzip.compress(LINES) + LINES, "ARCHIVE_MALFORMED"),
}


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files of this process are made."""
    (folder := tmp_path / "scratch").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def bench(desk: Any, scratch: Path) -> Any:
    """The desk with small shards, in whose house nothing is yet."""
    assert left(desk.registry, scratch) == []
    return replace(desk, rows_a_shard=ROWS_A_SHARD)


def left(registry: Registry, scratch: Path) -> list[str]:
    """Whatever there is: blobs, temporary files, and tables that have a row (datasets, ledger, quarantine, keys …)."""
    tables = MetaData()
    with registry.shards._database.reading() as session:
        connection = session.connection()
        tables.reflect(connection)
        counts = {
            name: connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar_one()
            for name in tables.tables
            if name != "alembic_version"
        }
    assert {"datasets", "ledger", "quarantine", "shard_keys", "decisions", "lineage"} <= counts.keys()
    return [*registry.blobs.digests(), *(path.name for path in scratch.iterdir()), *(n for n, c in counts.items() if c)]


def refused(bench: Any, source: Source) -> str:
    with pytest.raises(InputRefused) as error:
        bench.screen(source)
    assert error.value.remedy
    return error.value.code


def test_good_rows_alone_are_staged(bench: Any, source: MakeSource, scratch: Path) -> None:
    assert len(bench.stage(source(LINES))) == GOOD // ROWS_A_SHARD
    assert len([*bench.registry.blobs.digests()]) == GOOD // ROWS_A_SHARD
    assert "shard_keys" in left(bench.registry, scratch)


@pytest.mark.parametrize(("name", "content", "code"), FILES.values(), ids=FILES.keys())
def test_nothing_is_left_of_a_file_that_is_hostile_at_its_end(
    tmp_path: Path, bench: Any, source: MakeSource, scratch: Path, name: str, content: bytes, code: str
) -> None:
    hostile = source(b"", uri=str(tmp_path / name))
    (tmp_path / name).write_bytes(content)
    assert refused(bench, hostile) == code
    assert left(bench.registry, scratch) == []


def test_nothing_is_left_of_a_file_to_which_somebody_appends_while_it_is_read(
    bench: Any, source: MakeSource, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    growing = source(LINES)

    def grow(stage: str) -> Callable[[int], None]:
        def told(rows: int) -> None:
            with Path(growing.uri).open("ab") as file:
                file.write(LINES[: LINES.index(b"\n") + 1])

        return told

    monkeypatch.setattr(bench, "beat", grow)
    assert refused(bench, growing) == "SOURCE_DIGEST_MISMATCH"
    assert left(bench.registry, scratch) == []


def test_nothing_is_left_of_a_packed_parquet_file_whose_last_row_has_no_answer(
    tmp_path: Path, bench: Any, source: MakeSource, scratch: Path
) -> None:
    rows = [*alpaca(), {"instruction": "Say", "output": None}]
    parquet.write_table(pyarrow.Table.from_pylist(rows), path := tmp_path / "rows.parquet")
    path.write_bytes(gzip.compress(path.read_bytes()))
    assert refused(bench, source(b"", uri=str(path))) == "ROW_MALFORMED"
    assert left(bench.registry, scratch) == []


@pytest.fixture
def saved(tmp_path: Path, source: MakeSource) -> Source:
    """A saved dataset of four files."""
    HuggingFaceDataset.from_list(alpaca()).save_to_disk(tmp_path / "saved", num_shards=4)
    return source(b"", uri=str(tmp_path / "saved"), format="hf-dataset")


def test_nothing_is_left_of_a_saved_dataset_whose_last_file_is_a_link(
    tmp_path: Path, bench: Any, saved: Source, scratch: Path
) -> None:
    last = max(Path(saved.uri).glob("*.arrow"))
    last.rename(tmp_path / "elsewhere.arrow")
    last.symlink_to(tmp_path / "elsewhere.arrow")
    assert refused(bench, saved) == "SOURCE_SYMLINK"
    assert left(bench.registry, scratch) == []


def test_nothing_is_left_of_a_saved_dataset_that_becomes_a_link_while_it_is_read(
    tmp_path: Path, bench: Any, saved: Source, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = max(Path(saved.uri).glob("*.arrow"))

    def swap(stage: str) -> Callable[[int], None]:
        def told(rows: int) -> None:
            if not last.is_symlink():
                last.rename(tmp_path / "elsewhere.arrow")
                last.symlink_to(tmp_path / "elsewhere.arrow")

        return told

    monkeypatch.setattr(bench, "beat", swap)
    assert refused(bench, saved) == "SOURCE_SYMLINK"
    assert left(bench.registry, scratch) == []


def test_nothing_is_left_of_a_saved_dataset_whose_last_file_is_cut_off(
    bench: Any, saved: Source, scratch: Path
) -> None:
    last = max(Path(saved.uri).glob("*.arrow"))
    last.write_bytes(last.read_bytes()[:-400])
    assert refused(bench, saved) == "HF_DATASET_MALFORMED"
    assert left(bench.registry, scratch) == []


def test_nothing_is_left_of_a_query_whose_last_row_is_none(
    bench: Any, database: Callable[..., Source], scratch: Path
) -> None:
    rows = database("SELECT question AS instruction, answer AS output FROM tickets ORDER BY id")
    engine = create_engine(rows.uri)
    with engine.begin() as connection:
        more = [{"q": one["instruction"], "a": one["output"]} for one in alpaca()]
        connection.execute(text("INSERT INTO tickets (question, answer) VALUES (:q, :a)"), more)
        connection.execute(text("INSERT INTO tickets (question, answer) VALUES ('Bytes?', x'00ff')"))
    engine.dispose()
    assert refused(bench, rows) == "COLUMN_UNSUPPORTED"
    assert left(bench.registry, scratch) == []


def test_nothing_is_left_of_a_source_of_more_shards_than_an_intake_may_have(
    bench: Any, source: MakeSource, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staging, "MOST_SHARDS", GOOD // ROWS_A_SHARD - 1)
    assert refused(bench, source(LINES)) == "SOURCE_TOO_LARGE"
    assert left(bench.registry, scratch) == []
    monkeypatch.setattr(staging, "MOST_SHARDS", GOOD // ROWS_A_SHARD)
    assert len(bench.stage(source(LINES))) == GOOD // ROWS_A_SHARD


def test_one_hostile_source_leaves_nothing_of_the_others_once_the_stage_is_cleared(
    tmp_path: Path, bench: Any, source: MakeSource, scratch: Path
) -> None:
    (tmp_path / "bad.jsonl").write_bytes(LINES + b"{")
    good = source(LINES)
    with pytest.raises(InputRefused) as error:
        bench.screen_all(good, good.model_copy(update={"name": "bad", "uri": str(tmp_path / "bad.jsonl")}))
    assert error.value.code == "JSONL_MALFORMED"
    clear(ClearJob(intake=bench.key), bench.registry)
    assert bench.registry.shards.living() == frozenset()
    assert [*bench.registry.blobs.digests()] == []
    assert left(bench.registry, scratch) == ["shard_keys"]  # which shards there were, without their keys
