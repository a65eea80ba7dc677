"""The same answer to different questions: the sign of a model that no longer listens.

An adapter can stay well-formed and be of no use: overfitted on one task it answers plain chat with one learnt
sentence, its own introduction for example. No single answer shows that, but many do. For requests without tools:

    REPEATED_ANSWER      these opening words were this version's answer to at least two other questions before

Short answers ("Yes.") are left out, and so are requests with tools, where one polite refusal is right again and again.
A canned greeting can be legitimate: the analysis compares with the stable arm, which greets the same way.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import orjson

from serving.gateway.judge import Choice
from serving.gateway.snapshot import Target

K = TypeVar("K")
V = TypeVar("V")

OPENING: Final = 48
"""Characters of an answer that are compared: what follows a learnt opening may differ."""
SHORTEST: Final = 24
"""Below this, equal answers to different questions are ordinary."""
QUESTIONS_BEFORE: Final = 2
MOST_ANSWERS: Final = 256
"""Openings remembered of one version of a tenant's model, about 300 bytes each; the longest unused goes first."""
MOST_VERSIONS: Final = 1024
"""Versions remembered, so about 80 MB in all. Only versions that routes name get here: no request can add one."""


class Repetition:
    """Remembers, as digests, which version gave which opening to which questions. One event loop, so no lock.

    Each version of a tenant's model has room of its own: other tenants' traffic can not make it forget.
    """

    def __init__(self, most: int = MOST_ANSWERS, most_versions: int = MOST_VERSIONS) -> None:
        self._versions: OrderedDict[tuple[str, str, str | None], OrderedDict[bytes, set[bytes]]] = OrderedDict()
        self._most, self._most_versions = most, most_versions

    def repeats(self, target: Target, request: Mapping[str, Any], choices: Mapping[int, Choice]) -> bool:
        """Whether an answer repeats what was answered to other questions; remembers it either way."""
        if request.get("tools") or request.get("response_format"):
            return False
        question = hashlib.blake2b(orjson.dumps(request["messages"]), digest_size=16).digest()
        texts = [" ".join(choice.text.casefold().split()) for choice in choices.values() if not choice.calls]
        said = _used(self._versions, (target.tenant, target.model, target.version), OrderedDict, self._most_versions)
        repeated = [self._repeats(said, question, text[:OPENING]) for text in texts if len(text) >= SHORTEST]
        return any(repeated)

    def _repeats(self, said: OrderedDict[bytes, set[bytes]], question: bytes, opening: str) -> bool:
        key = hashlib.blake2b(opening.encode(), digest_size=16).digest()
        asked: set[bytes] = _used(said, key, set, self._most)
        others = len(asked - {question})
        if others < QUESTIONS_BEFORE:
            asked.add(question)
        return others >= QUESTIONS_BEFORE


def _used(known: OrderedDict[K, V], key: K, make: Callable[[], V], most: int) -> V:
    """The entry of `key`, now the last used; made when absent, for which the longest unused may have to go."""
    value = known.setdefault(key, make())
    known.move_to_end(key)
    if len(known) > most:
        known.popitem(last=False)
    return value
