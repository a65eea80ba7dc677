"""What each stage of Assay's scanner costs, on all short rows and on all long ones of a half."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from pydantic import JsonValue

from benchmarks.pii.corpus import corpus
from benchmarks.pii.sample import Half
from benchmarks.report import Table, shown

T = TypeVar("T")


def stages(half: Half, seed: int) -> Table:
    """Microseconds a row, each stage by itself over every string, with nothing remembered."""
    body = []
    for name, long in (("short", False), ("long", True)):
        rows = [sample.row for sample in corpus(half, seed) if (sample.place == "long") == long]
        body.append([name, str(len(rows)), *(shown(one) for one in _costs(rows))])
    head = ["rows", "of them", "normalise", "one pass", "rules", "names without the model", "the model", "credentials"]
    return Table(f"Assay, stage by stage, microseconds a row ({half})", head, body)


def _costs(rows: Sequence[JsonValue]) -> list[float]:
    from activities.data.credentials import _found as credentials
    from activities.data.kinds.gate import passed
    from activities.data.kinds.gazetteer import gazetteer
    from activities.data.kinds.model import NameModel
    from activities.data.kinds.names import names
    from activities.data.rules import found
    from activities.data.text import normalised, strings

    for once in (passed, credentials, NameModel().names):
        once("what is compiled and loaded once is no stage")
    gazetteer()
    texts = [text for row in rows for _, text in strings(row)]
    clean, first = _timed(lambda: [normalised(text) for text in texts])
    through, second = _timed(lambda: [passed(text) for text in clean])
    pairs = list(zip(clean, through, strict=True))
    _, third = _timed(lambda: [found(*pair) for pair in pairs])
    people, fourth = _timed(lambda: [names(*pair, (), False) for pair in pairs])
    windows = [window.text for one in people for window in one.windows]
    asked = NameModel()
    _, fifth = _timed(lambda: [asked.names(window) for window in windows])
    _, sixth = _timed(lambda: [credentials(text) for text in clean])
    return [seconds / len(rows) * 1e6 for seconds in (first, second, third, fourth, fifth, sixth)]


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    began = time.process_time()
    made = work()
    return made, time.process_time() - began
