"""The fonts of icons and texts: the parts of Streamlit's that the page uses, in place of the whole.

See `ui/components/icons/make_icons.py`, which makes them.
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

_ICONS, _TEXT = "icons/icons.woff2", "icons/text.woff2"
_ABOUT = Path(__file__).parent / "components" / "icons" / "icons.json"
_FONTS = Path(streamlit.__file__).parent / "static" / "static" / "media"


class FontPart(msgspec.Struct, frozen=True):
    """The fonts of which the parts were made, and the icons in one of them."""

    streamlit: str  # the version; another one may use other icons
    font_sha256: str
    text_font_sha256: str
    names: tuple[str, ...]


def font_part() -> FontPart:
    """Return the description of the part."""
    return msgspec.json.decode(_ABOUT.read_bytes(), type=FontPart)


def addresses() -> dict[str, str]:
    """Return the parts by the addresses of Streamlit's fonts.

    There is none for another version of Streamlit than that of which the parts were made: its icons
    may not be in the part.
    """
    part = font_part()
    if streamlit.__version__ != part.streamlit:
        return {}
    fonts = {
        "MaterialSymbols-*.woff2": (part.font_sha256, _ICONS),
        "SourceSansVF-Upright.*.woff2": (part.text_font_sha256, _TEXT),
    }
    return {
        f"/static/media/{path.name}": name
        for pattern, (digest, name) in fonts.items()
        for path in _FONTS.glob(pattern)
        if hashlib.sha256(path.read_bytes()).hexdigest() == digest
    }


class SmallFonts:
    """ASGI middleware: the addresses of Streamlit's fonts lead to the parts of them.

    No route can do this, since Streamlit reserves its own addresses.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._addresses = addresses()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] in self._addresses:
            # A redirection: the part may change while the name of Streamlit's font stays the same.
            part = component_files.address(self._addresses[scope["path"]])
            await RedirectResponse(part, 307, NOT_STORED)(scope, receive, send)
        else:
            await self._app(scope, receive, send)
