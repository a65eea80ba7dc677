"""The control side of gateways: tell them to take the newest table, ask them what they saw."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any, Literal

import aiohttp

from assay.contracts.base import CodeCount
from assay.contracts.errors import Unavailable
from assay.contracts.rollout import ArmObservation

_TIMEOUT = aiohttp.ClientTimeout(total=5)
_REMEDY = "see `assay status`; gateways that come back take the newest table by themselves"


class Gateways:
    """All gateways of a fleet, by base URL."""

    def __init__(self, urls: tuple[str, ...], admin_key: str) -> None:
        self._urls = urls
        self._headers = {"authorization": f"Bearer {admin_key}"}

    async def refresh(self, revision: int) -> int:
        """Make every gateway take the newest table; how many confirmed at least `revision`.

        Raises Unavailable (`GATEWAY_UNREACHABLE`) when none did: a flip that nobody took is not done.
        """
        async with aiohttp.ClientSession(headers=self._headers, timeout=_TIMEOUT) as session:
            answers = await asyncio.gather(*(self._refresh(session, url) for url in self._urls))
        confirmed = sum(answer is not None and answer >= revision for answer in answers)
        if not confirmed:
            raise Unavailable("GATEWAY_UNREACHABLE", "no gateway confirmed the new route table", _REMEDY)
        return confirmed

    async def _refresh(self, session: aiohttp.ClientSession, url: str) -> int | None:
        try:
            async with session.post(f"{url}/admin/refresh") as response:
                return int((await response.json())["revision"]) if response.status == 200 else None
        except (aiohttp.ClientError, TimeoutError):
            return None

    async def observations(self, tenant: str, model: str, since_revision: int) -> dict[str, ArmObservation]:
        """Counts by arm since a revision, added up over the gateways that answer.

        Raises Unavailable (`GATEWAY_UNREACHABLE`) when none answers.
        """
        query = {"tenant": tenant, "model": model, "since_revision": str(since_revision)}
        async with aiohttp.ClientSession(headers=self._headers, timeout=_TIMEOUT) as session:
            answers = await asyncio.gather(*(self._observe(session, url, query) for url in self._urls))
        seen = [answer for answer in answers if answer is not None]
        if not seen:
            raise Unavailable("GATEWAY_UNREACHABLE", "no gateway says what it saw", _REMEDY)
        arms: dict[str, list[ArmObservation]] = {}
        for one in (ArmObservation.model_validate(arm) for answer in seen for arm in answer["arms"]):
            arms.setdefault(one.arm, []).append(one)
        return {arm: _added(observations) for arm, observations in arms.items()}

    async def _observe(self, session: aiohttp.ClientSession, url: str, query: dict[str, str]) -> dict[str, Any] | None:
        try:
            async with session.get(f"{url}/admin/observations", params=query) as response:
                return dict(await response.json()) if response.status == 200 else None
        except (aiohttp.ClientError, TimeoutError):
            return None


def _added(observations: list[ArmObservation]) -> ArmObservation:
    """Sum the counts; of the p95s the worst, since quantiles do not add."""
    reasons: Counter[str] = Counter()
    for one in observations:
        reasons.update({reason.code: reason.count for reason in one.bad_by_reason})
    latencies = [one.p95_milliseconds for one in observations if one.p95_milliseconds is not None]
    name: Literal["stable", "canary", "shadow"] = observations[0].arm
    return ArmObservation(
        arm=name,
        requests=sum(one.requests for one in observations),
        bad=sum(one.bad for one in observations),
        bad_by_reason=tuple(CodeCount(code=code, count=n) for code, n in sorted(reasons.items())),
        p95_milliseconds=max(latencies, default=None),
    )
