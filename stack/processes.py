"""The table of processes: what runs, on which ports, in which order."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from activities.policy.config import server_arguments
from activities.policy.opa import find_opa
from assay.contracts.base import BasePin
from assay.contracts.names import SEARCH_ATTRIBUTES
from assay.settings import Settings
from stack.keys import secret

ROOT: Final = Path(__file__).resolve().parents[1]
WORKERS: Final = ("control", "data", "training", "serving")


@dataclass(frozen=True)
class Process:
    """One supervised process. `wave` 0 starts first; wave 1 when wave 0's servers it needs are healthy."""

    name: str
    command: tuple[str, ...]
    ports: Mapping[str, int] = field(default_factory=dict)
    """Setting name to port, so that a taken port can name what to change."""
    environment: Mapping[str, str] = field(default_factory=dict)
    wave: int = 0
    stop_seconds: int = 15


def processes(settings: Settings, base: BasePin) -> tuple[Process, ...]:
    """All processes of the local stack."""
    workers = tuple(_worker(settings, name, number) for number, name in enumerate(WORKERS))
    return (_temporal(settings), _opa(settings), _engine(settings, base), *workers, _gateway(settings))


def _temporal(settings: Settings) -> Process:
    ports = settings.ports
    command = [
        str(Path(sys.executable).with_name("temporal")),
        *("server", "start-dev", "--ip", "127.0.0.1", "--port", str(ports.temporal)),
        *("--ui-ip", "127.0.0.1", "--ui-port", str(ports.temporal_ui), "--ui-disable-news-fetch"),
        *("--db-filename", str(settings.home.resolve() / "temporal.sqlite")),
        *("--namespace", settings.temporal_namespace, "--log-level", "warn"),
    ]
    for key in SEARCH_ATTRIBUTES:
        command += ["--search-attribute", f"{key.name}=Keyword"]
    taken = {"ASSAY_PORTS__TEMPORAL": ports.temporal, "ASSAY_PORTS__TEMPORAL_UI": ports.temporal_ui}
    return Process("temporal", tuple(command), taken)


def _opa(settings: Settings) -> Process:
    ports = settings.ports
    config = settings.home.resolve() / "opa" / "config.yaml"
    command = (str(find_opa()), *server_arguments(config, ports.opa, ports.opa_diagnostics))
    return Process(
        "opa", command, {"ASSAY_PORTS__OPA": ports.opa, "ASSAY_PORTS__OPA_DIAGNOSTICS": ports.opa_diagnostics}
    )


def _engine(settings: Settings, base: BasePin) -> Process:
    engine, home = settings.engine, settings.home.resolve()
    command = (
        *(sys.executable, "-m", "serving.engines.launcher"),
        *("--model", str(home / "base"), "--revision", base.revision, "--state", str(home / "engine")),
        *("--port", str(settings.ports.engine), "--device", engine.device, "--dtype", engine.dtype),
        *("--context-length", str(engine.context_length), "--max-loras", str(engine.max_loras)),
        *("--max-loaded-loras", str(engine.max_loaded_loras), "--max-lora-rank", str(engine.max_lora_rank)),
        *("--max-total-tokens", str(engine.max_total_tokens)),
    )
    keys = {"ASSAY_ENGINE_KEY": secret(home, "engine"), "ASSAY_ENGINE_ADMIN_KEY": secret(home, "admin")}
    return Process("engine", command, {"ASSAY_PORTS__ENGINE": settings.ports.engine}, keys, stop_seconds=30)


def _worker(settings: Settings, name: str, number: int) -> Process:
    port = settings.ports.worker_metrics + number
    command = (sys.executable, "-m", f"workers.{name}")
    return Process(f"worker-{name}", command, {"ASSAY_PORTS__WORKER_METRICS": port}, wave=1, stop_seconds=40)


def _gateway(settings: Settings) -> Process:
    command = (sys.executable, "-m", "serving.gateway")
    return Process("gateway", command, {"ASSAY_PORTS__GATEWAY": settings.ports.gateway}, wave=1)
