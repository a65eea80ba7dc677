"""Names that something is on record of, and datasets without their version."""

from __future__ import annotations

import pytest

from assay.contracts.errors import NotFound
from registry import Registry

from .conftest import Examples, ref


def test_names_are_where_their_things_are(registry: Registry, examples: Examples) -> None:
    assert registry.names.tenants() == frozenset()
    intake = examples.intake()
    registry.datasets.add(examples.dataset(), intake, ref("ledger"), [])
    registry.runs.add(*examples.run(tenant="globex"))
    registry.keys.create("initech")
    assert registry.names.tenants() == {"acme", "globex", "initech"}
    assert registry.names.datasets("acme") == {intake.dataset}
    assert registry.names.datasets("globex") == frozenset()
    assert registry.names.models("acme") == frozenset()
    assert registry.names.models("globex") == {"helpdesk"}


def test_the_newest_of_a_name_is_its_highest_version_that_is_in_use(registry: Registry, examples: Examples) -> None:
    for number, version in enumerate((1, 3, 2, 2)):
        request = examples.intake().model_copy(update={"version": version})
        registry.datasets.add(examples.dataset(f"seal {number}"), request, ref("ledger"), [])
    name = request.dataset
    listed = registry.datasets.list("acme")
    assert [one.request.version for one in listed] == [2, 2, 3, 1]
    assert [one.sealed_at for one in listed] == sorted((one.sealed_at for one in listed), reverse=True)
    assert registry.datasets.list("globex") == ()
    assert registry.datasets.newest("acme", name).request.version == 3
    registry.withdrawals.withdraw("acme.1", [listed[2].dataset.id])
    assert registry.datasets.newest("acme", name).dataset == listed[0].dataset
    registry.withdrawals.withdraw("acme.1", [one.dataset.id for one in listed])
    with pytest.raises(NotFound, match="every version of"):
        registry.datasets.newest("acme", name)
    with pytest.raises(NotFound, match="no version of"):
        registry.datasets.newest("globex", name)
