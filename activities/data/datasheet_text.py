"""Text of a datasheet's pages: what is set as code, and what Markdown could take for more than text."""

from __future__ import annotations

import re
from typing import Final

_ENTITY: Final = re.compile(r"&(?=#?\w+;)")


class Code(str):
    """A code, a digest, a command: shown letter by letter, and set as code where a page can."""

    __slots__ = ()


Text = str | tuple[str, ...]
"""One piece or several that follow each other; some may be `Code`."""


def pieces_of(text: Text) -> tuple[str, ...]:
    """Of a text that may be one piece."""
    return (text,) if isinstance(text, str) else text


def in_markdown(text: Text, *, cell: bool = False) -> str:
    """On one line, with nothing that Markdown or the HTML in it would take for more than text. `cell`: of a table."""
    return "".join(
        _span(piece, cell=cell) if isinstance(piece, Code) else _plain(piece, cell=cell) for piece in pieces_of(text)
    )


def _span(code: str, *, cell: bool) -> str:
    """A code span. Nothing is escaped in one, but in a table a bar would end the cell all the same (GFM, 4.10)."""
    flat = " ".join(code.split())
    if not flat:
        return ""
    longest = max((len(run) for run in re.findall("`+", flat)), default=0)
    fence, room = "`" * (longest + 1), " " if longest else ""
    return f"{fence}{room}{flat.replace('|', chr(92) + '|') if cell else flat}{room}{fence}"


def _plain(text: str, *, cell: bool) -> str:
    first, last = text[:1].isspace(), text[-1:].isspace()
    flat = " ".join(text.split())
    for character in "\\[]`*~" + ("|" if cell else ""):
        flat = flat.replace(character, f"\\{character}")
    flat = _ENTITY.sub("&amp;", flat).replace("<", "&lt;").replace(">", "&gt;")
    flat = re.sub("_+", lambda run: run[0] if _inside(run) else run[0].replace("_", r"\_"), flat)
    return f"{' ' * first}{flat}{' ' * (last and bool(flat))}"


def _inside(run: re.Match[str]) -> bool:
    """Underscores between letters or digits begin and end no emphasis (CommonMark 0.31, 6.2)."""
    before, after = run.string[: run.start()][-1:], run.string[run.end() :][:1]
    return before.isalnum() and after.isalnum()
