"""What becomes of each row of a shard: what is known of the rows without their text, and what the gate says of that."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import pyarrow as arrow

from activities.data.facts import Terms, row_facts, terms_of
from activities.data.ledger import Outcome, mention_hash, subject_hash
from activities.data.licences import normalise
from activities.data.verdicts import Question, Verdict
from assay.contracts.data import Consent, Purpose, Source
from assay.contracts.errors import InputRefused
from assay.contracts.screening import DecideJob

NEAR: Final = "near-duplicate:row:1"
"""The finding of a row that nearly repeats an earlier one."""
RELEASED: Final = "ROW_RELEASED"
LIGHT: Final = ["row_id", "line", "kind", "subject", "licence", "consent", "purposes", "characters"]
"""Columns of `RAW` without the text of rows."""
_OUTCOMES: Final[dict[str, Outcome]] = {
    "accept": "accepted",
    "redact": "redacted",
    "quarantine": "quarantined",
    "refuse": "refused",
}
Repeats = Mapping[int, tuple[str, bool]]
"""By place in the shard: the row that is repeated, and whether word for word."""


class Copies(NamedTuple):
    """By place in the shard: what a row repeats, and whose all its copies are."""

    repeats: Repeats
    subjects: Mapping[int, tuple[str, ...]]


class Fate(NamedTuple):
    """What becomes of a row. `treatments` are (kind, treatment); `asked_as` the row that the gate was asked about."""

    outcome: Outcome
    codes: tuple[str, ...] = ()
    treatments: tuple[tuple[str, str], ...] = ()
    asked_as: str = ""


class Own(NamedTuple):
    """Terms that a row states itself."""

    licence: str | None
    consent: Consent | None
    purposes: tuple[Purpose, ...] | None


class Facts(NamedTuple):
    """Rows that are alike in this are alike to the gate. `code`: why it need not be asked."""

    terms: Terms | None
    code: str
    findings: tuple[str, ...]
    language: str


@dataclass(frozen=True)
class Known:
    """Rows of a shard, by place: keyed hashes of who they are of and of whom they mention, and the facts."""

    ids: list[str]
    subjects: list[str]
    mentions: list[tuple[str, ...]]
    facts: list[Facts]
    repeats: Repeats


def known(
    job: DecideJob,
    light: arrow.Table,
    found: arrow.Table,
    copies: Copies,
    key: bytes,
    suppressed: Callable[[Sequence[str]], frozenset[str]],
) -> Known:
    """From the columns `LIGHT` of the raw shard, what was found, and what repeats. Raises Unavailable.

    Suppressed is a row whose subject, or one of whose copies' subjects, opted out, that names somebody who did, or that
    was confirmed to be about one.
    """
    ids, tenant, repeats = light["row_id"].to_pylist(), job.intake.tenant, copies.repeats
    subjects = _subjects(light, key, tenant)
    mentions = _mentions(found, key, tenant)
    people = [
        {row_id.removeprefix("sha256:"), subject, *named, *_hashed(copies.subjects.get(at, ()), key, tenant)}
        for at, (row_id, subject, named) in enumerate(zip(ids, subjects, mentions, strict=True))
    ]
    gone = suppressed(sorted({one for row in people for one in row} - {""}))
    refused = [not row.isdisjoint(gone) for row in people]
    purposes = (tuple(one) if one is not None else None for one in light["purposes"].to_pylist())
    stated = map(Own, light["licence"].to_pylist(), light["consent"].to_pylist(), purposes)
    terms = RowTerms(job.source)
    facts = [
        _facts(terms.of(own), tuple(findings), language, repeats.get(at), gone_=refused[at])
        for at, (own, findings, language) in enumerate(
            zip(stated, found["findings"].to_pylist(), found["language"].to_pylist(), strict=True)
        )
    ]
    return Known(ids, subjects, mentions, facts, repeats)


def judge(rows: Known, question: Question, released: Mapping[str, frozenset[str]], *, admitted: bool) -> list[Fate]:
    """The fate of each row: the gate is asked once for each set of facts.

    Raises PolicyRefused (`DPIA_EXPIRED`, `SOURCE_ADMISSION_CHANGED`), PolicyUndefined, Unavailable.
    """
    first: dict[Facts, str] = {}
    for row_id, facts in zip(rows.ids, rows.facts, strict=True):
        if not facts.code:
            first.setdefault(facts, row_id)
    asked = [
        row_facts(row_id, facts.terms, facts.findings, facts.language) for facts, row_id in first.items() if facts.terms
    ]
    said = question.verdicts(asked, admitted=admitted)
    fates = {facts: fate_of(row_id, said.get(row_id)) for facts, row_id in first.items()}
    return [
        Fate("refused", (facts.code,)) if facts.code else after_review(fates[facts], released.get(row_id))
        for row_id, facts in zip(rows.ids, rows.facts, strict=True)
    ]


def fate_of(row_id: str, verdict: Verdict | None) -> Fate:
    """What the gate's verdict makes of a row; refused where there is none."""
    if verdict is None:
        return Fate("refused", ("ROW_UNDECIDED",), asked_as=row_id)
    return Fate(_OUTCOMES[verdict.action], verdict.codes, tuple(sorted(verdict.treatments.items())), row_id)


def after_review(fate: Fate, released: frozenset[str] | None) -> Fate:
    """A row that a reviewer let in enters, unless something is found now that nobody has seen."""
    if fate.outcome != "quarantined" or released is None or not released.issuperset(fate.codes):
        return fate
    replaced = any(treatment != "keep" for _, treatment in fate.treatments)
    return fate._replace(outcome="redacted" if replaced else "accepted", codes=(RELEASED,))


def _facts(
    terms: tuple[Terms | None, str],
    findings: tuple[str, ...],
    language: str,
    repeats: tuple[str, bool] | None,
    *,
    gone_: bool,
) -> Facts:
    stated, code = terms
    if repeats is not None:
        findings, code = (findings, "ROW_DUPLICATE") if repeats[1] else ((*findings, NEAR), code)
    if gone_:
        code = "SUBJECT_SUPPRESSED"
    return Facts(stated, code, findings, language)


class RowTerms:
    """Terms of rows of a source; most state the same."""

    def __init__(self, source: Source) -> None:
        self._source, self._licence = source, normalise(source.licence)
        self._known: dict[Own, tuple[Terms | None, str]] = {}

    def of(self, own: Own) -> tuple[Terms | None, str]:
        """The terms, or the code that says why there are none."""
        if own not in self._known:
            try:
                self._known[own] = terms_of(own, self._source, self._licence), ""
            except InputRefused as error:
                self._known[own] = None, error.code
        return self._known[own]


def _subjects(light: arrow.Table, key: bytes, tenant: str) -> list[str]:
    return _hashed(light["subject"].to_pylist(), key, tenant)


def _hashed(subjects: Sequence[str], key: bytes, tenant: str) -> list[str]:
    return [subject_hash(key, tenant, subject) for subject in subjects]


def _mentions(found: arrow.Table, key: bytes, tenant: str) -> list[tuple[str, ...]]:
    return [
        tuple(sorted({mention_hash(key, tenant, one["kind"], one["says"]) for one in values})) if values else ()
        for values in found["personal"].to_pylist()
    ]
