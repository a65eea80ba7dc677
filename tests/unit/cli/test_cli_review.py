"""A reviewer is shown all that a model would learn from a row."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from activities.data.ledger import SHARD, Table
from assay.cli.review import review
from assay.contracts.review import ReviewQueue
from assay.settings import Settings
from registry import QuarantinedRow, Registry
from stack.keys import ensure_keys

ROW = "sha256:" + "5" * 64


@pytest.fixture
def waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """A preference with a tool and a rejected answer waits."""
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path))
    ensure_keys(tmp_path)
    registry = Registry.open(Settings(home=tmp_path))
    messages = [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "Nobody."}]
    tool = {"type": "function", "function": {"name": "whois", "description": "ask for Erika"}}
    rejected = [{"role": "assistant", "content": "Erika by the old mill,\x1b[2J"}]
    with Table(tmp_path / "rows", SHARD) as table:
        table.write(
            [
                {
                    **{"row_id": ROW, "kind": "preference", "messages": json.dumps(messages), "subject": ""},
                    **{"tools": json.dumps([tool]), "rejected": json.dumps(rejected), "source": "tickets"},
                    **{"tier": "curated", "synthetic_depth": 0},
                }
            ]
        )
    shard = registry.shards.put_file(tmp_path / "rows")
    row = QuarantinedRow(row_id=ROW, source="tickets", codes=("TOXICITY_QUARANTINED",), shard=shard, ordinal=0)
    registry.quarantine.add(ReviewQueue(tenant="acme", dataset="support"), [row], requested_by="ann")
    return registry


@pytest.mark.usefixtures("waiting")
def test_rejected_answers_and_tools_are_shown() -> None:
    said = CliRunner().invoke(review, ["acme/support"])
    assert said.exit_code == 0
    lines = [line.strip() for line in said.output.splitlines()]
    assert "assistant: Nobody." in lines
    assert "rejected assistant: Erika by the old mill,\\u001b[2J" in lines
    [tool] = [line for line in lines if line.startswith("tool ")]
    assert "ask for Erika" in tool


@pytest.mark.usefixtures("waiting")
def test_as_json_they_are_no_text_in_a_text() -> None:
    [row] = json.loads(CliRunner().invoke(review, ["acme/support", "--json"]).output)["rows"]
    assert row["content"]["rejected"][0]["role"] == "assistant"
    assert row["content"]["tools"][0]["function"]["name"] == "whois"
