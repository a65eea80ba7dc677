"""Histories of released workflow versions replay on today's code: what runs for months survives an upgrade.

One folder a release, recorded by
`ASSAY_RECORD_HISTORIES=$PWD/tests/replay/histories/VERSION pytest tests/workflows tests/integration/data/review`.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from workers.plugin import plugin
from workflows import ALL

HISTORIES = sorted((Path(__file__).parent / "histories").rglob("*.json"))


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: f"{path.parent.name}/{path.stem}")
async def test_a_kept_history_replays(path: Path) -> None:
    text = path.read_text("utf-8")  # noqa: ASYNC240  # one small file
    begun = json.loads(text)["events"][0]["workflowExecutionStartedEventAttributes"]
    history = WorkflowHistory.from_json(begun["workflowId"], text)
    await Replayer(workflows=ALL, plugins=[plugin()]).replay_workflow(history)


def test_every_workflow_has_a_kept_history() -> None:
    kinds = {path.name.split(".")[0] for path in HISTORIES}
    assert kinds == {workflow.__name__.lower() for workflow in ALL}
