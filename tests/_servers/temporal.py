"""Temporal's dev server, of the tests' own, with the search attributes of Assay."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from temporalio.testing import WorkflowEnvironment

from assay.contracts import names


@asynccontextmanager
async def running_temporal(binary: Path, *arguments: str) -> AsyncIterator[WorkflowEnvironment]:
    """A dev server on a free port until the end of the block; `arguments` are further ones of `server start-dev`."""
    environment = await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(binary),
        search_attributes=names.SEARCH_ATTRIBUTES,
        dev_server_log_level="error",
        dev_server_extra_args=arguments,
    )
    async with environment:
        yield environment
