"""Ray Data as the place where batches are worked on: a cluster's, or one on this machine."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final
from urllib.parse import urlsplit

import pyarrow as arrow

from activities.data.runners import Work
from assay.contracts.errors import Unavailable

_QUIET: Final = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
"""Nothing is reported to anybody, and processes without a GPU do not change what others see of it."""
ANSWERS_SECONDS: Final = 10
_lock = threading.Lock()


class OnRay:
    """Batches as blocks of a dataset whose order is kept. Its nodes need this code too."""

    def __init__(self, address: str | None, lanes: int) -> None:
        self._address, self._lanes = address, lanes

    @property
    def lanes(self) -> int:
        """See `Runner`."""
        return self._lanes

    def run(self, work: Work, batches: Iterable[arrow.RecordBatch]) -> Iterator[arrow.RecordBatch]:
        """See `Runner`."""
        ray = self._connected()
        tables = [arrow.Table.from_batches([batch]) for batch in batches]
        if not tables:
            return
        try:
            # One block a batch, so that rows meet the function in the portions in which they came. By itself Ray would
            # try rows that kill their process again for ever: here, who runs this counts the deaths. (Ray 2.60 has no
            # other name for that, and means to take this one away with 2.64.)
            blocks = ray.data.from_arrow(tables).map_batches(
                _on_tables(work), batch_size=None, batch_format="pyarrow", max_retries=0
            )
            for reference in blocks.to_arrow_refs():
                yield from ray.get(reference).combine_chunks().to_batches()
        except ray.exceptions.RayError as error:
            raise Unavailable(
                "SCANNER_DIED",
                f"Ray could not do its part: {type(error).__name__}",
                "it is tried again; the Ray dashboard and its logs say what ended",
            ) from error

    def close(self) -> None:
        """See `Runner`. A cluster of this machine ends with it."""
        import ray

        with _lock:
            if ray.is_initialized():
                ray.shutdown()

    def _connected(self) -> Any:  # noqa: ANN401  # the module, which is an extra
        for name, value in _QUIET.items():
            os.environ.setdefault(name, value)
        try:
            import ray
            import ray.data
        except ImportError as error:
            raise Unavailable(
                "RAY_MISSING", "ASSAY_SCANNING__RUNNER is ray, and Ray is not installed", "install `assay[ray]`"
            ) from error
        with _lock:
            if not ray.is_initialized():
                self._begin(ray)
        context = ray.data.DataContext.get_current()
        context.execution_options.preserve_order = True
        context.enable_progress_bars = False
        return ray

    def _begin(self, ray: Any) -> None:  # noqa: ANN401  # the module
        quiet: dict[str, Any] = {"log_to_driver": False, "configure_logging": False}
        if self._address is None:
            own = {"num_cpus": self._lanes, "include_dashboard": False, "_node_ip_address": "127.0.0.1"}
            ray.init(**quiet, **own)
            return
        try:
            _refuse_silent(self._address)
            ray.init(self._address, **quiet)
        except (OSError, RuntimeError, ValueError) as error:
            raise Unavailable(
                "RAY_UNREACHABLE", f"no Ray cluster answers at {self._address}", "check ASSAY_SCANNING__RAY_ADDRESS"
            ) from error


def _refuse_silent(address: str) -> None:
    """Raise OSError where nothing listens: Ray goes on trying for a quarter of an hour. `auto` names no port."""
    parts = urlsplit(address if "://" in address else f"ray://{address}")
    if parts.hostname and parts.port:
        socket.create_connection((parts.hostname, parts.port), ANSWERS_SECONDS).close()


def _on_tables(work: Work) -> Callable[[arrow.Table], arrow.Table]:
    def apply(table: arrow.Table) -> arrow.Table:
        [batch] = table.combine_chunks().to_batches() or [arrow.RecordBatch.from_pylist([], schema=table.schema)]
        return arrow.Table.from_batches([work(batch)])

    return apply
