"""Keys of this installation, made at first start: mode 0600, never overwritten."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

EC_KEYS = ("signing", "policy")
"""Model signing and statements; policy bundles. EC P-256, PKCS#8 PEM without a password."""
SECRETS = ("admin", "engine", "subject", "codec", "shards")
"""Control key of gateways and engines; data key of engines; HMAC key of subject hashes; token of the codec server; the
key that wraps the keys of shards. 256 bits each."""


def ensure_keys(home: Path) -> Path:
    """Make what is missing under `{home}/keys`; returns that folder."""
    folder = home / "keys"
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    for name in EC_KEYS:
        _once(folder / f"{name}.pem", _private_pem)
        _once(folder / f"{name}.pub.pem", partial(_public_pem, folder / f"{name}.pem"), mode=0o644)
    for name in SECRETS:
        # Hexadecimal: SGLang makes arguments of its configuration, and one that begins with a dash is no value to it.
        _once(folder / f"{name}.key", lambda: secrets.token_hex(32).encode())
    return folder


def _once(path: Path, make: Callable[[], bytes], mode: int = 0o600) -> None:
    """Write whole or not at all; the first of several writers at once wins."""
    if path.exists():
        return
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=".draft-")  # 0600 from its first byte
    with os.fdopen(handle, "wb") as file:
        file.write(make())
        os.fchmod(handle, mode)
        os.fsync(handle)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        os.unlink(draft)


def _private_pem() -> bytes:
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _public_pem(private: Path) -> bytes:
    key = serialization.load_pem_private_key(private.read_bytes(), password=None)
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
