"""Somebody reads Temporal's database, or writes into it. With a payload key there is nothing to read, nor to change."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from temporalio.api.common.v1 import Payload
from temporalio.client import Client, WorkflowHistory, WorkflowUpdateFailedError
from temporalio.converter import DataConverter
from temporalio.worker import Replayer, Worker

from assay.client import AssayClient
from assay.contracts.errors import AssayError, InputRefused, IntegrityRefused
from assay.converter import converter_of
from assay.encryption import EncryptionCodec, parse_keys
from assay.settings import Ports, Settings
from workers.codec_server import make
from workers.plugin import plugin

from .canary import Canary, canary_step
from .conftest import Connect, payload_key

CANARY = "open-sesame"
OURS = payload_key("new", "n")
OLD = payload_key("old", "o")
FOREIGN = payload_key("foreign", "f")
SAME_ID = payload_key("new", "x")


def settings(*keys: str, **more: Any) -> Settings:
    return Settings.model_validate({"payload_keys": ",".join(keys) or None, **more})


@pytest.fixture
async def worker(connect: Connect) -> AsyncIterator[Client]:
    """A worker that encrypts with the new key and still reads the old one's."""
    client = connect(settings(OURS, OLD))
    async with Worker(client, task_queue="canary", workflows=[Canary], activities=[canary_step], **_threads()):
        yield client


def _threads() -> dict[str, Any]:
    from concurrent.futures import ThreadPoolExecutor

    return {"activity_executor": ThreadPoolExecutor(2), "max_heartbeat_throttle_interval": timedelta(milliseconds=1)}


async def lived(client: Client, id_: str) -> WorkflowHistory:
    """The history of a workflow that got the canary by every way."""
    handle = await client.start_workflow(
        Canary.run, CANARY, id=id_, task_queue="canary", memo={"note": CANARY}, static_summary=CANARY
    )
    await handle.signal(Canary.say, CANARY)
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await handle.execute_update(Canary.change, f"bad {CANARY}")
    assert str(refused.value.cause) == f"UPDATE_REFUSED: refused bad {CANARY}"
    assert await handle.query(Canary.status, CANARY) == [f"signal {CANARY}", f"query {CANARY}"]
    assert await handle.execute_update(Canary.change, f"end {CANARY}") == f"changed by end {CANARY}"
    result = await handle.result()
    assert result[-1] == f"{CANARY} ['beat {CANARY}']"
    return await handle.fetch_history()


async def test_temporal_stores_ciphertext_only(worker: Client, server: Any) -> None:
    history = await lived(worker, "canary/all-ways")
    described = await server.client.get_workflow_handle("canary/all-ways").describe()
    stored = f"{history.to_json()}{described.raw_description}"
    assert CANARY not in stored
    assert base64.b64encode(CANARY.encode()).decode()[:12] not in stored
    assert stored.count("binary/encrypted") or stored.count(base64.b64encode(b"binary/encrypted").decode())
    for kind in ("WORKFLOW_EXECUTION_SIGNALED", "WORKFLOW_EXECUTION_UPDATE_ACCEPTED", "ACTIVITY_TASK_STARTED"):
        assert kind in stored


async def test_an_encrypted_history_replays_with_the_key_and_not_without(worker: Client) -> None:
    history = await lived(worker, "canary/replayed")
    await Replayer(workflows=[Canary], plugins=[plugin(settings(OURS))]).replay_workflow(history)
    for keys in ([], [FOREIGN], [SAME_ID]):
        replayer = Replayer(workflows=[Canary], plugins=[plugin(settings(*keys))])
        with pytest.raises(Exception, match="IntegrityRefused"):
            await replayer.replay_workflow(history)


async def test_a_key_that_was_followed_by_another_still_reads(worker: Client, connect: Connect) -> None:
    client = connect(settings(OLD, OURS))
    handle = await client.start_workflow(Canary.run, CANARY, id="canary/rotated", task_queue="canary")
    assert await handle.execute_update(Canary.change, "end") == "changed by end"
    assert (await handle.result())[0] == "update end"
    assert base64.b64encode(b"old").decode() in (await handle.fetch_history()).to_json()


