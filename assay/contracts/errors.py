"""Every refusal Assay makes.

    AssayError
    ├── InputRefused        what was sent in is malformed, incomplete or not permitted in this form
    ├── PolicyRefused       a gate said no; `violations` say why
    ├── PolicyUndefined     the policy engine answered without a result: never an allow
    ├── IntegrityRefused    bytes, signatures, shapes or pairings do not match what was promised
    ├── NotFound            nothing of that name, or not for this caller
    ├── Conflict            somebody else was first, or the same name holds other content
    ├── TrainingFailed      a run ended with a tagged cause
    ├── EngineRefused       the serving engine said no to a well-formed request
    └── Unavailable         a part that is needed does not answer now; trying again is right

Each carries a stable `code`, a sentence and a `remedy`. Workflows try again after `Unavailable` and `PolicyUndefined`:
a policy engine that has lost its bundle is mended like one that is down, and nothing passes meanwhile.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import ClassVar, Final

_WORD: Final = re.compile(r"[A-Za-z_]{1,40}")


class AssayError(Exception):
    """Base: `code` is stable, `remedy` says what to do next."""

    retryable: ClassVar[bool] = False

    def __init__(self, code: str, message: str, remedy: str) -> None:
        super().__init__(message)
        self.code, self.message, self.remedy = code, message, remedy

    def __str__(self) -> str:
        return f"{self.code}: {self.message} Remedy: {self.remedy}"


class InputRefused(AssayError):
    """What was sent in is malformed, incomplete or not permitted in this form."""


class PolicyRefused(AssayError):
    """A gate said no."""


class PolicyUndefined(AssayError):
    """The policy engine answered without a result; that is a refusal, until it answers with one."""

    retryable = True


class IntegrityRefused(AssayError):
    """Bytes, signatures, shapes or pairings do not match what was promised."""


class NotFound(AssayError):
    """Nothing of that name, or not for this caller."""


class Conflict(AssayError):
    """Somebody else was first, or the same name holds other content."""


class TrainingFailed(AssayError):
    """A run ended with a tagged cause."""


class EngineRefused(AssayError):
    """The serving engine said no to a well-formed request."""


class Unavailable(AssayError):
    """A part that is needed does not answer now."""

    retryable = True


def where(location: Iterable[int | str]) -> str:
    """Where a fault is, for messages that are kept: `messages.0.content`.

    A name that is no plain word came from outside and may be anything, a telephone number or a key: it is not repeated.
    """
    return ".".join(str(part) if isinstance(part, int) or _WORD.fullmatch(part) else "(unnamed)" for part in location)
