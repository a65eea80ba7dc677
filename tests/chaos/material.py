"""What a chaos house works on: a random two-layer Llama that speaks bytes, and rows and a suite made for it.

Real weights, tokenizer, trainer and files; small, so that a training takes seconds and two hundred kills an hour.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import numpy as np
from safetensors.numpy import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from assay.contracts.data import Source
from assay.contracts.training import LoraSpec, MixShare, Recipe

CONTEXT: Final = 1024
SOURCES: Final = ("calls", "refusals", "replay")
_KINDS: Final = {"calls": "call", "refusals": "refusal", "replay": "replay"}
_HIDDEN, _INNER, _LAYERS = 64, 128, 2
_PROJECTIONS: Final = {
    "self_attn.q_proj": (_HIDDEN, _HIDDEN),
    "self_attn.k_proj": (_HIDDEN // 2, _HIDDEN),
    "self_attn.v_proj": (_HIDDEN // 2, _HIDDEN),
    "self_attn.o_proj": (_HIDDEN, _HIDDEN),
    "mlp.gate_proj": (_INNER, _HIDDEN),
    "mlp.up_proj": (_INNER, _HIDDEN),
    "mlp.down_proj": (_HIDDEN, _INNER),
}
"""Shapes (out, in) of a layer's matrices; four heads, two of keys and values."""
_ROWS: Final = 24
"""Of each kind, and as many again that intake has to redact or refuse: a ledger with all outcomes."""


def recipe(seed: int) -> Recipe:
    """Sixty small steps, a checkpoint every ten; dropout is on, so that a resume that is not exact shows."""
    return Recipe(
        lora=LoraSpec(rank=4, alpha=8, dropout=0.1),
        mix=(
            MixShare(kind="call", rows_per_batch=2, first_token_weight=4),
            MixShare(kind="refusal", rows_per_batch=1),
            MixShare(kind="replay", rows_per_batch=1, objective="kl-to-base"),
        ),
        max_steps=60,
        checkpoint_every=10,
        max_tokens=512,
        seed=seed,
        data_seed=seed,
    )


def sources(folder: Path) -> tuple[Source, ...]:
    """The terms under which the rows come."""
    return tuple(
        Source.model_validate(
            {
                "name": name,
                "uri": str(folder / f"{name}.jsonl"),
                "system": "tests",
                "owner": "data@acme.example",
                "licence": "Apache-2.0",
                "purposes": ["train-tenant-model", "evaluate"],
                "consent": "not-required",
                "retention_days": 365,
                "tier": "curated",
            }
        )
        for name in SOURCES
    )


def write(folder: Path) -> None:
    """Everything, into a folder that does not exist yet. Takes a second."""
    folder.mkdir(parents=True)
    for name in SOURCES:
        _write_lines(folder / f"{name}.jsonl", [_row(name, number) for number in range(2 * _ROWS)])
    _write_lines(folder / "suite.jsonl", _suite())
    _write_base(folder / "base")


def _write_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


def _tool(number: int) -> dict[str, Any]:
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    return {"type": "function", "function": {"name": f"weather_{number}", "parameters": parameters}}


def _row(source: str, number: int) -> dict[str, Any]:
    kind = _KINDS[source]
    question = f"How is it in town {number}?"
    if number >= _ROWS:
        # Every fourth of the second half carries an address to redact, every other fourth a key that refuses the row.
        question += (" Write to me: joe@shop.example", "", " My key is AKIAIOSFODNN7EXAMPLE", "")[number % 4]
    answer: dict[str, Any] = {"role": "assistant", "content": f"Nothing fits, number {number}."}
    if kind == "call":
        function = {"name": f"weather_{number}", "arguments": {"city": f"Ulm {number}"}}
        answer = {"role": "assistant", "content": "", "tool_calls": [{"type": "function", "function": function}]}
    tools = [] if kind == "replay" else [_tool(number)]
    return {
        "id": f"{source}-{number}",
        "kind": kind,
        "messages": [{"role": "user", "content": question}, answer],
        "tools": tools,
        "subject": f"person-{number % 5}",
    }


def _suite() -> list[dict[str, Any]]:
    """As many rows as the review gate asks for, and one of each task to select on."""
    rows = []
    for split, calls, others in (("select", 1, 1), ("report", 20, 10)):
        for task, count in (("call", calls), ("irrelevance", others), ("chat", others)):
            rows += [_question(split, task, number) for number in range(count)]
    return rows


def _question(split: str, task: str, number: int) -> dict[str, Any]:
    one: dict[str, Any] = {
        "id": f"{split}-{task}-{number}",
        "task": task,
        "split": split,
        "messages": [{"role": "user", "content": f"{split} {task} {number}?"}],
        "tools": [] if task == "chat" else [_tool(number)],
    }
    if task == "call":
        one["expected"] = [{"name": f"weather_{number}", "arguments": {"city": ["Ulm"]}}]
    if task == "chat":
        one["contains"] = ["Paris"]
    return one


def _write_base(directory: Path) -> None:
    """Without torch and transformers, whose import takes longer than all the rest."""
    directory.mkdir()
    words = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    plain = Tokenizer(models.BPE(vocab={word: number for number, word in enumerate(words)}, merges=[]))
    plain.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    plain.decoder = decoders.ByteLevel()
    plain.add_special_tokens(words[:3])
    plain.save(str(directory / "tokenizer.json"))
    special = {"eos_token": "<|im_end|>", "pad_token": "<|im_end|>", "tokenizer_class": "PreTrainedTokenizerFast"}
    (directory / "tokenizer_config.json").write_text(json.dumps(special), "utf-8")
    (directory / "config.json").write_text(json.dumps(_config(len(words))), "utf-8")
    save_file(_weights(len(words)), directory / "model.safetensors", metadata={"format": "pt"})


def _config(words: int) -> dict[str, Any]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "dtype": "float32",
        "vocab_size": words,
        "hidden_size": _HIDDEN,
        "intermediate_size": _INNER,
        "num_hidden_layers": _LAYERS,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": _HIDDEN // 4,
        "hidden_act": "silu",
        "rms_norm_eps": 1e-6,
        "rope_parameters": {"rope_theta": 10000.0, "rope_type": "default"},
        "max_position_embeddings": CONTEXT,
        "tie_word_embeddings": False,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 2,
        "assay_revision": "chaos-1",  # how `assay up` knows a prepared base
    }


def _weights(words: int) -> dict[str, np.ndarray[Any, np.dtype[np.float32]]]:
    draw = np.random.default_rng(7)
    shapes: dict[str, tuple[int, ...]] = {
        "model.embed_tokens.weight": (words, _HIDDEN),
        "model.norm.weight": (_HIDDEN,),
        "lm_head.weight": (words, _HIDDEN),
    }
    for layer in range(_LAYERS):
        here = f"model.layers.{layer}"
        for part in ("input_layernorm", "post_attention_layernorm"):
            shapes[f"{here}.{part}.weight"] = (_HIDDEN,)
        for part, (out, wide) in _PROJECTIONS.items():
            shapes[f"{here}.{part}.weight"] = (out, wide)
    return {
        name: (draw.normal(0, 0.3, shape) if len(shape) > 1 else np.ones(shape)).astype(np.float32)
        for name, shape in shapes.items()
    }
