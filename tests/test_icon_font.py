"""The part of Streamlit's font of icons: it has every icon that the page and Streamlit name."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest
import streamlit
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from streamlit.material_icon_names import ALL_MATERIAL_ICONS

from tests.factories import CHECKOUT
from tests.page_requests import answer_of
from ui import component_files, icon_font
from ui.icon_font import SmallFonts

PAGE = Path(icon_font.__file__).parent
FEATURES = CHECKOUT / "imgsearch" / "features"
MAKE = "Make it anew: python -m ui.components.icons.make_icons"


def test_the_part_is_of_the_font_of_this_streamlit() -> None:
    part = icon_font.font_part()
    assert part.streamlit == streamlit.__version__, MAKE
    (font,) = (Path(streamlit.__file__).parent / "static/static/media").glob("MaterialSym*.woff2")
    assert part.font_sha256 == hashlib.sha256(font.read_bytes()).hexdigest(), MAKE
    (text_font,) = font.parent.glob("SourceSansVF-Upright.*.woff2")
    assert part.text_font_sha256 == hashlib.sha256(text_font.read_bytes()).hexdigest(), MAKE
    assert icon_font.addresses() == {
        f"/static/media/{font.name}": "icons/icons.woff2",
        f"/static/media/{text_font.name}": "icons/text.woff2",
    }


def test_the_part_has_every_icon_that_is_named() -> None:
    names = set(icon_font.font_part().names)
    for path in (*PAGE.rglob("*"), *FEATURES.rglob("*")):
        if path.suffix == ".py" and path.parent.name != "icons":
            assert set(re.findall(r":material/(\w+):", path.read_text())) <= names, MAKE
        elif path.suffix == ".js":
            quoted = set(re.findall(r"\"([a-z0-9_]+)\"", path.read_text()))
            assert quoted & set(ALL_MATERIAL_ICONS) <= names, MAKE
    scripts = (Path(streamlit.__file__).parent / "static/static/js").glob("*.js")
    of_streamlit = {
        name
        for path in scripts
        for name in re.findall(r":material/(\w+):", path.read_text(errors="replace"))
    }
    assert of_streamlit & set(ALL_MATERIAL_ICONS) <= names, MAKE


@pytest.mark.parametrize("address", icon_font.addresses())
def test_the_address_of_a_font_leads_to_its_part(address: str) -> None:
    passed_on = PlainTextResponse("as ever")
    font = SmallFonts(passed_on)
    status, headers, _ = answer_of(font, address)
    assert status == 307 and headers["cache-control"] == "no-store"
    name = headers["location"].removeprefix(component_files.address(""))
    found = component_files.serve(
        Request(
            {
                "type": "http",
                "headers": [],
                "path_params": {"version": component_files.version(), "name": name},
            }
        )
    )
    assert found.media_type == "font/woff2" and len(found.body) < 60_000
    assert answer_of(font, "/static/media/other.woff2")[2] == b"as ever"


def test_another_streamlit_has_its_whole_font(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streamlit, "__version__", "1.99.0")
    assert icon_font.addresses() == {}
