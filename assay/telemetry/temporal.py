"""Trace context through Temporal, for clients that have OpenTelemetry installed: the light package need not."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from temporalio.client import Interceptor


def client_interceptors() -> Sequence[Interceptor]:
    """A tracing interceptor; without a tracer provider in the process it does nothing."""
    if find_spec("opentelemetry") is None or find_spec("opentelemetry.sdk") is None:
        return ()
    from temporalio.contrib.opentelemetry import TracingInterceptor

    return (TracingInterceptor(),)
