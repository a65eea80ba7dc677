"""Two writers at once never lose an entry: threads of one process, and processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from assay.contracts.promotion import PointerQuery
from assay.settings import Settings
from registry import Registry

ROOT = Path(__file__).parents[3]
# Every writer counts one shared pointer up by compare-and-set, trying again when it lost, and enters edges of its own.
WRITER = """
import sys
from assay.contracts.errors import Conflict
from assay.contracts.promotion import PointerMove, PointerQuery
from assay.settings import Settings
from registry import Registry

me, rounds = sys.argv[1], int(sys.argv[2])
registry = Registry.open(Settings(_env_file=None))
where = {"tenant": "acme", "model": "helpdesk", "stage": "production"}
for number in range(rounds):
    registry.lineage.link(f"parent {me}", f"child {me} {number}", "made", parent_kind="test", child_kind="test")
    while True:
        now = registry.pointers.read(PointerQuery(**where))
        move = PointerMove(
            **where, target=f"sha256:{now.revision + 1:064x}", expected=now.target,
            actor=me, reason="count", key=f"{me}/{number}",
        )
        try:
            registry.pointers.move(move)
            break
        except Conflict:
            continue
"""


def start(settings: Settings, name: str, rounds: int) -> subprocess.Popen[bytes]:
    environment = os.environ | {"ASSAY_HOME": str(settings.home), "ASSAY_DATABASE_URL": settings.database}
    arguments = [sys.executable, "-c", WRITER, name, str(rounds)]
    return subprocess.Popen(arguments, cwd=ROOT, env=environment, stderr=subprocess.PIPE)


def test_processes_lose_nothing(settings: Settings, registry: Registry) -> None:
    writers = {name: start(settings, name, rounds=15) for name in ("ann", "bob")}
    errors = [writer.communicate(timeout=300)[1] for writer in writers.values()]
    assert errors == [b""] * 2
    for name in writers:
        assert len(registry.lineage.descendants(f"parent {name}")) == 15
    events = registry.pointers.events("acme", "helpdesk")
    assert sorted(event.revision for event in events) == list(range(1, 31))
    assert {name: sum(event.actor == name for event in events) for name in writers} == dict.fromkeys(writers, 15)
    query = PointerQuery(tenant="acme", model="helpdesk", stage="production")
    assert registry.pointers.read(query).target == f"sha256:{30:064x}"


def test_a_writer_that_is_killed_leaves_whole_entries(settings: Settings, registry: Registry) -> None:
    writer = start(settings, "ann", rounds=100_000)
    while len(registry.pointers.events("acme", "helpdesk")) < 5:
        assert writer.poll() is None
    writer.kill()
    writer.communicate()
    events = registry.pointers.events("acme", "helpdesk")
    held = registry.pointers.read(PointerQuery(tenant="acme", model="helpdesk", stage="production"))
    assert (held.revision, held.target) == (len(events), events[-1].target)
    registry.lineage.link("still", "writable", "made", parent_kind="test", child_kind="test")
    assert [node.name for node in registry.lineage.descendants("still")] == ["writable"]


def test_threads_lose_nothing(
    registry: Registry, all_at_once: Callable[[list[Callable[[], object]]], list[object]]
) -> None:
    def write(name: str) -> Callable[[], object]:
        def links() -> None:
            for number in range(10):
                registry.lineage.link("root", f"{name} {number}", "made", parent_kind="test", child_kind="test")

        return links

    assert all_at_once([write(name) for name in "abcdefgh"]) == [None] * 8
    assert len(registry.lineage.descendants("root")) == 80


def test_processes_that_open_a_new_installation_together_all_succeed(empty_url: str, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", database_url=empty_url)
    writers = [start(settings, name, rounds=1) for name in ("ann", "bob", "eve")]
    assert [writer.communicate(timeout=300)[1] for writer in writers] == [b""] * 3
    registry = Registry.open(settings)
    assert len(registry.pointers.events("acme", "helpdesk")) == 3
    registry.close()
