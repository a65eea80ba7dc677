"""Many patterns over one text in one pass of Hyperscan, safe to share between threads."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import hyperscan


class Patterns:
    """A compiled database, for one process. Scratch space is a thread's own: two scans must not share it."""

    def __init__(self, patterns: Sequence[bytes], flags: Sequence[int]) -> None:
        import hyperscan

        self._database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
        self._database.compile(
            expressions=list(patterns), ids=list(range(len(patterns))), elements=len(patterns), flags=list(flags)
        )
        self._own = threading.local()

    def over(self, data: bytes) -> list[tuple[int, int]]:
        """(number of a pattern, byte at which it ends) of every match."""
        ends: list[tuple[int, int]] = []

        def note(number: int, _start: int, end: int, _flags: int, _context: object) -> None:
            ends.append((number, end))

        self._database.scan(data, match_event_handler=note, scratch=self._scratch())
        return ends

    def _scratch(self) -> hyperscan.Scratch:
        if not hasattr(self._own, "scratch"):
            import hyperscan

            self._own.scratch = hyperscan.Scratch(self._database)
        scratch: hyperscan.Scratch = self._own.scratch
        return scratch
