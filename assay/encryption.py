"""Payloads in Temporal, encrypted: inputs, results, heartbeats, updates, signals, queries, memos, failures.

AES-256-GCM with a fresh 96-bit nonce for each payload and the key's id as associated data. The first key encrypts,
every key decrypts, so a key is changed by putting a new one first (`docs/encryption.md`).

What cannot be decrypted is not an exception here: inside a worker it would fail the whole workflow task, and one client
with an old key could stop a promotion by trying to approve it. It is handed on as `UNREADABLE`, and the converter
refuses it where it is used: an update is rejected, a signal dropped, a client told, a workflow waits for the key.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from temporalio.api.common.v1 import Payload
from temporalio.converter import PayloadCodec

from assay.contracts.errors import InputRefused, IntegrityRefused

if TYPE_CHECKING:
    from assay.settings import Settings

ENCRYPTED: Final = b"binary/encrypted"
CIPHER: Final = b"AES-256-GCM"
UNREADABLE: Final = "assay-unreadable"
"""Metadata of a payload that could not be decrypted: why. Only ever set on this side, and never believed for more."""
_KEY_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_NONCE_BYTES: Final = 12
_KEY_BYTES: Final = 32


def parse_keys(text: str) -> dict[str, bytes]:
    """Keys by id, in the order given, from `id:base64 of 32 bytes` joined by commas.

    Raises InputRefused (`PAYLOAD_KEY_MALFORMED`), which never repeats what was given.
    """
    keys: dict[str, bytes] = {}
    for number, entry in enumerate(text.split(","), 1):
        id_, _, encoded = entry.strip().partition(":")
        try:
            key = base64.b64decode(encoded.replace("-", "+").replace("_", "/"), validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if not _KEY_ID.fullmatch(id_) or len(key) != _KEY_BYTES or id_ in keys:
            raise InputRefused(
                "PAYLOAD_KEY_MALFORMED",
                f"entry {number} of ASSAY_PAYLOAD_KEYS is no key, or its id is given twice",
                "write id:base64 of 32 bytes, several joined by commas; `assay keys payload` makes one",
            )
        keys[id_] = key
    return keys


class EncryptionCodec(PayloadCodec):
    """Encrypts every payload with the first key; decrypts with the one that a payload names.

    `strict` refuses payloads that are not encrypted; otherwise they pass: `temporal workflow start` needs no key.
    """

    def __init__(self, keys: dict[str, bytes], *, strict: bool = False) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # not for those who have no key

        self._current = next(iter(keys))
        self._ciphers = {id_: AESGCM(key) for id_, key in keys.items()}
        self._strict = strict

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Each payload, whole, as one encrypted payload."""
        return [self._encrypt(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Each payload as it was, or marked `UNREADABLE`."""
        return [self._decrypt(payload) for payload in payloads]

    def _encrypt(self, payload: Payload) -> Payload:
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._ciphers[self._current].encrypt(nonce, payload.SerializeToString(), _bound_to(self._current))
        metadata = {"encoding": ENCRYPTED, "encryption-cipher": CIPHER, "encryption-key-id": self._current.encode()}
        return Payload(metadata=metadata, data=nonce + sealed)

    def _decrypt(self, payload: Payload) -> Payload:
        from cryptography.exceptions import InvalidTag

        if payload.metadata.get("encoding") != ENCRYPTED:
            return _unreadable(payload, "unencrypted") if self._strict else payload
        id_ = payload.metadata.get("encryption-key-id", b"").decode("ascii", "replace")
        cipher = self._ciphers.get(id_)
        if cipher is None or payload.metadata.get("encryption-cipher") != CIPHER:
            return _unreadable(payload, "key")
        nonce, sealed = payload.data[:_NONCE_BYTES], payload.data[_NONCE_BYTES:]
        try:
            return Payload.FromString(cipher.decrypt(nonce, sealed, _bound_to(id_)))
        except (InvalidTag, ValueError):
            return _unreadable(payload, "tampered")


def codec_of(settings: Settings) -> EncryptionCodec | None:
    """The codec that the settings ask for; None without a key.

    Raises InputRefused (`PAYLOAD_KEY_MALFORMED`, `PAYLOAD_KEY_MISSING` when strict without a key).
    """
    text = settings.payload_keys.get_secret_value() if settings.payload_keys else ""
    if text.strip():
        return EncryptionCodec(parse_keys(text), strict=settings.payload_strict)
    if settings.payload_strict:
        raise InputRefused(
            "PAYLOAD_KEY_MISSING",
            "ASSAY_PAYLOAD_STRICT asks for encrypted payloads, and there is no key",
            "set ASSAY_PAYLOAD_KEYS; `assay keys payload` makes a key",
        )
    return None


def refuse_unreadable(payload: Payload) -> None:
    """Let plain payloads pass.

    Raises IntegrityRefused (`PAYLOAD_KEY_UNKNOWN`, `PAYLOAD_TAMPERED`, `PAYLOAD_UNENCRYPTED`).
    """
    why = payload.metadata.get(UNREADABLE)
    if payload.metadata.get("encoding") != ENCRYPTED and why is None:
        return
    if why == b"unencrypted":
        raise IntegrityRefused(
            "PAYLOAD_UNENCRYPTED",
            "a payload is not encrypted, and ASSAY_PAYLOAD_STRICT takes encrypted ones only",
            "send it through the typed client, or encode it with the codec server first",
        )
    if why == b"tampered":
        raise IntegrityRefused(
            "PAYLOAD_TAMPERED",
            "a payload does not decrypt under the key that it names: other bytes, or another key of that id",
            "compare ASSAY_PAYLOAD_KEYS of both sides; if they are equal, somebody changed the payload",
        )
    id_ = payload.metadata.get("encryption-key-id", b"")
    named = id_.decode("ascii", "replace") if _KEY_ID.fullmatch(id_.decode("ascii", "replace")) else "of no known form"
    raise IntegrityRefused(
        "PAYLOAD_KEY_UNKNOWN",
        f"a payload is encrypted with key {named}, which is not among the keys here",
        "add that key to ASSAY_PAYLOAD_KEYS, behind the one in use; what waits goes on by itself",
    )


def _bound_to(key_id: str) -> bytes:
    """Associated data. Not the workflow's id: the codec server of CLI and UI is never told it."""
    return b"assay/payload/1\0" + key_id.encode()


def _unreadable(payload: Payload, why: str) -> Payload:
    marked = Payload()
    marked.CopyFrom(payload)
    marked.metadata[UNREADABLE] = why.encode()
    return marked
