"""YAML as contracts are written in: read safely, with the line of every field.

The safe loader makes plain data only. Anchors are refused (a few lines of them unfold to gigabytes), tags (a value is
what it looks like, and the loader fails on one that its tag does not fit), and a key that stands twice: which of both
counts is for no reader to guess.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import yaml

LARGEST_BYTES: Final = 1 << 18
Place = tuple[int | str, ...]


class Unfit(ValueError):
    """YAML that is not read at all. `line` and `column` count from 1."""

    def __init__(self, line: int, column: int, what: str, remedy: str) -> None:
        super().__init__(what)
        self.line, self.column, self.what, self.remedy = line, column, what, remedy


def composed(data: bytes) -> yaml.Node | None:
    """The tree of a document; None where there is nothing in it. Raises Unfit."""
    if len(data) > LARGEST_BYTES:
        raise Unfit(1, 1, f"a contract is no longer than {LARGEST_BYTES} bytes", "name the file of one contract")
    text = _decoded(data)
    try:
        _refuse_aliases_and_tags(text)
        tree: yaml.Node | None = yaml.compose(text, yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _no_yaml((mark.line, mark.column) if mark else (0, 0)) from None
    except yaml.reader.ReaderError as error:
        raise _no_yaml(_place(text[: error.position])) from None
    except (yaml.YAMLError, RecursionError) as error:
        raise _no_yaml((0, 0)) from error
    for node in _nodes(tree):
        if isinstance(node, yaml.MappingNode):
            _refuse_twice(node)
    return tree


def constructed(tree: yaml.Node) -> object:
    """The plain data of a tree. Raises Unfit."""
    try:
        return yaml.SafeLoader("").construct_document(tree)
    except (yaml.YAMLError, ValueError, OverflowError):
        raise _at(
            tree, "a value is none that YAML knows", "put quotation marks around what only looks like a date or number"
        ) from None


def line_of(node: yaml.Node | None, place: Place) -> int:
    """The line of a field, or of the nearest one above it that is there."""
    line = node.start_mark.line + 1 if node is not None else 1
    for part in place:
        found = next((pair for pair in _children(node) if pair[0] == part), None)
        if found is None:
            return line
        line, node = found[1], found[2]
    return line


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line, column = _place(data[: error.start].decode("utf-8"))
        raise Unfit(line + 1, column + 1, "a byte is not UTF-8", "save the file as UTF-8") from None


def _refuse_aliases_and_tags(text: str) -> None:
    # Read off the events: in the tree a tag that somebody wrote looks like one that the value was given.
    for event in yaml.parse(text, yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise _at(event, "anchors and aliases are not read", "write the value out again")
        if getattr(event, "tag", None) is not None:
            raise _at(event, "tags are not read", "write the value without its tag (the word that begins with `!`)")


def _refuse_twice(node: yaml.MappingNode) -> None:
    seen = set[str]()
    for key, _ in node.value:
        name = key.value if isinstance(key, yaml.ScalarNode) else ""
        if not name or name in seen or key.tag != "tag:yaml.org,2002:str":
            raise _at(key, "a key stands twice, or is no word", "keep one of both, and write it as a plain word")
        seen.add(name)


def _place(before: str) -> tuple[int, int]:
    """Line and column, from 0, of what comes behind a text."""
    return before.count("\n"), len(before) - (before.rfind("\n") + 1)


def _no_yaml(place: tuple[int, int]) -> Unfit:
    # What the parser says of it may repeat a part of the text, which may be anything.
    remedy = "look at indentation, colons, quotation marks and brackets there and in the line above"
    return Unfit(place[0] + 1, place[1] + 1, "it is no YAML from here on", remedy)


def _at(node: yaml.Node | yaml.Event, what: str, remedy: str) -> Unfit:
    return Unfit(node.start_mark.line + 1, node.start_mark.column + 1, what, remedy)


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


def _children(node: yaml.Node | None) -> Iterator[tuple[int | str, int, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        yield from ((key.value, key.start_mark.line + 1, value) for key, value in node.value)
    elif isinstance(node, yaml.SequenceNode):
        yield from ((index, value.start_mark.line + 1, value) for index, value in enumerate(node.value))
