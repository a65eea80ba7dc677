"""A whole stack for chaos: started as `assay up` starts it, with a home and ports of its own, and its pids known."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import time
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Final, Literal

import psutil

from assay.contracts.base import BasePin
from assay.settings import Settings
from registry import Registry
from serving.engines.sglang import SGLangEngine
from stack.environment import environment_of
from stack.leftovers import leftovers
from stack.ports import free_stack_ports
from stack.processes import Process, processes
from stack.status import look
from stack.supervise import Supervisor
from stack.up import up

from . import material

EngineKind = Literal["small", "sglang"]
TRAINER: Final = "trainer"
SUPERVISED: Final = (
    "temporal",
    "opa",
    "engine",
    "worker-control",
    "worker-data",
    "worker-training",
    "worker-serving",
    "gateway",
)
ANSWER_TOKENS: Final = "4"
"""The small engine answers one request at a time; four tokens make an evaluation of 120 answers take seconds."""


@dataclass
class House:
    """One stack. `engine`: SGLang itself, or the small one behind the same HTTP interface."""

    home: Path
    engine: EngineKind = "small"
    settings: Settings = field(init=False)

    def __post_init__(self) -> None:
        """Choose ports; nothing is started."""
        self.settings = Settings.model_validate(
            {
                "home": self.home,
                "ports": free_stack_ports(),
                "gateway_processes": 2,
                "engine": {"context_length": material.CONTEXT, "max_total_tokens": 8192, "max_loaded_loras": 16},
            }
        )

    @property
    def data(self) -> Path:
        """Where the sources and the suite lie."""
        return self.home / "material"

    @property
    def environment(self) -> dict[str, str]:
        """For commands in this house."""
        return {**os.environ, **environment_of(self.settings)}

    def prepare(self) -> None:
        """Write the tiny base where `assay up` looks for a prepared one, and the rows."""
        self.home.mkdir(parents=True)
        material.write(self.data)
        shutil.copytree(self.data / "base", self.home / "base")

    async def start(self) -> None:
        """`assay up`, with the engine of this house in the table."""
        await up(self.settings, print, lambda _: None, self.table)

    def table(self, settings: Settings, base: BasePin) -> tuple[Process, ...]:
        """The stack's own table; only the engine's command may differ."""
        table = processes(settings, base)
        if self.engine == "sglang":
            return table
        command = (
            *(sys.executable, "-m", "tests.chaos.engine", "--model", str(self.home / "base")),
            *("--revision", base.revision, "--state", str(self.home / "engine")),
            *("--port", str(settings.ports.engine), "--context-length", str(material.CONTEXT)),
            *("--answer-tokens", ANSWER_TOKENS),
        )
        return tuple(replace(one, command=command) if one.name == "engine" else one for one in table)

    def stop(self) -> None:
        """`assay down`; afterwards nothing of it runs."""
        Supervisor(self.settings).stop()
        assert leftovers(self.home) == []

    @cached_property
    def registry(self) -> Registry:
        """The house's record, read from outside."""
        return Registry.open(self.settings)

    def pid(self, name: str) -> int | None:
        """Pid of a supervised process, or of the trainer; None while there is none."""
        if name == TRAINER:
            return next(iter(self.trainers()), None)
        state = Supervisor(self.settings).states().get(name)
        return state.pid if state and state.pid else None

    def trainers(self) -> list[int]:
        """Pids of all trainers of this house, whosever children they are."""
        return [one.pid for one in leftovers(self.home) if "activities.training.sft" in _line(one)]

    def strangers(self) -> list[str]:
        """Processes of this house that no process in its supervisor's table leads to: left behind by a killed one."""
        states = Supervisor(self.settings).states().values()
        roots = {state.pid for state in states if state.pid}
        return [_line(one) for one in leftovers(self.home) if not _belongs(one, roots)]

    async def all_healthy(self) -> bool:
        """As `assay status` says."""
        return all(line.health == "healthy" for line in (await look(self.settings)).values())

    def open_engine(self) -> SGLangEngine:
        """A client of the engine with the house's keys."""
        data, admin = (key.get_secret_value() for key in (self.settings.engine_key, self.settings.control_key))
        return SGLangEngine(self.settings.engines[0], data, admin)


async def until_healthy(house: House, patience: float) -> bool:
    """Wait for all processes; False when that takes longer."""
    deadline = time.monotonic() + patience
    while not (healthy := await house.all_healthy()) and time.monotonic() < deadline:  # noqa: ASYNC110  # nobody tells
        await asyncio.sleep(0.5)
    return healthy


def _belongs(process: psutil.Process, roots: set[int]) -> bool:
    """The daemon itself belongs, and whatever descends from a supervised process."""
    try:
        line = {process.pid, *(parent.pid for parent in process.parents())}
        return bool(line & roots) or "supervisord" in _line(process) or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _line(process: psutil.Process) -> str:
    try:
        return f"{process.pid} {' '.join(process.cmdline())[:160]}"
    except psutil.Error:
        return str(process.pid)
