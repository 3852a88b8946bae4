"""Serves the page: Streamlit's app, thumbnails by photo id, and access control around both."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from streamlit.starlette import App

from imgsearch import ImgsearchError
from ui.auth import PasswordLogin, SameOrigin, SecurityHeaders
from ui.cards import unexpected_error
from ui.session import session

PASSWORD_VARIABLE = "IMGSEARCH_UI_PASSWORD"
LOOPBACK = ("localhost", "127.0.0.1", "::1")
LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "[::1]")  # as a Host header names them
SIDES_PX = {"small": 360, "large": 1600}
MAX_UPLOAD_MB = 100
# A thumbnail's URL names the photo's content, so what it serves never changes.
_CACHE_FOR_EVER = {"Cache-Control": "private, max-age=31536000, immutable"}


def thumbnail(request: Request) -> Response:
    """A photo of the library, by its id, as WebP. No other file can be requested."""
    side_px = SIDES_PX.get(request.path_params["size"])
    if side_px is None:
        return PlainTextResponse("Unknown size.", 404)
    photo_id, at_s = request.path_params["photo_id"], _seconds(request.query_params.get("at"))
    try:
        content = session().library.thumbnail(photo_id, side_px, at_s)
    except ImgsearchError as error:
        return PlainTextResponse(str(error), 404, {"Cache-Control": "no-store"})
    if content is None:
        return PlainTextResponse("Photo not found.", 404, {"Cache-Control": "no-store"})
    return Response(content, media_type="image/webp", headers=_CACHE_FOR_EVER)


def _seconds(text: str | None) -> float | None:
    """A time in a video, in milliseconds as `ui.elements.thumbnail_url` writes it."""
    return int(text) / 1000 if text and text.isascii() and text.isdigit() else None


def app(password: str | None = None) -> App:
    """The whole page as an ASGI application.

    With `password` None it answers under the names of this machine only; with one, under any
    name after a login.
    """
    if password is None:
        access = Middleware(TrustedHostMiddleware, allowed_hosts=LOOPBACK_HOSTS, www_redirect=False)
    else:
        access = Middleware(PasswordLogin, password=password)
    return App(
        Path(__file__).with_name("app.py"),
        routes=[Route("/thumbnail/{size}/{photo_id:int}", thumbnail)],
        middleware=[Middleware(SecurityHeaders), access, Middleware(SameOrigin)],
        on_script_error=unexpected_error,
    )


def streamlit_options(host: str, port: int, open_browser: bool) -> dict[str, object]:
    """Streamlit's settings: its protections are on, its telemetry is off."""
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
        "logger.hideWelcomeMessage": True,  # with 0.0.0.0 it would look up this machine's address
        "theme.primaryColor": "#0f766e",
        "theme.dark.primaryColor": "#0d9488",
        "theme.baseRadius": "10px",
        "theme.chartCategoricalColors": ["#0f766e", "#b45309", "#6d28d9"],
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until Ctrl-C. Users start it with `imgsearch ui`, which checks the options first."""
    parser = argparse.ArgumentParser(prog="python -m ui.server", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8501)
    parser.add_argument("--open-browser", action="store_true")
    options = parser.parse_args(arguments)
    # Out of the environment, so that no child process sees it.
    password = os.environ.pop(PASSWORD_VARIABLE, None) or None
    if options.host not in LOOPBACK and password is None:
        parser.error(f"{options.host} can be reached from other machines: set {PASSWORD_VARIABLE}.")
    with suppress(KeyboardInterrupt):  # Ctrl-C is how it is meant to end
        app(password).run(
            config=streamlit_options(options.host, options.port, options.open_browser)
        )


if __name__ == "__main__":
    main()
