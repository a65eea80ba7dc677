"""A tenant wants another tenant's model, or to learn that it is there."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from assay.contracts.rollout import Arm, RouteTable
from serving.gateway.cohort import bucket
from serving.gateway.errors import Refusal

from .gate import ACME, ADMIN_KEY, BASE, ENGINE_KEY, FOREIGN, FOREIGN_DIGEST, GLOBEX, OWN, Gate, running


@pytest.fixture(scope="module")
async def gate(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gate]:
    async with running(tmp_path_factory.mktemp("gate")) as started:
        yield started


MODELS = {
    "its name": "sales",
    "tenant and name": "globex/sales",
    "its engine name": FOREIGN,
    "base:adapter": f"base:{FOREIGN}",
    "own:adapter": f"helpdesk:{FOREIGN}",
    "own engine name": OWN,
    "base": "base",
    "base with colon": "base:",
    "repository": BASE.repository,
    "digest": FOREIGN_DIGEST,
    "bare digest": FOREIGN_DIGEST[7:],
    "own digest": "sha256:" + "a" * 64,
    "cyrillic": "s\u0430les",
    "full width": "\uff53ales",
    "mathematical": "\U0001d42c\U0001d41a\U0001d425\U0001d41e\U0001d42c",
    "long s": "\u017fales",
    "combining": "sales\u0301",
    "zero width": "sa\u200bles",
    "right to left": "\u202eselas",
    "soft hyphen": "sa\u00adles",
    "tag characters": "sales\U000e0020",
    "upper case": "SALES",
    "own in upper case": "HELPDESK",
    "own in full width": "\uff48elpdesk",
    "own with kelvin sign": "helpdes\u212a",
    "own decomposed": unicodedata.normalize("NFD", "helpdésk"),
    "NUL": "helpdesk\0",
    "NUL and more": "helpdesk\0sales",
    "new line": "helpdesk\nsales",
    "spaces": " helpdesk ",
    "tab": "helpdesk\t",
    "dots": "../globex/sales",
    "dots from own": "helpdesk/../../globex/sales",
    "percent": "%73ales",
    "twice percent": "%2573ales",
    "file": f"/var/lib/assay/adapters/{FOREIGN_DIGEST.replace(':', '-')}",
    "url": f"file:///adapters/{FOREIGN}",
    "query": "helpdesk?tenant=globex",
    "pattern": "*",
    "sql": "' OR 1=1 --",
    "template": "{{tenant}}",
    "empty": "",
    "long": "s" * 5000,
}


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS.keys())
async def test_no_name_leads_to_another_model(gate: Gate, model: str) -> None:
    reached = len(gate.engine.bodies)
    reply = await gate.chat(model=model)
    assert (reply.status, reply.code) == (404, "model_not_found")
    assert len(gate.engine.bodies) == reached
    # What it says repeats what was sent and nothing else: the same for every name, whoever has it.
    said = json.loads(reply.body)["error"]
    assert said["message"] == f"The model `{model[:100]}` does not exist or you do not have access to it."
    assert {**said, "message": ""} == {
        "message": "",
        "type": "invalid_request_error",
        "param": "model",
        "code": "model_not_found",
        "remedy": "GET /v1/models lists what this key may use.",
    }


FIELDS: dict[str, Any] = {
    **dict.fromkeys(("lora_path", "lora_id", "lora_name", "adapter", "model_name", "tenant"), FOREIGN),
    **dict.fromkeys(("rid", "cache_salt", "extra_key", "session_id", "user_id", "return_hidden_states"), "globex"),
    **dict.fromkeys(("regex", "ebnf", "custom_logit_processor", "chat_template", "chat_template_kwargs"), "x"),
    **dict.fromkeys(("input_ids", "input_embeds", "image_data", "bootstrap_host", "data_parallel_rank"), 1),
    **dict.fromkeys(("extra_body", "functions", "function_call", "modalities", "audio", "web_search_options"), 1),
    **dict.fromkeys(("MODEL", "Model", "model ", "model\0", "\uff4dodel", "__proto__", ""), FOREIGN),
}


@pytest.mark.parametrize("field", FIELDS, ids=repr)
async def test_no_field_reaches_the_engine_but_those_of_the_list(gate: Gate, field: str) -> None:
    reached = len(gate.engine.bodies)
    reply = await gate.chat(**{field: FIELDS[field]})
    assert (reply.status, reply.code) == (400, "unsupported_parameter")
    assert len(gate.engine.bodies) == reached


@pytest.mark.parametrize(
    "body",
    [
        b'{"model": "sales", "model": "helpdesk", "messages": [{"role": "user", "content": "hi"}]}',
        b'{"model": "helpdesk", "mod\\u0065l": "helpdesk", "messages": [{"role": "user", "content": "hi"}]}',
        b'{"messages": [], "model": "helpdesk", "messages": [{"role": "user", "content": "hi", "role": "user"}]}',
    ],
    ids=["model twice", "model escaped", "messages and role twice"],
)
async def test_of_a_key_given_twice_the_engine_sees_what_was_checked(gate: Gate, body: bytes) -> None:
    reply = await gate.send("POST", "/v1/chat/completions", body, ACME)
    assert reply.status == 200
    assert gate.engine.bodies[-1]["model"] == f"base:{OWN}"
    assert gate.engine.bodies[-1]["cache_salt"] == "acme"


HEADERS = {
    "tenant": b"x-assay-tenant: globex",
    "adapter": b"x-assay-adapter: " + FOREIGN_DIGEST.encode(),
    "arm": b"x-assay-arm: canary",
    "model": b"x-assay-model: sales",
    "second key": b"authorization: Bearer " + GLOBEX.encode(),
    "other schemes": b"x-api-key: " + GLOBEX.encode() + b"\r\napi-key: " + GLOBEX.encode(),
    "cookie": b"cookie: key=" + GLOBEX.encode(),
    "organisation": b"openai-organization: globex\r\nopenai-project: sales",
    "session of the other": b"x-assay-session: globex",
    "session that is long": b"x-assay-session: " + b"s" * 8000,
    "forwarded": b"x-forwarded-for: 127.0.0.1\r\nx-forwarded-host: admin\r\nx-forwarded-user: globex",
    "rewriting": b"x-original-url: /admin/refresh\r\nx-rewrite-url: /admin/refresh",
    "method": b"x-http-method-override: GET",
    "engine routing": b"x-smg-target-worker: 1\r\nx-sglang-lora: " + FOREIGN.encode(),
    "baggage": b"baggage: tenant=globex\r\ntracestate: tenant=globex",
}


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS.keys())
async def test_no_header_chooses_tenant_model_or_arm(gate: Gate, header: bytes) -> None:
    reply = await gate.chat(headers=header + b"\r\n")
    assert reply.status == 200
    assert gate.engine.bodies[-1]["model"] == f"base:{OWN}"
    assert reply.headers["x-assay-arm"] == "stable"
    assert b"globex" not in reply.body


async def test_a_session_moves_between_own_arms_and_no_other_header_between_any(tmp_path: Path) -> None:
    """The canary stands there to be reached: one session in a hundred is in it, and asking for it does not help."""
    sessions = [str(number) for number in range(300)]
    within = next(each for each in sessions if bucket("acme", "helpdesk", each) < 100)
    async with running(tmp_path) as gate:
        canary = Arm(name="canary", version=None, adapter=None, percent=1)
        own, other = gate.source.table.routes
        own = own.model_copy(update={"arms": (canary, own.arms[0].model_copy(update={"percent": 99}))})
        gate.source.table = RouteTable(revision=2, routes=(own, other))
        assert (await gate.send("POST", "/admin/refresh", key=ADMIN_KEY)).status == 200
        for header in HEADERS.values():
            assert (await gate.chat(headers=header + b"\r\n")).headers["x-assay-arm"] == "stable"
        met = await gate.chat(headers=f"x-assay-session: {within}\r\n".encode())
        assert met.headers["x-assay-arm"] == "canary"
        assert {body["model"] for body in gate.engine.bodies} == {f"base:{OWN}", "base"}


PATHS = [
    "/v1/chat%2Fcompletions",
    "/v1/chat/completions/",
    "/v1//chat/completions",
    "/v1/./chat/completions",
    "/v1/x/../chat/completions",
    "/V1/chat/completions",
    "/v1/chat/completions%00",
    "/v1/chat/completions;x",
    "/v1/chat/completions%20",
    "/globex/v1/chat/completions",
    "/%61dmin/refresh",
    "/admin%2frefresh",
    "/admin/../admin/refresh",
    "/v1/../admin/refresh",
    "//admin/refresh",
    "/generate",
    "/load_lora_adapter",
    "/unload_lora_adapter",
    "/flush_cache",
    "/v1/completions",
    "/v1/responses",
    "/v1/embeddings",
    "/v1/models/sales",
    "/metrics/../admin/observations",
    "/.git/config",
    "/..%2f..%2fetc/passwd",
]


@pytest.mark.parametrize("path", PATHS)
async def test_no_path_leads_round_the_table_of_doors(gate: Gate, path: str) -> None:
    reached = len(gate.engine.bodies)
    for method, key in (("POST", ACME), ("GET", ACME), ("POST", ADMIN_KEY)):
        reply = await gate.send(method, path, b"{}", key)
        assert (reply.status, reply.code) == (404, "not_found")
        assert b"passwd" not in reply.body
    assert len(gate.engine.bodies) == reached


@pytest.mark.parametrize(
    "path", ["http://x/v1/models", "http://globex/v1/models", "/v1/models?key=" + GLOBEX, "/v1/models#x"]
)
async def test_who_asks_is_who_holds_the_key(gate: Gate, path: str) -> None:
    reply = await gate.send("GET", path, key=ACME)
    assert reply.status == 200
    assert [card["id"] for card in json.loads(reply.body)["data"]] == ["helpdesk"]
    assert b"sales" not in reply.body
    assert GLOBEX.encode() not in reply.body


KEYS = {
    "none": "",
    "unknown": "ak_nobody",
    "shorter": ACME[:-1],
    "longer": ACME + "x",
    "upper case": ACME.upper(),
    "its hash": "8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4",
    "two": f"{ACME} {GLOBEX}",
    "comma": f"{ACME},{GLOBEX}",
    "latin": ACME + "é",
    "control": ADMIN_KEY,
    "engine's": ENGINE_KEY,
    "quoted": f'"{ACME}"',
    "percent": "%61k_acme",
    "pattern": "%",
    "sql": "' OR '1'='1",
    "long": "k" * 20000,
}


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS.keys())
@pytest.mark.parametrize("door", ["chat", "models", "refresh", "observations"])
async def test_no_other_key_opens_a_door(gate: Gate, key: str, door: str) -> None:
    method, path = {
        "chat": ("POST", "/v1/chat/completions"),
        "models": ("GET", "/v1/models"),
        "refresh": ("POST", "/admin/refresh"),
        "observations": ("GET", "/admin/observations?tenant=acme&model=helpdesk"),
    }[door]
    if key == ADMIN_KEY and door in ("refresh", "observations"):
        key = ACME  # a tenant's key opens no door of the control plane
    reply = await gate.send(method, path, b"{}" if method == "POST" else b"", key)
    assert (reply.status, reply.code) == (401, "invalid_api_key")
    assert not any(word in reply.body for word in (b"acme", b"globex", b"sales", b"secret"))


async def test_a_gateway_without_a_control_key_takes_none(tmp_path: Path) -> None:
    from pydantic import SecretStr

    async with running(tmp_path) as gate:
        gate.app._config = gate.app._config.model_copy(update={"admin_key": SecretStr("")})
        await gate.app.stop()
        await gate.app.start()
        for key in ("", " ", "x"):
            assert (await gate.send("POST", "/admin/refresh", b"", key)).status == 401


@pytest.mark.parametrize("header", [b"x-forwarded-for: 203.0.113.9", b"forwarded: for=203.0.113.9", b"via: 1.1 front"])
async def test_metrics_do_not_pass_a_front_on_this_machine(gate: Gate, header: bytes) -> None:
    await gate.chat(key=GLOBEX, model="sales")
    assert b"globex" in (await gate.send("GET", "/metrics")).body
    through = await gate.send("GET", "/metrics", headers=header + b"\r\n")
    assert (through.status, through.code) == (401, "invalid_api_key")
    assert b"globex" in (await gate.send("GET", "/metrics", key=ADMIN_KEY, headers=header + b"\r\n")).body


async def test_a_model_of_somebody_else_and_of_nobody_take_the_same_way(gate: Gate) -> None:
    """Not only the same words: the same lines of code are run, so no clock tells them apart."""

    def lines(model: str) -> list[tuple[str, int]]:
        ran: list[tuple[str, int]] = []

        def trace(frame: Any, event: str, _: object) -> Any:
            if "serving/gateway" in frame.f_code.co_filename:
                ran.append((frame.f_code.co_name, frame.f_lineno))
                return trace
            return None

        before = sys.gettrace()
        sys.settrace(trace)
        try:
            with pytest.raises(Refusal):
                gate.app.routes.snapshot.route("acme", model)
        finally:
            sys.settrace(before)
        return ran

    assert lines("sales") == lines("saleX") != []
    foreign, nobodys = await gate.chat(model="sales"), await gate.chat(model="saleX")
    assert foreign.body.replace(b"sales", b"saleX") == nobodys.body
    ids = {"x-request-id"}
    assert {n: v for n, v in foreign.headers.items() if n not in ids} == {
        n: v for n, v in nobodys.headers.items() if n not in ids
    }


async def test_keys_are_compared_without_a_clock_that_tells(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenant's key is looked up by its hash; the control key is compared by `hmac.compare_digest`, whatever it is."""
    import hmac

    compared: list[bytes] = []
    real = hmac.compare_digest

    def watched(one: bytes, other: bytes) -> bool:
        compared.append(one)
        return real(one, other)

    monkeypatch.setattr(hmac, "compare_digest", watched)
    for key in ("", "a", ADMIN_KEY[:-1] + "x", ADMIN_KEY):
        await gate.send("POST", "/admin/refresh", b"", key)
    assert compared == [b"", b"a", ADMIN_KEY[:-1].encode() + b"x", ADMIN_KEY.encode()]
    assert not {ACME, GLOBEX} & set(gate.app.routes.snapshot.keys)
