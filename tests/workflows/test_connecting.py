"""A program of somebody else's finds the server, as the README prints it."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from assay.client import AssayClient

ROOT = Path(__file__).resolve().parents[2]
FRAGMENT = re.compile(r"^    import asyncio\n(?:    .*\n|\n)*?    asyncio\.run\(.*\)$", re.MULTILINE)


@pytest.fixture
def address(client: AssayClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """Where the server is; nothing in the environment or in a profile says so yet."""
    for name in [name for name in os.environ if name.startswith("TEMPORAL_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", str(tmp_path / "no-profile.toml"))
    return client.temporal.service_client.config.target_host


async def test_the_readmes_program_runs_as_it_is_printed(address: str) -> None:
    [program] = FRAGMENT.findall((ROOT / "README.md").read_text("utf-8"))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", dedent(program)),
        cwd=ROOT,
        env={**os.environ, "ASSAY_TEMPORAL_ADDRESS": address},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    assert b"stage=" in said


async def test_the_local_stack_is_found_without_any_setting(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_PORTS__TEMPORAL", address.rpartition(":")[2])
    found = (await AssayClient.connect()).temporal
    assert (found.service_client.config.target_host, found.namespace) == (address, "default")


async def test_our_settings_come_before_temporals_own(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", address)
    monkeypatch.setenv("TEMPORAL_NAMESPACE", "theirs")
    assert (await AssayClient.connect()).temporal.namespace == "theirs"
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
    monkeypatch.setenv("ASSAY_TEMPORAL_ADDRESS", address)
    monkeypatch.setenv("ASSAY_TEMPORAL_NAMESPACE", "ours")
    assert (await AssayClient.connect()).temporal.namespace == "ours"
    assert (await AssayClient.connect(namespace="said")).temporal.namespace == "said"
