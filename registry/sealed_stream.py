"""A file encrypted under a key of its own: AES-256-GCM in chunks, in constant memory.

The STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár, CRYPTO 2015): the nonce of a chunk is its number and
whether it is the last, so that chunks cannot be dropped, repeated or put in another order. There is no randomness in
it: a key encrypts one plaintext only, and the same plaintext under the same key gives the same bytes.

    MAGIC (8 bytes) | chunk: up to 1 MiB, then its tag of 16 bytes | … | last chunk, perhaps empty
"""

from __future__ import annotations

import hashlib
from typing import IO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MAGIC: Final = b"ASSAYSH1"
CHUNK: Final = 1024 * 1024
_TAG: Final = 16


class Broken(Exception):
    """The ciphertext is not what was written under this key."""


def encrypt(key: bytes, source: IO[bytes], target: IO[bytes]) -> str:
    """Write `source` to `target` encrypted; returns the SHA-256 of what was read, hexadecimal."""
    cipher, whole, number = AESGCM(key), hashlib.sha256(), 0
    target.write(MAGIC)
    chunk = source.read(CHUNK)
    while True:
        following = source.read(CHUNK) if len(chunk) == CHUNK else b""
        whole.update(chunk)
        target.write(cipher.encrypt(_nonce(number, last=not following), chunk, MAGIC))
        if not following:
            return whole.hexdigest()
        chunk, number = following, number + 1


def decrypt(key: bytes, source: IO[bytes], target: IO[bytes]) -> None:
    """Write what `encrypt` read. A chunk is checked before it is written. Raises Broken."""
    cipher, number = AESGCM(key), 0
    if source.read(len(MAGIC)) != MAGIC:
        raise Broken
    chunk = source.read(CHUNK + _TAG)
    while True:
        following = source.read(CHUNK + _TAG)
        try:
            target.write(cipher.decrypt(_nonce(number, last=not following), chunk, MAGIC))
        except (InvalidTag, ValueError) as error:  # ValueError: too short to hold a tag
            raise Broken from error
        if not following:
            return
        chunk, number = following, number + 1


def _nonce(number: int, *, last: bool) -> bytes:
    return b"\0" * 7 + number.to_bytes(4, "big") + bytes([last])
