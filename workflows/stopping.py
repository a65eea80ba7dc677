"""How a workflow stops because what it works on has to go: put right what it began, then say why."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from assay.contracts.erasure import StopNotice
    from workflows.common import stand


class Stoppable:
    """Takes the signal `stop_for_erasure` as a cancellation from within: the same compensations run."""

    _main: asyncio.Task[Any] | None = None
    _stopped: StopNotice | None = None

    @workflow.signal
    def stop_for_erasure(self, notice: StopNotice) -> None:
        """From an erasure of the same lineage; again changes nothing."""
        if self._stopped is None:
            self._stopped = notice
            if self._main is not None:
                self._main.cancel()

    @contextmanager
    def may_be_stopped(self) -> Iterator[None]:
        """Around all of `run`: ends with the reason where it was stopped; other cancellations go on as they are."""
        self._main = asyncio.current_task()
        try:
            if self._stopped is not None:
                raise asyncio.CancelledError
            yield
        except BaseException as error:
            if self._stopped is None or not is_cancelled_exception(error):
                raise
            raise self._why(self._stopped) from error

    def _why(self, notice: StopNotice) -> ApplicationError:
        said = f"rows that this was made from had to go (case {notice.case})"
        reasons = (f"STOPPED_FOR_ERASURE: {said}",)
        changes = {"stage": "failed", "cause": "STOPPED_FOR_ERASURE", "reasons": reasons}
        status = vars(self)["_status"]  # each workflow's own, all of them with a stage
        known = type(status).model_fields
        update = {name: one for name, one in changes.items() if name in known}
        vars(self)["_status"] = status.model_copy(update=update)
        stand("failed", said, cause="STOPPED_FOR_ERASURE")
        remedy = "start it again on the dataset without them; `assay erase show` names it"
        return ApplicationError(said, {"remedy": remedy}, type="STOPPED_FOR_ERASURE", non_retryable=True)
