"""How `replay.jsonl` was made: the base model's own answers to `prompts.txt`, greedily, at most 80 tokens.

    python -m examples.data.answer http://127.0.0.1:30000 base > examples/data/replay.jsonl

asks an OpenAI-compatible engine that serves SmolLM2-135M-Instruct (Apache-2.0) with `serving/chat_template.jinja`; its
key comes from the environment variable OPENAI_API_KEY. The answers are often wrong. They are no lessons: training keeps
the adapter's distribution near the base's on them, so that what it learns about tools does not leak into plain chat.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any, Final

import requests

PROMPTS: Final = Path(__file__).with_name("prompts.txt")
MAX_TOKENS: Final = 80
LEAST_VARIETY: Final = 0.7


def prompts() -> list[str]:
    """One a line; written for this purpose, none of them in the suite."""
    return [line for line in PROMPTS.read_text(encoding="utf-8").splitlines() if line]


def kept(answer: str, finished: bool) -> str | None:
    """The answer, cut after its last whole sentence when it ran out of tokens; None when it goes round in circles."""
    text = answer.strip()
    if not finished:
        ends = [match.end() for match in re.finditer(r"[.!?](?=\s)", text)]
        text = text[: ends[-1]] if ends else ""
    words = text.split()
    triples = list(zip(words, words[1:], words[2:], strict=False))
    varied = not triples or len(set(triples)) / len(triples) >= LEAST_VARIETY
    return text if text and varied else None


def row(number: int, prompt: str, answer: str) -> dict[str, Any]:
    """A training row of kind replay."""
    messages = [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]
    return {"id": f"replay-{number:03}", "kind": "replay", "messages": messages, "tools": []}


def ask(url: str, model: str, prompt: str) -> str | None:
    """What the model answers, if it is worth keeping."""
    body: Any = {
        "model": model,
        "messages": [{"role": "user", "content": prompt}],
        "max_tokens": MAX_TOKENS,
        "temperature": 0,
    }
    headers = {"Authorization": f"Bearer {os.environ['OPENAI_API_KEY']}"}
    response = requests.post(f"{url}/v1/chat/completions", json=body, headers=headers, timeout=120)
    response.raise_for_status()
    choice = response.json()["choices"][0]
    return kept(choice["message"]["content"] or "", choice["finish_reason"] == "stop")


if __name__ == "__main__":
    for number, prompt in enumerate(prompts()):
        if answer := ask(sys.argv[1], sys.argv[2], prompt):
            print(json.dumps(row(number, prompt, answer), ensure_ascii=False))
