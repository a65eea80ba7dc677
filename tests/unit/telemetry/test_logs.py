"""Log lines that a machine can read, and that lead to a workflow, a request and a trace."""

from __future__ import annotations

import io
import json
import logging
import logging.config
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from temporalio.testing import ActivityEnvironment

from assay.telemetry.logs import Ids, JsonLines, configure_logs, dictionary_config, request_id
from serving.gateway.telemetry import dumps


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Puts the root logger back as it was."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield
    root.handlers[:] = before
    root.setLevel(level)


def record(**extra: object) -> logging.LogRecord:
    return logging.makeLogRecord(
        {"name": "assay.gateway", "levelname": "WARNING", "msg": "engine %s\nis away", "args": ("a",), **extra}
    )


@pytest.mark.parametrize("encode", [None, dumps])
def test_one_line_holds_message_and_extras(encode: Callable[[dict[str, object]], str] | None) -> None:
    line = JsonLines("assay-gateway", encode).format(record(status=503, code=None))
    parsed = json.loads(line)
    assert "\n" not in line
    assert (parsed["message"], parsed["level"], parsed["status"]) == ("engine a\nis away", "warning", 503)
    assert parsed["service"] == "assay-gateway"
    assert "code" not in parsed
    assert "args" not in parsed


def test_a_traceback_stays_in_its_line() -> None:
    try:
        raise ValueError("broken")
    except ValueError:
        line = JsonLines().format(record(exc_info=sys.exc_info()))
    assert "ValueError: broken" in json.loads(line)["exception"]
    assert "\n" not in line


def written(log: Callable[[], None], monkeypatch: pytest.MonkeyPatch, **options: Any) -> str:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    configure_logs("info", "assay-worker-data", **options)
    log()
    return stream.getvalue()


def test_a_line_of_an_activity_names_its_workflow(monkeypatch: pytest.MonkeyPatch) -> None:
    def act() -> None:
        logging.getLogger("assay.data").info("reading")

    line = json.loads(written(lambda: ActivityEnvironment().run(act), monkeypatch))
    assert (line["workflow_id"], line["run_id"], line["activity"], line["attempt"]) == (
        "test",
        "test-run",
        "unknown",
        1,
    )


def test_a_line_of_a_request_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer() -> None:
        token = request_id.set("r-1")
        logging.getLogger("assay.gateway").info("answered")
        request_id.reset(token)

    assert json.loads(written(answer, monkeypatch))["request_id"] == "r-1"


def test_what_is_told_for_every_line_is_in_every_line(monkeypatch: pytest.MonkeyPatch) -> None:
    text = written(lambda: logging.getLogger("x").error("no"), monkeypatch, also={"run": "acme/helpdesk/3"})
    assert json.loads(text)["run"] == "acme/helpdesk/3"


def test_text_is_for_people(monkeypatch: pytest.MonkeyPatch) -> None:
    assert written(lambda: logging.getLogger("x").error("no"), monkeypatch, form="text").endswith("ERROR x no\n")


def test_a_program_that_reads_a_logging_configuration_writes_the_same_lines(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logging.config.dictConfig(json.loads(json.dumps(dictionary_config("info", "assay-engine"))))
    logging.getLogger("sglang").info("ready")
    assert json.loads(capsys.readouterr().err)["service"] == "assay-engine"
    assert any(isinstance(one, Ids) for handler in logging.getLogger().handlers for one in handler.filters)
