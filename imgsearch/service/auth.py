"""Who is answered: whoever may open the socket, and on the network whoever knows the token."""

from __future__ import annotations

import hmac

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from imgsearch.errors import UsageError
from imgsearch.service import codec


class TokenAuth:
    """ASGI middleware. With `token` None nothing that comes over the network is answered."""

    def __init__(self, app: ASGIApp, token: str | None) -> None:
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or is_private(scope) or self._knows(Headers(scope=scope)):
            await self._app(scope, receive, send)
            return
        error = UsageError("Send the token of this service: Authorization: Bearer TOKEN")
        refusal = JSONResponse(
            {"error": codec.error_to_json(error)}, 401, {"WWW-Authenticate": "Bearer"}
        )
        await refusal(scope, receive, send)

    def _knows(self, headers: Headers) -> bool:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        return (
            self._token is not None
            and scheme.lower() == "bearer"
            and hmac.compare_digest(token.strip().encode(), self._token.encode())
        )


def is_private(scope: Scope) -> bool:
    """Whether a request came over the socket in the data folder, which this user alone may open.

    Its server address has a path and no port; on the network there always is one.
    """
    server = scope.get("server")
    return server is not None and server[1] is None
