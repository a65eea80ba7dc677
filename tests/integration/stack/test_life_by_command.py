"""A model's whole life with nothing but the `temporal` command, on the real stack: about six minutes.

The tests share one stack and stand in the order in which a user would come across them.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import openai
import pytest

from assay.client import AssayClient
from assay.contracts.names import adapter_name
from serving.engines.sglang import SGLangEngine
from stack.supervise import Supervisor

from .collector import Collector
from .house import BIN, ROOT, Stack, ended, example, healthy, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

WARMING = "assay-worker-serving RunActivity:warm_version"
TRACE = "11" * 16
"""Of the whole life: whoever starts it may bring one."""
FORGOTTEN = "customer-redact-name"
"""Who wrote one of the planted tickets."""
WRITTEN = "parcel is lost"
"""What stands in that ticket and in no other, redacted or not."""
LIFE, PROMOTION = "lifecycle/acme/concierge/1", "promotion/acme/concierge/1"


def status(stack: Stack, workflow_id: str) -> dict[str, Any]:
    """What its `status` query answers; empty before it begins."""
    asked = ended(
        stack.settings,
        *stack.temporal_command("workflow", "query", "-w", workflow_id, "--name", "status", "--output", "json"),
    )
    return dict(json.loads(asked.stdout)["queryResult"][0]) if asked.returncode == 0 else {}


def stages(stack: Stack) -> str:
    [version] = json.loads(stack.assay("models", "--model", "concierge", "--json"))
    return str(version["stages"])


def approve(stack: Stack, **changes: str) -> subprocess.CompletedProcess[str]:
    diff = status(stack, PROMOTION)["card"]["diff"]["sha256"]
    said = {"reviewer": "bob@acme.example", "role": "owner", "card_diff": diff, **changes}
    update = ("workflow", "update", "execute", "-w", PROMOTION, "--name", "approve", "--input", json.dumps(said))
    return ended(stack.settings, *stack.temporal_command(*update))


@pytest.fixture(scope="module")
def digest(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A version that waits for its approval: intake, training and evaluation are behind it."""
    document = example(stack, "lifecycle.json")
    document["recipe"] = {"max_steps": 42, "checkpoint_every": 14}
    path = tmp_path_factory.mktemp("life") / "lifecycle.json"
    path.write_text(json.dumps(document))
    header = json.dumps({"traceparent": f"00-{TRACE}-{'5' * 16}-01"})
    stack.start("Lifecycle", LIFE, path, "--headers", f"_tracer-data={header}")

    def decided() -> bool:
        life = status(stack, LIFE)
        assert life.get("stage") not in ("refused", "failed"), life
        return status(stack, PROMOTION).get("stage") == "awaiting approval"

    until(decided, patience=900)
    found = status(stack, LIFE)["version"]
    assert isinstance(found, str)
    return found


@pytest.fixture(scope="module")
def clients(stack: Stack) -> Iterator[dict[str, openai.OpenAI]]:
    """An `openai` client of each tenant."""
    url = f"http://127.0.0.1:{stack.settings.ports.gateway}/v1"
    keys = {name: json.loads(stack.assay("keys", "create", name, "--json"))["key"] for name in ("acme", "globex")}
    made = {name: openai.OpenAI(base_url=url, api_key=key, max_retries=0) for name, key in keys.items()}
    yield made
    for client in made.values():
        client.close()


def test_an_approval_of_something_else_is_refused(stack: Stack, digest: str) -> None:
    for changes in ({"card_diff": digest}, {"reviewer": "Ann@acme.example"}):
        refused = approve(stack, **changes)
        assert refused.returncode != 0
    assert not status(stack, PROMOTION)["approvals"]


def test_with_opa_stopped_nothing_is_promoted_and_it_goes_on_when_it_is_back(stack: Stack, digest: str) -> None:
    supervisor = Supervisor(stack.settings)
    supervisor.stop_process("opa")
    approved = approve(stack)
    assert approved.returncode == 0, approved.stderr

    def tried_twice() -> bool:
        pending = stack.temporal("workflow", "describe", "-w", PROMOTION).get("pendingActivities", [])
        return any(int(activity["attempt"]) > 1 for activity in pending)

    until(tried_twice)
    assert stages(stack) == ""
    supervisor.start_process("opa")
    until(lambda: status(stack, LIFE)["stage"] == "production")
    assert stages(stack) == "staging,production"


