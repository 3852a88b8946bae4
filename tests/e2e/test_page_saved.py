"""Saved searches on the page: saving one, the shelf, what is new, renaming and removing."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from imgsearch import Library, Settings
from tests.browsing import (
    NEEDS_BROWSER,
    give_file,
    search,
    serving,
    settle,
    wait_for_first,
    wait_for_line,
    wait_until_shown,
)

if TYPE_CHECKING:
    from tests.e2e.conftest import OpenTab

pytestmark = NEEDS_BROWSER


@pytest.fixture
def place(demo_photos: Path, tmp_path: Path) -> Path:
    """The demo photos without the cat, indexed."""
    shutil.copytree(demo_photos, tmp_path / "photos")
    (tmp_path / "photos" / "chelsea.png").unlink()
    with Library.open(Settings.load(data_dir=tmp_path / "library", encoder="lite")) as library:
        library.index([tmp_path / "photos"]).run()
    return tmp_path


def test_a_search_is_saved_shown_on_the_shelf_renamed_and_removed(
    open_tab: OpenTab, place: Path, demo_photos: Path, screenshot: Callable[..., None]
) -> None:
    with (
        Library.open(Settings.load(data_dir=place / "library")) as library,
        serving(place / "library") as address,
    ):
        library.save_search("Photos of 2008", "a temple name:china", 5)
        tab = open_tab(address)
        tab.goto(f"{address}/?q=a+cup+of+coffee")
        wait_for_first(tab, "coffee.png")
        tab.get_by_role("button", name="Save").first.click()
        tab.get_by_role("textbox", name="Name", exact=True).fill("by the sea")
        tab.get_by_role("button", name="Save this search").click()
        wait_for_line(tab, 'saved:"by the sea"')
        wait_for_first(tab, "coffee.png")
        assert library.saved_search("by the sea").line == "a cup of coffee"
        tab.get_by_text("a cup of coffee").first.wait_for()

        shutil.copy(demo_photos / "chelsea.png", place / "photos")
        Image.open(demo_photos / "coffee.png").save(place / "photos" / "again.jpg")
        library.index().run()
        tab.goto(address)
        shelf = tab.get_by_role("navigation", name="Saved searches")
        link = shelf.get_by_role("link", name="by the sea")
        link.get_by_text("1 new").wait_for()
        wait_until_shown(link.locator("img"))
        assert shelf.get_by_role("link").count() == 2
        settle(tab)
        screenshot(tab, "saved")
        link.click()
        wait_for_line(tab, 'saved:"by the sea"')
        tab.get_by_text("1 new since").wait_for()
        tab.go_back()
        link.wait_for()
        link.get_by_text("1 new").wait_for(state="detached")

        link.click()
        tab.get_by_role("button", name="Edit").click()
        box = tab.get_by_role("textbox", name="Name", exact=True)
        box.fill("coffee")
        tab.get_by_role("button", name="Rename").click()
        wait_for_line(tab, "saved:coffee")
        tab.get_by_role("button", name="Edit").click()
        tab.get_by_role("button", name="Remove this saved search").click()
        shelf.get_by_role("link", name="Photos of 2008").wait_for()
        assert shelf.get_by_role("link").count() == 1
        assert [each.name for each in library.saved_searches()] == ["Photos of 2008"]


def test_an_example_image_is_saved_and_a_taken_name_is_told(
    open_tab: OpenTab, place: Path, demo_photos: Path
) -> None:
    with (
        Library.open(Settings.load(data_dir=place / "library")) as library,
        serving(place / "library") as address,
    ):
        library.save_search("cups", "cup")
        tab = open_tab(address)
        tab.goto(address)
        tab.locator(".tile img").first.wait_for()
        cat = Image.open(demo_photos / "chelsea.png").resize((64, 64))
        cat.save(place / "cat.png")
        give_file(tab, "cat.png", "image/png", (place / "cat.png").read_bytes())
        tab.wait_for_url("**image=*")
        settle(tab)
        tab.get_by_role("button", name="Save").first.click()
        tab.get_by_role("textbox", name="Name", exact=True).fill("cups")
        tab.get_by_role("button", name="Save this search").click()
        tab.get_by_text("A search is saved as 'cups' already").wait_for()
        tab.get_by_role("textbox", name="Name", exact=True).fill("cats")
        tab.get_by_role("button", name="Save this search").click()
        wait_for_line(tab, "saved:cats")
        assert len(library.saved_search("cats").examples) == 1
        assert "image=" not in tab.url
        search(tab, "saved:cots")
        tab.get_by_text("Did you mean 'cats'?").wait_for()
