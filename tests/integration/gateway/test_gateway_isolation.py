"""What a tenant would try to reach another tenant's model, and learns from it: nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

ATTEMPTS = [
    "sales",  # globex' own name for its model
    "globex/sales",
    "globex.sales.a",  # the engine's name of it
    "base:globex.sales.a",
    "base:acme.helpdesk.c",  # one's own, but not in the route
    "base",
    "helpdesk:globex.sales.a",
    "helpdesk\x00",
    "helpdesk ",
    "Helpdesk",
    "h\u0435lpdesk",  # Cyrillic
    "ｈelpdesk",  # noqa: RUF001  # full width: NFKC would make it helpdesk
    "helpdesk\u200b",
    "../globex/sales",
    "",
]


@pytest.mark.parametrize("model", ATTEMPTS)
async def test_no_other_name_leads_anywhere(gateway: Any, engine: Any, model: str) -> None:
    answer = await gateway.chat(model=model)
    assert (answer.status, answer.code) == (404, "model_not_found")
    assert engine.bodies == []


async def test_a_foreign_model_and_none_at_all_look_the_same(gateway: Any) -> None:
    foreign, nobodys = await gateway.chat(model="sales"), await gateway.chat(model="saleX")
    assert foreign.body.replace(b"sales", b"saleX") == nobodys.body
    assert foreign.headers.keys() == nobodys.headers.keys()
    assert foreign.headers["x-assay-adapter"] == "none"


@pytest.mark.parametrize("field", ["lora_path", "lora_id", "lora_name", "rid", "cache_salt", "extra_key"])
async def test_the_body_cannot_name_an_adapter(gateway: Any, engine: Any, field: str) -> None:
    answer = await gateway.chat(**{field: "globex.sales.a"})
    assert (answer.status, answer.json["error"]["param"]) == (400, field)
    assert engine.bodies == []


@pytest.mark.parametrize("key", ["", "ak_nobody", "ak_acme\u00e9", "admin-secret", "engine-secret", "ak_acm"])
async def test_a_wrong_key_is_refused(gateway: Any, engine: Any, key: str) -> None:
    answer = await gateway.chat(key=key)
    assert (answer.status, answer.code) == (401, "invalid_api_key")
    assert engine.bodies == []


async def test_headers_cannot_choose_tenant_arm_or_engine(gateway: Any, engine: Any) -> None:
    forged = {
        "x-assay-tenant": "globex",
        "x-assay-adapter": "sha256:" + "c" * 64,
        "x-assay-arm": "canary",
        "x-forwarded-for": "127.0.0.1",
        "x-smg-target-worker": "1",
    }
    answer = await gateway.chat(headers=forged)
    assert answer.headers["x-assay-arm"] == "stable"
    assert engine.bodies[0]["model"] == "base:acme.helpdesk.a"


async def test_a_request_id_cannot_smuggle_headers(gateway: Any) -> None:
    bad = "x" * 129, 'a"b', "a b", "ä"
    for value in bad:
        answer = await gateway.chat(headers={"x-request-id": value})
        assert len(answer.headers["x-request-id"]) == 32
    host, port = gateway.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-request-id: a\r\n\tset-cookie: b\r\nconnection: close\r\n\r\n")
    assert b"set-cookie" not in await reader.read()
    writer.close()


async def test_admin_doors_take_the_admin_key_only(gateway: Any) -> None:
    for key in ("", "ak_acme", "admin-secre", "admin-secret2"):
        assert (await gateway.post("/admin/refresh", b"", key)).status == 401
        assert (await gateway.get("/admin/observations?tenant=acme&model=helpdesk", key)).status == 401
    assert (await gateway.post("/admin/refresh", b"", "admin-secret")).status == 200


async def test_unauthorised_bodies_are_not_read(gateway: Any) -> None:
    answer = await gateway.post("/v1/chat/completions", b"not json", "ak_nobody")
    assert answer.status == 401


@pytest.mark.parametrize(
    "path", ["/generate", "/v1/completions", "/v1/responses", "/load_lora_adapter", "/model_info", "/v1//models"]
)
async def test_the_engines_other_doors_are_not_there(gateway: Any, engine: Any, path: str) -> None:
    answer = await gateway.post(path, b"{}", "ak_acme")
    assert (answer.status, answer.code) == (404, "not_found")
    assert (await gateway.get("/v1/chat/completions", "ak_acme")).status == 405
