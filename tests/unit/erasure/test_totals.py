"""A receipt says what all passes of an erasure did, and what is kept of them does not grow with their number."""

from __future__ import annotations

from datetime import UTC, datetime

from activities.erasure import receipt
from assay.contracts.erasure import (
    Artifact,
    CaseDone,
    Counted,
    Found,
    FoundIn,
    ModelName,
    Shredded,
    Withdrawn,
)
from assay.contracts.erasure_totals import also_found, also_shredded, also_withdrawn

from .scene import job, sha

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FIRST = Withdrawn(
    found=Found(own=(FoundIn(dataset=sha(1), kept=2, aside=1), FoundIn(dataset=sha(2), refused=3)), waiting=4),
    artifacts=(Artifact(name=sha(1), kind="dataset"), Artifact(name="route of acme/one", kind="route")),
    models=(ModelName(tenant="acme", model="one"),),
    workflows=("training/acme/one/1",),
    revision=7,
    gateways=2,
    unloaded=1,
    milliseconds=41.6,
)
SECOND = Withdrawn(
    found=Found(own=FIRST.found.own, mentioned=(FoundIn(dataset=sha(3), kept=5),)),
    artifacts=(Artifact(name=sha(3), kind="adapter"), FIRST.artifacts[0]),
    models=(ModelName(tenant="acme", model="two"), *FIRST.models),
    workflows=("evaluation/acme/two/1", *FIRST.workflows),
    revision=9,
    gateways=3,
    unloaded=2,
    milliseconds=5,
)
GONE = (
    Shredded(shards=(sha(12), sha(11)), blobs=4, folders=2, ledger_rows=3),
    Shredded(shards=(sha(10), sha(11)), blobs=5, folders=1, ledger_rows=2, scrubbed=False),
    Shredded(shards=(sha(11),), blobs=1, folders=0, ledger_rows=7),
)


def done(passes: list[Withdrawn], gone: list[Shredded]) -> CaseDone:
    """As the workflow adds one pass to the other."""
    found: tuple[Counted, ...] = ()
    withdrawn, shredded = None, None
    for one in passes:
        found, withdrawn = also_found(found, one.found), also_withdrawn(withdrawn, one)
    for each in gone:
        shredded = also_shredded(shredded, each)
    return CaseDone(job=job(), found=found, withdrawn=withdrawn, shredded=shredded, opened=NOW, closed=NOW)


def test_a_receipt_says_what_every_pass_did() -> None:
    said = receipt.predicate(done([FIRST, SECOND], [*GONE]))
    nothing = {"datasets": 0, "kept": 0, "aside": 0, "refused": 0}
    assert said["found"] == [
        {"own": {"datasets": 2, "kept": 2, "aside": 5, "refused": 3}, "mentionedAndNotConfirmed": nothing},
        {
            "own": {"datasets": 2, "kept": 2, "aside": 1, "refused": 3},
            "mentionedAndNotConfirmed": {"datasets": 1, "kept": 5, "aside": 0, "refused": 0},
        },
    ]
    assert said["withdrawn"] == {"adapter": [sha(3)], "dataset": [sha(1)], "route": ["route of acme/one"]}
    assert said["unservable"] == {"milliseconds": 42, "gateways": 2, "routeRevision": 7, "enginesUnloaded": 3}
    assert said["stoppedWorkflows"] == ["evaluation/acme/two/1", "training/acme/one/1"]
    assert said["destroyed"] == {
        "shardKeys": [sha(10), sha(11), sha(12)],
        "blobs": 5,
        "folders": 3,
        "ledgerEntries": 7,
        "databaseScrubbed": False,
    }
    subjects = receipt.statement(done([FIRST, SECOND], []))["subject"]
    assert [one["name"] for one in subjects[1:]] == ["dataset", "adapter"]


def test_a_receipt_of_nothing_says_so() -> None:
    said = receipt.predicate(done([], []))
    assert (said["found"], said["withdrawn"], said["stoppedWorkflows"]) == ([], {}, [])
    assert said["unservable"] == {"milliseconds": 0, "gateways": 0, "routeRevision": 0, "enginesUnloaded": 0}
    assert said["destroyed"]["databaseScrubbed"] is True


def test_looking_again_makes_nothing_longer_that_is_kept() -> None:
    once = done([FIRST, SECOND], [*GONE])
    often = done([FIRST, *[SECOND] * 50], [*GONE, *[GONE[2]] * 50])
    assert often.withdrawn is not None
    assert often.withdrawn.unloaded == 101
    assert len(often.model_dump_json()) - len(once.model_dump_json()) == len("101") - len("3")
    back = done([FIRST, SECOND, FIRST], [])
    assert [one.own.aside for one in back.found] == [5, 1, 5]
