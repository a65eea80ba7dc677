"""The gateway as processes: one, or several that share a port."""

from __future__ import annotations

import logging
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import uvicorn
from pydantic import SecretStr

from assay.contracts.rollout import RouteTable
from assay.settings import Settings
from registry import Registry
from serving.gateway.app import Gateway, GatewayConfig

GRACE_SECONDS: Final = 30
"""How long a stopping gateway waits for answers in flight."""


class RegistrySource:
    """The registry as a RouteSource. Opened at the first read that works: a gateway starts without its database."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._registry: Registry | None = None

    def current(self) -> RouteTable:
        """The table in force."""
        return self._open().routes.current()

    def hashes(self) -> Mapping[str, str]:
        """Keys in force."""
        return self._open().keys.hashes()

    def _open(self) -> Registry:
        if self._registry is None:
            self._registry = Registry.open(self._settings)
        return self._registry


def configure(settings: Settings) -> GatewayConfig:
    """What a process needs, with the keys of the local stack where the settings name none."""
    keys = settings.home / "keys"
    return GatewayConfig(
        engines=settings.engines,
        engine_key=_secret(keys / "engine.key"),
        admin_key=settings.admin_key or _secret(keys / "admin.key"),
        state_file=settings.home / "gateway" / "routes.json",
    )


def _secret(path: Path) -> SecretStr:
    return SecretStr(path.read_text().strip() if path.exists() else "")


def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT."""
    logging.basicConfig(level=settings.log_level.upper())
    app = Gateway(RegistrySource(settings), configure(settings))
    listener = socket.create_server(("127.0.0.1", settings.ports.gateway), reuse_port=True, backlog=2048)
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        access_log=False,
        server_header=False,
        date_header=False,
        log_config=None,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    uvicorn.Server(config).run(sockets=[listener])
