"""`assay erase` and `assay hold`: people are named by keyed hashes, and whatever is wrong is said without them."""

from __future__ import annotations

import asyncio
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from temporalio.service import RPCError, RPCStatusCode

from activities.data.ledger import SHARD, Table, mention_hash, subject_hash
from activities.erasure import withdrawing
from assay.cli import holds
from assay.client import AssayClient
from assay.contracts.data import Dataset, IntakeRequest, RowCounts, Source
from assay.contracts.erasure import CaseJob, ErasureRequest, HoldPlaced
from assay.contracts.names import erasure_id
from assay.settings import Settings
from registry import LedgerEntry, Registry
from stack.keys import ensure_keys

Assay = Callable[..., Any]
PERSON, NAMED = "5" * 64, "a" * 64
SOURCE = Source(
    name="tickets",
    uri="tickets.jsonl",
    system="helpdesk",
    owner="ann",
    licence="MIT",
    purposes=("train-tenant-model",),
    consent="granted",
    retention_days=30,
    tier="curated",
)
REQUEST = IntakeRequest(tenant="acme", dataset="support", sources=(SOURCE,), requested_by="ann")


def sha(number: int) -> str:
    return f"sha256:{number:064x}"


def text(number: int) -> str:
    return f"a question about the weather of number {number}"


@pytest.fixture
def registry(home: Path) -> Registry:
    ensure_keys(home)
    return Registry.open(Settings(home=home))


@pytest.fixture
def case(registry: Registry, tmp_path: Path) -> CaseJob:
    """An open case: row 2 is the person's, row 5 mentions them and waits."""
    said = {number: [{"role": "user", "content": text(number)}] for number in (2, 5)}
    with Table(tmp_path / "rows", SHARD) as table:
        table.write(
            [
                {
                    **{"row_id": sha(number), "kind": "call", "messages": json.dumps(messages), "tools": "[]"},
                    **{"source": "tickets", "tier": "curated", "synthetic_depth": 0, "subject": "", "rejected": ""},
                }
                for number, messages in said.items()
            ]
        )
    shard = registry.shards.put_file(tmp_path / "rows")
    manifest = registry.blobs.put(json.dumps({"shards": [shard.model_dump()]}).encode())
    terms = {"source": "tickets", "outcome": "accepted", "licence": "MIT", "consent": "granted", "tier": "curated"}
    entries = [
        LedgerEntry.model_validate({"row_id": sha(number), "ordinal": number, **terms, **whose})
        for number, whose in ((2, {"subject": PERSON}), (5, {"mentions": [NAMED]}))
    ]
    dataset = Dataset(id=manifest.sha256, manifest=manifest, counts=RowCounts(read=2, accepted=2))
    registry.datasets.add(dataset, REQUEST, manifest, entries)
    request = ErasureRequest(tenant="acme", subject=PERSON, mentions=(NAMED,), requested_by="pia")
    mine = CaseJob(case="acme.51d0e2aa17cc", workflow=erasure_id("acme", PERSON), request=request)
    withdrawing.withdraw(registry, mine)
    return mine


def types_in(monkeypatch: pytest.MonkeyPatch, typed: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))


def close(registry: Registry, case: str) -> bytes:
    """End a case as its last activity does; the receipt."""
    signed = b'{"payload": "", "payloadType": "application/vnd.in-toto+json", "signatures": []}'
    registry.erasures.close(case, registry.blobs.put(signed).sha256, {"case": case, "withdrawn": {}})
    return signed


def test_a_person_is_hashed_under_the_key_of_the_installation(assay: Assay, key: bytes) -> None:
    person = ("--subject", "customer-7", "--identifier", "EMAIL_ADDRESS=k@x.example")
    own = subject_hash(key, "acme", "customer-7")
    mail = mention_hash(key, "acme", "EMAIL_ADDRESS", "k@x.example")
    ended = assay("erase", "hash", "--tenant", "acme", *person)
    alone = assay("erase", "hash", "--tenant", "acme", *person[:2]).json
    assert alone == {"subject": own, "mentions": [], "workflow": erasure_id("acme", own)}
    # Another order than that: attached to the open case of the person alone, its value would be looked for by nobody.
    workflow = ended.json["workflow"]
    assert ended.json == {"subject": own, "mentions": [mail], "workflow": workflow}
    assert workflow not in (alone["workflow"], assay("erase", "hash", "--tenant", "acme", *person[2:]).json["workflow"])
    assert "customer-7" not in ended.out
    assert assay("erase", "hash", "--tenant", "globex", *person).json["subject"] != own


