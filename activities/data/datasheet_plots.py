"""Plots of a datasheet: horizontal bars as SVG. The same numbers give the same bytes."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any, Final

MOST: Final = 24
"""Bars that a reader takes in; the rest is one more."""
LONGEST_NAME: Final = 32


@dataclass(frozen=True)
class Bars:
    """Named counts, in the order in which they are drawn."""

    title: str
    counts: tuple[tuple[str, int], ...]


def svg(bars: Bars) -> bytes:
    """A picture of 7 by about 1 to 6 inches. Drawn without `pyplot`, which is not safe in threads."""
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    mpl.rcParams["svg.hashsalt"] = "assay"  # ids inside the file come from it, not from chance
    shown = _shown(bars.counts)
    figure = Figure(figsize=(7, 0.8 + 0.22 * len(shown)), layout="constrained")
    axes: Any = figure.subplots()
    places = range(len(shown))
    axes.barh(places, [count for _, count in shown], color="#4c72b0")
    axes.set_yticks(places, [_name(name) for name, _ in shown])
    axes.invert_yaxis()
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))  # there is no half a row
    axes.set_xlabel("rows")
    axes.set_title(bars.title, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    drawn = io.BytesIO()
    figure.savefig(drawn, format="svg", metadata={"Date": None, "Creator": None})
    return drawn.getvalue()


def _shown(counts: tuple[tuple[str, int], ...]) -> list[tuple[str, int]]:
    rest = counts[MOST:]
    return [*counts[:MOST], *([(f"{len(rest)} others", sum(count for _, count in rest))] if rest else [])]


def _name(name: str) -> str:
    """Printable ASCII: a missing glyph would be drawn as a box. No `$`: it would begin a formula."""
    plain = "".join(c if c.isascii() and c.isprintable() and c != "$" else "?" for c in name)
    return plain if len(plain) <= LONGEST_NAME else f"{plain[: LONGEST_NAME - 3]}..."
