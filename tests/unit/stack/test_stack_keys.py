"""Keys of an installation: made once, private, and pairs that fit."""

from __future__ import annotations

import re
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from assay.contracts.base import BasePin
from assay.settings import Settings
from stack.keys import EC_KEYS, SECRETS, ensure_keys
from stack.processes import processes

BASE = BasePin(repository="org/base", revision="rev-1", digest="sha256:" + "b" * 64)


def read(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_private_keys_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    folder = ensure_keys(tmp_path)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert {name: mode for name, mode in modes.items() if not name.endswith(".pub.pem") and mode != 0o600} == {}
    assert len(modes) == 2 * len(EC_KEYS) + len(SECRETS)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_second_start_changes_no_key(tmp_path: Path) -> None:
    first = read(ensure_keys(tmp_path))
    assert read(ensure_keys(tmp_path)) == first


def test_what_is_missing_is_made_again_beside_what_is_there(tmp_path: Path) -> None:
    folder = ensure_keys(tmp_path)
    first = read(folder)
    (folder / "signing.pub.pem").unlink()
    assert read(ensure_keys(tmp_path)) == first


def test_public_keys_verify_what_private_ones_sign(tmp_path: Path) -> None:
    folder = ensure_keys(tmp_path)
    for name in EC_KEYS:
        private = serialization.load_pem_private_key((folder / f"{name}.pem").read_bytes(), password=None)
        public = serialization.load_pem_public_key((folder / f"{name}.pub.pem").read_bytes())
        assert isinstance(private, ec.EllipticCurvePrivateKey)
        assert isinstance(public, ec.EllipticCurvePublicKey)
        public.verify(private.sign(b"words", ec.ECDSA(hashes.SHA256())), b"words", ec.ECDSA(hashes.SHA256()))


def test_many_first_starts_at_once_agree_on_one_set(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(lambda _: read_finished(ensure_keys(tmp_path)), range(8)))
    assert all(one == seen[0] for one in seen)


def read_finished(folder: Path) -> dict[str, bytes]:
    """Only whole files: drafts of the other writers come and go."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.startswith(".")}


def test_secrets_have_256_bits_and_differ(tmp_path: Path) -> None:
    ensure_keys(tmp_path)
    texts = [(tmp_path / "keys" / f"{name}.key").read_text() for name in SECRETS]
    assert len(set(texts)) == len(SECRETS)
    assert all(len(text) >= 43 for text in texts)


def test_the_engine_is_started_with_the_keys_in_force(tmp_path: Path) -> None:
    """A control key that is set replaces the stored one everywhere, or every load is answered with 401."""
    ensure_keys(tmp_path)
    for settings in (Settings(home=tmp_path), Settings.model_validate({"home": tmp_path, "admin_key": "control"})):
        [engine] = [one for one in processes(settings, BASE) if one.name == "engine"]
        assert engine.environment["ASSAY_ENGINE_ADMIN_KEY"] == settings.control_key.get_secret_value()
    assert engine.environment["ASSAY_ENGINE_ADMIN_KEY"] == "control"
    assert engine.environment["ASSAY_ENGINE_KEY"] == (tmp_path / "keys" / "engine.key").read_text()


def test_without_any_key_there_is_none_that_something_would_accept(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    assert not settings.control_key
    assert not settings.engine_key


def test_no_secret_can_be_taken_for_an_option(tmp_path: Path) -> None:
    folder = ensure_keys(tmp_path)
    secrets = [path.read_text("utf-8") for path in folder.glob("*.key")]
    assert len(secrets) == len(SECRETS)
    assert all(re.fullmatch("[0-9a-f]{64}", secret) for secret in secrets)
