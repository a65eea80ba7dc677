"""A random Llama of two tiny layers with a byte tokenizer, and rows to train it on: real parts, seconds to run."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable, Iterator
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from activities.training.job import RowSource, RunFile, RunFolder
from activities.training.process import ENVIRONMENT
from assay.contracts.base import BasePin
from assay.contracts.data import Dataset, IntakeRequest, RowCounts, Source
from assay.contracts.training import DatasetShare, PinnedTraining, Recipe, RunSpec, TrainJob
from assay.settings import Settings
from registry import BaseRecord, Registry
from registry.root_digest import root_digest
from serving.template import template_digest


def weather_tool(number: int) -> dict[str, Any]:
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    return {"type": "function", "function": {"name": f"weather_{number}", "parameters": parameters}}


def row(kind: str, number: int) -> dict[str, Any]:
    """One row of a sealed dataset."""
    answer: dict[str, Any] = {"role": "assistant", "content": f"No tool for that, {number}."}
    if kind == "call":
        function = {"name": f"weather_{number}", "arguments": {"city": f"Ulm {number}"}}
        answer = {"role": "assistant", "content": "", "tool_calls": [{"type": "function", "function": function}]}
    messages = [{"role": "user", "content": f"Question {number}?"}, answer]
    tools = [] if kind == "replay" else [weather_tool(number)]
    return {
        "row_id": f"{kind}-{number}",
        "kind": kind,
        "messages": json.dumps(messages),
        "tools": json.dumps(tools),
    }


@pytest.fixture(scope="session")
def shard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shard with eight rows of each kind."""
    rows = [row(kind, number) for kind in ("call", "refusal", "replay") for number in range(8)]
    path = tmp_path_factory.mktemp("shard") / "rows.parquet"
    parquet.write_table(pa.Table.from_pylist(rows), path)
    return path


@pytest.fixture(scope="session")
def trainers() -> Iterator[ForkServerContext]:
    """Processes that have the heavy imports behind them: a trainer starts in a moment instead of in 20 seconds."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["activities.training.trainer"])
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        yield context


def make_base(path: str) -> None:
    """Write the tiny base. Runs in a process of its own: it imports torch."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *letters]
    inner = Tokenizer(models.BPE(vocab={word: i for i, word in enumerate(words)}, merges=[]))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=inner,
        eos_token="<|im_end|>",
        pad_token="<|im_end|>",
        additional_special_tokens=["<|im_start|>"],
    )
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(words),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=2,
        tie_word_embeddings=True,
    )
    LlamaForCausalLM(config).save_pretrained(path)  # type: ignore[no-untyped-call]
    tokenizer.save_pretrained(path)


@pytest.fixture(scope="session")
def tiny_base(trainers: ForkServerContext, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Directory of the tiny base model."""
    path = tmp_path_factory.mktemp("base")
    maker = trainers.Process(target=make_base, args=(str(path),))
    maker.start()
    maker.join()
    assert maker.exitcode == 0
    return path


@pytest.fixture
def make_run(tiny_base: Path, shard: Path, tmp_path: Path) -> Callable[..., RunFolder]:
    """Make a run folder: `make_run("name", max_steps=8, …)`; keywords are those of `Recipe`."""

    def make(name: str, **recipe: Any) -> RunFolder:
        wanted = {"max_tokens": 768, "checkpoint_every": 2, "lora": {"rank": 4, "alpha": 8, "dropout": 0.1}, **recipe}
        folder = RunFolder(tmp_path / name)
        folder.write_run(
            RunFile(
                run_id=name,
                recipe=Recipe.model_validate(wanted),
                base=BasePin(repository="tests/tiny", revision="r1", digest=root_digest(tiny_base)),
                base_dir=tiny_base,
                rows=(RowSource(paths=(shard,)),),
                template=template_digest(),
                threads=1,
                held_out_per_kind=1,
            )
        )
        return folder

    return make


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.chdir(tmp_path)
    return Settings(home=tmp_path / "home", database_url=f"sqlite:///{tmp_path / 'registry.sqlite'}")


@pytest.fixture
def make_job(settings: Settings, tiny_base: Path, shard: Path) -> Callable[..., TrainJob]:
    """Register base and dataset; `make_job(max_steps=4)` then asks for a run on them."""
    registry = Registry.open(settings)
    pin = BasePin(repository="tests/tiny", revision="r1", digest=root_digest(tiny_base))
    base = BaseRecord(pin=pin, licence="Apache-2.0", path=str(tiny_base), template=template_digest(), max_context=1024)
    registry.bases.add(base)
    rows = registry.blobs.put_file(shard)
    manifest = registry.blobs.put(json.dumps({"shards": [{**rows.model_dump(), "rows": 24}]}).encode())
    dataset = Dataset(id=manifest.sha256, manifest=manifest, counts=RowCounts(read=24, accepted=24))
    source = Source(
        name="tests",
        uri="rows.jsonl",
        system="tests",
        owner="ann",
        licence="Apache-2.0",
        purposes=("train-tenant-model",),
        consent="not-required",
        retention_days=1,
        tier="curated",
    )
    intake = IntakeRequest(tenant="acme", dataset="calls", sources=(source,), requested_by="ann")
    registry.datasets.add(dataset, intake, manifest, ())
    registry.close()

    def make(**recipe: Any) -> TrainJob:
        wanted = {"max_tokens": 768, "checkpoint_every": 2, "lora": {"rank": 4, "alpha": 8}, **recipe}
        spec = RunSpec(
            base=pin,
            datasets=(DatasetShare(dataset=dataset.id),),
            template=template_digest(),
            recipe=Recipe.model_validate(wanted),
        )
        request = PinnedTraining(tenant="acme", model="helpdesk", version=1, spec=spec, requested_by="ann")
        return TrainJob(run_id="acme.helpdesk.1", request=request)

    return make
