"""Supervised fine-tuning of a LoRA adapter, from one folder and back into it:

    python -m activities.training.sft --workdir DIR          (DIR/run.json says what; see `job.py`)

Ends with 0 when the last step is done, 3 with a typed cause in `failure.json`, 75 when it was asked to stop and has
saved. Started again on the same folder it goes on from the newest whole checkpoint, bit for bit as if uninterrupted.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from activities.training import checkpoints, metrics
from activities.training.job import FAILED, STOPPED, Failure, Loaded, RunFile, RunFolder
from activities.training.process import LOG_IDS
from assay.contracts.errors import AssayError, IntegrityRefused
from assay.settings import Settings
from assay.telemetry import traces
from assay.telemetry.logs import configure_logs
from assay.telemetry.traces import configure_traces
from serving.template import template_digest

if TYPE_CHECKING:
    from torch import dtype
    from transformers import PreTrainedTokenizerBase

    from activities.training.rows import Batches

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

    Raises InputRefused, TrainingFailed.
    """
    # Seconds of imports: late, so that --help, a bad run.json and a dead parent are noticed at once.
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from activities.training.objective import ROWWISE
    from activities.training.trainer import MixTrainer
    from activities.training.watch import Watch

    run = folder.read_run()
    check_template(run)
    torch.set_num_threads(run.threads)
    tokenizer = AutoTokenizer.from_pretrained(run.base_dir, local_files_only=True)
    batches, too_long = load_batches(run, tokenizer)
    model = AutoModelForCausalLM.from_pretrained(
        run.base_dir, dtype=base_dtype(), attn_implementation=ROWWISE, local_files_only=True
    )
    watch = Watch(folder.metrics)
    trainer = MixTrainer(model, tokenizer, run.recipe, batches, folder.checkpoints, watch)
    watch.stop_on_sigterm()
    folder.write_loaded(
        Loaded(
            rows=dict(Counter(example.kind for example in batches.training)),
            rows_too_long=too_long,
            rows_held_out=len(batches.held_out),
            device=str(trainer.args.device),
            dtype=str(model.dtype).removeprefix("torch."),
            threads=run.threads,
        )
    )
    found = checkpoints.newest(folder.checkpoints)
    reached = found.step if found else 0
    metrics.go_on_from(folder.metrics, found.path / checkpoints.METRICS if found else None)
    if reached < run.recipe.max_steps:
        trainer.train(resume_from_checkpoint=str(found.path) if found else None)
        reached = trainer.state.global_step
    return 0 if reached >= run.recipe.max_steps else STOPPED


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
    plan = rows.plan_batches(training, recipe.mix, ratios, recipe.max_steps, recipe.data_seed)
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
    """Parse, train, leave the cause of a failure behind."""
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
        with traces.span("train", parent=traces.from_parent()):
            return train(folder)
    except AssayError as error:
        folder.write_failure(Failure(code=error.code, message=error.message, remedy=error.remedy))
        logging.getLogger(__name__).error("%s", error)
        return FAILED
    finally:
        traces.flush_traces()


if __name__ == "__main__":
    sys.exit(main())
