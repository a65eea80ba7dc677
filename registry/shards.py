"""Row shards, encrypted, each with a key of its own that can be destroyed. `docs/decisions/keys-per-shard.md` says why.

A shard's bytes are a blob like any other; its key stands in the registry, wrapped by the installation's shard key
(`keys/shards.key`). Destroying the key makes every copy of the shard unreadable, also those that nobody remembers. The
same plaintext gives the same shard as long as its key lives, so that sealing twice gives one dataset.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import select, update

from assay.contracts.base import Reference
from assay.contracts.errors import InputRefused, IntegrityRefused, NotFound
from registry import sealed_stream
from registry.batches import batched
from registry.blobs import BlobStore
from registry.columns import now
from registry.database import Database
from registry.destroyed import Destroyed
from registry.tables import ShardKeyRow

_NONCE: Final = 12
_HEX_KEY: Final = 64


class ShardStore:
    """Files of rows by the digest of their ciphertext. Plain blobs (`blob:…`), as older datasets have, are read too."""

    def __init__(self, database: Database, blobs: BlobStore, master: Path) -> None:
        """`master` is the file of the shard key, 64 hexadecimal digits; it is read at first use."""
        self._database, self._blobs, self._master = database, blobs, master
        self._destroyed = Destroyed(database)

    def put_file(self, path: Path, owner: str | None = None) -> Reference:
        """Store a file encrypted; `sha256` of the reference is that of the ciphertext.

        `owner` names the intake that makes it: written with the key, so that it can be cleared though nobody was told.

        Raises InputRefused (`FILE_CHANGED`), NotFound (`SHARD_KEY_MISSING`), IntegrityRefused (`SHARD_KEY_OTHER`),
        Unavailable.
        """
        with path.open("rb") as file:
            plain = hashlib.file_digest(file, "sha256").hexdigest()
        while True:
            id_, key = self._key_of(plain, owner)
            with tempfile.TemporaryDirectory(prefix="assay-shard-") as folder:
                sealed = Path(folder, "shard")
                with path.open("rb") as source, sealed.open("wb") as target:
                    read = sealed_stream.encrypt(key, source, target)
                if read != plain:
                    raise InputRefused(
                        "FILE_CHANGED", f"{path.name} changed while it was stored", "store it when it is whole"
                    )
                digest = self._blobs.put_file(sealed).sha256
            if self._name(id_, digest):
                return Reference(uri=digest.replace("sha256:", "shard:"), sha256=digest)
            self._blobs.remove(digest)  # its key was destroyed meanwhile: encrypt under a new one

    def fetch_file(self, reference: Reference, target: Path) -> Path:
        """Write the plaintext to `target`, which appears whole or not at all, mode 0600.

        Raises NotFound (`SHARD_DESTROYED`, `SHARD_UNKNOWN`, `BLOB_UNKNOWN`), IntegrityRefused (`BLOB_TAMPERED`,
        `SHARD_TAMPERED`, `SHARD_KEY_OTHER`), Unavailable.
        """
        if not reference.uri.startswith("shard:"):
            return self._blobs.fetch_file(reference, target)
        key = self._key_for(reference.sha256)
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".fetch-") as folder:
            sealed = self._blobs.fetch_file(reference.sha256, Path(folder, "sealed"))
            plain = Path(folder, "plain")
            with sealed.open("rb") as source, plain.open("wb") as file:
                os.fchmod(file.fileno(), 0o600)
                try:
                    sealed_stream.decrypt(key, source, file)
                except sealed_stream.Broken as error:
                    raise _tampered() from error
                file.flush()
                os.fsync(file.fileno())
            plain.replace(target)
        return target

    def living(self) -> frozenset[str]:
        """Digests of all shards whose key stands."""
        query = select(ShardKeyRow.shard).where(ShardKeyRow.wrapped.is_not(None), ShardKeyRow.shard.is_not(None))
        with self._database.reading() as session:
            return frozenset(one for one in session.scalars(query) if one)

    def readable(self, reference: Reference) -> bool:
        """Whether it can still be read: its key stands, or it is a plain blob that is there."""
        return bool(self.all_readable((reference,)))

    def all_readable(self, references: Iterable[Reference]) -> frozenset[str]:
        """Digests of those that can still be read. Of shards by a query for hundreds; each plain blob is looked for."""
        once = {reference.sha256: reference for reference in references}
        shards = sorted(digest for digest, one in once.items() if one.uri.startswith("shard:"))
        found = {digest for digest, one in once.items() if not one.uri.startswith("shard:") and self._blobs.has(one)}
        with self._database.reading() as session:
            for batch in batched(shards):
                query = select(ShardKeyRow.shard).where(ShardKeyRow.shard.in_(batch), ShardKeyRow.wrapped.is_not(None))
                found.update(one for one in session.scalars(query) if one)
        return frozenset(found)

    def destroyed(self, digest: str) -> str | None:
        """For what a shard or another blob was destroyed, such as a case of erasure; None where nobody noted that."""
        query = select(ShardKeyRow.reason).where(ShardKeyRow.shard == digest, ShardKeyRow.destroyed_at.is_not(None))
        with self._database.reading() as session:
            row = session.execute(query).first()
        return self._destroyed.reason(digest) if row is None else row[0] or ""

    def owned(self, owner: str) -> tuple[Reference, ...]:
        """Shards of an owner whose key stands."""
        query = select(ShardKeyRow.shard).where(
            ShardKeyRow.owner == owner, ShardKeyRow.wrapped.is_not(None), ShardKeyRow.shard.is_not(None)
        )
        with self._database.reading() as session:
            found = sorted(one for one in session.scalars(query) if one)
        return tuple(Reference(uri=one.replace("sha256:", "shard:"), sha256=one) for one in found)

    def destroy_begun(self, owner: str, reason: str) -> None:
        """Destroy an owner's keys of which nothing came: whoever made them ended before the shard was stored."""
        begun = (ShardKeyRow.owner == owner, ShardKeyRow.wrapped.is_not(None), ShardKeyRow.shard.is_(None))
        with self._database.writing() as session:
            session.execute(update(ShardKeyRow).where(*begun).values(**_gone(reason)))

    def destroy(self, reference: Reference, reason: str = "") -> None:
        """See `destroy_all`."""
        self.destroy_all((reference,), reason)

    def destroy_all(self, references: Iterable[Reference], reason: str = "") -> None:
        """Destroy keys, then remove the bytes; again changes nothing. `reason` names the case, never a person.

        The keys go first and together: whoever is killed afterwards leaves nothing readable but plain blobs of older
        datasets, which are noted, and those go when this is called again. Raises Unavailable.
        """
        digests = [reference.sha256 for reference in references]
        with self._database.writing() as session:
            for digest in digests:
                session.execute(
                    update(ShardKeyRow)
                    .where(ShardKeyRow.shard == digest, ShardKeyRow.wrapped.is_not(None))
                    .values(**_gone(reason))
                )
        self._database.scrub(ShardKeyRow.__tablename__)
        if plain := [one for one in self._without_key(digests) if self._blobs.has(one)]:
            self._destroyed.note(plain, reason)
        for digest in digests:
            self._blobs.remove(digest)

    def _without_key(self, digests: Iterable[str]) -> frozenset[str]:
        left = set(digests)
        with self._database.reading() as session:
            for batch in batched(sorted(left)):
                left -= {*session.scalars(select(ShardKeyRow.shard).where(ShardKeyRow.shard.in_(batch)))}
        return frozenset(left)

    def _key_of(self, plain: str, owner: str | None) -> tuple[str, bytes]:
        """Id and key for a plaintext with this SHA-256; made when there is none. Several at once agree on one."""
        master = self._read_master()
        known = hmac.digest(_derived(master, b"plaintexts"), plain.encode(), "sha256").hex()
        id_, key = secrets.token_hex(16), secrets.token_bytes(32)
        row = ShardKeyRow(id=id_, plain=known, wrapped=_wrap(master, id_, key), master=_name_of(master), owner=owner)
        with self._database.writing() as session:
            if self._database.add_once(session, row):
                return id_, key
            found = session.execute(select(ShardKeyRow).where(ShardKeyRow.plain == known)).scalar_one()
            return found.id, _unwrap(master, found)

    def _key_for(self, shard: str) -> bytes:
        with self._database.reading() as session:
            row = session.execute(select(ShardKeyRow).where(ShardKeyRow.shard == shard)).scalar_one_or_none()
        if row is None:
            raise NotFound("SHARD_UNKNOWN", f"no key for shard {shard}", "check ASSAY_DATABASE_URL")
        if row.wrapped is None:
            raise NotFound(
                "SHARD_DESTROYED",
                f"the key of shard {shard} was destroyed ({row.reason or 'no case named'})",
                "nobody can read it again; use the dataset version that replaced this one",
            )
        return _unwrap(self._read_master(), row)

    def _name(self, id_: str, digest: str) -> bool:
        """Say which ciphertext a key is of; False when the key is gone."""
        mine = update(ShardKeyRow).where(ShardKeyRow.id == id_, ShardKeyRow.wrapped.is_not(None))
        with self._database.writing() as session:
            return session.execute(mine.values(shard=digest).returning(ShardKeyRow.id)).first() is not None

    def _read_master(self) -> bytes:
        try:
            text = self._master.read_text("ascii").strip()
            if len(text) == _HEX_KEY:
                return bytes.fromhex(text)
        except (OSError, ValueError) as error:
            raise _no_master(self._master.name) from error
        raise _no_master(self._master.name)


