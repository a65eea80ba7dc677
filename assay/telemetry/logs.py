"""Logs: one event a line, JSON where no person watches, with the ids that lead from a line to its workflow and trace.

What a program prints to its user (`assay status`, the demonstration's report) is no log and stays as it is.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Final, Literal

from assay.telemetry import traces

# What every LogRecord has; the rest came in through `extra`.
_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_CHATTY: Final = ("alembic", "uvicorn.error", "opentelemetry", "urllib3", "aiohttp.access")

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""Of the HTTP request that is being answered."""

Format = Literal["auto", "json", "text"]


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, ids, and whatever the caller gave as `extra`.

    `service` names the process. `dumps` may be a faster one than the standard library's.
    """

    def __init__(self, service: str = "", dumps: Callable[[dict[str, object]], str] | None = None) -> None:
        super().__init__()
        self._service, self._dumps = service, dumps or _dumps

    def format(self, record: logging.LogRecord) -> str:
        """A log record as JSON."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if self._service:
            line["service"] = self._service
        line |= {name: value for name, value in vars(record).items() if name not in _STANDARD and value is not None}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return self._dumps(line)


class Ids(logging.Filter):
    """Adds to each record the ids that are in force where it is written."""

    def __init__(self, also: Mapping[str, object] | None = None) -> None:
        super().__init__()
        self._also = dict(also or {})

    def filter(self, record: logging.LogRecord) -> bool:
        """Never holds a record back."""
        vars(record).update(self._also | ids())
        return True


def ids() -> dict[str, object]:
    """Request, trace and span id, and the activity with its workflow, as far as there are any."""
    found: dict[str, object] = {**traces.current_ids(), **_activity()}
    if (request := request_id.get()) is not None:
        found["request_id"] = request
    return found


def _activity() -> dict[str, object]:
    # A process that never imported it runs no activities.
    activity = sys.modules.get("temporalio.activity")
    if activity is None or not activity.in_activity():
        return {}
    info = activity.info()
    return {
        "workflow_id": info.workflow_id,
        "run_id": info.workflow_run_id,
        "activity": info.activity_type,
        "attempt": info.attempt,
    }


def configure_logs(
    level: str,
    service: str,
    form: Format = "auto",
    dumps: Callable[[dict[str, object]], str] | None = None,
    also: Mapping[str, object] | None = None,
) -> None:
    """Everything to standard error, whoever keeps it. `auto` is text on a terminal and JSON elsewhere.

    `also` is written into each line.
    """
    handler = logging.StreamHandler(sys.stderr)
    plain = form == "text" or (form == "auto" and sys.stderr.isatty())
    handler.setFormatter(_text() if plain else JsonLines(service, dumps))
    handler.addFilter(Ids(also))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for chatty in _CHATTY:
        logging.getLogger(chatty).setLevel(logging.WARNING)


def dictionary_config(level: str, service: str) -> dict[str, Any]:
    """The same for a program that reads `logging.config.dictConfig`'s dictionary from a file."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": "assay.telemetry.logs.JsonLines", "service": service}},
        "filters": {"ids": {"()": "assay.telemetry.logs.Ids"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json", "filters": ["ids"]}},
        "root": {"level": level.upper(), "handlers": ["stderr"]},
    }


def _text() -> logging.Formatter:
    return logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s")


def _dumps(line: dict[str, object]) -> str:
    return json.dumps(line, default=str, ensure_ascii=False)
