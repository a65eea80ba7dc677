"""Supervised fine-tuning of a LoRA adapter, from one folder and back into it:

    python -m activities.training.sft --workdir DIR          (DIR/run.json says what; see `job.py`)

Ends with 0 when the last step is done, 3 with a typed cause in `failure.json`, 74 without room on the disk, 75 when it
was asked to stop and has saved. Started again on the same folder it goes on from the newest whole checkpoint, bit for
bit as if uninterrupted.
"""

from __future__ import annotations

import argparse
import errno
import gc
import json
import logging
import os
import sys
import threading
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from activities.training import checkpoints, health, metrics
from activities.training.checkpoints import Checkpoint
from activities.training.health import Finding
from activities.training.job import (
    FAILED,
    NO_ROOM,
    STOPPED,
    Failure,
    Loaded,
    RunFile,
    RunFolder,
    scheduled,
    worth_keeping,
)
from activities.training.process import LOG_IDS
from assay.contracts.errors import AssayError, IntegrityRefused
from assay.contracts.training import Intervention
from assay.settings import Settings
from assay.telemetry import traces
from assay.telemetry.logs import configure_logs
from assay.telemetry.traces import configure_traces
from serving.template import template_digest

if TYPE_CHECKING:
    from torch import dtype
    from transformers import PreTrainedTokenizerBase

    from activities.training.rows import Batches
    from activities.training.trainer import MixTrainer
    from activities.training.watch import Stop

log = logging.getLogger(__name__)

SERVICE = "assay-trainer"


def die_with_parent() -> None:
    """End this process when its parent ends, however that happened: the parent holds the other end of stdin."""

    def wait() -> None:
        while os.read(0, 1):
            pass
        os._exit(STOPPED)

    threading.Thread(target=wait, daemon=True).start()


def train(folder: RunFolder) -> int:
    """Train to the end, or to the next step after SIGTERM. Returns the exit status.

    Raises InputRefused, TrainingFailed, Unavailable (`CHECKPOINT_UNWRITABLE`).
    """
    # Seconds of imports: late, so that --help, a bad run.json and a dead parent are noticed at once.
    import torch
    from transformers import AutoTokenizer

    from activities.training.watch import Stop

    run = folder.read_run()
    check_template(run)
    torch.set_num_threads(run.threads)
    tokenizer = AutoTokenizer.from_pretrained(run.base_dir, local_files_only=True)
    batches, too_long = load_batches(run, tokenizer)
    found = checkpoints.newest(folder.checkpoints)
    taken = interventions_of(found)
    stop = Stop()
    while True:
        # What is trained on after a rollback comes from the checkpoint alone, as it does in a process of its own.
        trainer = make_trainer(folder, run, tokenizer, batches, found, taken, stop)
        folder.write_loaded(loaded(run, trainer, batches, too_long))
        folder.write_interventions(taken)
        stop.on_sigterm()
        try:
            return go_on(trainer, found, run.recipe.max_steps)
        except health.Unwell as unwell:
            log.warning("%s", unwell)
            trainer.finish()
            taken = (*taken, intervene(unwell.finding, run, taken, folder))
        finally:
            trainer.finish()
        folder.write_interventions(taken)
        if taken[-1].action == "keep-best":
            return 0
        found = checkpoints.newest(folder.checkpoints)
        del trainer
        gc.collect()


def make_trainer(
    folder: RunFolder,
    run: RunFile,
    tokenizer: PreTrainedTokenizerBase,
    batches: Batches,
    found: Checkpoint | None,
    taken: Sequence[Intervention],
    stop: Stop,
) -> MixTrainer:
    """A trainer on a base as it was pinned; its metrics begin with those that the checkpoint has sealed."""
    from transformers import AutoModelForCausalLM

    from activities.training.objective import ROWWISE
    from activities.training.trainer import MixTrainer
    from activities.training.watch import Watch

    metrics.go_on_from(folder.metrics, found.path / checkpoints.METRICS if found else None)
    model = AutoModelForCausalLM.from_pretrained(
        run.base_dir, dtype=base_dtype(), attn_implementation=ROWWISE, local_files_only=True
    )
    watch = Watch(folder.metrics, run.recipe.health, stop, taken[-1].learning_rate if taken else None)
    return MixTrainer(model, tokenizer, run.recipe, batches, folder.checkpoints, watch, taken)


def go_on(trainer: MixTrainer, found: Checkpoint | None, last: int) -> int:
    """Train from a checkpoint, or from the beginning, to the last step. Returns the exit status. Raises Unwell."""
    reached = found.step if found else 0
    if reached < last:
        trainer.train(resume_from_checkpoint=str(found.path) if found else None)
        reached = trainer.state.global_step
    return 0 if reached >= last else STOPPED


