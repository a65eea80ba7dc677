"""A raw shard put through the scanning function, wherever that runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import pyarrow as arrow

from activities.data.ledger import Table
from activities.data.runners import Runner
from activities.data.scanning import FOUND, LOOKED_AT, Look
from activities.data.staging import groups

ROWS_A_BATCH: Final = 250
"""So that also a source of a few hundred rows keeps several processes busy."""


def scan(look: Look, runner: Runner, raw: Path, target: Path, stamp: str, beat: Callable[[int], None]) -> Path:
    """Write what is found in a raw shard; `beat` is told the rows scanned. How the runner cuts batches changes no byte.

    Raises Unavailable (`SCANNER_DIED`).
    """
    batches = (
        batch
        for group in groups(raw, LOOKED_AT)
        for batch in group.combine_chunks().to_batches(max_chunksize=ROWS_A_BATCH)
    )
    found = []
    for batch in runner.run(look, batches):
        found.append(batch)
        beat(sum(one.num_rows for one in found))
    with Table(target, FOUND, stamp) as table:
        table.add(arrow.Table.from_batches(found, schema=FOUND).combine_chunks())
    return target
