"""The model of the in-process engine: transformers generates, PEFT switches adapters, xgrammar constrains.

Blocking; the engine calls it from one worker thread. torch is imported when a model is loaded, not with this file.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

__all__ = ["Answer", "Generation", "LocalModel"]

OnText = Callable[[str], None]


class Generation(BaseModel):
    """One prompt and how to answer it. `grammar` is an xgrammar structural tag, `schema_` a JSON schema."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt: tuple[int, ...]
    max_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int | None = None
    grammar: dict[str, Any] | None = None
    json_schema: dict[str, Any] | None = None


class Answer(BaseModel):
    """What was generated."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str
    tokens: int
    stopped: bool


class LocalModel:
    """A base model with named adapters."""

    def __init__(self, directory: Path) -> None:
        """Load the model on the CPU in the dtype of its config. Takes seconds."""
        import torch
        import xgrammar
        from transformers import AutoModelForCausalLM, AutoTokenizer

        self._torch, self._xgrammar = torch, xgrammar
        self._model: Any = AutoModelForCausalLM.from_pretrained(directory, dtype="auto")
        self._tokenizer: Any = AutoTokenizer.from_pretrained(directory)
        vocabulary = xgrammar.TokenizerInfo.from_huggingface(
            self._tokenizer, vocab_size=self._model.config.vocab_size, stop_token_ids=[self._tokenizer.eos_token_id]
        )
        self._grammars = xgrammar.GrammarCompiler(vocabulary)
        # PEFT's names are attribute names, in which our dots are not allowed.
        self._names: dict[str, str] = {}
        self._made = 0

    @property
    def adapters(self) -> frozenset[str]:
        return frozenset(self._names)

    def encode(self, text: str) -> tuple[int, ...]:
        """Token ids of rendered text; special tokens are read, none is added."""
        return tuple(self._tokenizer.encode(text, add_special_tokens=False))

    def load(self, name: str, path: Path) -> None:
        """Raises ValueError, OSError or RuntimeError for a directory that PEFT cannot apply to this model."""
        from peft import PeftModel

        self._made += 1
        inner = f"adapter_{self._made}"
        if self._names:
            self._model.load_adapter(str(path), adapter_name=inner)
        else:
            self._model = PeftModel.from_pretrained(self._model, str(path), adapter_name=inner).eval()
        self._names[name] = inner

    def unload(self, name: str) -> None:
        inner = self._names.pop(name)
        if self._names:
            # Deleting the one that answered last makes PEFT choose another, with a warning.
            self._model.set_adapter(next(iter(self._names.values())))
            self._model.delete_adapter(inner)
        else:
            # PEFT cannot hold no adapter at all; the plain model comes back.
            self._model = self._model.unload()

    def generate(self, generation: Generation, adapter: str | None, on_text: OnText | None = None) -> Answer:
        """Answer one prompt; `on_text` gets the text piece by piece."""
        from transformers import GenerationConfig, LogitsProcessorList

        torch = self._torch
        if generation.seed is not None:
            torch.manual_seed(generation.seed)
        ids = torch.tensor([generation.prompt])
        sampling = {"temperature": generation.temperature, "top_p": generation.top_p} if generation.temperature else {}
        settings = GenerationConfig(  # type: ignore[no-untyped-call]  # transformers leaves it untyped
            max_new_tokens=generation.max_tokens,
            do_sample=generation.temperature > 0,
            eos_token_id=self._tokenizer.eos_token_id,
            pad_token_id=self._tokenizer.pad_token_id,
            **sampling,
        )
        with torch.inference_mode(), self._selected(adapter):
            output = self._model.generate(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                generation_config=settings,
                logits_processor=LogitsProcessorList(self._constraints(generation)),
                streamer=None if on_text is None else _forwarding_streamer(self._tokenizer, on_text),
            )
        new = output[0, ids.shape[1] :].tolist()
        text: str = self._tokenizer.decode(new, skip_special_tokens=True)
        return Answer(text=text, tokens=len(new), stopped=new[-1:] == [self._tokenizer.eos_token_id])

    @contextlib.contextmanager
    def _selected(self, adapter: str | None) -> Any:  # noqa: ANN401  PEFT's own context is untyped
        if adapter is not None:
            self._model.set_adapter(self._names[adapter])
            yield
        elif self._names:
            with self._model.disable_adapter():
                yield
        else:
            yield

    def _constraints(self, generation: Generation) -> list[Any]:
        from xgrammar.contrib.hf import LogitsProcessor

        if generation.grammar is not None:
            return [LogitsProcessor(self._grammars.compile_structural_tag(generation.grammar))]
        if generation.json_schema is not None:
            return [LogitsProcessor(self._grammars.compile_json_schema(generation.json_schema))]
        return []


def _forwarding_streamer(tokenizer: Any, on_text: OnText) -> Any:  # noqa: ANN401  both are transformers' own
    from transformers import TextStreamer

    class Forwarding(TextStreamer):
        def on_finalized_text(self, text: str, stream_end: bool = False) -> None:  # noqa: ARG002  their signature
            on_text(text)

    return Forwarding(tokenizer, skip_prompt=True, skip_special_tokens=True)
