"""Access to the service: this user over the socket, clients with the token over the network."""

from __future__ import annotations

import hmac
import secrets
import stat
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from imgsearch import private_files
from imgsearch.errors import DiskError, UsageError
from imgsearch.operations.records import to_json
from imgsearch.service.refusals import refusal_of

TOKEN_FILE = "serve.token"
MIN_TOKEN_LENGTH = 16


class TokenAuth:
    """ASGI middleware that refuses network requests without the token; with None, all of them."""

    def __init__(self, app: ASGIApp, token: str | None) -> None:
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or is_private(scope) or self._has_token(Headers(scope=scope)):
            await self._app(scope, receive, send)
            return
        error = UsageError("Send the token of this service: Authorization: Bearer TOKEN")
        form = to_json(refusal_of(error))
        refusal = JSONResponse(form, 401, {"WWW-Authenticate": "Bearer"})
        await refusal(scope, receive, send)

    def _has_token(self, headers: Headers) -> bool:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        return (
            self._token is not None
            and scheme.lower() == "bearer"
            and hmac.compare_digest(token.strip().encode(), self._token.encode())
        )


def is_private(scope: Scope) -> bool:
    """Whether a request came over the socket in the data folder, which only this user can open.

    The server address of such a request has a path and no port; on the network it has a port.
    """
    server = scope.get("server")
    return server is not None and server[1] is None


def stored_token(data_dir: Path) -> str:
    """The token in the data folder, created if there is none, readable by this user only.

    Raises DiskError if it cannot be read or written, and UsageError if it is not secret.
    """
    file = data_dir / TOKEN_FILE
    token = secrets.token_urlsafe(32)
    try:
        is_new = private_files.create_whole(file, f"{token}\n".encode())
    except OSError as error:
        raise DiskError(f"Cannot write {file} ({error.strerror}).") from error
    return token if is_new else _read_token(file)


def _read_token(file: Path) -> str:
    try:
        mode = file.stat().st_mode
        token = file.read_text().strip()
    except (OSError, ValueError) as error:
        raise DiskError(
            f"Cannot read {file}: {error}. Delete it, and a new token is created."
        ) from error
    if stat.S_IMODE(mode) & 0o077 or len(token) < MIN_TOKEN_LENGTH:
        raise UsageError(
            f"{file} can be read by others, or has fewer than {MIN_TOKEN_LENGTH} characters. "
            "Delete it, and a new token is created."
        )
    return token
