"""Row shards: unreadable without their key, deterministic while it lives, gone for ever when it is destroyed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select

from assay.contracts.base import Reference
from assay.contracts.errors import IntegrityRefused, NotFound
from assay.settings import Settings
from registry import Registry
from registry.sealed_stream import CHUNK
from registry.shards import ShardStore
from registry.tables import ShardKeyRow


@pytest.fixture
def shards(registry: Registry, settings: Settings) -> ShardStore:
    keys = settings.home / "keys"
    keys.mkdir()
    (keys / "shards.key").write_text("ab" * 32)
    return registry.shards


def written(path: Path, data: bytes = b"a row of somebody") -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK])
def test_a_shard_comes_back_as_it_was(shards: ShardStore, tmp_path: Path, size: int) -> None:
    data = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    reference = shards.put_file(written(tmp_path / "rows", data))
    fetched = shards.fetch_file(reference, tmp_path / "deep" / "fetched")
    assert fetched.read_bytes() == data
    assert fetched.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in fetched.parent.iterdir()] == ["fetched"]


def test_what_is_stored_holds_no_word_of_it(shards: ShardStore, registry: Registry, tmp_path: Path) -> None:
    reference = shards.put_file(written(tmp_path / "rows", b"somebody " * 1000))
    assert b"somebody" not in registry.blobs.get(reference.sha256)
    assert reference.uri == reference.sha256.replace("sha256:", "shard:")


def test_the_same_rows_are_the_same_shard_also_for_several_at_once(
    shards: ShardStore, tmp_path: Path, all_at_once: Callable[[list[Callable[[], object]]], list[object]]
) -> None:
    files = [written(tmp_path / f"rows {number}") for number in range(4)]
    found = all_at_once([lambda file=file: shards.put_file(file) for file in files])  # type: ignore[misc]
    assert len(set(found)) == 1
    assert shards.put_file(written(tmp_path / "other", b"another row")) not in found


def test_a_destroyed_shard_is_read_by_nobody(shards: ShardStore, registry: Registry, tmp_path: Path) -> None:
    reference = shards.put_file(written(tmp_path / "rows"))
    kept = registry.blobs.get(reference.sha256)
    shards.destroy(reference, "erasure/acme/1")
    shards.destroy(reference, "another")
    assert not shards.readable(reference)
    assert not registry.blobs.has(reference.sha256)
    registry.blobs.put(kept)  # from a backup
    with pytest.raises(NotFound, match=r"SHARD_DESTROYED.*erasure/acme/1"):
        shards.fetch_file(reference, tmp_path / "fetched")
    assert not (tmp_path / "fetched").exists()


def test_rows_that_come_again_after_that_are_another_shard(shards: ShardStore, tmp_path: Path) -> None:
    first = shards.put_file(written(tmp_path / "rows"))
    shards.destroy(first)
    second = shards.put_file(tmp_path / "rows")
    assert second != first
    assert shards.fetch_file(second, tmp_path / "fetched").read_bytes() == (tmp_path / "rows").read_bytes()


def test_a_destroyed_key_does_not_linger_in_the_database(
    shards: ShardStore, registry: Registry, settings: Settings, tmp_path: Path
) -> None:
    reference = shards.put_file(written(tmp_path / "rows"))
    with registry.shards._database.reading() as session:
        row = session.execute(select(ShardKeyRow).where(ShardKeyRow.shard == reference.sha256)).scalar_one()
    assert row.wrapped is not None
    assert row.plain is not None
    shards.destroy(reference)
    with registry.shards._database.reading() as session:
        assert session.execute(select(ShardKeyRow.wrapped, ShardKeyRow.plain)).all() == [(None, None)]
    for path in settings.home.glob("registry.sqlite*"):
        held = path.read_bytes()
        assert row.wrapped not in held
        assert row.plain.encode() not in held


def test_a_plain_blob_of_an_older_dataset_is_read_and_destroyed(
    shards: ShardStore, registry: Registry, tmp_path: Path
) -> None:
    reference = registry.blobs.put_file(written(tmp_path / "rows"))
    assert shards.fetch_file(reference, tmp_path / "fetched").read_bytes() == b"a row of somebody"
    assert shards.readable(reference)
    shards.destroy(reference)
    assert not shards.readable(reference)


def test_many_are_asked_about_at_once(shards: ShardStore, registry: Registry, tmp_path: Path) -> None:
    kept, gone = (shards.put_file(written(tmp_path / name, name.encode())) for name in ("kept", "gone"))
    plain = registry.blobs.put_file(written(tmp_path / "plain", b"plain"))
    nowhere = [Reference(uri=f"{kind}:x", sha256=f"sha256:{n:064x}") for n, kind in enumerate(("blob", "shard") * 600)]
    shards.destroy(gone)
    assert shards.all_readable((kept, gone, plain, *nowhere)) == {kept.sha256, plain.sha256}
    assert shards.all_readable(()) == frozenset()


def test_changed_bytes_are_refused(shards: ShardStore, registry: Registry, tmp_path: Path) -> None:
    one = shards.put_file(written(tmp_path / "one", b"1" * CHUNK * 2))
    sealed = registry.blobs.get(one.sha256)
    cut = registry.blobs.put(sealed[: 8 + CHUNK + 16])
    with registry.shards._database.writing() as session:
        row = session.execute(select(ShardKeyRow).where(ShardKeyRow.shard == one.sha256)).scalar_one()
        row.shard = cut.sha256
    with pytest.raises(IntegrityRefused, match="SHARD_TAMPERED"):
        shards.fetch_file(Reference(uri="shard:x", sha256=cut.sha256), tmp_path / "fetched")


def test_the_key_of_another_installation_is_named_as_that(
    shards: ShardStore, settings: Settings, tmp_path: Path
) -> None:
    reference = shards.put_file(written(tmp_path / "rows"))
    (settings.home / "keys" / "shards.key").write_text("cd" * 32)
    with pytest.raises(IntegrityRefused, match="SHARD_KEY_OTHER"):
        shards.fetch_file(reference, tmp_path / "fetched")


@pytest.mark.parametrize("content", [None, "", "short", "zz" * 32])
def test_without_a_proper_shard_key_nothing_is_stored(
    shards: ShardStore, settings: Settings, tmp_path: Path, content: str | None
) -> None:
    key = settings.home / "keys" / "shards.key"
    key.unlink() if content is None else key.write_text(content)
    with pytest.raises(NotFound, match="SHARD_KEY_MISSING"):
        shards.put_file(written(tmp_path / "rows"))


def test_an_unknown_shard_is_unknown(shards: ShardStore, tmp_path: Path) -> None:
    digest = "a" * 64
    with pytest.raises(NotFound, match="SHARD_UNKNOWN"):
        shards.fetch_file(Reference(uri=f"shard:{digest}", sha256=f"sha256:{digest}"), tmp_path / "fetched")
