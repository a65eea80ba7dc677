"""Typed errors become Temporal failures: the code is the failure's type; what waiting heals is tried again.

A failure has the words of the typed error and no others. What a library says of a fault may repeat the row or the
prompt that it stumbled over: it goes to the worker's log, and is no cause of the failure, since causes go along.
"""

from __future__ import annotations

import errno
import logging
from typing import Any, Final

from opentelemetry import trace
from temporalio import activity
from temporalio.exceptions import ApplicationError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from assay.contracts.errors import AssayError, Unavailable

logger = logging.getLogger("assay.worker")
UNEXPECTED_ATTEMPTS: Final = 5
"""A bug does not heal by waiting: an untyped exception is tried this often, then it fails the workflow."""


_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""No space left, no quota left, and the limit that `ulimit -f` sets."""


class _Typed(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: ANN401  # SDK signature
        try:
            return await super().execute_activity(input)
        except AssayError as error:
            trace.get_current_span().set_attribute("error.type", error.code)
            if error.__cause__ is not None:
                _logged(error)
            raise _failure(error) from None
        except Exception as error:
            # Cancellation and worker shutdown are BaseException or the SDK's own: they pass as they are.
            if isinstance(error, ApplicationError) or type(error).__module__.startswith("temporalio"):
                raise
            _logged(error)
            if isinstance(error, OSError) and error.errno in _FULL:
                raise _failure(_disk_full(error)) from None
            raise ApplicationError(
                f"{type(error).__name__} in {activity.info().activity_type}; the worker's log has the traceback",
                type="UNEXPECTED",
                non_retryable=activity.info().attempt >= UNEXPECTED_ATTEMPTS,
            ) from None


def _logged(error: Exception) -> None:
    """The whole of it, with what caused it."""
    logger.warning("%s failed", activity.info().activity_type, exc_info=error)


def _failure(error: AssayError) -> ApplicationError:
    return ApplicationError(error.message, {"remedy": error.remedy}, type=error.code, non_retryable=not error.retryable)


def _disk_full(error: OSError) -> Unavailable:
    where = f" ({error.filename})" if error.filename else ""
    return Unavailable(
        "DISK_FULL", f"a disk of this worker is full{where}", "free some space, or raise the quota; then it goes on"
    )


class TypedErrors(Interceptor):
    """Worker interceptor, see the module."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        """Wrap one activity execution."""
        return _Typed(super().intercept_activity(next))
