"""What `assay erase --wait` and `assay erase show` say about a case that goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError, FailureError, TerminatedError
from temporalio.service import RPCError, RPCStatusCode

from assay.cli import watching
from assay.client import AssayClient
from assay.contracts.erasure import ErasureRequest, ErasureStatus, Found, FoundIn, HoldPlaced
from assay.contracts.errors import NotFound
from assay.contracts.names import erasure_id
from assay.settings import Settings
from registry import Registry
from stack.keys import ensure_keys

CASE, DATASET = "acme.51d0e2aa17cc", "sha256:" + "1" * 64
ORDER = ("erase", "--tenant", "acme", "--subject", "customer-7", "--by", "pia@acme.example", "--wait")
STUCK = ("ERASURE_INCOMPLETE: 2 places still hold something",)
OWN = Found(own=(FoundIn(dataset=DATASET, kept=1),))
MENTIONED = Found(mentioned=(FoundIn(dataset=DATASET, kept=3),))


def status(stage: str, **more: Any) -> ErasureStatus:
    return ErasureStatus.model_validate({"stage": stage, "case": CASE, **more})


class Case:
    """A client and the handle of one workflow, which ends when all that it has to say was asked for."""

    id = "erasure/acme"

    def __init__(self, *says: ErasureStatus | Exception, ends: ErasureStatus | Exception) -> None:
        self._says, self._ends, self._asked = list(says), ends, asyncio.Event()

    async def start_erasure(self, request: object) -> Case:
        return self

    async def erasure_status(self, workflow_id: str) -> ErasureStatus:
        said = self._says.pop(0)
        if not self._says:
            self._says.append(said)
            self._asked.set()
        if isinstance(said, Exception):
            raise said
        return said

    async def result(self) -> ErasureStatus:
        await self._asked.wait()
        await asyncio.sleep(0.01)
        if isinstance(self._ends, Exception):
            raise self._ends
        return self._ends


@pytest.fixture
def goes(home: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """The case that a client finds goes like this."""
    ensure_keys(home)
    held = HoldPlaced(tenant="acme", subject="6" * 64, reason="a lawsuit", actor="leo")
    Registry.open(Settings(home=home)).holds.place(held)
    monkeypatch.setattr(watching, "PAUSE", 0)

    def make(*says: ErasureStatus | Exception, ends: ErasureStatus | Exception) -> None:
        async def connect() -> Case:
            return Case(*says, ends=ends)

        monkeypatch.setattr(AssayClient, "connect", connect)

    return make


def test_without_waiting_the_gate_s_word_is_waited_for(
    assay: Callable[..., Any], goes: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "PAUSE", 0.01)
    goes(status("deciding"), status("deciding"), status("withdrawing", found=OWN), ends=status("erased"))
    ended = assay(*ORDER[:-1])
    assert ended.code == 0
    assert f"case {CASE}: withdrawing, 1 rows" in ended.out
    assert f"assay erase show {CASE}" in ended.out
    goes(status("deciding"), status("refused", reasons=("TENANT_UNKNOWN: …",)), ends=status("refused"))
    ended = assay(*ORDER[:-1])
    assert (ended.code, "TENANT_UNKNOWN" in ended.out) == (1, True)


def test_each_change_is_told_while_one_waits_and_the_answer_stays_alone(
    assay: Callable[..., Any], goes: Callable[..., None]
) -> None:
    stuck = {"reasons": STUCK, "remains": ("file examples/planted.jsonl", "file b.jsonl"), "found": OWN}
    goes(
        status("withdrawing"),
        status("withdrawing", found=OWN),
        RPCError("no worker", RPCStatusCode.DEADLINE_EXCEEDED, b""),
        status("held", found=OWN, holds=("9f3c2a71d00b: a lawsuit",)),
        status("awaiting confirmation", found=MENTIONED),
        status("verifying", **stuck),
        status("verifying", **stuck),
        ends=status("erased", found=OWN),
    )
    ended = assay(*ORDER)
    assert ended.err.splitlines() == [
        "withdrawing",
        "no answer from its workflow; see `assay status`",
        "held: 9f3c2a71d00b: a lawsuit",
        f"awaiting confirmation: 3 rows, see `assay erase mentions {CASE}`",
        f"verifying: {STUCK[0]} (file examples/planted.jsonl, file b.jsonl)",
    ]
    assert (ended.code, ended.out) == (0, f"case {CASE}: erased, 1 rows, 0 things made from them\n")
    goes(status("verifying", **stuck), ends=status("erased", found=OWN))
    assert assay(*ORDER, "--json").json["stage"] == "erased"


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        (ApplicationError("no disk", type="DISK_FULL"), "DISK_FULL: no disk"),
        (TerminatedError("by hand"), "ERASURE_FAILED: TerminatedError: by hand"),
    ],
)
def test_a_case_whose_workflow_failed_ends_with_its_code(
    assay: Callable[..., Any], goes: Callable[..., None], cause: FailureError, said: str
) -> None:
    goes(status("destroying", found=OWN), ends=WorkflowFailureError(cause=cause))
    ended = assay(*ORDER)
    assert ended.code == 1
    assert said in ended.err
    assert "Traceback" not in ended.err


def test_rows_that_an_intake_set_aside_whole_wait_for_a_reviewer_too() -> None:
    said = watching.line_of(status("awaiting confirmation", found=Found(mentioned_waiting=2)))
    assert said == f"awaiting confirmation: 2 rows, see `assay erase mentions {CASE}`"


def test_of_many_places_the_first_are_named() -> None:
    said = watching.line_of(status("verifying", reasons=STUCK, remains=tuple("abcdefg")))
    assert said.endswith(" (a, b, c, d, e, …)")


def test_a_case_in_which_nothing_was_found_says_so_aloud(assay: Callable[..., Any], goes: Callable[..., None]) -> None:
    goes(status("verifying"), ends=status("erased"))
    ended = assay(*ORDER)
    assert "nothing was found under this name in tenant acme" in ended.err
    assert f"spelling, and the tenant. Case {CASE} and its entry on the suppression list are kept." in ended.err
    assert ended.out.startswith(f"case {CASE}: erased, 0 rows")
    for found in (OWN, MENTIONED):  # also rows that a reviewer has let go since
        goes(status("verifying", found=found), ends=status("erased"))
        assert "nothing was found" not in assay(*ORDER).err
    goes(status("deciding"), ends=status("refused"))
    assert "nothing was found" not in assay(*ORDER).err


@pytest.fixture
def case(home: Path) -> str:
    """An open case."""
    ensure_keys(home)
    person = "5" * 64
    request = ErasureRequest(tenant="acme", subject=person, requested_by="pia")
    Registry.open(Settings(home=home)).erasures.open(CASE, erasure_id("acme", person), request, "decision")
    return CASE


def test_an_open_case_is_shown_with_what_its_workflow_says(
    assay: Callable[..., Any], goes: Callable[..., None], case: str
) -> None:
    goes(status("verifying", reasons=STUCK, remains=("file a.jsonl",)), ends=status("erased"))
    shown = assay("erase", "show", case).json
    assert (shown["stage"], shown["reasons"], shown["remains"]) == ("verifying", list(STUCK), ["file a.jsonl"])
    assert shown["own"] == []


def test_an_open_case_counts_rows_that_wait_outside_datasets(
    assay: Callable[..., Any], goes: Callable[..., None], case: str
) -> None:
    goes(status("held", found=Found(waiting=2)), ends=status("erased"))
    assert assay("erase", "show", case).json["waiting"] == 2


def test_an_order_that_was_refused_is_called_no_case(assay: Callable[..., Any], goes: Callable[..., None]) -> None:
    refused = status("refused", reasons=("ERASURE_ROLE_MISSING: this role may not (remedy: another)",))
    goes(status("deciding"), ends=refused)
    ended = assay(*ORDER)
    assert ended.code == 1
    assert "refused: no case was opened and nothing was looked for (workflow erasure/acme)" in ended.out
    assert "ERASURE_ROLE_MISSING" in ended.out
    assert CASE not in ended.out


@pytest.mark.parametrize(
    ("problem", "told"),
    [
        (NotFound("WORKFLOW_NOT_FOUND", "no running workflow", "look"), "WORKFLOW_NOT_FOUND"),
        (RPCError("no worker", RPCStatusCode.DEADLINE_EXCEEDED, b""), "does not answer now"),
    ],
)
def test_a_case_whose_workflow_cannot_be_asked_is_shown_without(
    assay: Callable[..., Any], goes: Callable[..., None], case: str, problem: Exception, told: str
) -> None:
    goes(problem, ends=status("erased"))
    ended = assay("erase", "show", case)
    assert (ended.code, ended.json["own"], "stage" in ended.json) == (0, [], False)
    assert told in ended.err
