"""JSON that every reader reads alike."""

from __future__ import annotations

import json
from typing import Any


def from_json(text: str) -> object:
    """Plain data; no name twice in an object, no NaN. Raises ValueError with a sentence that repeats no value."""
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON: {error.msg} at column {error.colno}") from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of a name given twice every reader sees another one: scanner and trainer must see the same."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object names the same field twice")
    return found


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")
