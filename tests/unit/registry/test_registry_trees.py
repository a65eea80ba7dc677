"""Directories as blobs: whole or not at all, and never outside of where they were asked for."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.contracts.base import Reference
from assay.contracts.errors import InputRefused, IntegrityRefused
from registry import BlobStore

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="/\\\0"), min_size=1, max_size=20).filter(
    lambda name: name not in (".", "..")
)


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    folder = tmp_path / "adapter"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "adapter_config.json").write_text("{}")
    (folder / "deep" / "er" / "weights").write_bytes(b"\1\2")
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def listed(blobs: BlobStore, *names: str) -> Reference:
    """A listing as an attacker would write it."""
    file = blobs.put(b"payload").sha256
    return blobs.put(json.dumps({"files": [{"path": n, "sha256": file, "size": 7} for n in names]}).encode())


@settings(
    deadline=None,  # files are written
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # one store for all: that is the point
)
@given(files=st.dictionaries(NAMES, st.binary(max_size=64), min_size=1, max_size=4))
def test_a_tree_comes_back_as_it_was(
    blobs: BlobStore, tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]
) -> None:
    source = tmp_path_factory.mktemp("source")
    for name, data in files.items():
        (source / name).write_bytes(data)
    target = blobs.fetch_tree(blobs.put_tree(source), tmp_path_factory.mktemp("target") / "tree")
    assert content(target) == files


def test_the_same_directory_has_the_same_reference(blobs: BlobStore, adapter: Path, tmp_path: Path) -> None:
    reference = blobs.put_tree(adapter)
    again = blobs.fetch_tree(reference, tmp_path / "again")
    assert blobs.put_tree(again) == reference
    assert content(again) == content(adapter)


def test_a_fetched_tree_is_read_only(blobs: BlobStore, adapter: Path, tmp_path: Path) -> None:
    tree = blobs.fetch_tree(blobs.put_tree(adapter), tmp_path / "tree")
    modes = {path.stat().st_mode & 0o777 for path in tree.rglob("*") if path.is_file()}
    folders = {path.stat().st_mode & 0o777 for path in (tree, *tree.rglob("*")) if path.is_dir()}
    assert (modes, folders) == ({0o444}, {0o555})


def test_links_and_special_files_are_refused(blobs: BlobStore, adapter: Path) -> None:
    (adapter / "link").symlink_to("/etc/hostname")
    with pytest.raises(InputRefused, match="TREE_SYMLINK"):
        blobs.put_tree(adapter)
    (adapter / "link").unlink()
    os.mkfifo(adapter / "pipe")
    with pytest.raises(InputRefused, match="TREE_SPECIAL_FILE"):
        blobs.put_tree(adapter)


def test_an_empty_directory_is_refused(blobs: BlobStore, tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="TREE_EMPTY"):
        blobs.put_tree(tmp_path)


@pytest.mark.parametrize(
    "name", ["../out", "/tmp/out", "a/../../out", "..", ".", "", "a//b", "./a", "a/", "..\\out", "a\0b"]
)
def test_a_path_that_leads_outside_is_refused(blobs: BlobStore, tmp_path: Path, name: str) -> None:
    with pytest.raises(IntegrityRefused, match="TREE_MALFORMED"):
        blobs.fetch_tree(listed(blobs, "good", name), tmp_path / "deep" / "tree")
    assert list(tmp_path.iterdir()) == []


@settings(
    deadline=None,  # files are written
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # one store for all: that is the point
)
@given(parts=st.lists(st.sampled_from(["..", ".", "", "a", "b"]), min_size=1, max_size=6))
def test_no_path_writes_outside(blobs: BlobStore, tmp_path_factory: pytest.TempPathFactory, parts: list[str]) -> None:
    place = tmp_path_factory.mktemp("place")
    try:
        blobs.fetch_tree(listed(blobs, "/".join(parts)), place / "tree")
    except IntegrityRefused:
        assert list(place.iterdir()) == []
    else:
        assert [path.name for path in place.iterdir()] == ["tree"]
        assert content(place / "tree") == {"/".join(parts): b"payload"}


@pytest.mark.parametrize("names", [("a", "a"), ("a", "a/b"), ("a/b", "a")])
def test_a_path_that_stands_twice_is_refused(blobs: BlobStore, tmp_path: Path, names: tuple[str, str]) -> None:
    with pytest.raises(IntegrityRefused, match="TREE_MALFORMED"):
        blobs.fetch_tree(listed(blobs, *names), tmp_path / "tree")


@pytest.mark.parametrize("data", [b"", b"{}", b'{"files": []}', b'{"files": [{"path": "a"}]}', b"[1]", b"\xff"])
def test_what_is_no_listing_is_refused(blobs: BlobStore, tmp_path: Path, data: bytes) -> None:
    with pytest.raises(IntegrityRefused, match="TREE_MALFORMED"):
        blobs.fetch_tree(blobs.put(data), tmp_path / "tree")


def test_one_tampered_file_and_nothing_appears(tmp_path: Path, adapter: Path) -> None:
    store = tmp_path / "own"
    blobs = BlobStore.open(store.as_uri())
    reference = blobs.put_tree(adapter)
    digest = blobs.put(b"\1\2").sha256.removeprefix("sha256:")
    next(store.rglob(digest)).write_bytes(b"\1\3")
    with pytest.raises(IntegrityRefused, match="BLOB_TAMPERED"):
        blobs.fetch_tree(reference, tmp_path / "place" / "tree")
    assert list((tmp_path / "place").iterdir()) == []


def test_a_target_that_holds_something_else_is_refused(blobs: BlobStore, adapter: Path, tmp_path: Path) -> None:
    reference = blobs.put_tree(adapter)
    tree = blobs.fetch_tree(reference, tmp_path / "tree")
    assert blobs.fetch_tree(reference, tree) == tree
    config = tree / "adapter_config.json"
    config.chmod(0o644)
    config.write_text("{ }")
    with pytest.raises(IntegrityRefused, match="TREE_OTHER"):
        blobs.fetch_tree(reference, tree)


def test_two_at_once_get_the_same_tree(
    blobs: BlobStore,
    adapter: Path,
    tmp_path: Path,
    all_at_once: Callable[[list[Callable[[], object]]], list[object]],
) -> None:
    reference, target = blobs.put_tree(adapter), tmp_path / "place" / "tree"
    assert all_at_once([lambda: blobs.fetch_tree(reference, target)] * 6) == [target] * 6
    assert content(target) == content(adapter)
    assert [path.name for path in target.parent.iterdir()] == ["tree"]
