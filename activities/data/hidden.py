"""Where personal data hides from a plain reading: inside base64, and in pieces over several fields."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from typing import Final

from pydantic import JsonValue

ENCODED: Final = re.compile(r"(?<![\w+/])(?=[A-Za-z+/_-]{0,64}\d)[A-Za-z0-9+/_-]{14,4096}={0,2}(?![\w+/=])")
PIECES: Final = range(2, 13)
"""So many strings beside each other may be one value."""
LONGEST_PIECE: Final = 40
CHAT_ROLES: Final = frozenset(("system", "user", "assistant", "tool", "developer", "function"))


def decoded(text: str) -> Iterator[tuple[re.Match[str], str]]:
    """Tokens of base64 that hold text, and the text."""
    if len(text) < 14:
        return
    for match in ENCODED.finditer(text):
        if inner := _decoded(match[0]):
            yield match, inner


def _decoded(token: str) -> str | None:
    bare = token.rstrip("=")
    if bare.isdigit():
        return None
    try:
        padded = bare + "=" * (-len(bare) % 4)
        text = base64.b64decode(padded, altchars=b"-_" if set(token) & set("-_") else None, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    return text if text.isprintable() else None


def pieces(row: JsonValue, key: str = "") -> Iterator[tuple[str, list[str]]]:
    """Neighbours that may be one value: all of an object's or a list's members, when they are a few short strings."""
    if isinstance(row, dict):
        members = list(row.values())
        if _split(members) and not _turn(row):
            yield key or next(iter(row)), [str(member) for member in members]
        for name, inner in row.items():
            yield from pieces(inner, name)
    elif isinstance(row, list):
        if _split(row):
            yield key, [str(member) for member in row]
        for inner in row:
            if isinstance(inner, dict | list):
                yield from pieces(inner, key)


def _turn(row: Mapping[str, JsonValue]) -> bool:
    """A turn of a conversation: whose it is, and what was said, are never two parts of one value.

    With another role it is an object like any other, or the keys of a turn would be a way round the scan.
    """
    return "content" in row and row.get("role") in CHAT_ROLES


def _split(members: list[JsonValue]) -> bool:
    return (
        len(members) in PIECES
        and all(isinstance(member, str) and 0 < len(member) <= LONGEST_PIECE for member in members)
        and any(c in "@0123456789" for member in members for c in str(member))
    )
