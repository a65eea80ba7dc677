"""Find the OPA binary, and know that it is one that the policies were tested with."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

from assay.contracts.errors import NotFound

OLDEST: Final = (1, 22)
"""The first version that the policies, the bundle's signature and the server's configuration were tested with."""

LOCAL: Final = Path(__file__).parents[2] / ".tools" / "bin" / "opa"
REMEDY: Final = "run `make setup`, or set ASSAY_OPA to an opa binary of version 1.22 or newer, below 2"


def find_opa() -> Path:
    """The binary to use: `ASSAY_OPA`, else the project's own, else the one on PATH.

    A named binary that does not fit is an error, never passed over.

    Raises NotFound (`OPA_MISSING`, `OPA_VERSION_UNFIT`).
    """
    if named := os.environ.get("ASSAY_OPA"):
        return _fit(Path(named))
    if LOCAL.exists():
        return _fit(LOCAL)
    if found := shutil.which("opa"):
        return _fit(Path(found))
    raise NotFound("OPA_MISSING", "no opa binary was found", REMEDY)


def opa_version(binary: Path) -> tuple[int, int, int]:
    """What `opa version` says.

    Raises NotFound (`OPA_MISSING`) when it does not run, (`OPA_VERSION_UNFIT`) when it says no version.
    """
    try:
        said = subprocess.run([binary, "version"], capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise NotFound("OPA_MISSING", f"{binary} does not run", REMEDY) from error
    if match := re.search(r"^Version: v?(\d+)\.(\d+)\.(\d+)", said, re.MULTILINE):
        return int(match[1]), int(match[2]), int(match[3])
    raise NotFound("OPA_VERSION_UNFIT", f"{binary} says no version", REMEDY)


def _fit(binary: Path) -> Path:
    version = opa_version(binary)
    if version[:2] < OLDEST or version[0] > OLDEST[0]:
        raise NotFound("OPA_VERSION_UNFIT", f"{binary} is OPA {'.'.join(map(str, version))}", REMEDY)
    return binary
