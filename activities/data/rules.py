"""All rules for personal data. Every repetition is bounded, so that no text makes a pattern backtrack without end."""

from __future__ import annotations

from typing import Final

from activities.data.kinds import contact, identity, money, places, vehicles
from activities.data.kinds.gate import Passed
from activities.data.personal import Rule, Span
from activities.data.text import normalised

RULES: Final[tuple[Rule, ...]] = (
    *contact.RULES,
    *money.RULES,
    *identity.RULES,
    *vehicles.RULES,
    *places.RULES,
)
_BY_FORM: Final = {form: [r for r in RULES if r.form == form and not r.cue] for form in {r.form for r in RULES}}
_BY_CUE: Final = {cue: [r for r in RULES if r.cue == cue] for cue in {r.cue for r in RULES if r.cue}}
_WITH_CHECK: Final = 3
"""Weight from which on a rule that cuts its value goes by a check digit or the parts of a number."""
_CHECKED: Final = tuple(rule for rule in RULES if rule.cue and rule.weight >= 5)
"""Rules with a check digit behind their cue."""


def found(text: str, through: Passed) -> list[Span]:
    """What the rules find, of which the pass through the gate left any."""
    rules = [rule for form in through.forms for rule in _BY_FORM.get(form, ())]
    rules += [rule for cue in through.cues for rule in _BY_CUE.get(cue, ())]
    return [span for rule in rules for span in rule.spans(text, through)]


def passes_its_check(kind: str, text: str) -> bool:
    """Whether a value, however its groups are parted, has the right check digit; True of kinds that have none.

    A row with a wrong one is not found to hold a value of this kind, so that nothing carries its keyed hash.
    """
    rules = [rule for rule in RULES if rule.entity_type == kind]
    if not rules or any(rule.weight < _WITH_CHECK or rule.cut is len for rule in rules):
        return True
    plain = normalised(text).strip()
    ways = {plain, plain.upper(), "".join(filter(str.isalnum, plain)).upper()}
    return any(rule.pattern.fullmatch(way) and rule.cut(way) == len(way) for rule in rules for way in ways)


def whole_value(text: str) -> list[Span]:
    """What a text is that is nothing but one value: somebody hid it, which is cue enough where a check agrees."""
    for rule in (*_CHECKED, *(rule for rule in RULES if rule.cue == "phone")):
        match = rule.pattern.fullmatch(text)
        if match and rule.cut(text) == len(text):
            return [Span(rule.entity_type, 0, len(text), rule.weight)]
    return []
