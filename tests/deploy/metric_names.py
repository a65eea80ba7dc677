"""Prints, as JSON, every metric that the dashboard and the alert rules ask for.

Expressions are taken apart by hand: strings, label lists and grouping clauses are dropped, and what is left and is
neither a function nor a word of PromQL is a metric. That the expressions are PromQL at all is promtool's to say.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

FOLDER: Final = Path(__file__).resolve().parents[2] / "deploy" / "observability"
ELSEWHERE: Final = frozenset({"up"})
"""Made by Prometheus itself."""
WORDS: Final = frozenset({"and", "or", "unless", "bool", "offset", "by", "without", "on", "ignoring"})
_DROPPED: Final = re.compile(
    r'"(?:\\.|[^"\\])*"|\{[^}]*\}|\[[^\]]*\]|\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)'
)
_NAME: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


def expressions() -> Iterator[str]:
    """Of every panel and every rule."""
    dashboard = json.loads((FOLDER / "dashboard.json").read_text("utf-8"))
    yield from (target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ()))
    for group in rules()["groups"]:
        yield from (rule["expr"] for rule in group["rules"])


def rules() -> Any:
    """The file of the alert rules."""
    return yaml.safe_load((FOLDER / "alerts.yaml").read_text("utf-8"))


def metrics(expression: str) -> set[str]:
    """Names of the metrics in one expression."""
    # Grouping clauses stand outside of selectors, but strings may hold anything: they go first.
    rest = _DROPPED.sub(" ", re.sub(r'"(?:\\.|[^"\\])*"', '""', expression))
    found = set()
    for match in _NAME.finditer(rest):
        called = rest[match.end() :].lstrip().startswith("(")
        if not called and match[0] not in WORDS and not re.search(r"[\d.]$", rest[: match.start()]):
            found.add(match[0])
    return found


if __name__ == "__main__":
    print(json.dumps(sorted(set().union(*(metrics(one) for one in expressions())) - ELSEWHERE)))
