"""In which language people speak in a row: the packaged naive Bayes model of py3langid (BSD), over 46 languages."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any, Final

UNKNOWN: Final = "und"
LEAST_LETTERS: Final = 20
"""Shorter texts are names and fragments of which any guess is as good."""
LEAST_SHARE: Final = 0.5
"""Of the probability that the model gives to its best language."""
LONGEST: Final = 200
"""Characters that are read: what they do not tell, more of them does not either."""
# fmt: off
LANGUAGES: Final = (
    "ar", "bg", "bn", "ca", "cs", "da", "de", "el", "en", "es", "et", "fa", "fi", "fr", "gu", "he",
    "hi", "hr", "hu", "id", "it", "ja", "ko", "lt", "lv", "ms", "nl", "no", "pa", "pl", "pt", "ro",
    "ru", "sk", "sl", "sr", "sv", "ta", "te", "th", "tr", "uk", "ur", "vi", "zh", "zu",
)
# fmt: on
"""The model knows rarer ones too, and takes short English for them: fewer choices, fewer mistakes."""
_NO_LETTERS: Final = re.compile(r"[\W\d_]+")


def language_of(text: str) -> str:
    """ISO 639-1 code (which is the BCP 47 primary tag), `und` for what is short or undecided."""
    prose = (word for word in text[: 2 * LONGEST].split() if "@" not in word and "://" not in word)
    speech = _NO_LETTERS.sub(" ", " ".join(prose))[:LONGEST]
    if len(speech) - speech.count(" ") < LEAST_LETTERS:
        return UNKNOWN
    language, share = _classifier()(speech)
    return language if share >= LEAST_SHARE else UNKNOWN


@functools.cache
def _classifier() -> Callable[[str], tuple[str, float]]:
    import numpy as np
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier: Any = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(LANGUAGES)
    # Half precision is stored; calculating in it costs four times the time.
    identifier.nb_ptc = np.ascontiguousarray(identifier.nb_ptc, dtype=np.float32)
    return identifier.classify  # type: ignore[no-any-return]
