"""What the launcher hands to SGLang."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from pydantic import SecretStr

from serving.devices import choose_dtype, cpu_flags
from serving.engines.launcher import (
    ADMIN_KEY_VARIABLE,
    KEY_VARIABLE,
    Launch,
    end_left_behind,
    environment,
    unused_architectures,
    write_configuration,
)
from serving.template import TEMPLATE_PATH, template_digest


@pytest.fixture
def launch(tmp_path: Path) -> Launch:
    return Launch(
        model=tmp_path / "base",
        revision="r1",
        state=tmp_path / "state",
        port=30000,
        device="cpu",
        dtype="float32",
        key=SecretStr("data-key"),
        admin_key=SecretStr("admin-key"),
    )


def test_the_configuration_is_private_and_complete(launch: Launch) -> None:
    path = write_configuration(launch)
    options = json.loads(path.read_text())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (options["api-key"], options["admin-api-key"]) == ("data-key", "admin-key")
    assert (options["weight-version"], options["served-model-name"]) == ("r1", "base")
    assert (options["attention-backend"], options["lora-backend"]) == ("torch_native", "torch_native")
    assert options["host"] == "127.0.0.1"


def test_a_second_start_replaces_the_configuration(launch: Launch) -> None:
    write_configuration(launch)
    again = write_configuration(launch.model_copy(update={"port": 30001}))
    assert json.loads(again.read_text())["port"] == 30001


def test_the_template_copy_is_named_after_its_digest(launch: Launch) -> None:
    copy = Path(json.loads(write_configuration(launch).read_text())["chat-template"])
    assert f"sha256:{copy.stem}" == template_digest()
    assert copy.read_bytes() == TEMPLATE_PATH.read_bytes()


def test_a_template_copy_that_was_edited_is_not_served(launch: Launch) -> None:
    copy = Path(json.loads(write_configuration(launch).read_text())["chat-template"])
    assert stat.S_IMODE(copy.stat().st_mode) & 0o222 == 0
    copy.chmod(0o644)
    copy.write_text("{{ 'another template' }}")
    write_configuration(launch)
    assert copy.read_bytes() == TEMPLATE_PATH.read_bytes()
    assert [path.name for path in copy.parent.iterdir() if path.name.startswith(copy.stem)] == [copy.name]


def test_the_server_gets_no_keys_and_no_hub(launch: Launch) -> None:
    inherited = {KEY_VARIABLE: "data-key", ADMIN_KEY_VARIABLE: "admin-key", "LANG": "C", "PYTHONPATH": "/mine"}
    given = environment(launch, inherited)
    assert KEY_VARIABLE not in given
    assert ADMIN_KEY_VARIABLE not in given
    assert (given["HF_HUB_OFFLINE"], given["LANG"]) == ("1", "C")
    shim, mine = given["PYTHONPATH"].split(":")
    assert (Path(shim) / "sitecustomize.py").exists()
    assert mine == "/mine"


def test_a_gpu_server_runs_without_the_shim(launch: Launch) -> None:
    on_gpu = launch.model_copy(update={"device": "cuda", "dtype": "bfloat16"})
    assert "PYTHONPATH" not in environment(on_gpu, {})
    assert "attention-backend" not in json.loads(write_configuration(on_gpu).read_text())


@pytest.mark.parametrize(("kind", "left_out"), [("llama", True), ("unheard-of", False)])
def test_only_the_models_own_code_is_imported(tmp_path: Path, kind: str, left_out: bool) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": kind}))
    unused = unused_architectures(tmp_path)
    assert "llama" not in unused
    assert ("qwen2" in unused) is left_out


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({"avx512f"}, "float32"),
        ({"avx512f", "avx512_bf16"}, "bfloat16"),
        ({"amx_bf16"}, "bfloat16"),
        (set(), "float32"),
    ],
)
def test_bfloat16_only_where_the_cpu_multiplies_it(flags: set[str], expected: str) -> None:
    assert choose_dtype("cpu", frozenset(flags)) == expected


def test_a_gpu_always_takes_bfloat16() -> None:
    assert choose_dtype("cuda", frozenset()) == "bfloat16"


def test_flags_are_those_of_the_first_core(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nflags\t\t: fpu sse avx512f\n\nprocessor\t: 1\nflags\t\t: fpu\n")
    assert cpu_flags(cpuinfo) == {"fpu", "sse", "avx512f"}
    assert cpu_flags(tmp_path / "absent") == frozenset()


def test_it_traces_to_the_collector_only_when_there_is_one(launch: Launch) -> None:
    assert "enable-trace" not in json.loads(write_configuration(launch).read_text())
    traced = launch.model_copy(update={"otlp_endpoint": "http://127.0.0.1:4318/"})
    options = json.loads(write_configuration(traced).read_text())
    assert options["enable-trace"] is True
    assert options["otlp-traces-endpoint"] == "http://127.0.0.1:4318/v1/traces"
    assert environment(traced, {})["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"] == "http/protobuf"


def test_its_processes_log_as_ours_and_share_their_metrics(launch: Launch) -> None:
    write_configuration(launch)
    given = environment(launch, {})
    logging = json.loads(Path(given["SGLANG_LOGGING_CONFIG_PATH"]).read_text())
    assert logging["formatters"]["json"]["service"] == "assay-engine"
    stale = Path(given["PROMETHEUS_MULTIPROC_DIR"]) / "gauge_all_1.db"
    stale.touch()
    write_configuration(launch)
    assert list(stale.parent.iterdir()) == []


def test_what_a_killed_server_left_is_ended_and_nothing_else(tmp_path: Path) -> None:
    """Its children hide their environment, as SGLang's do by their titles."""
    nap = ["sleep", "600"]
    hiding = f"import subprocess; subprocess.run({nap}, env={{'PATH': '/usr/bin:/bin'}})"
    marked = {**os.environ, "ASSAY_ENGINE_STATE": str(tmp_path.resolve())}
    head = subprocess.Popen([sys.executable, "-c", hiding], env=marked)
    other = subprocess.Popen(nap, env={**marked, "ASSAY_ENGINE_STATE": str(tmp_path / "other")})
    try:
        while not (children := psutil.Process(head.pid).children()):
            time.sleep(0.05)
        assert end_left_behind(tmp_path) == 2
        assert head.wait(10) is not None
        assert not children[0].is_running() or children[0].status() == psutil.STATUS_ZOMBIE
        assert other.poll() is None
    finally:
        for process in (head, other):
            process.kill()
            process.wait()


def test_every_process_of_a_server_carries_the_mark_of_its_state(launch: Launch) -> None:
    assert environment(launch, {})["ASSAY_ENGINE_STATE"] == str(launch.state.resolve())
