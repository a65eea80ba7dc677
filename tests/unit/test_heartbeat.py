"""Work that says nothing is alive: beats come from beside it, with what was said last."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sized
from contextlib import suppress

from temporalio.testing import ActivityEnvironment

from activities.heartbeat import beating, beating_async


def test_a_blocked_activity_beats_with_its_last_words() -> None:
    environment, heard = ActivityEnvironment(), list[tuple[str, ...]]()
    environment.on_heartbeat = lambda *details: heard.append(details)

    def work() -> None:
        with beating("begun", every=0.01) as beat:
            wait_until_more_than(1, heard)
            beat("half", "way")
            wait_until_more_than(len(heard) + 1, heard)

    environment.run(work)
    assert heard[:2] == [("begun",), ("begun",)]
    assert heard[-2:] == [("half", "way"), ("half", "way")]


def test_beats_end_with_the_work() -> None:
    environment, heard = ActivityEnvironment(), list[tuple[str, ...]]()
    environment.on_heartbeat = lambda *details: heard.append(details)

    def work() -> None:
        with beating(every=0.01):
            pass

    environment.run(work)
    counted = len(heard)
    time.sleep(0.05)
    assert len(heard) == counted


def test_a_heartbeat_that_is_not_accepted_is_not_the_last() -> None:
    environment, heard = ActivityEnvironment(), list[int]()

    def busy(*_: object) -> None:
        heard.append(1)
        if len(heard) == 2:
            raise TimeoutError

    environment.on_heartbeat = busy

    def work() -> None:
        with beating(every=0.01):
            wait_until_more_than(3, heard)

    environment.run(work)
    assert len(heard) > 3


def test_what_could_not_be_sent_is_sent_next_and_nothing_older() -> None:
    environment, heard = ActivityEnvironment(), list[str]()

    def busy(said: str) -> None:
        if said == "later" and "failed" not in heard:
            heard.append("failed")
            raise TimeoutError
        heard.append(said)

    environment.on_heartbeat = busy

    def work() -> None:
        with beating("begun", every=0.01) as beat:
            with suppress(TimeoutError):
                beat("later")
            wait_until_more_than(len(heard) + 1, heard)

    environment.run(work)
    assert {*heard[heard.index("failed") + 1 :]} == {"later"}


async def test_a_waiting_coroutine_beats() -> None:
    environment, heard, enough = ActivityEnvironment(), list[tuple[int, ...]](), asyncio.Event()

    def hear(*details: int) -> None:
        heard.append(details)
        if len(heard) == 4:
            enough.set()

    environment.on_heartbeat = hear

    async def work() -> None:
        async with beating_async(every=0.01) as beat:
            beat(1, 2)
            await asyncio.wait_for(enough.wait(), 10)

    await environment.run(work)
    assert heard == [(), (1, 2), (1, 2), (1, 2)]


def wait_until_more_than(count: int, heard: Sized) -> None:
    deadline = time.monotonic() + 10
    while len(heard) <= count:
        assert time.monotonic() < deadline
        time.sleep(0.005)
