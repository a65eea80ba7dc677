"""All rules for personal data. Every repetition is bounded, so that no text makes a pattern backtrack without end."""

from __future__ import annotations

from typing import Final

from activities.data.kinds import contact, identity, money, places, vehicles
from activities.data.personal import Rule, Span

RULES: Final[tuple[Rule, ...]] = (
    *contact.RULES,
    *money.RULES,
    *identity.RULES,
    *vehicles.RULES,
    *places.RULES,
)
_CHECKED: Final = tuple(rule for rule in RULES if rule.cue and rule.weight >= 5)
"""Rules with a check digit behind their cue."""


def whole_value(text: str) -> list[Span]:
    """What a text is that is nothing but one value: somebody hid it, which is cue enough where a check agrees."""
    for rule in (*_CHECKED, *(rule for rule in RULES if rule.cue == "phone")):
        match = rule.pattern.fullmatch(text)
        if match and rule.cut(text) == len(text):
            return [Span(rule.entity_type, 0, len(text), rule.weight)]
    return []
