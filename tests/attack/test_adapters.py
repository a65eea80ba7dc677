"""Somebody who can write beside, into or under an adapter wants an engine to read what nobody signed."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import struct
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from activities.signing.pickles import refuse_pickles
from activities.signing.weights import sign_directory, verify_directory
from assay.contracts.base import BasePin, Reference
from assay.contracts.errors import AssayError, IntegrityRefused
from registry.blobs import BlobStore
from registry.root_digest import root_digest
from serving.adapters import AdapterStore
from serving.admission import expected_tensors
from serving.engines.protocol import ChatBody, EngineInfo
from serving.loading import Loader
from stack.keys import ensure_keys

PIN = BasePin(repository="acme/base", revision="r1", digest="sha256:" + "0" * 64)
BASE_CONFIG = {"hidden_size": 12, "intermediate_size": 20, "num_attention_heads": 3, "num_hidden_layers": 1}
CONFIG: dict[str, Any] = {
    "peft_type": "LORA",
    "base_model_name_or_path": PIN.repository,
    "revision": PIN.revision,
    "r": 4,
    "target_modules": ["q_proj", "v_proj"],
}
WEIGHTS = "adapter_model.safetensors"


class Engine:
    """Remembers what it holds; `while_loading` is what an attacker does at that moment."""

    def __init__(self) -> None:
        self.names: dict[str, bytes] = {}
        self.while_loading: Callable[[Path], None] = lambda _: None

    async def health(self) -> bool:
        return True

    async def info(self) -> EngineInfo:
        return EngineInfo(
            kind="in-process",
            base_revision=PIN.revision,
            template="sha256:" + "1" * 64,
            max_context=2048,
            adapters=frozenset(self.names),
        )

    async def loaded(self) -> frozenset[str]:
        return frozenset(self.names)

    async def load(self, name: str, path: Path) -> None:
        self.while_loading(path)
        self.names[name] = (path / WEIGHTS).read_bytes()

    async def unload(self, name: str) -> None:
        self.names.pop(name, None)

    async def chat(self, body: ChatBody, adapter: str | None) -> dict[str, Any]:
        return {"choices": [{"message": {"content": "Paris"}}]}

    async def stream(self, body: ChatBody, adapter: str | None) -> AsyncIterator[bytes]:
        yield b""

    async def close(self) -> None:
        return None


def adapter(folder: Path, **config: Any) -> Path:
    """A directory that an engine could read."""
    folder.mkdir(parents=True)
    (folder / "adapter_config.json").write_text(json.dumps(CONFIG | config))
    shapes = expected_tensors(CONFIG, BASE_CONFIG)
    save_file({name: np.zeros(shape, np.float32) for name, shape in shapes.items()}, folder / WEIGHTS)
    return folder


class House:
    """A signed adapter, where the serving worker has put it."""

    def __init__(self, folder: Path, source: Path | None = None) -> None:
        self.folder = folder
        self.source = source or adapter(folder / "source")
        keys = ensure_keys(folder / "home")
        self.private, self.public = keys / "signing.pem", keys / "signing.pub.pem"
        self.blobs = BlobStore.open((folder / "blobs").as_uri())
        self.files: Reference = self.blobs.put_tree(self.source)
        self.digest = root_digest(self.source)
        self.signature = sign_directory(self.source, self.private)
        self.store = AdapterStore(folder / "home", self.blobs)
        self.engine = Engine()

    @property
    def place(self) -> Path:
        return self.store.path(self.digest)

    async def load(self) -> bool:
        def verify(path: Path, digest: str) -> None:
            assert verify_directory(path, self.signature, self.public) == digest

        loader = Loader(self.store, PIN, BASE_CONFIG, max_rank=16, refuse_withdrawn=lambda _: None)
        return await loader.ensure(self.engine, "acme.helpdesk.a", self.digest, self.files, verify)


@pytest.fixture
def house(tmp_path: Path) -> House:
    made = House(tmp_path)
    made.store.materialise(made.digest, made.files)
    for path in (made.place, *made.place.iterdir()):
        path.chmod(0o755)  # the attacker can write there
    return made


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def symlinked(place: Path) -> None:
    (place.parent / "elsewhere").write_bytes((place / WEIGHTS).read_bytes())
    (place / WEIGHTS).unlink()
    (place / WEIGHTS).symlink_to(place.parent / "elsewhere")


def folder_symlinked(place: Path) -> None:
    """With the right bytes behind it, for now."""
    place.rename(place.parent / "elsewhere")
    place.symlink_to(place.parent / "elsewhere")


def replaced_by_folder(place: Path) -> None:
    (place / WEIGHTS).unlink()
    (place / WEIGHTS).mkdir()


ON_DISK: dict[str, Callable[[Path], object]] = {
    "a byte of the weights": lambda place: flip(place / WEIGHTS),
    "a byte of the configuration": lambda place: flip(place / "adapter_config.json"),
    "a byte more": lambda place: (place / WEIGHTS).write_bytes((place / WEIGHTS).read_bytes() + b"\0"),
    "emptied": lambda place: (place / WEIGHTS).write_bytes(b""),
    "removed": lambda place: (place / WEIGHTS).unlink(),
    "renamed": lambda place: (place / WEIGHTS).rename(place / "weights.safetensors"),
    "another file": lambda place: (place / "README.md").write_text("hello"),
    "a hidden file": lambda place: (place / ".gitattributes").write_text("*"),
    "a file that git leaves out": lambda place: (place / ".gitignore").write_text("*"),
    "a pickle": lambda place: (place / "adapter_model.bin").write_bytes(pickle.dumps({})),
    "code": lambda place: (place / "modeling.py").write_text("import os"),
    "a folder with a file": lambda place: ((place / "sub").mkdir(), (place / "sub" / "x").write_text("x")),
    "a symbolic link": symlinked,
    "a symbolic link beside": lambda place: (place / "README.md").symlink_to("/etc/passwd"),
    "a link for the folder": folder_symlinked,
    "a hard link": lambda place: os.link(place / WEIGHTS, place.parent / "mine"),
    "a pipe": lambda place: os.mkfifo(place / "README.md"),
    "a folder for a file": replaced_by_folder,
    "the signature inside": lambda place: (place / "model.sig").write_text("{}"),
}


@pytest.mark.parametrize("attack", ON_DISK.values(), ids=ON_DISK.keys())
async def test_what_was_changed_on_disk_is_not_loaded(house: House, attack: Callable[[Path], object]) -> None:
    attack(house.place)
    with pytest.raises(IntegrityRefused):
        await house.load()
    assert house.engine.names == {}


def swapped(path: Path) -> None:
    (path / "new").write_bytes(b"evil")
    (path / "new").rename(path / WEIGHTS)


def swapped_folder(path: Path) -> None:
    shutil.copytree(path, path.parent / "evil")
    flip(path.parent / "evil" / WEIGHTS)
    path.rename(path.parent / "good")
    (path.parent / "evil").rename(path)


def swapped_back(path: Path) -> None:
    """The engine reads the evil one; when anybody looks again, the good one is there with its old times."""
    good, before = (path / WEIGHTS).read_bytes(), (path / WEIGHTS).stat()
    (path / WEIGHTS).write_bytes(b"evil")
    (path / WEIGHTS).write_bytes(good)
    os.utime(path / WEIGHTS, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize(
    "attack",
    [lambda path: flip(path / WEIGHTS), swapped, swapped_folder, swapped_back],
    ids=["written", "renamed over", "folder exchanged", "written and put back"],
)
async def test_what_changes_between_check_and_load_is_taken_out_again(
    house: House, attack: Callable[[Path], None]
) -> None:
    house.engine.while_loading = attack
    with pytest.raises(IntegrityRefused, match="ADAPTER_TAMPERED"):
        await house.load()
    assert house.engine.names == {}


async def test_an_untouched_adapter_is_loaded(house: House) -> None:
    assert await house.load()
    assert not await house.load()


def rewritten(change: Callable[[dict[str, Any]], object]) -> Callable[[bytes], bytes]:
    """The weights with another header."""

    def of(content: bytes) -> bytes:
        length = struct.unpack("<Q", content[:8])[0]
        header = json.loads(content[8 : 8 + length])
        change(header)
        text = json.dumps(header).encode()
        return struct.pack("<Q", len(text)) + text + content[8 + length :]

    return of


def first(header: dict[str, Any]) -> dict[str, Any]:
    entry: dict[str, Any] = next(value for name, value in header.items() if name != "__metadata__")
    return entry


HEADERS: dict[str, Callable[[bytes], bytes]] = {
    "no header": lambda _: b"",
    "seven bytes": lambda content: content[:7],
    "a length beyond the file": lambda content: struct.pack("<Q", 1 << 40) + content[8:],
    "the largest length": lambda content: b"\xff" * 8 + content[8:],
    "cut in the data": lambda content: content[:-1],
    "more data": lambda content: content + b"x",
    "no JSON": lambda content: struct.pack("<Q", 4) + b"[[[[" + content[12:],
    "deep": lambda _: struct.pack("<Q", 50_000) + b"[" * 50_000,
    "another shape": rewritten(lambda header: first(header).update(shape=[1, 1])),
    "negative shape": rewritten(lambda header: first(header).update(shape=[-4, 12])),
    "overflowing shape": rewritten(lambda header: first(header).update(shape=[1 << 40, 1 << 40])),
    "offsets beyond the file": rewritten(lambda header: first(header).update(data_offsets=[0, 1 << 40])),
    "offsets backwards": rewritten(lambda header: first(header).update(data_offsets=[192, 0])),
    "offsets of another tensor": rewritten(lambda header: first(header).update(data_offsets=[1, 193])),
    "another type": rewritten(lambda header: first(header).update(dtype="I32")),
    "a type that is none": rewritten(lambda header: first(header).update(dtype="PICKLE")),
    "a tensor too many": rewritten(
        lambda header: header.update(evil={"dtype": "F32", "shape": [0], "data_offsets": [0, 0]})
    ),
    "a tensor too few": rewritten(lambda header: header.pop(next(iter(header)))),
    "a pickle": pickle.dumps,
    "a torch archive": lambda content: b"PK\x03\x04" + content,
}


@pytest.mark.parametrize("change", HEADERS.values(), ids=HEADERS.keys())
async def test_signed_weights_that_lie_about_themselves_are_not_loaded(
    tmp_path: Path, change: Callable[[bytes], bytes]
) -> None:
    """A signature says who made it, not that an engine survives it."""
    source = adapter(tmp_path / "source")
    (source / WEIGHTS).write_bytes(change((source / WEIGHTS).read_bytes()))
    house = House(tmp_path, source)
    with pytest.raises(IntegrityRefused, match=r"ADAPTER_SHAPE|ADAPTER_PICKLE"):
        await house.load()
    assert house.engine.names == {}


CONFIGS: dict[str, Any] = {
    "another base": {"base_model_name_or_path": "evil/base"},
    "another revision": {"revision": "r2"},
    "no revision": {"revision": None},
    "path as base": {"base_model_name_or_path": "../../acme/base"},
    "a module to import": {"auto_mapping": {"base_model_class": "x", "parent_library": "antigravity"}},
    "rank beyond": {"r": 17},
    "rank zero": {"r": 0},
    "rank as text": {"r": "4"},
    "rank true": {"r": True},
    "rank as a float": {"r": 4.0},
    "pattern of ranks": {"rank_pattern": {"q_proj": 64}},
    "pattern of alphas": {"alpha_pattern": {"q_proj": 1e9}},
    "rslora": {"use_rslora": True},
    "dora": {"use_dora": True},
    "saved modules": {"modules_to_save": ["lm_head"]},
    "bias": {"bias": "all"},
    "lora bias": {"lora_bias": True},
    "layers repeated": {"layer_replication": [[0, 9999]]},
    "some layers": {"layers_to_transform": [0]},
    "parameters": {"target_parameters": ["x"]},
    "new tokens": {"trainable_token_indices": [1]},
    "targets as text": {"target_modules": "all-linear"},
    "targets as a pattern": {"target_modules": ".*"},
    "targets of lists": {"target_modules": ["q_proj", ["x"]]},
    "target of nothing": {"target_modules": ["q_proj", "evil"]},
    "no q_proj": {"target_modules": ["v_proj"]},
    "another method": {"peft_type": "IA3"},
    "no method": {"peft_type": None},
}


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())
async def test_a_signed_configuration_that_the_engine_would_misread_is_not_loaded(
    tmp_path: Path, config: dict[str, Any]
) -> None:
    house = House(tmp_path, adapter(tmp_path / "source", **config))
    with pytest.raises(IntegrityRefused, match=r"ADAPTER_CONFIG|ADAPTER_SHAPE|BASE_MISMATCH"):
        await house.load()
    assert house.engine.names == {}


@pytest.mark.parametrize(
    "text", ["", "[]", "null", "{", "[" * 100_000, '"x"', "\ud800"], ids=lambda text: text[:4] or "empty"
)
async def test_a_signed_configuration_that_is_none_is_not_loaded(tmp_path: Path, text: str) -> None:
    source = adapter(tmp_path / "source")
    (source / "adapter_config.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    house = House(tmp_path, source)
    with pytest.raises(IntegrityRefused, match="ADAPTER_CONFIG"):
        await house.load()


@pytest.mark.parametrize("name", ["x.bin", "x.BIN", "x.pkl", "x.npy", "weights.safetensors", "noextension", ".hidden"])
@pytest.mark.parametrize("protocol", range(2, 6))
def test_a_pickle_is_known_by_what_it_is(tmp_path: Path, name: str, protocol: int) -> None:
    (tmp_path / name).write_bytes(pickle.dumps({"x": 1}, protocol=protocol))
    with pytest.raises(IntegrityRefused, match="ADAPTER_PICKLE"):
        refuse_pickles(tmp_path)


@pytest.mark.parametrize("what", ["symlink", "pipe", "empty"])
def test_no_such_directory_becomes_a_blob(tmp_path: Path, what: str) -> None:
    source = tmp_path / "source"
    source.mkdir()
    if what == "symlink":
        (source / "x").symlink_to("/etc/passwd")
    elif what == "pipe":
        os.mkfifo(source / "x")
    with pytest.raises(AssayError, match="TREE_"):
        BlobStore.open((tmp_path / "blobs").as_uri()).put_tree(source)


SIGNATURES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "no JSON": lambda _: b"{",
    "list": lambda _: b"[]",
    "a byte": lambda said: said.replace(b'"payload"', b'"payl0ad"'),
    "no signatures": lambda said: json.dumps({**json.loads(said), "dsseEnvelope": {}}).encode(),
    "emptied signatures": lambda said: _envelope(said, signatures=[]),
    "another type": lambda said: _envelope(said, payloadType="text/plain"),
    "deep": lambda _: b"[" * 100_000,
}


def _envelope(signature: bytes, **changes: Any) -> bytes:
    bundle = json.loads(signature)
    bundle["dsseEnvelope"] |= changes
    return json.dumps(bundle).encode()


@pytest.mark.parametrize("change", SIGNATURES.values(), ids=SIGNATURES.keys())
def test_no_other_signature_is_one(house: House, change: Callable[[bytes], bytes]) -> None:
    with pytest.raises(IntegrityRefused):
        verify_directory(house.source, change(house.signature), house.public)


def test_a_signature_is_of_its_own_files_and_key_only(house: House, tmp_path: Path) -> None:
    other = House(tmp_path / "other", adapter(tmp_path / "b", lora_alpha=3))
    for signature, key in (
        (other.signature, house.public),
        (other.signature, other.public),
        (house.signature, other.public),
    ):
        with pytest.raises(IntegrityRefused):
            verify_directory(house.source, signature, key)
    assert verify_directory(house.source, house.signature, house.public) == house.digest
