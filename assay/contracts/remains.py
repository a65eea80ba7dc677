"""What the second search of an erasure says."""

from __future__ import annotations

from typing import Final

from assay.contracts.base import Message

UNDER_WAY: Final = "under way: "
"""How a find begins that is no copy, but an activity that may leave one."""


class Remains(Message):
    """What the second search still found, by place; empty is what a receipt needs."""

    searched: tuple[str, ...] = ()
    found: tuple[str, ...] = ()
    bytes: int = 0
    shards: int = 0
