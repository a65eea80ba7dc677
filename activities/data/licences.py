"""Licences as SPDX expressions, normalised: what cannot be parsed is refused, never guessed.

An expression is judged by the ways in which it can be complied with: OR lets the house choose one, AND asks for all of
its parts, and `A WITH B` is one licence, A with more permission (SPDX 3.0.1, Annex B). Which of them are permitted for
a use is policy's to say.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from assay.contracts.errors import InputRefused

OWN: Final = re.compile(r"LicenseRef-[A-Za-z0-9.-]+")
"""Ids that SPDX leaves to whoever uses them; policy lists those that this house knows."""
MOST_WAYS: Final = 64
"""ANDs of ORs multiply: `(A OR B) AND (C OR D)` has four ways. Nobody reads more than these."""

Way = frozenset[str]


@dataclass(frozen=True)
class Licence:
    """`expression` is normalised; `ids` are all licences it names; `ways` are those to comply, each needs all of it."""

    expression: str
    ids: tuple[str, ...]
    ways: tuple[tuple[str, ...], ...]

    def facts(self) -> list[str] | list[list[str]]:
        """As gates are told: a flat list is the only way, a list of lists are ways to choose from."""
        return list(self.ways[0]) if len(self.ways) == 1 else [list(way) for way in self.ways]


@functools.lru_cache(1024)
def normalise(text: str) -> Licence:
    """The SPDX expression (SPDX 3.0 Annex B), with today's ids in their usual letters.

    Raises InputRefused (`LICENCE_NOT_SPDX`, `LICENCE_TOO_BRANCHED`).
    """
    from license_expression import ExpressionError  # type: ignore[import-untyped]  # ships no type information

    try:
        # Strict: an exception is no licence by itself, and a licence is no exception.
        parsed = _licensing().parse(text, validate=False, strict=True)
        if parsed is None:
            raise _refused(text)
        unknown = [key for key in _licensing().unknown_license_keys(parsed) if not OWN.fullmatch(key)]
    except (ExpressionError, ValueError) as error:
        raise _refused(text) from error
    if unknown:
        raise _refused(text)
    ways = sorted(tuple(sorted(way)) for way in _ways(parsed))
    ids = {str(symbol.render("{symbol.key}")) for symbol in parsed.symbols}
    return Licence(str(parsed.render("{symbol.key}")), tuple(sorted(ids)), tuple(ways))


def _ways(expression: Any) -> set[Way]:  # noqa: ANN401  # the library is not annotated
    """Disjunctive normal form. A way that asks for more than another is left out: nobody would choose it."""
    kind = type(expression).__name__
    if kind not in ("AND", "OR"):
        return {frozenset({str(expression.render("{symbol.key}"))})}
    parts = [_ways(part) for part in expression.args]
    if kind == "OR":
        return _least(way for part in parts for way in part)
    joined: set[Way] = {frozenset()}
    for part in parts:
        joined = _least(left | right for left in joined for right in part)
    return joined


def _least(ways: Iterable[Way]) -> set[Way]:
    found = set(ways)
    if len(found) > MOST_WAYS:
        raise InputRefused(
            "LICENCE_TOO_BRANCHED",
            f"a licence expression can be complied with in more than {MOST_WAYS} ways",
            "state the licence that was chosen, or split the source",
        )
    return {way for way in found if not any(other < way for other in found)}


@functools.cache
def _licensing() -> Any:  # noqa: ANN401  # the library is not annotated
    from license_expression import get_spdx_licensing

    return get_spdx_licensing()


def _refused(text: str) -> InputRefused:
    shown = text[:60] or "nothing"
    return InputRefused(
        "LICENCE_NOT_SPDX",
        f"{shown!r} is not an SPDX licence expression",
        "name it as on spdx.org/licenses, or as LicenseRef-<name> when it is your own",
    )
