"""A client process that ends right after its last answer ends with 0."""

from __future__ import annotations

import asyncio
import sys

from assay.client import AssayClient

from .asking import approve, wanted

PROCESSES = 24
SCRIPT = """
import asyncio, sys
from assay.client import AssayClient

async def ask() -> None:
    client = await AssayClient.connect(sys.argv[1])
    print((await client.lifecycle_status("acme", "helpdesk", int(sys.argv[2]))).stage)

asyncio.run(ask())
"""


async def test_short_lived_clients_end_well(client: AssayClient) -> None:
    request = wanted()
    handle = await client.start_lifecycle(request)
    await approve(client, request)
    await handle.result()
    address = client.temporal.service_client.config.target_host
    gate = asyncio.Semaphore(3)

    async def one() -> tuple[int | None, bytes]:
        async with gate:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", SCRIPT, address, str(request.version), stdout=asyncio.subprocess.PIPE
            )
            said, _ = await process.communicate()
            return process.returncode, said.strip()

    assert await asyncio.gather(*(one() for _ in range(PROCESSES))) == [(0, b"production")] * PROCESSES
