"""A source is read whole, or refused with a code and a line."""

from __future__ import annotations

import contextlib
import hashlib
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from activities.data.readers import MAX_LINE_BYTES, ReadRow, read_rows, source_digest
from assay.contracts.data import Source
from assay.contracts.errors import AssayError, InputRefused, NotFound

MakeRow = Callable[..., dict[str, Any]]
MakeSource = Callable[..., Source]


def read(source: Source) -> list[ReadRow]:
    return list(read_rows(source, source_digest(source)))


def refusal(source: Source) -> InputRefused:
    with pytest.raises(InputRefused) as refused:
        read(source)
    assert refused.value.remedy
    return refused.value


def test_rows_come_in_file_order_with_their_lines(source: MakeSource, row: MakeRow) -> None:
    first, second = json.dumps(row("one")).encode(), json.dumps(row("two")).encode()
    rows = read(source(first + b"\n\n" + second))
    assert [(r.line, r.row.messages[0].content) for r in rows] == [(1, "one"), (3, "two")]


def test_a_row_is_named_by_what_can_be_learnt_and_by_its_source(source: MakeSource, row: MakeRow) -> None:
    plain, renamed, other = read(source([row(), row(id="s", licence="MIT"), row("Another?")]))
    assert plain.id == renamed.id != other.id
    assert read(source([row()], name="elsewhere"))[0].id != plain.id


FAULTS = {
    "cut line": (b'{"id": "a", "kind"', "JSONL_MALFORMED"),
    "two objects on a line": (b"{} {}", "JSONL_MALFORMED"),
    "not an object": (b"[1]", "ROW_MALFORMED"),
    "not a number": (b'{"id": NaN}', "JSONL_MALFORMED"),
    "a field twice": (b'{"id": "a", "id": "b"}', "JSONL_MALFORMED"),
    "too deep": (b"[" * 100_000, "JSONL_MALFORMED"),
    "latin-1": ('{"id": "é"}'.encode("latin-1"), "ENCODING_NOT_UTF8"),
    "utf-16": ('{"id": "a"}'.encode("utf-16"), "ENCODING_NOT_UTF8"),
    "byte order mark": (b'\xef\xbb\xbf{"id": "a"}', "ENCODING_NOT_UTF8"),
    "missing fields": (b'{"id": "a"}', "ROW_MALFORMED"),
    "endless line": (b" " * (MAX_LINE_BYTES + 1), "ROW_TOO_LONG"),
}


@pytest.mark.parametrize(("line", "code"), FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_is_refused_with_its_line(source: MakeSource, row: MakeRow, line: bytes, code: str) -> None:
    error = refusal(source(json.dumps(row()).encode() + b"\n" + line + b"\n"))
    assert error.code == code
    assert error.message.startswith("line 2 of source rows")


BAD_ROWS: dict[str, tuple[dict[str, Any], str, str]] = {
    "unknown field": ({"colour": "red"}, "ROW_FIELD_UNKNOWN", "colour"),
    "unknown field inside": ({"messages": [{"role": "user", "text": "x"}]}, "ROW_FIELD_UNKNOWN", "messages.0.text"),
    "no answer": ({"messages": [{"role": "user", "content": "x"}] * 2}, "ROW_MALFORMED", "assistant"),
    "call without a call": ({"kind": "call"}, "ROW_MALFORMED", "tool call"),
    "unknown consent": ({"consent": "maybe"}, "ROW_MALFORMED", "consent"),
    "number as text": ({"id": 7}, "ROW_MALFORMED", "id"),
    "half a surrogate pair": (
        {"subject": "x", "messages": [{"role": "user", "content": "\ud800"}] * 2},
        "ROW_MALFORMED",
        "",
    ),
}


@pytest.mark.parametrize(("fields", "code", "named"), BAD_ROWS.values(), ids=BAD_ROWS.keys())
def test_a_row_of_another_form_is_refused(
    source: MakeSource, row: MakeRow, fields: dict[str, Any], code: str, named: str
) -> None:
    error = refusal(source([row(**fields)]))
    assert error.code == code
    assert named in error.message


def test_a_refusal_repeats_no_value_of_the_row(source: MakeSource, row: MakeRow) -> None:
    assert "erika@example.org" not in str(refusal(source([row(kind="erika@example.org", tools="erika@example.org")])))


def test_an_integer_that_json_cannot_hold_is_refused(source: MakeSource, row: MakeRow) -> None:
    tool = {"type": "function", "function": {"name": "f", "parameters": {"maximum": 2**60}}}
    assert refusal(source([row(tools=[tool])])).code == "ROW_MALFORMED"


@pytest.mark.parametrize("content", [b"", b"\n \n"])
def test_an_empty_source_is_refused(source: MakeSource, content: bytes) -> None:
    assert refusal(source(content)).code == "SOURCE_EMPTY"


def test_other_bytes_than_promised_are_refused(source: MakeSource, row: MakeRow) -> None:
    error = refusal(source([row()], sha256="sha256:" + "0" * 64))
    assert error.code == "SOURCE_DIGEST_MISMATCH"


def test_a_file_that_changes_while_it_is_read_is_refused(source: MakeSource, row: MakeRow) -> None:
    digest = source_digest(source([row()]))
    with pytest.raises(InputRefused, match="changed while it was read"):
        list(read_rows(source([row("other")]), digest))


def test_a_promised_digest_that_holds_is_accepted(source: MakeSource, row: MakeRow) -> None:
    content = json.dumps(row()).encode()
    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    assert len(read(source(content, sha256=digest))) == 1


def test_a_source_is_a_path_or_a_file_url(source: MakeSource, row: MakeRow) -> None:
    plain = source([row()])
    assert len(read(plain.model_copy(update={"uri": Path(plain.uri).as_uri()}))) == 1
    assert refusal(plain.model_copy(update={"uri": "https://example.org/rows"})).code == "SOURCE_SCHEME_UNSUPPORTED"
    with pytest.raises(NotFound, match="cannot be read"):
        read(plain.model_copy(update={"uri": "/nowhere/rows.jsonl"}))


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
ROWS = st.fixed_dictionaries(
    {"id": st.text(max_size=8), "kind": st.sampled_from(["call", "refusal", "replay", "other"])},
    optional={
        "messages": st.lists(
            st.fixed_dictionaries(
                {"role": st.sampled_from(["user", "assistant"])}, optional={"content": st.text(max_size=9) | st.none()}
            ),
            max_size=3,
        ),
        "tools": JSON,
        "meta": JSON,
        "extra": JSON,
    },
)
LINES = st.lists(st.binary(max_size=60) | ROWS.map(lambda r: json.dumps(r).encode()), max_size=5)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(lines=LINES)
def test_any_bytes_are_read_or_refused_with_a_code(lines: list[bytes]) -> None:
    with tempfile.NamedTemporaryFile(suffix=".jsonl") as file:
        file.write(b"\n".join(lines))
        file.flush()
        source = Source(
            name="any", uri=file.name, system="s", owner="o", licence="MIT", purposes=("evaluate",), consent="granted",
            retention_days=1, tier="scraped",
        )  # fmt: skip
        whole = b"\n".join(lines).split(b"\n")
        # Anything but an AssayError would leave this block and fail the test.
        with contextlib.suppress(AssayError):
            assert [r.line for r in read(source)] == [n for n, line in enumerate(whole, 1) if line.strip()]
