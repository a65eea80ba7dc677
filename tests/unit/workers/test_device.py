"""Who may train on a device."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from workers import device
from workers.device import alone_on


async def taken(home: Path, name: str) -> bool:
    """Whether somebody else has the device."""
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(0.1, stop.set)
    async with alone_on(home, name, stop) as free:
        return not free


async def test_a_device_has_one_worker_and_another_device_another(tmp_path: Path) -> None:
    async with alone_on(tmp_path, "0", asyncio.Event()) as free:
        assert free
        assert await taken(tmp_path, "0")
        assert not await taken(tmp_path, "1")
    assert not await taken(tmp_path, "0")


async def test_machines_that_share_the_state_folder_have_devices_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "boot_id"
    other.write_text("of another machine\n")
    async with alone_on(tmp_path, "all", asyncio.Event()):
        monkeypatch.setattr(device, "_BOOT", other)
        assert not await taken(tmp_path, "all")
