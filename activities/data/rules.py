"""All rules for personal data. Every repetition is bounded, so that no text makes a pattern backtrack without end."""

from __future__ import annotations

from typing import Final

from activities.data.kinds import contact, identity, money, places, vehicles
from activities.data.kinds.gate import Passed
from activities.data.personal import Rule, Span

RULES: Final[tuple[Rule, ...]] = (
    *contact.RULES,
    *money.RULES,
    *identity.RULES,
    *vehicles.RULES,
    *places.RULES,
)
_BY_FORM: Final = {form: [r for r in RULES if r.form == form and not r.cue] for form in {r.form for r in RULES}}
_BY_CUE: Final = {cue: [r for r in RULES if r.cue == cue] for cue in {r.cue for r in RULES if r.cue}}
_CHECKED: Final = tuple(rule for rule in RULES if rule.cue and rule.weight >= 5)
"""Rules with a check digit behind their cue."""


def found(text: str, through: Passed) -> list[Span]:
    """What the rules find, of which the pass through the gate left any."""
    rules = [rule for form in through.forms for rule in _BY_FORM.get(form, ())]
    rules += [rule for cue in through.cues for rule in _BY_CUE.get(cue, ())]
    return [span for rule in rules for span in rule.spans(text, through)]


def whole_value(text: str) -> list[Span]:
    """What a text is that is nothing but one value: somebody hid it, which is cue enough where a check agrees."""
    for rule in (*_CHECKED, *(rule for rule in RULES if rule.cue == "phone")):
        match = rule.pattern.fullmatch(text)
        if match and rule.cut(text) == len(text):
            return [Span(rule.entity_type, 0, len(text), rule.weight)]
    return []
