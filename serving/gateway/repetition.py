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
from collections.abc import Mapping
from typing import Any, Final

import orjson

from serving.gateway.judge import Choice
from serving.gateway.snapshot import Target

OPENING: Final = 48
"""Characters of an answer that are compared: what follows a learnt opening may differ."""
SHORTEST: Final = 24
"""Below this, equal answers to different questions are ordinary."""
QUESTIONS_BEFORE: Final = 2
MOST_ANSWERS: Final = 4096
"""Answers remembered, of all versions together: about 300 bytes each. The one longest unused is forgotten first."""


class Repetition:
    """Remembers, as digests, which version gave which opening to which questions. One event loop, so no lock."""

    def __init__(self, most: int = MOST_ANSWERS) -> None:
        self._asked: OrderedDict[bytes, set[bytes]] = OrderedDict()
        self._most = most

    def repeats(self, target: Target, request: Mapping[str, Any], choices: Mapping[int, Choice]) -> bool:
        """Whether an answer repeats what was answered to other questions; remembers it either way."""
        if request.get("tools") or request.get("response_format"):
            return False
        question = hashlib.blake2b(orjson.dumps(request["messages"]), digest_size=16).digest()
        texts = [" ".join(choice.text.casefold().split()) for choice in choices.values() if not choice.calls]
        repeated = [self._repeats(target, question, text[:OPENING]) for text in texts if len(text) >= SHORTEST]
        return any(repeated)

    def _repeats(self, target: Target, question: bytes, opening: str) -> bool:
        whose = f"{target.tenant}\0{target.model}\0{target.version}\0{opening}".encode()
        key = hashlib.blake2b(whose, digest_size=16).digest()
        asked = self._asked.setdefault(key, set())
        self._asked.move_to_end(key)
        if len(self._asked) > self._most:
            self._asked.popitem(last=False)
        others = len(asked - {question})
        if others < QUESTIONS_BEFORE:
            asked.add(question)
        return others >= QUESTIONS_BEFORE
