"""The example's rows under the real policy: their sheet, the story of one of them, what they may be trained into."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from temporalio.testing import ActivityEnvironment

from activities.data.activity import DataActivities
from activities.data.comparison import compare
from activities.data.datasheet import sheet_of
from activities.data.story import row_named, story
from activities.policy.bundle import Bundle
from activities.policy.repeat import repeat
from assay.cli import main
from assay.contracts.data import Dataset, Source
from assay.contracts.datasheet import DatasheetFiles, DatasheetJob
from assay.settings import Settings
from examples.data import planted
from registry import Registry
from stack.bundles import keep

Intake = Callable[..., tuple[Any, Dataset]]
SOURCES = ("calls", "refusals", "replay", "planted")


@pytest.fixture
def named(rows: Path) -> Callable[[str], Source]:
    terms = json.loads((rows / "sources.json").read_text("utf-8"))
    return lambda name: Source.model_validate(terms[name])


def written(activities: DataActivities, dataset: Dataset) -> DatasheetFiles:
    files: DatasheetFiles = ActivityEnvironment().run(activities.write_datasheet, DatasheetJob(dataset=dataset.id))
    return files


def test_the_sheet_of_the_example_says_what_intake_did(
    intake: Intake, named: Callable[[str], Source], activities: DataActivities, settings: Settings
) -> None:
    _, dataset = intake(*(named(name) for name in SOURCES))
    files, registry = written(activities, dataset), Registry.open(settings)
    assert written(activities, dataset) == files
    sheet, found = sheet_of(registry, dataset.id), sheet_of(registry, dataset.id).profile
    assert (found.read, found.accepted) == (dataset.counts.read, dataset.counts.accepted)
    assert {part.name: part.count for part in found.outcomes}["refused"] == dataset.counts.refused
    assert {source.name for source in sheet.sources} == set(SOURCES)
    assert (sheet.licence_outcome, {use.expression for use in sheet.licences}) == (
        "allowed with notice",
        {"Apache-2.0"},
    )
    assert any("GPL-3.0-only" in part.name for part in found.refused_licences)
    assert (sheet.synthetic_depth, {part.name for part in found.kinds}) == (1, {"call", "refusal", "replay"})
    pages = [registry.blobs.get(page).decode() for page in (files.numbers, files.markdown, files.html)]
    for value in (*planted.PERSONAL, planted.AWS_KEY, "customer-redact-mail", "data@acme.example"):
        assert not any(value in page for page in pages)


def test_the_story_of_a_planted_row_has_the_remedy_that_policy_gave(
    intake: Intake, named: Callable[[str], Source], settings: Settings
) -> None:
    source = named("planted")
    _, dataset = intake(source)
    registry = Registry.open(settings)

    def told(name: str) -> Any:
        row = row_named(registry, name, "planted")
        chapters = story(
            registry, row, lambda one: repeat(one, registry.blobs, settings.home / "bundle.tar.gz")
        ).chapters
        return next(chapter for chapter in chapters if chapter.dataset == dataset.id)

    mailed, secret = told("redact-mail"), told("refuse-secret-aws")
    assert (mailed.outcome, [v.code for v in mailed.judged.violations]) == ("redacted", ["ROW_REDACTED"])
    assert mailed.details["findings"] == ["pii:EMAIL_ADDRESS:1"]
    assert mailed.shard is not None
    assert secret.outcome == "refused"
    assert secret.judged.violations[0].remedy == "revoke the credential, then export the row without it"
    assert secret.shard is None


def test_two_versions_of_the_example_differ_by_what_was_left_out(
    intake: Intake, named: Callable[[str], Source], settings: Settings
) -> None:
    _, one = intake(*(named(name) for name in SOURCES))
    _, other = intake(*(named(name) for name in SOURCES if name != "replay"))
    found = compare(Registry.open(settings), one.id, other.id)
    assert (found.rows.added, found.rows.changed) == (0, 0)
    assert found.rows.removed == one.counts.read - other.counts.read
    kinds = next(counts for counts in found.counts if counts.of == "kinds")
    assert {moved.name: moved.after for moved in kinds.moved}["replay"] == 0


def test_the_command_finds_the_words_of_the_decision_in_the_kept_bundle(
    intake: Intake, named: Callable[[str], Source], settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    intake(named("planted"))
    registry = Registry.open(settings)
    row = row_named(registry, "refuse-card", "planted")
    decision = next(c.judged for c in story(registry, row).chapters if c.judged)
    kept = settings.home / "kept.tar.gz"
    shutil.copyfile(settings.home / "bundle.tar.gz", kept)
    keep(Bundle(kept, decision.policy_revision), settings.home)
    monkeypatch.setenv("ASSAY_HOME", str(settings.home))
    monkeypatch.setattr("sys.argv", ["assay", "data", "why", row])
    with pytest.raises(SystemExit) as ended:
        main()
    out = capsys.readouterr().out
    assert ended.value.code in (None, 0)
    assert "remedy: take the personal data out at the source system" in out
