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
from stack.ports import WORKERS, temporal_metrics

ROOT: Final = Path(__file__).resolve().parents[1]
_WITHOUT_KEYS: Final = {"ASSAY_PAYLOAD_KEYS": "", "ASSAY_CODEC_KEY": "", "ASSAY_ADMIN_KEY": ""}
"""For programs that are not ours: the server that stores ciphertext has no business with its key."""


@dataclass(frozen=True)
class Process:
    """One supervised process. `wave` 0 starts first; wave 1 when wave 0's servers it needs are healthy."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    wave: int = 0
    stop_seconds: int = 15


def processes(settings: Settings, base: BasePin) -> tuple[Process, ...]:
    """All processes of the local stack."""
    workers = tuple(_worker(name) for name in WORKERS)
    codec = (_codec(),) if settings.payload_keys else ()
    return (_temporal(settings), _opa(settings), _engine(settings, base), *workers, _gateway(), *codec)


def _temporal(settings: Settings) -> Process:
    home, numbers = settings.home.resolve(), settings.ports
    command = [
        str(Path(sys.executable).with_name("temporal")),
        *("server", "start-dev", "--ip", "127.0.0.1", "--port", str(numbers.temporal)),
        *("--ui-ip", "127.0.0.1", "--ui-port", str(numbers.temporal_ui), "--ui-disable-news-fetch"),
        *("--db-filename", str(home / "temporal.sqlite")),
        *("--namespace", settings.temporal_namespace, "--log-level", "warn"),
        *("--log-format", "json", "--metrics-port", str(temporal_metrics(settings))),
    ]
    for key in SEARCH_ATTRIBUTES:
        command += ["--search-attribute", f"{key.name}=Keyword"]
    if settings.payload_keys:
        command += ["--ui-codec-endpoint", f"http://127.0.0.1:{numbers.codec}"]
    return Process("temporal", tuple(command), _WITHOUT_KEYS)


def _opa(settings: Settings) -> Process:
    config = settings.home.resolve() / "opa" / "config.yaml"
    arguments = server_arguments(config, settings.ports.opa, settings.ports.opa_diagnostics)
    return Process("opa", (str(find_opa()), *arguments), _WITHOUT_KEYS)


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
    keys = {
        "ASSAY_ENGINE_KEY": settings.engine_key.get_secret_value(),
        "ASSAY_ENGINE_ADMIN_KEY": settings.control_key.get_secret_value(),
    }
    return Process("engine", command, {**_WITHOUT_KEYS, **keys}, stop_seconds=30)


def _worker(name: str) -> Process:
    # Longer than the worker's own grace of 30 seconds, in which a trainer saves.
    return Process(f"worker-{name}", (sys.executable, "-m", f"workers.{name}"), wave=1, stop_seconds=40)


def _gateway() -> Process:
    return Process("gateway", (sys.executable, "-m", "serving.gateway"), wave=1)


def _codec() -> Process:
    return Process("codec", (sys.executable, "-m", "workers.codec_server"), wave=1)
