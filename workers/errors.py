"""Typed errors become Temporal failures: the code is the failure's type; what waiting heals is tried again."""

from __future__ import annotations

import errno
from typing import Any, Final

from opentelemetry import trace
from temporalio import activity
from temporalio.exceptions import ApplicationError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from assay.contracts.errors import AssayError, Unavailable

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
            raise _failure(error) from error
        except Exception as error:
            # Cancellation and worker shutdown are BaseException or the SDK's own: they pass as they are.
            if isinstance(error, ApplicationError) or type(error).__module__.startswith("temporalio"):
                raise
            if isinstance(error, OSError) and error.errno in _FULL:
                raise _failure(_disk_full(error)) from error
            if activity.info().attempt < UNEXPECTED_ATTEMPTS:
                raise
            raise ApplicationError(
                f"{type(error).__name__} in {activity.info().activity_type}; the worker's log has the traceback",
                type="UNEXPECTED",
                non_retryable=True,
            ) from error


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
