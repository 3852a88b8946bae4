"""The document that a browser loads first names the files that a view needs, each of them once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import streamlit
from starlette.applications import Starlette

from tests.page_requests import answer_of
from ui import component_files, first_document
from ui.addresses import address_of
from ui.view_table import all_views

STATIC = Path(streamlit.__file__).parent / "static"


@pytest.mark.parametrize("view", all_views())
def test_the_document_of_each_view_names_files_that_are_there(view: str) -> None:
    status, headers, content = answer_of(
        Starlette(routes=list(first_document.routes())), address_of(view)
    )
    assert status == 200 and headers["cache-control"] == "no-cache"
    document = content.decode()
    assert "<title>imgsearch</title>" in document and "favicon" not in document
    named = re.findall(r'(?:href|src)="(\.?/[^"]+\.js)"', document)
    assert len(named) == len({each.removeprefix(".") for each in named})
    own = component_files.address("")
    for address in named:
        if address.startswith(own):
            assert component_files.text(address.removeprefix(own))
        else:
            assert (STATIC / address.removeprefix(".").lstrip("/")).is_file(), address
    assert {component_files.address(f"shell/{each}.js") for each in ("shell", "tray_bar")} <= {
        *named
    }


@pytest.mark.parametrize("view", all_views())
def test_a_view_names_modules_that_are_imported_and_none_that_come_later(view: str) -> None:
    document = first_document.document(view)
    later = {"shell/compare.js", "viewer/full.js", "map/ground.js"}
    later |= {
        "corrections/correct.js",
        "corrections/place_map.js",
        "viewer/street_map.js",
        "event/route_map.js",
    }
    needs_ground = {"map": {"map/ground.js"}}.get(view, set())
    for name in later:
        assert (component_files.address(name) in document) == (name in needs_ground), name
    has_grid = view in ("search", "timeline")
    assert (component_files.address("grid/photo_grid.js") in document) == has_grid


def test_what_every_view_draws_is_of_this_streamlit() -> None:
    document = first_document.document("search")
    for element in ("BidiComponent", "Html"):
        assert len(re.findall(rf"/static/js/{element}\.[\w-]+\.js", document)) == 1, element
