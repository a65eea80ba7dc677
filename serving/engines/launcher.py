"""Starts SGLang on what this machine has, and becomes it.

    python -m serving.engines.launcher --model DIR --revision REV --state DIR --port 30000

The process ends in `execve`: a supervisor that started this command owns the server's real pid. The data key and the
admin key come from `ASSAY_ENGINE_KEY` and `ASSAY_ENGINE_ADMIN_KEY` and reach SGLang in a file of mode 0600, because
arguments and environments are readable to others on many systems.

A server that was killed leaves its scheduler and detokenizer behind, with the model in memory: they are children of
a fork server, and nothing tells them. The next start with the same state folder ends them.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

import click
import psutil
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from assay.marked import marked
from assay.telemetry.logs import dictionary_config
from serving.devices import Device, DType, choose_dtype, detect_device
from serving.template import TEMPLATE_PATH, template_digest

__all__ = ["ADMIN_KEY_VARIABLE", "BASE_NAME", "KEY_VARIABLE", "LORA_MODULES", "Launch", "environment", "options"]

BASE_NAME: Final = "base"
SERVICE: Final = "assay-engine"
LOGGING: Final = "logging.json"
METRICS: Final = "metrics"
KEY_VARIABLE: Final = "ASSAY_ENGINE_KEY"
ADMIN_KEY_VARIABLE: Final = "ASSAY_ENGINE_ADMIN_KEY"
LORA_MODULES: Final = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
_MARK: Final = "ASSAY_ENGINE_STATE"
"""Handed down to every process of a server: its state folder."""
_SHIM = Path(__file__).with_name("cpu_shim")


class Launch(BaseModel):
    """Everything that decides how the engine is started."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: Path
    revision: str = Field(min_length=1, description="base revision; comes back as `weight_version`")
    state: Path = Field(description="folder for the configuration file and the template copy")
    host: str = "127.0.0.1"
    port: int = Field(ge=1, le=65535)
    device: Device
    dtype: DType
    context_length: int = Field(default=2048, ge=64)
    max_loras: int = Field(default=4, ge=2, description="adapters in one batch; one slot is the base's")
    max_loaded_loras: int = Field(default=8, ge=2)
    max_lora_rank: int = Field(default=16, ge=1)
    max_total_tokens: int = Field(default=32768, ge=1024)
    max_running_requests: int = Field(default=32, ge=1)
    log_level: Literal["debug", "info", "warning", "error"] = "warning"
    otlp_endpoint: str | None = Field(default=None, description="OpenTelemetry collector; none means no export")
    key: SecretStr
    admin_key: SecretStr


def options(launch: Launch, template: Path) -> dict[str, object]:
    """SGLang's options with one value, by their long names without the dashes."""
    return {
        "model-path": str(launch.model.resolve()),
        "served-model-name": BASE_NAME,
        "weight-version": launch.revision,
        "chat-template": str(template.resolve()),
        "tool-call-parser": "qwen",
        "host": launch.host,
        "port": launch.port,
        "api-key": launch.key.get_secret_value(),
        "admin-api-key": launch.admin_key.get_secret_value(),
        "device": launch.device,
        "dtype": launch.dtype,
        "context-length": launch.context_length,
        "max-total-tokens": launch.max_total_tokens,
        "max-running-requests": launch.max_running_requests,
        "enable-lora": True,
        "max-lora-rank": launch.max_lora_rank,
        "max-loras-per-batch": launch.max_loras,
        "max-loaded-loras": launch.max_loaded_loras,
        "lora-drain-wait-threshold": 5.0,
        "log-level": launch.log_level,
        "enable-metrics": True,
        **_tracing(launch),
        **(_CPU_OPTIONS if launch.device == "cpu" else {}),
    }


def _tracing(launch: Launch) -> Mapping[str, object]:
    """SGLang's own spans of a request: they hold ids, times and token counts. It joins the trace of its caller."""
    if launch.otlp_endpoint is None:
        return {}
    endpoint = f"{launch.otlp_endpoint.rstrip('/')}/v1/traces"
    return {"enable-trace": True, "otlp-traces-endpoint": endpoint, "otlp-service-name": SERVICE}


# Upstream promises function, not speed, without AMX: no compiled kernels, no graphs, no overlap.
_CPU_OPTIONS: Final[Mapping[str, object]] = {
    "attention-backend": "torch_native",
    "lora-backend": "torch_native",
    "disable-overlap-schedule": True,
    # An idle scheduler polls in a loop and takes most of a core from whatever trains beside it.
    "sleep-on-idle": True,
}


# Threads that wait must sleep, not spin: beside a training run on the same two cores, spinning made one token take 2.8
# seconds instead of 0.16.
_CPU_ENVIRONMENT: Final[dict[str, str]] = {"SGLANG_USE_CPU_ENGINE": "1", "OMP_WAIT_POLICY": "PASSIVE"}


