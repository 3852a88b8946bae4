"""The view of albums: their covers, with what is marked and saved; albums are made and changed."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from imgsearch import Library, Settings
from tests.browsing import (
    NEEDS_BROWSER,
    PATIENCE_MS,
    axe_violations,
    place_link,
    settle,
    small_targets,
    view_link,
    wait_for_count,
    wait_for_line,
    wait_until_noticed,
)

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from tests.e2e.conftest import OpenTab

pytestmark = [*NEEDS_BROWSER, pytest.mark.features("albums")]


@pytest.fixture(scope="module")
def place(demo_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("albums")
    shutil.copytree(demo_data, folder / "library")
    return folder


@pytest.fixture
def library(place: Path) -> Iterator[Library]:
    """The library of the page, without albums and marks."""
    with Library.open(Settings.load(data_dir=place / "library", encoder="lite")) as library:
        for album in library.albums.all():
            library.albums.remove(album.name)
        library.marks.set(list(range(1, 40)), favourite=False, hidden=False)
        wait_until_noticed()
        yield library


def tiles(tab: Page) -> Locator:
    return tab.locator(".covers li a")


def expect_tiles(tab: Page, texts: Sequence[str]) -> None:
    """Wait until the tiles have these texts: name and number of photos."""
    tile = r"^(?:[a-z_]+)?{}$"  # an icon is a word in its font
    wanted = [re.compile(tile.format(re.escape(each))) for each in texts]
    expect(tiles(tab)).to_have_text(wanted, timeout=PATIENCE_MS)


def open_albums(tab: Page, address: str) -> None:
    tab.goto(f"{address}/albums")
    tab.get_by_role("button", name="New album").wait_for()
    settle(tab)


def change(tab: Page, name: str) -> Locator:
    """Open the dialog of an album."""
    tile = tab.locator(".covers li").filter(has_text=name)
    tile.hover()
    tile.get_by_role("button", name=f"Rename or delete {name}").click()
    return tab.get_by_role("dialog", name="Change the album")


def test_covers_stand_newest_first_between_favourites_and_hidden_photos(
    page: Page, address: str, library: Library, screenshot: Callable[..., None]
) -> None:
    library.albums.make("Zoo", [3, 4])
    made = library.albums.all()[0].made_at
    while True:  # times of albums are in seconds
        library.albums.make("Attic", [5, 6, 7])
        if library.albums.all()[0].made_at > made:
            break
        library.albums.remove("Attic")
    library.marks.set([8, 9], favourite=True)
    library.marks.set([10], hidden=True)
    open_albums(page, address)
    expect_tiles(page, ["Favourites2 photos", "Attic3 photos", "Zoo2 photos", "Hidden1 photo"])
    covers = [
        tile.locator(".cover img").get_attribute("src") if tile.locator("img").count() else None
        for tile in tiles(page).all()
    ]
    ids = [None if src is None else int(src.split("/")[-1].split("?")[0]) for src in covers]
    assert ids[0] in (8, 9)
    assert ids[1:] == [5, 3, None], "no hidden photo is shown"
    box = tiles(page).nth(1).locator(".cover").bounding_box()
    assert box is not None and 170 <= box["width"] <= 200 and abs(box["width"] - box["height"]) < 1
    screenshot(page, "albums")
    tiles(page).nth(1).click()
    wait_for_line(page, "album:Attic")
    wait_for_count(page, 3)
    page.go_back()
    tiles(page).nth(3).click()
    wait_for_line(page, "is:hidden")
    wait_for_count(page, 1)


def test_an_album_is_made_renamed_and_deleted_and_all_of_it_undone(
    page: Page, address: str, library: Library
) -> None:
    open_albums(page, address)
    page.get_by_text("There is no album yet.").wait_for()
    page.get_by_role("button", name="New album").click()
    dialog = page.get_by_role("dialog", name="New album")
    dialog.get_by_role("textbox").fill("Book")
    page.keyboard.press("Enter")
    expect_tiles(page, ["Book0 photos"])
    expect(dialog).to_have_count(0)
    expect(page.get_by_text("There is no album yet.")).to_have_count(0)
    dialog = change(page, "Book")
    expect(dialog.get_by_role("textbox")).to_have_value("Book")
    dialog.get_by_role("textbox").fill('Our "dog" | a=b')
    dialog.get_by_role("button", name="Rename").click()
    expect_tiles(page, ['Our "dog" | a=b0 photos'])
    dialog = change(page, 'Our "dog" | a=b')
    dialog.get_by_role("button", name="Delete the album").click()
    expect(tiles(page)).to_have_count(0, timeout=PATIENCE_MS)
    assert library.albums.all() == ()
    page.get_by_role("button", name="Undo").click()
    expect_tiles(page, ['Our "dog" | a=b0 photos'])
    page.keyboard.press("Control+z")
    expect_tiles(page, ["Book0 photos"])
    assert [each.name for each in library.albums.all()] == ["Book"]


def test_a_name_that_is_taken_is_said_in_the_question(
    page: Page, address: str, library: Library
) -> None:
    library.albums.make("Book", [1])
    library.albums.make("Cook", [2])
    open_albums(page, address)
    dialog = change(page, "Book")
    dialog.get_by_role("textbox").fill("cook")
    dialog.get_by_role("button", name="Rename").click()
    dialog.get_by_role("alert").filter(has_text="There is an album 'cook' already").wait_for()
    assert not axe_violations(page)
    page.keyboard.press("Escape")
    dialog.wait_for(state="hidden")
    assert [each.name for each in library.albums.all()] == ["Book", "Cook"]


def test_another_tab_follows(page: Page, address: str, library: Library) -> None:
    library.albums.make("Book", [1])
    tab, other = page, page.context.new_page()
    for each in (tab, other):
        open_albums(each, address)
    dialog = change(tab, "Book")
    dialog.get_by_role("textbox").fill("Diary")
    dialog.get_by_role("button", name="Rename").click()
    expect_tiles(other, ["Diary1 photo"])


@pytest.mark.features("saved")
def test_what_other_features_collect_stands_below(
    page: Page, address: str, library: Library
) -> None:
    library.saved.save("png", "type:png", replace=True)
    section = page.locator("section").filter(has=page.get_by_role("heading", name="Saved searches"))
    open_albums(page, address)
    while not section.count():  # those of another process are up to 5 s old
        page.wait_for_timeout(500)
        open_albums(page, address)
    section.get_by_role("link").filter(has_text="png").click()
    wait_for_line(page, "saved:png")
    library.saved.remove("png")


@pytest.mark.parametrize(
    ("width", "scheme"), [(390, "dark"), (820, "light"), (1024, "dark"), (1440, "light")]
)
def test_it_is_a_place_with_a_row_of_its_views(
    open_tab: OpenTab, address: str, library: Library, width: int, scheme: Any
) -> None:
    library.albums.make("A name that is longer than a cover is wide, by far and more", [1])
    tab = open_tab(address, width, 844, scheme)
    tab.goto(address)
    place_link(tab, "Albums").click()
    tab.wait_for_url(f"{address}/albums")
    tab.get_by_role("button", name="New album").wait_for()
    expect(tiles(tab)).to_have_count(1, timeout=PATIENCE_MS)
    settle(tab)
    assert not axe_violations(tab)
    assert width > 390 or not small_targets(tab)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    view_link(tab, "Events and trips").click()
    tab.wait_for_url(f"{address}/events")
    expect(place_link(tab, "Albums")).to_have_attribute("aria-current", "true")
