"""One checkpoint at a time beside the training: nothing is lost, no error either."""

from __future__ import annotations

import threading
import time

import pytest

from activities.training.background import Writer


def test_work_begins_at_once_and_the_next_waits_for_it() -> None:
    writer, gate, begun, order = Writer(), threading.Event(), threading.Event(), list[str]()

    def slow() -> None:
        begun.set()
        gate.wait()
        order.append("first")

    writer.start(slow)
    assert begun.wait(10)
    writer.check()  # does not wait
    threading.Timer(0.1, gate.set).start()
    writer.start(lambda: order.append("second"))
    assert order[0] == "first"
    writer.close()
    assert order == ["first", "second"]


@pytest.mark.parametrize("when", ["wait", "check", "close", "start"])
def test_an_error_surfaces_wherever_one_looks_next_and_once(when: str) -> None:
    writer, done = Writer(), threading.Event()

    def fail() -> None:
        try:
            raise OSError("no space")
        finally:
            done.set()

    writer.start(fail)
    done.wait(10)
    time.sleep(0.1)  # the thread has raised, and may not yet have said so
    look = {"wait": writer.wait, "check": writer.check, "close": writer.close, "start": lambda: writer.start(int)}[when]
    with pytest.raises(OSError, match="no space"):
        look()
    writer.close()


def test_closing_waits_for_the_last_one() -> None:
    writer, written = Writer(), list[int]()
    gate = threading.Event()

    def slow() -> None:
        gate.wait()
        written.append(1)

    writer.start(slow)
    threading.Timer(0.1, gate.set).start()
    writer.close()
    assert written == [1]
