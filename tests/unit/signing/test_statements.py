"""Statements keep their bytes, envelopes open for one key, verifying policies compose and are never empty."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from hypothesis import given
from hypothesis import strategies as st
from securesystemslib.dsse import Envelope
from securesystemslib.signer import CryptoSigner  # type: ignore[attr-defined]  # public, but has no __all__

from activities.signing.envelope import open_envelope, payload_of, sign_statement
from activities.signing.pickles import refuse_pickles
from activities.signing.statements import Statement, Subject
from activities.signing.verifier import AllOf, AnyOf, Evidence, Policy, Stated
from assay.contracts.errors import InputRefused, IntegrityRefused

from .conftest import KeyPair

DIGEST = "sha256:" + "a" * 64
OTHER = "sha256:" + "b" * 64
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def statement(predicate_type: str = "urn:test:a", digest: str = DIGEST, **predicate: object) -> Statement:
    subject = Subject(name="acme/helpdesk", digest={"sha256": digest.removeprefix("sha256:")})
    return Statement(subject=(subject,), predicate_type=predicate_type, predicate=predicate)


@given(st.dictionaries(st.text(), JSON, max_size=4))
def test_parsing_gives_the_same_bytes_again(predicate: dict[str, object]) -> None:
    subject = Subject(name="acme/helpdesk", digest={"sha256": "a" * 64})
    payload = Statement(subject=(subject,), predicate_type="urn:test:a", predicate=predicate).payload()
    assert Statement.parse(payload).payload() == payload


def test_envelope_opens_for_its_key(keys: KeyPair) -> None:
    said = statement(result="good")
    envelope = sign_statement(said, keys.private)
    assert open_envelope(envelope, keys.public) == said
    assert payload_of(envelope) == said.payload()


def test_envelope_is_plain_dsse(keys: KeyPair) -> None:
    """Somebody else's reader: the signature is ECDSA over the pre-authentication encoding of DSSE v1."""
    envelope = sign_statement(statement(), keys.private)
    document = json.loads(envelope)
    assert document["payloadType"] == "application/vnd.in-toto+json"
    assert json.loads(base64.b64decode(document["payload"]))["_type"] == "https://in-toto.io/Statement/v1"
    payload = base64.b64decode(document["payload"])
    encoded = b"DSSEv1 28 application/vnd.in-toto+json %d %b" % (len(payload), payload)
    key = load_pem_public_key(keys.public.read_bytes())
    assert isinstance(key, ec.EllipticCurvePublicKey)
    key.verify(base64.b64decode(document["signatures"][0]["sig"]), encoded, ec.ECDSA(hashes.SHA256()))


def test_envelope_by_another_key_is_refused(keys: KeyPair, other_keys: KeyPair) -> None:
    with pytest.raises(IntegrityRefused, match="STATEMENT_INVALID"):
        open_envelope(sign_statement(statement(), other_keys.private), keys.public)


def test_changed_payload_is_refused(keys: KeyPair) -> None:
    document = json.loads(sign_statement(statement(result="bad"), keys.private))
    document["payload"] = base64.b64encode(statement(result="good").payload()).decode()
    with pytest.raises(IntegrityRefused, match="STATEMENT_INVALID"):
        open_envelope(json.dumps(document).encode(), keys.public)


@pytest.mark.parametrize("junk", [b"", b"[]", b"{}", b'{"payload": "", "payloadType": "x", "signatures": []}', b"\xff"])
def test_junk_is_no_envelope(keys: KeyPair, junk: bytes) -> None:
    with pytest.raises(IntegrityRefused, match="STATEMENT_INVALID"):
        open_envelope(junk, keys.public)


def test_signed_bytes_that_are_no_statement_are_refused(keys: KeyPair) -> None:
    envelope = Envelope(b'{"_type": "https://in-toto.io/Statement/v1"}', "application/vnd.in-toto+json", {})
    envelope.sign(CryptoSigner(load_pem_private_key(keys.private.read_bytes(), password=None)))
    with pytest.raises(IntegrityRefused, match="STATEMENT_INVALID"):
        open_envelope(json.dumps(envelope.to_dict()).encode(), keys.public)


A, B = Stated("urn:test:a"), Stated("urn:test:b")


@pytest.mark.parametrize("policy", [A, AllOf([A]), AnyOf([B, A]), AllOf([AnyOf([A, B]), A])])
def test_policy_accepts_what_is_stated(policy: Policy) -> None:
    policy.check(Evidence(DIGEST, [statement()]))
    with pytest.raises(IntegrityRefused):
        policy.check(Evidence(DIGEST, []))


@pytest.mark.parametrize(
    ("policy", "code"),
    [
        (B, "STATEMENT_MISSING"),
        (AllOf([A, B]), "STATEMENT_MISSING"),
        (AnyOf([B]), "NO_POLICY_ACCEPTS"),
        (Stated("urn:test:a", where=lambda said: said.predicate.get("result") == "good"), "STATEMENT_MISSING"),
    ],
)
def test_policy_refuses_what_is_not_stated(policy: Policy, code: str) -> None:
    with pytest.raises(IntegrityRefused, match=code):
        policy.check(Evidence(DIGEST, [statement()]))


def test_statement_about_something_else_does_not_count() -> None:
    with pytest.raises(IntegrityRefused, match="STATEMENT_MISSING"):
        A.check(Evidence(DIGEST, [statement(digest=OTHER)]))


@pytest.mark.parametrize("compose", [AllOf, AnyOf])
def test_empty_set_of_policies_is_refused(compose: type[AllOf] | type[AnyOf]) -> None:
    with pytest.raises(InputRefused, match="POLICY_SET_EMPTY"):
        compose([])


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("model.pt", b"anything"),
        ("model.BIN", b"anything"),
        ("adapter_model.safetensors", b"\x80\x04\x95\x00"),
        ("notes.txt", b"\x80\x02}q\x00."),
        ("deep/er/model.safetensors", b"PK\x05\x06" + bytes(18)),
    ],
)
def test_pickle_is_found_whatever_it_is_called(weights: Path, name: str, data: bytes) -> None:
    (weights / name).parent.mkdir(parents=True, exist_ok=True)
    (weights / name).write_bytes(data)
    with pytest.raises(IntegrityRefused, match=rf"ADAPTER_PICKLE.*{name}"):
        refuse_pickles(weights)


def test_safetensors_and_json_are_no_pickles(weights: Path) -> None:
    refuse_pickles(weights)
    assert len(list(weights.iterdir())) == 2
