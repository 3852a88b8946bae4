"""Serves the page: Streamlit's app, thumbnails by photo id beside it, a guard around both."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from streamlit.starlette import App

from imgsearch import ImgsearchError
from ui.cards import show_bug
from ui.guard import LOOPBACK, PageGuard
from ui.session import door

PASSWORD_VARIABLE = "IMGSEARCH_UI_PASSWORD"
SIDES_PX = {"small": 360, "large": 1600}
MAX_UPLOAD_MB = 100
# The address of a thumbnail names its photo's content, so it never changes.
_FOR_EVER = {"Cache-Control": "private, max-age=31536000, immutable"}


def thumbnail(request: Request) -> Response:
    """A photo of the library as WebP, by its id: nothing else can be asked for."""
    side_px = SIDES_PX.get(request.path_params["size"])
    if side_px is None:
        return PlainTextResponse("There is no such size.", 404)
    try:
        photo_id, at_s = request.path_params["photo_id"], _seconds(request.query_params.get("at"))
        content = door().library.thumbnail(photo_id, side_px, at_s)
    except ImgsearchError as error:
        return PlainTextResponse(str(error), 404, {"Cache-Control": "no-store"})
    if content is None:
        return PlainTextResponse("There is no such photo.", 404, {"Cache-Control": "no-store"})
    return Response(content, media_type="image/webp", headers=_FOR_EVER)


def _seconds(text: str | None) -> float | None:
    """A time in a video, as `ui.elements.source_of` writes it."""
    return int(text) / 1000 if text and text.isascii() and text.isdigit() else None


def app(password: str | None = None) -> App:
    """The whole page as an ASGI application."""
    return App(
        Path(__file__).with_name("app.py"),
        routes=[Route("/thumbnail/{size}/{photo_id:int}", thumbnail)],
        middleware=[Middleware(PageGuard, password=password)],
        on_script_error=show_bug,
    )


def options(host: str, port: int, open_browser: bool) -> dict[str, object]:
    """Streamlit's settings. What protects visitors is on and nothing is told to anyone."""
    return {
        "server.address": host,
        "server.port": port,
        "server.headless": not open_browser,
        "server.showEmailPrompt": False,
        "server.fileWatcherType": "none",
        "server.enableCORS": True,
        "server.enableXsrfProtection": True,
        "server.enableStaticServing": False,
        "server.enableAgentApi": False,
        "server.maxUploadSize": MAX_UPLOAD_MB,
        "browser.gatherUsageStats": False,
        "client.toolbarMode": "minimal",
        "client.showErrorDetails": "none",
        "client.showErrorLinks": False,
        "logger.level": "warning",
        "theme.primaryColor": "#0f766e",
        "theme.dark.primaryColor": "#0d9488",
        "theme.baseRadius": "10px",
        "theme.chartCategoricalColors": ["#0f766e", "#b45309", "#6d28d9"],
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until Ctrl-C. `imgsearch ui` is the friendlier way in."""
    parser = argparse.ArgumentParser(prog="python -m ui.server", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8501)
    parser.add_argument("--open-browser", action="store_true")
    chosen = parser.parse_args(arguments)
    password = os.environ.pop(PASSWORD_VARIABLE, None) or None
    if chosen.host not in LOOPBACK and password is None:
        parser.error(f"{chosen.host} is seen by others: set {PASSWORD_VARIABLE}.")
    app(password).run(config=options(chosen.host, chosen.port, chosen.open_browser))


if __name__ == "__main__":
    main()
