"""What an adapter must be before an engine may read it. The engine checks none of this; some of it would take it down.

Base and revision must be the pinned ones. rsLoRA, DoRA, per-module ranks, saved modules and trained biases are refused
(SGLang 0.5.23 scales rsLoRA wrongly and ignores the patterns). Every tensor's shape must follow from the base's
configuration: a mismatch asserts at first use, in the scheduler. Files that can run code when read are refused.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from assay.contracts.base import BasePin
from assay.contracts.errors import IntegrityRefused

ALLOWED_FILES: Final = frozenset({"adapter_config.json", "adapter_model.safetensors", "README.md"})
PICKLES: Final = frozenset({".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib"})
_MUST_BE_EMPTY: Final = (
    "rank_pattern",
    "alpha_pattern",
    "modules_to_save",
    "use_rslora",
    "use_dora",
    "trainable_token_indices",
    "target_parameters",
    "layer_replication",
    "layers_to_transform",
    "lora_bias",
    "alora_invocation_tokens",
    "megatron_config",
    "auto_mapping",  # names a module that PEFT imports
)
_FLOATS: Final = frozenset({"F32", "F16", "BF16"})


def admit(adapter: Path, base_config: dict[str, Any], pin: BasePin, max_rank: int) -> None:
    """Check files, pairing, configuration and every tensor shape.

    Raises IntegrityRefused: `ADAPTER_PICKLE`, `ADAPTER_FILES`, `ADAPTER_CONFIG`, `BASE_MISMATCH`, `ADAPTER_SHAPE`.
    """
    _check_files(adapter)
    config = _read_config(adapter)
    _check_pairing(config, pin)
    _check_config(config, max_rank)
    _check_shapes(adapter, config, base_config)


def _refuse(code: str, message: str, remedy: str = "export it again with Assay's training") -> IntegrityRefused:
    return IntegrityRefused(code, message, remedy)


def _check_files(adapter: Path) -> None:
    for path in sorted(adapter.rglob("*")):
        if path.suffix in PICKLES:
            raise _refuse("ADAPTER_PICKLE", f"{path.name} can run code when it is read", "store weights as safetensors")
        if path.is_symlink() or not path.is_file() or path.name not in ALLOWED_FILES:
            raise _refuse("ADAPTER_FILES", f"{path.name} does not belong in an adapter")
        if path.stat().st_nlink > 1:
            raise _refuse(
                "ADAPTER_FILES",
                f"{path.name} has a second name, under which it can be written",
                "remove the directory; it is written again from the blob store",
            )
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        if not (adapter / name).is_file():
            raise _refuse("ADAPTER_FILES", f"{name} is missing")


def _read_config(adapter: Path) -> dict[str, Any]:
    try:
        config = json.loads((adapter / "adapter_config.json").read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise _refuse("ADAPTER_CONFIG", "adapter_config.json is not JSON") from error
    if not isinstance(config, dict) or config.get("peft_type") != "LORA":
        raise _refuse("ADAPTER_CONFIG", "adapter_config.json describes no LoRA")
    return config


def _check_pairing(config: dict[str, Any], pin: BasePin) -> None:
    trained_on = (config.get("base_model_name_or_path"), config.get("revision"))
    if trained_on != (pin.repository, pin.revision):
        raise _refuse(
            "BASE_MISMATCH",
            f"trained on {trained_on[0]}@{trained_on[1]}, asked to serve on {pin.repository}@{pin.revision}",
            "serve it on the base it was trained on, or train it again on this one",
        )


def _check_config(config: dict[str, Any], max_rank: int) -> None:
    for key in _MUST_BE_EMPTY:
        if config.get(key):
            raise _refuse("ADAPTER_CONFIG", f"{key} is set; the engine does not honour it")
    if config.get("bias", "none") != "none":
        raise _refuse("ADAPTER_CONFIG", "trained biases are not served")
    rank = config.get("r")
    if not isinstance(rank, int) or isinstance(rank, bool) or not 0 < rank <= max_rank:
        raise _refuse("ADAPTER_CONFIG", f"rank {rank} is outside 1..{max_rank}", "raise ASSAY_ENGINE__MAX_LORA_RANK")
    targets = config.get("target_modules")
    if not isinstance(targets, list) or not all(isinstance(one, str) for one in targets):
        raise _refuse("ADAPTER_CONFIG", "target_modules is no list of names")
    if "q_proj" not in targets:
        raise _refuse("ADAPTER_CONFIG", "q_proj is not among the target modules; the engine needs it")


def projection_shapes(base_config: dict[str, Any]) -> dict[str, tuple[int, int]]:
    """(in, out) of each projection of a Llama-style layer, from a Hugging Face `config.json`."""
    hidden, wide = int(base_config["hidden_size"]), int(base_config["intermediate_size"])
    heads = int(base_config["num_attention_heads"])
    kv_heads = int(base_config.get("num_key_value_heads") or heads)
    head = int(base_config.get("head_dim") or hidden // heads)
    return {
        "q_proj": (hidden, heads * head),
        "k_proj": (hidden, kv_heads * head),
        "v_proj": (hidden, kv_heads * head),
        "o_proj": (heads * head, hidden),
        "gate_proj": (hidden, wide),
        "up_proj": (hidden, wide),
        "down_proj": (wide, hidden),
    }


def expected_tensors(config: dict[str, Any], base_config: dict[str, Any]) -> dict[str, tuple[int, int]]:
    """Name and shape of every tensor that this adapter must hold, no more and no less.

    Raises IntegrityRefused (`ADAPTER_CONFIG`) for a target that the base does not have.
    """
    shapes, rank = projection_shapes(base_config), int(config["r"])
    expected: dict[str, tuple[int, int]] = {}
    for target in config["target_modules"]:
        if target not in shapes:
            raise _refuse("ADAPTER_CONFIG", f"the base has no projection {target}")
        block = "self_attn" if target in ("q_proj", "k_proj", "v_proj", "o_proj") else "mlp"
        inward, outward = shapes[target]
        for layer in range(int(base_config["num_hidden_layers"])):
            stem = f"base_model.model.model.layers.{layer}.{block}.{target}"
            expected[f"{stem}.lora_A.weight"] = (rank, inward)
            expected[f"{stem}.lora_B.weight"] = (outward, rank)
    return expected


def _check_shapes(adapter: Path, config: dict[str, Any], base_config: dict[str, Any]) -> None:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(adapter / "adapter_model.safetensors", framework="np") as tensors:
            slices = {name: tensors.get_slice(name) for name in tensors.keys()}  # noqa: SIM118
            found = {name: tuple(one.get_shape()) for name, one in slices.items()}
            kinds = {name: one.get_dtype() for name, one in slices.items()}
    except (SafetensorError, OSError) as error:
        raise _refuse("ADAPTER_SHAPE", "adapter_model.safetensors cannot be read") from error
    odd = sorted(name for name, kind in kinds.items() if kind not in _FLOATS)
    if odd:
        raise _refuse("ADAPTER_SHAPE", f"{odd[0]} holds {kinds[odd[0]]}, no floating-point numbers")
    expected = expected_tensors(config, base_config)
    wrong = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    if wrong:
        name = wrong[0]
        raise _refuse(
            "ADAPTER_SHAPE",
            f"{name} has shape {found.get(name)}, the base needs {expected.get(name)} ({len(wrong)} tensors differ)",
            "train it on the base it is to be served on",
        )
