"""What an erasure says of itself while somebody waits for it, and when somebody asks."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import click

from assay.contracts.erasure_totals import rows_in
from assay.contracts.errors import AssayError, Conflict

if TYPE_CHECKING:
    from temporalio.client import WorkflowHandle

    from assay.client import AssayClient
    from assay.contracts.erasure import ErasureStatus

PAUSE: Final = 1.0
"""Seconds between two looks."""
PATIENCE: Final = 10.0
"""Seconds in which a workflow answers that has a worker."""
PLACES: Final = 5
"""Places that one line names."""


async def result_of(client: AssayClient, handle: WorkflowHandle[object, ErasureStatus]) -> ErasureStatus:
    """How the case ends; until then each change of what it says goes to standard error.

    At its end it says aloud there when nothing was found under the name. Raises AssayError with the code that the
    workflow failed with.
    """
    from temporalio.client import WorkflowFailureError

    seen = _Seen()
    watching = asyncio.create_task(_watch(client, handle.id, seen))
    try:
        status = await handle.result()
    except WorkflowFailureError as error:
        raise _failed(handle.id, error.cause) from error
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
    seen.look(status)
    if status.stage == "erased" and not seen.anything:
        _nothing_found(status.case)
    return status


async def begun(client: AssayClient, handle: WorkflowHandle[object, ErasureStatus]) -> ErasureStatus:
    """Where it stands when its gate has decided; as it is where that takes longer than `PATIENCE`."""
    for _ in range(round(PATIENCE / PAUSE) if PAUSE else 1):
        status = await client.erasure_status(handle.id)
        if status.stage not in ("", "deciding"):
            return status
        await asyncio.sleep(PAUSE)
    return await client.erasure_status(handle.id)


async def standing(workflow_id: str) -> dict[str, Any]:
    """Where an open case stands by its workflow's own word; empty, with the reason on standard error, without one.

    `waiting`: the person's rows that are in no ledger, as the case counted them.
    """
    from assay.client import AssayClient

    try:
        status = await _asked(await AssayClient.connect(), workflow_id)
    except AssayError as error:
        click.echo(f"{error.code}: {error.message}", err=True)
        return {}
    if status is None:
        click.echo(f"{workflow_id} does not answer now; see `assay status`", err=True)
        return {}
    said = status.model_dump(mode="json", include={"stage", "reasons", "holds", "remains"})
    return {**said, "waiting": status.found.waiting}


def line_of(status: ErasureStatus) -> str:
    """Stage, and why it is still that: `verifying: ERASURE_INCOMPLETE: 1 places still hold something (file a)`."""
    reasons = "; ".join(status.reasons)
    if status.remains:
        more = ", …" if len(status.remains) > PLACES else ""
        reasons = f"{reasons} ({', '.join(status.remains[:PLACES])}{more})".strip()
    if status.stage == "awaiting confirmation":
        found = status.found
        rows = found.mentioned_waiting + rows_in(found.mentioned)
        reasons = "; ".join(filter(None, (f"{rows} rows, see `assay erase mentions {status.case}`", reasons)))
    return ": ".join(filter(None, (status.stage, "; ".join((*status.holds, *filter(None, (reasons,)))))))


class _Seen:
    """Whether anything was ever found. Rows that a reviewer let go are not in the last status any more."""

    anything = False

    def look(self, status: ErasureStatus) -> None:
        found = status.found
        rows = rows_in((*found.own, *found.mentioned))
        self.anything |= bool(rows or found.waiting or found.mentioned_waiting or status.artifacts)


async def _watch(client: AssayClient, workflow_id: str, seen: _Seen) -> None:
    said = ""
    while True:
        try:
            status = await _asked(client, workflow_id)
        except AssayError as error:  # what comes of the case is for its result to say
            line = f"{error.code}: {error.message}"
        else:
            line = line_of(status) if status else "no answer from its workflow; see `assay status`"
            if status:
                seen.look(status)
        if line != said:
            click.echo(line, err=True)
            said = line
        await asyncio.sleep(PAUSE)


async def _asked(client: AssayClient, workflow_id: str) -> ErasureStatus | None:
    """None while nobody answers. Raises NotFound (`WORKFLOW_NOT_FOUND`)."""
    from temporalio.client import WorkflowQueryFailedError
    from temporalio.service import RPCError

    try:
        async with asyncio.timeout(PATIENCE):
            return await client.erasure_status(workflow_id)
    except (RPCError, WorkflowQueryFailedError, TimeoutError):
        return None


def _failed(workflow_id: str, cause: BaseException) -> AssayError:
    from temporalio.exceptions import ApplicationError

    remedy = f"see `temporal workflow show --workflow-id {workflow_id}`, and order it again"
    if isinstance(cause, ApplicationError) and cause.type:
        return AssayError(cause.type, cause.message, remedy)
    return Conflict("ERASURE_FAILED", f"{type(cause).__name__}: {cause}", remedy)


def _nothing_found(case: str) -> None:
    loud = click.style("nothing was found under this name", fg="yellow", bold=True)
    click.echo(
        f"{loud} in tenant {case.rpartition('.')[0]}, neither rows of the person nor rows that mention them: check its "
        f"spelling, and the tenant. Case {case} and its entry on the suppression list are kept.",
        err=True,
    )
