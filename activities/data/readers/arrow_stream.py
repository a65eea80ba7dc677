"""What an Arrow IPC stream says of its batches, looked at before any is read: each is in memory whole.

    stream      message*, then nothing or a length of 0
    message     0xFFFFFFFF (left out before Arrow 0.15), length of metadata (int32), metadata (flatbuffer), body

Of the metadata three facts count: how long the body is, what kind of message it is, and whether its body is packed.
https://arrow.apache.org/docs/format/Columnar.html#encapsulated-message-format and format/Message.fbs.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from typing import BinaryIO, Final

CONTINUES: Final = b"\xff\xff\xff\xff"
METADATA_BYTES: Final = 16 << 20
"""Of one message. `datasets` keeps its features in that of the schema."""
DICTIONARY, RECORDS = 2, 3
"""Kinds of messages that hold columns: `MessageHeader` in Message.fbs."""
MALFORMED: Final = (ValueError, struct.error)


@dataclass(frozen=True)
class Promised:
    """The largest body of a stream's messages in bytes, and whether any of them is compressed."""

    largest: int
    packed: bool


def promised(file: BinaryIO) -> Promised:
    """Read the metadata of a stream from where `file` stands, and skip the bodies. Raises one of `MALFORMED`."""
    largest, packed = 0, False
    while (metadata := _next(file)) is not None:
        message = _inner(metadata, 0)
        kind, length = _field(metadata, message, 1), _field(metadata, message, 3)
        body = 0 if length is None else _number("<q", metadata, length)
        if body < 0:
            raise ValueError("a body of negative length")
        largest, packed = max(largest, body), packed or (kind is not None and _packed(metadata, message, kind))
        file.seek(body, os.SEEK_CUR)
    return Promised(largest, packed)


def _next(file: BinaryIO) -> bytes | None:
    head = file.read(4)
    if head == CONTINUES:
        head = file.read(4)
    if not head:
        return None
    length = _number("<i", head, 0)
    if not 0 <= length <= METADATA_BYTES:
        raise ValueError("metadata of such a length is no stream's")
    return file.read(length) if length else None


def _packed(metadata: bytes, message: int, kind: int) -> bool:
    what, header = _number("<B", metadata, kind), _field(metadata, message, 2)
    if what not in (DICTIONARY, RECORDS) or header is None:
        return False
    batch = _inner(metadata, header)
    if what == DICTIONARY:
        data = _field(metadata, batch, 1)
        if data is None:
            return False
        batch = _inner(metadata, data)
    return _field(metadata, batch, 3) is not None


def _field(data: bytes, table: int, number: int) -> int | None:
    """Where a field of a flatbuffer's table stands; None when it has its default."""
    vtable = table - _number("<i", data, table)
    entry = 4 + 2 * number
    if entry >= _number("<H", data, vtable):
        return None
    offset = _number("<H", data, vtable + entry)
    return table + offset if offset else None


def _inner(data: bytes, at: int) -> int:
    return at + _number("<I", data, at)


def _number(form: str, data: bytes, at: int) -> int:
    if at < 0:  # counted from the end, for Python
        raise ValueError("an offset leads out of the metadata")
    return int(struct.unpack_from(form, data, at)[0])
