"""Cards, accounts and banks."""

from __future__ import annotations

import re
from typing import Final

from activities.data import numbers
from activities.data.kinds.contact import digits
from activities.data.kinds.identity_checks import varied
from activities.data.personal import Rule

_BREAK: Final = r"(?:[ .-]{0,2}\r?\n[ .-]{0,2}|[ .-])?"

RULES: Final[tuple[Rule, ...]] = (
    Rule(
        "IBAN_CODE",
        re.compile(rf"(?<![^\W_])[A-Z]{_BREAK}[A-Z]{_BREAK}\d{_BREAK}\d(?:{_BREAK}[A-Z0-9]){{11,32}}", re.I),
        numbers.iban,
        form="iban",
        weight=4,
    ),
    Rule(
        "CREDIT_CARD",
        re.compile(rf"(?<![\w.-])[2-6](?:{_BREAK}\d){{12,18}}(?!\w)"),
        numbers.card,
        form="card",
        weight=3,
    ),
    Rule(
        "BANK_ACCOUNT",
        re.compile(r"(?<![\w.-])(?:\d{2}-\d{2}-\d{2}[ ,/:a-z]{1,20})?\d{6,20}(?!\w)", re.I),
        varied,
        cue="account",
        form="digits",
        behind=True,
    ),
    Rule(
        "BANK_ACCOUNT",
        re.compile(rf"(?<![\w.-]){digits(8, 24)}(?!\w)"),
        varied,
        cue="account",
        form="digits",
        behind=True,
    ),
    Rule("SWIFT_CODE", re.compile(r"(?<!\w)[A-Z]{4}[A-Z]{2}[A-Z0-9]{2}(?:[A-Z0-9]{3})?(?!\w)"), cue="bank"),
)
