"""Whose turn it is to promote and roll out a version of one model: a queue, first come, first served."""

from __future__ import annotations

from temporalio import workflow
from temporalio.common import VersioningBehavior
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from assay.contracts.turn import Ticket, TurnNotice, TurnQueue
    from workflows.common import committed, given


@workflow.defn(name="Turn", versioning_behavior=VersioningBehavior.AUTO_UPGRADE)
class Turn:
    """Runs as long as somebody stands in the queue. `Place` enters and leaves it on a lifecycle's behalf."""

    @workflow.init
    def __init__(self, request: TurnQueue | None = None) -> None:
        self._asked = request
        self._queue = list(request.queue) if request else []

    @workflow.run
    async def run(self, request: TurnQueue | None = None) -> None:  # noqa: ARG002  # __init__ keeps it
        # A cancelled queue would leave everybody in it waiting for ever.
        await committed(self._pass_on(given(self._asked)))

    async def _pass_on(self, wanted: TurnQueue) -> None:
        while self._queue:
            while (news := self._news()) is not None:
                await self._tell(*news)
            workflow.set_current_details(self._queue[0].lifecycle if self._queue else "")
            if workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(wanted.model_copy(update={"queue": tuple(self._queue)}))
            await workflow.wait_condition(lambda: not self._queue or self._news() is not None)

    @workflow.query
    def status(self) -> TurnQueue:
        """The queue."""
        return given(self._asked).model_copy(update={"queue": tuple(self._queue)})

    @workflow.signal
    def enter(self, ticket: Ticket) -> None:
        """Stand at the end of the queue; who stands in it already keeps the place."""
        if all(known.place != ticket.place for known in self._queue):
            self._queue.append(ticket)

    @workflow.signal
    def leave(self, place: str) -> None:
        """Leave the queue, and with it the turn."""
        self._queue = [ticket for ticket in self._queue if ticket.place != place]

    def _news(self) -> tuple[int, str | None] | None:
        """The first place whose lifecycle does not know yet whom it waits for."""
        before = None
        for place, ticket in enumerate(self._queue):
            if not ticket.told or ticket.after != before:
                return place, before
            before = ticket.lifecycle
        return None

    async def _tell(self, place: int, after: str | None) -> None:
        # Entered as told before the await: the queue may change meanwhile, and then there is news again.
        ticket = self._queue[place] = self._queue[place].model_copy(update={"told": True, "after": after})
        # To this run alone: one that was started anew would take it for its own turn before it has a place.
        lifecycle = workflow.get_external_workflow_handle(ticket.lifecycle, run_id=ticket.run)
        try:
            await lifecycle.signal("turn", TurnNotice(waits_for=after))
        except FailureError:
            self.leave(ticket.place)  # it has ended
