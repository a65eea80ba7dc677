"""A signal that does not fit its handler is dropped, as one of a wrong type is.

The SDK would fail the workflow task instead, again and again: one signal with an argument too many would stop a
promotion for good.
"""

from __future__ import annotations

import inspect

from temporalio import workflow
from temporalio.worker import (
    HandleSignalInput,
    Interceptor,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
)


class _Fitting(WorkflowInboundInterceptor):
    async def handle_signal(self, input: HandleSignalInput) -> None:
        handler = workflow.get_signal_handler(input.signal)
        try:
            if handler is not None:
                inspect.signature(handler).bind(*input.args)
        except TypeError:
            workflow.logger.warning("dropped a signal %s with %d arguments", input.signal, len(input.args))
            return
        await super().handle_signal(input)


class FittingSignals(Interceptor):
    """Worker interceptor, see the module."""

    def workflow_interceptor_class(
        self,
        input: WorkflowInterceptorClassInput,  # noqa: ARG002  # SDK signature
    ) -> type[WorkflowInboundInterceptor]:
        """For every workflow."""
        return _Fitting
