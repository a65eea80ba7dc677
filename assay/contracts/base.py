"""The alphabet of every message: immutable models, digests, references."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, cast

import rfc8785
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$", description="sha256:<64 hex digits>")]
Slug = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", description="lower-case name, DNS label")]
Person = Annotated[
    str,
    # In lower case, so that nobody is two people by writing themselves differently.
    StringConstraints(strip_whitespace=True, to_lower=True, min_length=1, max_length=128),
    Field(description="who, as the identity provider names them"),
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
