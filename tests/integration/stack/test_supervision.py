"""supervisord itself, with small processes in place of the stack's."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import stat
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner

from assay.cli.main import cli
from assay.contracts.errors import Conflict, NotFound, Unavailable
from assay.settings import Settings
from stack.leftovers import leftovers
from stack.ports import free_stack_ports
from stack.processes import Process
from stack.supervise import DOWN, RUNNING, Supervisor
from stack.up import up

SLEEPER = "import os, time; print(os.environ['ASSAY_HOME'], os.environ['SECRET'], flush=True); time.sleep(600)"
STUBBORN = "from signal import *; import time; signal(SIGTERM, SIG_IGN); print('up', flush=True); time.sleep(600)"
PARENT = "import subprocess; print('up', flush=True); subprocess.run(['sleep', '600'], env={'PATH': '/usr/bin:/bin'})"
PATIENCE = 30.0


def table(code: str = SLEEPER, name: str = "one") -> list[Process]:
    return [Process(name, (sys.executable, "-c", code), {"SECRET": "50 % of it"}, stop_seconds=1)]


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, "this takes too long"
        time.sleep(0.1)


def begun(supervisor: Supervisor, code: str = SLEEPER) -> int:
    """Start one process; returns its pid once it has written to its log."""
    supervisor.start(table(code))
    supervisor.start_process("one")
    until(lambda: supervisor.states()["one"].state == RUNNING and supervisor.log("one").stat().st_size > 0)
    return supervisor.states()["one"].pid


def test_what_is_killed_is_started_again(supervisor: Supervisor) -> None:
    pid = begun(supervisor)
    os.kill(pid, signal.SIGKILL)
    until(lambda: supervisor.states()["one"].state == RUNNING and supervisor.states()["one"].pid != pid)
    assert not psutil.pid_exists(pid)


def test_a_process_gets_settings_and_its_own_variables(supervisor: Supervisor, settings: Settings) -> None:
    begun(supervisor)
    assert supervisor.log("one").read_text() == f"{settings.home.resolve()} 50 % of it\n"


def test_stop_ends_even_what_does_not_listen(supervisor: Supervisor) -> None:
    pid = begun(supervisor, STUBBORN)
    supervisor.stop()
    assert not psutil.pid_exists(pid)
    assert not supervisor.running()
    assert supervisor.states() == {}


def test_stop_does_not_wait_for_a_daemon_that_nobody_reaps(supervisor: Supervisor) -> None:
    """In a container whose first process reaps nothing, an ended daemon stays as a zombie for ever."""
    adopt_orphans(True)
    try:
        daemon = psutil.Process(begun(supervisor)).parent()
        assert daemon is not None
        supervisor.stop()
        assert daemon.status() == psutil.STATUS_ZOMBIE
        os.waitpid(daemon.pid, 0)
    finally:
        adopt_orphans(False)


def adopt_orphans(adopt: bool) -> None:
    """Whether orphans among this process's descendants become its children, which it then has to reap."""
    set_child_subreaper = 36
    assert ctypes.CDLL(None).prctl(set_child_subreaper, int(adopt), 0, 0, 0) == 0


def test_starting_again_changes_nothing(supervisor: Supervisor) -> None:
    pid = begun(supervisor)
    supervisor.start(table())
    supervisor.start_process("one")
    assert supervisor.states()["one"].pid == pid


def test_processes_of_a_killed_supervisor_are_found_and_ended(supervisor: Supervisor, settings: Settings) -> None:
    pid = begun(supervisor)
    daemon = psutil.Process(pid).parent()
    assert daemon is not None
    daemon.kill()
    until(lambda: not supervisor.running())
    assert psutil.pid_exists(pid)
    assert supervisor.clear() == 1
    assert leftovers(settings.home) == []


def test_clearing_leaves_a_running_stack_alone(supervisor: Supervisor) -> None:
    pid = begun(supervisor)
    assert supervisor.clear() == 0
    assert psutil.pid_exists(pid)


