"""Settings on their way from the command line to the processes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from assay.contracts.errors import Conflict
from assay.settings import Ports, Settings
from stack.environment import environment_of, settings_digests
from stack.ports import WORKERS, free_stack_ports, ports, refuse_equal_ports, refuse_taken_ports


def changed(home: Path) -> Settings:
    return Settings.model_validate(
        {
            "home": home,
            "admin_key": "control",
            "gateway_urls": ["http://127.0.0.1:1", "http://127.0.0.1:2"],
            "log_level": "debug",
            "ports": {"temporal": 17233, "worker_metrics": 19464},
            "engine": {"max_loras": 6, "urls": ["http://127.0.0.1:3"]},
        }
    )


def test_processes_see_what_the_command_line_saw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = changed(tmp_path / "home")
    for name, value in environment_of(settings).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    assert Settings() == settings


def test_a_relative_home_is_the_same_folder_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert environment_of(Settings(home=Path("var")))["ASSAY_HOME"] == str(tmp_path / "var")


def test_digests_tell_which_setting_differs_and_no_secret(tmp_path: Path) -> None:
    settings = changed(tmp_path)
    before = settings_digests(settings)
    assert before == settings_digests(changed(tmp_path))
    after = settings_digests(
        settings.model_copy(update={"engine": settings.engine.model_copy(update={"max_loras": 7})})
    )
    assert {name for name in before if before[name] != after[name]} == {"ASSAY_ENGINE__MAX_LORAS"}
    assert "control" not in str(before)


def test_no_two_processes_share_a_port() -> None:
    of = ports(Settings())
    numbers = [port for process in of.values() for port in process.values()]
    assert len(numbers) == len(set(numbers)) == 8 + len(WORKERS)


def test_a_taken_port_names_process_and_setting(taken_port: int, free_port: Callable[[], int]) -> None:
    settings = Settings.model_validate({"ports": {"opa": free_port(), "opa_diagnostics": taken_port}})
    with pytest.raises(Conflict, match=f"port {taken_port} of opa is taken") as refused:
        refuse_taken_ports(settings, ["opa"])
    assert "ASSAY_PORTS__OPA_DIAGNOSTICS" in str(refused.value)


@pytest.mark.parametrize(
    ("changes", "settings"),
    [
        ({"gateway": 8181}, ("ASSAY_PORTS__OPA of opa", "ASSAY_PORTS__GATEWAY of gateway")),
        ({"engine": 9466}, ("ASSAY_PORTS__ENGINE of engine", "ASSAY_PORTS__WORKER_METRICS of worker-training")),
        ({"temporal_ui": 7233}, ("ASSAY_PORTS__TEMPORAL of temporal", "ASSAY_PORTS__TEMPORAL_UI of temporal")),
    ],
)
def test_two_settings_with_one_port_are_both_named(changes: dict[str, int], settings: tuple[str, str]) -> None:
    with pytest.raises(Conflict, match="PORT_TWICE") as refused:
        refuse_equal_ports(Settings.model_validate({"ports": changes}))
    assert all(name in refused.value.message for name in settings)


def test_ports_of_running_processes_are_not_asked_for(taken_port: int) -> None:
    settings = Settings.model_validate({"ports": {"gateway": taken_port}})
    assert refuse_taken_ports(settings, []) is None  # type: ignore[func-returns-value]


def test_another_stack_has_ports_that_are_free_and_all_its_own() -> None:
    one = Settings(ports=free_stack_ports())
    refuse_equal_ports(one)
    refuse_taken_ports(one, ports(one))
    listened = {port for of in ports(one).values() for port in of.values()}
    assert len(listened) == len(Ports.model_fields) + len(WORKERS)
    assert listened.isdisjoint(port for of in ports(Settings()).values() for port in of.values())
