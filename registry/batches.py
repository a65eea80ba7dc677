"""Values in batches: a statement of a database takes so many and no more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final, TypeVar

T = TypeVar("T")
BATCH: Final = 500


def batched(values: Iterable[T]) -> Iterator[list[T]]:
    """Lists of `BATCH` values, the last one shorter."""
    left = iter(values)
    while batch := list(islice(left, BATCH)):
        yield batch
