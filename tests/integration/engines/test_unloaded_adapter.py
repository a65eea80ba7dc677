"""An unloaded adapter at a real SGLang: the engine would read it again, the gateway does not let it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from assay.contracts.base import BasePin
from serving.engines.sentences import adapter_absent
from serving.engines.sglang import SGLangEngine
from serving.gateway.engine import EngineClient, open_session
from serving.gateway.errors import Refusal
from serving.gateway.snapshot import Target

NAME = "acme.helpdesk.333333333333"
BODY: dict[str, Any] = {"model": f"base:{NAME}", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 2}

pytestmark = pytest.mark.slow


def target(base: BasePin) -> Target:
    version = "sha256:" + "3" * 64
    return Target("acme", "helpdesk", "stable", version, NAME, base.revision, base.digest, 1)


async def ask_directly(sglang: SGLangEngine) -> tuple[int, dict[str, Any]]:
    """Past gateway and client, as whoever holds the data key could."""
    async with (
        aiohttp.ClientSession(headers=sglang._data) as session,
        session.post(f"{sglang._url}/v1/chat/completions", json=BODY) as response,
    ):
        return response.status, await response.json()


async def test_the_gateway_asks_for_an_adapter_only_while_the_engine_holds_it(
    sglang: SGLangEngine, adapters: tuple[Path, Path], engine_pin: BasePin
) -> None:
    status, said = await ask_directly(sglang)
    assert (status, adapter_absent(said["message"])) == (400, True)
    async with open_session() as session:
        client = EngineClient((sglang._url,), session, "data")
        await client.pool.look()
        await sglang.load(NAME, adapters[0])
        await client.pool.see(frozenset({NAME}))
        async with client.post(target(engine_pin), orjson.dumps(BODY)) as response:
            assert response.status == 200

        await sglang.unload(NAME)
        await client.pool.look()
        with pytest.raises(Refusal, match="adapter_not_ready"):
            async with client.post(target(engine_pin), orjson.dumps(BODY)):
                pass
        assert await sglang.loaded() == frozenset()

    assert (await ask_directly(sglang))[0] == 200, "SGLang does not reload by itself any more: the rule can be relaxed"
    assert await sglang.loaded() == {NAME}
    await sglang.unload(NAME)
