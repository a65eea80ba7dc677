"""What a resume needs, copied on the training thread and written elsewhere.

The copy goes into memory that is kept for the next one (fresh memory costs as much again in page faults), so a snapshot
is valid until the next is taken. The files are those of transformers' own checkpoints, byte for byte where it matters:
adapter, optimiser, schedule and random states.
"""

from __future__ import annotations

import copy
import dataclasses
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peft import PeftConfig, PeftModel, get_peft_model_state_dict
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor
from transformers import Trainer
from transformers.trainer_callback import TrainerState


@dataclass(frozen=True)
class Snapshot:
    """The state after a step. `weights` and the tensors of `optimizer` are copies on the CPU."""

    config: PeftConfig
    weights: dict[str, Tensor]
    optimizer: dict[str, Any]
    scheduler: dict[str, Any]
    random: dict[str, Any]
    state: TrainerState

    def write(self, folder: Path) -> None:
        """Write `checkpoints.RESUMED_FILES`. Raises OSError."""
        try:
            self.config.save_pretrained(str(folder))
            save_file(self.weights, folder / "adapter_model.safetensors", metadata={"format": "pt"})
            torch.save(self.optimizer, folder / "optimizer.pt")
            torch.save(self.scheduler, folder / "scheduler.pt")
            torch.save(self.random, folder / "rng_state.pth")
            self.state.save_to_json(str(folder / "trainer_state.json"))
        except (RuntimeError, SafetensorError) as error:  # what their writers make of a full disk
            raise OSError(str(error).partition("\n")[0]) from error


class Camera:
    """Takes snapshots of one trainer."""

    def __init__(self) -> None:
        self._weights: dict[str, Tensor] = {}
        self._kept: list[Tensor] = []

    def take(self, trainer: Trainer, model: PeftModel) -> Snapshot:
        """A snapshot; the one before is overwritten."""
        if not self._weights:
            # The optimiser changes parameters in place, so that their names need be sought once only.
            self._weights = get_peft_model_state_dict(model)
        assert trainer.optimizer is not None
        assert trainer.lr_scheduler is not None
        sources: list[Tensor] = []
        weights = self._planned(self._weights, sources)
        optimizer = self._planned(trainer.optimizer.state_dict(), sources)
        with torch.no_grad():
            torch._foreach_copy_(self._kept, sources)  # one call: a thousand small copies are mostly overhead
        config = copy.copy(model.peft_config[model.active_adapter])
        config.inference_mode = True
        return Snapshot(
            config=config,
            weights=weights,
            optimizer=optimizer,
            scheduler=dict(trainer.lr_scheduler.state_dict()),
            random=_random_states(),
            # Entries of the log are never changed once they are there.
            state=dataclasses.replace(trainer.state, log_history=list(trainer.state.log_history)),
        )

    def _planned(self, value: Any, sources: list[Tensor]) -> Any:  # noqa: ANN401  # nested state
        """The same nested value with our memory in the place of its tensors, which are noted in `sources`."""
        if isinstance(value, Tensor):
            number = len(sources)
            sources.append(value)
            if number == len(self._kept):
                self._kept.append(torch.empty_like(value, device="cpu"))
            elif self._kept[number].shape != value.shape or self._kept[number].dtype != value.dtype:
                self._kept[number] = torch.empty_like(value, device="cpu")
            return self._kept[number]
        if isinstance(value, dict):
            return {key: self._planned(inner, sources) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._planned(inner, sources) for inner in value]
        return value


def _random_states() -> dict[str, Any]:
    """Of Python, NumPy and torch, as transformers reads them. All of them are copies already."""
    states: dict[str, Any] = {
        "python": random.getstate(),
        "numpy": np.random.get_state(),
        "cpu": torch.random.get_rng_state(),
    }
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.random.get_rng_state()
    return states
