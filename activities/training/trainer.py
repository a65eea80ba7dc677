"""TRL's SFT trainer with our batches, our loss and checkpoints that are whole or absent."""

# ruff: noqa: ARG002  # the overridden methods have the library's signatures

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import datasets
import torch
from peft import LoraConfig, PeftModel
from torch import Tensor, nn
from torch.utils.data import DataLoader
from transformers import PreTrainedModel, PreTrainedTokenizerBase
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

from activities.training import checkpoints, health, metrics
from activities.training.background import Writer
from activities.training.job import scheduled, worth_keeping
from activities.training.objective import Line, cross_entropy, kl_to_base
from activities.training.rows import Batches, Example
from activities.training.snapshot import Camera, Snapshot
from activities.training.watch import Watch
from assay.contracts.errors import Unavailable
from assay.contracts.training import Intervention, Recipe


def arguments(recipe: Recipe, output: Path, *, evaluate: bool) -> SFTConfig:
    """The recipe in the library's words."""
    return SFTConfig(
        output_dir=str(output),
        max_steps=recipe.max_steps,
        per_device_train_batch_size=sum(share.rows_per_batch for share in recipe.mix),
        learning_rate=recipe.learning_rate,
        lr_scheduler_type="linear",
        warmup_steps=recipe.warmup_steps,
        seed=recipe.seed,
        data_seed=recipe.data_seed,
        logging_steps=1,
        logging_nan_inf_filter=False,  # a NaN must be seen, not averaged away
        save_strategy="steps",
        save_steps=recipe.checkpoint_every,
        eval_strategy="steps" if evaluate else "no",
        eval_steps=recipe.health.evaluate_every or recipe.checkpoint_every,
        prediction_loss_only=True,
        gradient_checkpointing=False,
        bf16=False,  # the dtype is the base's own; autocast would cast again at every product
        max_length=None,
        remove_unused_columns=False,
        dataset_kwargs={"skip_prepare_dataset": True},
        report_to=[],
        disable_tqdm=True,
    )


