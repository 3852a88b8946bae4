"""Who may see the page: this machine alone, or whoever knows the password.

Around everything the server answers, websockets too. On a loopback address the Host header must
be a loopback name, so that no web site can reach in through a name of its own (DNS rebinding).
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "imgsearch_page"
LOGIN = "/login"
MAX_FORM_BYTES = 4096
WRONG_PASSWORD_S = 1.0  # one guess a second, whoever guesses
LOOPBACK = ("localhost", "127.0.0.1", "::1")

_HEADERS = {
    "Cross-Origin-Resource-Policy": "same-origin",  # no other site may show our pictures
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "SAMEORIGIN",
}
_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>imgsearch</title>
<meta name="viewport" content="width=device-width"><style>
:root { color-scheme: light dark; font: 16px system-ui, sans-serif; }
body { display: grid; place-items: center; min-height: 90vh; }
form { display: grid; gap: 12px; width: min(320px, 90vw); }
input, button { font: inherit; padding: 10px 12px; border-radius: 8px; border: 1px solid #8886; }
button { background: #0f766e; color: #fff; border: 0; cursor: pointer; }
</style><form method="post"><h1>imgsearch</h1>
<label for="password">Password of this library</label>
<input id="password" name="password" type="password" autocomplete="current-password" autofocus>
<button>Open</button><p role="alert">%s</p></form></html>"""


class PageGuard:
    """ASGI middleware: lets requests through that come from where they should.

    With `password` None only the loopback names are served; with one, any name, after a login.
    """

    def __init__(self, app: ASGIApp, password: str | None) -> None:
        self._app = app
        self._password = password
        # New at each start: who restarts the server logs everybody out.
        self._key = secrets.token_bytes(32)
        self._guessing = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
        elif self._password is None and _host_of(Headers(scope=scope)) not in LOOPBACK:
            await _refuse(scope, receive, send, "This page answers to localhost only.")
        elif self._password is None or self._knows(HTTPConnection(scope)):
            await self._app(scope, receive, _with_headers(send))
        elif scope["type"] == "websocket":
            await _refuse(scope, receive, send, "Log in first.")
        else:
            await self._login(scope, receive, send)

    def _knows(self, connection: HTTPConnection) -> bool:
        return hmac.compare_digest(connection.cookies.get(COOKIE, ""), self._token())

    def _token(self) -> str:
        assert self._password is not None
        return hmac.new(self._key, self._password.encode(), hashlib.sha256).hexdigest()

    async def _login(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self._password is not None
        request = Request(scope, receive)
        if request.url.path != LOGIN:
            if request.method != "GET" or "text/html" not in request.headers.get("accept", ""):
                await PlainTextResponse("Log in first.", 401)(scope, receive, send)
            else:
                await RedirectResponse(LOGIN, 303)(scope, receive, send)
            return
        complaint = ""
        if request.method == "POST":
            given = await _password_in(request)
            if hmac.compare_digest(given.encode(), self._password.encode()):
                response = RedirectResponse("/", 303)
                secure = request.url.scheme == "https"
                response.set_cookie(
                    COOKIE, self._token(), httponly=True, samesite="strict", secure=secure
                )
                await response(scope, receive, _with_headers(send))
                return
            async with self._guessing:
                await asyncio.sleep(WRONG_PASSWORD_S)
            complaint = "That is not the password."
        page = HTMLResponse(_PAGE % complaint, 401 if complaint else 200)
        await page(scope, receive, _with_headers(send))


async def _password_in(request: Request) -> str:
    """The password of the login form; nothing where the form is not one of ours."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM_BYTES:
            return ""
    return parse_qs(body.decode("utf-8", "replace")).get("password", [""])[0]


def _host_of(headers: Headers) -> str:
    host = headers.get("host", "")
    name = host.rpartition(":")[0] if host.rpartition("]")[2].startswith(":") else host
    if not host.startswith("["):
        name = host.partition(":")[0]
    return name.strip("[]").lower()


async def _refuse(scope: Scope, receive: Receive, send: Send, why: str) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008, "reason": why})
    else:
        await PlainTextResponse(why, 403)(scope, receive, send)


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            known = {name.lower() for name, _ in message["headers"]}
            message["headers"] = [
                *message["headers"],
                *(
                    (name.lower().encode(), value.encode())
                    for name, value in _HEADERS.items()
                    if name.lower().encode() not in known
                ),
            ]
        await send(message)

    return sending
