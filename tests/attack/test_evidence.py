"""Somebody wants a gate to say yes, or to have said it: forged policies, replayed statements, foreign decisions."""

from __future__ import annotations

import base64
import gzip
import io
import json
import subprocess
import tarfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.dsse import Envelope

from activities.policy.bundle import build_bundle
from activities.policy.catalogue import GATES
from activities.policy.client import PolicyClient
from activities.policy.config import server_arguments, server_config
from activities.signing.activity import SigningActivities
from activities.signing.envelope import open_envelope, sign_statement
from activities.signing.statements import EVALUATION, PROVENANCE, SUMMARY, Statement, Subject
from activities.signing.verifier import AllOf, Evidence, Stated
from activities.signing.version import REQUIRED
from assay.contracts.errors import AssayError, IntegrityRefused, PolicyUndefined, Unavailable
from assay.contracts.policy import Decision
from assay.contracts.promotion import CardDraft, PinnedPromotion, PromotionCase, SignedVersion
from assay.settings import Settings
from registry import BlobStore, Registry
from stack.keys import ensure_keys

from .conftest import Opa
from .promoting import ADAPTER, CHOSEN, Yes, ref, sha

Files = dict[str, bytes]


def unpacked(bundle: Path) -> Files:
    with tarfile.open(bundle) as archive:
        return {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr]


