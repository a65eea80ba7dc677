"""`python -m examples.demo [--quick]`: the life of a model, once around."""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import sys
import time
from pathlib import Path

from assay.settings import Settings
from assay.telemetry import traces
from examples.demo import plan
from examples.demo.report import Report, write
from examples.demo.shell import ROOT
from examples.demo.steps import Demo
from examples.demo.story import Story

HOME = Path(os.environ.get("ASSAY_HOME", ROOT / "var")).resolve()


async def main(size: plan.Size) -> int:
    """Run all steps; the report is written also when one fails."""
    story, begun = Story(), time.monotonic()
    report = Report(quotable=size.quotable)
    report.machine = {"system": platform.platform(), "cores": os.cpu_count(), "python": platform.python_version()}
    demo = Demo(story, report, size, HOME / "demo")
    try:
        await demo.prepare()
        for step in (
            demo.intake,
            demo.training,
            demo.evaluation,
            demo.decision,
            demo.rollout,
            demo.bad_adapter,
            demo.outside_check,
            demo.erasure,
        ):
            await step()
    finally:
        report.machine["seconds"] = round(time.monotonic() - begun)
        seen = demo.traffic.seen if hasattr(demo, "traffic") else []
        page = write(report, story, seen, demo.folder)
        story.say(f"report: {page}")
    story.say(f"The whole took {report.machine['seconds']} s. The stack is still running; stop it with `assay down`.")
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer steps; figures not to be quoted")
    size = plan.QUICK if parser.parse_args().quick else plan.FULL
    traces.configure_traces(Settings(), "assay-demo")
    try:
        with traces.span("demo", parent=traces.from_parent()):
            status = asyncio.run(main(size))
    finally:
        traces.flush_traces()
    sys.exit(status)
