"""Values that name a person, as somebody types them: `KIND=VALUE`, of a kind that the scanners find."""

from __future__ import annotations

from assay.contracts.errors import InputRefused


def parsed(identifiers: tuple[str, ...]) -> list[tuple[str, str]]:
    """Kind and value of each. No error repeats any of it: it may be a person's.

    Raises InputRefused (`IDENTIFIER_MALFORMED`, `IDENTIFIER_KIND_UNKNOWN`).
    """
    found = []
    for one in identifiers:
        kind, equals, value = one.partition("=")
        if not equals or not kind or not value:
            raise InputRefused("IDENTIFIER_MALFORMED", "an identifier is no KIND=VALUE", "EMAIL_ADDRESS=… for example")
        found.append((kind, value))
    if found:
        _refuse_unknown([kind for kind, _ in found])
        _refuse_formless(found)
    return found


def _refuse_unknown(asked: list[str]) -> None:
    """A kind that nobody looks for has a hash that no row carries: the person would seem to be nowhere."""
    known = kinds()
    for number, kind in enumerate(asked, start=1):
        if kind not in known:
            raise InputRefused(
                "IDENTIFIER_KIND_UNKNOWN",
                f"identifier {number} of {len(asked)} is of a kind that no scanner finds",
                f"write one of these before the =: {', '.join(sorted(known))}",
            )


def _refuse_formless(asked: list[tuple[str, str]]) -> None:
    """What cannot be a value of its kind is a slip of the pen: the person would seem to be nowhere."""
    from activities.data.normal_form import normal_form
    from activities.data.rules import passes_its_check

    for number, (kind, value) in enumerate(asked, start=1):
        form = normal_form(kind, value)
        name, at, host = form.partition("@")
        no_mail = kind == "EMAIL_ADDRESS" and not (name and at and host)
        if not form or no_mail or not passes_its_check(kind, value):
            raise InputRefused(
                "IDENTIFIER_MALFORMED",
                f"identifier {number} of {len(asked)} is no value of the kind {kind}",
                "write the whole value behind the =, as it stands in the rows",
            )


def kinds() -> frozenset[str]:
    """What the scanners find here, by Presidio's names.

    An installed recogniser says its kinds as Presidio's do (`supported_entities`); where one does not, those that the
    treatments name count too: a kind without an entry there is refused with its row.
    """
    from importlib.metadata import entry_points

    from activities.data.findings import ENTRY_POINTS
    from activities.data.rules import RULES

    found = {rule.entity_type for rule in RULES} | {"PERSON"}
    for point in entry_points(group=ENTRY_POINTS):
        says = getattr(point.load()(), "supported_entities", None)
        found |= set(_treated() if says is None else says)
    return frozenset(found)


def _treated() -> set[str]:
    import yaml

    from activities.policy.bundle import POLICIES

    text = (POLICIES / "tunables" / "findings" / "data.yaml").read_text("utf-8")
    return set(yaml.safe_load(text)["pii"]["kinds"])
