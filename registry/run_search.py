"""Runs by what they were and how they ended: `learning_rate > 1e-4 and (cause = LOSS_NAN or outcome = failed)`.

    where      := every ("or" every)*
    every      := one ("and" one)*
    one        := "not" one | "(" where ")" | field operator value
    operator   := = != < <= > >=
    value      := a number, a word, text in quotes, or none

Becomes an expression over typed columns; values only ever travel as parameters.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, and_, not_, or_
from sqlalchemy.orm import InstrumentedAttribute

from assay.contracts.errors import InputRefused
from registry.tables import RunSummaryRow

FIELDS: Final[Mapping[str, InstrumentedAttribute[Any]]] = {
    name: getattr(RunSummaryRow, name)
    for name in RunSummaryRow.__table__.columns.keys()  # noqa: SIM118  # iterating gives columns
    if name not in ("message", "created_at")
}
"""What runs can be searched by."""

_LONGEST, _DEEPEST = 2000, 20
_TOKEN: Final = re.compile(
    r"""\s*(?:(?P<op><=|>=|!=|=|<|>)|(?P<paren>[()])|"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<word>[\w.+:/@-]+))"""
)
_OPERATORS: Final[Mapping[str, Callable[[Any, Any], ColumnElement[bool]]]] = {
    "=": lambda column, value: column.is_not_distinct_from(value),
    # A run without a cause has another cause than LOSS_NAN; SQL's own != would leave it out.
    "!=": lambda column, value: column.is_distinct_from(value),
    "<": lambda column, value: column < value,
    "<=": lambda column, value: column <= value,
    ">": lambda column, value: column > value,
    ">=": lambda column, value: column >= value,
}


class _Token(NamedTuple):
    kind: str
    text: str
    at: int


def expression(where: str) -> ColumnElement[bool]:
    """The condition as SQLAlchemy says it.

    Raises InputRefused (`SEARCH_MALFORMED`, `SEARCH_FIELD_UNKNOWN`, `SEARCH_VALUE_UNFIT`).
    """
    if len(where) > _LONGEST:
        raise _malformed(_LONGEST, f"it is longer than {_LONGEST} characters")
    return _Parser(_tokens(where)).whole()


class _Parser:
    """Recursive descent over the grammar above."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens, self._next, self._depth = tokens, 0, 0

    def whole(self) -> ColumnElement[bool]:
        found = self._where()
        if self._peek().kind != "end":
            raise _malformed(self._peek().at, f"{self._peek().text!r} stands where `and` or `or` should")
        return found

    def _where(self) -> ColumnElement[bool]:
        parts = [self._every()]
        while self._takes("or"):
            parts.append(self._every())
        return or_(*parts)

    def _every(self) -> ColumnElement[bool]:
        parts = [self._one()]
        while self._takes("and"):
            parts.append(self._one())
        return and_(*parts)

    def _one(self) -> ColumnElement[bool]:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise _malformed(self._peek().at, f"it is nested more than {_DEEPEST} deep")
        try:
            if self._takes("not"):
                return not_(self._one())
            if self._takes("("):
                inner = self._where()
                if not self._takes(")"):
                    raise _malformed(self._peek().at, "a closing parenthesis is missing")
                return inner
            return self._comparison()
        finally:
            self._depth -= 1

    def _comparison(self) -> ColumnElement[bool]:
        field, operator, value = self._take(), self._take(), self._take()
        if field.kind != "word":
            raise _malformed(field.at, "the name of a field is missing")
        if field.text not in FIELDS:
            known = ", ".join(sorted(FIELDS))
            raise InputRefused("SEARCH_FIELD_UNKNOWN", f"runs have no field {field.text!r}", f"one of: {known}")
        if operator.kind != "op":
            raise _malformed(operator.at, f"after {field.text} one of {' '.join(_OPERATORS)} is missing")
        if value.kind not in ("word", "quoted"):
            raise _malformed(value.at, f"a value for {field.text} is missing")
        return _OPERATORS[operator.text](FIELDS[field.text], _value(field.text, operator.text, value))

    def _peek(self) -> _Token:
        return self._tokens[self._next]

    def _take(self) -> _Token:
        token = self._peek()
        self._next = min(self._next + 1, len(self._tokens) - 1)
        return token

    def _takes(self, text: str) -> bool:
        taken = self._peek().kind in ("word", "paren") and self._peek().text.lower() == text
        self._next += taken
        return taken


def _tokens(where: str) -> list[_Token]:
    found, at, end = list[_Token](), 0, len(where.rstrip())
    while at < end:
        match = _TOKEN.match(where, at)
        if match is None:
            raise _malformed(at, f"{where[at:].strip()[:1]!r} is not understood")
        kind = match.lastgroup or ""
        found.append(_Token("quoted" if kind in ("single", "double") else kind, match[kind], match.start(kind)))
        at = match.end()
    return [*found, _Token("end", "", end)]


def _value(field: str, operator: str, token: _Token) -> str | float | None:
    if token.kind == "word" and token.text.lower() == "none":
        if operator not in ("=", "!="):
            raise _unfit(field, "none can be equal or not, but not larger or smaller")
        return None
    kind = FIELDS[field].type.python_type
    if kind is str:
        return token.text
    try:
        # Not as an integer where the column is one: rank > 7.5 is a question, and a huge one would overflow the column.
        return float(token.text)
    except ValueError as error:
        raise _unfit(field, f"{token.text!r} is no number") from error


def _malformed(at: int, why: str) -> InputRefused:
    return InputRefused(
        "SEARCH_MALFORMED",
        f"at character {at + 1}: {why}",
        "write field, operator, value: learning_rate > 1e-4 and cause = LOSS_NAN",
    )


def _unfit(field: str, why: str) -> InputRefused:
    return InputRefused("SEARCH_VALUE_UNFIT", f"{field}: {why}", "see docs/training.md for the fields")
