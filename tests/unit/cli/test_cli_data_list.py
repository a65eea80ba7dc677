"""Datasets are listed, named without their version, and told apart from those that nobody ever heard of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from sqlalchemy import event

from activities.data.catalogue import catalogue
from activities.data.ledger import LEDGER, SHARD, Table
from activities.erasure.resealing import shards_of
from assay.contracts.data import Dataset, IntakeRequest, RowCounts, Source
from assay.contracts.erasure import HoldPlaced
from assay.contracts.review import ReviewQueue
from assay.contracts.rollout import Incident
from assay.settings import Settings
from registry import QuarantinedRow, Registry
from stack.keys import ensure_keys

Assay = Callable[..., Any]
Seal = Callable[..., str]
NOTHING = "sha256:" + "0" * 64


@pytest.fixture
def registry(home: Path) -> Registry:
    ensure_keys(home)
    return Registry.open(Settings(home=home))


@pytest.fixture
def seal(registry: Registry, home: Path) -> Seal:
    """Seal a version of a dataset, and answer its digest."""

    def sealed(name: str = "support", version: int = 1, tenant: str = "acme", **said: Any) -> str:
        name_ = f"{tenant}/{name}/{version}"
        with Table(home / "ledger", LEDGER, name_) as ledger:
            ledger.write([])
        with Table(home / "rows", SHARD, name_) as rows:
            rows.write([])
        stored, shard = registry.shards.put_file(home / "ledger"), registry.shards.put_file(home / "rows")
        body = {"tenant": tenant, "dataset": name, "version": version, "purpose": "train-tenant-model", **said}
        body |= {"licences": ["MIT"], "sources": [], "synthetic_share": 0.0, "counts": {"accepted": 6, "read": 9}}
        body |= {"shards": [{**shard.model_dump(), "rows": 6, "source": "tickets"}]}
        manifest = registry.blobs.put(rfc8785.dumps(body))
        source = Source.model_validate(
            {
                **{"name": "tickets", "uri": "x.jsonl", "system": "crm", "owner": "ann", "licence": "MIT"},
                **{"purposes": ["train-tenant-model"], "consent": "granted", "retention_days": 1, "tier": "curated"},
            }
        )
        request = IntakeRequest(tenant=tenant, dataset=name, version=version, sources=(source,), requested_by="ann")
        counts = RowCounts(read=9, accepted=6, refused=1, quarantined=2)
        registry.datasets.add(Dataset(id=manifest.sha256, manifest=manifest, counts=counts), request, stored, ())
        return manifest.sha256

    return sealed


def test_every_seal_is_listed_with_its_state_and_what_it_replaces(
    assay: Assay, registry: Registry, seal: Seal, home: Path
) -> None:
    gone, held = seal(), seal("calls")
    new = seal(version=2, replaces=gone)
    seal(tenant="globex")
    registry.withdrawals.withdraw("acme.51d0", [gone, held])
    registry.shards.destroy(registry.datasets.get(gone).ledger, "acme.51d0")
    listed = assay("data", "list", "acme", "--json").json
    assert [(one["name"], one["version"], one["digest"], one["state"], one["replaces"]) for one in listed] == [
        ("support", 2, new, "sealed", gone),
        ("calls", 1, held, "withdrawn", None),
        ("support", 1, gone, "destroyed", None),
    ]
    assert (listed[0]["accepted"], listed[0]["quarantined"], listed[2]["cases"]) == (6, 2, ["acme.51d0"])
    assert listed[0]["sealed_at"].endswith("Z")
    told = "acme/{} is withdrawn (case acme.51d0): nothing is trained on it{}\n"
    assert assay("data", "croissant", "acme/calls/1").err == told.format("calls/1", "")
    assert assay("data", "croissant", gone).err == told.format("support/1", ", and its rows are destroyed")
    assert assay("data", "croissant", new).err == ""
    lines = assay("data", "list").out.splitlines()
    [line] = [line for line in lines if "acme/support/2" in line]
    assert [cell.strip() for cell in line.split("│")[1:-1]][:4] == ["acme/support/2", "sealed", "6", "2"]
    assert "acme/support/1" in line
    assert new in line
    assert len([line for line in lines if "globex/support/1" in line]) == 1


def test_a_manifest_that_is_not_what_was_sealed_hides_no_other_dataset(
    assay: Assay, registry: Registry, seal: Seal, home: Path
) -> None:
    one, held, other = seal(version=2), seal("calls"), seal(version=3)
    missing, odd, new = seal(version=4), seal(version=5, replaces="the one before"), seal(version=6, replaces=one)
    registry.withdrawals.withdraw("acme.51d0", [held])
    for digest in (other, held):
        [manifest] = home.rglob(digest.removeprefix("sha256:"))
        manifest.chmod(0o600)
        manifest.write_bytes(b"{}")
    registry.blobs.remove(missing)
    listed = {one["digest"]: one for one in assay("data", "list", "--json").json}
    assert {digest: found["state"] for digest, found in listed.items()} == {
        one: "sealed",
        held: "damaged",
        other: "damaged",
        missing: "damaged",
        odd: "damaged",
        new: "sealed",
    }
    assert (listed[held]["cases"], listed[new]["replaces"], listed[other]["accepted"]) == (["acme.51d0"], one, 6)
    assert "damaged (acme.51d0)" in assay("data", "list").out


def test_as_many_queries_are_asked_of_many_datasets_as_of_one(registry: Registry, seal: Seal) -> None:
    def queries() -> int:
        asked: list[str] = []
        engine = registry.datasets._database._engine

        def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            asked.append(statement)

        event.listen(engine, "before_cursor_execute", note)
        assert {one.state for one in catalogue(registry)} == {"withdrawn"}
        event.remove(engine, "before_cursor_execute", note)
        return len([one for one in asked if one.startswith("SELECT")])

    registry.withdrawals.withdraw("acme.51d0", [seal()])
    alone = queries()
    registry.withdrawals.withdraw("acme.51d0", [seal(version=number) for number in range(2, 12)])
    assert queries() == alone


def test_nothing_sealed_is_said_and_is_no_table(assay: Assay, registry: Registry) -> None:
    ended = assay("data", "list")
    assert (ended.code, ended.out, ended.err) == (0, "", "no dataset is sealed yet\n")
    registry.holds.place(HoldPlaced(tenant="acme", reason="a lawsuit", actor="leo"))
    assert assay("data", "list", "acme").err == "acme has no sealed dataset\n"
    assert assay("data", "list", "acme", "--json").json == []


def test_a_name_without_a_version_is_the_highest_that_is_in_use(assay: Assay, registry: Registry, seal: Seal) -> None:
    two, three = seal(version=2), seal(version=3)
    seal(version=1)  # an older version, sealed again later
    registry.withdrawals.withdraw("acme.51d0", [three])
    ended = assay("data", "croissant", "acme/support")
    assert (ended.code, ended.err) == (0, f"acme/support: version 2, {two}\n")
    assert ended.json == assay("data", "croissant", "acme/support/2").json
    assert assay("data", "croissant", "acme/support/2").err == ""
    for command in (("sheet", "acme/support"), ("diff", "acme/support", "acme/support/2")):
        ended = assay("data", *command)
        assert (ended.code, ended.err) == (0, f"acme/support: version 2, {two}\n")


def test_of_several_seals_of_a_version_the_newest_is_taken_and_said(
    assay: Assay, registry: Registry, seal: Seal
) -> None:
    first, second = seal(), seal(again=True)
    for name in ("acme/support", "acme/support/1"):
        ended = assay("data", "croissant", name)
        assert ended.json["@id"] == second
        assert ended.err == f"{name}: version 1, {second}, the newest of its seals (also {first})\n"
    registry.withdrawals.withdraw("case-7", [first])
    assert assay("data", "croissant", "acme/support/1").err == ""


def test_a_name_of_which_no_version_is_in_use_says_so(assay: Assay, registry: Registry, seal: Seal) -> None:
    ended = assay("data", "sheet", "acme/support")
    assert ended.code == 1
    assert "DATASET_UNKNOWN: no version of acme/support is sealed" in ended.err
    assert "remedy: `assay data list`" in ended.err
    registry.withdrawals.withdraw("acme.51d0", [seal()])
    ended = assay("data", "sheet", "acme/support")
    assert "DATASET_UNKNOWN: every version of acme/support is withdrawn" in ended.err
    assert "acme/support/1" in ended.err


@pytest.mark.parametrize("name", ["acme/support/1", NOTHING, "nothing"])
def test_an_unknown_dataset_is_looked_for_in_the_list(assay: Assay, name: str) -> None:
    ended = assay("data", "sheet", name)
    assert (ended.code, "DATASET_UNKNOWN" in ended.err, "assay data list" in ended.err) == (1, True, True)


def test_a_hold_is_placed_on_a_dataset_by_its_name(assay: Assay, registry: Registry, seal: Seal) -> None:
    digest = seal()
    add = ("hold", "add", "--tenant", "acme", "--reason", "a lawsuit", "--by", "leo", "--dataset")
    assert assay(*add, "acme/support/1").code == 0
    [hold] = registry.holds.list()
    assert hold.dataset == digest
    for wrong in ("acme/support/2", "acme/support", "acme/supprt/1"):
        assert "DATASET_UNKNOWN" in assay(*add, wrong).err
    seal(tenant="globex")
    assert "DATASET_UNKNOWN" in assay(*add, "globex/support/1").err
    assert len(registry.holds.list()) == 1


def test_a_hold_is_not_placed_on_one_of_several_seals_by_chance(assay: Assay, registry: Registry, seal: Seal) -> None:
    one, other = seal(), seal(replaces=NOTHING)
    add = ("hold", "add", "--tenant", "acme", "--reason", "a lawsuit", "--by", "leo", "--dataset")
    ended = assay(*add, "acme/support/1")
    assert (ended.code, ended.out) == (1, "")
    assert "DATASET_AMBIGUOUS" in ended.err
    assert one in ended.err
    assert other in ended.err
    assert assay(*add, one).code == 0
    assert [hold.dataset for hold in registry.holds.list()] == [one]
    registry.withdrawals.withdraw("case-7", [other])  # the newest, so that the one that is left is meant
    assert assay(*add, "acme/support/1").code == 0
    assert [hold.dataset for hold in registry.holds.list()] == [one, one]


def test_a_hold_on_what_is_destroyed_would_protect_nothing(assay: Assay, registry: Registry, seal: Seal) -> None:
    gone, held = seal(), seal("calls")
    new = seal(version=2, replaces=gone)
    registry.withdrawals.withdraw("acme.51d0", [gone, held])
    destroyed = registry.datasets.get(gone)
    for reference in (destroyed.ledger, *shards_of(registry, destroyed)):
        registry.shards.destroy(reference, "acme.51d0")
    registry.shards.destroy(registry.datasets.get(held).ledger, "acme.51d0")
    add = ("hold", "add", "--tenant", "acme", "--reason", "a lawsuit", "--by", "leo", "--dataset")
    for name in ("acme/support/1", gone):
        ended = assay(*add, name)
        assert (ended.code, ended.out) == (1, "")
        assert f"DATASET_DESTROYED: acme/support/1 ({gone}) is destroyed" in ended.err
        assert "assay data list acme" in ended.err
    assert registry.holds.list() == ()
    assert f"held: {new}" in assay(*add, "acme/support/2").err
    assert assay(*add, "acme/calls/1").code == 0  # rows of it are still there, kept by another hold
    assert {one.dataset for one in registry.holds.list()} == {new, held}


def test_what_is_typed_wrongly_is_told_in_words_of_ours(assay: Assay, registry: Registry, seal: Seal) -> None:
    seal()
    add = ("hold", "add", "--tenant", "acme", "--reason", "a lawsuit", "--by", "le\u043e")
    ended = assay(*add, "--dataset", "acme/support/1")
    assert ended.err.startswith("ARGUMENT_MALFORMED: actor: a name has letters of one script")
    assert registry.holds.list() == ()


@pytest.mark.parametrize(
    ("line", "code", "meant"),
    [
        (("data", "review", "acmee/support"), "TENANT_UNKNOWN", "acme"),
        (("data", "review", "acme/suport"), "DATASET_UNKNOWN", "support"),
        (("data", "list", "acmee"), "TENANT_UNKNOWN", "acme"),
        (("incidents", "acmee", "helpdesk"), "TENANT_UNKNOWN", "acme"),
        (("incidents", "acme", "helpdsk"), "MODEL_UNKNOWN", "helpdesk"),
        (("retention", "list", "--tenant", "acmee"), "TENANT_UNKNOWN", "acme"),
    ],
)
def test_a_misspelt_name_is_no_empty_answer(
    assay: Assay, registry: Registry, seal: Seal, line: tuple[str, ...], code: str, meant: str
) -> None:
    seal()
    registry.incidents.open(Incident(id="i1", tenant="acme", model="helpdesk", version=NOTHING, reason="bad"))
    for more in ((), ("--json",)):
        ended = assay(*line, *more)
        assert (ended.code, ended.out) == (1, "")
        assert ended.err.startswith(f"{code}: ")
        assert f"remedy: did you mean {meant}?" in ended.err


def test_a_known_name_with_nothing_in_it_says_so(assay: Assay, registry: Registry, seal: Seal) -> None:
    seal()
    waits = "no rows of acme/support wait for train-tenant-model\n"
    assert (assay("data", "review", "acme/support").out, assay("data", "review").err) == (
        waits,
        "no rows wait for a reviewer\n",
    )
    nothing = assay("retention", "list", "--tenant", "acme")
    assert (nothing.code, nothing.out, nothing.err) == (0, "", "no sealed dataset of acme has a term\n")
    registry.incidents.open(Incident(id="i1", tenant="acme", model="helpdesk", version=NOTHING, reason="bad"))
    assert assay("root-cause", "i1", "--actor", "bob", "--cause", "no replay", "--action", "replay is back").code == 0
    assert "1 closed, see --all" in assay("incidents", "acme", "helpdesk").err


def test_rows_that_wait_for_another_purpose_are_not_overlooked(assay: Assay, registry: Registry, home: Path) -> None:
    (home / "rows").write_text("rows")
    row = QuarantinedRow(
        row_id=NOTHING, source="tickets", codes=("A_B",), shard=registry.shards.put_file(home / "rows"), ordinal=0
    )
    registry.quarantine.add(ReviewQueue(tenant="acme", dataset="support", purpose="evaluate"), [row], requested_by="a")
    told = assay("data", "review", "acme/support").out
    assert told == ("no rows of acme/support wait for train-tenant-model; some wait for evaluate: --purpose evaluate\n")
