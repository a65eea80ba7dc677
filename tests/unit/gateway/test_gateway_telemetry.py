"""Log lines that a machine can read."""

from __future__ import annotations

import json
import logging
import sys

from serving.gateway.telemetry import JsonLines


def record(**extra: object) -> logging.LogRecord:
    return logging.makeLogRecord(
        {"name": "assay.gateway", "levelname": "WARNING", "msg": "engine %s\nis away", "args": ("a",), **extra}
    )


def test_one_line_holds_message_and_extras() -> None:
    line = JsonLines().format(record(status=503, code=None))
    parsed = json.loads(line)
    assert "\n" not in line
    assert (parsed["message"], parsed["level"], parsed["status"]) == ("engine a\nis away", "warning", 503)
    assert "code" not in parsed
    assert "args" not in parsed


def test_a_traceback_stays_in_its_line() -> None:
    try:
        raise ValueError("broken")
    except ValueError:
        line = JsonLines().format(record(exc_info=sys.exc_info()))
    assert "ValueError: broken" in json.loads(line)["exception"]
    assert "\n" not in line
