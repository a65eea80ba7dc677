"""Sticky cohorts: the same session meets the same arm, and a growing canary only gains sessions."""

from __future__ import annotations

from typing import Final

import mmh3

ALGORITHM: Final = "murmur3-32-seed0/10000/v1"
"""Recorded in logs and in /healthz: cohorts are comparable only under the same algorithm."""
BUCKETS: Final = 10_000


def bucket(tenant: str, model: str, session: str) -> int:
    """Bucket of a session, 0 … 9999 (MurmurHash3 x86 32, Appleby).

    The route is hashed in as well, so that one session is not first in line for every canary. 2^32 mod 10,000 buckets
    differ in probability by less than 3e-6.
    """
    return mmh3.hash(f"{tenant}\x00{model}\x00{session}", seed=0, signed=False) % BUCKETS


def limit(percent: float) -> int:
    """Percent of traffic as a number of buckets."""
    return round(percent * BUCKETS / 100)
