"""The font of icons: the part of Streamlit's that the page uses, in place of the whole.

See `ui/components/icons/make_icons.py`, which makes it: it is a tenth of the size.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
import streamlit
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from ui import component_files
from ui.responses import NOT_STORED

_PART = "icons/icons.woff2"
_ABOUT = Path(__file__).parent / "components" / "icons" / "icons.json"
_FONTS = Path(streamlit.__file__).parent / "static" / "static" / "media"


class FontPart(msgspec.Struct, frozen=True):
    """The font of which the part was made, and the icons in it."""

    streamlit: str  # the version; another one may use other icons
    font_sha256: str
    names: tuple[str, ...]


def font_part() -> FontPart:
    """Return the description of the part."""
    return msgspec.json.decode(_ABOUT.read_bytes(), type=FontPart)


def addresses() -> list[str]:
    """Return the address of Streamlit's font.

    There is none for another version of Streamlit than that of which the part was made: its icons
    may not be in the part.
    """
    part = font_part()
    if streamlit.__version__ != part.streamlit:
        return []
    return [
        f"/static/media/{path.name}"
        for path in _FONTS.glob("MaterialSymbols-*.woff2")
        if hashlib.sha256(path.read_bytes()).hexdigest() == part.font_sha256
    ]


class SmallIconFont:
    """ASGI middleware: the address of Streamlit's font leads to the part of it.

    No route can do this, since Streamlit reserves its own addresses.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._addresses = addresses()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] in self._addresses:
            # A redirection: the part may change while the name of Streamlit's font stays the same.
            part = component_files.address(_PART)
            await RedirectResponse(part, 307, NOT_STORED)(scope, receive, send)
        else:
            await self._app(scope, receive, send)
