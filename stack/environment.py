"""Settings as environment variables, so that every process of the stack sees what the command line saw.

The command may have been typed in another folder, with another `.env`; processes run in the checkout.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, SecretStr

from assay.settings import Settings


def variables(model: BaseModel, prefix: str = "ASSAY_") -> Iterator[tuple[str, object]]:
    """Every setting by the name of its environment variable, with its value in force."""
    for field in type(model).model_fields:
        value, name = getattr(model, field), f"{prefix}{field.upper()}"
        if isinstance(value, BaseModel):
            yield from variables(value, f"{name}__")
        else:
            yield name, value


def environment_of(settings: Settings) -> dict[str, str]:
    """Variables with which `Settings()` gives the same settings in any folder; unset ones are left out."""
    return {name: _text(value) for name, value in variables(settings) if value is not None}


def settings_digests(settings: Settings) -> dict[str, str]:
    """Each variable with the start of the SHA-256 of its value, hexadecimal: tells what differs, and no secret."""
    given = environment_of(settings)
    return {name: hashlib.sha256(f"{name}={value}".encode()).hexdigest()[:16] for name, value in given.items()}


def _text(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, Path):
        return str(value.resolve())
    return json.dumps(value) if isinstance(value, (tuple, bool)) else str(value)
