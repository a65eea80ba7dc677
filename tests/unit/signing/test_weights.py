"""A signature is good for exactly the bytes that were signed, by exactly that key."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from activities.signing.weights import sign_directory, signed_digest, verify_directory
from assay.contracts.errors import IntegrityRefused
from registry.root_digest import root_digest

from .conftest import KeyPair


def test_signed_directory_verifies_and_names_its_root_digest(weights: Path, keys: KeyPair) -> None:
    signature = sign_directory(weights, keys.private)
    assert verify_directory(weights, signature, keys.public) == root_digest(weights) == signed_digest(signature)


def test_one_flipped_bit_is_refused(weights: Path, keys: KeyPair) -> None:
    signature = sign_directory(weights, keys.private)
    file = weights / "adapter_model.safetensors"
    data = bytearray(file.read_bytes())
    data[100] ^= 1
    file.write_bytes(data)
    with pytest.raises(IntegrityRefused, match=r"SIGNATURE_INVALID.*adapter_model\.safetensors"):
        verify_directory(weights, signature, keys.public)


@pytest.mark.parametrize("name", ["extra.json", ".gitignore", "nested/extra.bin"])
def test_extra_file_is_refused(weights: Path, keys: KeyPair, name: str) -> None:
    signature = sign_directory(weights, keys.private)
    (weights / name).parent.mkdir(exist_ok=True)
    (weights / name).write_bytes(b"x")
    with pytest.raises(IntegrityRefused, match="SIGNATURE_INVALID"):
        verify_directory(weights, signature, keys.public)


def test_missing_file_is_refused(weights: Path, keys: KeyPair) -> None:
    signature = sign_directory(weights, keys.private)
    (weights / "adapter_config.json").unlink()
    with pytest.raises(IntegrityRefused, match=r"SIGNATURE_INVALID.*Missing"):
        verify_directory(weights, signature, keys.public)


def test_other_key_is_refused(weights: Path, keys: KeyPair, other_keys: KeyPair) -> None:
    signature = sign_directory(weights, other_keys.private)
    with pytest.raises(IntegrityRefused, match=r"SIGNATURE_INVALID.*Key mismatch"):
        verify_directory(weights, signature, keys.public)


def test_link_is_refused_even_to_the_same_bytes(weights: Path, keys: KeyPair, tmp_path: Path) -> None:
    signature = sign_directory(weights, keys.private)
    file = weights / "adapter_config.json"
    file.rename(tmp_path / "elsewhere.json")
    file.symlink_to(tmp_path / "elsewhere.json")
    with pytest.raises(IntegrityRefused, match="TREE_SYMLINK"):
        verify_directory(weights, signature, keys.public)


@pytest.mark.parametrize("junk", [b"", b"{}", b"[]", b"not json", b'{"dsseEnvelope": {"payload": "e30="}}'])
def test_junk_is_no_signature(weights: Path, keys: KeyPair, junk: bytes) -> None:
    with pytest.raises(IntegrityRefused, match="SIGNATURE_INVALID"):
        verify_directory(weights, junk, keys.public)
    with pytest.raises(IntegrityRefused, match="SIGNATURE_MALFORMED"):
        signed_digest(junk)


def test_file_that_signatures_leave_out_cannot_be_signed(weights: Path, keys: KeyPair) -> None:
    (weights / ".gitattributes").write_text("*", encoding="utf-8")
    with pytest.raises(IntegrityRefused, match="SIGNING_FAILED"):
        sign_directory(weights, keys.private)


def test_the_library_s_own_command_verifies_it(weights: Path, keys: KeyPair, tmp_path: Path) -> None:
    signature = tmp_path / "model.sig"
    signature.write_bytes(sign_directory(weights, keys.private))
    command = [sys.executable, "-m", "model_signing", "verify", "key", str(weights)]
    command += ["--signature", str(signature), "--public_key", str(keys.public)]
    assert subprocess.run(command, capture_output=True, check=False, timeout=60).returncode == 0
    (weights / "adapter_config.json").write_text("{}", encoding="utf-8")
    assert subprocess.run(command, capture_output=True, check=False, timeout=60).returncode == 1
