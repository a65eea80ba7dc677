"""Text that nobody wrote for this benchmark: paragraphs of the documentation inside installed permissive packages.

They are read at run time and never copied; a paragraph that may name a person, or say how to reach one, is left out.
Which paragraphs there are depends on the packages' versions, so the lock file is part of the seed.
"""

from __future__ import annotations

import ast
import importlib.util
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

PACKAGES: Final = ("argparse", "asyncio", "collections", "csv", "datetime", "decimal", "difflib", "email", "fractions")
PACKAGES_TOO: Final = ("heapq", "http", "json", "logging", "statistics", "tarfile", "textwrap", "threading", "zipfile")
PERMISSIVE: Final = ("attrs", "click", "networkx", "numpy", "pydantic", "scipy.optimize", "scipy.stats", "sqlalchemy")
"""Python's own modules (PSF-2.0), and packages under MIT or BSD licences."""
_PERSONAL: Final = re.compile(
    r"@|https?:|\bauthors?\b|copyright|©|et al|references?\b|\[\d+\]|written by|thanks|contribut|\(c\)|\(\d{4}\)|\bhttp"
    r"|\b(?:Mr|Mrs|Dr|Prof)\b|\b[A-Z]\. ?[A-Z]?\.? ?[A-Z][a-z]",
    re.IGNORECASE,
)
_PAIR: Final = re.compile(r"\b[A-Z][a-z]+[ -][A-Z][a-z]+\b")
_ROWS: Final = 600
_FILES: Final = 12
"""Of one package."""


@cache
def paragraphs() -> tuple[str, ...]:
    """Some hundred paragraphs of 60 to 700 characters, in the order of the packages."""
    found: dict[str, None] = {}
    for package in (*PACKAGES, *PACKAGES_TOO, *PERMISSIVE):
        mine = [text for file in _files(package) for text in _documentation(file)]
        found.update(dict.fromkeys(mine[:: max(1, len(mine) // 26)]))
    return tuple(found)[:_ROWS]


def _files(package: str) -> list[Path]:
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    origin = Path(spec.origin)
    return sorted(origin.parent.glob("*.py"))[:_FILES] if origin.name == "__init__.py" else [origin]


def _documentation(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text("utf-8", "replace"))):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
            for part in re.split(r"\n\s*\n", ast.get_docstring(node) or ""):
                text = " ".join(part.split())
                if 60 <= len(text) <= 700 and not _PERSONAL.search(text) and not _PAIR.search(text):
                    yield text
