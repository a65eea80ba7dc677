"""Data activities: a thin shell that opens what screening and sealing need."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from temporalio import activity

from activities.data import deciding, repeats, staging
from activities.data.checks import Checks, Contamination
from activities.data.clearing import clear
from activities.data.datasheet import files_of, write
from activities.data.dpia import read_assessment
from activities.data.ledger import pseudonym_key
from activities.data.licences import normalise
from activities.data.manifest import refuse_taken
from activities.data.readers import source_digest
from activities.data.runners import Runner, runner_of
from activities.data.scanning import Look, installed_scanner
from activities.data.sealing import seal
from activities.data.shards import scan
from activities.data.verdicts import Question
from activities.heartbeat import beating
from activities.policy.client import PolicyClient
from assay.contracts.base import Reference
from assay.contracts.data import Dataset, Source
from assay.contracts.datasheet import DatasheetFiles, DatasheetJob
from assay.contracts.errors import InputRefused, NotFound, Unavailable
from assay.contracts.policy import Decision
from assay.contracts.review import ReviewQueue
from assay.contracts.screening import (
    Cleared,
    ClearJob,
    Compared,
    CompareJob,
    DecidedShard,
    DecideJob,
    IntakeKey,
    PlanJob,
    ScanJob,
    ScannedShard,
    SealJob,
    SourcePlan,
)
from assay.settings import Settings
from registry import Registry

MOST_DEATHS: Final = 5
"""A scanning process that somebody killed (no memory left) is started anew; not the fifth time on one shard."""


class DataActivities:
    """Shell over `activities.data`; opens registry and keys at first use."""

    def __init__(self, settings: Settings, runner: Runner | None = None) -> None:
        self._settings = settings
        self._runner = runner or runner_of(settings.scanning)
        self._scanner = functools.partial(installed_scanner, thorough=settings.scanning.thorough)
        self._contamination = functools.lru_cache(2)(self._read_suites)

    def all(self) -> list[Callable[..., Any]]:
        """The activities a worker registers."""
        return [
            self.plan_source,
            self.scan_shard,
            self.compare_shards,
            self.decide_shard,
            self.seal_dataset,
            self.clear_stage,
            self.write_datasheet,
        ]

    def close(self) -> None:
        """End the scanning processes."""
        self._runner.close()

    @activity.defn(name="plan_source")
    def plan_source(self, job: PlanJob) -> SourcePlan:
        """See `assay.contracts.screening.plan_source`. Heartbeats the rows read, 0 while the source is hashed."""
        with beating(0) as beat:
            normalise(job.source.licence)
            refuse_taken(self._registry, job.intake.tenant, job.intake.dataset, job.intake.version)
            digest, question = source_digest(job.source), self._question(job.intake, job.source)
            portions = staging.Portions(self._settings.scanning.shard_rows)
            return SourcePlan(
                source=job.source.name,
                digest=digest,
                admitted=question.admits(),
                shards=staging.stage(job.intake, job.source, digest, self._registry.shards, portions, beat),
                lanes=self._runner.lanes,
            )

    @activity.defn(name="scan_shard")
    def scan_shard(self, job: ScanJob) -> ScannedShard:
        """See `assay.contracts.screening.scan_shard`. Heartbeats the rows scanned."""
        with beating(0) as beat, tempfile.TemporaryDirectory(prefix="assay-scan-") as scratch:
            look = Look(Checks.installed(self._contamination(job.suites)), self._scanner)
            raw = self._registry.shards.fetch_file(job.shard.content, Path(scratch, "raw.parquet"))
            try:
                found = scan(look, self._runner, raw, Path(scratch, "found.parquet"), _stamp(job), beat)
            except Unavailable as error:
                if error.code == "SCANNER_DIED" and activity.info().attempt >= MOST_DEATHS:
                    raise _unscannable(job) from error
                raise
            return ScannedShard(rows=job.shard.rows, found=self._registry.shards.put_file(found, job.intake.name))

    @activity.defn(name="compare_shards")
    def compare_shards(self, job: CompareJob) -> Compared:
        """See `assay.contracts.screening.compare_shards`. Heartbeats the rows compared."""
        with beating(0) as beat:
            return Compared(repeats=repeats.compare(job.intake, job.shards, job.raw, self._registry.shards, beat))

    @activity.defn(name="decide_shard")
    def decide_shard(self, job: DecideJob) -> DecidedShard:
        """See `assay.contracts.screening.decide_shard`. Heartbeats the rows decided."""
        with beating(0) as beat:
            return deciding.decide(job, self._question(job.intake, job.source), self._tools(job.intake, beat))

    @activity.defn(name="seal_dataset")
    def seal_dataset(self, job: SealJob) -> Dataset:
        """See `assay.contracts.screening.seal_dataset`."""
        intake = IntakeKey.of(job.request)

        def still(source: Source, admitted: bool) -> list[Decision]:
            question = self._question(intake, source)
            question.still(admitted=admitted)
            return question.decisions

        with beating():
            return seal(job, self._registry, still)

    @activity.defn(name="clear_stage")
    def clear_stage(self, job: ClearJob) -> Cleared:
        """See `assay.contracts.screening.clear_stage`."""
        with beating():
            return Cleared(blobs=clear(job, self._registry))

    @activity.defn(name="write_datasheet")
    def write_datasheet(self, job: DatasheetJob) -> DatasheetFiles:
        """See `assay.contracts.datasheet.write_datasheet`."""
        with beating():
            if job.once and (written := files_of(self._registry, job.dataset)):
                return written
            return write(self._registry, job.dataset, self._gate)

    def _question(self, intake: IntakeKey, source: Source) -> Question:
        key = self._settings.home / "keys" / "signing.pub.pem"
        assessment = read_assessment(source, self._registry.blobs, key)
        return Question(self._gate, intake, source, assessment, datetime.now(UTC))

    def _tools(self, intake: IntakeKey, beat: Callable[[int], None]) -> deciding.Tools:
        queue = ReviewQueue(tenant=intake.tenant, dataset=intake.dataset, purpose=intake.purpose)
        return deciding.Tools(
            shards=self._registry.shards,
            blobs=self._registry.blobs,
            runner=self._runner,
            subject_key=self._subject_key,
            pseudonyms=pseudonym_key(self._subject_key, intake.tenant),
            suppressed=functools.partial(self._registry.suppression.obeyed, intake.tenant),
            released=self._registry.quarantine.released(queue),
            beat=beat,
            scanner=self._scanner,
        )

    def _read_suites(self, suites: tuple[Reference, ...]) -> Contamination:
        return Contamination.of(self._registry.blobs.get(suite) for suite in suites)

    @cached_property
    def _registry(self) -> Registry:
        return Registry.open(self._settings)

    @cached_property
    def _gate(self) -> PolicyClient:
        return PolicyClient(self._settings.opa, self._registry.blobs)

    @cached_property
    def _subject_key(self) -> bytes:
        path = self._settings.home / "keys" / "subject.key"
        try:
            return path.read_bytes().strip()
        except OSError as error:
            raise NotFound(
                "SUBJECT_KEY_MISSING", f"{path.name} cannot be read", "run `assay up`: it makes keys"
            ) from error


def _stamp(job: ScanJob) -> str:
    return f"{job.intake.name}/{job.source}/{job.shard.number}/found"


def _unscannable(job: ScanJob) -> InputRefused:
    return InputRefused(
        "SHARD_UNSCANNABLE",
        f"a scanning process ended {MOST_DEATHS} times on rows of shard {job.shard.number} of source {job.source}",
        "look at the data worker's log and its memory; if it is the rows, take them out of the source",
    )
