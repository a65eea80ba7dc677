"""`assay data`: what the ledger says about rows and datasets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from assay.cli.data_diff import diff
from assay.cli.data_list import list_
from assay.cli.data_plan import plan
from assay.cli.main import OutputPath, as_json, json_option, settings_in_force
from assay.cli.review import review

if TYPE_CHECKING:
    from activities.data.story import Chapter, Repeats
    from assay.settings import Settings
    from registry import DatasetRecord, Registry

dataset_metavar = "DIGEST|TENANT/NAME[/VERSION]"


@click.group()
def data() -> None:
    """Rows and datasets: what is there, why a row is where it is, what a dataset holds, how two differ, a mix."""


data.add_command(review)


@data.command()
@click.argument("row")
@click.option("--source", help="ROW is what this source calls it; its file is read until it is found.")
@json_option
def why(row: str, source: str | None, *, as_json_: bool) -> None:
    """The whole story of ROW: its terms, what was found, decided and done, and what was trained from it."""
    from activities.data.story import row_named, story
    from registry import Registry

    settings = settings_in_force()
    registry = Registry.open(settings)
    row_id = row_named(registry, row, source) if source else row
    told = story(registry, row_id, _repeats(settings, registry))
    if as_json_:
        as_json(told.model_dump(mode="json"))
        return
    click.echo(f"row {told.row_id}")
    for chapter in told.chapters:
        _tell(chapter)


@data.command()
@click.argument("dataset", metavar=dataset_metavar)
@click.option("--html", "html_", is_flag=True, help="One HTML page with plots instead of Markdown.")
@click.option("--out", type=OutputPath(path_type=Path, dir_okay=False), help="A file instead of the terminal.")
@json_option
def sheet(dataset: str, out: Path | None, *, html_: bool, as_json_: bool) -> None:
    """What DATASET holds: sources, licences, languages, lengths, labels, findings, biases and gaps.

    Without /VERSION the newest that is not withdrawn is taken, as in `croissant` and `diff`.
    """
    from activities.data.datasheet import sheet_of
    from activities.data.datasheet_pages import html, markdown
    from assay.cli.naming import dataset_or_newest
    from registry import Registry

    registry = Registry.open(settings_in_force())
    record = dataset_or_newest(registry, dataset)
    found = sheet_of(registry, record.dataset.id)
    if as_json_:
        as_json({"quarantined": record.quarantined, **found.model_dump(mode="json")})
        return
    _tell_withdrawn(registry, record)
    page = html(found) if html_ else markdown(found)
    if out is None:
        click.echo(page)
    else:
        out.write_text(page, "utf-8")
        click.echo(f"{out}: {len(page)} characters", err=True)


@data.command()
@click.argument("dataset", metavar=dataset_metavar)
def croissant(dataset: str) -> None:
    """DATASET described in Croissant (MLCommons), JSON-LD that other people's tools read."""
    import json

    from activities.data.croissant import written
    from assay.cli.naming import dataset_or_newest
    from registry import Registry

    registry = Registry.open(settings_in_force())
    record = dataset_or_newest(registry, dataset)
    _tell_withdrawn(registry, record)
    as_json(written(json.loads(registry.blobs.get(record.dataset.manifest)), record.dataset.id))


def _tell_withdrawn(registry: Registry, record: DatasetRecord) -> None:
    if record.quarantined:
        cases = ", ".join(one.case for one in registry.withdrawals.of((record.dataset.id,)))
        rows = "" if registry.shards.readable(record.ledger) else ", and its rows are destroyed"
        name = f"{record.request.tenant}/{record.request.dataset}/{record.request.version}"
        click.echo(f"{name} is withdrawn (case {cases}): nothing is trained on it{rows}", err=True)


def _repeats(settings: Settings, registry: Registry) -> Repeats:
    """A decision is made again by the bundle of its revision, so that the words and remedies are those of that time."""
    from activities.policy.repeat import repeat
    from stack.bundles import kept

    return lambda decision: repeat(decision, registry.blobs, kept(settings.home, decision.policy_revision))


def _tell(chapter: Chapter) -> None:
    state = ", withdrawn" if chapter.quarantined else ""
    click.echo(f"\nin {chapter.name} ({chapter.dataset}{state})")
    details = chapter.details or {}
    place = f", line {details['line']}" if details.get("line") else ""
    _line("source", f"{chapter.source}{place}; {_said(chapter.source_terms)}")
    _line("terms", _said(chapter.terms))
    if chapter.details is None:
        _line("details", _missing(chapter))
    _line("looks like", _said({k: details.get(k) for k in ("kind", "characters", "language", "synthetic_depth")}))
    _line("subject", "it belongs to a data subject" if chapter.has_subject else "it belongs to no data subject")
    if chapter.details is not None:
        _line("found", ", ".join(details.get("findings") or ()) or "nothing")
    _line("outcome", " ".join((chapter.outcome, *chapter.codes)))
    _line("treated", ", ".join(details.get("treatments") or ()))
    _line("repeats", details.get("duplicate_of") or "")
    _tell_decisions(chapter)
    _line("shard", chapter.shard or "")
    removal = chapter.removal
    if removal.suppressed:
        cases = ", ".join(removal.suppressed_by)
        _line("removal", f"its subject is on the suppression list (case {cases}): no intake takes it again")
    elif "SUBJECT_SUPPRESSED" in chapter.codes:
        _line("removal", "it is by or about somebody who was on the suppression list; a refused line names nobody")
    _line("held by", ", ".join(removal.holds))
    _line("withdrawn", f"under {', '.join(removal.cases)}" if removal.withdrawn else "")
    for node in chapter.made:
        gone = ", withdrawn" if node.name in removal.withdrawn else ""
        _line("made of it", f"{'  ' * (node.depth - 1)}{node.kind} {node.name} ({node.relation}{gone})")


def _missing(chapter: Chapter) -> str:
    """Why there are no details. What was destroyed is no longer known, which is not the same as nothing."""
    if (gone := chapter.destroyed) is None:
        return "unknown: its line is not in the ledger of this dataset"
    what = ", ".join(name.replace("_", " ") for name in gone.what)
    by = f"under case {gone.case}" if gone.case else "by an erasure"
    return f"destroyed {by}, nobody can read them again: {what}"


def _tell_decisions(chapter: Chapter) -> None:
    if judged := chapter.judged:
        read_for = "" if judged.dataset == chapter.dataset else f", at the intake of {judged.dataset}"
        _line(
            "decided", f"{judged.decision_id} under policy {judged.policy_revision}, question {judged.input}{read_for}"
        )
        for violation in judged.violations or ():
            _line("", f"{violation.code}: {violation.msg}")
            _line("", f"  remedy: {violation.remedy}")
    if review := chapter.review:
        by = f" by {', '.join(review.reviewers)}: {review.reason}" if review.reviewers else ""
        _line("review", f"{review.state}{by}")


def _line(name: str, said: str) -> None:
    if said:
        click.echo(f"  {name:<11} {said}")


def _said(values: dict[str, Any]) -> str:
    shown = ((k, ", ".join(v) if isinstance(v, list | tuple) else v) for k, v in values.items())
    return "; ".join(f"{name.replace('_', ' ')} {value}" for name, value in shown if value not in (None, "", []))


data.add_command(list_)
data.add_command(diff)
data.add_command(plan)
