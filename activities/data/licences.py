"""Licences as SPDX expressions, normalised: what cannot be parsed is refused, never guessed."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import Any, Final

from assay.contracts.errors import InputRefused

OWN: Final = re.compile(r"LicenseRef-[A-Za-z0-9.-]+")
"""Ids that SPDX leaves to whoever uses them; policy lists those that this house knows."""


@dataclass(frozen=True)
class Licence:
    """`expression` is normalised; `ids` are all licences it names, for OR as well: policy judges each."""

    expression: str
    ids: tuple[str, ...]


@functools.lru_cache(1024)
def normalise(text: str) -> Licence:
    """The SPDX expression (SPDX 3.0 Annex B), with today's ids in their usual letters.

    Raises InputRefused (`LICENCE_NOT_SPDX`).
    """
    from license_expression import ExpressionError  # type: ignore[import-untyped]  # ships no type information

    try:
        parsed = _licensing().parse(text, validate=False)
        if parsed is None:
            raise _refused(text)
        unknown = [key for key in _licensing().unknown_license_keys(parsed) if not OWN.fullmatch(key)]
    except (ExpressionError, ValueError) as error:
        raise _refused(text) from error
    if unknown:
        raise _refused(text)
    return Licence(str(parsed.render("{symbol.key}")), tuple(sorted(set(_licensing().license_keys(parsed)))))


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
