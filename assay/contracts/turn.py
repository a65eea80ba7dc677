"""Turns: the lifecycles of one model are promoted and rolled out one after another."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from assay.contracts.base import Message, Slug

# What Temporal takes as ids: others fail the workflow task of who uses them, again and again.
WorkflowId = Annotated[str, Field(min_length=1, max_length=1000)]
RunId = Annotated[str, Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]


class Ticket(Message):
    """A run of a lifecycle in the queue, and what it was last told to wait for; None is that it is its turn.

    `place` is the workflow that holds this place: a lifecycle that is started anew has another one.
    """

    place: WorkflowId
    lifecycle: WorkflowId
    run: RunId
    told: bool = False
    after: str | None = None


class TurnQueue(Message):
    """Input, state and `status` of `Turn`: whose turn it is, and who comes next."""

    tenant: Slug
    model: Slug
    queue: tuple[Ticket, ...] = Field(description="the first one has the turn")


class TurnNotice(Message):
    """What `Turn` tells a lifecycle, by its signal `turn`."""

    waits_for: str | None = Field(description="the lifecycle before it in the queue; None is that it is its turn")


class PlaceRequest(Message):
    """Hold a place in the queue for a run of a lifecycle, for as long as it goes on."""

    tenant: Slug
    model: Slug
    lifecycle: WorkflowId
    run: RunId
