"""A real OPA with the signed bundle: what it allows, what it refuses, and that nothing else ever allows."""

from __future__ import annotations

import http.server
import io
import json
import subprocess
import tarfile
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from activities.policy.bundle import Bundle, build_bundle, policy_revision
from activities.policy.client import PolicyClient
from activities.policy.opa import find_opa
from assay.contracts.errors import InputRefused, NotFound, PolicyUndefined, Unavailable
from registry import BlobStore
from stack.keys import ensure_keys

from .conftest import OpaServer, StartOpa

DIGEST = "sha256:" + "a" * 64
ALLOWED: dict[str, Any] = {
    "revision": 1,
    "pairs": [
        {
            "tenant": "acme",
            "model": "helpdesk",
            "use": "stable",
            "base_digest": DIGEST,
            "version": None,
            "incidents": [],
        }
    ],
}


def test_allows_and_names_the_policy_that_did(opa: OpaServer, bundle: Bundle, blobs: BlobStore) -> None:
    decision = PolicyClient(opa.url, blobs).decide("routes", ALLOWED).decision
    assert decision.allow
    assert decision.violations == ()
    assert decision.policy_revision == bundle.revision == policy_revision()
    assert json.loads(blobs.get(decision.input)) == ALLOWED


def test_refuses_with_code_sentence_and_remedy(opa: OpaServer, blobs: BlobStore) -> None:
    decision = PolicyClient(opa.url, blobs).decide("routes", {**ALLOWED, "revision": None}).decision
    assert not decision.allow
    assert [v.code for v in decision.violations] == ["ROUTE_FACTS_MISSING"]
    assert decision.violations[0].msg
    assert decision.violations[0].remedy


def test_opa_eval_repeats_the_decision_from_what_was_stored(
    opa: OpaServer, bundle: Bundle, blobs: BlobStore, tmp_path: Path
) -> None:
    answer = PolicyClient(opa.url, blobs).decide("training", {"tenant": "acme"})
    question = blobs.fetch_file(answer.decision.input, tmp_path / "input.json")
    command = [str(find_opa()), "eval", "--bundle", str(bundle.path), "--input", str(question), "--format", "values"]
    command.append("data.assay.training.decision")
    repeated = subprocess.run(command, capture_output=True, check=True, timeout=60).stdout
    assert json.loads(repeated)[0] == answer.document


def test_every_row_gets_a_verdict(opa: OpaServer, blobs: BlobStore) -> None:
    facts = {"rows": [{"row_id": f"sha256:{n:064x}"} for n in range(300)]}
    document = PolicyClient(opa.url, blobs).decide("intake", facts).document
    assert [row["row_id"] for row in document["rows"]] == [row["row_id"] for row in facts["rows"]]
    assert {row["action"] for row in document["rows"]} == {"refuse"}


def test_bundle_with_one_changed_byte_decides_nothing(
    start_opa: StartOpa, bundle: Bundle, blobs: BlobStore, tmp_path: Path
) -> None:
    forged = tmp_path / "forged.tar.gz"
    _repack(bundle.path, forged, "/assay/routes/routes.rego", lambda text: text.replace(b"== true", b"== null", 1))
    server = start_opa(forged)
    assert not server.ready
    assert "digest mismatch" in server.log.read_text("utf-8")
    with pytest.raises((Unavailable, PolicyUndefined)):
        PolicyClient(server.url, blobs).decide("routes", ALLOWED)


def test_bundle_signed_by_another_key_decides_nothing(start_opa: StartOpa, blobs: BlobStore, tmp_path: Path) -> None:
    foreign = build_bundle(tmp_path / "foreign.tar.gz", ensure_keys(tmp_path) / "policy.pem")
    server = start_opa(foreign.path)
    assert not server.ready
    with pytest.raises((Unavailable, PolicyUndefined)):
        PolicyClient(server.url, blobs).decide("routes", ALLOWED)


def test_nobody_writes_policies_or_reads_data_past_the_gates(opa: OpaServer) -> None:
    for method, path in (("PUT", "policies/x"), ("PATCH", "data/tunables"), ("GET", "data/tunables")):
        request = urllib.request.Request(f"{opa.url}/v1/{path}", data=b"[]", method=method)
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(request, timeout=5)


def test_decision_log_shows_no_person(opa: OpaServer, blobs: BlobStore) -> None:
    client = PolicyClient(opa.url, blobs)
    decision = client.decide("training", {"requested_by": "zoe@acme.example"}).decision
    logged = [line for line in opa.log.read_text("utf-8").splitlines() if decision.decision_id in line]
    assert len(logged) == 1
    assert "zoe" not in logged[0]
    assert json.loads(logged[0])["input"] == {"requested_by": "masked"}


