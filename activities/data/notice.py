"""NOTICE: the works that a model was trained from and whose licences ask to be named, as plain text."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel

from activities.data.manifest import composition_of, manifest_of
from assay.contracts.base import BasePin
from assay.contracts.errors import IntegrityRefused, NotFound
from registry import DatasetRecord, Registry

NOTICE: Final = "asks for notice"
"""Relation in the lineage: from a run spec to the text."""
ASKED: Final = "notice"
WIDTH: Final = 100


class _Use(BaseModel):
    """A verdict of the training gate about rows of one dataset under one expression."""

    dataset: str
    expression: str
    rows: int
    chosen: tuple[str, ...]
    obligations: tuple[str, ...]


class _Base(BaseModel):
    chosen: tuple[str, ...]
    obligations: tuple[str, ...]


class Verdicts(BaseModel):
    """What the training gate's document says beside its decision."""

    licences: tuple[_Use, ...] = ()
    base: _Base = _Base(chosen=(), obligations=())


def notice_of(registry: Registry, config_hash: str) -> str | None:
    """The text that was kept when a run of this spec was allowed. Raises IntegrityRefused, Unavailable."""
    for node in registry.lineage.descendants(config_hash):
        if node.relation == NOTICE:
            return registry.blobs.get(node.name).decode()
    return None


@dataclass(frozen=True)
class Work:
    """Something that is named. `why` is what its licence asks for."""

    title: str
    licences: Sequence[str]
    why: Sequence[str]


def notice(registry: Registry, model: str, pin: BasePin, document: Mapping[str, Any]) -> str | None:
    """The text for one model; None where nothing asks to be named.

    Raises pydantic.ValidationError when the gate's document has another form, NotFound, IntegrityRefused.
    """
    said = Verdicts.model_validate(dict(document))
    base = [_base(pin, said.base)] if ASKED in said.base.obligations else []
    data = [work for use in said.licences if ASKED in use.obligations for work in _data(registry, use)]
    return _text(model, base, data) if base or data else None


def _base(pin: BasePin, said: _Base) -> Work:
    return Work(f"{pin.repository}, revision {pin.revision}", said.chosen, said.obligations)


def _data(registry: Registry, use: _Use) -> list[Work]:
    """One work for each system of record that rows under this expression are from."""
    try:
        record = registry.datasets.get(use.dataset)
        rows = _rows_by_source(registry, record, use.expression)
    except (NotFound, IntegrityRefused):
        return []
    systems = {source.name: source.system for source in record.request.sources}
    name = f"{record.request.dataset}/{record.request.version}"
    return [
        Work(f"{systems[source]}, {count:,} rows (source {source} of dataset {name})", use.chosen, use.obligations)
        for source, count in sorted(rows.items())
    ]


def _rows_by_source(registry: Registry, record: DatasetRecord, expression: str) -> dict[str, int]:
    rows: dict[str, int] = {}
    for group in composition_of(manifest_of(registry, record)):
        if group.licence == expression:
            rows[group.source] = rows.get(group.source, 0) + group.rows
    return rows


def _text(model: str, base: Sequence[Work], data: Sequence[Work]) -> str:
    lines = [
        "NOTICE",
        "",
        *textwrap.wrap(
            f"The weights of {model} were made from the works below, whose licences ask that they be named. "
            "Pass this text on with the weights. Licence texts: https://spdx.org/licenses/",
            WIDTH,
        ),
    ]
    for title, works in (("Base model", base), ("Training data", data)):
        if works:
            lines += ["", title, *(line for work in works for line in _work(work))]
    return "\n".join(lines) + "\n"


def _work(work: Work) -> list[str]:
    licence = f"licence: {' and '.join(work.licences)}"
    more = [one for one in work.why if one != ASKED]
    return [
        f"  * {' '.join(work.title.split())}",
        f"    {licence}",
        *([f"    also asks for: {', '.join(more)}"] if more else []),
    ]
