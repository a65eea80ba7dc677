"""The scorer, by hand: what counts as found, as right, as a false alarm, and how sure a share is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import page
from benchmarks.pii.measure import NONE, Cost, Measured, group_of
from benchmarks.pii.sample import Label, Region, Sample
from benchmarks.pii.score import Found, Scores, Share, folded, score
from benchmarks.pii.tables import aims, speeds, tables
from benchmarks.report import Report

NAME, EMAIL = ("name",), ("email",)


def row(text: str, *labels: tuple[str, str]) -> Sample:
    places = ((kind, value, text.index(value)) for kind, value in labels)
    marked = (Label(k, v, "cue", (Region(("text",), at, at + len(v)),)) for k, v, at in places)
    return Sample({"text": text}, tuple(marked), "dev", "en", "chat", "template" if labels else "isbn")


def recall(scores: Scores) -> Share:
    return scores.recall(lambda *_: True)


@pytest.mark.parametrize(
    ("found", "hit"),
    [
        (["Rosalind Braithwaite"], True),
        (["Braithwaite"], True),  # eleven of nineteen letters
        (["Rosalind"], False),  # eight of them
        (["Rosalind", "Braithwaite"], True),
        (["rosalind  BRAITHWAITE,"], True),
        (["Dr Rosalind Braithwaite"], True),
        (["somebody else"], False),
        (["Rosalind Braithwaite" + " and so on" * 20], False),  # the whole row is no finding
        ([], False),
    ],
)
def test_a_label_is_found_when_half_of_it_is_covered(found: list[str], hit: bool) -> None:
    sample = row("I met Rosalind Braithwaite.", ("NAME_FULL", "Rosalind Braithwaite"))
    assert recall(score([sample], [[Found(NAME, text) for text in found]])) == Share(int(hit), 1)


def test_a_finding_of_another_kind_is_a_false_alarm_and_finds_nothing_but_any_kind() -> None:
    sample = row("I met Rosalind Braithwaite.", ("NAME_FULL", "Rosalind Braithwaite"))
    scores = score([sample], [[Found(("location", "address"), "Rosalind Braithwaite")]])
    assert recall(scores) == Share(0, 1)
    assert scores.recall(lambda *_: True, any_kind=True) == Share(1, 1)
    assert scores.precision(["location"]) == Share(0, 1)
    assert scores.precision(["name", "address"]) == Share(0, 0)


def test_a_word_with_two_meanings_is_right_in_either() -> None:
    sample = row("Ship to 14 Tannery Row, Leeds.", ("STREET_ADDRESS", "14 Tannery Row, Leeds"))
    scores = score([sample], [[Found(("location", "address"), "14 Tannery Row")]])
    assert recall(scores) == scores.precision(["address"]) == Share(1, 1)
    assert scores.precision(["location"]) == Share(0, 0)


def test_precision_counts_what_was_found_beside_the_labels() -> None:
    sample = row("Mail a.b@c.de, says Tuesday.", ("EMAIL_ADDRESS", "a.b@c.de"))
    found = [Found(EMAIL, "a.b@c.de"), Found(NAME, "Tuesday"), Found(NAME, "a.b", weak=True)]
    scores = score([sample], [found])
    assert scores.precision(["email"]) == Share(1, 1)
    assert scores.precision(["name"]) == Share(0, 1)  # what lies inside a stronger finding is no false alarm


def test_a_hard_negative_counts_once_however_much_is_found_in_it() -> None:
    rows = [row("ISBN 978-0-13-468599-1"), row("ISBN 0-13-468599-7")]
    scores = score(rows, [[Found(("phone",), "978-0-13"), Found(("card",), "468599")], []])
    assert scores.false_alarms() == scores.false_alarms("isbn") == Share(1, 2)
    assert scores.precision(["phone", "card"]) == Share(0, 2)


def test_a_disguised_value_is_found_as_it_stands_or_as_what_it_says() -> None:
    text = "data: cm9zYWxpbmRAYnJpc2sub3Jn"
    label = Label("EMAIL_ADDRESS", "rosalind@brisk.org", "cue", (Region(("text",), 6, len(text)),))
    sample = Sample({"text": text}, (label,), "dev", "en", "chat", "base64")
    for found in (text[6:], "rosalind@brisk.org"):
        assert recall(score([sample], [[Found(EMAIL, found)]])) == Share(1, 1)


def test_pieces_of_a_value_in_different_fields_add_up() -> None:
    parts = ("4539", "1488", "0343", "6467")
    regions = tuple(Region(("card", number), 0, 4) for number in range(4))
    label = Label("CREDIT_CARD", "4539 1488 0343 6467", "cue", regions)
    sample = Sample({"card": list(parts)}, (label,), "dev", "en", "metadata", "split over fields")
    assert sample.surface(label) == "".join(parts)
    assert recall(score([sample], [[Found(("card",), part) for part in parts[:2]]])) == Share(1, 1)
    assert recall(score([sample], [[Found(("card",), parts[0])]])) == Share(0, 1)


def test_text_is_compared_without_width_marks_and_case() -> None:
    assert folded("\uff21\uff22-1 2\u200b.é") == "ab12é"


def test_wilson_intervals_are_the_published_ones() -> None:
    # 81 of 263: 0.2553 to 0.3662 (Newcombe, Statistics in Medicine 17, 1998, table I, method 3).
    low, high = Share(81, 263).interval()
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)
    assert [round(end, 4) for end in Share(0, 20).interval()] == [0.0, 0.1611]
    assert Share(0, 0).interval() == (0.0, 1.0)


def test_rows_are_timed_by_their_first_label() -> None:
    assert group_of(row("I met Kai.", ("NAME_FIRST", "Kai"))) == "name"
    assert group_of(row("nothing")) == NONE


def both() -> dict[str, Measured]:
    samples = [row("I am Kai Fuchs.", ("NAME_FULL", "Kai Fuchs")), row("ISBN 978")]
    hidden = [row("I am K a i.", ("NAME_FULL", "K a i"))]
    good = score(samples, [[Found(NAME, "Kai Fuchs")], []])
    poor = score(samples, [[], [Found(NAME, "ISBN")]])
    costs = {"name": Cost(90, 0.1), NONE: Cost(90, 0.1), "long rows": Cost(10, 0.1)}
    slow = {name: Cost(cost.rows, cost.seconds * 45) for name, cost in costs.items()}
    return {
        "Assay": Measured(good, score(hidden, [[Found(NAME, "K a i")]]), costs),
        "Presidio": Measured(poor, score(hidden, [[]]), slow),
    }


def test_the_page_shows_aims_ratios_and_intervals(tmp_path: Path) -> None:
    report = Report("pii", "Finding personal data")
    aims(report, both(), "held-out")
    speeds(report, both())
    report.tables += tables(both(), "dev")
    report.write(tmp_path / "pii.json")
    page.write(results=tmp_path, notes=tmp_path, page=tmp_path / "page.md")
    text = (tmp_path / "page.md").read_text("utf-8")
    assert "| pii | held-out, Assay: full names: recall (1) | at least 0.95 | 1 [0.21, 1.00] | yes |" in text
    assert "| pii | Assay / Presidio, short rows | at least 30 | 45.0 ratio | yes |" in text
    assert "| name | 1 | 1.000 [0.21, 1.00] | 0.000 [0.00, 0.79] | – |" in text  # noqa: RUF001
    assert "| isbn | 1 | 0.000 [0.00, 0.79] | 1.000 [0.21, 1.00] |" in text
    assert "| all short rows | 180 | 900 | 20.0 | 45.0 |" in text


def test_older_results_without_tables_still_make_a_page(tmp_path: Path) -> None:
    report = Report("doors", "Doors")
    report.add("opened", 2.0, "ms")
    report.write(tmp_path / "doors.json")
    body = json.loads((tmp_path / "doors.json").read_text("utf-8"))
    del body["tables"]
    (tmp_path / "doors.json").write_text(json.dumps(body), "utf-8")
    page.write(results=tmp_path, notes=tmp_path, page=tmp_path / "page.md")
    assert "| opened | 2 | ms |" in (tmp_path / "page.md").read_text("utf-8")
