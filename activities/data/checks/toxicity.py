"""Insults, threats and obscenities: the packaged linear model of alt-profanity-check (MIT), sentence by sentence.

It knows English words, one by one: what is cruel without a cruel word, and other languages, it does not see. A word
that stands alone is no sentence, and not counted.
"""

from __future__ import annotations

import functools
import math
import pickle
import re
from collections import Counter
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

LIKELY: Final = 0.9
"""Probability from which a sentence counts."""
_SENTENCE: Final = re.compile(r"[^.!?\n]+")
_LONE: Final = re.compile(r"\W*\w+\W*")
_WORD: Final = re.compile(r"\w\w+")


@dataclass(frozen=True)
class Classifier:
    """Logistic over words weighted by rarity. `words` maps to (rarity, rarity times weight)."""

    words: dict[str, tuple[float, float]]
    bias: float
    scale: float
    shift: float

    def probability(self, text: str) -> float:
        """How likely an annotator calls `text` offensive, between 0 and 1; 0 without a word that is known."""
        counts = Counter(word for word in _WORD.findall(text.lower()) if word in self.words)
        if not counts or _LONE.fullmatch(text):
            return 0.0
        known = [(count, *self.words[word]) for word, count in counts.items()]
        length = math.sqrt(sum((count * rarity) ** 2 for count, rarity, _ in known))
        margin = sum(count * weight for count, _, weight in known) / length + self.bias
        return 1 / (1 + math.exp(self.scale * margin + self.shift))


def offensive(text: str) -> int:
    """How many sentences of `text` are."""
    classifier = installed()
    return sum(classifier.probability(match[0]) >= LIKELY for match in _SENTENCE.finditer(text))


@functools.cache
def installed() -> Classifier:
    """The packaged model. Its five folds are averaged before the sigmoid, which moves a probability by under 0.01."""
    package = find_spec("profanity_check")
    assert package
    assert package.submodule_search_locations
    folder = Path(package.submodule_search_locations[0], "data")
    vectorizer, model = _read(folder / "vectorizer.joblib"), _read(folder / "model.joblib")
    rarity = vectorizer._tfidf.idf_ if hasattr(vectorizer._tfidf, "idf_") else vectorizer._tfidf._idf_diag.diagonal()
    folds = model.calibrated_classifiers_
    weights = sum(fold.estimator.coef_[0] for fold in folds) / len(folds)
    known = {word: (float(rarity[i]), float(rarity[i] * weights[i])) for word, i in vectorizer.vocabulary_.items()}
    return Classifier(
        words=known,
        bias=float(sum(fold.estimator.intercept_[0] for fold in folds) / len(folds)),
        scale=float(sum(fold.calibrators[0].a_ for fold in folds) / len(folds)),
        shift=float(sum(fold.calibrators[0].b_ for fold in folds) / len(folds)),
    )


class _Fields:
    """Stands in for a class of scikit-learn: what is wanted are its fields, not ten seconds of import."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)


def _read(path: Path) -> Any:  # noqa: ANN401
    from joblib import numpy_pickle

    class Reader(numpy_pickle.NumpyUnpickler):  # type: ignore[misc]
        def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401
            root = module.partition(".")[0]
            if root in {"sklearn", "scipy"}:
                return _Fields
            if root in {"numpy", "joblib"}:
                return super().find_class(module, name)
            raise pickle.UnpicklingError(f"{path.name} holds more than arrays")

    with path.open("rb") as file:
        return Reader(str(path), file, True).load()
