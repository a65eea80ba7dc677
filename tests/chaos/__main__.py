"""The long run: N kills, and pauses between them, from a seed, on whole lifecycles on the real stack.

    python -m tests.chaos --kills 200 --seed 1             (`make chaos N=200 SEED=1`)

Prints what it struck, when, what it checked and what failed; writes a summary as JSON; exit code 1 on any violation.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

from temporalio.runtime import Runtime, TelemetryConfig

from stack.processes import ROOT

from .campaign import Campaign
from .house import EngineKind, House
from .plan import strikes

REAL_ENGINE: Final = 0.06
"""Share of the kills on a house with SGLang itself, whose every start takes a minute."""


def _say(sentence: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {sentence}", flush=True)


async def campaign(home: Path, engine: EngineKind, count: int, seed: int) -> Campaign:
    """All rounds of one house. The house is stopped whatever happens."""
    one = Campaign(House(home, engine), _say)
    try:
        await one.open()
        for number, some in enumerate(strikes(count, seed)):
            await one.round(number, some)
    finally:
        await asyncio.to_thread(one.house.stop)
    return one


def summary(seed: int, begun: float, campaigns: list[Campaign]) -> dict[str, Any]:
    """What the JSON says."""
    struck = [one for campaign in campaigns for one in campaign.striker.struck]
    return {
        "seed": seed,
        "seconds": round(time.time() - begun),
        "strikes": len(struck),
        "kills": sum(not one.strike.pause for one in struck),
        "pauses": sum(bool(one.strike.pause) for one in struck),
        "missed": sum(len(campaign.striker.missed) for campaign in campaigns),
        "by_target": dict(sorted(Counter(one.strike.target for one in struck).items())),
        "by_stage": dict(sorted(Counter(one.stage for one in struck).items())),
        "by_engine": {c.house.engine: len(c.striker.struck) for c in campaigns},
        "lifecycles": sum(len(one["lifecycles"]) for campaign in campaigns for one in campaign.rounds),
        "requests": sum(one["requests"] for campaign in campaigns for one in campaign.rounds),
        "requests_failed": sum(one["requests_failed"] for campaign in campaigns for one in campaign.rounds),
        "violations": [one for campaign in campaigns for one in campaign.violations],
        "rounds": [one for campaign in campaigns for one in campaign.rounds],
    }


def main() -> int:
    """Parse, run, write."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="and a third as many pauses")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--engine", choices=["small", "sglang", "both"], default="both")
    parser.add_argument("--out", type=Path, default=ROOT / "var" / "chaos")
    parser.add_argument("--plan", action="store_true", help="only print the plan")
    options = parser.parse_args()
    real = {"small": 0, "sglang": options.kills, "both": round(options.kills * REAL_ENGINE)}[options.engine]
    shares: list[tuple[EngineKind, int]] = [("small", options.kills - real), ("sglang", real)]
    if options.plan:
        print("\n".join(str(s) for _, n in shares for some in strikes(n, options.seed) for s in some))
        return 0
    Runtime.set_default(Runtime(telemetry=TelemetryConfig(logging=None)))  # connections are meant to break
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the house is stopped, too
    begun, campaigns = time.time(), []
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="assay-chaos-", ignore_cleanup_errors=True) as scratch:
        for engine, count in shares:
            if count:
                campaigns.append(asyncio.run(campaign(Path(scratch, engine), engine, count, options.seed)))
    document = summary(options.seed, begun, campaigns)
    file = options.out / f"seed-{options.seed}.json"
    file.write_text(json.dumps(document, indent=1), "utf-8")
    _say(
        f"{document['kills']} kills and {document['pauses']} pauses in {document['lifecycles']} lifecycles, "
        f"{document['seconds']} s: {len(document['violations'])} violations; {file}"
    )
    return 1 if document["violations"] else 0


if __name__ == "__main__":
    sys.exit(main())
