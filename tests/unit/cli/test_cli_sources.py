"""`assay sources check` without arguments looks at every contract of the folder it is called in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]
GOOD = """\
name: tickets
uri: var/tickets.jsonl
system: helpdesk
owner: ann@acme.example
licence: MIT
legal_basis: consent
purposes: [train-tenant-model]
consent: granted
retention_days: 30
tier: curated
"""


@pytest.fixture
def folder(home: Path) -> Path:
    """`sources/` of the folder in which the command is run."""
    made = home.parent / "sources"
    made.mkdir()
    return made


def test_every_contract_of_the_folder_is_checked_in_the_order_of_their_names(assay: Run, folder: Path) -> None:
    (folder / "tickets.yaml").write_text(GOOD)
    (folder / "calls.yaml").write_text(GOOD.replace("name: tickets", "name: calls"))
    (folder / "notes.txt").write_text("no contract")
    (folder / "old").mkdir()
    (folder / "old" / "other.yaml").write_text("- no contract")
    ended = assay("sources", "check")
    assert (ended.code, ended.out) == (0, "sources/calls.yaml: ok\nsources/tickets.yaml: ok\n")


def test_one_fault_among_them_ends_with_one_and_the_others_are_looked_at(assay: Run, folder: Path) -> None:
    (folder / "calls.yaml").write_text(GOOD.replace("name: tickets", "name: calls") + "colour: red\n")
    (folder / "tickets.yaml").write_text(GOOD)
    ended = assay("sources", "check")
    assert ended.code == 1
    assert [line for line in ended.out.splitlines() if not line.startswith("  ")] == [
        "sources/calls.yaml:",
        "sources/tickets.yaml: ok",
    ]
    assert "line 11: colour" in ended.out
    said = assay("sources", "check", "--json")
    assert (said.code, {name: len(faults) for name, faults in said.json.items()}) == (
        1,
        {"sources/calls.yaml": 1, "sources/tickets.yaml": 0},
    )


@pytest.mark.parametrize("present", [True, False])
def test_a_folder_without_contracts_is_an_error_and_no_success(assay: Run, home: Path, present: bool) -> None:
    if present:
        (home.parent / "sources").mkdir()
        (home.parent / "sources" / "tickets.yml.draft").write_text(GOOD)
    ended = assay("sources", "check")
    assert ended.code == 1
    assert ended.out == ""
    assert "SOURCE_CONTRACT_MISSING: there is no contract in sources/" in ended.err
    assert "name the files to look at" in ended.err


def test_files_that_are_named_are_looked_at_instead(assay: Run, folder: Path) -> None:
    (folder / "calls.yaml").write_text("- no contract")
    (folder.parent / "tickets.yaml").write_text(GOOD)
    ended = assay("sources", "check", "tickets.yaml")
    assert (ended.code, ended.out) == (0, "tickets.yaml: ok\n")
