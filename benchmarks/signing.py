"""Signing and verifying a directory of weights, beside plain SHA-256 of the same bytes.

    python benchmarks/signing.py [--megabytes 100 1000] [--rounds 5]

Files are in the page cache (read once before), so that the disk is not what is measured. The three are done in turn,
round by round; rates are medians.
"""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import click

from activities.signing.weights import sign_directory, verify_directory
from benchmarks.material import write_bytes, write_keys
from benchmarks.report import Report, median, options


def plain(directory: Path) -> None:
    """SHA-256 of every file, as the standard library reads it."""
    for path in sorted(directory.iterdir()):
        with path.open("rb") as file:
            hashlib.file_digest(file, "sha256")


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def measure(report: Report, megabytes: int, rounds: int, scratch: Path) -> None:
    """Rows for one size."""
    private, public = write_keys(scratch)
    weights = write_bytes(scratch / f"weights-{megabytes}", megabytes * 1_000_000)
    signature = sign_directory(weights, private)
    raw, signed, verified = [], [], []
    for _ in range(rounds):
        raw.append(seconds(lambda: plain(weights)))
        signed.append(seconds(lambda: sign_directory(weights, private)))
        verified.append(seconds(lambda: verify_directory(weights, signature, public)))
    report.add(f"{megabytes} MB: plain SHA-256", megabytes / median(raw), "MB/s")
    report.add(f"{megabytes} MB: sign", megabytes / median(signed), "MB/s")
    report.add(f"{megabytes} MB: verify", megabytes / median(verified), "MB/s")
    report.add(f"{megabytes} MB: sign / plain, rate", median(raw) / median(signed), "ratio", at_least=0.9)
    report.add(f"{megabytes} MB: verify / plain, rate", median(raw) / median(verified), "ratio", at_least=0.9)


@options
@click.option("--megabytes", multiple=True, type=int, default=(100, 1000), show_default=True)
@click.option("--rounds", default=7, show_default=True)
def main(out: Path | None, megabytes: tuple[int, ...], rounds: int) -> None:
    """Measure signing and verifying."""
    report = Report("signing", "Signatures over weights")
    with tempfile.TemporaryDirectory() as scratch:
        for size in megabytes:
            folder = Path(scratch, str(size))
            folder.mkdir()
            measure(report, size, rounds, folder)
    report.write(out)


if __name__ == "__main__":
    main()
