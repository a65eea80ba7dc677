"""A real OPA with the signed bundle of this checkout, as the stack starts it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from activities.policy.bundle import build_bundle
from activities.policy.config import server_arguments, server_config
from activities.policy.opa import find_opa
from benchmarks.processes import answers, running
from stack.keys import ensure_keys
from stack.ports import free_ports


@contextmanager
def started_opa(home: Path) -> Iterator[str]:
    """Its base URL; keys and bundle are made in `home`."""
    keys, opa = ensure_keys(home), find_opa()
    bundle = build_bundle(home / "bundle.tar.gz", keys / "policy.pem", opa=opa)
    config, log = home / "opa.json", home / "opa.log"
    config.write_text(server_config(bundle.path, keys / "policy.pub.pem"), "utf-8")
    port, diagnostics = free_ports(2)
    with running([str(opa), *server_arguments(config, port, diagnostics)], log):
        answers(f"http://127.0.0.1:{diagnostics}/health?bundles", log)
        yield f"http://127.0.0.1:{port}"
