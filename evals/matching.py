"""Whether a call is one of the accepted ones, as the Berkeley Function-Calling Leaderboard compares.

Rules of its `ast_checker.py`: case, spaces and the marks `,./-_*^` of a string do not count, 1 equals 1.0, `true` is
not 1, lists item by item and in order; inside an object each value is again a list of accepted values.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from evals.answers import Call
from evals.suite import ExpectedCall

_IGNORED: Final = re.compile(r"[\s,./\-_*^]")


def matches(call: Call, expected: ExpectedCall) -> bool:
    """The same function, and every argument among the accepted values or left out where that is accepted."""
    return call.name == expected.name and call.arguments is not None and _object(call.arguments, expected.arguments)


def _object(given: Mapping[str, Any], accepted: Mapping[str, Any]) -> bool:
    """`""` among the accepted values says that the key may be left out."""
    if not given.keys() <= accepted.keys():
        return False
    return all(
        any(_equal(given[key], value) for value in values) if key in given else "" in values
        for key, values in ((key, one if isinstance(one, list) else [one]) for key, one in accepted.items())
    )


def _equal(given: object, accepted: object) -> bool:
    if isinstance(given, bool) or isinstance(accepted, bool):
        return given is accepted
    if isinstance(given, str) and isinstance(accepted, str):
        return plain(given) == plain(accepted)
    if isinstance(given, list) and isinstance(accepted, list):
        return len(given) == len(accepted) and all(map(_equal, given, accepted))
    if isinstance(given, dict) and isinstance(accepted, dict):
        return _object(given, accepted)
    return given == accepted


def plain(text: str) -> str:
    """A string as it is compared."""
    return _IGNORED.sub("", text).casefold().replace("'", '"')
