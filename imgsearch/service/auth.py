"""Access to the service: this user at the private address, clients with the token at the port."""

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
_IS_PRIVATE = "imgsearch.is_private"  # key in the scope of a request


class TokenAuth:
    """ASGI middleware that refuses requests of others than this user without the token.

    With None as `token` it refuses all of them. `secret` belongs to the private address; None for a
    Unix socket, which only this user can open.
    """

    def __init__(self, app: ASGIApp, token: str | None, secret: str | None = None) -> None:
        self._app = app
        self._token = token
        self._secret = secret

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        sent = _sent_token(Headers(scope=scope))
        scope[_IS_PRIVATE] = _is_unix(scope) or _is_equal(sent, self._secret)
        if is_private(scope) or _is_equal(sent, self._token):
            await self._app(scope, receive, send)
            return
        error = UsageError("Send the token of this service: Authorization: Bearer TOKEN")
        form = to_json(refusal_of(error))
        refusal = JSONResponse(form, 401, {"WWW-Authenticate": "Bearer"})
        await refusal(scope, receive, send)


def is_private(scope: Scope) -> bool:
    """Return whether a request that passed `TokenAuth` came by the private address of this user."""
    return bool(scope.get(_IS_PRIVATE))


def _sent_token(headers: Headers) -> str | None:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _is_equal(sent: str | None, expected: str | None) -> bool:
    if sent is None or expected is None:
        return False
    return hmac.compare_digest(sent.encode(), expected.encode())


def _is_unix(scope: Scope) -> bool:
    """Return whether the server has the address of a Unix socket: a path and no port."""
    server = scope.get("server")
    return server is not None and server[1] is None


def stored_token(data_dir: Path) -> str:
    """Return the token in the data folder, created if there is none, readable by this user only.

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
