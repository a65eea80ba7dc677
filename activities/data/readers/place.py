"""What readers hand on, and how they say where a fault is. No message repeats a value of the input.

Failures are kept in workflow histories, and the input may hold personal data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from assay.contracts.data import Source
from assay.contracts.errors import InputRefused

MAX_LINE_BYTES: Final = 1 << 20
"""A row that is longer is no chat. It bounds the memory that one row can take."""


@dataclass(frozen=True)
class Record:
    """One row as its file has it, with its line or number (from 1): JSON text not parsed yet, or columns by name."""

    line: int
    value: bytes | dict[str, Any]


@dataclass(frozen=True)
class Place:
    """A line of a text source, or a row of any other."""

    source: str
    line: int
    unit: str = "line"

    def refused(self, code: str, what: str, remedy: str) -> InputRefused:
        """An error that names source and line."""
        return InputRefused(code, f"{self.unit} {self.line} of source {self.source}: {what}", remedy)


def too_long(place: Place) -> InputRefused:
    """The row takes more memory than a row may."""
    return place.refused(
        "ROW_TOO_LONG", f"longer than {MAX_LINE_BYTES} bytes", "split the conversation into several rows"
    )


def changed(source: Source, how: str) -> InputRefused:
    """The bytes are not those that were promised."""
    return InputRefused(
        "SOURCE_DIGEST_MISMATCH",
        f"source {source.name}: {how}",
        "export it once more, and give the digest of exactly these bytes",
    )