@pytest.mark.parametrize(
    ("keys", "code"),
    [((FOREIGN,), "PAYLOAD_KEY_UNKNOWN"), ((), "PAYLOAD_KEY_UNKNOWN"), ((SAME_ID,), "PAYLOAD_TAMPERED")],
    ids=["another key", "no key", "another key under the same id"],
)
async def test_who_has_not_the_key_is_told_and_disturbs_nothing(
    worker: Client, connect: Connect, keys: tuple[str, ...], code: str
) -> None:
    id_ = f"canary/foreign-{code}-{len(keys)}"
    ours = await worker.start_workflow(Canary.run, CANARY, id=id_, task_queue="canary")
    theirs = connect(settings(*keys)).get_workflow_handle(id_)
    with pytest.raises(IntegrityRefused, match=code):
        await theirs.query(Canary.status, result_type=list[str])
    with pytest.raises((IntegrityRefused, WorkflowUpdateFailedError)):
        await theirs.execute_update("change", "x", result_type=str)
    await theirs.signal("say", "x")
    before = len(await ours.query(Canary.status))
    # Without a key, what they send is plain, and a house that is not strict takes it; with a wrong one it is dropped.
    assert before == (1 if keys else 3)
    assert await ours.execute_update(Canary.change, "end") == "changed by end"
    assert CANARY in (await ours.result())[-1]


async def test_the_typed_client_says_which_key_is_missing(
    worker: Client, connect: Connect, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    await worker.start_workflow(Canary.run, CANARY, id="promotion/acme/helpdesk/7", task_queue="canary")
    monkeypatch.setenv("ASSAY_PAYLOAD_KEYS", FOREIGN)
    stranger = await AssayClient.connect(address)
    with pytest.raises(IntegrityRefused, match=r"key new.*Remedy: add that key to ASSAY_PAYLOAD_KEYS"):
        await stranger.promotion_status("acme", "helpdesk", 7)


async def test_an_input_under_an_unknown_key_waits_for_the_key_and_is_not_lost(connect: Connect) -> None:
    """A worker that was started with the wrong keys must not fail everything that it can not read."""
    handle = await connect(settings(FOREIGN)).start_workflow(Canary.run, "hi", id="canary/waits", task_queue="late")

    async def served_by(*keys: str) -> Worker:
        return Worker(connect(settings(*keys)), task_queue="late", workflows=[Canary], max_cached_workflows=0)

    async with await served_by(OURS):
        async with asyncio.timeout(30):
            while (await handle.describe()).raw_description.pending_workflow_task.attempt < 2:  # noqa: ASYNC110  # it is the server's
                await asyncio.sleep(0.1)
    assert (await handle.describe()).status is not None
    async with await served_by(OURS, FOREIGN):
        reading = connect(settings(OURS, FOREIGN)).get_workflow_handle("canary/waits")
        assert await reading.query(Canary.status, "hi") == ["query hi"]
    await handle.terminate()


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda p: setattr(p, "data", p.data[:-1] + bytes([p.data[-1] ^ 1])), id="last byte"),
        pytest.param(lambda p: setattr(p, "data", bytes([p.data[0] ^ 1]) + p.data[1:]), id="nonce"),
        pytest.param(lambda p: setattr(p, "data", p.data[:11]), id="shorter than a nonce"),
        pytest.param(lambda p: setattr(p, "data", b""), id="empty"),
        pytest.param(lambda p: p.metadata.update({"encryption-key-id": b"old"}), id="another key's id"),
        pytest.param(lambda p: p.metadata.update({"encryption-key-id": b"\xff"}), id="an id that is no text"),
        pytest.param(lambda p: p.metadata.update({"encryption-cipher": b"none"}), id="another cipher"),
    ],
)
async def test_a_changed_payload_is_refused(change: Callable[[Payload], None]) -> None:
    converter = converter_of(settings(OURS, OLD))
    [payload] = await converter.encode([CANARY])
    change(payload)
    with pytest.raises(IntegrityRefused, match=r"PAYLOAD_(TAMPERED|KEY_UNKNOWN)") as refused:
        await converter.decode([payload])
    assert CANARY not in str(refused.value)


