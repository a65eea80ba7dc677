"""Reading `sources/NAME.yaml`: every fault at once, each with its line, its field, a code and a remedy."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import TypeAdapter, ValidationError

from activities.data.contract_yaml import Place, Unfit, composed, constructed, line_of
from activities.data.licences import normalise
from activities.data.queries import DIALECTS, understood
from assay.contracts.data import RowMapping
from assay.contracts.errors import InputRefused, NotFound, where
from assay.contracts.sources import SourceContract

MALFORMED: Final = "SOURCE_CONTRACT_MALFORMED"
_SCHEMA: Final = "`assay sources schema` says what it may be"
_FIELDS: Final = {"": tuple(SourceContract.model_fields), "mapping": tuple(RowMapping.model_fields)}
_WORDS: Final = {"missing": "it is missing", "extra_forbidden": "there is no such field"}
"""What is said in place of pydantic's words, by its type of error."""


@dataclass(frozen=True)
class Fault:
    """What is wrong at one place; `line` counts from 1, and is that of the nearest field that is there.

    `column`, from 1 too, is known of what is no YAML.
    """

    code: str
    line: int
    field: str
    what: str
    remedy: str
    column: int | None = None

    def __str__(self) -> str:
        column = "" if self.column is None else f", column {self.column}"
        return f"line {self.line}{column}: {self.field + ': ' if self.field else ''}{self.code}: {self.what}"


@dataclass(frozen=True)
class Checked:
    """A contract, or why it is none."""

    contract: SourceContract | None
    faults: tuple[Fault, ...] = ()


def load(path: Path) -> SourceContract:
    """The contract in a file.

    Raises InputRefused (`SOURCE_CONTRACT_MALFORMED`), NotFound (`SOURCE_CONTRACT_MISSING`).
    """
    checked = check(path)
    if checked.contract is None or checked.faults:
        raise InputRefused(
            "SOURCE_CONTRACT_MALFORMED",
            f"{path.name} is no contract of a source: " + "; ".join(map(str, checked.faults[:10])),
            f"correct the lines; `assay sources check {path.name}` has a remedy for each",
        )
    return checked.contract


def check(path: Path) -> Checked:
    """Everything that is wrong with a file. Raises NotFound (`SOURCE_CONTRACT_MISSING`)."""
    if path.is_dir():
        return Checked(None, (Fault(MALFORMED, 1, "", "it is a folder", "name the files in it"),))
    try:
        data = path.read_bytes()
    except OSError as error:
        raise NotFound(
            "SOURCE_CONTRACT_MISSING", f"{path} cannot be read: {error.strerror}", "name a file that is there"
        ) from error
    try:
        tree = composed(data)
        value = None if tree is None else constructed(tree)
    except Unfit as error:
        return Checked(None, (Fault(MALFORMED, error.line, "", error.what, error.remedy, error.column),))
    if not isinstance(value, dict):
        what = "there is nothing in it" if value is None else "it is no list of fields, `name: value` a line"
        return Checked(None, (Fault(MALFORMED, 1, "", what, "begin with `assay sources schema` or an example"),))
    faults = sorted(_faults(tree, value, path), key=lambda fault: fault.line)
    return Checked(None if faults else SourceContract.model_validate(value), tuple(faults))


def _faults(tree: yaml.Node | None, value: dict[str, Any], path: Path) -> Iterator[Fault]:
    """Of each field by itself, then what can be said of those that are as they should be."""
    fields = SourceContract.model_fields
    found: dict[str, Any] = {}
    meant = {near for name in value if name not in fields for near in _near(name, fields)}
    # Field by field: pydantic does not look at rules about several of them while one is wrong.
    for name in dict.fromkeys((*value, *fields)):
        try:
            if name not in fields:
                yield _fault(tree, (name,), "extra_forbidden", "")
            elif name in value:
                adapter: TypeAdapter[Any] = TypeAdapter(fields[name].rebuild_annotation())
                found[name] = adapter.validate_python(value[name])
            elif fields[name].is_required() and name not in meant:
                yield _fault(tree, (name,), "missing", "")
        except ValidationError as error:
            yield from _of_field(tree, name, error)
    left_out = {name for name in fields if name not in value and not fields[name].is_required()}
    known = {*found, *left_out} - (meant - set(found))  # a field that is misspelt is not one that is left out
    stated = SourceContract.model_construct(**found)
    for rule in SourceContract.rules:
        if known.issuperset(rule.reads) and not rule.holds(stated):
            yield Fault(MALFORMED, line_of(tree, (rule.field,)), rule.field, rule.says, rule.remedy)
    yield from _beyond(stated, known, tree, path)


def _of_field(tree: yaml.Node | None, name: str, error: ValidationError) -> Iterator[Fault]:
    """A list that has no item left once its faulty ones are gone is not called too short beside them."""
    errors = error.errors(include_url=False, include_context=False, include_input=False)
    for one in errors:
        place = one["loc"]
        if not any(len(other["loc"]) > len(place) and other["loc"][: len(place)] == place for other in errors):
            yield _fault(tree, (name, *place), one["type"], one["msg"])


def _fault(tree: yaml.Node | None, place: Place, kind: str, says: str) -> Fault:
    what = _WORDS.get(kind) or says.removeprefix("Value error, ")
    remedy = f"state it: {_SCHEMA}" if kind == "missing" else f"correct it: {_SCHEMA}"
    if kind == "extra_forbidden":
        near = _near(place[-1], _FIELDS.get(".".join(map(str, place[:-1])), ()))
        remedy = f"did you mean `{near[0]}`?" if near else "take it out; `assay sources schema` has every field"
    return Fault(MALFORMED, line_of(tree, place), where(place), what, remedy)


def _near(name: object, fields: Iterable[str]) -> list[str]:
    """The field that is meant by a name that is none; none where nothing is like it."""
    return get_close_matches(str(name), list(fields), 1)


def _beyond(stated: SourceContract, known: Collection[str], tree: yaml.Node | None, path: Path) -> Iterator[Fault]:
    """What a schema cannot say, of the fields that are `known`."""
    if "name" in known and stated.name != path.stem:
        what = f"the file of source {stated.name} is {stated.name}.yaml"
        yield Fault(MALFORMED, line_of(tree, ("name",)), "name", what, "rename the file, or correct the name")
    if "licence" in known:
        try:
            normalise(stated.licence)
        except InputRefused as error:
            yield Fault(error.code, line_of(tree, ("licence",)), "licence", error.message, error.remedy)
    if {"query", "uri"} <= {*known} and stated.query is not None:
        yield from _of_query(stated, stated.query, tree, tables="tables" in known)


def _of_query(stated: SourceContract, text: str, tree: yaml.Node | None, *, tables: bool) -> Iterator[Fault]:
    dialect = stated.uri.split(":", 1)[0].split("+", 1)[0]
    try:
        query = understood(text, dialect if dialect in DIALECTS else "postgresql")
    except InputRefused as error:
        yield Fault(error.code, line_of(tree, ("query",)), "query", error.message, error.remedy)
        return
    assigned = {name.lower() for name in stated.tables} if tables else set()
    missing = [name for name in query.tables if name.lower() not in assigned]
    if tables and missing:
        yield Fault(
            "SQL_TABLE_UNASSIGNED",
            line_of(tree, ("tables",)),
            "tables",
            f"{len(missing)} of the tables that the query reads are not said to belong to a system: "
            + ", ".join(where([name.replace(".", "_")]) for name in missing[:10]),
            "state under `tables` the system of record of each",
        )