def environment(launch: Launch, inherited: Mapping[str, str]) -> dict[str, str]:
    """The server's environment: no hub, no keys, and on the CPU the start-up shim first on the path."""
    kept = {name: value for name, value in inherited.items() if name not in (KEY_VARIABLE, ADMIN_KEY_VARIABLE)}
    always = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    always["SGLANG_LOGGING_CONFIG_PATH"] = str((launch.state / LOGGING).resolve())
    # SGLang's default is gRPC, where one collector address would not do for all of us. Its level 1 is the request.
    always |= {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf", "SGLANG_TRACE_LEVEL": "1"}
    # From the first process on: those that are forked before SGLang chooses a folder would show nothing.
    always["PROMETHEUS_MULTIPROC_DIR"] = str((launch.state / METRICS).resolve())
    always[_MARK] = str(launch.state.resolve())
    always["SGLANG_DISABLED_MODEL_ARCHS"] = ",".join(unused_architectures(launch.model))
    if launch.device != "cpu":
        return kept | always
    path = os.pathsep.join(filter(None, [str(_SHIM), inherited.get("PYTHONPATH")]))
    return kept | always | _CPU_ENVIRONMENT | {"PYTHONPATH": path}


def end_left_behind(state: Path) -> int:
    """Kill what a killed server with this state folder left; returns how many processes that were."""
    found = marked(_MARK, state)
    for process in found:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(found, timeout=10)
    return len(found)


def unused_architectures(model: Path) -> list[str]:
    """Model files of SGLang that this model does not need; importing all 250 takes seconds of a start.

    Empty, so that all are imported, when no file is called as the model's type is.
    """
    found = importlib.util.find_spec("sglang")
    config = model / "config.json"
    if found is None or found.origin is None or not config.exists():
        return []
    kind = json.loads(config.read_text(encoding="utf-8")).get("model_type")
    names = sorted(path.stem for path in (Path(found.origin).parent / "srt" / "models").glob("*.py"))
    return [name for name in names if name != kind] if kind in names else []


def install_template(state: Path) -> Path:
    """Copy the template to `<digest>.jinja`: the name proves what the server read, so it is written anew each time."""
    copy = state / f"{template_digest().removeprefix('sha256:')}.jinja"
    partial = copy.with_suffix(f".{os.getpid()}")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444), "wb") as file:
        file.write(TEMPLATE_PATH.read_bytes())
    partial.replace(copy)
    return copy


def write_configuration(launch: Launch) -> Path:
    """Write SGLang's configuration (YAML, of which JSON is a part), readable by its owner only, and its logging's."""
    launch.state.mkdir(parents=True, exist_ok=True)
    chosen = options(launch, install_template(launch.state))
    path = launch.state / "engine.yaml"
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(chosen, file, indent=2)
    shutil.rmtree(launch.state / METRICS, ignore_errors=True)  # gauges of processes that are gone
    (launch.state / METRICS).mkdir()
    (launch.state / LOGGING).write_text(json.dumps(dictionary_config(launch.log_level, SERVICE)), "utf-8")
    return path


@click.command(context_settings={"show_default": True})
@click.option("--model", type=click.Path(path_type=Path, exists=True, file_okay=False), required=True)
@click.option("--revision", required=True, help="base revision, asserted by clients")
@click.option("--state", type=click.Path(path_type=Path, file_okay=False), required=True)
@click.option("--host", default="127.0.0.1")
@click.option("--port", type=click.IntRange(1, 65535), required=True)
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto")
@click.option("--dtype", type=click.Choice(["auto", "float32", "bfloat16"]), default="auto")
@click.option("--context-length", type=int, default=2048)
@click.option("--max-loras", type=int, default=4)
@click.option("--max-loaded-loras", type=int, default=8)
@click.option("--max-lora-rank", type=int, default=16)
@click.option("--max-total-tokens", type=int, default=32768)
@click.option("--max-running-requests", type=int, default=32)
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="warning")
@click.option("--otlp-endpoint", envvar="ASSAY_OTLP_ENDPOINT", help="OpenTelemetry collector, OTLP over HTTP")
@click.option("--key", envvar=KEY_VARIABLE, required=True, help="data key; better from the environment")
@click.option("--admin-key", envvar=ADMIN_KEY_VARIABLE, required=True, help="control key; better from the environment")
def main(device: str, dtype: str, **given: object) -> None:
    """Start the engine in this process."""
    found = detect_device() if device == "auto" else device
    settled: dict[str, object] = {**given, "device": found}
    settled["dtype"] = choose_dtype("cuda" if found == "cuda" else "cpu") if dtype == "auto" else dtype
    launch = Launch.model_validate(settled)
    # SGLang's configuration file has no lists, so this one option stays on the command line.
    arguments = ["--config", str(write_configuration(launch)), "--lora-target-modules", *LORA_MODULES]
    server = [str(_SHIM / "serve.py")] if launch.device == "cpu" else ["-m", "sglang.launch_server"]
    command = [sys.executable, *server, *arguments]
    end_left_behind(launch.state)
    os.execve(sys.executable, command, environment(launch, os.environ))  # noqa: S606  the server takes our place


if __name__ == "__main__":
    main()
