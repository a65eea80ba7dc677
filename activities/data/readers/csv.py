"""CSV and TSV sources: a header, then one record a row, all of one width. Cells are text.

A cell that a spreadsheet would run as a formula is refused (CWE-1236): people open such files, and who wrote the row
need not be who exports it. Numbers, dates and telephone numbers may begin with a sign; so may prose.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterator
from io import BufferedReader, RawIOBase
from typing import Final

from activities.data.readers.compressed import unpacked
from activities.data.readers.files import digest_of, opened, path_of
from activities.data.readers.jsonl import decoded, lines
from activities.data.readers.place import MAX_LINE_BYTES, Place, Record, too_long
from assay.contracts.data import Source
from assay.contracts.errors import InputRefused

SAFE: Final = re.compile(r"\s*[+-]?[\d\s.,:/()%eE-]*")
"""Numbers, dates, amounts, telephone numbers."""
REFERENCE: Final = r"\$?[A-Za-z]{0,3}\$?\d+"
FORMULA: Final = re.compile(
    rf"""\s*(?:
        =                                              # anything that is computed
      | [+\-@]\s*[+\-@\s]*[\w.$]+\(                    # a call: +SUM(1), @SUM(1)
      | [+\-@][^\n]*\|[^\n]*!                          # dynamic data exchange: -2+cmd|' /C calc'!A0
      | [+\-@]+\s*{REFERENCE}\s*[-+*/^&]\s*[({{$\w"']  # arithmetic: +1+1, -A1*B2
      | [+\-@]\$?[A-Za-z]{{1,3}}\$?\d+\s*$             # one cell: +A1
    )""",
    re.VERBOSE,
)
MANY_COLUMNS: Final = 1000


def digest(source: Source) -> str:
    """Of the file's bytes, compressed as they are."""
    return digest_of(path_of(source), source)


def records(source: Source, digest: str) -> Iterator[Record]:
    """One record a row, named by the header.

    Raises InputRefused (`CSV_MALFORMED`, `CSV_FORMULA`, `ENCODING_NOT_UTF8`, `ROW_TOO_LONG`; see `files`,
    `compressed`).
    """
    # Process-wide, and only ever raised to what `_Text` lets through.
    csv.field_size_limit(MAX_LINE_BYTES)
    with opened(path_of(source), source) as file, unpacked(file, source, digest) as content:
        text = _Text(content, source)
        reader = csv.reader(text, delimiter=_delimiter(source), strict=True)
        yield from _named(reader, text, source)


def _named(reader: Iterator[list[str]], text: _Text, source: Source) -> Iterator[Record]:
    header: list[str] | None = None
    while (cells := _next(reader, text)) is not None:
        place = Place(source.name, text.begun)
        text.record_ends()
        if header is None:
            header = _header(cells, place)
        elif cells:
            if len(cells) != len(header):
                raise _malformed(place, f"{len(cells)} cells under a header of {len(header)}")
            _refuse_formulas(cells, place)
            yield Record(place.line, dict(zip(header, cells, strict=True)))


def _next(reader: Iterator[list[str]], text: _Text) -> list[str] | None:
    try:
        return next(reader, None)
    except csv.Error as error:
        raise _malformed(Place(text.source, text.begun), "a quotation mark or a line break is out of place") from error


def _header(cells: list[str], place: Place) -> list[str]:
    if not cells or len(cells) > MANY_COLUMNS or not all(cell.strip() for cell in cells):
        raise _malformed(place, f"the header names no column, leaves one unnamed, or names over {MANY_COLUMNS}")
    if len(set(cells)) != len(cells):
        raise _malformed(place, "the header names a column twice")
    _refuse_formulas(cells, place)
    return cells


def _refuse_formulas(cells: list[str], place: Place) -> None:
    for number, cell in enumerate(cells, 1):
        if is_formula(cell):
            raise place.refused(
                "CSV_FORMULA",
                f"cell {number} begins like a formula of a spreadsheet",
                "find out who wrote it; where it is meant as text, export it as JSONL, or put an apostrophe before it",
            )


def is_formula(cell: str) -> bool:
    """Whether a spreadsheet that opens the file would compute this cell. Full-width signs count as signs."""
    lead = cell.lstrip()[:1]
    if not lead or unicodedata.normalize("NFKC", lead) not in "=+-@":
        return False
    text = unicodedata.normalize("NFKC", cell)
    return not SAFE.fullmatch(text) and FORMULA.match(text) is not None


def _delimiter(source: Source) -> str:
    if source.mapping.delimiter:
        return source.mapping.delimiter
    return "\t" if ".tsv" in source.uri.lower() else ","


def _malformed(place: Place, what: str) -> InputRefused:
    return place.refused("CSV_MALFORMED", what, "export it again as RFC 4180 says: one header, every row of its width")


class _Text:
    """Lines as text for `csv.reader`, which would take any number of them for one cell whose quotes stay open."""

    def __init__(self, content: BufferedReader[RawIOBase], source: Source) -> None:
        self._lines = lines(content, source)
        self.source = source.name
        self.begun, self._number, self._size = 1, 0, 0

    def __iter__(self) -> _Text:
        return self

    def __next__(self) -> str:
        number, line = next(self._lines)
        place = Place(self.source, number)
        self._number = number
        self._size += len(line)
        if self._size > MAX_LINE_BYTES:
            raise too_long(Place(self.source, self.begun))
        text = decoded(line, place)
        if "\0" in text:
            raise _malformed(place, "it holds a NUL character: it is UTF-16, or no text")
        return text

    def record_ends(self) -> None:
        """What comes next begins a new record."""
        self.begun, self._size = self._number + 1, 0
