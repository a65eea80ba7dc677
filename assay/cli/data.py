"""`assay data`: what the ledger says about rows and datasets."""

from __future__ import annotations

import click


@click.group()
def data() -> None:
    """Rows and datasets: why a row is where it is, what a dataset holds, how two differ, what a mix will be."""
