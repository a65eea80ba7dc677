"""The page is made from results and notes; nothing on it is written by hand, and a note outlives the next run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import page, training
from benchmarks.__main__ import scripts as benchmarks
from benchmarks.labelled import samples
from benchmarks.report import Report, machine, quantile, shown

ROOT = Path(__file__).resolve().parents[3]


def test_the_page_in_the_repository_is_made_from_its_results(tmp_path: Path) -> None:
    page.write(page=tmp_path / "page.md")
    assert (tmp_path / "page.md").read_text("utf-8") == page.PAGE.read_text("utf-8")


def test_a_note_stands_under_its_table_and_a_missed_aim_is_plain_to_see(tmp_path: Path) -> None:
    report = Report("doors", "Doors")
    report.add("opened, p50", 2.0, "ms", at_most=1)
    report.add("opened a second", 20.0, "1/s", at_least=10)
    report.write(tmp_path / "doors.json")
    (tmp_path / "doors.md").write_text("They stick.", "utf-8")
    page.write(results=tmp_path, notes=tmp_path, page=tmp_path / "page.md")
    text = (tmp_path / "page.md").read_text("utf-8")
    assert "| doors | opened, p50 | at most 1 | 2 ms | **no** |" in text
    assert "| doors | opened a second | at least 10 | 20.0 1/s | yes |" in text
    assert text.rstrip().endswith("They stick.")


def test_the_page_has_the_figures_of_a_training(tmp_path: Path) -> None:
    runs = [training.Run(wall=70.0, loop=50.0, processor=90.0), training.Run(wall=60.0, loop=40.0, processor=80.0)]
    times = {way: [9.0, seconds] for way, seconds in (("beside", 0.01), ("on the thread", 0.4), ("library", 0.2))}
    times |= {"quiet": [2.0], "written": [3.0], "watched": [0.001]}
    report = Report("training", "Training")
    training.summarise(report, runs[1:], runs[:1], times, steps=10)
    report.write(tmp_path / "training.json")
    page.write(results=tmp_path, notes=tmp_path, page=tmp_path / "page.md")
    text = (tmp_path / "page.md").read_text("utf-8")
    assert "| training | loop under Assay / alone | at most 1.01 | 0.8 ratio | yes |" in text
    assert "| training | stall beside / on the training thread | at most 0.05 | 0.025 ratio | yes |" in text


def test_every_benchmark_writes_what_the_page_is_made_of() -> None:
    for name, script in benchmarks().items():
        assert f'Report("{name}", ' in script.read_text("utf-8"), name


def test_the_machine_is_described_without_its_name() -> None:
    said = json.dumps(machine())
    assert Path("/proc/sys/kernel/hostname").read_text("utf-8").strip() not in said.replace("Linux", "").split('"')
    assert "/" not in said.replace("@", "")


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (0.01234, "0.0123"), (1.5, "1.5"), (12.34, "12.3"), (8123.4, "8,123")]
)
def test_figures_have_three_digits_that_matter(value: float, text: str) -> None:
    assert shown(value) == text


def test_a_quantile_is_a_value_that_was_measured() -> None:
    assert [quantile([4, 1, 3, 2], share) for share in (0.01, 0.5, 0.75, 1)] == [1, 2, 3, 4]


def test_the_labelled_sample_is_the_same_for_the_same_seed_and_labels_stand_where_they_say() -> None:
    first, again, other = samples(60, 1), samples(60, 1), samples(60, 2)
    assert first == again != other
    assert sum(not sample.labels for sample in first) == 20
    texts = [(label.kind, sample.text[label.start : label.end]) for sample in first for label in sample.labels]
    assert all(text and text == text.strip() for _, text in texts)
    assert all("@" in text for kind, text in texts if kind == "EMAIL_ADDRESS")
