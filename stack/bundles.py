"""Every policy bundle that was ever in force here, by revision: with it an old decision can be repeated."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Final

from activities.policy.bundle import Bundle
from assay.contracts.errors import NotFound

_REVISION: Final = re.compile(r"sha256:([0-9a-f]{64})")


def keep(bundle: Bundle, home: Path) -> Path:
    """Keep a copy under its revision; one that is there is replaced, since the key may be another by now."""
    target = _path(home, bundle.revision)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(f".{os.getpid()}")
    shutil.copyfile(bundle.path, partial)
    partial.replace(target)
    return target


def kept(home: Path, revision: str) -> Path:
    """The bundle of a decision's `policy_revision`. Raises NotFound (`POLICY_REVISION_UNKNOWN`)."""
    path = _path(home, revision) if _REVISION.fullmatch(revision) else None
    if path is None or not path.exists():
        raise NotFound(
            "POLICY_REVISION_UNKNOWN",
            f"no policy bundle of revision {revision} is kept here",
            "check out the policies of that time and run `assay up`, or copy opa/bundles from where it was decided",
        )
    return path


def _path(home: Path, revision: str) -> Path:
    return home / "opa" / "bundles" / f"{revision.removeprefix('sha256:')}.tar.gz"
