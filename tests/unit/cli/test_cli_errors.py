"""What goes wrong is said once, as code, sentence and remedy; a path that cannot be written is no bug."""

from __future__ import annotations

import errno
import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from assay.cli.main import COMMANDS, OutputPath
from assay.contracts.erasure import ErasureRequest
from assay.settings import Settings
from registry import Registry
from stack.keys import ensure_keys

CASE = "acme.51d0e2aa17cc"
Assay = Callable[..., Any]


@pytest.fixture
def signed(home: Path) -> str:
    """A closed case, whose receipt can be exported."""
    ensure_keys(home)
    registry = Registry.open(Settings(home=home))
    request = ErasureRequest(tenant="acme", subject="5" * 64, requested_by="pia")
    registry.erasures.open(CASE, "erasure/acme", request, "decision")
    registry.erasures.close(CASE, registry.blobs.put(b"{}").sha256, {"case": CASE})
    return CASE


def options(command: click.Command) -> Iterator[click.Parameter]:
    yield from command.params
    for one in command.commands.values() if isinstance(command, click.Group) else ():
        yield from options(one)


def test_every_command_says_which_path_it_writes_to() -> None:
    commands = (getattr(importlib.import_module(COMMANDS[name][0]), name.replace("-", "_")) for name in COMMANDS)
    outs = [one for command in commands for one in options(command) if "--out" in one.opts]
    assert len(outs) >= 3
    assert [one for one in outs if not isinstance(one.type, OutputPath)] == []


def test_a_path_that_cannot_be_written_is_refused_with_what_to_do(assay: Assay, signed: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", "utf-8")
    for out in (tmp_path / "file", tmp_path / "file" / "folder"):
        ended = assay("erase", "receipt", signed, "--out", str(out))
        assert (ended.code, ended.out) == (1, "")
        assert f"OUTPUT_UNWRITABLE: {out} cannot be written: " in ended.err
        assert "remedy: name a path" in ended.err
    assert "OUTPUT_UNWRITABLE" in assay("erase", "receipt", signed, "--out", "file/folder").err


def test_a_full_disk_is_said_and_names_no_file_of_its_own(
    assay: Assay, signed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    ended = assay("erase", "receipt", signed, "--out", "out")
    assert (ended.code, "OUTPUT_UNWRITABLE: out cannot be written: No space left" in ended.err) == (1, True)


def test_what_cannot_be_read_is_not_said_to_be_the_output(assay: Assay, home: Path, signed: str) -> None:
    (home / "keys" / "signing.pub.pem").unlink()
    with pytest.raises(FileNotFoundError, match=r"signing\.pub\.pem"):
        assay("erase", "receipt", signed, "--out", "out")
