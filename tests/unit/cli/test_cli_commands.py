"""Every command: what it prints, and how it ends."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from assay.cli.main import COMMANDS, WITHOUT_HOME
from assay.contracts.base import BasePin
from assay.contracts.errors import TrainingFailed
from assay.contracts.rollout import Incident
from assay.contracts.training import DatasetShare, PinnedTraining, RunSpec, TrainingProgress, TrainJob
from assay.settings import Settings
from evals.diff import diff
from registry import BlobStore, Registry, hash_key

Run = Callable[..., Any]
DIGEST = "sha256:" + "0" * 64
READING = {
    "status": [],
    "doctor": [],
    "settings": [],
    "models": [],
    "runs": [],
    "routes": [],
    "data": ["list"],
    "hold": ["list"],
    "suppression": ["list"],
    "retention": ["list"],
}


def test_help_names_every_command(assay: Run) -> None:
    ended = assay("--help")
    assert ended.code == 0
    assert [name for name in COMMANDS if f"\n  {name} " not in ended.out] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_can_be_loaded_and_explains_itself(name: str) -> None:
    command = getattr(importlib.import_module(COMMANDS[name][0]), name.replace("-", "_"))
    assert isinstance(command, click.Command)
    assert command.help


@pytest.mark.parametrize("name", READING)
def test_reading_commands_speak_json_even_when_there_is_nothing(name: str, assay: Run) -> None:
    ended = assay(name, *READING[name], "--json")
    assert isinstance(ended.json, list | dict)


@pytest.mark.parametrize("name", [name for name in READING if name not in ("status", "doctor")])
def test_reading_an_empty_registry_is_no_error(name: str, assay: Run) -> None:
    assert assay(name, *READING[name]).code == 0


@pytest.mark.parametrize("wrong", [["nonsense"], ["keys", "create"], ["logs"], ["status", "--colour"]])
def test_wrong_usage_ends_with_2(wrong: list[str], assay: Run) -> None:
    ended = assay(*wrong)
    assert ended.code == 2
    assert "Usage" in ended.err


def test_status_of_a_stopped_stack_ends_with_1_and_says_stopped(assay: Run) -> None:
    ended = assay("status", "--json")
    assert ended.code == 1
    assert {process["health"] for process in ended.json["processes"]} == {"stopped"}
    assert ended.json["endpoints"]["gateway"].startswith("http://127.0.0.1:")


def test_stopping_what_does_not_run_is_done(assay: Run, home: Path) -> None:
    ended = assay("down")
    assert (ended.code, ended.out) == (0, f"nothing was running in {home}\n")


@pytest.mark.parametrize(
    "line",
    [
        ["status"],
        ["down"],
        ["models"],
        ["keys", "create", "acme"],
        ["logs", "engine"],
        ["show", DIGEST],
        ["stop", "opa"],
    ],
)
def test_another_folder_is_no_empty_installation(line: list[str], assay: Run, home: Path) -> None:
    home.rmdir()
    ended = assay(*line)
    assert ended.code == 1
    assert "HOME_UNKNOWN" in ended.err
    assert str(home) in ended.err
    assert not home.exists()


def test_commands_that_need_no_home_are_commands() -> None:
    assert COMMANDS.keys() >= WITHOUT_HOME


def test_a_record_elsewhere_needs_no_home(assay: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Registry.open(Settings()).close()
    home.rename(home.with_name("elsewhere"))
    monkeypatch.setenv("ASSAY_DATABASE_URL", f"sqlite:///{home.with_name('elsewhere')}/registry.sqlite")
    assert assay("models", "--json").json == []


def test_commands_name_the_home_they_speak_of(assay: Run, home: Path) -> None:
    assert f"home         {home}" in assay("status").out
    assert assay("status", "--json").json["home"] == str(home)
    created = assay("keys", "create", "acme")
    assert f"for acme, in {home}" in created.err
    assert assay("keys", "revoke", created.out.strip()).out == f"revoked in {home}\n"


@pytest.mark.parametrize("name", ["nobody", "../keys/admin", "engine"])
def test_logs_of_nothing_are_refused_with_a_remedy(name: str, assay: Run) -> None:
    ended = assay("logs", name)
    assert ended.code == 1
    assert "LOG_UNKNOWN" in ended.err
    assert "remedy: `assay status`" in ended.err


def test_logs_give_the_end_of_a_process_log(assay: Run, home: Path) -> None:
    (home / "logs").mkdir(parents=True)
    (home / "logs" / "gateway.log").write_text("".join(f"line {number}\n" for number in range(9)))
    assert assay("logs", "gateway", "-n", "2").out == "line 7\nline 8\n"


def test_logs_speak_json(assay: Run, home: Path) -> None:
    (home / "logs").mkdir(parents=True)
    (home / "logs" / "gateway.log").write_text("one\ntwo\nthree")
    said = assay("logs", "gateway", "-n", "2", "--json").json
    assert said == {"name": "gateway", "path": str(home / "logs" / "gateway.log"), "lines": ["two", "three"]}
    assert assay("logs", "gateway", "--json", "--follow").code == 2


@pytest.mark.parametrize(
    ("stored", "document", "read"),
    [(b'{"a": [1]}', {"a": [1]}, '{\n  "a": [\n    1\n  ]\n}'), (b"{}\n{}\n", "{}\n{}\n", "{}\n{}\n")],
)
def test_stored_documents_are_read_by_people_and_by_programs(
    stored: bytes, document: Any, read: str, assay: Run, home: Path
) -> None:
    digest = BlobStore.open((home / "blobs").as_uri()).put(stored).sha256
    assert assay("show", digest, "--json").json == {"digest": digest, "document": document}
    assert assay("show", digest).out == read + "\n"
    assert assay("show", digest, "--raw").out == stored.decode()


def test_a_card_diff_is_shown_as_a_reviewer_reads_it(assay: Run, home: Path) -> None:
    arms = {"base": {"call_valid": {"low": 0.0}}, "step-48": {"call_valid": {"low": 0.87654321}}}
    difference = diff(None, {"model_details": {"adapter": DIGEST}, "evaluation": {"arms": arms}})
    digest = BlobStore.open((home / "blobs").as_uri()).put(json.dumps(difference).encode()).sha256
    lines = assay("show", digest).out.splitlines()
    assert lines[0] == f"# Card diff of {DIGEST} against nothing in production"
    assert lines[2] == "0 changed, 3 added, 0 removed"
    assert lines.index("* `evaluation.arms.step-48.call_valid.low`: added 0.8765") < lines.index(
        "* `evaluation.arms.base.call_valid.low`: added 0"
    )


@pytest.mark.parametrize("command", ["lineage", "decisions"])
def test_what_nobody_ever_heard_of_is_refused(command: str, assay: Run, home: Path) -> None:
    for name in (DIGEST, "acme.helpdesk.1.0123456789ab", "route:7"):
        ended = assay(command, name)
        assert ended.code == 1
        assert "DIGEST_UNKNOWN" in ended.err
    stored = BlobStore.open((home / "blobs").as_uri()).put(b"{}").sha256
    assert assay(command, stored, "--json").json == []


def test_settings_say_where_each_value_is_from(assay: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_PORTS__OPA", "9181")
    monkeypatch.setenv("ASSAY_ADMIN_KEY", "never-shown")
    (home.parent / ".env").write_text("# a comment\n\nASSAY_LOG_LEVEL=debug\n")
    ended = assay("settings", "--json")
    rows = {row["name"]: (row["value"], row["source"]) for row in ended.json}
    assert rows["ASSAY_PORTS__OPA"] == (9181, "environment")
    assert rows["ASSAY_LOG_LEVEL"] == ("debug", ".env")
    assert rows["ASSAY_PORTS__GATEWAY"][1] == "default"
    assert "never-shown" not in ended.out


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ASSAY_PORTS__OPA", "here"),
        ("ASSAY_PORTS__OPPA", "1"),
        ("ASSAY_LOG_LEVEL", "loud"),
        ("ASSAY_ENGINE__URLS", "{"),
        ("ASSAY_ENGINE__KIND", "in-process"),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: str, assay: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    ended = assay("settings")
    assert ended.code == 1
    assert "SETTING_INVALID" in ended.err
    assert name.split("__", maxsplit=1)[0].removeprefix("ASSAY_").lower() in ended.err.lower()


def test_doctor_notices_a_misspelt_variable(assay: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_HOMME", "var")
    findings = {finding["what"]: finding for finding in assay("doctor", "--json").json}
    assert findings["ASSAY_HOMME"]["remedy"] == "did you mean ASSAY_HOME?"
    assert all(finding["remedy"] for finding in findings.values() if finding["level"] != "ok")


def test_doctor_notices_a_key_that_others_can_read(assay: Run, home: Path) -> None:
    (home / "keys").mkdir(parents=True)
    (home / "keys" / "signing.pem").touch(0o644)
    ended = assay("doctor", "--json")
    assert ended.code == 1
    assert [f["level"] for f in ended.json if f["what"] == "key signing.pem"] == ["error"]


SMOLLM2 = {
    "hidden_size": 576,
    "intermediate_size": 1536,
    "num_attention_heads": 9,
    "num_hidden_layers": 30,
    "num_key_value_heads": 3,
    "vocab_size": 49152,
    "tie_word_embeddings": True,
    "torch_dtype": "bfloat16",
}


@pytest.mark.parametrize(("tokens", "level"), [("32768", "ok"), ("1000000000", "error")])
def test_doctor_says_what_the_engine_has_room_for(
    tokens: str, level: str, assay: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [f for f in assay("doctor", "--json").json if f["what"] == "engine memory"] == []
    (home / "base").mkdir(parents=True)
    (home / "base" / "config.json").write_text(json.dumps(SMOLLM2))
    for name, value in (("MAX_TOTAL_TOKENS", tokens), ("DEVICE", "cpu"), ("DTYPE", "float32")):
        monkeypatch.setenv(f"ASSAY_ENGINE__{name}", value)
    [found] = [f for f in assay("doctor", "--json").json if f["what"] == "engine memory"]
    assert found["level"] == level
    assert "4 adapter slots take" in found["finding"]
    assert ("MAX_TOTAL_TOKENS" in found["remedy"]) == (level == "error")


def test_a_key_is_shown_once_and_stored_hashed(assay: Run, home: Path) -> None:
    key = assay("keys", "create", "acme", "--json").json["key"]
    stored = b"".join(path.read_bytes() for path in home.glob("registry.sqlite*"))
    assert key.encode() not in stored
    assert hash_key(key).encode() in stored
    assert assay("keys", "revoke", key).code == 0


def test_a_tenant_that_is_no_name_is_wrong_usage(assay: Run) -> None:
    assert assay("keys", "create", "Acme Ltd").code == 2


def test_without_the_rest_of_the_house_a_command_says_what_it_needs(
    assay: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(COMMANDS, "models", ("house_that_is_not_there.records", "Registered versions."))
    ended = assay("models")
    assert ended.code == 1
    assert "PART_NOT_INSTALLED" in ended.err
    assert "house_that_is_not_there" in ended.err


def test_an_incident_without_its_rollout_is_closed_once(assay: Run, home: Path) -> None:
    settings = Settings()
    incident = Incident(
        id="rollout/acme/helpdesk/2/run/rollback", tenant="acme", model="helpdesk", version=DIGEST, reason="bad"
    )
    Registry.open(settings).incidents.open(incident)
    said = ("--cause", "no replay", "--action", "replay is back")
    assert assay("root-cause", incident.id, "--actor", "bob", *said).code == 0
    assert assay("incidents", "acme", "helpdesk", "--json").json == []
    assert "INCIDENT_CLOSED" in assay("root-cause", incident.id, "--actor", "eve", *said).err
    assert "INCIDENT_UNKNOWN" in assay("root-cause", "another", "--actor", "bob", *said).err


def test_a_closed_incident_is_seen_with_its_cause(assay: Run, home: Path) -> None:
    incidents_ = Registry.open(Settings()).incidents
    for number in (1, 2):
        incidents_.open(Incident(id=f"i{number}", tenant="acme", model="helpdesk", version=DIGEST, reason="bad"))
    said = ("--actor", "bob", "--cause", "no replay", "--action", "replay is back")
    assert assay("root-cause", "i1", *said).code == 0
    assert [one["id"] for one in assay("incidents", "acme", "helpdesk", "--json").json] == ["i2"]
    closed, still_open = assay("incidents", "acme", "helpdesk", "--all", "--json").json
    assert (closed["closed by"], closed["cause"], closed["action"]) == ("bob", "no replay", "replay is back")
    assert (still_open["id"], still_open["cause"]) == ("i2", None)
    assert "no replay" in assay("incidents", "acme", "helpdesk", "--all").out


def test_words_in_brackets_are_no_orders_to_a_table(assay: Run, home: Path) -> None:
    reason = "slower, see [1] and [bold] there"
    incident = Incident(id="i1", tenant="acme", model="helpdesk", version=DIGEST, reason=reason)
    Registry.open(Settings()).incidents.open(incident)
    assert reason in assay("incidents", "acme", "helpdesk").out


def test_models_of_nobody_may_be_misspelt(assay: Run) -> None:
    ended = assay("models", "--tenant", "acm")
    assert (ended.code, ended.err) == (0, "nothing is registered for acm: is it misspelt?\n")
    assert assay("models").err == ""


def test_runs_are_searched_by_hyperparameter_and_cause(assay: Run, home: Path) -> None:
    pin = BasePin(repository="acme/base", revision="r1", digest=DIGEST)
    spec = RunSpec(base=pin, datasets=(DatasetShare(dataset=DIGEST),), template=DIGEST)
    request = PinnedTraining(tenant="acme", model="helpdesk", version=1, spec=spec, requested_by="ann")
    job = TrainJob(run_id="acme.helpdesk.1.abc", request=request)
    nan = TrainingFailed("LOSS_NAN", "the loss is nan at step 3", "lower the learning rate")
    Registry.open(Settings()).runs.add_failed(job, nan, TrainingProgress(step=2, max_steps=58), attempts=1)
    (run,) = assay("runs", "--where", "learning_rate>1e-4 and cause=LOSS_NAN", "--json").json
    assert (run["run"], run["outcome"], run["cause"], run["learning_rate"]) == (job.run_id, "failed", "LOSS_NAN", 1e-3)
    assert assay("runs", "--where", "cause = none", "--json").json == []
    refused = assay("runs", "--where", "colour = red")
    assert refused.code == 1
    assert "SEARCH_FIELD_UNKNOWN" in refused.err
    assert "learning_rate" in refused.err


@pytest.mark.parametrize("line", [["down"], ["stop", "opa"], ["status"]])
def test_processes_need_a_home_wherever_the_record_is(
    line: list[str], assay: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_DATABASE_URL", f"sqlite:///{home.with_name('elsewhere')}/registry.sqlite")
    home.rmdir()
    assert "HOME_UNKNOWN" in assay(*line).err
    assert not home.exists()