def test_other_settings_are_refused_while_it_runs(supervisor: Supervisor, settings: Settings) -> None:
    other = Supervisor(settings.model_copy(update={"log_level": "debug"}))
    other.refuse_other_settings()
    begun(supervisor)
    supervisor.refuse_other_settings()
    with pytest.raises(Conflict, match="SETTINGS_DIFFER") as refused:
        other.refuse_other_settings()
    assert refused.value.message.endswith("in force here: ASSAY_LOG_LEVEL")
    assert "assay down" in refused.value.remedy


def test_one_process_is_stopped_and_started_by_command(
    supervisor: Supervisor, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def said(*line: str) -> str:
        return CliRunner().invoke(cli, line, catch_exceptions=False).output

    monkeypatch.setenv("ASSAY_HOME", str(settings.home))
    settings.home.mkdir(exist_ok=True)
    with pytest.raises(NotFound, match=r"PROCESS_UNKNOWN.*not running"):
        said("stop", "one")
    pid = begun(supervisor)
    assert said("stop", "one") == said("stop", "one") == "one: stopped\n"
    assert supervisor.states()["one"].state == "STOPPED"
    assert not psutil.pid_exists(pid)
    assert said("start", "one") == said("start", "one") == "one: started\n"
    until(lambda: supervisor.states()["one"].state == RUNNING)
    with pytest.raises(NotFound, match="PROCESS_UNKNOWN"):
        said("start", "another")


def test_what_crashes_all_the_time_is_stopped_for_good(supervisor: Supervisor) -> None:
    supervisor.start(table("import time; print('up', flush=True); time.sleep(1.2)"))
    supervisor.start_process("one")
    until(lambda: supervisor.states()["one"].state == "EXITED" or supervisor.log("one").read_text().count("up") > 1)
    supervisor.stop_process("one")
    assert supervisor.states()["one"].state in DOWN
    begun_until_then = supervisor.log("one").read_text()
    time.sleep(2)
    assert supervisor.log("one").read_text() == begun_until_then


def test_only_its_owner_reads_the_configuration_and_speaks_to_the_socket(supervisor: Supervisor) -> None:
    begun(supervisor)
    config = supervisor.log("one").parents[1] / "supervisor" / "supervisord.conf"
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    assert stat.S_IMODE(supervisor.socket.stat().st_mode) == 0o600


def test_a_home_too_deep_for_a_socket_works(tmp_path: Path) -> None:
    one = Supervisor(Settings(home=tmp_path / ("deep" * 20) / ("deeper" * 10)))
    try:
        assert begun(one) > 0
    finally:
        one.stop()


def test_a_program_that_does_not_exist_is_told(supervisor: Supervisor) -> None:
    supervisor.start([Process("one", ("/nonexistent/program",))])
    with pytest.raises(Unavailable, match="one"):
        supervisor.start_process("one")


async def test_the_port_of_a_process_that_does_not_come_up_is_looked_at(tmp_path: Path) -> None:
    """It is supervised and yet not there: whoever took its port meanwhile is what the user must hear of."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = free_stack_ports().model_copy(update={"gateway": taken.getsockname()[1]})
        settings = Settings.model_validate({"home": tmp_path / "home", "ports": ports})
        supervisor = Supervisor(settings)
        supervisor.start([Process("gateway", ("/bin/false",))])
        try:
            supervisor.start_process("gateway")
            until(lambda: supervisor.states()["gateway"].state == "BACKOFF")
            with pytest.raises(Conflict, match="PORT_TAKEN"):
                await up(settings, print, lambda _: None)
        finally:
            supervisor.stop()


def test_two_commands_wait_for_each_other(supervisor: Supervisor) -> None:
    order: list[str] = []

    def hold(name: str) -> None:
        with supervisor.alone():
            order.append(name)
            time.sleep(0.2)
            order.append(name)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(hold, ["first", "second"]))
    assert order in (["first", "first", "second", "second"], ["second", "second", "first", "first"])


def test_children_that_hide_their_environment_are_ended_too(supervisor: Supervisor, settings: Settings) -> None:
    pid = begun(supervisor, PARENT)
    until(lambda: len(psutil.Process(pid).children()) == 1)
    [child] = psutil.Process(pid).children()
    daemon = psutil.Process(pid).parent()
    assert daemon is not None
    daemon.kill()
    until(lambda: not supervisor.running())
    assert supervisor.clear() == 2
    assert not child.is_running()
