"""`python -m serving.gateway`: settings -> registry -> uvicorn; SIGTERM ends it after the answers in flight."""

from __future__ import annotations

from assay.settings import Settings
from serving.gateway.server import run

if __name__ == "__main__":
    run(Settings())
