"""The gateway as processes: one, or several that share a port."""

from __future__ import annotations

import logging
import multiprocessing
import os
import shutil
import signal
import socket
import threading
from collections.abc import Mapping
from multiprocessing.context import SpawnProcess
from typing import Final

import uvicorn

from assay.contracts.errors import Unavailable
from assay.contracts.rollout import RouteTable
from assay.memory import settle_memory
from assay.scratch import scratch
from assay.settings import Settings
from registry import Registry
from serving.gateway import telemetry
from serving.gateway.app import Gateway, GatewayConfig
from serving.gateway.peers import announce, withdraw
from serving.gateway.protocol import BoundedProtocol

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
    """What a process needs."""
    state = settings.home / "gateway" / str(settings.ports.gateway)
    return GatewayConfig(
        engines=settings.engines,
        engine_key=settings.engine_key,
        admin_key=settings.control_key,
        state_file=state / "routes.json",
        peers=state / "peers" if settings.gateway_processes > 1 else None,
    )


def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Raises Unavailable (`PORT_TAKEN`)."""
    if settings.gateway_processes == 1:
        serve(settings)
    else:
        _supervise(settings)


def serve(settings: Settings) -> None:
    """One process on the shared port, with a control port of its own when it has siblings."""
    telemetry.configure(settings)
    config = configure(settings)
    listeners = [listen(settings.ports.gateway, settings.gateway_host, shared=config.peers is not None)]
    if config.peers:
        listeners.append(listen(0))
        announce(config.peers, listeners[1].getsockname()[1])
    server = uvicorn.Server(http_config(Gateway(RegistrySource(settings), config)))
    settle_memory()
    _log_what_is_read()
    server.run(sockets=listeners)


def http_config(app: Gateway, protocol: type[BoundedProtocol] = BoundedProtocol) -> uvicorn.Config:
    """How a gateway speaks HTTP."""
    return uvicorn.Config(
        app,
        loop="uvloop",
        http=protocol,
        ws="none",
        lifespan="on",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        log_config=None,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


def _log_what_is_read() -> None:
    """No log line names thread, process or place in the code; finding them out took a tenth of a request.

    The switches are those of "Optimization" in the documentation of Python's `logging`.
    """
    logging._srcfile = None
    for name in ("logThreads", "logProcesses", "logMultiprocessing", "logAsyncioTasks"):
        setattr(logging, name, False)


def listen(port: int, host: str = "127.0.0.1", *, shared: bool = False) -> socket.socket:
    """A listener; 0 is any free port. `shared`: the kernel spreads connections over the processes that listen so.

    Raises Unavailable (`PORT_TAKEN`).
    """
    try:
        listener = socket.create_server((host, port), reuse_port=shared, backlog=2048)
    except OSError as error:
        message = f"The gateway can not listen on {host}:{port}: {error.strerror}."
        raise Unavailable("PORT_TAKEN", message, "Set ASSAY_PORTS__GATEWAY to a free port.") from error
    # Head and body of an answer are two writes; without this, Nagle's algorithm holds the second for 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _serve_as_child(settings: Settings) -> None:
    """Serve until told to stop, or until the parent is gone: a killed one could not tell."""
    parent = multiprocessing.parent_process()
    assert parent

    def wait() -> None:
        parent.join()
        # As if it had told: answers in flight are finished, and the port is free for its successor at once.
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="parent", daemon=True).start()
    serve(settings)


def _supervise(settings: Settings) -> None:
    """Keep the processes alive until told to stop; one that ends by itself is replaced after a second."""
    folder = configure(settings).peers
    assert folder
    # Not shared for a moment: a stray gateway on the same port would silently take its part of the requests.
    listen(settings.ports.gateway, settings.gateway_host).close()
    shutil.rmtree(folder, ignore_errors=True)
    context = multiprocessing.get_context("spawn")
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    with scratch(settings.home, "gateway") as metrics:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(metrics)  # before the children import prometheus_client
        children: list[SpawnProcess] = []
        while not stopping.is_set():
            for child in [child for child in children if not child.is_alive()]:
                children.remove(child)
                withdraw(folder, child.pid or 0)
            for _ in range(settings.gateway_processes - len(children)):
                children.append(context.Process(target=_serve_as_child, args=(settings,)))
                children[-1].start()
            stopping.wait(1.0)
        for child in children:
            child.terminate()
        for child in children:
            child.join(GRACE_SECONDS + 5)
            withdraw(folder, child.pid or 0)
