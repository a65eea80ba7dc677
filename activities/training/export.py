"""From a checkpoint to an adapter that may be served: two files, the same bytes for the same weights.

The configuration is written anew: the base is named by repository and pinned revision instead of a path of the
training machine, lists that the library keeps as sets are sorted, and what only training needs is off.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from activities.training.checkpoints import Checkpoint
from assay.contracts.base import BasePin

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


def export_adapter(checkpoint: Checkpoint, base: BasePin, target: Path) -> Path:
    """Write the adapter of a checkpoint into `target` (made anew) and return it.

    The checkpoint's own bytes were checked against its manifest when it was read.
    """
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    config = json.loads((checkpoint.path / CONFIG).read_bytes())
    config |= {
        "base_model_name_or_path": base.repository,
        "revision": base.revision,
        "inference_mode": True,
        "target_modules": sorted(config["target_modules"]),
    }
    text = json.dumps(config, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    (target / CONFIG).write_text(text, encoding="utf-8")
    shutil.copyfile(checkpoint.path / WEIGHTS, target / WEIGHTS)
    return target