def _gone(reason: str) -> dict[str, Any]:
    return {"wrapped": None, "plain": None, "destroyed_at": now(), "reason": reason}


def _wrap(master: bytes, id_: str, key: bytes) -> bytes:
    """The id is bound to it: a wrapped key cannot be put in the place of another."""
    nonce = os.urandom(_NONCE)
    return nonce + AESGCM(_derived(master, b"wrapping")).encrypt(nonce, key, id_.encode())


def _unwrap(master: bytes, row: ShardKeyRow) -> bytes:
    assert row.wrapped is not None
    nonce, sealed = row.wrapped[:_NONCE], row.wrapped[_NONCE:]
    try:
        return AESGCM(_derived(master, b"wrapping")).decrypt(nonce, sealed, row.id.encode())
    except InvalidTag as error:
        if row.master != _name_of(master):
            raise IntegrityRefused(
                "SHARD_KEY_OTHER",
                f"keys were wrapped with shard key {row.master}, and this one is {_name_of(master)}",
                "give every worker the same keys/shards.key",
            ) from error
        raise _tampered() from error


def _derived(master: bytes, use: bytes) -> bytes:
    return hmac.digest(master, b"assay/shards/1\0" + use, "sha256")


def _name_of(master: bytes) -> str:
    """Tells two shard keys apart and says nothing about either."""
    return _derived(master, b"name").hex()[:16]


def _tampered() -> IntegrityRefused:
    return IntegrityRefused(
        "SHARD_TAMPERED",
        "a shard or its key is not what was stored",
        "restore both from one backup; nothing derived from it may be used",
    )


def _no_master(name: str) -> NotFound:
    return NotFound("SHARD_KEY_MISSING", f"{name} cannot be read", "run `assay up`: it makes keys")
