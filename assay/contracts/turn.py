"""Turns: the lifecycles of one model are promoted and rolled out one after another."""

from __future__ import annotations

from pydantic import Field

from assay.contracts.base import Message, Slug


class Ticket(Message):
    """A lifecycle in the queue, and what it was last told to wait for; None is that it is its turn.

    `place` is the workflow that holds this place: a lifecycle that is started anew has another one.
    """

    place: str
    lifecycle: str
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
    """Hold a place in the queue for a lifecycle, for as long as that lifecycle runs."""

    tenant: Slug
    model: Slug
    lifecycle: str