async def test_equal_payloads_are_not_seen_to_be_equal() -> None:
    codec = EncryptionCodec(parse_keys(OURS))
    sealed = await codec.encode([Payload(data=b"x")] * 50)
    assert len({payload.data for payload in sealed}) == 50
    assert len({payload.data[:12] for payload in sealed}) == 50


@pytest.mark.parametrize(
    "text", ["", "x", "new:", "new:AAAA", OURS + "," + OURS, "n w:" + OURS[4:], OURS[4:], OURS + ","]
)
def test_a_malformed_key_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(InputRefused, match="PAYLOAD_KEY_MALFORMED") as refused:
        parse_keys(text)
    assert "AAAA" not in str(refused.value)
    assert OURS[4:20] not in str(refused.value)


async def test_strict_takes_encrypted_payloads_only_and_needs_a_key() -> None:
    strict = converter_of(settings(OURS, payload_strict=True))
    plain = DataConverter.default.payload_converter.to_payloads([CANARY])
    with pytest.raises(IntegrityRefused, match="PAYLOAD_UNENCRYPTED"):
        await strict.decode(plain)
    assert await strict.decode(await strict.encode([CANARY])) == [CANARY]
    with pytest.raises(InputRefused, match="PAYLOAD_KEY_MISSING"):
        converter_of(settings(payload_strict=True))


# The codec server, and the temporal command that uses it.


@asynccontextmanager
async def codec_server(application: web.Application) -> AsyncIterator[str]:
    runner = web.AppRunner(application)
    await runner.setup()
    listener = socket.create_server(("127.0.0.1", 0))
    await web.SockSite(runner, listener).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        await runner.cleanup()


UI = "http://127.0.0.1:18233"


@pytest.fixture
async def codec() -> AsyncIterator[str]:
    asked = settings(OURS, OLD, codec_key="token", ports=Ports(temporal_ui=18233))
    async with codec_server(make(asked)) as url:
        yield url


async def temporal(binary: Path, address: str, *arguments: str) -> str:
    """What the command says."""
    process = await asyncio.create_subprocess_exec(
        str(binary), *arguments, "--address", address, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await asyncio.wait_for(process.communicate(), 60)
    return said.decode()


async def test_the_command_line_reads_with_the_codec_server_only(
    worker: Client, codec: str, temporal_binary: Path, address: str
) -> None:
    await lived(worker, "canary/by-command")
    show = ("workflow", "show", "--workflow-id", "canary/by-command", "--output", "json")
    ask = ("workflow", "query", "--workflow-id", "canary/by-command", "--name", "status")
    for command, text in ((show, READABLE), (ask, CANARY)):
        assert text not in await temporal(temporal_binary, address, *command)
        reading = ("--codec-endpoint", codec, "--codec-auth", "Bearer token")
        assert text in await temporal(temporal_binary, address, *command, *reading)
    wrong = ("--codec-endpoint", codec, "--codec-auth", "Bearer no")
    assert "send the codec server's token" in await temporal(temporal_binary, address, *ask, *wrong)


@pytest.mark.parametrize("with_codec", [False, True])
async def test_plain_json_from_the_command_line_starts_a_workflow(
    worker: Client, codec: str, temporal_binary: Path, address: str, tmp_path: Path, with_codec: bool
) -> None:
    """Without the codec server its input is stored as it was typed; whatever the workflow then says is encrypted."""
    (tmp_path / "input.json").write_text(json.dumps(CANARY))
    reading = ("--codec-endpoint", codec, "--codec-auth", "Bearer token") if with_codec else ()
    id_ = f"canary/typed-{with_codec}"
    start = ("workflow", "start", "--type", "Canary", "--task-queue", "canary", "--workflow-id", id_)
    await temporal(temporal_binary, address, *start, "--input-file", str(tmp_path / "input.json"), *reading)
    handle = worker.get_workflow_handle(id_)
    await handle.execute_update("change", "end")
    assert CANARY in (await handle.result())[-1]
    events = json.loads((await handle.fetch_history()).to_json())["events"]
    typed = base64.b64encode(json.dumps(CANARY).encode()).decode()
    assert (typed in json.dumps(events[0])) == (not with_codec)
    assert typed not in json.dumps(events[1:])


async def _post(url: str, body: bytes, **headers: str) -> tuple[int, str, dict[str, str]]:
    async with aiohttp.ClientSession() as session, session.post(url, data=io.BytesIO(body), headers=headers) as answer:
        return answer.status, await answer.text(), {name.lower(): value for name, value in answer.headers.items()}


async def sealed() -> bytes:
    from google.protobuf.json_format import MessageToJson
    from temporalio.api.common.v1 import Payloads

    payloads = await converter_of(settings(OURS)).encode([CANARY])
    return MessageToJson(Payloads(payloads=payloads)).encode()


READABLE = base64.b64encode(json.dumps(CANARY).encode()).decode()


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "token"},
        {"authorization": "Bearer "},
        {"authorization": "Bearer toke"},
        {"authorization": "Bearer token2"},
        {"authorization": "Bearer tökén"},
        {"cookie": "assay-codec=token"},
        {"cookie": "assay-codec="},
        {"authorization": "Bearer token", "origin": "http://evil.example"},
        {"authorization": "Bearer token", "origin": "null"},
        {"authorization": "Bearer token", "origin": UI + ".evil.example"},
        {"authorization": "Bearer token", "origin": "http://127.0.0.1:1"},
    ],
    ids=str,
)
async def test_the_codec_server_decodes_for_nobody_else(codec: str, headers: dict[str, str]) -> None:
    status, said, answered = await _post(f"{codec}/decode", await sealed(), **headers)
    assert status in (401, 403)
    assert READABLE not in said
    assert "access-control-allow-origin" not in answered


