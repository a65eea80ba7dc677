"""A checkpoint is whole or it is not there."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from activities.training import checkpoints
from assay.contracts.errors import IntegrityRefused


def write(folder: Path, step: int, text: str = "weights") -> checkpoints.Checkpoint:
    with checkpoints.writing(folder) as scratch:
        (scratch / "adapter.bin").write_text(f"{text} {step}")
        (scratch / "optimizer.bin").write_text(f"moments {step}")
        return checkpoints.seal(scratch, folder, step, {"loss": step / 10})


def test_the_newest_whole_checkpoint_is_found_with_its_facts(tmp_path: Path) -> None:
    write(tmp_path, 9)
    sealed = write(tmp_path, 10)
    found = checkpoints.newest(tmp_path)
    assert found == sealed
    assert found.facts == {"loss": 1.0}


@pytest.mark.parametrize("victim", ["adapter.bin", "optimizer.bin", checkpoints.MANIFEST])
@pytest.mark.parametrize("harm", ["remove", "truncate", "flip"])
def test_any_torn_file_leads_to_the_checkpoint_before(tmp_path: Path, victim: str, harm: str) -> None:
    write(tmp_path, 1)
    path = write(tmp_path, 2).path / victim
    data = path.read_bytes()
    if harm == "remove":
        path.unlink()
    else:
        path.write_bytes(data[: len(data) // 2] if harm == "truncate" else bytes([data[0] ^ 1]) + data[1:])
    found = checkpoints.newest(tmp_path)
    assert found is not None
    assert found.step == 1


def test_a_writer_that_dies_leaves_nothing_that_looks_like_a_checkpoint(tmp_path: Path) -> None:
    write(tmp_path, 1)

    def die_half_way() -> None:
        with checkpoints.writing(tmp_path) as scratch:
            (scratch / "adapter.bin").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        die_half_way()
    assert checkpoints.steps(tmp_path) == [1]
    assert [path.name for path in tmp_path.iterdir()] == ["step-000001"]


def test_a_dead_writers_scratch_folder_is_swept(tmp_path: Path) -> None:
    (tmp_path / ".writing-1").mkdir()
    write(tmp_path, 1)
    checkpoints.keep_only(tmp_path, [1])
    assert [path.name for path in tmp_path.iterdir()] == ["step-000001"]


def test_only_those_worth_keeping_are_kept(tmp_path: Path) -> None:
    for step in (8, 9, 10, 11):
        write(tmp_path, step)
    checkpoints.keep_only(tmp_path, [10, 11])
    assert [checkpoint.step for checkpoint in checkpoints.valid(tmp_path)] == [10, 11]


def test_the_digest_is_that_of_all_bytes(tmp_path: Path) -> None:
    one = write(tmp_path / "one", 3)
    same = write(tmp_path / "same", 3)
    other = write(tmp_path / "other", 3, "other weights")
    assert one.digest == same.digest
    assert one.digest != other.digest


def test_the_manifest_names_every_file(tmp_path: Path) -> None:
    manifest = json.loads((write(tmp_path, 3).path / checkpoints.MANIFEST).read_text())
    assert sorted(manifest["files"]) == ["adapter.bin", "optimizer.bin"]
    assert all(digest.startswith("sha256:") for digest in manifest["files"].values())


def test_a_fetched_checkpoint_is_adopted_though_it_is_read_only(tmp_path: Path) -> None:
    fetched = write(tmp_path / "elsewhere", 5).path
    for path in (*fetched.iterdir(), fetched):
        path.chmod(0o555 if path.is_dir() else 0o444)
    checkpoints.adopt(fetched, tmp_path / "here")
    found = checkpoints.newest(tmp_path / "here")
    assert found is not None
    assert found.step == 5
    assert os.access(found.path / "adapter.bin", os.W_OK)


def test_a_torn_fetch_is_refused(tmp_path: Path) -> None:
    fetched = write(tmp_path / "elsewhere", 5).path
    (fetched / "adapter.bin").write_text("other")
    with pytest.raises(IntegrityRefused, match="CHECKPOINT_TORN"):
        checkpoints.adopt(fetched, tmp_path / "here")
