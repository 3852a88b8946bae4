"""Refuses requests that were sent to a name that this machine does not have."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from imgsearch.errors import UsageError
from imgsearch.service.answering import refusal

HOSTS = ("localhost", "127.0.0.1")


class KnownHosts:
    """ASGI middleware that refuses other hosts than `HOSTS`, with any port.

    So a web site whose name leads to this machine reaches nothing.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _is_known(Headers(scope=scope).getlist("host")):
            await self._app(scope, receive, send)
            return
        error = UsageError(f"The service answers to the host names {' and '.join(HOSTS)} only.")
        await refusal(error)(scope, receive, send)


def _is_known(names: list[str]) -> bool:
    if len(names) != 1:
        return False
    name, colon, port = names[0].partition(":")
    has_port = port.isascii() and port.isdigit()
    return name.lower() in HOSTS and (has_port or not colon)
