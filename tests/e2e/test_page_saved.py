"""Saved searches on the page, in a real browser: saved, shown on the shelf, looked at, changed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from imgsearch import Library, Settings
from tests.browsing import (
    NEEDS_BROWSER,
    PATIENCE_MS,
    axe_violations,
    choose_in_menu,
    open_control,
    search,
    serving,
    settle,
    small_targets,
    wait_for_count,
    wait_for_first,
    wait_for_line,
    wait_until_shown,
)
from tests.factories import wait_until, write_noise

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from tests.e2e.conftest import OpenTab

pytestmark = NEEDS_BROWSER
LINE = "in:photos sort:path"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the indexed library of three photos."""
    folder = tmp_path_factory.mktemp("saved")
    for number in (1, 2, 3):
        write_noise(folder / "photos" / f"{number}.png", number)
    with open_library(folder) as library:
        library.index([folder / "photos"]).run()
    return folder


def open_library(place: Path) -> Library:
    return Library.open(Settings.load(data_dir=place / "library", encoder="lite"))


def on_shelf(tab: Page, name: str) -> Locator:
    shelf = tab.get_by_role("navigation", name="Saved searches")
    return shelf.get_by_role("link").filter(has_text=name)


def open_shelf(tab: Page, address: str, count: str, name: str = "all of them") -> Locator:
    """Open the start page until its shelf, up to 5 s old, shows the search with these counts."""
    link = on_shelf(tab, name)

    def is_shown() -> bool:
        tab.goto(f"{address}/")
        link.wait_for()
        return link.text_content() == f"{name}{count}"

    wait_until(is_shown)
    return link


def test_saved_searches_stand_beside_each_other_on_the_start_page(
    open_tab: OpenTab, demo_photos: Path, tmp_path: Path, screenshot: Callable[[Page, str], None]
) -> None:
    late = "coffee.png"
    (tmp_path / "photos").mkdir()
    for photo in demo_photos.iterdir():
        if photo.name != late:
            shutil.copyfile(photo, tmp_path / "photos" / photo.name)
    with open_library(tmp_path) as library:
        library.index([tmp_path / "photos"]).run()
        library.saved.save("Cats", "name:chelsea")
        library.saved.save("Food and drink", f"name:{late}|coins")
        library.saved.mark_looked_at("Food and drink")
        shutil.copyfile(demo_photos / late, tmp_path / "photos" / late)
        library.index().run()
    with serving(tmp_path / "library") as address:
        tab = open_tab(address)
        tab.goto(address)
        for name, about in (("Cats", "1 photo"), ("Food and drink", "2 photos · 1 new")):
            wait_until_shown(on_shelf(tab, name).filter(has_text=about).locator("img"))
        tab.locator(".tile img").first.wait_for()
        screenshot(tab, "saved")


def open_for_editing(tab: Page, old_name: str) -> Locator:
    """Open the form that renames and removes; returns the box of the name."""
    from playwright.sync_api import expect

    open_control(tab, tab.get_by_role("button", name="Edit"))
    box = tab.get_by_role("textbox", name="Name")
    expect(box).to_have_value(old_name, timeout=PATIENCE_MS)
    return box


def test_a_saved_search_from_its_beginning_to_its_end(
    open_tab: OpenTab, address: str, place: Path, screenshot: Callable[[Page, str], None]
) -> None:
    tab = open_tab(address)
    tab.goto(f"{address}/")
    settle(tab)
    assert on_shelf(tab, "").count() == 0
    search(tab, LINE)
    wait_for_count(tab, 3)
    choose_in_menu(tab, "Save this search")
    dialog = tab.get_by_role("dialog")
    dialog.get_by_role("textbox", name="Name").fill("all of them")
    dialog.get_by_role("button", name="Save").click()
    wait_for_line(tab, 'saved:"all of them"')
    wait_for_count(tab, 3)
    with open_library(place) as library:
        assert library.saved.get("all of them").line == LINE

        link = open_shelf(tab, address, "3 photos")
        wait_until_shown(link.locator("img"))
        for number in (0, 4):
            write_noise(place / "photos" / f"{number}.png", 10 + number)
        library.index().run()
        for width, height, scheme in ((1440, 900, "light"), (390, 844, "dark")):
            other = open_tab(address, width, height, scheme)  # type: ignore[arg-type]
            wait_until_shown(open_shelf(other, address, "5 photos · 2 new").locator("img"))
            screenshot(other, f"saved-shelf-{width}-{scheme}")
            assert axe_violations(other) == []
            if width == 390:
                assert small_targets(other) == []

        open_shelf(tab, address, "5 photos · 2 new").click()
        wait_for_first(tab, "0.png")
        wait_for_count(tab, 5)
        tab.get_by_text("2 new since").wait_for()
        screenshot(tab, "saved-opened")
        open_shelf(tab, address, "5 photos").click()  # looked at: none is new

        wait_for_count(tab, 5)
        open_for_editing(tab, "all of them").fill("everything")
        tab.get_by_role("button", name="Rename").click()
        wait_for_line(tab, "saved:everything")
        wait_for_count(tab, 5)
        assert [each.name for each in library.saved.all()] == ["everything"]
        open_for_editing(tab, "everything")
        tab.get_by_role("button", name="Remove this saved search").click()
        wait_for_line(tab, "")
        on_shelf(tab, "everything").wait_for(state="detached")
        assert library.saved.all() == ()
    assert sorted(path.name for path in (place / "photos").iterdir()) == [
        f"{number}.png" for number in range(5)
    ]
