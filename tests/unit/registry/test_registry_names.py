"""Names that something is on record of, and datasets without their version."""

from __future__ import annotations

import pytest

from assay.cli.known import require_dataset, require_model
from assay.contracts.errors import NotFound
from assay.contracts.review import ReviewQueue
from registry import QuarantinedRow, Registry
from registry.names import Names

from .conftest import Examples, ref


def test_names_are_where_their_things_are(registry: Registry, examples: Examples) -> None:
    assert registry.names.tenants() == frozenset()
    intake = examples.intake()
    registry.datasets.add(examples.dataset(), intake, ref("ledger"), [])
    registry.runs.add(*examples.run(tenant="globex"))
    registry.keys.create("initech")
    assert registry.names.tenants() == {"acme", "globex"}
    assert registry.names.datasets("acme") == {intake.dataset}
    assert registry.names.datasets("globex") == frozenset()
    assert registry.names.models("acme") == frozenset()
    assert registry.names.models("globex") == {"helpdesk"}


def test_a_name_that_is_known_is_looked_up_without_listing_the_others(
    registry: Registry, examples: Examples, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.datasets.add(examples.dataset(), examples.intake(), ref("ledger"), [])
    registry.runs.add(*examples.run())
    registry.runs.add(*examples.run(tenant="globex"))
    # What is only set aside is a dataset too.
    waiting = QuarantinedRow(row_id=ref("row").sha256, source="tickets", codes=("A",), shard=ref("rows"), ordinal=0)
    registry.quarantine.add(ReviewQueue(tenant="acme", dataset="calls"), [waiting], requested_by="ann")
    with monkeypatch.context() as changed:
        changed.setattr(Names, "_of", None)
        require_dataset(registry, "acme", examples.intake().dataset)
        require_dataset(registry, "acme", "calls")
        require_model(registry, "globex", "helpdesk")
    for tenant, dataset in (("acme", "call"), ("globex", "calls")):
        with pytest.raises(NotFound, match="DATASET_UNKNOWN") as unknown:
            require_dataset(registry, tenant, dataset)
        assert ("did you mean calls?" in unknown.value.remedy) == (tenant == "acme")
    with pytest.raises(NotFound, match="MODEL_UNKNOWN") as unknown:
        require_model(registry, "globex", "helpdisk")
    assert "did you mean helpdesk?" in unknown.value.remedy


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
