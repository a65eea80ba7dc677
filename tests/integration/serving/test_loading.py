"""Nothing unverified reaches an engine: real blob store, real signatures, one flipped byte at every place."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from safetensors.numpy import save_file

from activities.signing.weights import sign_directory, verify_directory
from assay.contracts.base import BasePin, Reference
from assay.contracts.errors import EngineRefused, IntegrityRefused, Unavailable
from assay.settings import Settings
from registry import Registry
from registry.blobs import BlobStore
from registry.root_digest import root_digest
from serving.adapters import AdapterStore
from serving.admission import expected_tensors
from serving.engines.protocol import ChatBody, EngineInfo
from serving.loading import Loader

NAME = "acme.helpdesk.aaaaaaaaaaaa"
PIN = BasePin(repository="acme/base", revision="r1", digest="sha256:" + "0" * 64)
DATASET = "sha256:" + "d" * 64
BASE_CONFIG = {"hidden_size": 12, "intermediate_size": 20, "num_attention_heads": 3, "num_hidden_layers": 1}
CONFIG: dict[str, Any] = {
    "peft_type": "LORA",
    "base_model_name_or_path": PIN.repository,
    "revision": PIN.revision,
    "r": 4,
    "target_modules": ["q_proj", "v_proj"],
}


class RecordingEngine:
    """Remembers what it was told."""

    def __init__(self, revision: str = PIN.revision, answer: str = "Paris") -> None:
        self.names: dict[str, Path] = {}
        self.told: list[str] = []
        self.revision, self.answer = revision, answer

    async def health(self) -> bool:
        return True

    async def info(self) -> EngineInfo:
        return EngineInfo(
            kind="in-process",
            base_revision=self.revision,
            template="sha256:" + "1" * 64,
            max_context=2048,
            adapters=frozenset(self.names),
        )

    async def loaded(self) -> frozenset[str]:
        return frozenset(self.names)

    async def load(self, name: str, path: Path) -> None:
        self.told.append(f"load {name}")
        self.names[name] = path

    async def unload(self, name: str) -> None:
        self.told.append(f"unload {name}")
        self.names.pop(name, None)

    async def chat(self, body: ChatBody, adapter: str | None) -> dict[str, Any]:
        self.told.append(f"chat {adapter}")
        return {"choices": [{"message": {"content": self.answer}}]}

    async def stream(self, body: ChatBody, adapter: str | None) -> AsyncIterator[bytes]:
        yield b"data: [DONE]\n\n"

    async def close(self) -> None:
        return None


class House:
    """One signed adapter in a blob store."""

    def __init__(self, folder: Path) -> None:
        self.source = folder / "source"
        self.source.mkdir()
        (self.source / "adapter_config.json").write_text(json.dumps(CONFIG))
        shapes = expected_tensors(CONFIG, BASE_CONFIG)
        save_file({n: np.zeros(s, np.float32) for n, s in shapes.items()}, self.source / "adapter_model.safetensors")
        self.blobs = BlobStore.open((folder / "blobs").as_uri())
        self.files: Reference = self.blobs.put_tree(self.source)
        self.digest = root_digest(self.source)
        self.private, self.public = keys(folder, "ours")
        self.signature = sign_directory(self.source, self.private)
        self.store = AdapterStore(folder / "home", self.blobs)
        self.loader = Loader(self.store, PIN, BASE_CONFIG, max_rank=16, refuse_withdrawn=lambda _: None)

    def verify(self, path: Path, digest: str) -> None:
        assert verify_directory(path, self.signature, self.public) == digest


def keys(folder: Path, name: str) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    private, public = folder / f"{name}.pem", folder / f"{name}.pub.pem"
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    public.write_bytes(
        key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return private, public


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def flip(path: Path) -> None:
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))


async def test_a_signed_adapter_is_loaded_once_from_a_read_only_path_named_by_its_digest(house: House) -> None:
    engine = RecordingEngine()
    assert await house.loader.ensure(engine, NAME, house.digest, house.files, house.verify)
    assert not await house.loader.ensure(engine, NAME, house.digest, house.files, house.verify)
    path = engine.names[NAME]
    assert path.name == house.digest.replace(":", "-")
    assert not [p for p in (path, *path.iterdir()) if p.stat().st_mode & 0o222]


async def test_one_flipped_byte_on_disk_is_refused_even_when_the_engine_holds_the_adapter(house: House) -> None:
    engine = RecordingEngine()
    await house.loader.ensure(engine, NAME, house.digest, house.files, house.verify)
    flip(house.store.path(house.digest) / "adapter_model.safetensors")
    with pytest.raises(IntegrityRefused, match="ADAPTER_TAMPERED"):
        await house.loader.ensure(engine, NAME, house.digest, house.files, house.verify)


async def test_one_flipped_byte_in_the_store_is_refused(house: House, tmp_path: Path) -> None:
    engine = RecordingEngine()
    largest = max((p for p in (tmp_path / "blobs").rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)
    flip(largest)
    with pytest.raises(IntegrityRefused, match="BLOB_TAMPERED"):
        await house.loader.ensure(engine, NAME, house.digest, house.files, house.verify)
    assert not engine.names
    assert not house.store.path(house.digest).exists()


async def test_a_signature_by_another_key_is_refused(house: House, tmp_path: Path) -> None:
    engine = RecordingEngine()
    _, house.public = keys(tmp_path, "theirs")
    with pytest.raises(IntegrityRefused):
        await house.loader.ensure(engine, NAME, house.digest, house.files, house.verify)
    assert not engine.names


async def test_an_engine_of_another_base_gets_nothing(house: House) -> None:
    engine = RecordingEngine(revision="r2")
    with pytest.raises(IntegrityRefused, match="BASE_MISMATCH"):
        await house.loader.ensure(engine, NAME, house.digest, house.files, house.verify)
    assert not engine.names


async def test_a_load_that_nobody_saw_to_its_end_is_probed_by_who_asks_next(house: House) -> None:
    """The worker that loaded it was killed before its probe."""
    engine = RecordingEngine(answer="")
    engine.names[NAME] = house.store.path(house.digest)
    with pytest.raises(EngineRefused, match="PROBE_EMPTY"):
        await house.loader.ensure(engine, NAME, house.digest, house.files, house.verify)
    assert not engine.names


async def test_a_cancelled_load_is_taken_back(house: House) -> None:
    class Slow(RecordingEngine):
        async def chat(self, body: ChatBody, adapter: str | None) -> dict[str, Any]:
            raise asyncio.CancelledError  # what an activity gets when its worker is told to stop

    engine = Slow()
    with pytest.raises(asyncio.CancelledError):
        await house.loader.ensure(engine, NAME, house.digest, house.files, house.verify)
    assert not engine.names


async def test_an_engine_that_is_busy_keeps_what_it_serves(house: House) -> None:
    class Busy(RecordingEngine):
        async def chat(self, body: ChatBody, adapter: str | None) -> dict[str, Any]:
            raise Unavailable("ENGINE_FAILED", "The engine broke while answering.", "Try again.")

    engine = Busy()
    engine.names[NAME] = house.store.path(house.digest)
    with pytest.raises(Unavailable):
        await house.loader.ensure(engine, NAME, house.digest, house.files, house.verify)
    assert engine.names


def erasing(house: House, folder: Path) -> Callable[[], object]:
    """An erasure of the dataset from which the adapter was made; the house refuses what it withdraws."""
    registry = Registry.open(Settings(home=folder / "home"))
    registry.lineage.link(DATASET, "run", "trained with", parent_kind="dataset", child_kind="run")
    registry.lineage.link("run", house.digest, "checkpoint", parent_kind="run", child_kind="adapter")
    house.loader = replace(house.loader, refuse_withdrawn=registry.withdrawals.refuse)
    return lambda: registry.withdrawals.withdraw("acme.51d0e2aa17cc", [DATASET])


async def test_what_is_withdrawn_is_not_even_written_to_the_disk(house: House, tmp_path: Path) -> None:
    engine = RecordingEngine()
    withdraw = erasing(house, tmp_path)
    withdraw()
    with pytest.raises(IntegrityRefused, match="ARTIFACT_WITHDRAWN"):
        await house.loader.ensure(engine, NAME, house.digest, house.files, house.verify)
    assert engine.told == []
    assert not house.store.path(house.digest).exists()


async def test_what_is_withdrawn_while_it_is_loaded_is_unloaded_again(house: House, tmp_path: Path) -> None:
    withdraw = erasing(house, tmp_path)

    class Slow(RecordingEngine):
        async def load(self, name: str, path: Path) -> None:
            await asyncio.to_thread(withdraw)
            await super().load(name, path)

    engine = Slow()
    with pytest.raises(IntegrityRefused, match="ARTIFACT_WITHDRAWN"):
        await house.loader.ensure(engine, NAME, house.digest, house.files, house.verify)
    assert engine.told == [f"load {NAME}", f"unload {NAME}"]  # and was asked nothing in between
    assert not engine.names


async def test_a_name_that_an_engine_holds_is_unloaded_where_it_is_withdrawn_meanwhile(
    house: House, tmp_path: Path
) -> None:
    withdraw = erasing(house, tmp_path)

    class Asked(RecordingEngine):
        async def info(self) -> EngineInfo:
            await asyncio.to_thread(withdraw)
            return await super().info()

    engine = Asked()
    engine.names[NAME] = house.store.path(house.digest)
    with pytest.raises(IntegrityRefused, match="ARTIFACT_WITHDRAWN"):
        await house.loader.ensure(engine, NAME, house.digest, house.files, house.verify)
    assert engine.told == [f"unload {NAME}"]


async def test_an_adapter_that_answers_nothing_is_taken_out_again(house: House) -> None:
    engine = RecordingEngine(answer="")
    with pytest.raises(EngineRefused, match="PROBE_EMPTY"):
        await house.loader.ensure(engine, NAME, house.digest, house.files, house.verify)
    assert not engine.names
