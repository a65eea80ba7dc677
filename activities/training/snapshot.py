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

    def finite(self) -> bool:
        """Whether every weight is a number. A step's loss and gradients are those of the weights before it."""
        return bool(torch.stack(torch._foreach_norm(list(self.weights.values()), float("inf"))).isfinite().all())

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
    """Takes snapshots of one trainer, whose parameters and optimiser state stay the same tensors, changed in place."""

    def __init__(self) -> None:
        self._live: dict[str, Tensor] = {}
        self._weights: dict[str, Tensor] = {}
        self._moments: dict[int, dict[str, Tensor]] = {}

    def take(self, trainer: Trainer, model: PeftModel) -> Snapshot:
        """A snapshot; the one before is overwritten."""
        assert trainer.optimizer is not None
        assert trainer.lr_scheduler is not None
        optimizer = trainer.optimizer.state_dict()
        moments: dict[int, dict[str, Tensor]] = optimizer["state"]
        if not self._live:
            self._live = get_peft_model_state_dict(model)
            self._weights = {name: _memory(weight) for name, weight in self._live.items()}
            self._moments = {
                number: {name: _memory(moment) for name, moment in of.items()} for number, of in moments.items()
            }
        with torch.no_grad():
            torch._foreach_copy_(  # one call: a thousand small copies are mostly overhead
                [*self._weights.values(), *(kept for of in self._moments.values() for kept in of.values())],
                [*self._live.values(), *(moment for of in moments.values() for moment in of.values())],
            )
        config = copy.copy(model.peft_config[model.active_adapter])
        config.inference_mode = True
        return Snapshot(
            config=config,
            weights=self._weights,
            optimizer={**optimizer, "state": self._moments},
            scheduler=dict(trainer.lr_scheduler.state_dict()),
            random=_random_states(),
            # Entries of the log are never changed once they are there.
            state=dataclasses.replace(trainer.state, log_history=list(trainer.state.log_history)),
        )


def _memory(tensor: Tensor) -> Tensor:
    """Room for a copy on the CPU. Raises TypeError for what is no tensor: no optimiser in use here keeps such state."""
    if not isinstance(tensor, Tensor):
        raise TypeError(f"optimiser state of type {type(tensor).__name__} cannot be kept")
    return torch.empty_like(tensor, device="cpu")


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
