"""Weights that a training stores while it is being stopped go too, are counted, and are looked for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from activities.erasure import receipt, resealing, shredding, withdrawing
from activities.training.weights import RunWeights
from assay.contracts.erasure import CaseDone, HoldPlaced
from assay.contracts.errors import InputRefused, IntegrityRefused
from registry import BlobStore, Registry

from .made import CONFIG, made_of, tree
from .scene import OTHER, PER_CASE, SUBJECT, asks, erase, job, seal, searched

ROWS = [
    (1, OTHER, "accepted", asks("the weather number one is asked for here")),
    (2, SUBJECT, "accepted", asks(PER_CASE)),
]
FILES = {
    "adapter_config.json": CONFIG,
    "adapter_model.safetensors": b"weights of step 20",
    "optimizer.pt": b"moments of step 20",
    "trainer_state.json": b"{}",
}
RUN = "acme.helpdesk.2.000000000000"


def store_late(registry: Registry, run: str) -> str:
    """What a trainer does whose cancellation is on its way."""
    _, stored = tree(registry, FILES)
    registry.lineage.link(run, stored.sha256, "stored", parent_kind="run", child_kind="checkpoint")
    return stored.sha256


def folder(tmp_path: Path) -> Path:
    path = tmp_path / "step-000020"
    path.mkdir()
    for name, content in FILES.items():
        (path / name).write_bytes(content)
    return path


def hashed(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def there(registry: Registry) -> set[str]:
    """Which of the files are in the store, by name."""
    contents = {hashed(content): name for name, content in FILES.items()}
    return {contents[one] for one in registry.blobs.digests() if one in contents}


WEIGHTS = {"adapter_model.safetensors", "optimizer.pt"}


def begun(registry: Registry, dataset: str) -> RunWeights:
    registry.lineage.link(dataset, RUN, "trained with", parent_kind="dataset", child_kind="run")
    return RunWeights(registry, RUN)


def test_a_checkpoint_stored_after_the_withdrawal_is_destroyed_counted_and_named(
    registry: Registry, tmp_path: Path
) -> None:
    made = made_of(registry, tmp_path, seal(registry, tmp_path, ROWS).id)
    mine = job()
    withdrawn = withdrawing.withdraw(registry, mine)
    late = store_late(registry, made.run)
    resealing.reseal(registry, mine)
    shredded = shredding.shred(registry, mine, withdrawn, tmp_path)
    assert there(registry) == FILES.keys() - WEIGHTS
    assert shredded.blobs == 4 + 2
    remains = searched(registry, mine, tmp_path)
    assert remains.found == ()
    opened = registry.erasures.get(mine.case).opened_at
    done = CaseDone(job=mine, withdrawn=withdrawn, shredded=shredded, remains=remains, opened=opened, closed=opened)
    receipt.write(registry, done, tmp_path / "keys" / "signing.pem")
    said = registry.erasures.get(mine.case).done
    assert said is not None
    assert said["withdrawn"]["checkpoint"] == sorted([made.checkpoint, late])
    assert said["destroyed"]["blobs"] == 6


def test_weights_that_come_after_everything_was_destroyed_are_found_and_go(registry: Registry, tmp_path: Path) -> None:
    made = made_of(registry, tmp_path, seal(registry, tmp_path, ROWS).id)
    clean = made_of(registry, tmp_path, seal(registry, tmp_path, ROWS[:1], name="clean").id, "concierge")
    mine = job()
    withdrawn, _, first = erase(registry, tmp_path, mine)
    assert searched(registry, mine, tmp_path).found == ()
    store_late(registry, made.run)
    weights = sorted(f"blob {hashed(FILES[name])}" for name in WEIGHTS)
    assert list(searched(registry, mine, tmp_path).found) == weights
    again = shredding.shred(registry, mine, withdrawn, tmp_path)
    assert again.blobs == first.blobs + 2
    assert searched(registry, mine, tmp_path).found == ()
    assert there(registry) == FILES.keys() - WEIGHTS
    assert all(registry.blobs.has(one) for one in clean.learnt | clean.plain)


def test_weights_of_a_run_that_came_back_are_found(registry: Registry, tmp_path: Path) -> None:
    made_of(registry, tmp_path, seal(registry, tmp_path, ROWS).id)
    mine = job()
    erase(registry, tmp_path, mine)
    back = registry.blobs.put(b"weights helpdesk 1").sha256
    assert searched(registry, mine, tmp_path).found == (f"blob {back}",)


def test_nothing_of_a_withdrawn_run_is_uploaded(registry: Registry, tmp_path: Path) -> None:
    weights = begun(registry, seal(registry, tmp_path, ROWS).id)
    withdrawing.withdraw(registry, job())
    with pytest.raises(IntegrityRefused, match="ARTIFACT_WITHDRAWN"):
        weights.put(folder(tmp_path))
    assert there(registry) == set()


def test_an_upload_that_is_interrupted_leaves_what_an_erasure_finds(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = begun(registry, seal(registry, tmp_path, ROWS).id)
    with monkeypatch.context() as patch:
        after(patch, "optimizer.pt", interrupted)
        with pytest.raises(KeyboardInterrupt):
            weights.put(folder(tmp_path))
    assert there(registry) == FILES.keys() - {"trainer_state.json"}
    mine = job()
    _, _, shredded = erase(registry, tmp_path, mine)
    assert there(registry) == {"adapter_config.json"}
    assert shredded.blobs == 2
    assert searched(registry, mine, tmp_path).found == ()


@pytest.mark.parametrize("cancelled", [False, True])
def test_what_was_uploaded_while_it_was_withdrawn_is_taken_back(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cancelled: bool
) -> None:
    """The erasure is through before the upload is."""
    weights, mine = begun(registry, seal(registry, tmp_path, ROWS).id), job()

    after(monkeypatch, "adapter_config.json", lambda: erase(registry, tmp_path, mine))
    if cancelled:
        after(monkeypatch, "optimizer.pt", interrupted)
    with pytest.raises(KeyboardInterrupt if cancelled else IntegrityRefused):
        weights.put(folder(tmp_path))
    assert not there(registry) & WEIGHTS
    assert {registry.destroyed.reason(hashed(FILES[name])) for name in WEIGHTS} == {mine.case}
    assert searched(registry, mine, tmp_path).found == ()


def test_what_was_stored_before_stays_while_a_hold_keeps_it(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights, path = begun(registry, seal(registry, tmp_path, ROWS).id), folder(tmp_path)
    registry.blobs.put(FILES["optimizer.pt"])
    registry.holds.place(HoldPlaced(tenant="acme", subject=SUBJECT, reason="a lawsuit", actor="leo"))
    after(monkeypatch, "adapter_config.json", lambda: withdrawing.withdraw(registry, job()))
    with pytest.raises(IntegrityRefused, match="ARTIFACT_WITHDRAWN"):
        weights.put(path)
    assert there(registry) & WEIGHTS == {"optimizer.pt"}


def test_a_file_that_changed_since_it_was_listed_is_not_stored(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step that is sealed anew while it is stored: its other bytes would stand in no lineage."""
    weights, path = begun(registry, seal(registry, tmp_path, ROWS).id), folder(tmp_path)
    after(monkeypatch, "adapter_config.json", lambda: (path / "optimizer.pt").write_bytes(b"other moments"))
    with pytest.raises(InputRefused, match="FILE_CHANGED"):
        weights.put(path)
    assert not registry.blobs.has(hashed(b"other moments"))


def after(patch: pytest.MonkeyPatch, name: str, then: Callable[[], object]) -> None:
    """Let something happen when a file is stored."""
    put_file = BlobStore.put_file

    def put(blobs: BlobStore, path: Path, *expected: str) -> object:
        stored = put_file(blobs, path, *expected)
        if path.name == name:
            then()
        return stored

    patch.setattr(BlobStore, "put_file", put)


def interrupted() -> None:
    raise KeyboardInterrupt
