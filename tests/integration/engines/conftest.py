"""Both engines on a tiny random model: real SGLang, real transformers and PEFT, seconds instead of minutes."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
from safetensors.numpy import save_file

from assay.contracts.base import BasePin
from registry.root_digest import root_digest
from serving.engines.inprocess import InProcessEngine
from serving.engines.launcher import ADMIN_KEY_VARIABLE, KEY_VARIABLE, LORA_MODULES
from serving.engines.protocol import Engine
from serving.engines.sglang import SGLangEngine
from stack.ports import free_ports

CONTEXT = 1024
START_SECONDS = 600
HIDDEN, INTERMEDIATE, LAYERS, KV = 64, 128, 2, 32
_WIDTHS = {
    "q_proj": ("self_attn", HIDDEN, HIDDEN),
    "k_proj": ("self_attn", HIDDEN, KV),
    "v_proj": ("self_attn", HIDDEN, KV),
    "o_proj": ("self_attn", HIDDEN, HIDDEN),
    "gate_proj": ("mlp", HIDDEN, INTERMEDIATE),
    "up_proj": ("mlp", HIDDEN, INTERMEDIATE),
    "down_proj": ("mlp", INTERMEDIATE, HIDDEN),
}


def write_tiny_base(directory: str) -> None:
    """A two-layer Llama that speaks bytes. Runs in a process of its own: it imports torch."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    words = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    plain = Tokenizer(models.BPE(vocab={word: number for number, word in enumerate(words)}, merges=[]))
    plain.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    plain.decoder = decoders.ByteLevel()
    PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]  # transformers leaves it untyped
        tokenizer_object=plain,
        eos_token="<|im_end|>",
        pad_token="<|im_end|>",
        additional_special_tokens=["<|im_start|>"],
    ).save_pretrained(directory)
    torch.manual_seed(7)
    config = LlamaConfig(
        vocab_size=len(words),
        hidden_size=HIDDEN,
        intermediate_size=INTERMEDIATE,
        num_hidden_layers=LAYERS,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT,
        initializer_range=0.3,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=2,
    )
    model = LlamaForCausalLM(config)  # type: ignore[no-untyped-call]  # transformers leaves it untyped
    model.save_pretrained(directory)


def write_adapter(directory: Path, seed: int, rank: int = 16) -> Path:
    """A random PEFT LoRA on all seven projections, strong enough to change what is said."""
    draw = np.random.default_rng(seed)
    tensors = {}
    for layer in range(LAYERS):
        for module, (block, wide_in, wide_out) in _WIDTHS.items():
            stem = f"base_model.model.model.layers.{layer}.{block}.{module}"
            tensors[f"{stem}.lora_A.weight"] = draw.normal(0, 0.3, (rank, wide_in)).astype(np.float32)
            tensors[f"{stem}.lora_B.weight"] = draw.normal(0, 0.3, (wide_out, rank)).astype(np.float32)
    directory.mkdir(parents=True)
    save_file(tensors, directory / "adapter_model.safetensors")
    config = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": rank, "lora_alpha": rank, "bias": "none"}
    config |= {"target_modules": list(LORA_MODULES), "base_model_name_or_path": "tiny", "lora_dropout": 0.0}
    (directory / "adapter_config.json").write_text(json.dumps(config))
    return directory


@pytest.fixture(scope="session")
def engine_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("tiny-base")
    maker = multiprocessing.get_context("spawn").Process(target=write_tiny_base, args=(str(directory),))
    maker.start()
    maker.join(120)
    assert maker.exitcode == 0
    return directory


@pytest.fixture(scope="session")
def engine_pin(engine_base: Path) -> BasePin:
    return BasePin(repository="test/tiny", revision="tiny-1", digest=root_digest(engine_base))


@pytest.fixture(scope="session")
def adapters(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two adapters that differ."""
    folder = tmp_path_factory.mktemp("adapters")
    return write_adapter(folder / "first", 1), write_adapter(folder / "second", 2)


@asynccontextmanager
async def _serving(module: str, base: Path, pin: BasePin, state: Path, *arguments: str) -> AsyncIterator[SGLangEngine]:
    """An engine in a process of its own, with its state in this folder, until the end of the block."""
    (port,) = free_ports(1)
    command = [
        *(sys.executable, "-m", module, "--model", str(base), "--revision", pin.revision),
        *("--state", str(state), "--port", str(port), *arguments),
    ]
    environment = os.environ | {KEY_VARIABLE: "data", ADMIN_KEY_VARIABLE: "admin"}
    with (state / "log").open("wb") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)  # noqa: ASYNC220  it outlives this
    try:
        async with SGLangEngine(f"http://127.0.0.1:{port}", "data", "admin") as engine:
            await _until_healthy(engine, server, state / "log")
            yield engine
    finally:
        server.terminate()
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


@pytest_asyncio.fixture(scope="session")
async def sglang(
    engine_base: Path, engine_pin: BasePin, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[SGLangEngine]:
    """One SGLang server for the whole session, started as the stack starts it."""
    sizes = ("--context-length", str(CONTEXT), "--max-total-tokens", "8192", "--dtype", "float32")
    state = tmp_path_factory.mktemp("engine")
    async with _serving("serving.engines.launcher", engine_base, engine_pin, state, *sizes) as engine:
        yield engine


@pytest_asyncio.fixture(scope="session")
async def small(
    engine_base: Path, engine_pin: BasePin, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[SGLangEngine]:
    """The engine of the chaos tests, spoken to as SGLang is."""
    state = tmp_path_factory.mktemp("small")
    async with _serving("tests.chaos.engine", engine_base, engine_pin, state) as engine:
        yield engine


@pytest_asyncio.fixture(scope="session")
async def inprocess(engine_base: Path, engine_pin: BasePin) -> AsyncIterator[InProcessEngine]:
    engine = await InProcessEngine.open(engine_base, engine_pin.revision, CONTEXT)
    yield engine
    await engine.close()


@pytest.fixture(params=["inprocess", "small", pytest.param("sglang", marks=pytest.mark.slow)])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each engine in turn."""
    chosen: Engine = request.getfixturevalue(request.param)
    return chosen


async def _until_healthy(engine: SGLangEngine, server: subprocess.Popen[bytes], log: Path) -> None:
    async with asyncio.timeout(START_SECONDS):
        while not await engine.health():
            assert server.poll() is None, _tail(log)
            await asyncio.sleep(0.5)


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-4000:]
