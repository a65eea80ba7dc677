"""What the demonstration says to people is rounded and complete."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from assay.contracts.rollout import RolloutStatus
from examples.demo.figures import _probability
from examples.demo.report import Report, write
from examples.demo.story import Story
from examples.demo.watch import _routed


@pytest.mark.parametrize(("p_value", "said"), [(0.0, "p < 0.001"), (0.0009, "p < 0.001"), (0.0312, "p = 0.031")])
def test_no_probability_is_zero(p_value: float, said: str) -> None:
    assert _probability(p_value) == said


def test_a_rollout_without_routes_names_none() -> None:
    status = RolloutStatus(stage="warming")
    assert _routed(status, "") == "  warming 0 %"
    assert (
        _routed(status.model_copy(update={"route_revision": 3}), "NO_DATA")
        == "  warming 0 %, route revision 3: NO_DATA"
    )


def test_the_report_tells_the_time_of_the_flip_as_people_do(tmp_path: Path) -> None:
    report = Report(quotable=True, rollback={"flipped_at": 1796000000.25, "flip_ms": 8.0})
    write(report, Story(Console(file=io.StringIO())), [], tmp_path)
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "2026-11-30 00:53:20.250+00:00" in page
    assert "e+09" not in page


def test_a_file_gets_lines_and_no_animation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    out = io.StringIO()
    with Story(Console(file=out, color_system=None)).progress() as progress:
        bar = progress.add_task("training", total=8, note="starting the trainer")
        for step in range(9):
            progress.update(bar, completed=step, note=f"loss {1 / (step + 1):.3f}")
        endless = progress.add_task("judging", total=None, note="")
        progress.update(endless, note="1 of 10 answers")
        arms = progress.add_task("evaluating", total=None, note="")
        progress.update(arms, completed=1, total=2, note="evaluating, 1 of 2 arms")
    assert out.getvalue().splitlines() == [
        "  training: 0 of 8, starting the trainer",
        "  training: 2 of 8, loss 0.333",
        "  training: 4 of 8, loss 0.200",
        "  training: 6 of 8, loss 0.143",
        "  training: 8 of 8, loss 0.111",
        "  evaluating: 1 of 2, evaluating, 1 of 2 arms",
    ]
