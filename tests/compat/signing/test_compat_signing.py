"""What any released version signed verifies for ever."""

from __future__ import annotations

from pathlib import Path

import pytest

from activities.signing.envelope import open_envelope
from activities.signing.weights import verify_directory

RELEASES = sorted(path for path in Path(__file__).parent.iterdir() if (path / "model.sig").exists())


def test_there_are_samples() -> None:
    assert [path.name for path in RELEASES][:1] == ["0.1.0"]


@pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.name)
def test_signature_of_a_release_verifies(release: Path) -> None:
    public_key = release / "signing.pub.pem"
    digest = verify_directory(release / "adapter", (release / "model.sig").read_bytes(), public_key)
    statement = open_envelope((release / "statement.dsse.json").read_bytes(), public_key)
    assert statement.subject_digest == digest