def test_the_id_can_come_from_standard_input(assay: Assay, key: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    types_in(monkeypatch, "customer-7\r\nnobody else\n")
    said = assay("erase", "hash", "--tenant", "acme", "--subject", "-").json
    assert said["subject"] == subject_hash(key, "acme", "customer-7")


@pytest.mark.parametrize("typed", ["", "\n", "\ncustomer-7\n"])
def test_an_empty_first_line_names_nobody(
    assay: Assay, key: bytes, monkeypatch: pytest.MonkeyPatch, typed: str
) -> None:
    for command in (("hash",), ("--by", "pia@acme.example")):
        types_in(monkeypatch, typed)
        ended = assay("erase", *command, "--tenant", "acme", "--subject", "-")
        assert (ended.code, ended.out, "SUBJECT_MISSING" in ended.err) == (1, "", True)


def test_an_order_for_a_tenant_that_is_misspelt_is_no_case(assay: Assay, key: bytes, home: Path) -> None:
    held = HoldPlaced(tenant="acme", subject=PERSON, reason="a lawsuit", actor="leo")
    Registry.open(Settings(home=home)).holds.place(held)
    ended = assay("erase", "--tenant", "amce", "--subject", "customer-7", "--by", "pia@acme.example")
    assert (ended.code, ended.out) == (1, "")
    assert "TENANT_UNKNOWN" in ended.err
    assert "did you mean acme?" in ended.err


def test_values_alone_name_a_workflow_of_their_own_whatever_their_order(assay: Assay, key: bytes) -> None:
    two = ("--identifier", "PERSON=Erika Maus", "--identifier", "EMAIL_ADDRESS=k@x.example")
    said = assay("erase", "hash", "--tenant", "acme", *two).json
    assert said == assay("erase", "hash", "--tenant", "acme", *two[2:], *two[:2]).json
    assert said["subject"] is None
    assert len(said["mentions"]) == 2
    assert said["workflow"] != assay("erase", "hash", "--tenant", "acme", *two[:2]).json["workflow"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--tenant", "acme", "--subject", "customer-7"),
        ("--tenant", "acme", "--by", "pia@acme.example"),
        ("--subject", "customer-7", "--by", "pia@acme.example"),
        ("hash", "--tenant", "acme"),
        ("confirm", "acme.51d0e2aa17cc", "--by", "pia@acme.example"),
        ("confirm", "acme.51d0e2aa17cc", "--others-are-not"),
        ("confirm", "acme.51d0e2aa17cc", "--others-are-not", "--by", "pia@acme.example", "--role", "reviewer"),
    ],
)
def test_what_is_left_out_is_asked_for(assay: Assay, key: bytes, arguments: tuple[str, ...]) -> None:
    ended = assay("erase", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert "customer-7" not in ended.err


def test_an_order_that_no_contract_takes_names_its_fields_alone(assay: Assay, key: bytes) -> None:
    ended = assay("erase", "--tenant", "Acme Corp", "--subject", "customer-7", "--by", "pia@acme.example")
    assert (ended.code, "ARGUMENT_MALFORMED: tenant" in ended.err) == (1, True)
    assert "customer-7" not in ended.err
    assert "Acme Corp" not in ended.err


def test_no_key_is_made_up_to_hash_a_person(assay: Assay, home: Path) -> None:
    assert "SUBJECT_KEY_MISSING" in assay("erase", "hash", "--tenant", "acme", "--subject", "customer-7").err
    assert not (home / "keys").exists()


def test_cases_are_listed_and_shown_without_whose_they_are(
    assay: Assay,
    registry: Registry,
    case: CaseJob,
    monkeypatch: pytest.MonkeyPatch,
    free_port: Callable[[], int],
) -> None:
    monkeypatch.setenv("ASSAY_TEMPORAL_ADDRESS", f"127.0.0.1:{free_port()}")  # nobody listens: the record alone answers
    assert assay("erase", "list").out.split()[:2] == [case.case, "erasure"]
    assert assay("erase", "list", "--tenant", "acme").out.rstrip().endswith("open")
    assert assay("erase", "list", "--tenant", "globex").out == ""
    found = assay("erase", "show", case.case).json
    assert [[one["kept"] for one in found[whose]] for whose in ("own", "mentioned")] == [[1], [1]]
    close(registry, case.case)
    assert "erased" in assay("erase", "list").out
    [listed] = assay("erase", "list", "--json").json
    assert listed["closed_at"]
    shown = assay("erase", "show", case.case)
    assert shown.json["case"] == case.case
    assert PERSON not in assay("erase", "list").out + shown.out


@pytest.mark.parametrize("command", ["show", "receipt", "mentions", "confirm"])
def test_a_case_that_nobody_knows_is_said_to_be_unknown(
    assay: Assay, registry: Registry, tmp_path: Path, command: str
) -> None:
    more = {"receipt": ("--out", str(tmp_path / "out")), "confirm": ("--others-are-not", "--by", "pia@acme.example")}
    ended = assay("erase", command, "acme.000000000000", *more.get(command, ()))
    assert (ended.code, "ERASURE_UNKNOWN" in ended.err) == (1, True)


def test_a_receipt_is_exported_once_it_is_signed(
    assay: Assay, registry: Registry, home: Path, case: CaseJob, tmp_path: Path
) -> None:
    out = tmp_path / "evidence"
    assert "RECEIPT_UNSIGNED" in assay("erase", "receipt", case.case, "--out", str(out)).err
    assert not out.exists()
    signed = close(registry, case.case)
    assert assay("erase", "receipt", case.case, "--out", str(out)).code == 0
    assert (out / "receipt.dsse.json").read_bytes() == signed
    assert (out / "signing.pub.pem").read_bytes() == (home / "keys" / "signing.pub.pem").read_bytes()


def test_rows_that_mention_the_person_are_shown_until_somebody_has_judged_them(
    assay: Assay, registry: Registry, case: CaseJob
) -> None:
    lines = [line.strip() for line in assay("erase", "mentions", case.case).out.splitlines()]
    assert lines[0] == sha(5)
    assert f"user: {text(5)}" in lines
    assert lines[-1] == "1 rows wait"
    [row] = assay("erase", "mentions", case.case, "--json").json
    assert row["row_id"] == sha(5)
    assert row["content"]["messages"] == [{"role": "user", "content": text(5)}]
    assert {f"in {one}" for one in row["datasets"]} <= set(lines)
    registry.erasures.confirm(case.case, (sha(5),))
    assert assay("erase", "mentions", case.case).out == "0 rows wait\n"


def test_a_row_is_confirmed_by_its_whole_id(assay: Assay, case: CaseJob) -> None:
    ended = assay("erase", "confirm", case.case, "--row", sha(5)[:20], "--by", "pia@acme.example")
    assert (ended.code, "ARGUMENT_MALFORMED: rows.0" in ended.err) == (1, True)


def test_nothing_is_confirmed_in_a_case_that_has_ended(assay: Assay, registry: Registry, case: CaseJob) -> None:
    close(registry, case.case)
    ended = assay("erase", "confirm", case.case, "--row", sha(5), "--by", "pia@acme.example")
    assert (ended.code, ended.out, "ERASURE_CLOSED" in ended.err) == (1, "", True)


def test_what_is_said_rightly_is_sent_to_the_workflow(
    assay: Assay, case: CaseJob, monkeypatch: pytest.MonkeyPatch, free_port: Callable[[], int]
) -> None:
    monkeypatch.setenv("ASSAY_TEMPORAL_ADDRESS", f"127.0.0.1:{free_port()}")  # nobody listens: it goes no further
    confirm = ("erase", "confirm", case.case, "--row", sha(5), "--others-are-not", "--by", "pia@acme.example")
    order = ("erase", "--tenant", "acme", "--subject", "customer-7", "--by", "pia@acme.example")
    for command in (confirm, order):
        ended = assay(*command)
        assert (ended.code, ended.out, "TEMPORAL_UNREACHABLE" in ended.err) == (1, "", True)
        assert "customer-7" not in ended.err


def test_holds_are_placed_listed_and_lifted(assay: Assay, key: bytes, registry: Registry, case: CaseJob) -> None:
    [sealed] = [one.dataset.id for one in registry.datasets.all_named("acme", "support")]
    add = ("hold", "add", "--tenant", "acme", "--reason", "a lawsuit", "--by", "leo@acme.example")
    whole, person, dataset = (
        assay(*add, *more).out.strip() for more in ((), ("--subject", "customer-7"), ("--dataset", sealed))
    )
    listed = {one["id"]: one for one in assay("hold", "list", "--json").json}
    assert [listed[id_]["subject"] for id_ in (whole, person)] == [None, subject_hash(key, "acme", "customer-7")]
    assert [listed[id_]["dataset"] for id_ in (whole, dataset)] == [None, sealed]
    shown = assay("hold", "list", "--tenant", "acme").out
    told = {cells[1].strip(): cells for line in shown.splitlines() if len(cells := line.split("\u2502")) > 1}
    assert [told[id_][3].strip() for id_ in (whole, person, dataset)] == ["all", "a person", sealed]
    assert [told[whole][at].strip() for at in (5, 6)] == ["leo@acme.example", "a lawsuit"]
    nobody = assay("hold", "list", "--tenant", "globex")
    assert (nobody.code, nobody.out, "TENANT_UNKNOWN" in nobody.err) == (1, "", True)
    lifted = assay("hold", "lift", person, "--by", "leo@acme.example")
    assert (lifted.code, lifted.out) == (0, "lifted\n")
    assert "not everybody was told (TEMPORAL_UNREACHABLE: " in lifted.err
    assert "notice at their next look" in lifted.err
    again = assay("hold", "lift", person, "--by", "max@acme.example")
    assert (again.code, again.out.startswith("was lifted already, on ")) == (0, True)
    assert again.out.endswith(" by leo@acme.example\n")
    assert {one["id"] for one in assay("hold", "list", "--json").json} == {whole, dataset}
    assert registry.holds.on("acme", [], [])[0].id == whole


def test_a_hold_is_lifted_whatever_becomes_of_telling_others(
    assay: Assay, key: bytes, registry: Registry, case: CaseJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def connect() -> AssayClient:
        return AssayClient(None)  # type: ignore[arg-type]

    async def hangs(*_: object) -> int:
        await asyncio.sleep(60)
        return 0

    async def refuses(*_: object) -> int:
        raise RPCError("no such search attribute", RPCStatusCode.INVALID_ARGUMENT, b"")

    monkeypatch.setattr(AssayClient, "connect", connect)
    monkeypatch.setattr(holds, "PATIENCE", 0.05)
    said = {hangs: "Temporal does not answer", refuses: "INVALID_ARGUMENT: no such search attribute"}
    for look_again, why in said.items():
        monkeypatch.setattr(AssayClient, "look_again", look_again)
        placed = assay("hold", "add", "--tenant", "acme", "--reason", "a lawsuit", "--by", "leo@acme.example")
        lifted = assay("hold", "lift", placed.out.strip(), "--by", "leo@acme.example")
        assert (lifted.code, lifted.out) == (0, "lifted\n")
        assert f"not everybody was told ({why})" in lifted.err
    assert registry.holds.list() == ()


def test_a_hold_that_says_too_little_or_nonsense_is_not_placed(assay: Assay, key: bytes, registry: Registry) -> None:
    add = ("hold", "add", "--tenant", "acme", "--reason", "a lawsuit", "--by", "leo@acme.example")
    assert assay(*add[:4], *add[6:]).code == 2
    assert assay(*add, "--subject", "").code == 2  # an empty variable must not hold the whole tenant
    assert "ARGUMENT_MALFORMED: dataset" in assay(*add, "--dataset", "support").err
    assert "HOLD_UNKNOWN" in assay("hold", "lift", "000000000000", "--by", "leo@acme.example").err
    assert registry.holds.list(lifted=True) == ()


def test_no_hold_is_placed_on_a_dataset_that_the_tenant_does_not_have(
    assay: Assay, registry: Registry, case: CaseJob
) -> None:
    [sealed] = [one.dataset.id for one in registry.datasets.all_named("acme", "support")]
    for tenant, dataset in (("acme", sha(10)), ("globex", sealed)):
        about = ("--tenant", tenant, "--dataset", dataset, "--reason", "a lawsuit", "--by", "leo@acme.example")
        ended = assay("hold", "add", *about)
        assert (ended.code, ended.out, "DATASET_UNKNOWN" in ended.err) == (1, "", True)
    assert registry.holds.list(lifted=True) == ()


def test_no_hold_is_placed_for_a_tenant_of_whom_nothing_is_known(
    assay: Assay, key: bytes, registry: Registry, case: CaseJob
) -> None:
    about = ("--subject", "customer-7", "--reason", "a lawsuit", "--by", "leo@acme.example")
    ended = assay("hold", "add", "--tenant", "acmee", *about)
    assert (ended.code, ended.out, "TENANT_UNKNOWN" in ended.err) == (1, "", True)
    assert "did you mean acme?" in ended.err
    assert registry.holds.list(lifted=True) == ()


def test_a_hold_on_somebody_without_rows_is_placed_and_says_so(assay: Assay, registry: Registry, case: CaseJob) -> None:
    add = ("hold", "add", "--tenant", "acme", "--reason", "a lawsuit", "--by", "leo@acme.example")
    misspelt = assay(*add, "--subject", "customer-7")
    assert (misspelt.code, misspelt.err.startswith("no row of this person is known now in tenant acme")) == (0, True)
    [placed] = registry.holds.list("acme")
    assert misspelt.out == f"{placed.id}\n"
    assert placed.subject is not None
    [sealed] = registry.datasets.all_named("acme", "support")
    of = {"source": "tickets", "outcome": "accepted", "licence": "MIT", "consent": "granted", "tier": "curated"}
    rows = [LedgerEntry(row_id=sha(9), ordinal=0, subject=placed.subject, **of)]
    again = sealed.dataset.model_copy(update={"id": sha(7)})
    registry.datasets.add(again, sealed.request, sealed.ledger, rows)
    assert assay(*add, "--subject", "customer-7").err == ""
    assert assay(*add).err == ""
