"""A candidate in the engine while one attempt evaluates it, under a name of its own.

An attempt that timed out ends when it notices, perhaps after its retry has begun; a rollout may have the same adapter
warm. With a name for each, nobody takes an adapter from under somebody else.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from temporalio import activity

from assay.contracts.errors import AssayError, NotFound, Unavailable
from assay.contracts.evaluation import ArmJob
from assay.contracts.names import evaluated_adapter_name
from evals.run import Generate
from serving.engines.protocol import Engine


def name_for(job: ArmJob, info: activity.Info) -> str | None:
    """The name under which this attempt evaluates; None for the base."""
    if job.candidate is None:
        return None
    which = hashlib.sha256(f"{info.workflow_run_id}/{info.activity_id}".encode()).hexdigest()[:8]
    return evaluated_adapter_name(job.tenant, job.model, job.candidate.adapter, which, info.attempt)


@asynccontextmanager
async def borrowed(
    engine: Engine, name: str | None, load: Callable[[str], Awaitable[object]]
) -> AsyncIterator[str | None]:
    """Within this block the engine holds the adapter that `load` loads; what earlier attempts left is unloaded before.

    Raises what `load` raises, and Unavailable.
    """
    if name is None:
        yield None
        return
    for left in sorted(_left_behind(name, await engine.loaded())):
        await engine.unload(left)
    try:
        await load(name)
        yield name
    finally:
        try:
            await engine.unload(name)
        except AssayError as error:  # the answers are there: the next evaluation of this adapter tidies up
            logging.getLogger(__name__).warning("%s stays loaded: %s", name, error)


def asking(engine: Engine, name: str | None) -> Generate:
    """The engine as a model. An adapter that vanishes, as in an engine that restarted, is worth another attempt."""

    async def generate(body: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            return await engine.chat(body, name)
        except NotFound as error:
            raise Unavailable(
                "EVALUATED_ADAPTER_GONE", "the engine lost the adapter during its evaluation", "none: it is tried again"
            ) from error

    return generate


def _left_behind(name: str, loaded: frozenset[str]) -> set[str]:
    """Names of earlier attempts of this evaluation; another one of the same adapter may be under way."""
    mine, _, attempt = name.rpartition(".")
    found = {other.rpartition(".")[::2] for other in loaded if other.startswith(f"{mine}.")}
    return {f"{one}.{number}" for one, number in found if one == mine and int(number) < int(attempt)}
