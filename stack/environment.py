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


def settings_digest(settings: Settings) -> str:
    """SHA-256 over them, hexadecimal: equal when the settings are."""
    return hashlib.sha256(json.dumps(environment_of(settings), sort_keys=True).encode()).hexdigest()


def _text(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, Path):
        return str(value.resolve())
    return json.dumps(value) if isinstance(value, (tuple, bool)) else str(value)
