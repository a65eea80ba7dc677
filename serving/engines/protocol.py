"""What Assay needs of an engine: one base model, many LoRA adapters, OpenAI chat completions.

Two implementations: `serving.engines.sglang` (production) and `serving.engines.inprocess` (quick tests). One contract
suite runs against both. Refusals, the same from every engine:

    ENGINE_UNREACHABLE        Unavailable       no answer, or not ready yet
    ENGINE_KEY_REFUSED        EngineRefused     the engine does not know our key
    ENGINE_OTHER_BASE         IntegrityRefused  it serves another base revision than was expected
    ENGINE_OTHER_TEMPLATE     IntegrityRefused  it renders with another chat template, or does not say with which
    ENGINE_ADAPTER_UNKNOWN    NotFound          the adapter is not loaded
    ENGINE_ADAPTER_REFUSED    EngineRefused     it cannot be loaded
    ENGINE_PROMPT_TOO_LONG    InputRefused      prompt and answer do not fit the context
    ENGINE_REQUEST_REFUSED    InputRefused      anything else it says no to
    ENGINE_FAILED             Unavailable       it broke while answering

No message repeats what the engine said where that could name another tenant's adapter.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

from pydantic import Field

from assay.contracts.base import BasePin, Digest, Message
from assay.contracts.errors import IntegrityRefused

__all__ = ["ChatBody", "Engine", "EngineInfo", "require_pairing"]

ChatBody = Mapping[str, Any]
"""An OpenAI chat-completions request or response: their format, not ours, so not modelled here."""


class EngineInfo(Message):
    """What an engine says of itself."""

    kind: Literal["sglang", "in-process"]
    base_revision: str
    template: Digest
    max_context: int = Field(ge=1, description="tokens, prompt and answer together")
    adapters: frozenset[str]


@runtime_checkable
class Engine(Protocol):
    """One running engine."""

    async def health(self) -> bool:
        """Does it answer requests now? Never raises."""
        ...

    async def info(self) -> EngineInfo:
        """Raises Unavailable, EngineRefused (key), IntegrityRefused (it does not name its template)."""
        ...

    async def loaded(self) -> frozenset[str]:
        """Names of the adapters that are loaded. Raises like `info`."""
        ...

    async def load(self, name: str, path: Path) -> None:
        """Load the PEFT adapter directory `path` (absolute) as `name`; loading it again changes nothing.

        The engine may read the directory again later: it must be immutable. Raises EngineRefused, Unavailable.
        """
        ...

    async def unload(self, name: str) -> None:
        """Forget `name`, after the answers that use it; nothing happens when it is not loaded. Raises Unavailable."""
        ...

    async def chat(self, body: ChatBody, adapter: str | None) -> dict[str, Any]:
        """One whole answer. `adapter` None is the base; `body["model"]` is ignored.

        Raises InputRefused, NotFound, EngineRefused, Unavailable.
        """
        ...

    def stream(self, body: ChatBody, adapter: str | None) -> AsyncIterator[bytes]:
        """The answer as server-sent events, one `data: …` event with its blank line an item, `data: [DONE]` last.

        Raises like `chat`, before the first item; an error later ends the stream with an `error` event.
        """
        ...

    async def close(self) -> None:
        """Give back what the client holds; the engine itself goes on."""
        ...


def require_pairing(info: EngineInfo, base: BasePin, template: Digest) -> None:
    """Refuse an engine that serves another base revision or another chat template. Raises IntegrityRefused."""
    if info.base_revision != base.revision:
        raise IntegrityRefused(
            "ENGINE_OTHER_BASE",
            f"The engine serves base revision {info.base_revision}, not {base.revision}.",
            "Start the engine on the pinned base model.",
        )
    if info.template != template:
        raise IntegrityRefused(
            "ENGINE_OTHER_TEMPLATE",
            f"The engine renders with chat template {info.template}, not {template}.",
            "Start the engine with the template that training used.",
        )
