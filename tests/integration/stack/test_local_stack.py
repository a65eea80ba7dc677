"""The whole stack as a user starts it, with its engine, on ports and in a home of its own. About four minutes.

The tests share one stack and stand in the order in which a user would come across them.
"""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from stack.leftovers import leftovers
from stack.supervise import Supervisor

from .house import BIN, Stack, ended, example, healthy, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def test_up_prints_where_everything_is(stack: Stack) -> None:
    ports = stack.settings.ports
    for port in (ports.temporal, ports.temporal_ui, ports.gateway, ports.engine, ports.opa):
        assert f"127.0.0.1:{port}" in stack.said


def test_a_second_up_changes_nothing(stack: Stack) -> None:
    before = stack.pids()
    stack.assay("up")
    assert stack.pids() == before


def test_doctor_finds_nothing_wrong(stack: Stack) -> None:
    wrong = [finding for finding in json.loads(stack.assay("doctor", "--json")) if finding["level"] == "error"]
    assert wrong == []


def test_other_settings_are_refused_until_it_is_down(stack: Stack) -> None:
    engine = stack.settings.engine.model_copy(update={"max_loras": 5})
    other = stack.settings.model_copy(update={"engine": engine})
    refused = ended(other, str(BIN / "assay"), "up")
    assert refused.returncode == 1
    assert "SETTINGS_DIFFER" in refused.stderr


def test_a_killed_worker_comes_back(stack: Stack) -> None:
    killed = stack.pids()["worker-data"]
    os.kill(killed, signal.SIGKILL)
    until(lambda: healthy(stack))
    assert stack.pids()["worker-data"] != killed


def test_a_misspelt_field_fails_the_workflow_at_once_and_is_named(stack: Stack, tmp_path: Path) -> None:
    document = example(stack, "lifecycle.json")
    document["requested_bye"] = document.pop("requested_by")
    (tmp_path / "in.json").write_text(json.dumps(document))
    stack.start("Lifecycle", "misspelt", tmp_path / "in.json")

    said = ended(stack.settings, *stack.temporal_command("workflow", "result", "-w", "misspelt"))
    assert said.returncode != 0
    assert "requested_bye" in said.stdout + said.stderr


def test_without_opa_nothing_is_accepted_and_with_it_the_intake_goes_on(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "in.json").write_text(json.dumps(example(stack, "intake.json", dataset="patience")))
    supervisor = Supervisor(stack.settings)
    supervisor.stop_process("opa")
    stack.start("Intake", "patience", tmp_path / "in.json")

    def tried_twice() -> bool:
        pending = stack.temporal("workflow", "describe", "-w", "patience").get("pendingActivities", [])
        return any(int(activity["attempt"]) > 1 for activity in pending)

    until(tried_twice)
    supervisor.start_process("opa")

    def sealed() -> bool:
        answer = stack.temporal("workflow", "query", "-w", "patience", "--name", "status")
        return bool(answer["queryResult"][0]["stage"] == "sealed")

    until(sealed, patience=300)


def test_workflows_are_found_by_tenant(stack: Stack) -> None:
    def found() -> bool:
        listed = stack.temporal("workflow", "list", "--query", "AssayTenant = 'acme'")
        return any(one["execution"]["workflowId"] == "patience" for one in listed)

    until(found)


def test_its_state_outlives_it(stack: Stack) -> None:
    stack.assay("down")
    assert leftovers(stack.settings.home) == []
    assert not healthy(stack)
    stack.assay("up")
    assert stack.temporal("workflow", "describe", "-w", "patience")["workflowExecutionInfo"]["status"].endswith(
        "COMPLETED"
    )
