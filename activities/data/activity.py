"""Data activities: a thin shell that opens what screening and sealing need."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from temporalio import activity

from activities.data.datasheet import write
from activities.data.dpia import read_assessment
from activities.data.findings import Scanner
from activities.data.screening import Tools, screen
from activities.data.sealing import seal
from activities.heartbeat import beating
from activities.policy.client import PolicyClient
from assay.contracts.data import Dataset, ScreenedSource, ScreenJob, SealJob
from assay.contracts.datasheet import DatasheetFiles, DatasheetJob
from assay.contracts.errors import NotFound
from assay.settings import Settings
from registry import Registry


class DataActivities:
    """Shell over `activities.data`; opens registry and keys at first use."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def all(self) -> list[Callable[..., Any]]:
        """The activities a worker registers."""
        return [self.screen_source, self.seal_dataset, self.write_datasheet]

    @activity.defn(name="screen_source")
    def screen_source(self, job: ScreenJob) -> ScreenedSource:
        """See `assay.contracts.data.screen_source`. Heartbeats the rows done, 0 while the file is hashed."""
        with beating(0) as beat:
            key = self._settings.home / "keys" / "signing.pub.pem"
            assessment = read_assessment(job.source, self._registry.blobs, key)
            return screen(job, assessment, self._tools(beat))

    @activity.defn(name="seal_dataset")
    def seal_dataset(self, job: SealJob) -> Dataset:
        """See `assay.contracts.data.seal_dataset`."""
        with beating():
            return seal(job, self._registry)

    @activity.defn(name="write_datasheet")
    def write_datasheet(self, job: DatasheetJob) -> DatasheetFiles:
        """See `assay.contracts.datasheet.write_datasheet`."""
        with beating():
            return write(self._registry, job.dataset, PolicyClient(self._settings.opa, self._registry.blobs))

    def _tools(self, beat: Callable[[int], None]) -> Tools:
        return Tools(
            gate=PolicyClient(self._settings.opa, self._registry.blobs),
            blobs=self._registry.blobs,
            scanner=self._scanner,
            subject_key=self._subject_key,
            now=datetime.now(UTC),
            beat=beat,
        )

    @cached_property
    def _registry(self) -> Registry:
        return Registry.open(self._settings)

    @cached_property
    def _scanner(self) -> Scanner:
        return Scanner.installed()

    @cached_property
    def _subject_key(self) -> bytes:
        path = self._settings.home / "keys" / "subject.key"
        try:
            return path.read_bytes().strip()
        except OSError as error:
            raise NotFound(
                "SUBJECT_KEY_MISSING", f"{path.name} cannot be read", "run `assay up`: it makes keys"
            ) from error
