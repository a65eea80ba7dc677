"""What must hold after a lifecycle, whoever was killed during it. Each check answers with what is wrong, in words."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
import rfc8785
from pyarrow import parquet
from sqlalchemy import select

from activities.data.ledger import read_ledger
from assay.contracts.base import Reference
from assay.contracts.names import promotion_id, rollout_id
from registry.database import Database
from registry.root_digest import root_digest
from registry.tables import LedgerRow, PointerEventRow, RouteRevisionRow
from serving.routes import adapters_needed, route_of

from .engine import LOADS
from .house import House
from .life import Life
from .traffic import Traffic

_AUDIT: Final = re.compile(r"verified (sha256:[0-9a-f]{64}) by (signature|digest) to load as ([\w.-]+)")


@dataclass(frozen=True)
class Checker:
    """Checks of one house. `manifest` is that of a dataset that was sealed undisturbed, from the same sources."""

    house: House
    database: Database
    manifests: dict[str, dict[str, Any]]
    """By tenant: the manifest of the undisturbed intake."""

    def life(self, life: Life) -> Iterator[str]:
        """It ended in production, promoted once, trained on exactly the undisturbed dataset."""
        if life.status.stage != "production":
            yield f"{life.name} ended {life.status.stage}: {'; '.join(life.status.reasons)}"
            return
        yield from life.refusals
        yield from self._promoted_once(life)
        yield from self._dataset(life)

    def _promoted_once(self, life: Life) -> Iterator[str]:
        tenant, model, version = life.key
        with self.database.reading() as session:
            rows = list(session.scalars(select(PointerEventRow).where(PointerEventRow.tenant == tenant)))
        for stage, id_ in (("staging", promotion_id(*life.key)), ("production", rollout_id(*life.key))):
            moves = [row for row in rows if row.stage == stage and row.key.startswith(f"{id_}/")]
            if [row.target for row in moves] != [life.status.version]:
                yield f"{life.name}: {len(moves)} moves of {stage} for version {version}, not one to its weights"
        for stage in ("staging", "production"):
            found = sorted(row.revision for row in rows if row.stage == stage and row.model == model)
            if found != list(range(1, len(found) + 1)):
                yield f"{tenant}/{model}: the log of {stage} has revisions {found}"

    def _dataset(self, life: Life) -> Iterator[str]:
        dataset = life.status.dataset
        assert dataset is not None
        r = life.request
        expected = {**self.manifests[r.tenant], "dataset": r.dataset, "version": r.version}
        registry = self.house.registry
        found = json.loads(registry.blobs.get(dataset.id))
        if self._plain(found) != self._plain(expected):
            yield f"{life.name}: dataset {dataset.id} is not the undisturbed one"
        path = registry.shards.fetch_file(registry.datasets.get(dataset.id).ledger, self.house.home / "ledger.check")
        sealed = Counter(row["row_id"] for batch in read_ledger(path) for row in batch)
        with self.database.reading() as session:
            entered = Counter(session.scalars(select(LedgerRow.row_id).where(LedgerRow.dataset == dataset.id)))
        if sealed != entered or sealed.total() != dataset.counts.read:
            counts = f"{dataset.counts.read} rows read, {sealed.total()} sealed, {entered.total()} in the ledger"
            yield f"{life.name}: {counts}"

    def _plain(self, manifest: dict[str, Any]) -> dict[str, Any]:
        """A manifest with the rows of each shard in the place of its digest: two datasets never share the bytes."""
        return {**manifest, "shards": [self._rows(shard) for shard in manifest["shards"]]}

    def _rows(self, shard: dict[str, Any]) -> dict[str, Any]:
        reference, target = Reference(uri=shard["uri"], sha256=shard["sha256"]), self.house.home / "shard.check"
        rows = parquet.read_table(self.house.registry.shards.fetch_file(reference, target)).to_pylist()
        digest = hashlib.sha256(rfc8785.dumps(rows)).hexdigest()
        return {**shard, "uri": None, "sha256": digest}

    async def routes(self) -> list[str]:
        """One unbroken line of revisions, one of them in force, every gateway process on it."""
        wrong = []
        with self.database.reading() as session:
            revisions = sorted(session.scalars(select(RouteRevisionRow.revision)))
        if revisions != list(range(1, len(revisions) + 1)):
            wrong.append(f"route revisions are {revisions}")
        async with aiohttp.ClientSession() as session:
            for _ in range(20):  # the kernel spreads connections over the processes of a gateway
                async with session.get(f"{self.house.settings.gateways[0]}/healthz") as answer:
                    revision = (await answer.json())["revision"]
                if revision != revisions[-1]:
                    wrong.append(f"a gateway serves route revision {revision}, in force is {revisions[-1]}")
                    break
        return wrong

    def loads(self) -> Iterator[str]:
        """Nothing was loaded whose bytes the verifier had not said yes to; versions in routes by their signature."""
        file = self.house.home / "engine" / LOADS
        loads = [json.loads(line) for line in file.read_text("utf-8").splitlines()] if file.exists() else []
        verified: dict[tuple[str, str], set[str]] = {}
        for log in sorted((self.house.home / "logs").glob("worker-serving.log*")):
            for digest, how, name in _AUDIT.findall(log.read_text("utf-8", "replace")):
                verified.setdefault((digest, name), set()).add(how)
        for load in loads:
            how = verified.get((load["digest"], load["name"]), set())
            wanted = "digest" if load["name"].startswith("eval.") else "signature"
            if wanted not in how:
                yield f"{load['name']} was loaded with {load['digest']}, which was not verified by {wanted}"

    def files(self) -> Iterator[str]:
        """Whatever has a name that something refers to is whole: blobs, adapters."""
        home = self.house.home
        for path in (home / "blobs").rglob("*"):
            # Others are what a killed writer left: nothing refers to them.
            named = path.is_file() and re.fullmatch(r"[0-9a-f]{64}", path.name)
            if named and hashlib.sha256(path.read_bytes()).hexdigest() != path.name:
                yield f"blob {path.name} holds other bytes"
        for path in (home / "adapters").glob("sha256-*"):
            if root_digest(path) != path.name.replace("-", ":", 1):
                yield f"adapter {path.name} holds other bytes"

    async def engine(self) -> list[str]:
        """It holds what the routes name, and nothing that an evaluation left."""
        async with self.house.open_engine() as engine:
            loaded = await engine.loaded()
        needed = adapters_needed(self.house.registry.routes.current())
        missing, left = sorted(needed - loaded), sorted(n for n in loaded if n.startswith("eval."))
        return [f"not loaded though routed: {n}" for n in missing] + [f"left by an evaluation: {n}" for n in left]

    def answers(self, traffic: Traffic, flips: list[tuple[float, int]]) -> Iterator[str]:
        """Each answer came from an arm of its revision's table, no older one than was confirmed when it was asked."""
        tables = {}
        for one in traffic.seen:
            if one.status != 200:
                if not traffic.excused(one):
                    yield f"{one.tenant}/{one.model} failed with nothing down at {one.started:.1f}: {one.error}"
                continue
            if one.revision not in tables:
                tables[one.revision] = self.house.registry.routes.at(one.revision)
            route = route_of(tables[one.revision], one.tenant, one.model)
            arms = {(arm.name, arm.version or "none") for arm in route.arms} if route else set()
            if (one.arm, one.adapter) not in arms:
                yield f"{one.tenant}/{one.model}: {one.arm} {one.adapter} is no arm of revision {one.revision}"
            confirmed = max((revision for at, revision in flips if at <= one.started), default=0)
            if one.revision < confirmed:
                yield f"{one.tenant}/{one.model}: answered from revision {one.revision} after {confirmed} was in force"
