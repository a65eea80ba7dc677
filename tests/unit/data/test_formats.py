"""Every format gives the same rows, packed or not, and says what is wrong with a source before a row of it counts."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from datasets import Dataset as HuggingFaceDataset
from pyarrow import parquet
from sqlalchemy import create_engine, text

from activities.data.readers import ReadRow, read_rows, source_digest
from assay.contracts.data import RowMapping, Source
from assay.contracts.errors import InputRefused, NotFound

MakeRow = Callable[..., dict[str, Any]]
MakeSource = Callable[..., Source]
ALPACA = [{"instruction": f"Say {n}", "input": "", "output": f"It is {n}."} for n in range(150)]


def read(source: Source) -> list[ReadRow]:
    return list(read_rows(source, source_digest(source)))


def refused(source: Source) -> str:
    with pytest.raises(InputRefused) as error:
        read(source)
    assert source.name in error.value.message or error.value.code.startswith("SQL_")
    return error.value.code


def spoken(rows: list[ReadRow]) -> list[str | None]:
    return [row.row.messages[-1].content for row in rows]


def zipped(data: bytes, *more: bytes) -> bytes:
    with zipfile.ZipFile(file := io.BytesIO(), "w", zipfile.ZIP_DEFLATED) as archive:
        for number, content in enumerate((data, *more)):
            archive.writestr(f"{number}.jsonl", content)
    return file.getvalue()


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": lambda data: pyarrow.compress(data, "zstd", asbytes=True),
    "zip": zipped,
}


@pytest.mark.parametrize("pack", PACKED.values(), ids=PACKED.keys())
def test_a_packed_file_has_the_rows_of_the_plain_one(
    source: MakeSource, row: MakeRow, pack: Callable[[bytes], bytes]
) -> None:
    lines = "".join(json.dumps(row(str(n))) + "\n" for n in range(300)).encode()
    plain = [(r.line, r.id) for r in read(source(lines))]
    assert [(r.line, r.id) for r in read(source(pack(lines)))] == plain


@pytest.mark.parametrize("name", ["gzip", "bzip2", "xz", "zstd"])
def test_several_members_are_read_one_after_the_other(source: MakeSource, row: MakeRow, name: str) -> None:
    one, two = (PACKED[name]((json.dumps(row(text)) + "\n").encode()) for text in ("one", "two"))
    assert len(read(source(one + two))) == 2


def test_a_csv_file_is_read_by_its_header(tmp_path: Path, source: MakeSource) -> None:
    path = tmp_path / "rows.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["instruction", "input", "output"])
        writer.writeheader()
        writer.writerows([{"instruction": "two\nlines", "input": 'a "word"', "output": "-5"}, *ALPACA])
    rows = read(source(path.read_bytes(), uri=str(path)))
    assert rows[0].row.messages[0].content == 'two\nlines\n\na "word"'
    assert spoken(rows)[1:] == [row["output"] for row in ALPACA]
    assert [row.line for row in rows][:3] == [2, 4, 5]


@pytest.mark.parametrize("pack", PACKED.values(), ids=PACKED.keys())
@pytest.mark.parametrize("name", ["rows.csv", "rows.tsv"])
def test_a_packed_csv_file_has_the_rows_and_lines_of_the_plain_one(
    tmp_path: Path, source: MakeSource, name: str, pack: Callable[[bytes], bytes]
) -> None:
    delimiter = "\t" if name.endswith("tsv") else ","
    with (plain := tmp_path / name).open("w", newline="") as file:
        writer = csv.DictWriter(file, ["instruction", "input", "output"], delimiter=delimiter)
        writer.writeheader()
        writer.writerows([{"instruction": "two\nlines", "input": "é", "output": "-5"}, *ALPACA])
    packed = tmp_path / f"{name}.gz"  # its name tells the format; how it is packed, its first bytes
    packed.write_bytes(pack(plain.read_bytes()))
    whole, read_ = (read(source(b"", uri=str(path))) for path in (plain, packed))
    assert len(whole) == 151
    assert [(r.line, r.id, r.row) for r in read_] == [(r.line, r.id, r.row) for r in whole]


@pytest.mark.parametrize("pack", PACKED.values(), ids=PACKED.keys())
def test_a_fault_in_a_packed_csv_file_has_its_line(
    tmp_path: Path, source: MakeSource, pack: Callable[[bytes], bytes]
) -> None:
    (packed := tmp_path / "rows.csv.zip").write_bytes(pack(b"instruction,output\nSay,It is.\nSay,=1+1\n"))
    with pytest.raises(InputRefused, match="line 3 of source rows: cell 2") as error:
        read(source(b"", uri=str(packed)))
    assert error.value.code == "CSV_FORMULA"


def test_a_parquet_file_is_read_with_its_nested_columns(tmp_path: Path, source: MakeSource, row: MakeRow) -> None:
    parquet.write_table(pyarrow.Table.from_pylist([row(str(n)) for n in range(200)]), tmp_path / "rows.parquet")
    rows = read(source(b"", uri=str(tmp_path / "rows.parquet")))
    assert [r.id for r in rows] == [r.id for r in read(source([row(str(n)) for n in range(200)]))]


def test_a_packed_parquet_file_is_read(tmp_path: Path, source: MakeSource) -> None:
    parquet.write_table(pyarrow.Table.from_pylist(ALPACA), plain := tmp_path / "rows.parquet")
    (tmp_path / "rows.parquet.gz").write_bytes(gzip.compress(plain.read_bytes()))
    assert len(read(source(b"", uri=str(tmp_path / "rows.parquet.gz")))) == 150


def test_a_hugging_face_directory_is_read_in_its_order(tmp_path: Path, source: MakeSource) -> None:
    HuggingFaceDataset.from_list(ALPACA).save_to_disk(tmp_path / "saved", num_shards=3)
    rows = read(source(b"", uri=str(tmp_path / "saved"), format="hf-dataset"))
    assert spoken(rows) == [row["output"] for row in ALPACA]


def test_a_file_that_is_added_to_a_directory_changes_its_digest(tmp_path: Path, source: MakeSource) -> None:
    HuggingFaceDataset.from_list(ALPACA).save_to_disk(tmp_path / "saved")
    saved = source(b"", uri=str(tmp_path / "saved"), format="hf-dataset")
    before = source_digest(saved)
    (tmp_path / "saved" / "more.arrow").write_bytes(b"")
    assert source_digest(saved) != before


TICKETS = "SELECT question AS instruction, answer AS output FROM tickets ORDER BY id"


def test_a_query_is_read_in_its_order(database: Callable[..., Source]) -> None:
    assert spoken(read(database(TICKETS))) == ["At nine.", "At five."]


def test_a_connection_that_the_worker_has_is_named_and_its_url_is_not(
    database: Callable[..., Source], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = database(TICKETS).uri
    with pytest.raises(NotFound, match="does not have"):
        read(database(TICKETS, uri="sql:help-desk"))
    monkeypatch.setenv("ASSAY_SQL_HELP_DESK", url)
    assert len(read(database(TICKETS, uri="sql:help-desk"))) == 2


def test_a_query_whose_rows_changed_meanwhile_is_refused(database: Callable[..., Source]) -> None:
    desk = database(TICKETS)
    digest = source_digest(desk)
    engine = create_engine(desk.uri)
    with engine.begin() as connection:
        connection.execute(text("UPDATE tickets SET answer = 'At ten.' WHERE id = 2"))
    engine.dispose()
    with pytest.raises(InputRefused, match="other rows the second time"):
        list(read_rows(desk, digest))


def test_columns_are_mapped_kept_and_left_out_only_when_the_contract_says_so(source: MakeSource) -> None:
    rows = [{"frage": "Was?", "antwort": "Das.", "score": 3, "note": {"by": "ann"}}]
    plain = {"columns": {"instruction": "frage", "output": "antwort"}}
    assert refused(source(rows, mapping=RowMapping(**plain))) == "ROW_FIELD_UNKNOWN"
    kept = read(source(rows, mapping=RowMapping(**plain, meta=("note",), ignored=("score",))))[0].row
    assert kept.meta == {"note": '{"by": "ann"}'}
    assert [message.content for message in kept.messages] == ["Was?", "Das."]


def test_json_in_a_column_is_read_as_json(source: MakeSource) -> None:
    said = [{"role": "user", "content": "Was?"}, {"role": "assistant", "content": "Das."}]
    mapping = RowMapping(json_columns=("chat",), columns={"messages": "chat"})
    assert spoken(read(source([{"chat": json.dumps(said)}], mapping=mapping))) == ["Das."]
    assert refused(source([{"chat": "[{"}], mapping=mapping)) == "COLUMN_MALFORMED"


def test_a_rows_own_consent_is_read_from_its_column_and_an_empty_one_is_unknown(source: MakeSource) -> None:
    rows = [{**ALPACA[0], "may": may} for may in (True, False, None, "contract")]
    read_ = read(source(rows, consent_field="may"))
    assert [row.row.consent for row in read_] == ["granted", "withdrawn", "unknown", "contract"]
    words = [{**ALPACA[0], "may": may} for may in ("true", "False", 1, 0, "1", "granted")]
    said = [row.row.consent for row in read(source(words, consent_field="may"))]
    assert said == ["granted", "withdrawn", "granted", "withdrawn", "granted", "granted"]
    assert refused(source([{**ALPACA[0], "may": "perhaps"}], consent_field="may")) == "ROW_MALFORMED"
