"""Fair and bounded: so many requests in flight in all, and so many of them from one tenant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from serving.gateway.errors import Refusal


class Admission:
    """Counts what is in flight; beyond a bound, refuses at once instead of queueing without one."""

    def __init__(self, most: int, most_per_tenant: int) -> None:
        self._most, self._most_per_tenant = most, most_per_tenant
        self._in_flight: Counter[str] = Counter()
        self.total = 0

    @contextmanager
    def enter(self, tenant: str) -> Iterator[None]:
        """Hold a place. Raises Refusal `rate_limit_exceeded`."""
        if self.total >= self._most or self._in_flight[tenant] >= self._most_per_tenant:
            raise Refusal(429, "rate_limit_exceeded", "Too many requests in flight.", "Wait for some to finish.")
        self.total += 1
        self._in_flight[tenant] += 1
        try:
            yield
        finally:
            self.total -= 1
            self._in_flight[tenant] -= 1
            if not self._in_flight[tenant]:
                del self._in_flight[tenant]