class MixTrainer(SFTTrainer):
    """SFT on planned batches: cross-entropy on some kinds of rows, KL to the base on others."""

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        recipe: Recipe,
        batches: Batches,
        folder: Path,
        watch: Watch,
        taken: Sequence[Intervention] = (),
    ) -> None:
        self._shares = {share.kind: share for share in recipe.mix}
        self._batches, self._folder = batches, folder
        self._recipe = recipe
        self._watch = watch
        self._taken = [one.model_dump(mode="json") for one in taken]
        self._camera, self._writer = Camera(), Writer()
        lora = recipe.lora
        super().__init__(
            model=model,
            args=arguments(recipe, folder, evaluate=bool(batches.held_out)),
            processing_class=tokenizer,
            # The library wants a Dataset; indices into our examples keep Arrow away from ragged token lists.
            train_dataset=datasets.Dataset.from_dict({"index": list(range(len(batches.training)))}),
            eval_dataset=datasets.Dataset.from_dict({"index": list(range(len(batches.held_out)))}),
            data_collator=lambda rows: self._collate([batches.training[row["index"]] for row in rows]),
            peft_config=LoraConfig(
                r=lora.rank,
                lora_alpha=lora.alpha,
                lora_dropout=lora.dropout,
                target_modules=list(lora.targets),
                task_type="CAUSAL_LM",
            ),
            callbacks=[watch],
        )

    def get_train_dataloader(self) -> DataLoader[Any]:
        """One pass over the plan is the whole run: a resume skips the batches before its step."""
        batches = [list(batch) for batch in self._batches.plan]
        assert isinstance(self.train_dataset, datasets.Dataset)
        loader: DataLoader[Any] = DataLoader(self.train_dataset, batch_sampler=batches, collate_fn=self.data_collator)
        return self.accelerator.prepare(loader)  # type: ignore[no-any-return]

    def get_eval_dataloader(self, eval_dataset: object = None) -> DataLoader[Any]:
        """All held-out rows as one batch."""
        return DataLoader([self._collate(self._batches.held_out)], batch_size=None)  # type: ignore[arg-type]

    def compute_loss(
        self, model: nn.Module, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: object = None
    ) -> Tensor:
        """Weighted cross-entropy over answers, plus KL(base || adapter) over replayed answers. Scalar."""
        self._writer.check()
        replayed = Line(**kept) if (kept := inputs.pop("replayed", None)) else None
        line = Line(**inputs)
        self._watch.tokens += line.input_ids.numel()
        logits = line.logits(model)
        if replayed is None:
            return cross_entropy(logits, line)
        # Replayed rows come last in the line, so their answer positions are the last ones scored.
        count = len(logits) - len(replayed.scored)
        loss = kl_to_base(logits[count:], self._base_logits(replayed), replayed)
        return loss + cross_entropy(logits[:count], line.first(count)) if count else loss

    def _base_logits(self, line: Line) -> Tensor:
        with torch.no_grad(), self._adapted.disable_adapter():
            return line.logits(self._adapted)

    @cached_property
    def _adapted(self) -> PeftModel:
        """Found once: accelerate walks through all modules, three milliseconds that a checkpoint would stall."""
        model: PeftModel = self.accelerator.unwrap_model(self.model)
        return model

    def _collate(self, examples: Sequence[Example]) -> dict[str, Any]:
        replayed = [e for e in examples if self._shares[e.kind].objective == "kl-to-base"]
        answered = [e for e in examples if self._shares[e.kind].objective == "cross-entropy"]
        batch: dict[str, Any] = Line.of([*answered, *replayed], self._shares).tensors()
        if replayed:
            batch["replayed"] = Line.of(replayed, self._shares).tensors()
        return batch

    def _save_checkpoint(self, model: nn.Module, trial: object) -> None:
        """Copy the state here; write it, seal it and sweep the older ones beside the training.

        Raises what went wrong with the checkpoint before; Unwell when the last step broke the weights.
        """
        self.store_flos()
        self._writer.wait()  # its snapshot's memory is taken again
        snapshot = self._camera.take(self, self._adapted)
        if self.state.global_step >= self.state.max_steps and not snapshot.finite():  # else the next loss shows it
            raise health.Unwell(health.broken_by(self.state.global_step, "weights are not finite"))
        steps, facts = list(self._watch.steps), self._facts()
        self._writer.start(lambda: self._write(snapshot, steps, facts))

    def _write(self, snapshot: Snapshot, steps: list[metrics.StepMetrics], facts: dict[str, Any]) -> None:
        try:
            with checkpoints.writing(self._folder) as scratch:
                snapshot.write(scratch)
                metrics.write(scratch / checkpoints.METRICS, steps)
                checkpoints.seal(scratch, self._folder, snapshot.state.global_step, facts)
            there = checkpoints.steps(self._folder)
            best = checkpoints.best(self._folder, scheduled(there, self._recipe))
            checkpoints.keep_only(self._folder, worth_keeping(there, self._recipe, best))
        except OSError as error:
            raise Unavailable(
                "CHECKPOINT_UNWRITABLE",
                f"the checkpoint of step {snapshot.state.global_step} was not written: {error.strerror or error}",
                "give the worker's disk room; the run goes on from the checkpoint before",
            ) from error

    def finish(self) -> None:
        """Return when every checkpoint is on disk. Raises Unavailable (`CHECKPOINT_UNWRITABLE`)."""
        self._writer.close()

    def _facts(self) -> dict[str, Any]:
        """Losses of this step, for the manifest."""
        logs: dict[str, Any] = {}
        for entry in self.state.log_history:
            if entry["step"] == self.state.global_step:
                logs |= entry
        return {"loss": logs.get("loss"), "heldout_loss": logs.get("eval_loss"), "interventions": self._taken}
