"""Collects garbage between answers, so that no answer waits for it."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from imgsearch import garbage

QUIET_S = 1.0


class QuietCollections:
    """ASGI middleware: collects garbage when nothing was answered for a second.

    The first such moment, or `set_aside` before it, also leaves all objects that are there out of
    later collections. A message of a websocket counts as an answer, an open websocket does not.
    """

    def __init__(self, app: ASGIApp, quiet_s: float = QUIET_S) -> None:
        self._app, self._quiet_s = app, quiet_s
        self._answering = 0  # HTTP requests
        self._last_s = 0.0  # in the loop's time
        self._timer: asyncio.TimerHandle | None = None
        self._is_set_aside = False

    def set_aside(self) -> None:
        """Do now what is else done in the first quiet moment. For a server that is warmed up."""
        garbage.set_aside()
        self._is_set_aside = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self._answering += 1
            try:
                await self._app(scope, receive, send)
            finally:
                self._answering -= 1
                self._note()
            return
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return

        async def noted_receive() -> Message:
            message = await receive()
            self._note()
            return message

        async def noted_send(message: Message) -> None:
            self._note()
            await send(message)

        await self._app(scope, noted_receive, noted_send)

    def _note(self) -> None:
        """Begin to wait for a quiet moment."""
        loop = asyncio.get_running_loop()
        self._last_s = loop.time()
        if self._timer is None:
            self._timer = loop.call_later(self._quiet_s, self._look)

    def _look(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        remaining_s = self._last_s + self._quiet_s - loop.time()
        if self._answering or remaining_s > 0:
            self._timer = loop.call_later(max(remaining_s, self._quiet_s / 4), self._look)
        elif self._is_set_aside:
            garbage.collect()
        else:
            self.set_aside()
