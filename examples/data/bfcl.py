"""The single-turn part of the packaged Berkeley Function Calling Leaderboard, in the OpenAI form.

Data: `bfcl-eval` (Patil et al. 2025, "The Berkeley Function Calling Leaderboard", Apache-2.0). The package is located,
never imported: its import wants libraries that nothing here needs.
"""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

CALLS: Final = ("simple_python", "multiple", "live_simple", "live_multiple")
IRRELEVANT: Final = ("irrelevance", "live_irrelevance")
JSON_TYPES: Final = {"dict": "object", "float": "number", "tuple": "array"}
MAX_TOKENS: Final = 256


@dataclass(frozen=True)
class Case:
    """One prompt with its tools. `arguments` lists the allowed values of each argument; "" means it may be absent."""

    id: str
    prompt: str
    tools: tuple[dict[str, Any], ...]
    function: str | None = None
    arguments: Mapping[str, list[Any]] | None = None

    @property
    def functions(self) -> tuple[str, ...]:
        """Names of the tools offered."""
        return tuple(tool["function"]["name"] for tool in self.tools)

    @property
    def parameters(self) -> dict[str, Any]:
        """JSON schema of the arguments of the function to call."""
        return next(t["function"]["parameters"] for t in self.tools if t["function"]["name"] == self.function)

    @property
    def answer(self) -> str:
        """The call as text."""
        return json.dumps(self.call()["tool_calls"][0]["function"])

    def call(self) -> dict[str, Any]:
        """The answer as an assistant's message: first allowed values, optional arguments left out."""
        assert self.arguments is not None
        required = self.parameters.get("required", ())
        values = {n: [v for v in a if v != ""] for n, a in self.arguments.items() if n in required or "" not in a}
        chosen = {name: allowed[0] for name, allowed in values.items() if allowed}
        function = {"name": self.function, "arguments": chosen}
        return {"role": "assistant", "content": "", "tool_calls": [{"type": "function", "function": function}]}


def data_folder() -> Path:
    """Where the package keeps its questions."""
    spec = importlib.util.find_spec("bfcl_eval")
    if spec is None or spec.origin is None:
        raise SystemExit("bfcl-eval is not installed; install it with: pip install --no-deps bfcl-eval==2026.3.23")
    return Path(spec.origin).parent / "data"


def calls(folder: Path) -> Iterator[Case]:
    """Prompts that one call answers."""
    for category in CALLS:
        answers = {row["id"]: row["ground_truth"] for row in _rows(folder / "possible_answer", category)}
        for row in _rows(folder, category):
            [(function, arguments)] = answers[row["id"]][0].items()
            case = _case(row, _name(function), arguments)
            if case and _is_flat(arguments) and _is_complete(case):
                yield case


def irrelevant(folder: Path) -> Iterator[Case]:
    """Prompts that none of the tools answers."""
    return (case for category in IRRELEVANT for row in _rows(folder, category) if (case := _case(row)))


def fits(prompt: str, tools: Iterable[Mapping[str, Any]], answer: str) -> bool:
    """Whether prompt, tools and answer are short enough to train on, `MAX_TOKENS` with the compact chat template.

    Tokens are estimated as pieces of at most seven letters, digits one by one, and signs: within 5 % of SmolLM2's
    tokenizer. The trainer counts exactly and leaves out the few that are still too long.
    """
    text = f"{prompt} {answer} " + " ".join(_shown(tool["function"]) for tool in tools)
    return len(re.findall(r"[^\W\d_]{1,7}|\d|_|[^\w\s]", text)) + 45 <= MAX_TOKENS


def _shown(function: Mapping[str, Any]) -> str:
    fields = function["parameters"].get("properties", {})
    lines = (f"- {name}: {f.get('enum', f.get('type'))} {f.get('description', '')}" for name, f in fields.items())
    return f"{function['name']}: {function['description']} " + " ".join(lines)


def _rows(folder: Path, category: str) -> Iterator[dict[str, Any]]:
    with (folder / f"BFCL_v4_{category}.json").open(encoding="utf-8") as lines:
        yield from (json.loads(line) for line in lines if line.strip())


def _case(row: Mapping[str, Any], function: str | None = None, arguments: dict[str, Any] | None = None) -> Case | None:
    """The case, or None when it is not a single question with tools."""
    if len(row["question"]) != 1 or [m["role"] for m in row["question"][0]] != ["user"] or not row["function"]:
        return None
    return Case(row["id"], row["question"][0][0]["content"], tuple(map(_tool, row["function"])), function, arguments)


def _tool(function: Mapping[str, Any]) -> dict[str, Any]:
    parameters = _json_schema(function["parameters"])
    shown = {"name": _name(function["name"]), "description": function["description"], "parameters": parameters}
    return {"type": "function", "function": shown}


def _name(function: str) -> str:
    """OpenAI allows no dots in function names."""
    return function.replace(".", "_")


def _json_schema(node: object) -> object:
    if isinstance(node, list):
        return [_json_schema(item) for item in node]
    if not isinstance(node, dict):
        return node
    # "any" is no JSON type: a schema without a type allows everything.
    kept = {key: value for key, value in node.items() if not (key == "type" and value == "any")}
    return {
        key: JSON_TYPES.get(value, value) if key == "type" and isinstance(value, str) else _json_schema(value)
        for key, value in kept.items()
    }


def _is_flat(arguments: Mapping[str, list[Any]]) -> bool:
    """Nested arguments have alternatives at every level; they are few, and left out."""
    values = [value for allowed in arguments.values() for value in allowed]
    items = [item for value in values for item in (value if isinstance(value, list) else [value])]
    return not any(isinstance(item, dict) for item in items)


def _is_complete(case: Case) -> bool:
    """Whether the answer gives every required argument (a few of the published answers do not)."""
    given = case.call()["tool_calls"][0]["function"]["arguments"]
    return all(name in given for name in case.parameters.get("required", ()))
