"""Licences are SPDX, or refused."""

from __future__ import annotations

import pytest

from activities.data.licences import normalise
from assay.contracts.errors import InputRefused


@pytest.mark.parametrize(
    ("written", "expression", "ids"),
    [
        ("apache-2.0", "Apache-2.0", ("Apache-2.0",)),
        ("GPL-2.0+", "GPL-2.0-or-later", ("GPL-2.0-or-later",)),
        ("mit or (gpl-3.0-only and isc)", "MIT OR (GPL-3.0-only AND ISC)", ("GPL-3.0-only", "ISC", "MIT")),
        ("LicenseRef-tenant-agreement", "LicenseRef-tenant-agreement", ("LicenseRef-tenant-agreement",)),
    ],
)
def test_an_expression_is_written_as_spdx_writes_it(written: str, expression: str, ids: tuple[str, ...]) -> None:
    found = normalise(written)
    assert (found.expression, found.ids) == (expression, ids)


@pytest.mark.parametrize(
    "written",
    ["", " ", "ask the author", "MIT AND", "(MIT", "free", "NOASSERTION", "LicenseRef-a b", "MIT, Apache-2.0"],
)
def test_what_spdx_does_not_know_is_refused(written: str) -> None:
    with pytest.raises(InputRefused, match="not an SPDX licence expression") as refused:
        normalise(written)
    assert refused.value.code == "LICENCE_NOT_SPDX"


@pytest.mark.parametrize(
    ("written", "ways"),
    [
        ("MIT", (("MIT",),)),
        ("MIT AND ISC", (("ISC", "MIT"),)),
        ("MIT OR GPL-3.0-only", (("GPL-3.0-only",), ("MIT",))),
        ("(MIT OR ISC) AND (MIT OR GPL-3.0-only)", (("GPL-3.0-only", "ISC"), ("MIT",))),
        ("Apache-2.0 WITH LLVM-exception", (("Apache-2.0 WITH LLVM-exception",),)),
        (
            "GPL-2.0+ WITH Classpath-exception-2.0 OR MIT",
            (("GPL-2.0-or-later WITH Classpath-exception-2.0",), ("MIT",)),
        ),
    ],
)
def test_ways_to_comply_or_is_a_choice_and_is_all_with_is_one(written: str, ways: tuple[tuple[str, ...], ...]) -> None:
    assert normalise(written).ways == ways


def test_gates_are_told_the_only_way_flat_and_several_as_a_choice() -> None:
    assert normalise("MIT AND ISC").facts() == ["ISC", "MIT"]
    assert normalise("MIT OR ISC").facts() == [["ISC"], ["MIT"]]


@pytest.mark.parametrize("written", ["LLVM-exception", "MIT WITH Apache-2.0", "MIT WITH LicenseRef-mine"])
def test_an_exception_is_no_licence_and_a_licence_no_exception(written: str) -> None:
    with pytest.raises(InputRefused, match="LICENCE_NOT_SPDX"):
        normalise(written)


def test_an_expression_with_more_ways_than_anybody_reads_is_refused() -> None:
    many = " AND ".join(f"(LicenseRef-a{n} OR LicenseRef-b{n})" for n in range(20))
    with pytest.raises(InputRefused, match="LICENCE_TOO_BRANCHED"):
        normalise(many)
