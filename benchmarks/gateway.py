"""What the gateway adds to an engine that answers at once, beside a Rust gateway in the same run.

    python benchmarks/gateway.py [--seconds 3] [--rounds 3] [--no-smg]

`python -m serving.gateway` runs as in production: real registry and key, all checks, access log and metrics on. The
engine and the closed-loop client (`benchmarks/load`) are a Go program that serves 50,000 requests a second of its own
processor time, so neither is what is measured. The three paths are taken in turn, round by round; figures are medians
over rounds. Processor time is the gateway process' own, which other work on the machine disturbs least.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click
import psutil

from assay.contracts.base import BasePin
from assay.contracts.rollout import Arm, Route, RouteTable
from assay.settings import EngineSettings, Ports, Settings
from benchmarks.processes import answers, load_tool, private_tool, processor_seconds, running
from benchmarks.report import Report, median, options
from registry import Registry
from stack.environment import environment_of
from stack.ports import free_ports

SMG: Final = "smg==1.13.0"
CONNECTIONS: Final = (1, 32, 256)
STREAMS: Final = (1, 32)
_DIGEST: Final = "sha256:" + "a" * 64


@dataclass(frozen=True)
class Path_:
    """One way to the engine. `process` is what stands between, None for nothing."""

    name: str
    port: int
    key: str
    model: str
    process: psutil.Process | None


@dataclass(frozen=True)
class Sample:
    """One run of the client: its report, and the processor milliseconds of what stood between, a request."""

    report: dict[str, Any]
    processor: float


def open_home(home: Path, engine: int) -> tuple[Settings, str]:
    """A home with one tenant, one key and one route to an adapter; the settings for it, and the key."""
    urls = (f"http://127.0.0.1:{engine}",)
    settings = Settings(home=home, ports=Ports(gateway=free_ports(1)[0]), engine=EngineSettings(urls=urls))
    registry = Registry.open(settings)
    key = registry.keys.create("acme")
    base = BasePin(repository="org/base", revision="rev-1", digest=_DIGEST)
    stable = Arm(name="stable", version=_DIGEST, adapter="acme.helpdesk.a", percent=100)
    table = RouteTable(revision=1, routes=(Route(tenant="acme", model="helpdesk", base=base, arms=(stable,)),))
    registry.routes.publish(table, key="benchmark", actor="benchmark", reason="benchmark", decision_id="none")
    registry.close()
    return settings, key


@contextmanager
def started_engine(tool: Path, home: Path, *adapters: str) -> Iterator[int]:
    """The stub engine; its port. It says it holds `adapters`, else the one of the benchmark's route."""
    port, log = free_ports(1)[0], home / "engine.log"
    held = ["--adapters", ",".join(adapters)] if adapters else []
    with running([str(tool), "engine", "--port", str(port), *held], log):
        answers(f"http://127.0.0.1:{port}/health", log)
        yield port


@contextmanager
def started_gateway(home: Path, engine: int) -> Iterator[Path_]:
    """Our gateway, one process."""
    settings, key = open_home(home, engine)
    log = home / "gateway.log"
    with running([sys.executable, "-m", "serving.gateway"], log, environment_of(settings)) as process:
        answers(f"{settings.gateways[0]}/healthz", log)
        yield Path_("gateway", settings.ports.gateway, key, "helpdesk", process)


@contextmanager
def started_smg(home: Path, engine: int) -> Iterator[Path_]:
    """The Shepherd Model Gateway with a key and its defaults, its log at its default level."""
    port, log = free_ports(1)[0], home / "smg.log"
    command = [
        str(private_tool(SMG, "smg")),
        *("launch", "--host", "127.0.0.1", "--port", str(port), "--worker-urls", f"http://127.0.0.1:{engine}"),
        *("--policy", "round_robin", "--prometheus-port", str(free_ports(1)[0]), "--api-key", "benchmark"),
    ]
    with running(command, log) as process:
        answers(f"http://127.0.0.1:{port}/v1/models", log)
        yield Path_("smg", port, "benchmark", "base", process)


