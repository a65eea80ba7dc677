"""The control side of gateways: tell them to take the newest table, ask them what they saw."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from typing import Any, Literal

import aiohttp

from assay.contracts.base import CodeCount, Digest
from assay.contracts.errors import Unavailable
from assay.contracts.rollout import ArmObservation
from assay.telemetry import traces

_TIMEOUT = aiohttp.ClientTimeout(total=8)
"""Longer than a gateway waits for its own processes."""
_REMEDY = "bring it back (`assay status`), or take it out of ASSAY_GATEWAY_URLS"


class Gateways:
    """All gateways of a fleet, by base URL."""

    def __init__(self, urls: tuple[str, ...], admin_key: str) -> None:
        self._urls = urls
        self._headers = {"authorization": f"Bearer {admin_key}"}

    async def refresh(self, revision: int) -> int:
        """Make every gateway take the newest table; how many there are, all at `revision` or later.

        Raises Unavailable (`GATEWAY_UNREACHABLE`) when one does not confirm: it would go on answering from the old arm.
        Those that did have flipped; asking them again changes nothing.
        """
        async with aiohttp.ClientSession(headers=self._headers, timeout=_TIMEOUT) as session:
            answers = await asyncio.gather(*(self._refresh(session, url) for url in self._urls))
        late = [url for url, at in zip(self._urls, answers, strict=True) if at is None or at < revision]
        if late:
            message = f"route table {revision} is not confirmed by {', '.join(late)}"
            raise Unavailable("GATEWAY_UNREACHABLE", message, _REMEDY)
        return len(answers)

    async def _refresh(self, session: aiohttp.ClientSession, url: str) -> int | None:
        try:
            with traces.span("refresh", "client", {"server.address": url}):
                headers = traces.outgoing()
                async with session.post(f"{url}/admin/refresh", headers=headers) as response:
                    return int((await response.json())["revision"]) if response.status == 200 else None
        except (aiohttp.ClientError, TimeoutError):
            return None

    async def observations(
        self, tenant: str, model: str, since_revision: int, version: Digest
    ) -> dict[str, ArmObservation]:
        """Counts by arm since a revision, added up over all gateways: the stable arm's whole, of canary and shadow only
        what `version` answered, since an earlier rollout may have had the same arm.

        Raises Unavailable (`GATEWAY_UNREACHABLE`) when one does not answer: counts with a hole in them would look like
        good news.
        """
        query = {"tenant": tenant, "model": model, "since_revision": str(since_revision)}
        async with aiohttp.ClientSession(headers=self._headers, timeout=_TIMEOUT) as session:
            answers = await asyncio.gather(*(self._observe(session, url, query) for url in self._urls))
        silent = [url for url, answer in zip(self._urls, answers, strict=True) if answer is None]
        if silent:
            raise Unavailable("GATEWAY_UNREACHABLE", f"{', '.join(silent)} does not say what it saw", _REMEDY)
        arms: dict[str, list[ArmObservation]] = {}
        for one in (one for answer in answers if answer for one in _of(answer, version)):
            arms.setdefault(one.arm, []).append(one)
        return {arm: _added(observations) for arm, observations in arms.items()}

    async def _observe(self, session: aiohttp.ClientSession, url: str, query: dict[str, str]) -> dict[str, Any] | None:
        try:
            async with session.get(f"{url}/admin/observations", params=query, headers=traces.outgoing()) as response:
                return dict(await response.json()) if response.status == 200 else None
        except (aiohttp.ClientError, TimeoutError):
            return None


def _of(report: dict[str, Any], version: Digest) -> Iterator[ArmObservation]:
    yield from (ArmObservation.model_validate(one) for one in report["arms"] if one["arm"] == "stable")
    for one in report["versions"]:
        if one["arm"] != "stable" and one["version"] == version:
            yield ArmObservation.model_validate({name: value for name, value in one.items() if name != "version"})


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
