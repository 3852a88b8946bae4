"""Serves the page: Streamlit's app, thumbnails by photo id, and access control around both."""

from __future__ import annotations

import argparse
import asyncio
import html
import os
import secrets
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext, suppress
from pathlib import Path
from types import FrameType
from typing import cast
from urllib.parse import urlencode

import click
import uvicorn
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from streamlit.starlette import App
from streamlit.web import bootstrap

from imgsearch import (
    LOOPBACK,
    PASSWORD_VARIABLE,
    TOKEN_VARIABLE,
    ConnectionLimits,
    Connections,
    ImgsearchError,
    QuietCollections,
    RequestDeadlines,
    Settings,
    page_key,
    printable,
)
from ui import (
    answer_data,
    coming_photos,
    component_files,
    example_upload,
    exports,
    file_manager,
    first_document,
    library_state,
    manifest,
    operations,
    originals,
    timeline_data,
    unfinished,
    zip_copies,
)
from ui.addresses import number_of
from ui.auth import (
    ASKS_PASSWORD,
    TOKEN,
    KeyedRoutes,
    PasswordLogin,
    SameOrigin,
    SecurityHeaders,
    TokenLogin,
)
from ui.cards import unexpected_error
from ui.compression import CompressedTexts
from ui.features import page_features
from ui.icon_font import SmallFonts
from ui.responses import NOT_STORED, no_picture
from ui.session import session
from ui.unknown_views import UnknownViews

LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "[::1]")  # as a Host header names them
Lifespan = Callable[[App], AbstractAsyncContextManager[None]]
# "full" is for formats that browsers cannot show; a WebP has no more than 16,383 pixels a side.
# "dense" is that of `imgsearch.decode.thumbnails.DENSE_SIDE_PX`.
SIDES_PX = {"small": 360, "dense": 540, "large": 1600, "full": 16_383}
KEPT_SIDE_PX = 256  # of the picture that the library keeps of each photo
MAX_CONNECTIONS = 256  # as the service has
BACKLOG = 128  # connections not yet accepted; all of them may be accepted at once
PING_S = 30.0  # between the signs of life of an open tab, and how long one may take
OPEN_FILES = 4096  # macOS allows no more than 10,240
# A thumbnail's URL names the photo's content, so what it serves never changes.
_CACHE_FOR_EVER = {"Cache-Control": "private, max-age=31536000, immutable"}
_FORWARDING = """<!doctype html><html lang="en"><meta charset="utf-8"><title>imgsearch</title>
<meta name="referrer" content="no-referrer"><meta http-equiv="refresh" content="0;url=%s"></html>"""


def thumbnail(request: Request) -> Response:
    """Return a photo of the library, by its id, as WebP. No other file can be requested."""
    size = request.path_params["size"]
    side_px = SIDES_PX.get(size)
    if side_px is None:
        return PlainTextResponse("Unknown size.", 404)
    if size in ("small", "dense") and session().has("fleet"):
        side_px = KEPT_SIDE_PX  # a larger one would fetch the whole original of every tile
    photo_id = number_of(request.path_params["photo_id"])
    at_ms = number_of(request.query_params.get("at", ""))
    at_s = None if at_ms is None else at_ms / 1000
    if photo_id is None:
        return PlainTextResponse("Photo not found.", 404, NOT_STORED)
    searched, headers = session().library, _CACHE_FOR_EVER
    try:
        try:
            content = searched.pictures.thumbnail(photo_id, side_px, at_s, or_kept=False)
        except ImgsearchError:  # the original cannot be read now, so only a small picture is there
            content, headers = searched.pictures.thumbnail(photo_id, KEPT_SIDE_PX), NOT_STORED
    except ImgsearchError as error:
        return no_picture(error)
    if content is None:
        return PlainTextResponse("Photo not found.", 404, NOT_STORED)
    return Response(content, media_type="image/webp", headers=headers)


