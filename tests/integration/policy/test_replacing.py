"""What had to go is replaced by the newest clean version that was in production, else the base, also after a kill."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from activities.erasure import replacing
from activities.erasure.withdrawing import withdraw
from activities.policy.client import PolicyClient
from activities.serving.publishing import publish
from assay.contracts.erasure import CaseJob, ErasureRequest, ModelName, Replaced, Withdrawn
from assay.contracts.errors import Conflict, IntegrityRefused, Unavailable
from assay.contracts.promotion import PointerMove, PointerQuery, Stage
from assay.contracts.rollout import Route, RouteChange
from registry import LedgerEntry, VersionRecord
from serving.routes import route_of

from .conftest import OpaServer
from .house import BASE, HEALTHY, House

MODEL = ModelName(tenant="acme", model="helpdesk")
PERSON, SECOND = "5" * 64, "6" * 64


def order(subject: str = PERSON, case: str = "acme.51d0e2aa17cc") -> CaseJob:
    request = ErasureRequest(tenant="acme", subject=subject, requested_by="pia@acme.example")
    return CaseJob(case=case, workflow=f"erasure/{case}", request=request, decision_id="d")


def learnt(subject: str) -> LedgerEntry:
    return LedgerEntry(
        row_id=f"sha256:{subject}",
        ordinal=0,
        source="support",
        outcome="accepted",
        licence="Apache-2.0",
        consent="granted",
        tier="curated",
        subject=subject,
    )


def pointer(house: House, stage: Stage) -> str | None:
    return house.registry.pointers.read(PointerQuery(tenant="acme", model="helpdesk", stage=stage)).target


def point(house: House, stage: Stage, target: str) -> None:
    held, count = pointer(house, stage), len(house.registry.pointers.events("acme", "helpdesk"))
    move = PointerMove(
        tenant="acme",
        model="helpdesk",
        stage=stage,
        target=target,
        expected=held,
        actor="ann",
        reason="a release",
        decision_id="d" if stage == "staging" else None,
        key=f"test/{count}",
    )
    house.registry.pointers.move(move)


def change(key: str, target: str, stable: str | None, canary: float = 0) -> RouteChange:
    tried = {"canary": target, "canary_percent": canary} if canary else {}
    of = {"tenant": "acme", "model": "helpdesk", "base": BASE, "target": target, "stable": stable, "actor": "ann"}
    return RouteChange.model_validate({**of, "reason": "a release", "key": key, **tried})


def route(house: House) -> Route:
    found = route_of(house.registry.routes.current(), "acme", "helpdesk")
    assert found is not None
    return found


def arms(house: House) -> dict[str, str | None]:
    return {arm.name: arm.version for arm in route(house).arms}


class Line:
    """Versions of one model that came into production one after another, each from a dataset of its own."""

    def __init__(self, house: House, policy: PolicyClient) -> None:
        self.house, self.policy = house, policy
        self.digests: list[str] = []
        self.warmed: list[str] = []
        self.broken: set[str] = set()

    def release(self, subject: str | None = None, *, released: bool = True) -> str:
        """The next version in production. `subject` is who stands in its dataset."""
        digest = self.register(subject)
        if released:
            point(self.house, "staging", digest)
        point(self.house, "production", digest)
        if released:
            publish(self.house.registry, self.policy, change(f"release {digest}", digest, digest))
        return digest

    def register(self, subject: str | None = None) -> str:
        number = len(self.digests) + 1
        rows = [learnt(subject)] if subject else []
        dataset = self.house.seal_dataset(rows, version=number)
        digest = self.house.case(HEALTHY, version=number, dataset=dataset).version.digest
        self.digests.append(digest)
        return digest

    async def warm(self, version: VersionRecord) -> None:
        if version.digest in self.broken:
            raise IntegrityRefused("SIGNATURE_INVALID", "changed", "sign it again")
        self.warmed.append(version.digest)

    def withdraw(self, job: CaseJob | None = None) -> Withdrawn:
        return withdraw(self.house.registry, job or order())

    async def replace(self, job: CaseJob | None = None, policy: PolicyClient | None = None) -> Replaced:
        mine = job or order()
        return await replacing.replace(self.house.registry, policy or self.policy, mine, MODEL, self.warm)

    def state(self) -> tuple[object, ...]:
        registry = self.house.registry
        return registry.pointers.events("acme", "helpdesk"), registry.routes.current()


@pytest.fixture
def line(house: House, opa: OpaServer) -> Line:
    return Line(house, PolicyClient(opa.url, house.registry.blobs))


async def test_the_clean_version_before_is_in_production_again(house: House, line: Line) -> None:
    first, second = line.release(), line.release(PERSON)
    assert line.withdraw().models == (MODEL,)
    assert (arms(house), pointer(house, "staging")) == ({"stable": None}, second)

    replaced = await line.replace()
    assert (replaced.withdrawn, replaced.version) == (second, first)
    assert replaced.revision == house.registry.routes.current().revision
    assert (pointer(house, "production"), pointer(house, "staging")) == (first, None)
    assert arms(house) == {"stable": first}
    assert line.warmed == [first]

    before = line.state()
    assert await line.replace() == replaced
    assert line.state() == before


async def test_what_does_not_load_any_more_is_passed_over_for_an_older_one(house: House, line: Line) -> None:
    first, broken, gone = line.release(), line.release(), line.release(PERSON)
    line.broken.add(broken)
    line.withdraw()
    replaced = await line.replace()
    assert (replaced.withdrawn, replaced.version) == (gone, first)
    assert arms(house) == {"stable": first}


async def test_without_a_clean_version_the_base_stays(house: House, line: Line) -> None:
    line.release(PERSON)
    gone = line.release(PERSON)
    line.withdraw()
    replaced = await line.replace()
    assert (replaced.withdrawn, replaced.version) == (gone, None)
    assert (pointer(house, "production"), pointer(house, "staging")) == (None, None)
    assert (arms(house), line.warmed) == ({"stable": None}, [])
    before = line.state()
    assert await line.replace() == replaced
    assert line.state() == before


async def test_what_the_gate_refuses_is_taken_back_and_the_base_stays(house: House, line: Line) -> None:
    line.release(released=False)
    gone = line.release(PERSON)
    line.withdraw()
    replaced = await line.replace()
    assert (replaced.withdrawn, replaced.version) == (gone, None)
    assert pointer(house, "production") is None
    assert arms(house) == {"stable": None}
    before = line.state()
    assert await line.replace() == replaced
    assert line.state() == before


async def test_after_one_that_the_gate_refuses_an_older_one_comes_back(house: House, line: Line) -> None:
    first = line.release()
    line.release(released=False)
    line.release(PERSON)
    line.withdraw()
    assert (await line.replace()).version == first
    assert pointer(house, "production") == first
    assert arms(house) == {"stable": first}


async def test_what_another_case_withdrew_meanwhile_is_replaced_again(house: House, line: Line) -> None:
    first, second = line.release(), line.release(SECOND)
    line.release(PERSON)
    line.withdraw()
    assert (await line.replace()).version == second
    other = order(SECOND, "acme.000000000001")
    line.withdraw(other)
    replaced = await line.replace(other)
    assert (replaced.withdrawn, replaced.version) == (second, first)
    assert arms(house) == {"stable": first}


async def test_what_another_case_withdraws_while_it_is_loaded_is_passed_over(house: House, line: Line) -> None:
    first, second = line.release(), line.release(SECOND)
    gone = line.release(PERSON)
    line.withdraw()

    async def warm(version: VersionRecord) -> None:
        if version.digest == second:
            line.withdraw(order(SECOND, "acme.000000000001"))
        await line.warm(version)

    replaced = await replacing.replace(house.registry, line.policy, order(), MODEL, warm)
    assert (replaced.withdrawn, replaced.version) == (gone, first)
    assert arms(house) == {"stable": first}
    assert line.warmed == [second, first]


async def test_a_pointer_that_moves_again_and_again_is_looked_at_later(
    house: House, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    line.release()
    line.release(PERSON)
    line.withdraw()

    def moved(*_: object) -> None:
        raise Conflict("POINTER_MOVED", "it holds something else", "read it again")

    monkeypatch.setattr(replacing, "_point", moved)
    with pytest.raises(Unavailable, match="PRODUCTION_MOVING"):
        await line.replace()


async def test_a_version_that_was_only_staged_stays_when_it_is_clean(house: House, line: Line) -> None:
    first = line.release()
    line.release(PERSON)
    clean = line.register()
    point(house, "staging", clean)
    line.withdraw()
    await line.replace()
    assert (pointer(house, "production"), pointer(house, "staging")) == (first, clean)


async def test_a_model_whose_production_is_clean_keeps_it(house: House, line: Line) -> None:
    first = line.release()
    tried = line.register(PERSON)
    point(house, "staging", tried)
    publish(house.registry, line.policy, change("a trial", tried, first, 5))
    line.withdraw()
    before = house.registry.routes.current()
    replaced = await line.replace()
    assert (replaced.withdrawn, replaced.version, replaced.revision) == (None, first, before.revision)
    assert (pointer(house, "production"), pointer(house, "staging")) == (first, None)
    assert (arms(house), line.warmed) == ({"stable": first}, [])


async def test_a_trial_of_another_clean_version_goes_on_beside_it(house: House, line: Line) -> None:
    first, gone = line.release(), line.release(PERSON)
    tried = line.register()
    point(house, "staging", tried)
    publish(house.registry, line.policy, change("a trial", tried, gone, 5))
    line.withdraw()
    replaced = await line.replace()
    assert (replaced.withdrawn, replaced.version) == (gone, first)
    assert [(arm.name, arm.version, arm.percent) for arm in route(house).arms] == [
        ("canary", tried, 5),
        ("stable", first, 95),
    ]
    publish(house.registry, line.policy, change("a trial ends", tried, gone).model_copy(update={"withdraw": True}))
    assert arms(house) == {"stable": first}


@pytest.mark.parametrize("at", ["permit", "publish"])
async def test_after_a_kill_between_pointer_and_table_it_goes_on(
    house: House, line: Line, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    first, gone = line.release(), line.release(PERSON)
    line.withdraw()

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(replacing, at, killed)
        with pytest.raises(KeyboardInterrupt):
            await line.replace()
    assert arms(house) == {"stable": None}
    replaced = await line.replace()
    assert (replaced.withdrawn, replaced.version) == (gone, first)
    assert (pointer(house, "production"), arms(house)) == (first, {"stable": first})


async def test_while_opa_is_away_the_base_answers_and_the_version_comes_back_later(house: House, line: Line) -> None:
    first = line.release()
    line.release(PERSON)
    line.withdraw()
    with pytest.raises(Unavailable, match="OPA_UNREACHABLE"):
        await line.replace(policy=PolicyClient("http://127.0.0.1:9", house.registry.blobs))
    assert arms(house) == {"stable": None}
    assert (await line.replace()).version == first
    assert arms(house) == {"stable": first}


async def test_a_promotion_that_comes_between_is_left_in_production(
    house: House, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    line.release()
    line.release(PERSON)
    newer = line.register()
    point(house, "staging", newer)
    line.withdraw()
    real: Callable[..., str] = replacing.permit

    def overtaken(*arguments: object) -> str:
        monkeypatch.undo()
        decision = real(*arguments)
        point(house, "production", newer)
        publish(house.registry, line.policy, change("promoted", newer, newer))
        return decision

    monkeypatch.setattr(replacing, "permit", overtaken)
    assert (await line.replace()).version == newer
    assert arms(house) == {"stable": newer}
