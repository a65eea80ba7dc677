"""One tenant cannot take the places of all."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from serving.gateway.admission import Admission
from serving.gateway.errors import Refusal


def test_a_tenant_is_refused_beyond_its_share_while_others_come_in() -> None:
    admission = Admission(most=4, most_per_tenant=2)
    with ExitStack() as held:
        for tenant in ("acme", "acme", "globex"):
            held.enter_context(admission.enter(tenant))
        with pytest.raises(Refusal, match="rate_limit_exceeded") as caught, admission.enter("acme"):
            pass
        assert caught.value.retry_after == 1
        with admission.enter("globex"), pytest.raises(Refusal), admission.enter("initech"):
            pass
    assert admission.total == 0


def test_places_come_back_after_a_failure() -> None:
    admission = Admission(most=1, most_per_tenant=1)
    with pytest.raises(RuntimeError), admission.enter("acme"):
        raise RuntimeError
    with admission.enter("acme"):
        assert admission.total == 1
