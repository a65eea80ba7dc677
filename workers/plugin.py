"""What client, worker, replayer and tests must share: converter and encryption, sandbox, interceptors."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from temporalio.contrib.opentelemetry import TracingInterceptor
from temporalio.plugin import SimplePlugin
from temporalio.worker import WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxMatcher, SandboxRestrictions

from assay.converter import converter_of
from assay.settings import Settings
from workers.beats import Beats
from workers.errors import TypedErrors
from workers.signals import FittingSignals

BANNED_IN_WORKFLOWS: Final = {
    "torch",
    "transformers",
    "trl",
    "peft",
    "sglang",
    "sqlalchemy",
    "aiohttp",
    "pyarrow",
    "registry",
    "serving",
}


def _runner(existing: WorkflowRunner | None) -> WorkflowRunner:
    if not isinstance(existing, SandboxedWorkflowRunner):
        raise TypeError("workflows run in the sandbox only")
    invalid = SandboxRestrictions.default.invalid_modules | SandboxMatcher(access=BANNED_IN_WORKFLOWS)
    return replace(existing, restrictions=replace(existing.restrictions, invalid_modules=invalid))


def plugin(settings: Settings | None = None) -> SimplePlugin:
    """A fresh plugin; give it to the client, and workers of that client have it too. None: settings in force.

    Raises InputRefused (`PAYLOAD_KEY_MALFORMED`, `PAYLOAD_KEY_MISSING`).
    """
    return SimplePlugin(
        "assay",
        data_converter=converter_of(settings or Settings()),
        workflow_runner=_runner,
        interceptors=[TracingInterceptor(), TypedErrors(), FittingSignals(), Beats()],
    )
