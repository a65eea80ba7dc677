"""`make bench`: every benchmark, one after the other, then docs/performance.md.

    python -m benchmarks [--only NAME …] [--results FOLDER]

A benchmark is a script of this folder that runs by itself: `python benchmarks/NAME.py --out FILE`.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import click

from benchmarks import page
from benchmarks.processes import ROOT, end

LONGEST_SECONDS: Final = 1200
"""Of one benchmark; each is made to end within a few minutes on two cores."""
_OUT: Final = ROOT / "var" / "bench"


def scripts() -> dict[str, Path]:
    """Every benchmark by name."""
    found = (file for file in sorted((ROOT / "benchmarks").glob("*.py")) if file.name != "__main__.py")
    return {file.stem: file for file in found if 'if __name__ == "__main__":' in file.read_text("utf-8")}


def run(name: str, script: Path, out: Path) -> bool:
    """Run one; whether it ended well. Its table goes to the terminal, its JSON to `out`."""
    click.secho(f"── {name}", bold=True)
    began = time.monotonic()
    target = out / f"{name}.json"
    target.unlink(missing_ok=True)
    command = [sys.executable, str(script), "--out", str(target)]
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        ended = process.wait(LONGEST_SECONDS)
    except subprocess.TimeoutExpired:
        ended = -1
    finally:
        end(process)
    click.echo(f"{name}: {'done' if ended == 0 else 'FAILED'} in {time.monotonic() - began:.0f} s\n")
    return ended == 0 and target.exists()


@click.command()
@click.option("--only", multiple=True, help="names, also with commas; default all")
def main(only: tuple[str, ...]) -> None:
    """Run benchmarks and write docs/performance.md."""
    known = scripts()
    wanted = [name for names in only for name in names.split(",")] or list(known)
    if unknown := set(wanted) - set(known):
        raise click.UsageError(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    _OUT.mkdir(parents=True, exist_ok=True)
    page.RESULTS.mkdir(exist_ok=True)
    failed = []
    for name in wanted:
        if run(name, known[name], _OUT):
            shutil.copy(_OUT / f"{name}.json", page.RESULTS)
        else:
            failed.append(name)
    page.write()
    click.echo(f"wrote {page.PAGE.relative_to(ROOT)}")
    if failed:
        raise click.ClickException(f"failed: {', '.join(failed)}; what they gave last time stands on the page")


if __name__ == "__main__":
    main()
