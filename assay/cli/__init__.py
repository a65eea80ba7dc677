"""The `assay` command. `assay --help` imports nothing heavy: each command is loaded when it is run."""

from assay.cli.main import main

__all__ = ["main"]
