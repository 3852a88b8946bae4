"""Saved searches on the page, without a browser: what the view shows and does."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from imgsearch import Example, Library, Query, Region, Settings, Term
from tests.factories import PATIENCE_S, write_photo, write_photos

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture
def saved(tmp_path: Path) -> Iterator[Library]:
    """A library of photos of plain colours, with two saved searches."""
    with Library.open(Settings.load(data_dir=tmp_path / "library", encoder="lite")) as library:
        library.index([write_photos(tmp_path / "photos", 4)]).run()
        library.saved.save("all of them", "in:photos sort:path")
        part = Example((tmp_path / "photos" / "0001.png").read_bytes(), Region(0, 0, 4, 4))
        library.saved.save("alike", Query((Term(part),)), include_weak=True)
    with Library.open(Settings.load(data_dir=tmp_path / "library")) as library:
        yield library


@pytest.fixture
def open_page(monkeypatch: pytest.MonkeyPatch, saved: Library) -> Callable[[str], AppTest]:
    """Runs the search view with this line in the address."""

    def run(line: str) -> AppTest:
        monkeypatch.setenv("IMGSEARCH_DATA", str(saved.settings.data_dir))
        page = AppTest.from_function(_search_view, default_timeout=PATIENCE_S)
        if line:
            page.query_params["q"] = line
        return page.run()

    return run


def _search_view() -> None:
    import streamlit as st

    from ui import app, tray

    app.begin("search")
    app.show_search_row("search")
    app.show_view("search")
    tray.show_form(st.session_state.get("asked form", ""))


def shelf_of(page: AppTest) -> dict[str, Any]:
    """What the shelf shows, by the names of the searches; empty without a shelf."""
    return {
        entry["name"]: entry
        for element in page.get("bidi_component")
        if element.proto.component_name == "imgsearch_modules_answer"
        for row in json.loads(element.proto.json)["rows"]
        for entry in row.get("entries", ())
    }


def text_of(page: AppTest) -> str:
    return " ".join(str(each.value) for each in (*page.markdown, *page.caption, *page.warning))


def press(page: AppTest, label: str) -> AppTest:
    (button,) = [each for each in page.button if each.label == label]
    return button.click().run()


def name_box(page: AppTest) -> Any:
    (box,) = [each for each in page.text_input if each.label == "Name"]
    return box


def line_in(page: AppTest) -> str:
    return str(page.session_state["query_line"].line)


def test_the_shelf_says_what_is_new_until_one_looks(
    open_page: Callable[[str], AppTest], saved: Library, tmp_path: Path
) -> None:
    write_photo(tmp_path / "photos" / "0009.png", 9)
    saved.index().run()
    start = open_page("")
    shelf = shelf_of(start)
    assert [(each["name"], each["photos"], each["new"]) for each in shelf.values()] == [
        ("alike", 4, 1),
        ("all of them", 5, 1),
    ]
    first = saved.find("saved:alike").hits[0]
    assert f"/{first.photo.id}?" in shelf["alike"]["cover"]
    assert shelf["all of them"]["address"] == "/?q=saved%3A%22all+of+them%22"
    page = open_page('saved:"all of them"')
    assert r"in\:photos sort\:path · **1 new** since" in text_of(page)
    assert page.run() and "**1 new**" in text_of(page), "not only for the first run"
    again = open_page('saved:"all of them"')
    assert "new**" not in text_of(again)
    assert [each["new"] for each in shelf_of(open_page("")).values()] == [1, 0]
    assert "1 example image" in text_of(open_page("saved:alike"))


def test_the_present_search_is_saved(open_page: Callable[[str], AppTest], saved: Library) -> None:
    page = open_page("name:0001|0002")
    page.session_state["asked form"] = "save"
    page.run()
    name_box(page).set_value("alike")
    page = press(page, "Save")
    assert "A search is saved as 'alike' already" in text_of(page).replace("\\", "")
    name_box(page).set_value("two of them")
    page = press(page, "Save")
    assert line_in(page) == 'saved:"two of them"'
    assert page.query_params["q"] == 'saved:"two of them"'
    assert saved.saved.get("two of them").line == "name:0001|0002"
    assert r"name\:0001|0002".replace("|", r"\|") in text_of(page)


def test_a_saved_search_is_renamed_and_removed(
    open_page: Callable[[str], AppTest], saved: Library
) -> None:
    page = open_page("saved:alike")
    name_box(page).set_value("all of them")
    page = press(page, "Rename")
    assert "already" in text_of(page)
    name_box(page).set_value("a:b")
    page = press(page, "Rename")
    assert "cannot contain" in text_of(page)
    name_box(page).set_value("like one")
    page = press(page, "Rename")
    assert line_in(page) == 'saved:"like one"'
    page = press(page, "Remove this saved search")
    assert line_in(page) == ""
    assert list(shelf_of(page)) == ["all of them"]
    assert [each.name for each in saved.saved.all()] == ["all of them"]
    assert "Did you mean 'all of them'" in text_of(open_page('saved:"all of the"')).replace(
        "\\", ""
    )
