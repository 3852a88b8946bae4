"""Compresses what the page sends: its scripts, styles and lists, but not pictures and copies."""

from __future__ import annotations

from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

# The first parts of paths whose answers are text: Streamlit's own files, and ours.
_TEXTS = frozenset(
    {
        *("answer", "exports", "filters", "map", "meaning", "modules", "operations", "static"),
        *("suggest", "timeline"),
    }
)
_LEAST_BYTES = 1000  # below, compressing saves nothing


class CompressedTexts:
    """ASGI middleware: answers to requests for texts are compressed where the browser takes it.

    Photos are compressed already, and their copies are sent while they are read.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._compressed = GZipMiddleware(app, minimum_size=_LEAST_BYTES, compresslevel=6)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        first = scope["path"].split("/")[1] if scope["type"] == "http" else ""
        app = self._compressed if first in _TEXTS else self._app
        await app(scope, receive, send)
