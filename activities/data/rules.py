"""All rules for personal data. Every repetition is bounded, so that no text makes a pattern backtrack without end."""

from __future__ import annotations

from typing import Final

from activities.data.kinds import contact, identity, money, places, vehicles
from activities.data.personal import Rule

RULES: Final[tuple[Rule, ...]] = (
    *contact.RULES,
    *money.RULES,
    *identity.RULES,
    *vehicles.RULES,
    *places.RULES,
)
