"""Builds the demonstration's input from packaged data: `python -m examples.data.build FOLDER`.

    calls.jsonl      prompts of the Berkeley Function Calling Leaderboard that one call answers
    refusals.jsonl   prompts that none of the offered tools answers, with a polite no
    replay.jsonl     everyday chat, answered by the base model itself (`replay.jsonl` beside this file)
    planted.jsonl    rows that intake must redact or refuse (`planted.py`)
    malformed.jsonl  a file with a broken line
    regulated.jsonl  the clean planted rows, as if from a regulated system
    suite.jsonl      evaluation rows on functions that no training row offers, in two splits
    suite-quick.jsonl  a part of them
    sources.json     the terms of each file of rows: `Source` messages by name, written last

The same packages give the same bytes, wherever and whenever it runs.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from examples.data import bfcl, planted, sources
from examples.data.bfcl import Case
from examples.data.split import by_function, one_each, place

HERE: Final = Path(__file__).parent
HELD_OUT_SHARE: Final = 0.18
SELECT: Final = {"call": 24, "irrelevance": 12, "chat": 10}
REPORT: Final = {"call": 40, "irrelevance": 20, "chat": 20}
QUICK: Final = {
    "select": {"call": 8, "irrelevance": 4, "chat": 4},
    "report": {"call": 20, "irrelevance": 10, "chat": 10},
}
"""What `suite-quick.jsonl` keeps: the fewest rows that the review gate takes for an evaluation."""
SWAPPED: Final = 150
"""Call prompts that are shown with another row's tools, to be refused."""
REFUSALS: Final = (
    "I'm sorry, but none of the tools I have can help with that.",
    "That is outside what my tools can do, so I can't look it up for you.",
    "I don't have a tool that fits this request.",
    "None of the functions I was given covers this question.",
    "Sorry, I can't answer that with the tools at hand.",
    "There is no suitable tool for this, so I won't make a call.",
    "My tools don't cover this request. Is there something else I can do for you?",
    "I can't do this with the functions that are available to me.",
    "This doesn't match any of my tools, so I am not able to complete it.",
    "Unfortunately, the tools provided can't handle this request.",
)
"""Ten, and none names a tool: one fixed sentence, or a name in it, is learnt by heart and leaks into plain chat."""


def build(folder: Path) -> dict[str, int]:
    """Write all files below `folder` and return their numbers of rows."""
    source = bfcl.data_folder()
    cases = [c for c in bfcl.calls(source) if bfcl.fits(c.prompt, c.tools, c.answer)]
    others = [c for c in bfcl.irrelevant(source) if bfcl.fits(c.prompt, c.tools, REFUSALS[0])]
    training, held_out = by_function([*cases, *others], HELD_OUT_SHARE)
    called = [c for c in training if c.function]
    files: dict[str, list[dict[str, Any]]] = {
        "calls": [_call(case) for case in called],
        "refusals": [*(_refusal(c, c.tools) for c in training if not c.function), *_swapped(called)],
        "replay": _committed("replay.jsonl"),
        "planted": planted.rows(),
        "regulated": planted.clean(),
        "suite": list(_suite(held_out)),
    }
    files["suite-quick"] = list(_quick(files["suite"]))
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in files.items():
        _write(folder / f"{name}.jsonl", (json.dumps(row, ensure_ascii=False) for row in rows))
    _write(folder / "malformed.jsonl", planted.malformed())
    terms = {source.name: source.model_dump(mode="json") for source in sources.of(folder)}
    _write(folder / "sources.json", [json.dumps(terms, indent=2)])
    return {name: len(rows) for name, rows in files.items()}


def _call(case: Case) -> dict[str, Any]:
    return _row(f"bfcl-{case.id}", "call", case.prompt, case.call(), case.tools)


def _refusal(case: Case, tools: Iterable[dict[str, Any]], suffix: str = "") -> dict[str, Any]:
    sentence = REFUSALS[int(place(case.id + suffix) * len(REFUSALS))]
    answer = {"role": "assistant", "content": sentence}
    return _row(f"bfcl-{case.id}{suffix}", "refusal", case.prompt, answer, tools)


def _swapped(called: list[Case]) -> Iterator[dict[str, Any]]:
    """Call prompts beside the tools of the next row that shares no function and still fits."""
    order = sorted(called, key=lambda case: place(f"swap {case.id}"))
    pairs = ((case, order[(i + 1) % len(order)]) for i, case in enumerate(order))
    fitting = (
        (case, other.tools)
        for case, other in pairs
        if not set(case.functions) & set(other.functions) and bfcl.fits(case.prompt, other.tools, REFUSALS[0])
    )
    return (_refusal(case, tools, "-swapped") for (case, tools), _ in zip(fitting, range(SWAPPED), strict=False))


def _suite(held_out: list[Case]) -> Iterator[dict[str, Any]]:
    chosen = one_each(held_out)
    rows = [
        *(
            _asked(c, "call", c.tools, expected=[{"name": c.function, "arguments": c.arguments}])
            for c in chosen
            if c.function
        ),
        *(_asked(c, "irrelevance", c.tools) for c in chosen if not c.function),
        *_committed("chat.jsonl"),
    ]
    for task in ("call", "irrelevance", "chat"):
        of_task = [row for row in rows if row["task"] == task]
        wanted = SELECT[task] + REPORT[task]
        if len(of_task) < wanted:
            raise SystemExit(f"the packaged data gives {len(of_task)} {task} rows and the suite wants {wanted}")
        for i, row in enumerate(of_task[:wanted]):
            yield {**row, "split": "select" if i < SELECT[task] else "report"}


def _quick(suite: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    left = {(split, task): rows for split, tasks in QUICK.items() for task, rows in tasks.items()}
    for row in suite:
        key = row["split"], row["task"]
        left[key] -= 1
        if left[key] >= 0:
            yield row


def _asked(
    case: Case, task: str, tools: Iterable[dict[str, Any]], expected: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    return {
        "id": f"bfcl-{case.id}",
        "task": task,
        "messages": [{"role": "user", "content": case.prompt}],
        "tools": list(tools),
        "expected": expected,
        "contains": None,
    }


def _row(
    row_id: str, kind: str, prompt: str, answer: dict[str, Any], tools: Iterable[dict[str, Any]]
) -> dict[str, Any]:
    return {"id": row_id, "kind": kind, "messages": [{"role": "user", "content": prompt}, answer], "tools": list(tools)}


def _committed(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (HERE / name).read_text(encoding="utf-8").splitlines()]


def _write(path: Path, lines: Iterable[str]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{line}\n" for line in lines)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m examples.data.build FOLDER")
    for file, count in build(Path(sys.argv[1])).items():
        print(f"{file:10} {count:5} rows")
