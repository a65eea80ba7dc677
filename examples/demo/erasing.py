"""One person's row, and all that was learnt from it, taken back while users are being answered."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from pathlib import Path
from typing import Any, Final

from assay.contracts.erasure import FoundIn
from assay.contracts.erasure_totals import rows_in
from examples.demo.shell import ROOT, Ran, assay, run
from examples.demo.story import Story
from examples.demo.traffic import Seen, Traffic

SUBJECT: Final = "customer-redact-name"
"""Who wrote one of the planted tickets; a row of both datasets of the demonstration."""
TICKET: Final = "redact-name"
"""What the source calls that ticket."""
PRIVACY_OFFICER: Final = "pia@acme.example"
RECEIPT_CHECK: Final = ("python", "examples/verify_receipt.py")


async def erase(story: Story, traffic: Traffic, tenant: str, folder: Path, version: str) -> dict[str, Any]:
    """Order it, wait for the receipt, verify that with other people's tools. `version`: what answers before.

    Raises AssertionError when a user met an error, or the version answered after it was withdrawn.
    """
    command = ("erase", "--tenant", tenant, "--subject", SUBJECT, "--by", PRIVACY_OFFICER, "--wait")
    assert _why(story, "before").code == 0
    story.say(f"  [bold]$ assay {' '.join(command)}[/bold]")
    before = len(traffic.seen)
    async with traffic.flowing():
        await _answered(traffic, version)
        ordered = time.time()
        status = await asyncio.to_thread(assay, *command)
        ended = time.time()
        # Users who were served by the version come back, and are answered by the base.
        await asyncio.sleep(3)
    assert status["stage"] == "erased", f"{status['stage']}: {status['reasons']}"
    found = _measured(status, traffic.seen[before:], version, ordered, ended)
    _say(story, status, found)
    assert found["errors"] == 0
    assert found["answers_by_it_afterwards"] == 0
    assert "ROW_UNKNOWN" in _why(story, "after").output
    return {**found, "receipt_verifies": _receipt(story, status["case"], folder)}


def _why(story: Story, when: str) -> Ran:
    """What the ledger says about the ticket; nothing any more once it is erased."""
    told = run("assay", "data", "why", TICKET, "--source", "planted")
    lines = [line for line in told.output.strip().splitlines() if line.strip()]
    story.panel("\n".join(lines[:12]), f"assay data why {TICKET} --source planted, {when}")
    return told


def remove_copies(story: Story, evidence: Path) -> None:
    """Weights that the step before exported: nobody but who exported them knows where they are."""
    copies = [evidence / name for name in ("adapter", "tampered")]
    for copy in copies:
        remove(copy)
    assert not any(copy.exists() for copy in copies)
    story.say("  the copies of the weights that were exported as evidence are removed by who exported them")


def remove(folder: Path) -> None:
    """A folder of files that nobody may write; one that is not there is left at that."""
    if folder.exists():
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        shutil.rmtree(folder)


async def _answered(traffic: Traffic, version: str) -> None:
    async with asyncio.timeout(120):
        begun = len(traffic.seen)
        while not any(one.adapter == version for one in traffic.seen[begun:]):  # noqa: ASYNC110  # users are tasks
            await asyncio.sleep(0.2)


def _measured(status: dict[str, Any], seen: list[Seen], version: str, ordered: float, ended: float) -> dict[str, Any]:
    after = [one for one in seen if one.started > ended]
    return {
        "rows": rows_in(FoundIn.model_validate(one) for one in status["found"]["own"]),
        "datasets": [one["replaces"] for one in status["datasets"]],
        "withdrawn": status["artifacts"],
        "unservable_ms": round(status["unservable_milliseconds"], 1),
        "seconds_to_receipt": round(ended - ordered, 1),
        "requests_meanwhile": sum(one.started >= ordered for one in seen),
        "errors": sum(not one.ok for one in seen),
        "answers_by_it_afterwards": sum(one.adapter == version for one in after),
        "answered_by": sorted({one.adapter for one in after}),
        "searched_again": "nothing found" if not status["remains"] else status["remains"],
    }


def _say(story: Story, status: dict[str, Any], found: dict[str, Any]) -> None:
    story.say(
        f"  {found['rows']} rows of {SUBJECT} in {len(found['datasets'])} datasets, and {found['withdrawn']} things "
        f"made from them: unservable after {found['unservable_ms']:.0f} ms; destroyed, and searched for again, after "
        f"{found['seconds_to_receipt']:.0f} s: {found['searched_again']}"
    )
    for one in status["replaced"]:
        by = one["version"] or "the base"
        story.say(f"  {one['tenant']}/{one['model']} is answered by {by} from now on")
    for one in status["retraining"]:
        took = "" if one["seconds"] is None else f", about {one['seconds']:.0f} s"
        story.say(f"  retraining of version {one['version']} is prepared: {one['steps']} steps{took}")
    story.say(f"  {found['requests_meanwhile']} requests of users meanwhile, {found['errors']} errors")


def _receipt(story: Story, case: str, folder: Path) -> dict[str, Any]:
    """Exported, and verified by a script that uses securesystemslib and nothing of Assay."""
    exported = folder / "receipt"
    line = ("assay", "erase", "receipt", case, "--out", str(exported))
    assert (ran := run(*line)).code == 0, ran.output
    checked = run(*RECEIPT_CHECK, str(exported))
    story.say(f"  [bold]$ {checked.line.replace(f'{ROOT}/', '')}[/bold]")
    assert checked.code == 0, checked.output
    said: dict[str, Any] = json.loads(checked.output)
    assert SUBJECT not in checked.output
    gone = said["destroyed"]
    shown = {
        "withdrawn": {kind: len(names) for kind, names in said["withdrawn"].items()},
        "destroyed": {"keys": len(gone["shardKeys"]), "blobs": gone["blobs"]},
        **{part: said[part] for part in ("suppressed", "verified", "notVerified")},
    }
    story.panel(json.dumps(shown, indent=2), "What the receipt says, of which nobody can tell who it was")
    return {"command": checked.line.replace(f"{ROOT}/", ""), "exit_code": checked.code}
