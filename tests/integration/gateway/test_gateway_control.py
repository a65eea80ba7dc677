"""The control plane's side of gateways: real ones, asked as the serving worker asks them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from temporalio.testing import ActivityEnvironment

from activities.serving.activity import ServingActivities
from assay.contracts.rollout import AnalysisJob, AnalysisRules
from assay.settings import Settings


def job(letter: str, since: int, *, shadow: bool = False) -> AnalysisJob:
    return AnalysisJob(
        tenant="acme",
        model="helpdesk",
        version="sha256:" + letter * 64,
        since_revision=since,
        shadow=shadow,
        min_requests=1,
        rules=AnalysisRules(),
    )


async def test_the_serving_worker_speaks_with_the_control_key_in_force(gateway: Any, tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "admin.key").write_text("not-in-force")
    settings = Settings.model_validate(
        {"home": tmp_path, "admin_key": "admin-secret", "gateway_urls": [gateway.url], "engine": {"urls": ["http://x"]}}
    )
    analysis = await ActivityEnvironment().run(ServingActivities(settings).analyse_canary, job("c", 1))
    assert analysis.verdict == "inconclusive"