def interventions_of(found: Checkpoint | None) -> tuple[Intervention, ...]:
    """What had been done when a checkpoint was sealed."""
    return tuple(Intervention.model_validate(one) for one in found.facts["interventions"]) if found else ()


def intervene(finding: Finding, run: RunFile, taken: Sequence[Intervention], folder: RunFolder) -> Intervention:
    """Do what the rule says; a rollback deletes the checkpoints after the one gone back to. Raises TrainingFailed."""
    # Those that a run which was never stopped or killed would have, so that this one does the same.
    whole = {one.step: one for one in checkpoints.valid(folder.checkpoints)}
    planned = scheduled(whole, run.recipe)
    kept = worth_keeping(planned, run.recipe, checkpoints.best(folder.checkpoints, planned))
    done = health.respond(finding, run.recipe, taken, [whole[step] for step in kept])
    if done.action == "roll-back":
        for step in checkpoints.steps(folder.checkpoints):
            if step > done.back_to:
                checkpoints.discard(folder.checkpoints, step)
    log.warning("%s: %s to step %d, learning rate %g", done.cause, done.action, done.back_to, done.learning_rate)
    return done


def loaded(run: RunFile, trainer: MixTrainer, batches: Batches, too_long: int) -> Loaded:
    """What was read, and what it runs on."""
    return Loaded(
        rows=dict(Counter(example.kind for example in batches.training)),
        rows_too_long=too_long,
        rows_held_out=len(batches.held_out),
        device=str(trainer.args.device),
        dtype=str(base_dtype()).removeprefix("torch."),
        threads=run.threads,
    )


def check_template(run: RunFile) -> None:
    """Refuse to train on another chat template than the spec pins. Raises IntegrityRefused (`TEMPLATE_MISMATCH`)."""
    if run.template != template_digest():
        raise IntegrityRefused(
            "TEMPLATE_MISMATCH",
            f"the run pins chat template {run.template}, this house serves {template_digest()}",
            "ask for the run again with the template in force",
        )


def load_batches(run: RunFile, tokenizer: PreTrainedTokenizerBase) -> tuple[Batches, int]:
    """Batches of the rows that are of a kind in the mix and fit into `max_tokens`, and how many did not fit.

    Raises InputRefused, TrainingFailed.
    """
    from activities.training import rows

    recipe = run.recipe
    wanted = [share for share in recipe.mix if share.rows_per_batch]
    kinds = {share.kind for share in wanted}
    found = [
        rows.tokenise(tokenizer, row, number)
        for number, source in enumerate(run.rows)
        for row in rows.read_rows(source)
        if row["kind"] in kinds
    ]
    short = [example for example in found if len(example.tokens) <= recipe.max_tokens]
    answered = [share.kind for share in wanted if share.objective == "cross-entropy"]
    training, held_out = rows.hold_out(short, answered, run.held_out_per_kind)
    ratios = [source.ratio for source in run.rows]
    plan = rows.plan_batches(training, recipe.mix, ratios, recipe.max_steps, recipe.data_seed, recipe.tiers)
    return rows.Batches(training, held_out, plan), len(found) - len(short)


def base_dtype() -> dtype:
    """bfloat16 where the device multiplies it, else float32: emulated bfloat16 is several times slower on a CPU."""
    import torch

    if torch.cuda.is_available():
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    capable = torch.cpu.get_capabilities()
    fast = capable.get("avx512_bf16") or capable.get("amx_bf16")
    return torch.bfloat16 if fast else torch.float32


def main() -> int:
    """Parse, train, end with a status that says how it went."""
    parser = argparse.ArgumentParser(prog="python -m activities.training.sft", description=__doc__)
    parser.add_argument("--workdir", type=Path, required=True)
    parser.add_argument("--with-parent", action="store_true", help="end when stdin closes")
    options = parser.parse_args()
    if options.with_parent:
        die_with_parent()
    settings = Settings(_env_file=None)
    configure_logs(settings.log_level, SERVICE, settings.log_format, also=json.loads(os.environ.get(LOG_IDS, "{}")))
    configure_traces(settings, SERVICE)
    folder = RunFolder(options.workdir)
    folder.failure.unlink(missing_ok=True)
    try:
        return train_or_say_why(folder)
    except OSError as error:
        if error.errno not in NO_ROOM_ERRORS:
            raise
        return NO_ROOM


NO_ROOM_ERRORS: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""A full disk, a full quota, a limit on the size of files."""


def train_or_say_why(folder: RunFolder) -> int:
    """Train, and leave the cause of a failure behind. Returns the exit status. Raises OSError."""
    try:
        with traces.span("train", parent=traces.from_parent()):
            return train(folder)
    except AssayError as error:
        folder.write_failure(
            Failure(code=error.code, message=error.message, remedy=error.remedy, retryable=error.retryable)
        )
        log.error("%s", error)
        return FAILED
    finally:
        traces.flush_traces()


if __name__ == "__main__":
    sys.exit(main())