def measure(tool: Path, path: Path_, connections: int, seconds: float, *, stream: bool = False) -> Sample:
    """Run the client once. Raises RuntimeError when a request failed: figures of refusals are not wanted."""
    command = [
        *(str(tool), "drive", "--address", f"127.0.0.1:{path.port}", "--key", path.key, "--model", path.model),
        *("--connections", str(connections), "--seconds", str(seconds), *(["--stream"] if stream else [])),
    ]
    before = processor_seconds(path.process) if path.process else 0.0
    report = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    used = processor_seconds(path.process) - before if path.process else 0.0
    if report["failed"]:
        raise RuntimeError(f"{path.name}: {report['failed']} requests failed: {report['failure']}")
    return Sample(report, used * 1000 / (report["requests"] + report["unmeasured"]))


def rounds(
    tool: Path, paths: Sequence[Path_], connections: int, seconds: float, count: int, *, stream: bool = False
) -> dict[str, list[Sample]]:
    """All paths in turn, `count` times."""
    found: dict[str, list[Sample]] = {path.name: [] for path in paths}
    for _ in range(count):
        for path in paths:
            found[path.name].append(measure(tool, path, connections, seconds, stream=stream))
    return found


def middle(samples: Sequence[Sample], *names: str) -> float:
    """Median over rounds of one figure of the client's report."""

    def read(report: Any) -> float:  # noqa: ANN401  # JSON
        for name in names:
            report = report[name]
        return float(report)

    return median(read(sample.report) for sample in samples)


def whole_answers(report: Report, connections: int, found: dict[str, list[Sample]]) -> None:
    """Rows for answers that come whole."""
    at = f"{connections} connection{'s' if connections > 1 else ''}"
    aims = {"p50": 0.3, "p99": 0.6} if connections == 1 else {}
    for name, samples in found.items():
        for share in ("p50", "p99"):
            value = middle(samples, "latency", share)
            if name == "direct":
                report.add(f"{at}: engine directly, {share}", value, "ms")
                continue
            added = value - middle(found["direct"], "latency", share)
            aim = aims.get(share) if name == "gateway" else None
            report.add(f"{at}: added by {name}, {share}", added, "ms", at_most=aim)
        if name != "direct":
            rate = 1000 / median(sample.processor for sample in samples)
            floor = 8000 if name == "gateway" and connections == 32 else None
            report.add(f"{at}: {name}, requests a second of a core", rate, "req/s", at_least=floor)
    if "smg" in found:
        ours, theirs = (median(sample.processor for sample in found[name]) for name in ("gateway", "smg"))
        report.add(f"{at}: processor time a request, gateway / smg", ours / theirs, "ratio")


def streams(report: Report, connections: int, found: dict[str, list[Sample]]) -> None:
    """Rows for streams of 16 chunks, 5 ms apart. A chunk's delay runs from when the engine sent it."""
    at = f"streaming, {connections} connection{'s' if connections > 1 else ''}"
    for name, samples in found.items():
        for what, title in (("first_chunk", "time to first chunk"), ("chunk", "a chunk's way")):
            for share in ("p50", "p99"):
                value = middle(samples, what, share)
                if name == "direct":
                    report.add(f"{at}: engine directly, {title}, {share}", value, "ms")
                else:
                    added = value - middle(found["direct"], what, share)
                    report.add(f"{at}: added by {name} to {title}, {share}", added, "ms")


@options
@click.option("--seconds", default=3.0, show_default=True, help="per measurement")
@click.option("--rounds", "count", default=3, show_default=True)
@click.option("--connections", multiple=True, type=int, default=CONNECTIONS, show_default=True)
@click.option("--smg/--no-smg", default=True, show_default=True, help="measure the Rust gateway as well")
def main(out: Path | None, seconds: float, count: int, connections: tuple[int, ...], smg: bool) -> None:
    """Measure the latency that the gateway adds."""
    tool, report = load_tool(), Report("gateway", "Gateway before an engine that answers at once")
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as up:
        home = Path(scratch)
        engine = up.enter_context(started_engine(tool, home))
        paths = [Path_("direct", engine, "", "base", None), up.enter_context(started_gateway(home, engine))]
        if smg:
            try:
                paths.append(up.enter_context(started_smg(home, engine)))
            except (subprocess.CalledProcessError, OSError) as error:
                click.echo(f"{SMG} could not be installed, and is not measured: {error}", err=True)
        for number in connections:
            whole_answers(report, number, rounds(tool, paths, number, seconds, count))
        for number in (number for number in STREAMS if number in connections):
            streams(report, number, rounds(tool, paths, number, seconds, count, stream=True))
    report.write(out)


if __name__ == "__main__":
    main()
