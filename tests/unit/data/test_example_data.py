"""The demonstration's input: the same everywhere, readable, and with no function in both training and suite."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from activities.data.findings import Scanner
from activities.data.readers import read_rows, source_digest
from assay.contracts.data import Source
from assay.contracts.errors import InputRefused
from assay.contracts.sources import SourceContract
from evals.suite import read_suite
from examples.data import planted
from examples.data.answer import kept, prompts
from examples.data.build import REPORT, SELECT, build

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
ROWS = ("calls", "refusals", "replay")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built")
    build(folder)
    return folder


def rows(folder: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / f"{name}.jsonl").read_text("utf-8").splitlines()]


def functions(of: list[dict[str, Any]]) -> set[str]:
    return {tool["function"]["name"] for row in of for tool in row["tools"]}


def test_it_is_built_to_the_same_bytes(built: Path, tmp_path: Path) -> None:
    build(tmp_path)
    for path in built.glob("*.jsonl"):
        assert (
            hashlib.sha256(path.read_bytes()).digest() == hashlib.sha256((tmp_path / path.name).read_bytes()).digest()
        )


def test_no_function_of_the_suite_is_seen_in_training(built: Path) -> None:
    suite, training = rows(built, "suite"), [row for name in ROWS for row in rows(built, name)]
    assert not functions(suite) & functions(training)
    asked = {row["messages"][0]["content"] for row in suite}
    assert not asked & {row["messages"][0]["content"] for row in training}


def test_the_suite_has_its_splits(built: Path) -> None:
    suite = rows(built, "suite")
    counts = Counter((row["split"], row["task"]) for row in suite)
    assert counts == {("select", t): n for t, n in SELECT.items()} | {("report", t): n for t, n in REPORT.items()}
    for row in suite:
        assert (row["task"] == "call") == bool(row["expected"])
        assert (row["task"] == "chat") == bool(row["contains"])
        assert {call["name"] for call in row["expected"] or ()} <= functions([row])


@pytest.mark.parametrize("name", ["suite", "suite-quick"])
def test_the_suites_can_be_judged_and_chosen_by(built: Path, name: str) -> None:
    assert read_suite((built / f"{name}.jsonl").read_bytes())


def test_every_source_is_readable_under_its_terms_but_the_malformed_one(built: Path) -> None:
    terms = json.loads((built / "sources.json").read_text("utf-8"))
    for name, fields in terms.items():
        source = Source.model_validate(fields)
        if name == "malformed":
            with pytest.raises(InputRefused, match="line 2"):
                list(read_rows(source, source_digest(source)))
        else:
            assert len(list(read_rows(source, source_digest(source)))) == len(rows(built, name))


def test_files_and_requests_have_the_terms_of_their_contracts(built: Path) -> None:
    contracts = {
        one.stem: yaml.safe_load(one.read_text("utf-8")) for one in (EXAMPLES / "data/contracts").glob("*.yaml")
    }
    given = [json.loads((built / "sources.json").read_text("utf-8"))]
    for name in ("intake", "lifecycle"):
        sources = json.loads((EXAMPLES / f"{name}.json").read_text("utf-8"))["sources"]
        given.append({source["name"]: source for source in sources})
    for sources in given:
        for name in contracts.keys() & sources.keys():
            contract = SourceContract.model_validate(contracts[name]).to_source()
            stated = contract.model_dump(exclude={"uri", "sha256", "format"})
            assert Source.model_validate(sources[name]).model_dump(exclude={"uri", "sha256", "format"}) == stated
        assert [name for name, source in sources.items() if not source["legal_basis"]] == []


def test_calls_name_an_offered_function_and_give_what_it_requires(built: Path) -> None:
    for row in rows(built, "calls"):
        call = row["messages"][-1]["tool_calls"][0]["function"]
        schema = {t["function"]["name"]: t["function"]["parameters"] for t in row["tools"]}[call["name"]]
        assert set(schema.get("required", [])) <= set(call["arguments"]) <= set(schema["properties"])


def test_refusals_name_no_tool_and_vary(built: Path) -> None:
    refusals = rows(built, "refusals")
    sentences = Counter(row["messages"][-1]["content"] for row in refusals)
    assert len(sentences) == 10
    assert max(sentences.values()) < 2 * min(sentences.values())
    assert not any(name in sentence for name in functions(refusals) if len(name) > 4 for sentence in sentences)


def test_hardly_a_row_of_the_benchmark_is_taken_for_personal_data(built: Path, scanner: Scanner) -> None:
    training = [row for name in ROWS for row in rows(built, name)]
    found = [
        {finding.kind for finding in one.summary}
        for one in scanner.scan_many([{"messages": r["messages"], "tools": r["tools"]} for r in training])
    ]
    # Questions about people and places name them. Their owner states that they are fictional, so they stay.
    told = {"PERSON", "LOCATION", "STREET_ADDRESS", "COORDINATES", "DATE_OF_BIRTH", "USERNAME"}
    assert sum(bool(kinds - told) for kinds in found) / len(training) < 0.015
    assert sum(bool(kinds) for kinds in found) / len(training) < 0.12


def test_planted_rows_are_found_out(scanner: Scanner) -> None:
    for row in planted.rows():
        found = bool(scanner.scan({k: row[k] for k in ("messages", "tools", "meta") if k in row}).summary)
        marked = row["id"].startswith(("redact", "refuse-secret", "refuse-card", "refuse-pii"))
        assert found == marked, row["id"]


def test_an_answer_is_kept_whole_or_cut_after_a_sentence() -> None:
    assert kept(" It is. ", finished=True) == "It is."
    assert kept("It is. And then it", finished=False) == "It is."
    assert kept("It goes on and", finished=False) is None
    assert kept("round and round " * 9, finished=True) is None
    assert len(prompts()) == len(set(prompts())) > 179
