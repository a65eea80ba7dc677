"""supervisord: one daemon per home, spoken to over its Unix socket.

It restarts what crashes, rotates logs and needs no root. Its configuration file is 0600: it holds the engine's keys.
What it starts inherits its environment, which holds every setting in force.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
import xmlrpc.client
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil
from supervisor.xmlrpc import SupervisorTransport

from assay.contracts.errors import Conflict, Unavailable
from assay.settings import Settings
from stack.environment import environment_of, settings_digests
from stack.leftovers import MARK, end, leftovers
from stack.processes import ROOT, Process

RUNNING: Final = "RUNNING"
DOWN: Final = frozenset({"STOPPED", "FATAL"})
"""States that a process leaves only when somebody starts it; from EXITED the daemon may start it by itself."""
_STAMP: Final = "; settings by digest "
_SHUTDOWN_SECONDS: Final = 20.0
"""For the daemon alone, whose processes have stopped by then; after that it is killed."""
_STOP_SECONDS: Final = 60.0
"""Beyond what the slowest process is given to stop (`Process.stop_seconds`)."""
_SOCKET_PATH_LIMIT: Final = 100
"""Unix socket paths end at 107 bytes on Linux."""


@dataclass(frozen=True)
class State:
    """What supervisord says of one process."""

    name: str
    state: str
    pid: int
    uptime_seconds: int
    log: str


class Supervisor:
    """The supervisor of one home."""

    def __init__(self, settings: Settings) -> None:
        self._home = settings.home.resolve()
        self._folder = self._home / "supervisor"
        self._config = self._folder / "supervisord.conf"
        self._environment = environment_of(settings)
        self._stamp = settings_digests(settings)

    @property
    def socket(self) -> Path:
        """Its socket; in the temporary folder when the home's path is too long for one."""
        path = self._folder / "supervisor.sock"
        if len(str(path)) < _SOCKET_PATH_LIMIT:
            return path
        name = hashlib.sha256(str(path).encode()).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"assay-{os.getuid()}-{name}.sock"

    def running(self) -> bool:
        """Whether the daemon answers."""
        try:
            return bool(self._call("getState")["statecode"] == 1)
        except (OSError, xmlrpc.client.Error):
            return False

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Wait until no other command starts or stops this stack, and keep others waiting."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def refuse_other_settings(self) -> None:
        """Raises Conflict (`SETTINGS_DIFFER`) when the daemon runs with settings other than these."""
        if not self.running():
            return
        first = self._config.read_text("utf-8").splitlines()[0]
        begun_with = json.loads(first.removeprefix(_STAMP)) if first.startswith(_STAMP) else self._stamp
        names = begun_with.keys() | self._stamp.keys()
        if differ := sorted(name for name in names if begun_with.get(name) != self._stamp.get(name)):
            raise Conflict(
                "SETTINGS_DIFFER",
                f"the stack runs with other settings than those in force here: {', '.join(differ)}",
                "`assay down`, then `assay up`; or take the change back (`assay settings` shows what is set where)",
            )

    def clear(self) -> int:
        """End what a killed daemon left behind, when none runs; returns how many processes that were."""
        return 0 if self.running() else end(leftovers(self._home))

    def start(self, table: Iterable[Process]) -> None:
        """Start the daemon with this table when it does not run. Raises Unavailable (`SUPERVISOR_FAILED`)."""
        if self.running():
            return
        config = self._write(tuple(table))
        program = Path(sys.executable).with_name("supervisord")
        done = subprocess.run(
            [program, "-c", config], cwd=ROOT, env=self._inherited(), capture_output=True, text=True, check=False
        )
        deadline = time.monotonic() + 20
        while not self.running():
            if done.returncode or time.monotonic() > deadline:
                said = (done.stderr or done.stdout).strip()
                raise Unavailable("SUPERVISOR_FAILED", f"supervisord does not start: {said}", f"see {self._folder}")
            time.sleep(0.1)

    def start_process(self, name: str) -> None:
        """Start one process unless it runs. Raises Unavailable (`PROCESS_NOT_STARTED`)."""
        if self.states()[name].state in (RUNNING, "STARTING", "BACKOFF"):
            return  # BACKOFF: it crashed, and the daemon starts it again by itself
        try:
            self._call("startProcess", name, False)
        except xmlrpc.client.Fault as error:
            raise Unavailable(
                "PROCESS_NOT_STARTED", f"{name} cannot be started: {error.faultString}", "run `assay doctor`"
            ) from error

    def stop_process(self, name: str) -> None:
        """Stop one process and leave it stopped; returns when it is gone. Raises Unavailable (`PROCESS_NOT_STOPPED`).

        One that crashes at this moment is not running when it is asked to stop, and would be started again after it.
        """
        deadline, said = time.monotonic() + _STOP_SECONDS, "it is started again and again"
        while self.states()[name].state not in DOWN:
            if time.monotonic() > deadline:
                raise Unavailable("PROCESS_NOT_STOPPED", f"{name} cannot be stopped: {said}", "run `assay down`")
            try:
                self._call("stopProcess", name, True)
            except xmlrpc.client.Fault as error:
                said = error.faultString
                time.sleep(0.1)

    def stop(self) -> None:
        """Stop every process, then the daemon, then whatever is left; returns when all are gone."""
        if self.running():
            pid = int(self._call("getPID"))
            self._call("stopAllProcesses", True)
            self._call("shutdown")
            deadline = time.monotonic() + _SHUTDOWN_SECONDS
            while _alive(pid) and time.monotonic() < deadline:
                time.sleep(0.1)
        end(leftovers(self._home))

    def states(self) -> dict[str, State]:
        """Every process by name; empty when the daemon does not run."""
        if not self.running():
            return {}
        return {
            info["name"]: State(
                name=info["name"],
                state=info["statename"],
                pid=info["pid"],
                uptime_seconds=info["now"] - info["start"] if info["statename"] == RUNNING else 0,
                log=info["stdout_logfile"],
            )
            for info in self._call("getAllProcessInfo")
        }

    def log(self, name: str) -> Path:
        """The log file of a process."""
        return self._home / "logs" / f"{name}.log"

    def last_words(self, name: str, lines: int = 5) -> str:
        """The end of a process's log."""
        path = self.log(name)
        text = path.read_text("utf-8", "replace") if path.exists() else ""
        return "\n".join(text.splitlines()[-lines:]) or "(its log is empty)"

    def _call(self, method: str, *arguments: object) -> Any:  # noqa: ANN401  # XML-RPC
        with closing(SupervisorTransport(None, None, serverurl=f"unix://{self.socket}")) as transport:
            proxy = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)  # the address is not used
            return getattr(proxy.supervisor, method)(*arguments)

    def _write(self, table: tuple[Process, ...]) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._home / "logs").mkdir(parents=True, exist_ok=True)
        self.socket.unlink(missing_ok=True)
        self._config.unlink(missing_ok=True)
        with os.fdopen(os.open(self._config, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(
                "\n".join(
                    [
                        _STAMP + json.dumps(self._stamp),
                        self._daemon_section(),
                        *(self._program_section(p) for p in table),
                    ]
                )
            )
        return self._config

    def _inherited(self) -> dict[str, str]:
        return {
            **os.environ,
            **self._environment,
            MARK: str(self._home),
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            "OMP_WAIT_POLICY": "PASSIVE",  # waiting threads that spin starve the other processes of a small machine
        }

    def _daemon_section(self) -> str:
        user = "user=root\n" if os.getuid() == 0 else ""
        return (
            f"[unix_http_server]\nfile={self.socket}\nchmod=0600\n\n"
            f"[supervisord]\nlogfile={self._home}/logs/supervisord.log\nlogfile_maxbytes=5MB\nlogfile_backups=2\n"
            f"pidfile={self._folder}/supervisord.pid\nchildlogdir={self._home}/logs\ndirectory={ROOT}\n{user}\n"
            "[rpcinterface:supervisor]\n"
            "supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n"
        )

    def _program_section(self, process: Process) -> str:
        pairs = ",".join(f'{name}="{_escaped(value)}"' for name, value in process.environment.items())
        return (
            f"[program:{process.name}]\ncommand={_escaped(' '.join(_quoted(c) for c in process.command))}\n"
            f"directory={ROOT}\nenvironment={pairs}\nautostart=false\nautorestart=true\nstartsecs=1\nstartretries=20\n"
            f"stopwaitsecs={process.stop_seconds}\nstopasgroup=true\nkillasgroup=true\nredirect_stderr=true\n"
            f"stdout_logfile={self.log(process.name)}\nstdout_logfile_maxbytes=10MB\nstdout_logfile_backups=3\n"
        )


def _escaped(text: str) -> str:
    """supervisord expands `%(name)s`."""
    return text.replace("%", "%%")


def _quoted(word: str) -> str:
    return f'"{word}"' if " " in word else word


def _alive(pid: int) -> bool:
    """A zombie is gone: in a container nobody may ever reap it."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
