"""Bounds on the connections of a server: how many, and how long a request takes to arrive.

uvicorn limits neither a connection without a request nor headers that arrive slowly. Here each
connection is either waiting for a request or answering one. Those that wait too long are closed,
and those that have waited longest make room where there are too many. A websocket answers as long
as it is open.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, cast

from msgspec import Struct
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    from typing import Any

    from uvicorn import Config
    from uvicorn.server import ServerState

_CONNECTION = "connection"  # keys of the state of an ASGI scope
_DEADLINE = "deadline"


class ConnectionLimits(Struct, frozen=True):
    """`request_s` is how long a request may take to arrive, from its first byte to its last.

    A connection may be without a request for as long.
    """

    connections: int = 256
    request_s: float = 10.0


USUAL_LIMITS = ConnectionLimits()


class Connections:
    """All connections of a server. `on_closed` is called when one of them was closed."""

    def __init__(
        self, limits: ConnectionLimits, on_closed: Callable[[], None] | None = None
    ) -> None:
        self.limits = limits
        self._on_closed = on_closed
        self._open = 0
        self._waiting: dict[Connection, None] = {}  # in the order in which they began to wait

    @property
    def protocol(self) -> Callable[..., asyncio.Protocol]:
        """The factory that uvicorn calls for each connection, as it calls its own H11Protocol."""
        return partial(Connection, self)

    def add(self) -> None:
        """Count a new connection; if there are too many, the one that waits longest is closed.

        If all others are answering, none is closed, and uvicorn refuses the new one (503).
        """
        self._open += 1
        if self._open > self.limits.connections and self._waiting:
            next(iter(self._waiting)).abort()

    def remove(self) -> None:
        self._open -= 1
        if self._on_closed is not None:
            self._on_closed()

    def begin_waiting(self, connection: Connection) -> None:
        self._waiting[connection] = None

    def end_waiting(self, connection: Connection) -> None:
        self._waiting.pop(connection, None)


class Connection(asyncio.Protocol):
    """One connection: passes everything on to uvicorn's protocol, and measures the time.

    That protocol is the one for HTTP, and that for websockets after a request to change to it.
    """

    def __init__(
        self,
        connections: Connections,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._connections = connections
        self._loop = _loop or asyncio.get_running_loop()
        self._protocol: asyncio.Protocol = H11Protocol(
            config, server_state, {**app_state, _CONNECTION: self}, _loop
        )
        self._transport: asyncio.Transport | None = None
        self._has_begun = False  # whether bytes of the next request have arrived
        self._deadline_s = 0.0  # in the time of the loop
        self._timer: asyncio.TimerHandle | None = None

    # ------------------------------------------------------------------ asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._connections.add()
        self._wait()
        self._protocol.connection_made(self._transport)

    def data_received(self, data: bytes) -> None:
        if self._timer is not None and not self._has_begun:
            self._has_begun = True
            self._restart_timer()
        self._protocol.data_received(data)
        self._follow_protocol()

    def eof_received(self) -> None:
        self._protocol.eof_received()

    def pause_writing(self) -> None:
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        self._protocol.resume_writing()

    def connection_lost(self, error: Exception | None) -> None:
        self._stop_waiting()
        self._connections.remove()
        self._protocol.connection_lost(error)

    # ------------------------------------------------------------------ waiting and answering

    def begin_answer(self) -> float:
        """Note that a request has arrived; its body is due at the time returned."""
        self._stop_waiting()
        return self._deadline_s

    def end_answer(self) -> None:
        """Note that the answer is complete: the next request may come, or the rest of this one."""
        self._follow_protocol()  # a request to change that has come meanwhile
        if self._transport is not None and not self._transport.is_closing():
            self._wait()

    def abort(self) -> None:
        """Close the connection at once, also if the client does not read."""
        self._stop_waiting()
        assert self._transport is not None
        self._transport.abort()

    def _follow_protocol(self) -> None:
        """Stay between the transport and uvicorn, which gives a websocket a protocol of its own."""
        assert self._transport is not None
        protocol = self._transport.get_protocol()
        if protocol is not self and protocol is not None:  # None: the connection is lost
            self._protocol = cast(asyncio.Protocol, protocol)
            self._transport.set_protocol(self)

    def _wait(self) -> None:
        self._has_begun = False
        self._connections.begin_waiting(self)
        self._restart_timer()

    def _stop_waiting(self) -> None:
        self._connections.end_waiting(self)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _restart_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        request_s = self._connections.limits.request_s
        self._deadline_s = self._loop.time() + request_s
        self._timer = self._loop.call_later(request_s, self._expire)

    def _expire(self) -> None:
        assert self._transport is not None
        if self._transport.get_write_buffer_size():  # the client still reads the last answer
            self._restart_timer()
        else:
            self.abort()


class RequestDeadlines:
    """ASGI middleware, outside of all that read a request: tells a connection when it answers.

    `deadline_of` then gives the time by which the body has to arrive.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        connection: Connection = scope["state"][_CONNECTION]
        scope["state"][_DEADLINE] = connection.begin_answer()
        try:
            await self._app(scope, receive, send)
        finally:
            connection.end_answer()


def deadline_of(scope: Scope) -> float:
    """Return the time of the loop by which this request has to be complete."""
    return cast(float, scope["state"][_DEADLINE])