def app(access: Sequence[Middleware], lifespan: Lifespan | None = None) -> App:
    """Return the page as an ASGI application, for those whom the middleware `access` lets in."""
    return App(
        Path(__file__).with_name("app.py"),
        routes=[
            *first_document.routes(),
            Route("/thumbnail/{size}/{photo_id}", thumbnail),
            Route("/original/{photo_id}", originals.original),
            Route("/moving-part/{photo_id}", originals.moving_part),
            Route(manifest.MANIFEST, manifest.manifest),
            Route(manifest.ICON, manifest.icon),
            Route("/copies/check", zip_copies.check),
            Route("/copies/photos.zip", zip_copies.download),
            Route(component_files.ROUTE, component_files.serve),
            Route("/answer/list", answer_data.photo_list),
            Route("/answer/tiles", answer_data.tiles),
            Route("/coming", coming_photos.progress),
            # PUT, which no other web site may send without asking first.
            Route("/example", example_upload.keep, methods=["PUT"]),
            Route(library_state.ROUTE, library_state.state),
            Route("/timeline/tiles", timeline_data.tiles),
            Route("/photo/file", file_manager.show_in_file_manager, methods=["PUT"]),
            Route(operations.ROUTE, operations.operate, methods=list(operations.METHODS)),
            Route("/exports/{kind}", exports.export, methods=["PUT"]),
            *(route for feature in page_features() for route in feature.routes),
        ],
        middleware=[
            Middleware(SecurityHeaders),
            *access,
            Middleware(CompressedTexts, cache_dir=Settings.load().cache_dir),
            Middleware(SameOrigin),
            Middleware(SmallFonts),
            Middleware(UnknownViews),
        ],
        on_script_error=unexpected_error,
        lifespan=lifespan,
    )


def access_by_password(password: str, key: bytes) -> list[Middleware]:
    """Lets in those who know the password, under any name of this machine."""
    return [_keyed_routes(), Middleware(PasswordLogin, password=password, key=key)]


def access_by_token(token: str, key: bytes) -> list[Middleware]:
    """Lets in those who know the token, under the names by which a machine calls itself."""
    hosts = Middleware(TrustedHostMiddleware, allowed_hosts=LOOPBACK_HOSTS, www_redirect=False)
    return [hosts, _keyed_routes(), Middleware(TokenLogin, token=token, key=key)]


def _keyed_routes() -> Middleware:
    """Lets in those who have the key of a route of a feature, to that route alone."""
    routes = [route for feature in page_features() for route in feature.keyed_routes]
    return Middleware(KeyedRoutes, routes=routes)


def _key() -> bytes:
    """Return the key that signs cookies; of this process only, where it cannot be kept."""
    try:
        return page_key(Settings.load().data_dir)
    except ImgsearchError as error:
        click.echo(
            printable(f"Warning: {error} Until then, browsers have to log in again at each start."),
            err=True,
        )
        return secrets.token_bytes()


def opened_in_browser(address: str, host: str, port: int) -> Lifespan:
    """Open the address in the browser when the page listens.

    Through a file that only this user can read: other users see the arguments of a browser.
    """

    @asynccontextmanager
    async def lifespan(app: App) -> AsyncIterator[None]:
        descriptor, name = tempfile.mkstemp(".html", "imgsearch-")
        with os.fdopen(descriptor, "w") as file:
            file.write(_FORWARDING % html.escape(address))
        # In a thread, since some browsers run until they are closed.
        _when_listening(host, port, lambda: click.launch(name, wait=True))
        try:
            yield
        finally:
            with suppress(OSError):  # cleaned up by another program
                Path(name).unlink()

    return lifespan


def _when_listening(host: str, port: int, act: Callable[[], object]) -> None:
    """Call `act` in a thread as soon as connections are accepted."""

    def wait() -> None:
        target = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
        while True:
            try:
                socket.create_connection((target, port), 1).close()
            except OSError:
                time.sleep(0.05)
            else:
                act()
                return

    threading.Thread(target=wait, daemon=True).start()


def _address(host: str, port: int, token: str | None) -> str:
    """Return the address of the page, with the token where one is needed."""
    query = "" if token is None else f"/?{urlencode({TOKEN: token})}"
    return f"http://{f'[{host}]' if ':' in host else host}:{port}{query}"


def _look_after() -> None:
    """Look after the library as long as the page runs, in a thread that ends with it."""
    with session().library.upkeep.looking_after():
        threading.Event().wait()


def _announce(address: str) -> None:
    data_dir = Settings.load().data_dir
    click.echo(printable(f"The page of the library in {data_dir}: {address}"), err=True)


