"""Review of quarantined rows: they wait for people, and are never trained on until they are released."""

from __future__ import annotations

from typing import Literal

from assay.contracts.base import Message, Slug
from assay.contracts.data import Purpose

RowState = Literal["waiting", "released", "refused"]


class ReviewQueue(Message):
    """Whose rows wait, and for which use: a release for one purpose says nothing about another."""

    tenant: Slug
    dataset: Slug
    purpose: Purpose = "train-tenant-model"
