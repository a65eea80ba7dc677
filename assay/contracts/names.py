"""Names that last: task queues, workflow ids, search attributes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable
from typing import Final

from temporalio.common import SearchAttributeKey

CONTROL_QUEUE: Final = "assay-control"
DATA_QUEUE: Final = "assay-data"
TRAINING_QUEUE: Final = "assay-training"
SERVING_QUEUE: Final = "assay-serving"

TENANT: Final = SearchAttributeKey.for_keyword("AssayTenant")
MODEL: Final = SearchAttributeKey.for_keyword("AssayModel")
STAGE: Final = SearchAttributeKey.for_keyword("AssayStage")
DATASET: Final = SearchAttributeKey.for_keyword("AssayDataset")
DIGEST: Final = SearchAttributeKey.for_keyword("AssayDigest")
CAUSE: Final = SearchAttributeKey.for_keyword("AssayCause")
SEARCH_ATTRIBUTES: Final = (TENANT, MODEL, STAGE, DATASET, DIGEST, CAUSE)
_BEGINNING: Final = 12
"""Characters of a value's keyed hash in the name of a case."""
_MOST_VALUES: Final = 9
_KEYED: Final = re.compile(r"[0-9a-f]{64}|[0-9a-f]{12}")
"""A keyed hash, or the beginning of one."""


def lifecycle_id(tenant: str, model: str, version: int) -> str:
    """`lifecycle/acme/helpdesk/1`"""
    return f"lifecycle/{tenant}/{model}/{version}"


def intake_id(tenant: str, dataset: str, version: int) -> str:
    """`intake/acme/support-calls/1`"""
    return f"intake/{tenant}/{dataset}/{version}"


def training_id(tenant: str, model: str, version: int) -> str:
    """`training/acme/helpdesk/1`"""
    return f"training/{tenant}/{model}/{version}"


def evaluation_id(tenant: str, model: str, version: int) -> str:
    """`evaluation/acme/helpdesk/1`"""
    return f"evaluation/{tenant}/{model}/{version}"


def promotion_id(tenant: str, model: str, version: int) -> str:
    """`promotion/acme/helpdesk/1`"""
    return f"promotion/{tenant}/{model}/{version}"


def rollout_id(tenant: str, model: str, version: int) -> str:
    """`rollout/acme/helpdesk/1`"""
    return f"rollout/{tenant}/{model}/{version}"


def data_review_id(tenant: str, dataset: str) -> str:
    """`data-review/acme/support-calls`"""
    return f"data-review/{tenant}/{dataset}"


def retention_id(tenant: str, dataset: str, version: int) -> str:
    """`retention/acme/support-calls/1`"""
    return f"retention/{tenant}/{dataset}/{version}"


def data_approval_id(tenant: str, source: str, purpose: str, intake: str = "") -> str:
    """`data-approval/acme/tickets/train-tenant-model`, and `…/support-calls/1` where it is for one intake alone."""
    return "/".join(filter(None, ("data-approval", tenant, source, purpose, intake)))


def erasure_id(tenant: str, what: str) -> str:
    """`erasure/acme/5f0c…`: by the keyed hash of the person, or by the dataset; nobody is named."""
    return f"erasure/{tenant}/{what.removeprefix('sha256:')}"


def erasure_what(subject: str | None, mentions: Iterable[str]) -> str:
    """What names the case of a person: the keyed hash of the id, and the beginning of each value's keyed hash.

    Another order is another case; `may_be_of` tells from the name whose it may be. Of more values than an id has room
    for (255 characters in Temporal's databases) one hash over all.
    """
    values = sorted(set(mentions))
    named = [one[:_BEGINNING] for one in values]
    if len(values) > _MOST_VALUES:
        named = [f"{len(values)}-{hashlib.sha256(chr(0).join(values).encode()).hexdigest()[:32]}"]
    return ".".join((*([subject] if subject else []), *named))


def may_be_of(workflow_id: str, people: Collection[str]) -> bool:
    """Whether a case may be of one of these (keyed hashes of ids and values); one whose name tells nobody may be."""
    parts = workflow_id.rpartition("/")[2].split(".")
    if not all(_KEYED.fullmatch(part) for part in parts):
        return True
    return any(person.startswith(part) for person in people for part in parts)


def turn_id(tenant: str, model: str) -> str:
    """`turn/acme/helpdesk`"""
    return f"turn/{tenant}/{model}"


def place_id(tenant: str, model: str, version: int, run: str) -> str:
    """`place/acme/helpdesk/1/0198a9c2-…`: of one run alone, so that a lifecycle started anew has a place of its own."""
    return f"place/{tenant}/{model}/{version}/{run}"


def adapter_name(tenant: str, model: str, digest: str) -> str:
    """Engine-side name of an adapter, `acme.helpdesk.9f3c2a71d00b`: carries the digest, so it is never reused."""
    return f"{tenant}.{model}.{digest.removeprefix('sha256:')[:12]}"


def evaluated_adapter_name(tenant: str, model: str, digest: str, activity: str, attempt: int) -> str:
    """Engine-side name of an adapter while it is evaluated, `eval.acme.helpdesk.9f3c2a71d00b.51d0e2aa.1`.

    Of one attempt alone, and never that of a route, which has three parts.
    """
    return f"eval.{adapter_name(tenant, model, digest)}.{activity}.{attempt}"