def streamlit_options(host: str, port: int) -> dict[str, object]:
    """Streamlit's settings: its protections are on, its telemetry is off."""
    return {
        "server.address": host,
        "server.port": port,
        # A session has an event loop of its own, three descriptors, until it is forgotten; all that
        # a tab needs to go on after its connection was lost is in its address and in the browser.
        "server.disconnectedSessionTTL": 0,
        "server.headless": True,  # `opened_in_browser` opens it
        "server.showEmailPrompt": False,
        "server.fileWatcherType": "none",
        "server.enableCORS": True,
        "server.enableXsrfProtection": True,
        "server.enableStaticServing": False,
        "server.enableAgentApi": False,
        "server.maxUploadSize": 1,  # in MB, the least: nothing comes by Streamlit's uploads
        "browser.gatherUsageStats": False,
        "client.toolbarMode": "minimal",
        "client.showErrorDetails": "none",
        "client.showErrorLinks": False,
        "logger.level": "warning",
        "logger.hideWelcomeMessage": True,  # with 0.0.0.0 it would look up this machine's address
        "theme.primaryColor": "#0f766e",
        "theme.dark.primaryColor": "#12a594",
        "theme.baseRadius": "10px",
        "theme.chartCategoricalColors": ["#0f766e", "#b45309", "#6d28d9"],
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until Ctrl-C. Users start it with `imgsearch ui`, which checks the options first."""
    parser = argparse.ArgumentParser(prog="python -m ui", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8501)
    parser.add_argument("--open-browser", action="store_true")
    options = parser.parse_args(arguments)
    # Out of the environment, so that no child process sees them.
    password, token = (os.environ.pop(name, "") for name in (PASSWORD_VARIABLE, TOKEN_VARIABLE))
    if options.host not in LOOPBACK and not password:
        parser.error(f"{options.host} can be reached from other machines: set {PASSWORD_VARIABLE}.")
    if not password and not token:
        parser.error(f"Set {PASSWORD_VARIABLE} or {TOKEN_VARIABLE}.")
    if password:
        os.environ[ASKS_PASSWORD] = "1"
    key = _key()
    access = access_by_password(password, key) if password else access_by_token(token, key)
    host, port, token_or_none = options.host, options.port, None if password else token
    is_for_all = host in ("0.0.0.0", "::")
    local = _address("localhost" if is_for_all else host, port, token_or_none)
    printed = _address(socket.gethostname() if is_for_all else host, port, token_or_none)
    opened = (
        opened_in_browser(local, host, port) if options.open_browser else lambda app: nullcontext()
    )
    is_serving = threading.Event()

    @asynccontextmanager
    async def lifespan(app: App) -> AsyncIterator[None]:
        is_serving.set()
        _when_listening(host, port, lambda: _announce(printed))
        _when_listening(host, port, unfinished.go_on)
        _when_listening(host, port, _look_after)
        async with opened(app):
            yield

    def on_interrupt(signal_number: int, frame: FrameType | None) -> None:
        if is_serving.is_set():
            raise KeyboardInterrupt
        # An exception in a half-started event loop would leave tracebacks, or be lost.
        os._exit(0)

    # Uvicorn handles Ctrl-C while it serves, and raises it once more when it has ended.
    signal.signal(signal.SIGINT, on_interrupt)
    with suppress(KeyboardInterrupt):  # Ctrl-C is how it is meant to end
        _run(app(access, lifespan), host, port)


def _run(app: App, host: str, port: int) -> None:
    """Serve until Ctrl-C or SIGTERM."""
    open_files = _raise_open_files()
    limits = ConnectionLimits(min(MAX_CONNECTIONS, open_files // 4))
    bootstrap.load_config_options(streamlit_options(host, port))
    config = uvicorn.Config(
        QuietCollections(RequestDeadlines(app)),
        log_config=None,
        log_level="error",
        access_log=False,
        http=cast(type[asyncio.Protocol], Connections(limits).protocol),  # uvicorn only calls it
        ws="websockets-sansio",
        ws_ping_interval=PING_S,
        ws_ping_timeout=PING_S,
        ws_per_message_deflate=False,
        loop="asyncio",
        limit_concurrency=limits.connections + 1,
        backlog=BACKLOG,
    )
    with listening_socket(host, port) as listening:
        uvicorn.Server(config).run([listening])


def _raise_open_files() -> int:
    """Let this process open more files at once, as far as it may; returns how many it may open.

    A usual limit is 256 on macOS and 1024 on Linux.
    """
    if sys.platform == "win32":
        return OPEN_FILES
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < OPEN_FILES:
        soft = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return OPEN_FILES if soft == resource.RLIM_INFINITY else soft


def listening_socket(host: str, port: int) -> socket.socket:
    """Return a socket at this address; "::" takes connections of both kinds."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends small packets at once (TCP_NODELAY) only where the protocol is named. Without,
    # each answer waits for up to 40 ms, until the browser has acknowledged its headers.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listening.bind((host, port))
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        raise SystemExit(f"Cannot serve the page at {host}, port {port}: {error}") from error
    return listening
