"""Workers take TLS and keys from Temporal's own configuration, but only towards an address that somebody set."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.settings import Settings
from workers.run import connection

PROFILE = """
[profile.default]
address = "elsewhere:7233"
namespace = "elsewhere"
api_key = "key-of-the-cloud"

[profile.default.tls]
server_name = "cloud"
"""


@pytest.fixture(autouse=True)
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user's configuration of Temporal's clients."""
    file = tmp_path / "temporal.toml"
    file.write_text(PROFILE)
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", str(file))


def test_a_cluster_is_reached_with_tls_and_key_at_our_address() -> None:
    found = connection(Settings(temporal_address="cluster:7233", temporal_namespace="assay"))
    assert (found["target_host"], found["namespace"], found["api_key"]) == ("cluster:7233", "assay", "key-of-the-cloud")
    assert found["tls"]


def test_the_local_server_never_sees_the_key() -> None:
    found = connection(Settings(temporal_address=None))
    assert found == {"target_host": "127.0.0.1:7233", "namespace": "default"}
