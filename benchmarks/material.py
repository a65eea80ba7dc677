"""Material that benchmarks make for themselves: keys, and adapters of a wanted size for a small base."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from assay.contracts.base import BasePin

BASE: Final = BasePin(repository="org/base", revision="rev-1", digest="sha256:" + "a" * 64)
LAYERS, HIDDEN, KV, RANK = 32, 4096, 1024, 16
CONFIG: Final[dict[str, Any]] = {
    "num_hidden_layers": LAYERS,
    "hidden_size": HIDDEN,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "intermediate_size": 14336,
    "head_dim": 128,
    "vocab_size": 128256,
    "model_type": "llama",
}
"""An 8B Llama's: rank 16 over all linear modules in float32 is 168 MB, over the attention alone 55 MB."""
_SHAPES: Final = {
    "self_attn.q_proj": (HIDDEN, HIDDEN),
    "self_attn.k_proj": (HIDDEN, KV),
    "self_attn.v_proj": (HIDDEN, KV),
    "self_attn.o_proj": (HIDDEN, HIDDEN),
    "mlp.gate_proj": (HIDDEN, 14336),
    "mlp.up_proj": (HIDDEN, 14336),
    "mlp.down_proj": (14336, HIDDEN),
}


def write_keys(folder: Path) -> tuple[Path, Path]:
    """An EC P-256 pair; private and public file."""
    key = ec.generate_private_key(ec.SECP256R1())
    private, public = folder / "signing.key.pem", folder / "signing.pub.pem"
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    public.write_bytes(
        key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return private, public


def write_bytes(folder: Path, size: int) -> Path:
    """A directory with one file of `size` bytes, as weights are: incompressible."""
    folder.mkdir(parents=True)
    block = bytes(_noise(1 << 20))
    with (folder / "adapter_model.safetensors").open("wb") as file:
        while size > 0:
            file.write(block[:size])
            size -= len(block)
    (folder / "adapter_config.json").write_text("{}", "utf-8")
    return folder


def write_adapter(folder: Path, modules: int = 7, layers: int = LAYERS) -> Path:
    """An admissible adapter of rank 16 in float16 for the base of `CONFIG`, over the first `modules` kinds of modules.

    Seven modules and 32 layers are 84 MB.
    """
    import numpy
    from safetensors.numpy import save_file

    chance = numpy.random.default_rng(1)

    folder.mkdir(parents=True)
    kinds = list(_SHAPES.items())[:modules]
    tensors = {}
    for layer in range(layers):
        for module, (inner, outer) in kinds:
            stem = f"base_model.model.model.layers.{layer}.{module}"
            tensors[f"{stem}.lora_A.weight"] = chance.random((RANK, inner), "float32").astype("float16")
            tensors[f"{stem}.lora_B.weight"] = chance.random((outer, RANK), "float32").astype("float16")
    save_file(tensors, folder / "adapter_model.safetensors")
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": BASE.repository,
        "revision": BASE.revision,
        "r": RANK,
        "lora_alpha": 32,
        "lora_dropout": 0.0,
        "bias": "none",
        "target_modules": sorted(module.rpartition(".")[2] for module, _ in kinds),
    }
    (folder / "adapter_config.json").write_text(json.dumps(config), "utf-8")
    return folder


def _noise(size: int) -> Iterator[int]:
    state = 1
    for _ in range(size):
        state = (state * 1103515245 + 12345) & 0x7FFFFFFF
        yield state >> 16 & 0xFF
