"""What SGLang 0.5.23 says when it refuses: its errors have no codes, so beginnings of its sentences tell them apart.

Only beginnings: the rest repeats names that tenants chose, and may hold any word.
"""

from __future__ import annotations

from typing import Final

ADAPTER_ABSENT: Final = (
    "Got LoRA adapter that has never been loaded: ",
    "The following requested LoRA adapters are not loaded: ",
    "Failed to implicitly load LoRA adapter ",
)
TOO_LONG: Final = (
    "The input (",
    "Input length (",
    "Requested token count exceeds the model's maximum context length ",
)


def adapter_absent(said: str) -> bool:
    """Whether the adapter that a request names is not loaded."""
    return said.startswith(ADAPTER_ABSENT)


def too_long(said: str) -> bool:
    """Whether prompt and answer together exceed the model's context."""
    return said.startswith(TOO_LONG)