def packed(files: Files, target: Path) -> Path:
    with tarfile.open(target, "w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return target


def replaced(name: str, old: bytes, new: bytes) -> Callable[[Files], Files]:
    def change(files: Files) -> Files:
        [found] = [each for each in files if each.endswith(name)]
        assert old in files[found]
        return {**files, found: files[found].replace(old, new, 1)}

    return change


def without_signatures(files: Files) -> Files:
    return {name: content for name, content in files.items() if not name.endswith(".signatures.json")}


def algorithm_none(files: Files) -> Files:
    """The old trick on JSON Web Tokens."""
    [name] = [each for each in files if each.endswith(".signatures.json")]
    token = json.loads(files[name])["signatures"][0]
    _, payload, _ = token.split(".")
    header = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    return {**files, name: json.dumps({"signatures": [f"{header}.{payload}."]}).encode()}


BUNDLES: dict[str, Callable[[Files], Files]] = {
    "a byte of a rule": replaced("/routes/routes.rego", b"== true", b"== null"),
    "a comment of a rule": replaced("/routes/routes.rego", b"Routes gate", b"Rootes gate"),
    "a byte of the data": replaced("data.json", b"quorum", b"quorun"),
    "its revision": replaced(".manifest", b"sha256:", b"sha257:"),
    "a file more": lambda files: {**files, "/assay/release/more.rego": b"package assay.release\n\nallow := true\n"},
    "a file less": lambda files: {n: c for n, c in files.items() if not n.endswith("/release/release.rego")},
    "no signatures": without_signatures,
    "empty signatures": lambda files: {**without_signatures(files), "/.signatures.json": b'{"signatures": []}'},
    "algorithm none": algorithm_none,
}


@pytest.fixture
def opa_with(
    tmp_path: Path, opa: Opa, opa_binary: Path, free_port: Callable[[], int]
) -> Iterator[Callable[[Path], str]]:
    """Start a real OPA on a bundle that it must refuse; its address when it has said so."""
    started: list[subprocess.Popen[bytes]] = []

    def start(bundle: Path) -> str:
        config, log = tmp_path / "opa.json", tmp_path / "opa.log"
        config.write_text(server_config(bundle, opa.home / "keys" / "policy.pub.pem"), "utf-8")
        port, diagnostics = free_port(), free_port()
        with log.open("wb") as output:
            command = [str(opa_binary), *server_arguments(config, port, diagnostics)]
            started.append(subprocess.Popen(command, stdout=output, stderr=output))
        deadline = time.monotonic() + 30
        while b"Bundle load failed" not in log.read_bytes():
            assert time.monotonic() < deadline, log.read_text("utf-8")
            assert not _healthy(diagnostics)
            time.sleep(0.05)
        return f"http://127.0.0.1:{port}"

    yield start
    for process in started:
        process.terminate()
        process.wait(10)


def _healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health?bundles", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@pytest.mark.parametrize("change", BUNDLES.values(), ids=BUNDLES.keys())
def test_a_forged_bundle_decides_nothing(
    opa: Opa, opa_with: Callable[[Path], str], tmp_path: Path, change: Callable[[Files], Files]
) -> None:
    url = opa_with(packed(change(unpacked(opa.bundle.path)), tmp_path / "forged.tar.gz"))
    client = PolicyClient(url, BlobStore.open((tmp_path / "blobs").as_uri()))
    for gate in GATES:
        with pytest.raises((PolicyUndefined, Unavailable)):
            client.decide(gate, {})


@pytest.mark.parametrize("change", ["another key", "a byte of the archive", "no archive", "empty"])
def test_a_bundle_of_somebody_else_decides_nothing(
    opa: Opa, opa_with: Callable[[Path], str], tmp_path: Path, change: str
) -> None:
    target = tmp_path / "forged.tar.gz"
    if change == "another key":
        build_bundle(target, ensure_keys(tmp_path) / "policy.pem")
    elif change == "a byte of the archive":
        plain = bytearray(gzip.decompress(opa.bundle.path.read_bytes()))
        plain[plain.index(b"package assay.release")] ^= 1
        target.write_bytes(gzip.compress(bytes(plain)))
    else:
        target.write_bytes(b"no archive" if change == "no archive" else b"")
    client = PolicyClient(opa_with(target), BlobStore.open((tmp_path / "blobs").as_uri()))
    with pytest.raises((PolicyUndefined, Unavailable)):
        client.decide("release", {})


FACTS: dict[str, Any] = {
    "nothing": {},
    "null": {"approvals": None, "overrides": None, "evaluation": None},
    "says that it is allowed": {"allow": True, "decision": {"allow": True, "violations": []}, "result": True},
    "other types": {"approvals": {"a": 1}, "overrides": "x", "evaluation": [], "signature": True, "now": 7},
    "thousands of approvals": {"approvals": [{"reviewer": f"p{n}", "role": "owner"} for n in range(5000)]},
    "deep": json.loads('{"a":' * 200 + "1" + "}" * 200),
    "keys of the policy": {"data": {"tunables": {"quorum": {"people": 0}}}, "tunables": {}},
}


@pytest.mark.parametrize("facts", FACTS.values(), ids=FACTS.keys())
@pytest.mark.parametrize("gate", GATES)
def test_no_facts_open_a_gate(opa: Opa, tmp_path: Path, gate: Any, facts: dict[str, Any]) -> None:
    client = PolicyClient(opa.url, BlobStore.open((tmp_path / "blobs").as_uri()))
    try:
        assert not client.decide(gate, facts).decision.allow
    except AssayError as refused:
        assert refused.code.startswith(("POLICY_", "OPA_", "FACTS_"))  # noqa: PT017  # either is a no


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/v1/policies/x", b"package assay.release\n\ndecision := true"),
        ("DELETE", "/v1/policies/assay/release/release.rego", None),
        ("PUT", "/v1/data/tunables/quorum/people", b"0"),
        ("PATCH", "/v1/data/tunables", b'[{"op": "replace", "path": "/quorum/people", "value": 0}]'),
        ("GET", "/v1/data", None),
        ("GET", "/v1/policies", None),
        ("POST", "/v1/query", b'{"query": "x = opa.runtime()"}'),
        ("POST", "/v1/compile", b'{"query": "true"}'),
        ("GET", "/v1/config", None),
        ("GET", "/v1/status", None),
        ("POST", "/v1/data/system/authz", b"{}"),
        ("POST", "/v1/data/assay/release/decision/../../../tunables", b"{}"),
        ("POST", "/v0/data/assay/release/decision", b"{}"),
        ("POST", "/", b"{}"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_opa_answers_gates_and_nothing_else(opa: Opa, method: str, path: str, body: bytes | None) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(urllib.request.Request(opa.url + path, data=body, method=method), timeout=5)
    assert refused.value.code in (401, 404, 405)
    assert b"quorum" not in refused.value.read()


def statement(kind: str = PROVENANCE, digest: str = ADAPTER, **predicate: Any) -> Statement:
    subject = Subject(name="acme/helpdesk", digest={"sha256": digest.removeprefix("sha256:")})
    return Statement(subject=(subject,), predicate_type=kind, predicate=predicate)


@pytest.fixture
def signing(home: Path) -> Path:
    return home / "keys" / "signing.pem"


def test_a_statement_about_another_digest_proves_nothing(home: Path, signing: Path) -> None:
    public = home / "keys" / "signing.pub.pem"
    foreign = [
        open_envelope(sign_statement(statement(kind, sha("9")), signing), public) for kind in (PROVENANCE, EVALUATION)
    ]
    with pytest.raises(IntegrityRefused, match="STATEMENT_MISSING"):
        REQUIRED.check(Evidence(ADAPTER, foreign))
    twice = [open_envelope(sign_statement(statement(PROVENANCE), signing), public)] * 2
    with pytest.raises(IntegrityRefused, match="STATEMENT_MISSING"):
        REQUIRED.check(Evidence(ADAPTER, twice))
    refused = [statement(SUMMARY, verificationResult="FAILED")]
    passed = Stated(SUMMARY, lambda said: said.predicate.get("verificationResult") == "PASSED")
    with pytest.raises(IntegrityRefused, match="STATEMENT_MISSING"):
        AllOf([passed]).check(Evidence(ADAPTER, refused))


def _changed(envelope: bytes, **changes: Any) -> bytes:
    return json.dumps({**json.loads(envelope), **changes}).encode()


def _payload(**changes: Any) -> str:
    said = json.loads(statement().payload()) | changes
    return base64.b64encode(json.dumps(said).encode()).decode()


ENVELOPES: dict[str, Callable[[bytes], bytes]] = {
    "another payload": lambda envelope: _changed(envelope, payload=_payload(predicate={"x": 1})),
    "another subject": lambda envelope: _changed(envelope, payload=_payload(subject=[])),
    "another type": lambda envelope: _changed(envelope, payloadType="text/plain"),
    "no signature": lambda envelope: _changed(envelope, signatures=[]),
    "a signature that is none": lambda envelope: _changed(envelope, signatures=[{"keyid": "", "sig": "AAAA"}]),
    "cut": lambda envelope: envelope[:-10],
    "list": lambda _: b"[]",
    "number": lambda _: b"1",
    "text": lambda _: b'"x"',
    "null": lambda _: b"null",
    "empty": lambda _: b"",
    "deep": lambda _: b"[" * 100_000,
    "bytes": lambda _: b"\xff\xfe",
    "signatures are text": lambda envelope: _changed(envelope, signatures="x"),
    "payload is a number": lambda envelope: _changed(envelope, payload=1),
}


@pytest.mark.parametrize("change", ENVELOPES.values(), ids=ENVELOPES.keys())
def test_no_other_envelope_opens(home: Path, signing: Path, change: Callable[[bytes], bytes]) -> None:
    public = home / "keys" / "signing.pub.pem"
    envelope = sign_statement(statement(), signing)
    assert open_envelope(envelope, public) == statement()
    with pytest.raises(IntegrityRefused, match="STATEMENT_INVALID"):
        open_envelope(change(envelope), public)


def test_what_was_signed_for_another_purpose_is_no_statement(home: Path, signing: Path) -> None:
    """The same key signs weights: an envelope of another type does not become a statement by being renamed."""
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from securesystemslib.signer import CryptoSigner  # type: ignore[attr-defined]  # public, but has no __all__

    envelope = Envelope(statement().payload(), "application/other", {})
    envelope.sign(CryptoSigner(load_pem_private_key(signing.read_bytes(), password=None)))
    renamed = json.dumps({**envelope.to_dict(), "payloadType": "application/vnd.in-toto+json"}).encode()
    with pytest.raises(IntegrityRefused, match="STATEMENT_INVALID"):
        open_envelope(renamed, home / "keys" / "signing.pub.pem")


@pytest.fixture
async def case() -> PromotionCase:
    from assay.contracts.promotion import PromotionRequest

    request: PinnedPromotion = await Yes().pin_promotion(
        PromotionRequest(tenant="acme", model="helpdesk", version=1, requested_by="ann")
    )
    version = SignedVersion(digest=ADAPTER, files=CHOSEN.files, signature=ref("7"), statements=(ref("8"),))
    return PromotionCase(request=request, card=CardDraft(card=ref("c"), diff=ref("d")), version=version)


def decision(**changes: Any) -> Decision:
    fields = {"gate": "release", "allow": True, "decision_id": "d1", "policy_revision": sha("2"), "input": ref("3")}
    return Decision.model_validate(fields | changes)


DECISIONS: dict[str, dict[str, Any]] = {
    "one that was never made": {"decision_id": "d9"},
    "a refusal said to be a yes": {"decision_id": "d2", "allow": True},
    "about another input": {"input": ref("4").model_dump()},
    "under another policy": {"policy_revision": sha("5")},
    "of another gate": {"gate": "review"},
    "about another version": {"decision_id": "d3"},
}


@pytest.mark.parametrize("changes", DECISIONS.values(), ids=DECISIONS.keys())
def test_only_what_a_gate_said_about_this_version_is_attested(
    tmp_path: Path, case: PromotionCase, changes: dict[str, Any]
) -> None:
    ensure_keys(tmp_path)
    registry = Registry.open(Settings(home=tmp_path))
    registry.decisions.add(decision(), ADAPTER)
    registry.decisions.add(decision(decision_id="d2", allow=False), ADAPTER)
    registry.decisions.add(decision(decision_id="d3"), sha("9"))
    signing = SigningActivities(Settings(home=tmp_path))
    with pytest.raises(IntegrityRefused, match="DECISION_FOREIGN"):
        signing.attest_decision(case, decision(**changes))
    assert signing.attest_decision(case, decision()).sha256.startswith("sha256:")
    registry.close()
