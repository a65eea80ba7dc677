"""Rows that nearly repeat an earlier one: MinHash signatures as pure data, compared in order in bounded memory.

Two rows are near duplicates when they are of one kind, offer the same tools and make the same calls, and at least
`LEAST_ALIKE` of the word triples of their messages are common. A prompt of a template with other values calls with
other arguments, and a prompt beside other tools teaches something else: neither repeats.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from activities.data.checks.texts import PlainRow, words

LEAST_ALIKE: Final = 0.8
"""Jaccard similarity of word triples, as the signatures estimate it (standard error 0.05 at that point)."""
PERMUTATIONS: Final = 64
SEED: Final = 1
_SHINGLE: Final = 3
_BANDS, _BAND = 12, 5
"""Pairs that share all five values of one of twelve bands are compared: 99 % at similarity 0.8,
31 % at 0.5."""
_MOST_COMPARED: Final = 64
"""Rows of one band that a row is compared with, the earliest first."""
_SHORT_PROMPT: Final = 8
_KEY: Final = 8
SIGNATURE_BYTES: Final = _KEY + 2 * PERMUTATIONS
BYTES_A_ROW: Final = 2 * PERMUTATIONS + 8 + _BANDS * (8 + 4)
"""What `NearDuplicates` keeps of a row: 280. While runs are merged, the bands of these (144) up to three times."""

_Signatures = np.ndarray[Any, np.dtype[np.uint16]]
_Keys = np.ndarray[Any, np.dtype[np.uint64]]
_Places = np.ndarray[Any, np.dtype[np.int64]]
_Kept = np.ndarray[Any, np.dtype[np.uint32]]


def signatures(rows: Sequence[PlainRow], said: Sequence[str]) -> list[bytes]:
    """One of `SIGNATURE_BYTES` a row, from the row and its turns in one text; empty for a row that says nothing.

    The same row gives the same bytes in every process.
    """
    from rensa import RMinHash

    triples = [_triples(words(text)) for text in said]
    digests = RMinHash.digests_from_token_sets(triples, num_perm=PERMUTATIONS, seed=SEED)
    low = np.asarray(digests, dtype=np.uint32).reshape(len(rows), -1).astype("<u2")
    return [_key(row) + values.tobytes() if some else b"" for row, values, some in zip(rows, low, triples, strict=True)]


def _triples(of: list[str]) -> list[str]:
    if len(of) < _SHINGLE:
        return [" ".join(of)] if of else []
    return list(map(" ".join, zip(of, of[1:], of[2:], strict=False)))


def _key(row: PlainRow) -> bytes:
    """What near duplicates have in common to the letter, but for the order of tools and of names.

    A short prompt is part of it: beside a long answer its few words would not weigh.
    """
    prompts = [words(message.get("content") or "") for message in row["messages"] if message["role"] == "user"]
    short = [prompt for prompt in prompts if len(prompt) < _SHORT_PROMPT]
    calls = [call["function"] for message in row["messages"] for call in message.get("tool_calls") or ()]
    tools = sorted(json.dumps(tool, sort_keys=True) for tool in row.get("tools") or ())
    told = json.dumps([row["kind"], short, calls, tools], sort_keys=True)
    return hashlib.blake2b(told.encode("utf-8", "surrogatepass"), digest_size=_KEY).digest()


class NearDuplicates:
    """Remembers rows in order and says which repeat an earlier one. How rows are batched changes nothing."""

    def __init__(self) -> None:
        self._values = np.empty((0, PERMUTATIONS), np.uint16)
        self._places = np.empty(0, np.int64)
        self._kept = 0
        self._seen = 0
        self._runs: list[tuple[_Keys, _Kept]] = []

    def compare(self, batch: Sequence[bytes]) -> list[int | None]:
        """For each signature the place (from 0, over all batches) of the first row that it repeats, else None.

        A row that repeats another is not remembered: what is like it must be like the first one.
        """
        answer: list[int | None] = [None] * len(batch)
        at = [i for i, signature in enumerate(batch) if signature]
        if at:
            packed = np.frombuffer(b"".join(batch[i] for i in at), np.uint8).reshape(len(at), SIGNATURE_BYTES)
            values = np.ascontiguousarray(packed[:, _KEY:]).view("<u2")
            bands = _bands(packed[:, :_KEY], values)
            repeated = self._repeated(values, bands, np.asarray(at) + self._seen)
            for i, place in zip(at, repeated, strict=True):
                answer[i] = place
        self._seen += len(batch)
        return answer

    def _repeated(self, values: _Signatures, bands: _Keys, places: _Places) -> list[int | None]:
        earlier = self._earlier(bands)
        shared = _shared(bands)
        fresh: dict[int, list[int]] = {}
        answer: list[int | None] = []
        first = self._kept
        for i in range(len(places)):
            near = {*earlier.get(i, ()), *(kept for key in shared.get(i, ()) for kept in fresh.get(key, ()))}
            place = self._first_like(values[i], sorted(near))
            answer.append(place)
            if place is None:
                for key in shared.get(i, ()):
                    fresh.setdefault(key, []).append(self._kept)
                self._keep(values[i], int(places[i]))
        unlike = np.asarray([place is None for place in answer])
        self._remember(bands[unlike], np.arange(first, self._kept, dtype=np.uint32))
        return answer

    def _first_like(self, values: _Signatures, near: list[int]) -> int | None:
        kept = near[:_MOST_COMPARED]
        if not kept:
            return None
        like = np.flatnonzero((self._values[kept] == values).mean(axis=1) >= LEAST_ALIKE)
        return int(self._places[kept[like[0]]]) if len(like) else None

    def _earlier(self, bands: _Keys) -> dict[int, list[int]]:
        """By row of the batch, what is kept under one of its bands."""
        found: dict[int, list[int]] = {}
        wanted = bands.ravel()
        for keys, kept in self._runs:
            left = np.searchsorted(keys, wanted)
            hits = np.flatnonzero(keys[np.minimum(left, len(keys) - 1)] == wanted)
            ends = np.searchsorted(keys, wanted[hits], side="right")
            for hit, end in zip(hits.tolist(), ends.tolist(), strict=True):
                start = int(left[hit])
                found.setdefault(hit // _BANDS, []).extend(kept[start : min(end, start + _MOST_COMPARED)].tolist())
        return found

    def _keep(self, values: _Signatures, place: int) -> None:
        if self._kept == len(self._places):
            # In steps of a quarter: doubling would hold three times what is needed.
            more = max(1024, self._kept // 4)
            self._values = np.concatenate([self._values, np.empty((more, PERMUTATIONS), np.uint16)])
            self._places = np.concatenate([self._places, np.empty(more, np.int64)])
        self._values[self._kept], self._places[self._kept] = values, place
        self._kept += 1

    def _remember(self, bands: _Keys, kept: _Kept) -> None:
        """As sorted runs, merged like a binary counter, so that a row is moved few times."""
        keys, of = bands.ravel(), np.repeat(kept, _BANDS)
        while len(keys):
            order = np.argsort(keys, kind="stable")
            keys, of = keys[order], of[order]
            if not self._runs or len(self._runs[-1][0]) > 2 * len(keys):
                self._runs.append((keys, of))
                return
            older_keys, older = self._runs.pop()
            keys, of = np.concatenate([older_keys, keys]), np.concatenate([older, of])


def _bands(key: np.ndarray[Any, np.dtype[np.uint8]], values: _Signatures) -> _Keys:
    """(rows, bands): a mixed 64-bit number of the row's key and of five of its values."""
    mixed = np.repeat(np.ascontiguousarray(key).view("<u8"), _BANDS, axis=1) + np.arange(_BANDS, dtype=np.uint64)
    parts = values[:, : _BANDS * _BAND].reshape(-1, _BANDS, _BAND).astype(np.uint64)
    for i in range(_BAND):
        # Multiply and fold (splitmix64's constants); wrapping is meant.
        mixed = (mixed ^ parts[:, :, i]) * np.uint64(0xBF58476D1CE4E5B9)
        mixed ^= mixed >> np.uint64(29)
    return mixed


def _shared(bands: _Keys) -> dict[int, list[int]]:
    """By row of the batch, those of its bands that another row of the batch has too."""
    flat = bands.ravel()
    _, inverse, counts = np.unique(flat, return_inverse=True, return_counts=True)
    found: dict[int, list[int]] = {}
    for hit in np.flatnonzero(counts[inverse] > 1).tolist():
        found.setdefault(hit // _BANDS, []).append(int(flat[hit]))
    return found
