"""Refuse files that run code when they are loaded."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Final

from assay.contracts.errors import IntegrityRefused

SUFFIXES: Final = frozenset(
    {".bin", ".ckpt", ".dill", ".joblib", ".mar", ".npy", ".npz", ".pickle", ".pkl", ".pt", ".pth", ".py"}
)
"""What torch, joblib and numpy write with pickle inside, and plain code."""

_PROTOCOLS: Final = tuple(b"\x80" + bytes([protocol]) for protocol in range(2, 6))
"""How a pickle of protocol 2 to 5 begins (PEP 307, PEP 3154, PEP 574)."""


def refuse_pickles(directory: Path) -> None:
    """Raises IntegrityRefused (`ADAPTER_PICKLE`) for a file that is, or holds, a pickle, whatever it is called."""
    for path in sorted(directory.rglob("*")):
        if path.is_file() and (path.suffix.lower() in SUFFIXES or _is_pickle(path)):
            raise IntegrityRefused(
                "ADAPTER_PICKLE",
                f"{path.relative_to(directory).as_posix()} can run code when it is loaded",
                "save the weights as safetensors",
            )


def _is_pickle(path: Path) -> bool:
    with path.open("rb") as file:
        if file.read(2) in _PROTOCOLS:
            return True
    # torch.save writes a ZIP archive with a pickle in it.
    return zipfile.is_zipfile(path)
