"""Anything at all, thrown at what reads from outside: never anything but an answer or a refusal that is meant.

The seed is fixed, so that a test that passed passes again; another one with `pytest --hypothesis-seed=…` after
`derandomize=False`.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import pkgutil
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
import pytest
import schemathesis
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)
from temporalio.api.common.v1 import Payload
from temporalio.exceptions import ApplicationError

import assay.contracts
from activities.data.readers import read_rows, source_digest
from activities.data.rows import Row
from activities.data.shapes import KNOWN_BY
from assay.contracts.base import Message
from assay.contracts.data import Source
from assay.contracts.errors import InputRefused, IntegrityRefused
from assay.converter import data_converter
from registry.trees import Tree
from serving.gateway.body import FORWARDED, parse
from serving.gateway.errors import Refusal
from serving.gateway.openapi import DESCRIPTION

from .gate import ACME, ADMIN_KEY, OWN, running
from .shapes import JSON, model

for _, name, _ in pkgutil.iter_modules(assay.contracts.__path__):
    importlib.import_module(f"assay.contracts.{name}")


def _messages(kind: type[Message]) -> Iterator[type[Message]]:
    for each in kind.__subclasses__():
        if each.__module__.startswith("assay.contracts"):
            yield each
        yield from _messages(each)


CONTRACTS = sorted(set(_messages(Message)), key=lambda kind: (kind.__module__, kind.__name__))
fuzzed = settings(
    derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck), max_examples=300
)
few = settings(fuzzed, max_examples=25)


def test_every_contract_is_among_them() -> None:
    assert {"Approval", "LifecycleRequest", "RouteTable", "RolloutState", "TrainJob"} <= {c.__name__ for c in CONTRACTS}


@pytest.mark.parametrize("kind", CONTRACTS, ids=lambda kind: kind.__name__)
def test_a_contract_reads_what_it_writes(kind: type[Message]) -> None:
    met = 0

    @few
    @given(model(kind))
    def check(value: dict[str, Any]) -> None:
        nonlocal met
        try:
            message = kind.model_validate(value)
        except ValidationError:
            assume(False)
            raise
        met += 1
        text = message.model_dump_json()
        assert kind.model_validate_json(text) == message
        assert kind.model_validate(json.loads(text)) == message
        [payload] = data_converter.payload_converter.to_payloads([message])
        assert data_converter.payload_converter.from_payloads([payload], [kind]) == [message]

    check()
    assert met


@pytest.mark.parametrize("kind", CONTRACTS, ids=lambda kind: kind.__name__)
def test_no_json_is_anything_but_a_contract_or_a_validation_error(kind: type[Message]) -> None:
    names = st.sampled_from([*kind.model_fields, "x", "__class__", "model_config", ""])
    near = st.dictionaries(names, JSON, max_size=len(kind.model_fields) + 1)

    @few
    @given(st.one_of(near, JSON, st.binary(max_size=50), st.text(max_size=50)))
    def check(value: Any) -> None:
        data = value if isinstance(value, bytes) else _as_json(value)
        with suppress(ValidationError):
            kind.model_validate_json(data)
        payload = Payload(metadata={"encoding": b"json/plain"}, data=data)
        try:
            data_converter.payload_converter.from_payloads([payload], [kind])
        except ApplicationError as error:
            assert error.non_retryable  # noqa: PT017  # it may as well be taken
            assert len(str(error)) < 2200  # noqa: PT017

    check()


def _as_json(value: Any) -> bytes:
    return json.dumps(value).encode("utf-8", "surrogatepass")


NEAR_MESSAGE = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "system", "assistant", "tool"]) | JSON},
    optional=dict.fromkeys(("content", "name", "tool_calls", "tool_call_id", "refusal", "x"), JSON),
)
NEAR_BODIES = st.fixed_dictionaries(
    {"model": st.just("helpdesk") | JSON, "messages": st.lists(NEAR_MESSAGE | JSON, max_size=3) | JSON},
    optional={name: JSON for name in FORWARDED if name not in ("model", "messages")},
)
GOOD_BODIES = st.fixed_dictionaries(
    {
        "model": st.just("helpdesk"),
        "messages": st.lists(
            st.fixed_dictionaries({"role": st.sampled_from(["user", "system"]), "content": st.text()}), min_size=1
        ),
    },
    optional={
        "temperature": st.floats(0, 2),
        "max_tokens": st.integers(1, 100),
        "stop": st.lists(st.text(min_size=1), max_size=4),
        "seed": st.integers(-(1 << 63), (1 << 63) - 1),
        "user": st.text(),
        "metadata": JSON,
        "stream": st.booleans(),
    },
)


@fuzzed
@given(st.one_of(st.binary(), JSON.map(_as_json), NEAR_BODIES.map(_as_json), GOOD_BODIES.map(_as_json)))
def test_the_gateways_parser_takes_or_refuses(raw: bytes) -> None:
    from assay.contracts.rollout import RouteTable
    from serving.gateway.snapshot import build

    from .gate import Source as Routes

    try:
        asked = parse(raw)
    except Refusal as refusal:
        assert refusal.status == 400  # noqa: PT017  # either is an answer
        refusal.body().decode()
        return
    table: RouteTable = Routes().current()
    target = build(table, {}).route("acme", "helpdesk").pick(0)
    sent = orjson.loads(asked.encode(target))
    assert sent.keys() <= {*FORWARDED, "cache_salt"}
    assert (sent["model"], sent["cache_salt"]) == (f"base:{OWN}", "acme")
    assert all(isinstance(message["role"], str) for message in sent["messages"])
    assert parse(asked.encode(target).replace(b',"cache_salt":"acme"', b"")).fields["messages"] == sent["messages"]


CANARY = "canary-7c1e@example.com"
NEAR_TURNS = st.dictionaries(
    st.sampled_from(["role", "content", "tool_calls", "function_call", "from", "value", "name", "arguments", CANARY]),
    st.sampled_from(["user", "assistant", "system", "human", "gpt", "function_call", "{}", "[]", CANARY]) | JSON,
    max_size=4,
)
TURNS = st.lists(NEAR_TURNS, max_size=3) | st.text(max_size=20) | JSON
ANY_SHAPE = dict.fromkeys(("system", "functions", "prompt", "input", "subject", "id"), TURNS)
ROWS = st.one_of(
    st.binary(max_size=200),
    JSON.map(_as_json),
    st.dictionaries(st.sampled_from([*Row.model_fields, "x", CANARY]), JSON | st.just(CANARY), max_size=8).map(
        _as_json
    ),
    model(Row).map(_as_json),
    st.sampled_from([sorted(columns) for _, columns in KNOWN_BY])
    .flatmap(lambda columns: st.fixed_dictionaries(dict.fromkeys(columns, TURNS), optional=ANY_SHAPE))
    .map(_as_json),
    st.just(50_000).map(lambda depth: b'{"id": 1' + b"[" * depth),
    st.just(b'{"id": "' + CANARY.encode() + b'\xff"}'),
)


@fuzzed
@given(st.lists(ROWS, max_size=4))
def test_the_row_reader_takes_or_refuses_and_repeats_nothing(tmp_path_factory: Any, lines: list[bytes]) -> None:
    path = Path(tmp_path_factory.getbasetemp()) / "fuzzed.jsonl"
    path.write_bytes(b"\n".join(lines))
    source = Source(
        name="fuzz",
        uri=str(path),
        system="x",
        owner="ann",
        licence="MIT",
        purposes=("evaluate",),
        consent="granted",
        retention_days=1,
        tier="curated",
    )
    try:
        for read in read_rows(source, source_digest(source)):
            assert Row.model_validate_json(read.row.model_dump_json()) == read.row
    except InputRefused as refused:
        assert CANARY not in str(refused)  # noqa: PT017  # or it is read
        assert len(str(refused)) < 2000  # noqa: PT017


@fuzzed
@given(st.binary(max_size=300) | JSON.map(_as_json) | model(Tree).map(_as_json))
def test_a_stored_tree_is_read_or_refused(data: bytes) -> None:
    from registry.trees import parse as read_tree

    try:
        assert read_tree(data).files
    except IntegrityRefused as refused:
        assert refused.code == "TREE_MALFORMED"  # noqa: PT017  # or it is one


@fuzzed
@given(st.dictionaries(st.text(max_size=12), st.binary(max_size=40), max_size=4), st.binary(max_size=200))
def test_a_payload_is_read_or_refused(metadata: dict[str, bytes], data: bytes) -> None:
    from assay.encryption import EncryptionCodec

    codec = EncryptionCodec({"a": b"k" * 32})
    payload = Payload(metadata=metadata, data=data)
    encrypted = {"encoding": b"binary/encrypted", "encryption-cipher": b"AES-256-GCM", "encryption-key-id": b"a"}
    for each in (payload, Payload(metadata=encrypted, data=data)):
        [decoded] = asyncio.run(codec.decode([each]))
        try:
            data_converter.payload_converter.from_payloads([decoded], [dict])
        except (ApplicationError, IntegrityRefused):
            continue
        assert isinstance(json.loads(decoded.data), dict)


# The whole gateway, by its own description.


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A gateway in a thread, since schemathesis asks from outside of any loop."""
    ready, done, port = threading.Event(), asyncio.Event(), []
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        async with running(tmp_path_factory.mktemp("gate")) as gate:
            port.append(gate.port)
            ready.set()
            await done.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert ready.wait(30)
    yield f"http://127.0.0.1:{port[0]}"
    loop.call_soon_threadsafe(done.set)
    thread.join(30)
    loop.close()


CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
described = schemathesis.openapi.from_dict(DESCRIPTION)


@described.parametrize()
@settings(fuzzed, max_examples=40)
def test_the_gateway_is_as_it_describes_itself(case: Any, url: str) -> None:
    key = ADMIN_KEY if case.path.startswith("/admin") else ACME
    answered = case.call_and_validate(base_url=url, headers={"authorization": f"Bearer {key}"}, checks=CHECKS)
    assert answered.status_code < 500


@described.parametrize()
@settings(fuzzed, max_examples=5)
def test_the_gateway_keeps_its_doors_shut(case: Any, url: str) -> None:
    # As through a front on this machine: `/metrics` is open to the machine itself.
    front = {"x-forwarded-for": "203.0.113.9"}
    shut = [not_a_server_error, unsupported_method, ignored_auth]
    answered = case.call_and_validate(base_url=url, headers=front, checks=shut)
    assert answered.status_code in ((200, 405) if case.path == "/healthz" else (401, 405))
    assert b"helpdesk" not in answered.content
