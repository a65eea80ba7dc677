"""What live answers look like to the canary analysis, whole and streamed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aiohttp import web

MODEL = "base:acme.helpdesk.a"
TOOL = {
    "type": "function",
    "function": {
        "name": "refund",
        "parameters": {"type": "object", "properties": {"order": {"type": "string"}}, "required": ["order"]},
    },
}


def call(name: str, *arguments: str) -> list[dict[str, Any]]:
    """Deltas of one tool call: the name first, its arguments in pieces, as SGLang streams them."""
    head = {"index": 0, "id": "call_1", "type": "function", "function": {"name": name, "arguments": ""}}
    rest = [{"index": 0, "function": {"name": None, "arguments": piece}} for piece in arguments]
    return [{"role": "assistant", "content": None, "tool_calls": [piece]} for piece in (head, *rest)]


def text(*pieces: str) -> list[dict[str, Any]]:
    return [{"role": "assistant", "content": piece} for piece in pieces]


def answers(deltas: list[dict[str, Any]], finish: str = "stop") -> Any:
    """An engine that says this, in one piece or streamed."""

    async def answer(request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if not body.get("stream"):
            return web.json_response(_whole(deltas, finish))
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        for delta in [*deltas, {}]:
            choice = {"index": 0, "delta": delta, "finish_reason": None if delta else finish}
            await response.write(_event({"id": "1", "object": "chat.completion.chunk", "choices": [choice]}))
        await response.write(b"data: [DONE]\n\n")
        return response

    return answer


def _event(event: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(event | {'created': 1, 'model': MODEL})}\n\n".encode()


def _whole(deltas: list[dict[str, Any]], finish: str) -> dict[str, Any]:
    calls = [delta["tool_calls"][0]["function"] for delta in deltas if delta.get("tool_calls")]
    message: dict[str, Any] = {"role": "assistant", "content": "".join(delta["content"] or "" for delta in deltas)}
    if calls:
        function = {"name": calls[0]["name"], "arguments": "".join(one["arguments"] for one in calls)}
        message["tool_calls"] = [{"id": "call_1", "index": 0, "type": "function", "function": function}]
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return {"id": "1", "object": "chat.completion", "created": 1, "model": MODEL, "choices": [choice]}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("deltas", "fields", "expected"),
    [
        (text("On its ", "way."), {}, []),
        (text(" "), {}, ["EMPTY_ANSWER"]),
        ([], {}, ["EMPTY_ANSWER"]),
        (text("<tool", "_call>", "{}"), {}, ["SPURIOUS_CALL"]),
        (call("refund", '{"order"', ': "7"}'), {}, ["SPURIOUS_CALL"]),
        (call("refund", '{"order"', ': "7"}'), {"tools": [TOOL]}, []),
        (call("refund", '{"order"', ": 7}"), {"tools": [TOOL]}, ["INVALID_ARGUMENTS"]),
        (call("cancel", "{}"), {"tools": [TOOL]}, ["UNKNOWN_TOOL"]),
        (text("<tool_call>{"), {"tools": [TOOL]}, ["MALFORMED_CALL"]),
        (text("sure"), {"response_format": {"type": "json_object"}}, ["INVALID_JSON"]),
    ],
)
async def test_signs_are_counted_alike_whole_and_streamed(
    gateway: Any, engine: Any, deltas: list[dict[str, Any]], fields: dict[str, Any], expected: list[str], stream: bool
) -> None:
    engine.scripts[MODEL] = answers(deltas)
    answer = await gateway.chat(stream=stream, **fields)
    assert answer.status == 200
    seen = (await gateway.observed())["stable"]
    assert (seen["requests"], seen["bad"]) == (1, len(expected))
    assert [reason["code"] for reason in seen["bad_by_reason"]] == expected
    assert seen["p95_milliseconds"] > 0


async def test_an_answer_cut_at_its_length_limit_is_not_held_against_the_arm(gateway: Any, engine: Any) -> None:
    engine.scripts[MODEL] = answers(call("refund", '{"ord'), finish="length")
    await gateway.chat(tools=[TOOL], max_tokens=5)
    assert (await gateway.observed())["stable"]["bad"] == 0


async def test_a_streamed_call_reaches_the_client_as_it_was_said(gateway: Any, engine: Any) -> None:
    engine.scripts[MODEL] = answers(call("refund", '{"order"', ': "7"}'), finish="tool_calls")
    answer = await gateway.chat(stream=True, tools=[TOOL])
    payloads = [event.removeprefix(b"data: ") for event in answer.body.split(b"\n\n") if event]
    assert payloads.pop() == b"[DONE]"
    functions = [
        piece["function"]
        for payload in payloads
        for piece in json.loads(payload)["choices"][0]["delta"].get("tool_calls", ())
    ]
    assert functions[0]["name"] == "refund"
    assert "".join(function["arguments"] for function in functions) == '{"order": "7"}'