def test_the_openai_client_streams_from_the_promoted_adapter(
    stack: Stack, digest: str, clients: dict[str, openai.OpenAI]
) -> None:
    base = json.loads(stack.assay("routes", "--json"))["routes"][0]["base"]
    answer = clients["acme"].chat.completions.with_raw_response.create(
        model="concierge", messages=[{"role": "user", "content": "What is the capital of France?"}], stream=True
    )
    assert answer.headers["x-assay-adapter"] == digest
    assert answer.headers["x-assay-base-revision"] == base["revision"]
    said = "".join(chunk.choices[0].delta.content or "" for chunk in answer.parse() if chunk.choices)
    assert said


def test_another_tenant_is_told_nothing(digest: str, clients: dict[str, openai.OpenAI]) -> None:
    with pytest.raises(openai.NotFoundError) as refused:
        clients["globex"].chat.completions.create(model="concierge", messages=[{"role": "user", "content": "Hi"}])
    body = refused.value.response.text
    assert "acme" not in body
    assert digest.removeprefix("sha256:")[:12] not in body
    assert [model.id for model in clients["globex"].models.list()] == []


def test_model_signing_accepts_the_adapter_and_refuses_one_flipped_byte(
    stack: Stack, digest: str, tmp_path: Path
) -> None:
    evidence = tmp_path / "evidence"
    stack.assay("evidence", digest, "--out", str(evidence))

    def verified(adapter: Path) -> int:
        line = [str(BIN / "model_signing"), "verify", "key", str(adapter), "--signature", str(evidence / "model.sig")]
        return ended(stack.settings, *line, "--public_key", str(evidence / "signing.pub.pem")).returncode

    assert verified(evidence / "adapter") == 0
    tampered = tmp_path / "tampered"
    shutil.copytree(evidence / "adapter", tampered)
    flip_a_byte(tampered / "adapter_model.safetensors")
    assert verified(tampered) != 0


def flip_a_byte(file: Path) -> None:
    file.chmod(0o644)
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


def test_an_engine_that_restarts_does_not_get_an_adapter_with_a_flipped_byte(
    stack: Stack, digest: str, clients: dict[str, openai.OpenAI]
) -> None:
    weights = stack.settings.home / "adapters" / digest.replace(":", "-") / "adapter_model.safetensors"
    flip_a_byte(weights)
    os.kill(stack.pids()["engine"], signal.SIGKILL)
    until(lambda: not healthy(stack))
    until(lambda: healthy(stack), patience=300)
    log = stack.settings.home / "logs" / "worker-serving.log"
    until(lambda: "ADAPTER_TAMPERED" in log.read_text("utf-8"))
    with pytest.raises(openai.APIStatusError) as refused:
        ask(clients["acme"])
    assert refused.value.status_code == 503

    flip_a_byte(weights)  # the same bit again: the bytes are what they were
    until(lambda: answered(clients["acme"]) == digest)


def ask(client: openai.OpenAI) -> str:
    raw = client.chat.completions.with_raw_response.create(
        model="concierge", messages=[{"role": "user", "content": "Hi"}], max_tokens=4
    )
    return str(raw.headers["x-assay-adapter"])


def answered(client: openai.OpenAI) -> str | None:
    try:
        return ask(client)
    except openai.APIStatusError:
        return None


async def test_the_typed_client_finds_the_same_life(stack: Stack, digest: str) -> None:
    client = await AssayClient.connect(stack.settings.temporal)
    life = await client.lifecycle_status("acme", "concierge", 1)
    assert (life.stage, life.version) == ("production", digest)


def test_one_trace_leads_from_the_start_of_a_life_to_trainer_gateway_and_engine(
    stack: Stack, digest: str, collector: Collector
) -> None:
    def gates() -> set[str]:
        return {span.attributes["assay.gate"] for span in collector.of(TRACE) if span.name == "decide"}

    # Others are asked beside them: the dataset's sheet has the licences judged.
    until(lambda: gates() >= {"intake", "training", "review", "release", "routes"})
    assert {span.parent for span in collector.seen(TRACE, "assay-worker-control", "RunWorkflow:Lifecycle")} == {
        "5" * 16
    }
    [trainer] = collector.seen(TRACE, "assay-trainer", "train")
    assert collector.led_from(trainer, depth=3) == [
        "assay-worker-training RunActivity:train",
        "assay-worker-control StartActivity:train",
        "assay-worker-control StartChildWorkflow:Training",
    ]

    flip = collector.seen(TRACE, "assay-gateway", "refresh")[-1]
    assert collector.led_from(flip, depth=4) == [
        "assay-worker-serving refresh",
        "assay-worker-serving RunActivity:publish_routes",
        "assay-worker-control StartActivity:publish_routes",
        "assay-worker-control StartChildWorkflow:Rollout",
    ]
    loads = (TRACE, "assay-worker-serving", "load_lora_adapter")
    until(lambda: any(WARMING in collector.ancestors(load) for load in collector.find(*loads)))


