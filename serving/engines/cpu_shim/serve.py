"""Runs `sglang.launch_server` so that its processes share one import.

SGLang spawns a scheduler and a detokenizer, and each imports the whole package again: thirty seconds of one core each.
Here they are forked from a server process that imports it once, while the main process imports its own part. Forking is
sound because there is no GPU context to inherit and the fork server runs nothing but imports.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.forkserver
import runpy
import sys
from typing import Final

_SHARED: Final = ["sglang.srt.managers.scheduler", "sglang.srt.managers.detokenizer_manager"]


def _keep_method(_method: str | None, force: bool = False) -> None:
    """In place of `set_start_method`: SGLang asks for `spawn`, which is the safe choice with a GPU only."""


if __name__ == "__main__":
    multiprocessing.set_start_method("forkserver")
    multiprocessing.set_forkserver_preload(_SHARED)
    multiprocessing.forkserver.ensure_running()
    vars(multiprocessing).update(set_start_method=_keep_method)
    sys.argv[0] = "sglang.launch_server"
    runpy.run_module("sglang.launch_server", run_name="__main__", alter_sys=True)
