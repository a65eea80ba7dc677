"""An answer leaves in as few writes as it can, and nothing of it is ever held back for long or lost."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, cast

from serving.gateway.joining import Joined


@dataclass
class StubTransport:
    writes: list[bytes] = field(default_factory=list)
    closed: bool = False

    def write(self, data: bytes) -> None:
        assert not self.closed
        self.writes.append(data)

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


def joined() -> tuple[Joined, StubTransport]:
    stub = StubTransport()
    return Joined(cast("Any", stub), asyncio.get_running_loop()), stub


async def test_head_and_body_are_one_write() -> None:
    transport, stub = joined()
    transport.write(b"HTTP/1.1 200 OK\r\n\r\n")
    transport.write(b"hello")
    transport.write(b"again")
    await asyncio.sleep(0)
    assert stub.writes == [b"HTTP/1.1 200 OK\r\n\r\nhello", b"again"]


async def test_a_head_alone_leaves_with_the_next_turn() -> None:
    transport, stub = joined()
    transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert stub.writes == []
    await asyncio.sleep(0)
    assert stub.writes == [b"HTTP/1.1 100 Continue\r\n\r\n"]


async def test_a_connection_that_closes_says_what_it_had_to_say() -> None:
    transport, stub = joined()
    transport.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    transport.close()
    await asyncio.sleep(0)
    assert stub.writes == [b"HTTP/1.1 400 Bad Request\r\n\r\n"]
    assert transport.is_closing()