async def histories(client: AssayClient) -> dict[str, str]:
    """Every workflow that this server knows: its history, payloads decoded, and what a list shows of it."""
    told = dict[str, str]()
    async for found in client.temporal.list_workflows():
        handle = client.temporal.get_workflow_handle(found.id, run_id=found.run_id)
        text = (await handle.fetch_history()).to_json()
        decoded = [base64.b64decode(data).decode("utf-8", "replace") for data in re.findall(r'"data": "([^"]+)"', text)]
        shown = str((await handle.describe()).raw_description)
        told[f"{found.id} {found.run_id}"] = "\n".join((text, shown, *decoded))
    return told


def names_them(text: str) -> bool:
    return FORGOTTEN in text or WRITTEN in text


def names_them_in(home: Path, but: tuple[str, ...]) -> list[Path]:
    """Files below the state folder that name the person, in all folders but some."""
    found = []
    for path in home.rglob("*"):
        if path.relative_to(home).parts[0] not in but and path.is_file():
            with suppress(FileNotFoundError):  # scratch of whoever works meanwhile
                found += [path] if names_them(path.read_bytes().decode("utf-8", "replace")) else []
    return found


async def test_a_person_is_forgotten_while_users_are_answered(
    stack: Stack, digest: str, clients: dict[str, openai.OpenAI], tmp_path: Path
) -> None:
    answers, over = list[str](), threading.Event()

    def user() -> None:
        while not over.is_set():
            answers.append(ask(clients["acme"]))

    kept = tmp_path / "adapter"
    shutil.copytree(stack.settings.home / "adapters" / digest.replace(":", "-"), kept)
    people = threading.Thread(target=user)
    people.start()
    try:
        until(lambda: digest in answers)
        said = stack.assay(
            *("erase", "--tenant", "acme", "--subject", FORGOTTEN), *("--by", "pia@acme.example", "--wait", "--json")
        )
        asked = len(answers)
        until(lambda: len(answers) > asked + 5 or not people.is_alive())
    finally:
        over.set()
        people.join()
    erased = json.loads(said)
    assert (erased["stage"], erased["remains"]) == ("erased", [])
    assert set(answers[asked:]) == {"none"}  # nobody met an error, or the thread would have ended before

    stack.assay("erase", "receipt", erased["case"], "--out", str(tmp_path / "receipt"))
    checked = ended(
        stack.settings, sys.executable, str(ROOT / "examples" / "verify_receipt.py"), str(tmp_path / "receipt")
    )
    assert checked.returncode == 0, checked.stderr
    assert digest in json.loads(checked.stdout)["withdrawn"]["adapter"]
    assert FORGOTTEN not in checked.stdout

    told = await histories(await AssayClient.connect(stack.settings.temporal))
    assert any(place.startswith("erasure/acme/") for place in told)
    assert "data@acme.example" in told[next(place for place in told if place.startswith(LIFE))]  # payloads are read
    assert [place for place, text in told.items() if names_them(text)] == []
    # Blobs are opened by the second search; the sources are their owner's to clean.
    assert names_them_in(stack.settings.home, but=("blobs", "examples")) == []
    assert names_them_in(stack.settings.home / "examples", but=()) != []

    keys = stack.settings.engine_key.get_secret_value(), stack.settings.control_key.get_secret_value()
    async with SGLangEngine(stack.settings.engines[0], *keys) as engine:
        # Somebody who kept a copy and has the engine's keys: it is gone again after the next look.
        name = adapter_name("acme", "concierge", digest)
        await engine.load(name, kept)
        async with asyncio.timeout(60):
            while name in await engine.loaded():  # noqa: ASYNC110  # the reconciler looks every second or two
                await asyncio.sleep(0.2)
    with pytest.raises(openai.NotFoundError):
        clients["globex"].chat.completions.create(model="concierge", messages=[{"role": "user", "content": "Hi"}])
