"""Fair and bounded: so many requests in flight in all, and so many of them from one tenant."""

from __future__ import annotations

from collections import Counter
from types import TracebackType

from serving.gateway.errors import Refusal


class Admission:
    """Counts what is in flight; beyond a bound, refuses at once instead of queueing without one."""

    def __init__(self, most: int, most_per_tenant: int) -> None:
        self._most, self._most_per_tenant = most, most_per_tenant
        self._in_flight: Counter[str] = Counter()
        self.total = 0

    def enter(self, tenant: str) -> Place:
        """Hold a place until the end of a `with`. Raises Refusal `rate_limit_exceeded`."""
        if self.total >= self._most or self._in_flight[tenant] >= self._most_per_tenant:
            raise Refusal(429, "rate_limit_exceeded", "Too many requests in flight.", "Wait for some to finish.")
        self.total += 1
        self._in_flight[tenant] += 1
        return Place(self, tenant)

    def leave(self, tenant: str) -> None:
        """Give a place back."""
        self.total -= 1
        self._in_flight[tenant] -= 1
        if not self._in_flight[tenant]:
            del self._in_flight[tenant]


class Place:
    """Taken when it is made; given back once, at the end of its `with`."""

    __slots__ = ("_admission", "_tenant")

    def __init__(self, admission: Admission, tenant: str) -> None:
        self._admission, self._tenant = admission, tenant

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._admission.leave(self._tenant)
