"""Many texts looked for at once: what a look costs grows with the bytes that are read, not with how many texts."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection
from typing import Final

import numpy

_WIDTH: Final = 16
"""Bytes of a text that are looked for first; shorter texts are few (a probe has none) and looked for one by one."""
_FEW: Final = 64
"""So many texts are found faster one by one: 1 to 3 ms each in 8 MiB, against 80 to 260 ms for any number of them
(one core of a shared machine, 17 to 100,000 texts)."""
_PART: Final = 1 << 20
"""Bytes that are hashed at once: eight times as much memory for each of a few arrays, and it stays in the cache."""
_BASE: Final = 0x9E3779B97F4A7C15
"""Odd, as a polynomial hash modulo 2**64 needs; its value decides nothing, since every hit is compared byte by byte."""
_SHIFT: Final = 44
"""The upper 20 bits of a hash tell most places apart from all texts by one look into a table of a megabyte."""


class Needles:
    """Byte strings to look for."""

    def __init__(self, wanted: Collection[bytes]) -> None:
        every = frozenset(wanted) - {b""}
        self.longest = max(map(len, every), default=1)
        long = {one for one in every if len(one) >= _WIDTH} if len(every) > _FEW else set()
        self._short = tuple(sorted(every - long))
        self._by_hash: dict[int, dict[tuple[int, int], set[bytes]]] = defaultdict(lambda: defaultdict(set))
        ends = Counter(end for one in long for end in {one[:_WIDTH], one[-_WIDTH:]})
        for one in long:
            # The end that fewer texts share: one greeting begins many.
            at = 0 if ends[one[:_WIDTH]] <= ends[one[-_WIDTH:]] else len(one) - _WIDTH
            self._by_hash[int(_hashes(one[at : at + _WIDTH])[0])][at, len(one)].add(one)
        self._hashes = numpy.array(sorted(self._by_hash), numpy.uint64)
        self._table = numpy.zeros(1 << (64 - _SHIFT), numpy.bool_)
        self._table[self._hashes >> numpy.uint64(_SHIFT)] = True

    def among(self, said: bytes) -> bool:
        """Whether any of them stands in these bytes."""
        if any(one in said for one in self._short):
            return True
        # A place is looked at in the part in which its window begins.
        return any(self._near(said, at) for at in range(0, len(said), _PART) if self._by_hash)

    def _near(self, said: bytes, begin: int) -> bool:
        part = said[begin : begin + _PART + _WIDTH - 1]
        if len(part) < _WIDTH:
            return False
        hashes = _hashes(part)
        near = numpy.flatnonzero(self._table[hashes >> numpy.uint64(_SHIFT)])
        hits = near[numpy.isin(hashes[near], self._hashes)]
        return any(self._stands(said, begin + int(at), int(hashes[at])) for at in hits)

    def _stands(self, said: bytes, at: int, hashed: int) -> bool:
        for (before, length), texts in self._by_hash[hashed].items():
            begin = at - before
            if begin >= 0 and said[begin : begin + length] in texts:
                return True
        return False


def _hashes(said: bytes) -> numpy.typing.NDArray[numpy.uint64]:
    """Hash of the `_WIDTH` bytes from each place on, in doubling steps: hash(2w) = hash(w) * base**w + the next w's."""
    hashes, width = numpy.frombuffer(said, numpy.uint8).astype(numpy.uint64), 1
    while width < _WIDTH:
        power = numpy.uint64(pow(_BASE, width, 1 << 64))
        hashes = hashes[:-width] * power + hashes[width:]
        width *= 2
    return hashes
