"""What workers put around every activity: beats, and failures with a code."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from temporalio import activity
from temporalio.api.failure.v1 import Failure
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment
from temporalio.worker import ActivityInboundInterceptor, ActivityOutboundInterceptor, ExecuteActivityInput

import workers.beats
from assay.contracts.errors import NotFound
from assay.converter import data_converter
from workers.beats import Beats
from workers.errors import UNEXPECTED_ATTEMPTS, TypedErrors

Work = Callable[[], Awaitable[Any]]
INPUT = ExecuteActivityInput(fn=print, args=[], executor=None, headers={})


class Innermost(ActivityInboundInterceptor):
    """Where the SDK runs the activity itself."""

    def __init__(self, work: Work) -> None:
        self.work = work

    def init(self, outbound: ActivityOutboundInterceptor) -> None:
        self.outbound = outbound

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        return await self.work()


class Heard(ActivityOutboundInterceptor):
    """Keeps the heartbeats that would be sent."""

    def __init__(self, info: activity.Info) -> None:
        self._info, self.beats = info, list[tuple[Any, ...]]()

    def info(self) -> activity.Info:
        return self._info

    def heartbeat(self, *details: Any) -> None:
        self.beats.append(details)


@pytest.fixture
def environment() -> ActivityEnvironment:
    made = ActivityEnvironment()
    made.info = replace(made.info, heartbeat_timeout=timedelta(seconds=30), heartbeat_details=["before"])
    return made


@pytest.fixture
def heard(environment: ActivityEnvironment, monkeypatch: pytest.MonkeyPatch) -> Heard:
    monkeypatch.setattr(workers.beats, "EVERY_SECONDS", 0.01)
    return Heard(environment.info)


async def beating(environment: ActivityEnvironment, heard: Heard, work: Callable[[Innermost], Awaitable[Any]]) -> Any:
    """Run `work` as an activity with beats around it."""
    inner = Innermost(lambda: work(inner))
    outer = Beats().intercept_activity(inner)

    async def run() -> Any:
        outer.init(heard)
        return await outer.execute_activity(INPUT)

    return await environment.run(run)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110  # beats are a thing of time
            await asyncio.sleep(0.005)


async def test_an_activity_that_says_nothing_beats_with_what_the_attempt_before_said(
    environment: ActivityEnvironment, heard: Heard
) -> None:
    async def work(_: Innermost) -> str:
        await until(lambda: len(heard.beats) > 2)
        return "done"

    assert await beating(environment, heard, work) == "done"
    assert set(heard.beats) == {("before",)}


async def test_beats_repeat_what_the_activity_said_last(environment: ActivityEnvironment, heard: Heard) -> None:
    async def work(inner: Innermost) -> None:
        inner.outbound.heartbeat("half", "way")
        said = len(heard.beats)
        await until(lambda: len(heard.beats) > said + 1)

    await beating(environment, heard, work)
    assert heard.beats[-1] == ("half", "way")


async def test_a_cancelled_activity_that_never_beat_ends_what_it_does(
    environment: ActivityEnvironment, heard: Heard
) -> None:
    async def work(_: Innermost) -> str:
        asyncio.get_running_loop().call_later(0.02, environment.cancel)
        await asyncio.sleep(0.1)
        return "done"

    assert await beating(environment, heard, work) == "done"


async def test_a_cancelled_activity_that_beats_by_itself_is_told(
    environment: ActivityEnvironment, heard: Heard
) -> None:
    async def work(inner: Innermost) -> None:
        inner.outbound.heartbeat()
        asyncio.get_running_loop().call_later(0.02, environment.cancel)
        await asyncio.sleep(60)

    with pytest.raises(asyncio.CancelledError):
        await beating(environment, heard, work)


async def failure_of(error: Exception, attempt: int = UNEXPECTED_ATTEMPTS) -> Exception:
    """What Temporal is told when an activity raises this."""

    async def fail() -> None:
        raise error

    environment = ActivityEnvironment()
    environment.info = replace(environment.info, attempt=attempt)
    outer = TypedErrors().intercept_activity(Innermost(fail))

    async def run() -> None:
        await outer.execute_activity(INPUT)

    try:
        await environment.run(run)
    except Exception as failure:
        return failure
    raise AssertionError("it did not fail")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
async def test_a_full_disk_is_waited_for_however_often_it_was_tried(number: int) -> None:
    failure = await failure_of(OSError(number, "full", "/data/blob"), attempt=100)
    assert isinstance(failure, ApplicationError)
    assert (failure.type, failure.non_retryable) == ("DISK_FULL", False)
    assert "/data/blob" in failure.message


async def test_another_fault_of_the_system_is_tried_a_few_times_only() -> None:
    for attempt in (1, UNEXPECTED_ATTEMPTS - 1, UNEXPECTED_ATTEMPTS):
        failure = await failure_of(OSError(errno.EACCES, "no"), attempt)
        assert isinstance(failure, ApplicationError)
        assert (failure.type, failure.non_retryable) == ("UNEXPECTED", attempt == UNEXPECTED_ATTEMPTS)


def caused(error: Exception, by: Exception) -> Exception:
    error.__cause__ = by
    return error


@pytest.mark.parametrize("attempt", [1, UNEXPECTED_ATTEMPTS])
@pytest.mark.parametrize(
    "error",
    [
        ValueError("no number: +49 30 901820"),
        caused(NotFound("SOURCE_UNREADABLE", "it is not there", "look"), ValueError("+49 30 901820")),
        caused(OSError(errno.ENOSPC, "full"), ValueError("+49 30 901820")),
    ],
)
async def test_only_words_that_are_meant_for_others_reach_temporal(
    error: Exception, attempt: int, caplog: pytest.LogCaptureFixture
) -> None:
    """What a library says of a fault may repeat the row, the prompt or the key that it stumbled over."""
    told = Failure()
    data_converter.failure_converter.to_failure(
        await failure_of(error, attempt), data_converter.payload_converter, told
    )
    assert told.message
    assert "901820" not in str(told)
    assert "901820" in caplog.text  # where it is looked for
