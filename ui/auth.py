"""Access to the page: its password or its token, and what keeps other web sites out.

Without a password the page is for the user who started it: it opens by an address with a token, as
other users of this machine can reach its port. `ui.server` then refuses every Host header that does
not name this machine, so that no web site can get in through a host name of its own (DNS
rebinding).
"""

from __future__ import annotations

import asyncio
import hmac
import html
import time
from collections.abc import Sequence
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from imgsearch import deadline_of
from ui.plain_pages import plain_page
from ui.request_body import read_body
from ui.responses import NOT_STORED

COOKIE = "imgsearch_page_{port}"  # cookies do not tell ports apart, and two pages may run
ASKS_PASSWORD = "IMGSEARCH_UI_ASKS_PASSWORD"  # set in the environment of a page with a password
LOGIN = "/login"
LOGOUT = "/logout"
NEXT = "next"  # the parameter of the login's address: where to go afterwards
TOKEN = "token"  # the parameter of an address
MAX_FORM_BYTES = 4096
MAX_AGE_DAYS = 30  # of a login
MAX_AGE_S = MAX_AGE_DAYS * 24 * 3600
WRONG_PASSWORD_S = 1.0  # one guess per second, no matter how many clients guess

_READING = ("GET", "HEAD", "OPTIONS")  # the methods of requests that change nothing
_SECURITY_HEADERS = {
    "Cross-Origin-Resource-Policy": "same-origin",  # no other site may embed the photos
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "SAMEORIGIN",
}
_LOGIN_FORM = """<body><form method="post"><h1>imgsearch</h1>
<label for="password">Password for this library</label>
<input id="password" name="password" type="password" autocomplete="current-password" autofocus>
<button>Log in</button><p role="alert">%s</p></form></body>"""
# The browser follows a link of the page itself: on a redirect it would not send a strict cookie if
# another page or a file led here.
_TOKEN_ACCEPTED = """<!doctype html><html lang="en"><meta charset="utf-8"><title>imgsearch</title>
<meta http-equiv="refresh" content="0;url=%s"></html>"""
_TOKEN_NEEDED = """This page is for the user who started it.
Open the address that imgsearch ui printed: it ends with a token."""
_TOKEN_NEEDED_PAGE = plain_page(
    "Not logged in – imgsearch",
    f"""<body><main><h1>This browser is not logged in</h1>
<p>The photos are shown to the user who started imgsearch, and to nobody else on this machine.</p>
<ol><li>Go to the terminal in which <code>imgsearch ui</code> runs. It has printed an address that
ends with a token.</li>
<li>Open that address in this browser. It stays logged in for {MAX_AGE_DAYS} days, and your
bookmarks work again.</li></ol>
<p>If that terminal is gone, end the program that still runs, and run <code>imgsearch ui</code>
again: it opens the browser by itself.</p></main></body>""",
)


