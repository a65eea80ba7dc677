"""A lifecycle's place in the queue of its model: as a child it ends with its parent, however that ends."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from temporalio import workflow
from temporalio.common import VersioningBehavior
from temporalio.exceptions import FailureError, WorkflowAlreadyStartedError
from temporalio.workflow import ParentClosePolicy

with workflow.unsafe.imports_passed_through():
    from assay.contracts import names
    from assay.contracts.turn import PlaceRequest, Ticket, TurnQueue
    from workflows.common import given, settled


@workflow.defn(name="Place", versioning_behavior=VersioningBehavior.AUTO_UPGRADE)
class Place:
    """Enters the queue, and leaves it when cancelled: the server cancels it when its lifecycle closes.

    So a lifecycle that is terminated, which runs no code any more, does not keep the turn.
    """

    @workflow.init
    def __init__(self, request: PlaceRequest | None = None) -> None:
        self._asked = request

    @workflow.run
    async def run(self, request: PlaceRequest | None = None) -> None:  # noqa: ARG002  # __init__ keeps it
        wanted = given(self._asked)
        workflow.set_current_details(wanted.lifecycle)
        try:
            await settled(self._enter(wanted), hand_on=False)
            await workflow.wait_condition(lambda: False)
        except asyncio.CancelledError:
            pass
        with suppress(FailureError):  # the queue has ended: nobody stood in it
            await self._turn(wanted).signal("leave", workflow.info().workflow_id)

    async def _enter(self, wanted: PlaceRequest) -> None:
        ticket = Ticket(place=workflow.info().workflow_id, lifecycle=wanted.lifecycle, run=wanted.run)
        queue = TurnQueue(tenant=wanted.tenant, model=wanted.model, queue=(ticket,))
        while True:
            try:
                # Begun with somebody in it, since an empty queue ends.
                await workflow.start_child_workflow(
                    "Turn",
                    queue,
                    id=names.turn_id(wanted.tenant, wanted.model),
                    parent_close_policy=ParentClosePolicy.ABANDON,
                )
                return
            except WorkflowAlreadyStartedError:
                pass
            try:
                await self._turn(wanted).signal("enter", ticket)
                return
            except FailureError:
                continue  # it ended in between: begin a new one

    def _turn(self, wanted: PlaceRequest) -> workflow.ExternalWorkflowHandle[object]:
        return workflow.get_external_workflow_handle(names.turn_id(wanted.tenant, wanted.model))
