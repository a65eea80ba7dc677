"""The alphabet of every message: immutable models, digests, references."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import Annotated, Any, Final, cast

import rfc8785
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$", description="sha256:<64 hex digits>")]
_SLUG = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
Slug = Annotated[str, Field(pattern=_SLUG, description="lower-case name, DNS label")]


def is_slug(text: str) -> bool:
    """Whether this may be a name of a tenant, a model, a dataset or a source."""
    return re.fullmatch(_SLUG, text) is not None


_MOST_OF_A_NAME: Final = 128
_EAST_ASIAN: Final = frozenset({"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "BOPOMOFO", "HANGUL"})
_LATIN: Final = frozenset("abcdefghijklmnopqrstuvwxyzæœøðþđħłŋ")


def canonical_person(text: str) -> str:
    """One person, one spelling: NFKC, case folded, blanks taken together. Raises ValueError for look-alikes.

    Letters are of one script, or Latin beside East Asian ones (the "highly restrictive" level of Unicode Technical
    Standard 39); Latin ones are those that are written with a to z. Nothing invisible.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    name = " ".join(folded.split())
    if not 1 <= len(name) <= _MOST_OF_A_NAME:
        raise ValueError(f"a name has 1 to {_MOST_OF_A_NAME} characters")
    if any(unicodedata.category(c)[0] == "C" or _unseen(c) for c in name):
        raise ValueError("a name has no invisible characters, and no marks of their own")
    scripts = {_script(c) for c in name if c.isalpha()}
    if len(scripts) > 1 and scripts != {"LATIN", "EAST ASIAN"}:
        raise ValueError("a name has letters of one script; others may look like them")
    return name


def principal(person: str) -> str:
    """Who gets the mail of an address: `ann+review@acme.example` is `ann@acme.example`. For telling people apart."""
    local, at, domain = person.partition("@")
    return f"{local.partition('+')[0] or local}{at}{domain}"


def _unseen(character: str) -> bool:
    name = unicodedata.name(character, "")
    return name.startswith("COMBINING ") or "VARIATION SELECTOR" in name or "FILLER" in name


def _script(letter: str) -> str:
    script = unicodedata.name(letter, "UNKNOWN").split(" ")[0]
    if script == "LATIN" and unicodedata.normalize("NFKD", letter)[0] not in _LATIN:
        return letter  # drawn like an a, and none: a script of its own
    return "EAST ASIAN" if script in _EAST_ASIAN else script


Person = Annotated[
    str,
    AfterValidator(canonical_person),
    Field(min_length=1, max_length=1024, description="who, as the identity provider names them"),
]
Sentence = Annotated[str, Field(min_length=1, max_length=2000)]
Version = Annotated[int, Field(ge=1, description="1, 2, 3 … of one tenant's model")]


class Message(BaseModel):
    """Base of everything that crosses a process border: immutable, and unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")

    def content_digest(self) -> str:
        """SHA-256 of the canonical JSON (RFC 8785), as `sha256:<hex>`."""
        return canonical_digest(self.model_dump(mode="json"))


class Reference(Message):
    """Where bytes are and what they must hash to; weights, rows and tables travel only like this."""

    uri: str = Field(description="blob:<sha256 hex>, or a path or URL outside the store")
    sha256: Digest


class BasePin(Message):
    """One exact base model. `digest` is its OpenSSF Model Signing root digest."""

    repository: str
    revision: str
    digest: Digest


class Rate(Message):
    """A share with its 95 % Wilson score interval (Wilson 1927)."""

    name: str
    count: int = Field(ge=0)
    total: int = Field(ge=0)
    low: float = Field(ge=0, le=1)
    high: float = Field(ge=0, le=1)

    @property
    def value(self) -> float:
        """`count / total`, 0 when nothing was counted."""
        return self.count / self.total if self.total else 0.0


class CodeCount(Message):
    """How many rows (or requests) got this code."""

    code: str
    count: int = Field(ge=0)


def canonical_digest(value: object) -> str:
    """`sha256:<hex>` over the RFC 8785 canonical JSON of plain data."""
    return "sha256:" + hashlib.sha256(rfc8785.dumps(cast(Any, value))).hexdigest()