class SecurityHeaders:
    """ASGI middleware: adds the headers above to every response that does not set them itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)


class SameOrigin:
    """ASGI middleware: refuses websockets and changes that a page of another web site asks for.

    A browser sends the cookie of this page with requests of pages at other ports of this machine.
    Streamlit refuses such websockets too, but asks a server on the internet for this machine's
    address before it does, so that any web site could make it call out.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket" and _has_foreign_origin(scope):
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": "Foreign origin."})
        elif (
            scope["type"] == "http"
            and scope["method"] not in _READING
            and _has_foreign_origin(scope)
        ):
            refusal = PlainTextResponse("A page of another web site asked.", 403, NOT_STORED)
            await refusal(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def _has_foreign_origin(scope: Scope) -> bool:
    headers = HTTPConnection(scope).headers
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != headers.get("host")


class KeyedRoutes:
    """ASGI middleware: routes that look for a key of their own are served without a login.

    It stands before the login, which then sees all other requests.
    """

    def __init__(self, app: ASGIApp, routes: Sequence[Route]) -> None:
        self._app = app
        self._routes = tuple(routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        for route in self._routes:
            match, parameters = route.matches(scope)
            if match is Match.FULL:
                await route.handle({**scope, **parameters}, receive, send)
                return
        await self._app(scope, receive, send)


class SignedCookie:
    """The cookie of those who have logged in: until when it counts, and a signature of that.

    So it survives a restart of the server, as long as the `key` and the `purpose` stay the same.
    Without `is_kept` the browser forgets it when it is closed.
    """

    def __init__(self, key: bytes, purpose: str, is_kept: bool) -> None:
        self._key = key
        self._purpose = purpose
        self._is_kept = is_kept

    def must_begin(self, scope: Scope) -> bool:
        """Return whether this is a request or a websocket without the cookie."""
        if scope["type"] not in ("http", "websocket"):
            return False
        connection = HTTPConnection(scope)
        until, _, signature = connection.cookies.get(_cookie_name(connection), "").partition(".")
        is_signed = _equal(signature, self._signature(until))
        return not (is_signed and 0 <= int(until) - time.time() <= MAX_AGE_S)

    def begin(self, request: Request, response: Response) -> None:
        """Give the cookie with a response."""
        until = str(int(time.time()) + MAX_AGE_S)
        response.set_cookie(
            _cookie_name(request),
            f"{until}.{self._signature(until)}",
            max_age=MAX_AGE_S if self._is_kept else None,
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )

    def end(self, request: Request) -> Response:
        """Return the answer to a request to log out: the browser forgets the cookie.

        Only by POST, which a link or a picture of another web site cannot send.
        """
        if request.method != "POST":
            return PlainTextResponse("Log out by POST.", 405, NOT_STORED)
        response = PlainTextResponse("Logged out.", headers=NOT_STORED)
        response.delete_cookie(
            _cookie_name(request),
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return response

    def _signature(self, until: str) -> str:
        signed = f"{self._purpose}\n{until}".encode("utf-8", "surrogateescape")
        return hmac.new(self._key, signed, "sha256").hexdigest()


class TokenLogin:
    """ASGI middleware: nothing is served, websockets included, before an address with the token."""

    def __init__(self, app: ASGIApp, token: str, key: bytes) -> None:
        self._app = app
        self._token = token
        # Not signed with the token, which may be another one at each start.
        self._session = SignedCookie(key, "token", is_kept=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self._has_token(HTTPConnection(scope)):
            await self._accept(Request(scope))(scope, receive, send)
        elif not self._session.must_begin(scope):
            app = self._session.end(Request(scope)) if _is_logout(scope) else self._app
            await app(scope, receive, send)
        elif scope["type"] == "websocket":
            await _refuse_websocket(receive, send)
        else:
            await _token_needed(Request(scope))(scope, receive, send)

    def _has_token(self, connection: HTTPConnection) -> bool:
        return _equal(connection.query_params.get(TOKEN, ""), self._token)

    def _accept(self, request: Request) -> Response:
        """Return the cookie, and the address without the token, which then is in no history."""
        others = [(key, value) for key, value in request.query_params.items() if key != TOKEN]
        address = _own_address(request.scope["path"], urlencode(others))
        response = HTMLResponse(_TOKEN_ACCEPTED % html.escape(address), headers=NOT_STORED)
        self._session.begin(request, response)
        return response


class PasswordLogin:
    """ASGI middleware: nothing is served, websockets included, before a login with the password."""

    def __init__(self, app: ASGIApp, password: str, key: bytes) -> None:
        self._app = app
        self._password = password
        # Another password ends all sessions.
        self._session = SignedCookie(key, f"password {password}", is_kept=False)
        self._guessing = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._session.must_begin(scope):
            app = self._app
            if _is_logout(scope):
                app = self._session.end(Request(scope))
            elif scope["type"] == "http" and scope["path"] == LOGIN:
                app = RedirectResponse(_next_address(Request(scope)), 303)
            await app(scope, receive, send)
        elif scope["type"] == "websocket":
            await _refuse_websocket(receive, send)
        else:
            response = await self._login(Request(scope, receive))
            await response(scope, receive, send)

    async def _login(self, request: Request) -> Response:
        if request.url.path != LOGIN:
            if request.method == "GET" and _wants_html(request):
                asked = _own_address(request.scope["path"], request.url.query)
                return RedirectResponse(f"{LOGIN}?{urlencode({NEXT: asked})}", 303)
            return PlainTextResponse("Log in first.", 403)
        if request.method != "POST":
            return HTMLResponse(_login_page())
        try:
            async with asyncio.timeout_at(deadline_of(request.scope)):
                password = await _password_in(request)
        except TimeoutError:
            return PlainTextResponse("The request did not arrive in time.", 408)
        if not _equal(password, self._password):
            async with self._guessing:
                await asyncio.sleep(WRONG_PASSWORD_S)
            return HTMLResponse(_login_page("Wrong password."), 401)
        response = RedirectResponse(_next_address(request), 303)
        self._session.begin(request, response)
        return response


def _login_page(problem: str = "") -> str:
    return plain_page("imgsearch", _LOGIN_FORM % problem)


def _is_logout(scope: Scope) -> bool:
    return bool(scope["type"] == "http" and scope["path"] == LOGOUT)


def _token_needed(request: Request) -> Response:
    """Return the refusal: a page for people, a text for programs."""
    if _wants_html(request):
        return HTMLResponse(_TOKEN_NEEDED_PAGE, 403, NOT_STORED)
    return PlainTextResponse(_TOKEN_NEEDED, 403, NOT_STORED)


def _wants_html(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")


def _own_address(path: str, query: str) -> str:
    """Return an address of this page, whatever the path: two slashes would name another host."""
    own = "/" + quote(path.lstrip("/\\"))
    return f"{own}?{query}" if query else own


def _next_address(request: Request) -> str:
    """Return the address to open after the login: the one that was requested, or the start page."""
    asked = urlsplit(request.query_params.get(NEXT, "/"))
    return _own_address(unquote(asked.path), asked.query)


def _cookie_name(connection: HTTPConnection) -> str:
    return COOKIE.format(port=connection.scope["server"][1])


async def _refuse_websocket(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.close", "code": 1008, "reason": "Log in first."})


async def _password_in(request: Request) -> str:
    """Return the password in the login form; empty if the form is malformed or too large."""
    body = await read_body(request, MAX_FORM_BYTES)
    return parse_qs((body or b"").decode("utf-8", "replace")).get("password", [""])[0]


def _equal(given: str, expected: str) -> bool:
    """Compare in constant time. As bytes: `compare_digest` raises on text that is not ASCII."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())
