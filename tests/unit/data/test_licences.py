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