async def test_the_ui_may_read_by_token_and_by_session(codec: str) -> None:
    status, said, answered = await _post(f"{codec}/decode", await sealed(), authorization="Bearer token", origin=UI)
    assert (status, answered["access-control-allow-origin"]) == (200, UI)
    assert READABLE in said
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        async with session.post(f"{codec}/session", data={"token": "wrong"}) as refused:
            assert (refused.status, refused.cookies) == (401, {})
        async with session.post(f"{codec}/session", data={"token": "token"}) as opened:
            cookie = opened.headers["set-cookie"]
        assert "token" not in cookie
        assert {"HttpOnly", "SameSite=Strict"} <= set(cookie.split("; "))
        async with session.post(f"{codec}/decode", data=await sealed(), headers={"origin": UI}) as read:
            assert READABLE in await read.text()
    async with aiohttp.ClientSession() as session, session.options(f"{codec}/decode", headers={"origin": UI}) as asked:
        assert asked.headers["access-control-allow-headers"] == "authorization, content-type, x-namespace"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 200),
        (b'{"payloads": 1}', 400),
        (b'{"payloads": [{"data": "%"}]}', 200),
        (b"\xff\xfe", 400),
        (b'{"payloads":' + b"[" * 100_000, 400),
        (b" " * ((16 << 20) + 1), 413),
        (b'{"payloads": [{"metadata": {"encoding": "YmluYXJ5L2VuY3J5cHRlZA=="}, "data": ""}]}', 200),
    ],
    ids=["empty", "cut", "list", "number", "no base64", "no text", "deep", "17 MB", "nothing inside"],
)
async def test_the_codec_server_bears_rubbish(codec: str, body: bytes, status: int) -> None:
    assert (await _post(f"{codec}/decode", body, authorization="Bearer token"))[0] == status
    assert (await _post(f"{codec}/decode", await sealed(), authorization="Bearer token"))[0] == 200


@pytest.mark.parametrize(
    "wrong", [{"codec_key": "token"}, {"payload_keys": OURS}, {"payload_keys": "x", "codec_key": "token"}], ids=str
)
def test_the_codec_server_does_not_start_without_key_and_token(tmp_path: Path, wrong: dict[str, str]) -> None:
    with pytest.raises(AssayError, match=r"PAYLOAD_KEY_MISSING|CODEC_TOKEN_MISSING|PAYLOAD_KEY_MALFORMED"):
        make(Settings.model_validate({"home": tmp_path, **wrong}))
