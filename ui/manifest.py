"""What a phone needs to install the page as an app: its name, colours and icon."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

NAME = "imgsearch"
MANIFEST, ICON = "/manifest.webmanifest", "/icon.png"
_COLOUR = "#0f766e"
_SIDE_PX = 512
_FOR_A_DAY = {"Cache-Control": "private, max-age=86400"}


def manifest(request: Request) -> Response:
    """Return the web app manifest."""
    icon = {"src": ICON, "sizes": f"{_SIDE_PX}x{_SIDE_PX}", "type": "image/png"}
    form = {
        "name": NAME,
        "short_name": NAME,
        "description": "Find your own photos by meaning",
        "start_url": "/",
        "scope": "/",
        "display": "standalone",
        "theme_color": _COLOUR,
        "background_color": "#ffffff",
        "icons": [icon, {**icon, "purpose": "maskable"}],
    }
    return JSONResponse(form, headers=_FOR_A_DAY, media_type="application/manifest+json")


def icon(request: Request) -> Response:
    """Return the icon, a PNG whose middle survives any mask."""
    return Response(_icon(), media_type="image/png", headers=_FOR_A_DAY)


@cache
def _icon() -> bytes:
    return Path(__file__).with_name("assets").joinpath("icon-512.png").read_bytes()
