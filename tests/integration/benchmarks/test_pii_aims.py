"""The scanner reaches the aims of `make bench-pii` on the half of its corpus that was looked at."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.pii import __main__ as command
from benchmarks.pii.corpus import SEED
from benchmarks.pii.measure import Measured, measured
from benchmarks.pii.sample import FAMILIES, Half
from benchmarks.pii.stages import stages
from benchmarks.pii.tables import aims
from benchmarks.report import Report

pytestmark = pytest.mark.timeout(300)
TIMES = {"names without the model", "the model", "rules", "one pass", "normalise", "credentials"}


@pytest.fixture(scope="module")
def systems() -> dict[str, Measured]:
    return {name: measured(name, "dev", SEED) for name in ("Assay", "Assay thorough")}


def test_the_default_reaches_its_seven_aims(systems: dict[str, Measured]) -> None:
    report = Report("pii", "aims")
    aims(report, {"Assay": systems["Assay"]}, "dev")
    aimed = [row for row in report.rows if row.aim]
    assert len(aimed) == 7
    assert [(row.what, row.value, row.aim) for row in aimed if not row.met] == []


def test_thorough_reaches_its_own_and_finds_more_names(systems: dict[str, Measured]) -> None:
    report = Report("pii", "aims")
    aims(report, {"Assay thorough": systems["Assay thorough"]}, "dev")
    assert [(row.aim, row.met) for row in report.rows if row.aim] == [("at least 0.94", True)]
    quick, thorough = (of.plain.recall(lambda _, label: label.family == "name") for of in systems.values())
    assert (thorough.of, thorough.hits > quick.hits) == (quick.of, True)


def test_every_kind_is_in_the_half_and_is_found(systems: dict[str, Measured]) -> None:
    plain = systems["Assay"].plain
    found = {label.kind for _, label, named, _ in plain.labels if named}
    assert found == {kind for kinds in FAMILIES.values() for kind in kinds}


def test_each_stage_is_measured() -> None:
    table = stages("dev", SEED)
    columns = [table.head.index(name) for name in sorted(TIMES)]
    assert [line[0] for line in table.body] == ["short", "long"]
    assert all(float(line[at].replace(",", "")) > 0 for line in table.body for at in columns)


def test_the_command_shows_kinds_of_one_half_and_totals_of_the_other(
    systems: dict[str, Measured], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[Half] = []

    def again(name: str, half: Half, _seed: int) -> Measured:
        asked.append(half)
        return systems[name]  # what was measured above: the other half is not read by a test

    monkeypatch.setattr(command, "measured", again)
    out = tmp_path / "pii.json"
    done = CliRunner().invoke(command.main, ["--only", "Assay", "--out", str(out)], catch_exceptions=False)
    assert (done.exit_code, sorted(asked)) == (0, ["dev", "held-out"])
    report = json.loads(out.read_text("utf-8"))
    assert report["title"] in done.output
    assert {row["what"].split(",")[0] for row in report["rows"] if row["aim"]} == {"held-out"}
    assert all("held-out" not in table["title"] for table in report["tables"])
    assert any(table["title"].startswith("Assay, stage by stage") for table in report["tables"])
