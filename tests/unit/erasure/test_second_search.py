"""The second search knows what to look for, and finds it however it is written."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as arrow
import pytest
from pyarrow import parquet

from activities.data.ledger import SHARD, Table
from activities.erasure import receipt, second_search, withdrawing
from activities.erasure.needles import Needles
from activities.erasure.probe import Probe, read_probe
from activities.erasure.tables import said, shared
from assay.contracts.base import Reference
from assay.contracts.erasure import CaseDone, HoldPlaced
from assay.contracts.erasure_totals import counted
from assay.contracts.errors import Conflict
from registry import Registry

from .scene import OTHER, PER_CASE, SUBJECT, asks, erase, job, retention, seal, searched, set_aside, sha

WEATHER = "a question about the weather number 1"


def test_it_knows_the_texts_where_a_clean_version_was_there_already(registry: Registry, tmp_path: Path) -> None:
    clean = (1, OTHER, "accepted", asks(WEATHER))
    seal(registry, tmp_path, [clean, (2, SUBJECT, "accepted", asks(PER_CASE))])
    newer = seal(registry, tmp_path, [clean], version=2)
    copied = registry.blobs.put(f"a report that quotes: {PER_CASE}".encode())
    mine = job()
    _, [made], _ = erase(registry, tmp_path, mine)
    assert made.dataset == newer.id
    probe = read_probe(registry, mine)
    assert (probe.texts, probe.rows, probe.hashes) == ((PER_CASE,), (sha(2),), (SUBJECT,))
    assert searched(registry, mine, tmp_path).found == (f"blob {copied.sha256}",)


def test_it_looks_for_mentions_that_no_row_that_stays_carries(registry: Registry, tmp_path: Path) -> None:
    seal(registry, tmp_path, [(2, SUBJECT, "accepted", asks(PER_CASE))])
    mine = job(mentions=("a" * 64,))
    withdrawing.withdraw(registry, mine)
    assert read_probe(registry, mine).hashes == (SUBJECT, "a" * 64)


def test_a_receipt_is_not_signed_where_nothing_could_be_looked_for(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seal(registry, tmp_path, [(2, SUBJECT, "accepted", asks(PER_CASE))])
    mine, now = job(), datetime.now(UTC)
    withdrawn, _, _ = erase(registry, tmp_path, mine)
    done = CaseDone(job=mine, found=(counted(withdrawn.found),), withdrawn=withdrawn, opened=now, closed=now)
    monkeypatch.setattr(receipt, "read_probe", lambda *_: Probe())
    with pytest.raises(Conflict, match="ERASURE_UNPROVED"):
        receipt.write(registry, done, tmp_path / "keys" / "signing.pem")


def test_a_file_that_was_to_be_destroyed_is_found_whatever_it_says(registry: Registry, tmp_path: Path) -> None:
    dataset = seal(registry, tmp_path, [(1, OTHER, "accepted", asks(WEATHER))])
    ledger = registry.datasets.get(dataset.id).ledger.sha256
    found = second_search.search(registry, Probe(shards=(ledger,)), tmp_path).found
    assert found == (f"blob {ledger}", f"shard {ledger}")


@pytest.mark.parametrize(
    "text",
    [
        'she said "call me by my real name" to the clerk',
        "she said call me by my real name\nto the clerk",
        "the folder back\\slash of the person here",
        "die Tür der Person, die hier wohnt, ist grün",
    ],
)
@pytest.mark.parametrize("name", ["messages", "rejected"])
def test_a_text_is_found_in_a_table_however_it_is_escaped(
    registry: Registry, tmp_path: Path, text: str, name: str
) -> None:
    # Other texts before it, so that the compressed bytes do not show it.
    many = [json.dumps(asks(f"{text[:20]} {n} {text[20:]}")) for n in range(50)]
    parquet.write_table(arrow.table({name: many}), tmp_path / "rows", compression="zstd")
    reference = registry.shards.put_file(tmp_path / "rows")
    (tmp_path / "rows").unlink()
    wanted = f"{text[:20]} 7 {text[20:]}"
    found = second_search.search(registry, Probe(texts=(wanted,)), tmp_path).found
    assert found == (f"shard {reference.sha256}",)


def test_rows_that_a_run_left_in_its_folder_are_found_though_they_are_compressed(
    registry: Registry, tmp_path: Path
) -> None:
    run = tmp_path / "runs" / "acme.helpdesk.1.51d0e2aa17cc" / "rows"
    run.mkdir(parents=True)
    row = {"row_id": sha(1), "kind": "call", "messages": json.dumps(asks(PER_CASE)), "tools": "[]", "source": "t"}
    with Table(run / "0.parquet", SHARD) as table:
        table.write([row | {"tier": "c", "synthetic_depth": 0, "subject": "", "rejected": ""}])
    where = ("file runs/acme.helpdesk.1.51d0e2aa17cc/rows/0.parquet",)
    for probe in (Probe(texts=(PER_CASE,)), Probe(rows=(sha(1),))):
        assert second_search.search(registry, probe, tmp_path).found == where
    assert second_search.search(registry, Probe(rows=(sha(2),)), tmp_path).found == ()


def test_what_rows_of_another_dataset_say_as_well_is_theirs(registry: Registry, tmp_path: Path) -> None:
    system = "You are the helpful assistant of a telephone company."
    of = [(number, OTHER, "accepted", asks(f"{WEATHER} {number} of the retained", system)) for number in range(2)]
    gone = seal(registry, tmp_path, of, name="retained")
    seal(registry, tmp_path, [(7, OTHER, "accepted", asks("something else is asked for here", system))], name="other")
    mine = retention(gone)
    erase(registry, tmp_path, mine)
    assert system in read_probe(registry, mine).texts
    assert searched(registry, mine, tmp_path).found == ()
    log = tmp_path / "logs" / "x.log"
    log.parent.mkdir()
    log.write_text(f"asked: {WEATHER} 1 of the retained", "utf-8")
    (tmp_path / "logs" / "y.log").write_text(f"asked as: {system}", "utf-8")
    assert searched(registry, mine, tmp_path).found == ("file logs/x.log",)


def test_a_table_that_nobody_can_read_is_named(registry: Registry, tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "one"
    folder.mkdir(parents=True)
    parquet.write_table(arrow.table({"text": [f"{WEATHER} {n}" for n in range(99)]}), folder / "rows.parquet")
    probe = Probe(texts=(PER_CASE,))
    assert second_search.search(registry, probe, tmp_path).found == ()
    whole = (folder / "rows.parquet").read_bytes()
    (folder / "rows.parquet").write_bytes(whole[:40] + bytes(len(whole) - 80) + whole[-40:])
    assert second_search.search(registry, probe, tmp_path).found == ("file runs/one/rows.parquet",)
    (folder / "rows.parquet").write_bytes(b"PAR")
    assert second_search.search(registry, probe, tmp_path).found == ()


def test_the_files_of_the_database_are_left_to_it(registry: Registry, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    for name in ("registry.sqlite", "registry.sqlite-wal", "registry.sqlite-shm", "temporal.sqlite"):
        (home / name).write_text(PER_CASE, "utf-8")
    assert second_search.search(registry, Probe(texts=(PER_CASE,)), home).found == ("file temporal.sqlite",)


def test_each_shard_is_opened_once(registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seal(registry, tmp_path, [(7, OTHER, "accepted", asks(WEATHER)), (8, OTHER, "accepted", asks(PER_CASE[:-1]))])
    fetch, opened = registry.shards.fetch_file, Counter[str]()

    def counted(reference: Reference, path: Path) -> Path:
        opened[reference.sha256] += 1
        return fetch(reference, path)

    monkeypatch.setattr(registry.shards, "fetch_file", counted)
    remains = second_search.search(registry, Probe(texts=(PER_CASE,)), tmp_path / "nothing")
    assert (remains.found, remains.shards) == ((), len(registry.shards.living()))
    assert opened == dict.fromkeys(registry.shards.living(), 1)


def test_what_raters_liked_less_is_learnt_too(tmp_path: Path) -> None:
    text = "this rejected answer names the person at length"
    row = {"row_id": sha(1), "kind": "preference", "messages": "[]", "tools": "[]", "source": "t", "tier": "c"}
    with Table(tmp_path / "rows", SHARD) as table:
        table.write([row | {"synthetic_depth": 0, "subject": "", "rejected": json.dumps(asks(text))}])
    assert said(tmp_path / "rows", {sha(1)}) == {text}
    assert shared(tmp_path / "rows", {text}, {sha(2)}) == {text}
    assert shared(tmp_path / "rows", {text}, {sha(1)}) == set()


def test_a_file_that_goes_while_it_is_searched_is_passed_over(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "x.log").write_text(PER_CASE, "utf-8")
    probe = Probe(texts=(PER_CASE,))
    assert second_search.search(registry, probe, home).found == ("file x.log",)

    def gone(path: Path, _: Path) -> Path:
        path.unlink()
        return path

    monkeypatch.setattr(second_search, "_lying", gone)
    assert second_search.search(registry, probe, home).found == ()
    assert not [*home.iterdir()]


def test_files_that_sources_were_read_from_are_their_owners(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    (home / "saved").mkdir(parents=True)
    for name in ("tickets.jsonl", "desk.sqlite", "saved/part.jsonl", "copy.jsonl"):
        (home / name).write_text(PER_CASE, "utf-8")
    uris = {f"{home}/tickets.jsonl", f"sqlite:///{home}/desk.sqlite", f"file://{home}/saved", "postgresql://db/desk"}
    uris |= {str(home), str(tmp_path), "/", "."}  # these hold more than a source: what else is there is searched
    monkeypatch.chdir(home)
    monkeypatch.setattr(registry.datasets, "source_uris", lambda: uris)
    assert second_search.search(registry, Probe(texts=(PER_CASE,)), home).found == ("file copy.jsonl",)


def test_what_a_killed_write_left_beside_the_blobs_is_found(registry: Registry, tmp_path: Path) -> None:
    home, name = tmp_path / "home", "ab" + "0" * 62
    folder = home / "blobs" / "sha256" / "ab"
    folder.mkdir(parents=True)
    (folder / name).write_text(PER_CASE, "utf-8")  # whole blobs are read through the store
    (folder / f"{name}#1").write_text(PER_CASE, "utf-8")
    assert second_search.search(registry, Probe(texts=(PER_CASE,)), home).found == (f"file blobs/sha256/ab/{name}#1",)


def test_a_home_is_searched_whatever_it_is_called(registry: Registry, tmp_path: Path) -> None:
    home = tmp_path / "assay-search-eu" / "home"
    home.mkdir(parents=True)
    (home / "x.log").write_text(PER_CASE, "utf-8")
    assert second_search.search(registry, Probe(texts=(PER_CASE,)), home).found == ("file x.log",)


@pytest.mark.parametrize("path", ["logs/x.log", "runs/acme.helpdesk.1.51d0e2aa17cc/samples/step-10.jsonl"])
@pytest.mark.parametrize("text", [PER_CASE, 'said "by the old mill"\nto the person at the door, whose Tür ist grün'])
def test_a_text_that_somebody_logged_is_found_and_its_file_named(
    registry: Registry, tmp_path: Path, path: str, text: str
) -> None:
    file = tmp_path / path
    file.parent.mkdir(parents=True)
    probe = Probe(texts=(text,))
    for line in (text, json.dumps({"answer": text}), json.dumps({"answer": text}, ensure_ascii=False)):
        file.write_text(f"2026-01-01 INFO something else\n{line}\n", "utf-8")
        assert second_search.search(registry, probe, tmp_path).found == (f"file {path}",)
    file.write_text(f"2026-01-01 INFO something else\n{text[:-1]}\n", "utf-8")
    assert second_search.search(registry, probe, tmp_path).found == ()


@pytest.mark.parametrize("before", [1, len(PER_CASE) // 2, len(PER_CASE) - 1])
def test_a_text_is_found_where_a_file_is_read_in_two_parts(registry: Registry, tmp_path: Path, before: int) -> None:
    text, chunk = PER_CASE.encode(), 8 * 1024 * 1024
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "x.log").write_bytes(b"." * (chunk - before) + text + b"." * 100)
    copied = registry.blobs.put(b"," * (2 * chunk - before) + text)
    found = second_search.search(registry, Probe(texts=(PER_CASE,)), tmp_path).found
    assert found == (f"blob {copied.sha256}", "file logs/x.log")


def test_a_row_id_that_is_left_in_a_table_is_found_and_the_table_named(registry: Registry, tmp_path: Path) -> None:
    probe = Probe(rows=(sha(2),))
    assert second_search.search(registry, probe, tmp_path).found == ()
    registry.lineage.link(sha(2), sha(7), "copied", parent_kind="row", child_kind="row")
    assert second_search.search(registry, probe, tmp_path).found == ("table lineage",)


def test_a_row_id_that_is_left_inside_a_document_of_a_table_is_found(registry: Registry, tmp_path: Path) -> None:
    mine = job()
    withdrawing.withdraw(registry, mine)
    registry.erasures.close(mine.case, sha(1), {"rows": [{"id": sha(2)}]})
    assert second_search.search(registry, Probe(rows=(sha(2),)), tmp_path).found == ("table erasures",)
    assert second_search.search(registry, Probe(rows=(sha(3),)), tmp_path).found == ()


def test_a_persons_hash_that_is_left_in_a_table_is_found_and_the_table_named(
    registry: Registry, tmp_path: Path
) -> None:
    probe = Probe(hashes=(SUBJECT,))
    set_aside(registry, tmp_path, [(1, OTHER, "quarantined", asks(WEATHER))])
    assert second_search.search(registry, probe, tmp_path).found == ()
    _, shard = set_aside(registry, tmp_path, [(2, SUBJECT, "quarantined", asks(PER_CASE))], name="elsewhere")
    found = second_search.search(registry, probe, tmp_path).found
    assert found == (f"shard {shard.sha256}", "table quarantine")


def test_lists_that_have_to_name_the_person_are_passed_over(registry: Registry, tmp_path: Path) -> None:
    mine = job()
    withdrawing.withdraw(registry, mine)
    held = registry.holds.place(HoldPlaced(tenant="acme", subject=SUBJECT, reason="a lawsuit", actor="leo"))
    assert registry.suppression.obeyed("acme", [SUBJECT]) == {SUBJECT}
    registry.suppression.add("acme", [sha(2)[7:]], mine.case)
    probe = Probe(hashes=(SUBJECT, sha(2)[7:]), rows=(sha(2),))
    assert second_search.search(registry, probe, tmp_path).found == ()
    registry.holds.lift(held, "leo")
    assert second_search.search(registry, probe, tmp_path).found == ()


def test_many_needles_are_found_where_they_stand_and_nowhere_else() -> None:
    wanted = {f"a question about the weather of number {n}, said by the person".encode() for n in range(1000)}
    needles = Needles({*wanted, b"short", "grün wie die Tür der Person".encode()})
    assert needles.longest == max(map(len, wanted))
    for one in (*sorted(wanted)[::97], b"short", "grün wie die Tür der Person".encode()):
        assert needles.among(b"before " * 9 + one + b" after" * 9)
        assert needles.among(one)
        assert not needles.among(b"before " * 9 + one[:-1] + b"." + one[1:])
    assert not needles.among(b"a question about the weather of number 1000, said by the person")
    for before in range((1 << 20) - 70, (1 << 20) + 2, 9):
        assert needles.among(b"." * before + b"a question about the weather of number 7, said by the person")
    assert not needles.among(b"")
    assert not Needles(()).among(b"anything")


def test_rows_that_another_dataset_has_as_well_are_not_looked_for(registry: Registry, tmp_path: Path) -> None:
    rows = [(1, OTHER, "accepted", asks("the weather number one is asked for here"))]
    seal(registry, tmp_path, rows)
    mine = retention(seal(registry, tmp_path, rows, name="other"))
    erase(registry, tmp_path, mine)
    probe = read_probe(registry, mine)
    assert (probe.texts, probe.rows) == ((), ())
    assert len(probe.shards) == 2
    assert searched(registry, mine, tmp_path).found == ()
