"""The lines with which anybody verifies the result with other people's tools."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from examples.demo.shell import ROOT, Ran, run
from examples.demo.story import Story


def check(story: Story, evidence: Path, workflow_id: str, address: str) -> list[dict[str, Any]]:
    """Run each line on what `assay evidence` exported; a tampered copy must be refused.

    Raises AssertionError when a tool does not say what it must.
    """
    tampered = _tampered(evidence)
    key = str(evidence / "signing.pub.pem")
    decision = json.loads((evidence / "decision.json").read_text("utf-8"))
    lines = [
        (_verify(evidence / "adapter", evidence, key), 0),
        (_verify(tampered, evidence, key), 1),
        (
            (
                *("opa", "eval", "--bundle", str(evidence / "bundle.tar.gz"), "--input", str(evidence / "input.json")),
                *("--fail", "--format", "pretty", f"data.assay.{decision['gate']}.decision.allow = true"),
            ),
            0,
        ),
        (("temporal", "workflow", "show", "--workflow-id", workflow_id, "--address", address), 0),
    ]
    return [_shown(story, run(*line), expected) for line, expected in lines]


def _verify(adapter: Path, evidence: Path, key: str) -> tuple[str, ...]:
    signature = str(evidence / "model.sig")
    return ("model_signing", "verify", "key", str(adapter), "--signature", signature, "--public_key", key)


def _tampered(evidence: Path) -> Path:
    """A copy with one flipped byte."""
    copy = evidence / "tampered"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(evidence / "adapter", copy, copy_function=shutil.copyfile)
    for path in (copy, *copy.iterdir()):
        path.chmod(0o755 if path.is_dir() else 0o644)
    weights = copy / "adapter_model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(bytes(content))
    return copy


def _shown(story: Story, ran: Ran, expected: int) -> dict[str, Any]:
    line = ran.line.replace(f"{ROOT}/", "")
    last = next((text for text in reversed(ran.output.strip().splitlines()) if text.strip()), "")
    story.say(f"  [bold]$ {line}[/bold]")
    story.say(f"    {last[:150]} [dim](exit {ran.code}, expected {expected})[/dim]")
    assert (ran.code == 0) == (expected == 0), f"{line} ended with {ran.code}: {ran.output[-2000:]}"
    return {"command": line, "exit_code": ran.code, "expected_exit_code": expected}
