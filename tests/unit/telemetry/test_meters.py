"""Workers' own metrics: names by convention, zeroes before the first event, closed label sets."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args

import pytest
from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig

from activities.erasure.activity import ErasureControl
from assay.contracts.erasure import CaseJob, ErasureRequest, Reminder
from assay.contracts.policy import Gate
from assay.contracts.promotion import Stage
from assay.settings import Settings
from assay.telemetry import meters
from workers.run import prometheus


@pytest.fixture
def scrape(free_port: Callable[[], int]) -> Iterator[Callable[[], str]]:
    """The metrics page of a worker, from the Temporal SDK itself."""
    config: PrometheusConfig = prometheus(f"127.0.0.1:{free_port()}")
    runtime = Runtime(telemetry=TelemetryConfig(metrics=config))
    meters.use(runtime.metric_meter)

    def read() -> str:
        with urllib.request.urlopen(f"http://{config.bind_address}/metrics") as page:
            return str(page.read().decode())

    yield read
    meters.use(None)


def value(page: str, name: str, **labels: str) -> float:
    wanted = [f'{label}="{text}"' for label, text in labels.items()]
    [line] = [line for line in page.splitlines() if line.split("{")[0] == name and all(one in line for one in wanted)]
    return float(line.rsplit(" ", 1)[1])


def test_counters_are_there_before_they_count_and_then_count(scrape: Callable[[], str]) -> None:
    assert value(scrape(), "assay_gate_decisions_total", gate="release", outcome="refused") == 0
    meters.GATE_DECISIONS.add(gate="release", outcome="refused")
    assert value(scrape(), "assay_gate_decisions_total", gate="release", outcome="refused") == 1
    assert value(scrape(), "assay_gate_decisions_total", gate="release", outcome="allowed") == 0


def test_gauges_hold_the_last_value(scrape: Callable[[], str]) -> None:
    meters.TRAINING_LOSS.set(2.5)
    meters.TRAINING_LOSS.set(1.25)
    assert value(scrape(), "assay_training_loss") == 1.25


def test_every_gate_and_stage_of_the_contracts_is_shown(scrape: Callable[[], str]) -> None:
    page = scrape()
    for gate in get_args(Gate):
        assert value(page, "assay_gate_failures_total", gate=gate) == 0
    for stage in get_args(Stage):
        assert value(page, "assay_pointer_moves_total", stage=stage) == 0


def test_a_reminder_of_an_erasure_is_counted_and_said(
    scrape: Callable[[], str], caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    control = ErasureControl(Settings(home=tmp_path))
    request = ErasureRequest(tenant="acme", subject="5" * 64, requested_by="pia")
    job = CaseJob(case="acme.51d0e2aa17cc", workflow="erasure/acme/5", request=request)
    assert value(scrape(), "assay_reminders_total", about="erasure") == 0
    for left in (16.04, 0.0, -2.5):
        control.remind_erasure(Reminder(job=job, stage="held", days_left=left))
    assert value(scrape(), "assay_reminders_total", about="erasure") == 3
    assert [record.getMessage().removeprefix("case acme.51d0e2aa17cc is held: ") for record in caplog.records] == [
        "16.0 days are left",
        "it is 0.0 days late",
        "it is 2.5 days late",
    ]


def test_without_a_meter_nothing_is_counted() -> None:
    meters.use(None)
    meters.ROLLBACKS.add()
    assert meters._made == {}
