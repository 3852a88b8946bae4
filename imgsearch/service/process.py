"""Answers requests in one process: the whole service, or one of its workers."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import cast

import uvicorn

from imgsearch.library import Library
from imgsearch.service.app import create_app
from imgsearch.service.connections import ConnectionLimits, Connections
from imgsearch.service.quiet_collections import QuietCollections

BACKLOG = 128  # connections not yet accepted; all of them may be accepted at once
GRACE_S = 1.0  # for answers that are being computed when the service is stopped
FORCED_EXIT_S = 1.6  # exit then, even if a model call is still running
SWITCH_INTERVAL_S = 0.0005  # handshakes are answered in time while sixteen threads compute


def answer_requests(
    library: Library,
    token: str | None,
    secret: str | None,
    sockets: list[socket.socket],
    limits: ConnectionLimits,
    *,
    on_request: Callable[[], None] = lambda: None,
    on_ready: Callable[[], None] = lambda: None,
    on_forced_exit: Callable[[], None] = lambda: None,
    on_closed: Callable[[], None] = lambda: None,
    is_one_of_several: bool = False,
) -> None:
    """Answer the requests that come to these sockets, until SIGTERM or Ctrl-C.

    `token` and `secret` are as for `create_app`.
    `on_request` is called at each use of the library, `on_closed` for each connection that was
    closed, and `on_forced_exit` where an answer still takes longer when the process ends. One of
    several processes leaves connections to the others.
    In the main thread only.
    """

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            for each in sockets or []:
                each.listen(BACKLOG)
            app.set_aside()
            on_ready()

        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            super().handle_exit(sig, frame)
            _force_exit_later(on_forced_exit)

    app = QuietCollections(create_app(library, token, on_request, secret))
    connections = Connections(limits, on_closed)
    config = uvicorn.Config(
        app,
        log_config=None,
        log_level="error",
        access_log=False,
        lifespan="off",
        ws="none",
        http=cast(type[asyncio.Protocol], connections.protocol),  # uvicorn only calls it
        loop="asyncio",
        server_header=False,
        date_header=False,
        proxy_headers=False,
        limit_concurrency=limits.connections + 1,
        # As many connections asyncio accepts at a time, and it calls `listen` with this number.
        backlog=1 if is_one_of_several else BACKLOG,
        timeout_graceful_shutdown=int(GRACE_S),
    )
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    with _ignored_signals():
        Server(config).run(sockets)


@contextmanager
def _ignored_signals() -> Iterator[None]:
    """Ignore the signals that uvicorn re-raises after its shutdown, having handled them itself."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda *arguments: None) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _force_exit_later(on_exit: Callable[[], None]) -> None:
    """Exit even if a thread is still in a model call. Nothing is lost: the service only reads."""

    def end() -> None:
        time.sleep(FORCED_EXIT_S)
        with suppress(OSError):
            on_exit()
        os._exit(0)

    threading.Thread(target=end, name="imgsearch-exit", daemon=True).start()