def test_opa_that_is_down_is_unavailable(blobs: BlobStore, free_port: Callable[[], int]) -> None:
    with pytest.raises(Unavailable, match="OPA_UNREACHABLE"):
        PolicyClient(f"http://127.0.0.1:{free_port()}", blobs).decide("routes", ALLOWED)


@contextmanager
def answering(status: int, body: bytes, delay: threading.Event | None = None) -> Iterator[str]:
    """A server that answers every question with the same bytes, or not before `delay` is set."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            if delay is not None:
                delay.wait(10)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            if delay is not None:
                delay.set()
            server.shutdown()


def said(**changes: object) -> bytes:
    whole: dict[str, object] = {
        "decision_id": "d",
        "provenance": {"bundles": {"assay": {"revision": DIGEST}}},
        "result": {"allow": True, "violations": [], "warnings": []},
    }
    return json.dumps({k: v for k, v in (whole | changes).items() if v is not None}).encode()


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"[]",
        b"true",
        b'{"result": true}',
        said(result=None),
        said(result={}),
        said(result={"allow": "true", "violations": [], "warnings": []}),
        said(result={"allow": True}),
        said(provenance=None),
        said(provenance={"bundles": {}}),
        said(decision_id=None),
    ],
)
def test_answer_that_is_no_decision_is_undefined(blobs: BlobStore, body: bytes) -> None:
    with answering(200, body) as url, pytest.raises(PolicyUndefined):
        PolicyClient(url, blobs).decide("routes", ALLOWED)


def test_allow_beside_violations_is_no_allow(blobs: BlobStore) -> None:
    violation = {"code": "X", "msg": "m", "remedy": "r", "overridable": False}
    with answering(200, said(result={"allow": True, "violations": [violation], "warnings": []})) as url:
        assert not PolicyClient(url, blobs).decide("routes", ALLOWED).decision.allow


@pytest.mark.parametrize(("status", "body"), [(500, b"{}"), (401, b"{}"), (404, b"gone"), (200, b"<html>")])
def test_answer_of_something_else_is_unavailable(blobs: BlobStore, status: int, body: bytes) -> None:
    with answering(status, body) as url, pytest.raises(Unavailable):
        PolicyClient(url, blobs).decide("routes", ALLOWED)


def test_slow_opa_is_unavailable(blobs: BlobStore) -> None:
    with answering(200, said(), threading.Event()) as url, pytest.raises(Unavailable, match="OPA_UNREACHABLE"):
        PolicyClient(url, blobs, timeout=0.2).decide("routes", ALLOWED)


@pytest.mark.parametrize("url", ["127.0.0.1:8181", "ftp://opa", "http://host:1/prefix", "http://host:port"])
def test_malformed_url_is_refused_before_any_question(blobs: BlobStore, url: str) -> None:
    with pytest.raises(InputRefused, match="OPA_URL_MALFORMED"):
        PolicyClient(url, blobs)


def test_facts_that_json_cannot_say_are_refused(blobs: BlobStore) -> None:
    with pytest.raises(InputRefused, match="FACTS_MALFORMED"):
        PolicyClient("http://127.0.0.1:1", blobs).decide("routes", {"share": float("nan")})


def test_malformed_policies_build_no_bundle(tmp_path: Path, policy_key: Path) -> None:
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "broken.rego").write_text("package broken\nallow if", encoding="utf-8")
    with pytest.raises(InputRefused, match="POLICIES_MALFORMED"):
        build_bundle(tmp_path / "bundle.tar.gz", policy_key, policies=folder)
    assert not (tmp_path / "bundle.tar.gz").exists()


def test_named_binary_that_is_no_opa_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ASSAY_OPA", str(tmp_path / "opa"))
    with pytest.raises(NotFound, match=r"OPA_MISSING.*ASSAY_OPA"):
        find_opa()
    (tmp_path / "opa").write_text("#!/bin/sh\necho Version: 0.70.0\n", encoding="utf-8")
    (tmp_path / "opa").chmod(0o755)
    with pytest.raises(NotFound, match=r"OPA_VERSION_UNFIT.*0\.70\.0"):
        find_opa()


def _repack(source: Path, target: Path, name: str, change: Any) -> None:
    with tarfile.open(source) as old, tarfile.open(target, "w:gz") as new:
        for member in old.getmembers():
            file = old.extractfile(member)
            assert file is not None
            before = file.read()
            after = change(before) if member.name == name else before
            assert (before != after) == (member.name == name)
            member.size = len(after)
            new.addfile(member, io.BytesIO(after))
