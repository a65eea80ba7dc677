"""The difference of two cards: what a reviewer signs is what changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def diff(old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> dict[str, Any]:
    """Every leaf that was added, removed or changed, by its path; against nothing every leaf is added."""
    before, after = dict(_leaves(old or {})), dict(_leaves(new))
    return {
        "schema": "assay/model-card-diff/v1",
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
    lines += [f"* `{path}`: {c['from']} → {c['to']}" for path, c in difference["changed"].items()]
    lines += [f"* `{path}`: added {value}" for path, value in difference["added"].items()]
    lines += [f"* `{path}`: removed {value}" for path, value in difference["removed"].items()]
    return "\n".join([*lines, ""])


def _leaves(value: object, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for key, one in value.items():
            yield from _leaves(one, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and value:
        for index, one in enumerate(value):
            yield from _leaves(one, f"{path}[{index}]")
    else:
        yield path, value
