"""The difference of two cards: what a reviewer signs is what changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

SCHEMA: Final = "assay/model-card-diff/v1"


def diff(old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> dict[str, Any]:
    """Every leaf that was added, removed or changed, by its path; against nothing every leaf is added."""
    before, after = dict(_leaves(old or {})), dict(_leaves(new))
    return {
        "schema": SCHEMA,
        "against": None if old is None else old["model_details"]["adapter"],
        "adapter": new["model_details"]["adapter"],
        "added": {path: after[path] for path in sorted(after.keys() - before.keys())},
        "removed": {path: before[path] for path in sorted(before.keys() - after.keys())},
        "changed": {
            path: {"from": before[path], "to": after[path]}
            for path in sorted(after.keys() & before.keys())
            if before[path] != after[path]
        },
    }


def markdown(difference: Mapping[str, Any]) -> str:
    """The difference for people."""
    against = difference["against"] or "nothing in production"
    lines = [f"# Card diff of {difference['adapter']} against {against}", ""]
    changed, added, removed = (difference[what] for what in ("changed", "added", "removed"))
    lines += [f"{len(changed)} changed, {len(added)} added, {len(removed)} removed", ""]
    lines += [f"* `{path}`: {_change(changed[path])}" for path in _in_order(changed)]
    lines += [f"* `{path}`: added {_said(added[path])}" for path in _in_order(added)]
    lines += [f"* `{path}`: removed {_said(removed[path])}" for path in _in_order(removed)]
    return "\n".join([*lines, ""])


def _in_order(paths: Iterable[str]) -> list[str]:
    """What the adapter did before what the base did, which is there to compare with."""
    return sorted(paths, key=lambda path: ".arms.base" in path)


def _change(change: Mapping[str, object]) -> str:
    """Both sides, and all of their digits where the rounded ones would look the same."""
    before, after = _said(change["from"]), _said(change["to"])
    return f"{before} → {after}" if before != after else f"{change['from']!r} → {change['to']!r}"


def _said(value: object) -> str:
    """Four digits are enough to read it by; the document has all of them."""
    if not isinstance(value, float):
        return str(value)
    return f"{value:.0f}" if value.is_integer() else f"{value:.4g}"


def _leaves(value: object, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for key, one in value.items():
            yield from _leaves(one, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and value:
        for index, one in enumerate(value):
            yield from _leaves(one, f"{path}[{index}]")
    elif path:  # nothing at all has no leaf
        yield path, value
