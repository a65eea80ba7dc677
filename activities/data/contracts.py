"""Reading `sources/NAME.yaml`: every fault at once, each with its field and its line.

The safe loader makes plain data only. Anchors are refused (a few lines of them unfold to gigabytes), and so is a key
that stands twice: which of both counts is for no reader to guess.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import ValidationError

from activities.data.licences import normalise
from activities.data.queries import DIALECTS, understood
from assay.contracts.errors import InputRefused, NotFound, where
from assay.contracts.sources import SourceContract

LARGEST_BYTES: Final = 1 << 18
Path_ = tuple[int | str, ...]


@dataclass(frozen=True)
class Fault:
    """What is wrong at one place; `line` counts from 1, and is that of the nearest field that is there."""

    line: int
    field: str
    what: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.field + ': ' if self.field else ''}{self.what}"


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
            "correct the lines; `assay sources schema` has every field",
        )
    return checked.contract


def check(path: Path) -> Checked:
    """Everything that is wrong with a file. Raises NotFound (`SOURCE_CONTRACT_MISSING`)."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise NotFound(
            "SOURCE_CONTRACT_MISSING", f"{path} cannot be read: {error.strerror}", "name a file of `sources/`"
        ) from error
    try:
        tree = _composed(data)
        value = _constructed(tree)
    except _Unfit as error:
        return Checked(None, (error.fault,))
    try:
        contract = SourceContract.model_validate(value)
    except ValidationError as error:
        listed = error.errors(include_url=False, include_context=False, include_input=False)
        return Checked(None, tuple(sorted((_fault(tree, one) for one in listed), key=lambda f: f.line)))
    return Checked(contract, tuple(_beyond(contract, tree, path)))


def _beyond(contract: SourceContract, tree: yaml.Node | None, path: Path) -> Iterator[Fault]:
    """What a schema cannot say."""
    if contract.name != path.stem:
        yield Fault(_line(tree, ("name",)), "name", f"the file of source {contract.name} is {contract.name}.yaml")
    try:
        normalise(contract.licence)
    except InputRefused as error:
        yield Fault(_line(tree, ("licence",)), "licence", f"{error.code}: {error.message}")
    if contract.query is None:
        return
    dialect = contract.uri.split(":", 1)[0].split("+", 1)[0]
    try:
        query = understood(contract.query, dialect if dialect in DIALECTS else "postgresql")
    except InputRefused as error:
        yield Fault(_line(tree, ("query",)), "query", f"{error.code}: {error.message}")
        return
    assigned = {name.lower() for name in contract.tables}
    if missing := [name for name in query.tables if name.lower() not in assigned]:
        yield Fault(
            _line(tree, ("tables",)),
            "tables",
            f"{len(missing)} of the tables that the query reads are not said to belong to a system: "
            + ", ".join(where([name.replace(".", "_")]) for name in missing[:10]),
        )


class _Unfit(ValueError):
    """YAML that is not read at all."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(what)
        self.fault = Fault(line, "", what)


def _composed(data: bytes) -> yaml.Node | None:
    if len(data) > LARGEST_BYTES:
        raise _Unfit(1, f"a contract is no longer than {LARGEST_BYTES} bytes")
    try:
        if alias := next((e for e in yaml.parse(data, yaml.SafeLoader) if isinstance(e, yaml.AliasEvent)), None):
            raise _Unfit(alias.start_mark.line + 1, "anchors and aliases are not read")
        tree: yaml.Node | None = yaml.compose(data, yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        raise _Unfit((error.problem_mark.line if error.problem_mark else 0) + 1, "it is no YAML") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        if isinstance(error, _Unfit):
            raise
        raise _Unfit(1, "it is no YAML") from None
    for node in _nodes(tree):
        if not node.tag.startswith("tag:yaml.org,2002:") or ":python/" in node.tag:
            raise _Unfit(node.start_mark.line + 1, "tags are not read")
        if isinstance(node, yaml.MappingNode):
            _refuse_twice(node)
    return tree


def _refuse_twice(node: yaml.MappingNode) -> None:
    seen = set[str]()
    for key, _ in node.value:
        name = key.value if isinstance(key, yaml.ScalarNode) else ""
        if not name or name in seen or key.tag != "tag:yaml.org,2002:str":
            raise _Unfit(key.start_mark.line + 1, "a key stands twice, or is no word")
        seen.add(name)


def _nodes(node: yaml.Node | None) -> Iterator[yaml.Node]:
    if node is None:
        return
    yield node
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield key
            yield from _nodes(value)
    elif isinstance(node, yaml.SequenceNode):
        for inner in node.value:
            yield from _nodes(inner)


def _fault(tree: yaml.Node | None, error: Any) -> Fault:  # noqa: ANN401  # pydantic's ErrorDetails
    location: Path_ = tuple(error["loc"])
    return Fault(_line(tree, location), where(location), str(error["msg"]))


def _line(node: yaml.Node | None, path: Path_) -> int:
    """Of the field at `path`, or of the nearest one above it."""
    line = node.start_mark.line + 1 if node is not None else 1
    for part in path:
        found = next((pair for pair in _children(node) if pair[0] == part), None)
        if found is None:
            return line
        line, node = found[1], found[2]
    return line


def _children(node: yaml.Node | None) -> Iterator[tuple[int | str, int, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        yield from ((key.value, key.start_mark.line + 1, value) for key, value in node.value)
    elif isinstance(node, yaml.SequenceNode):
        yield from ((index, value.start_mark.line + 1, value) for index, value in enumerate(node.value))


def _constructed(tree: yaml.Node | None) -> object:
    if tree is None:
        return None
    try:
        return yaml.SafeLoader("").construct_document(tree)
    except (yaml.YAMLError, ValueError):
        raise _Unfit(tree.start_mark.line + 1, "a value is none that YAML knows") from None
