"""Answers for addresses that name no view, in place of Streamlit's document.

Streamlit sends its document for any path, and takes the path for a folder in which it is served.
"""

from __future__ import annotations

import difflib
import html
from functools import cache

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from imgsearch import printable
from ui import manifest
from ui.addresses import address_of
from ui.plain_pages import plain_page
from ui.responses import NOT_STORED
from ui.session import session
from ui.view_table import all_views, views_of

_MOST_SHOWN = 60  # characters of a path
_LIKENESS = 0.6  # of a name that may have been meant
_BODY = """<body><main><h1>There is no such view</h1>
<p>This page has no view with the address <code class="path">{path}</code>.</p>{meant}
<nav aria-label="Views">{links}</nav></main></body>"""


class UnknownViews:
    """ASGI middleware: the only documents are those of the views. Any other is a 404 that leads
    to them.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in _paths():
            await self._app(scope, receive, send)
            return
        is_document = False

        async def send_other(message: Message) -> None:
            nonlocal is_document
            if message["type"] == "http.response.start":
                media_type = Headers(scope=message).get("content-type", "")
                is_document = media_type.startswith("text/html")
            if not is_document:
                await send(message)

        await self._app(scope, receive, send_other)
        if is_document:
            await _no_such_view(Request(scope))(scope, receive, send)


@cache
def _paths() -> frozenset[str]:
    """Return the addresses of all views."""
    return frozenset(map(address_of, all_views()))


def _no_such_view(request: Request) -> HTMLResponse:
    """Return the page that names the views, first the one that may have been meant."""
    views = views_of(session().has)
    shown = {name: view.title for name, view in views.items() if not view.is_hidden}
    path = request.scope["path"]
    likely = _likely(path, shown)
    meant = ""
    if likely is not None:
        query = f"?{request.url.query}" if request.url.query else ""
        meant = f"<p>Did you mean {_link(address_of(likely) + query, shown[likely])}?</p>"
    content = plain_page(
        "There is no such view – imgsearch",
        _BODY.format(
            path=html.escape(printable(path[:_MOST_SHOWN])),
            meant=meant,
            links="".join(_link(address_of(name), title) for name, title in shown.items()),
        ),
        manifest.ICON,
    )
    return HTMLResponse(content, 404, NOT_STORED)


def _likely(path: str, shown: dict[str, str]) -> str | None:
    """Return the view whose name or title is most like a path."""
    names = {title.lower(): name for name, title in shown.items()} | {name: name for name in shown}
    asked = path.strip("/").lower().removesuffix(".html")
    found = difflib.get_close_matches(asked[:_MOST_SHOWN], names, n=1, cutoff=_LIKENESS)
    return names[found[0]] if found else None


def _link(address: str, text: str) -> str:
    return f'<a href="{html.escape(address)}">{html.escape(text)}</a>'
