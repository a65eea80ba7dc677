"""Plates and vehicle identification numbers."""

from __future__ import annotations

import re
from typing import Final

from activities.data.kinds import identity_checks as checks
from activities.data.personal import Rule

_VIN: Final = r"(?<![\w-])[A-HJ-NPR-Z0-9]{17}(?![\w-])"
_PLATES: Final = "|".join(
    (
        r"[A-ZÄÖÜ]{1,3}[- ][A-Z]{1,2}[- ]?\d{1,4}[EH]?",  # Germany
        r"[A-Z]{2}[- ]?\d{3}[- ]?[A-Z]{2}",  # France, Italy
        r"\d{4}[- ]?[BCDFGHJ-NPR-TV-Z]{3}",  # Spain
        r"[A-Z]{2}\d{2}[ ]?[A-Z]{3}",  # United Kingdom
        r"\d[A-Z]{3}\d{3}|[A-Z]{3}[- ]?\d{3,4}|\d{3}[- ]?[A-Z]{3}",  # America
        r"[A-Z]{1,2}[- ]?\d{3,5}[- ]?[A-Z]{1,2}",  # Austria, Spain before 2000
    )
)
PLATE: Final = re.compile(rf"(?<![\w-])(?:{_PLATES})(?![\w-])")


def with_digits(text: str) -> int:
    """A code of letters and digits, as most numbers of makers are."""
    return len(text) if 1 < sum(map(str.isdigit, text)) < len(text) else 0


RULES: Final[tuple[Rule, ...]] = (
    Rule("VIN", re.compile(_VIN, re.I), with_digits, cue="vin", behind=True, weight=3),
    Rule("VIN", re.compile(_VIN), checks.vin, form="long", weight=3),
    Rule("LICENSE_PLATE", PLATE, cue="plate", behind=True, weight=1),
)
