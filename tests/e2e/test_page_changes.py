"""All that was changed, on the page: named, undone and done again, whoever made it and whenever."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from imgsearch import Library, Settings
from tests.browsing import NEEDS_BROWSER, axe_violations, settle, small_targets
from tests.factories import index_demo_photos, wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from tests.e2e.conftest import OpenTab

pytestmark = NEEDS_BROWSER


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, demo_photos: Path) -> Path:
    """A library of the demo photos."""
    folder = tmp_path_factory.mktemp("changes")
    index_demo_photos(demo_photos, folder)
    return folder


@pytest.fixture
def library(place: Path) -> Iterator[Library]:
    """The library, in which nothing was changed."""
    with Library.open(Settings.load(data_dir=place / "library", encoder="lite")) as library:
        for change in library.changes.all():
            if not change.undone:
                library.changes.undo()
        yield library


def open_changes(tab: Page, address: str) -> Locator:
    tab.goto(address)
    tab.locator(".tile").first.wait_for()
    settle(tab)
    tab.get_by_role("button", name="Changes", exact=True).click()
    return tab.get_by_role("dialog", name="Changes")


def stars(library: Library) -> dict[int, int | None]:
    return {photo_id: marks.rating for photo_id, marks in library.marks.of([1, 2]).items()}


def test_what_another_session_changed_is_undone_and_done_again_by_its_name(
    page: Page, address: str, library: Library
) -> None:
    library.marks.set([1], rating=3)
    library.albums.make("For <b>the book", [1, 2])
    library.marks.set([2], rating=4)
    dialog = open_changes(page, address)
    rows = dialog.get_by_role("listitem")
    expect(rows).to_have_count(3)
    expect(rows.first).to_contain_text("Gave 1 photo 4 stars")
    expect(rows.nth(1)).to_contain_text("Made the album For <b>the book with 2 photos")
    oldest = dialog.get_by_role("button", name="Undo: Gave 1 photo 3 stars")
    oldest.click()
    again = dialog.get_by_role("button", name="Do again: Gave 1 photo 3 stars")
    expect(again).to_be_focused()
    expect(rows.last).to_contain_text("undone")
    assert stars(library) == {2: 4}
    again.click()
    expect(oldest).to_be_focused()
    assert stars(library) == {1: 3, 2: 4}


def test_a_refusal_is_said_in_the_dialog_and_names_the_later_change(
    page: Page, address: str, library: Library
) -> None:
    library.marks.set([1], rating=3)
    library.marks.set([1], rating=4)
    dialog = open_changes(page, address)
    dialog.get_by_role("button", name="Undo: Gave 1 photo 3 stars").click()
    expect(dialog.get_by_role("alert")).to_contain_text('"Gave 1 photo 4 stars" came later')
    assert stars(library) == {1: 4}
    dialog.get_by_role("button", name="Undo: Gave 1 photo 4 stars").click()
    expect(dialog.get_by_role("button", name="Do again: Gave 1 photo 4 stars")).to_be_visible()
    expect(dialog.locator(".problem")).to_be_empty()
    dialog.get_by_role("button", name="Undo: Gave 1 photo 3 stars").click()
    wait_until(lambda: stars(library) == {})


def test_where_this_tab_has_changed_nothing_the_list_is_offered(
    page: Page, address: str, library: Library
) -> None:
    library.marks.set([1], rating=3)
    page.goto(address)
    page.locator(".tile").first.wait_for()
    settle(page)
    page.keyboard.press("Control+z")
    told = page.locator(".told")
    expect(told).to_contain_text("There is nothing to undo here.")
    assert stars(library) == {1: 3}, "what others changed is not taken back unseen"
    told.get_by_role("button", name="All changes").click()
    dialog = page.get_by_role("dialog", name="Changes")
    expect(dialog.get_by_role("listitem")).to_contain_text("Gave 1 photo 3 stars")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


def test_many_changes_are_listed_part_by_part(page: Page, address: str, library: Library) -> None:
    for number in range(60):
        library.marks.set([1], rating=number % 5 + 1)
    dialog = open_changes(page, address)
    rows = dialog.get_by_role("listitem")
    expect(rows).to_have_count(50)
    dialog.get_by_role("button", name="Older").click()
    expect(rows).to_have_count(60)
    expect(dialog.get_by_role("button", name="Older")).to_have_count(0)


def test_the_view_among_the_tools_follows_other_tabs_and_commands(
    page: Page, open_tab: OpenTab, address: str, library: Library
) -> None:
    library.marks.set([1], rating=3)
    page.goto(f"{address}/tools")
    page.get_by_role("link", name="Last changes").click()
    rows = page.locator(".st-key-changes").get_by_role("listitem")
    expect(rows).to_have_text([re.compile("Gave 1 photo 3 stars")])
    albums, other = page.context.new_page(), page.context.new_page()
    albums.goto(f"{address}/albums")
    albums.get_by_role("button", name="New album").wait_for()
    other.goto(f"{address}/?q=type:png")
    other.locator(".tile a").first.wait_for()
    settle(other)
    other.locator(".tile a").first.focus()
    other.keyboard.press("f")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("favourite")
    other.keyboard.press("x")
    other.get_by_role("button", name="Add to album").click()
    other.get_by_role("textbox", name="Name of a new album").fill("Winter")
    other.keyboard.press("Enter")
    expect(rows.first).to_contain_text("Made the album Winter")
    albums.get_by_role("link", name="Winter").wait_for()
    library.albums.make("Summer", [2])
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(rows.first).to_contain_text("Made the album Summer")
    rows.first.get_by_role("button", name="Undo").click()
    expect(rows.first.get_by_role("button", name="Do again")).to_be_focused()
    assert [album.name for album in library.albums.all()] == ["Winter"]


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_everybody_can_use_the_view(
    open_tab: OpenTab,
    address: str,
    library: Library,
    width: int,
    scheme: Any,
    screenshot: Callable[..., None],
) -> None:
    library.marks.set([1], rating=3)
    undone = library.albums.make("A long name of an album " * 3, [1, 2])
    library.changes.undo(undone.id)
    tab = open_tab(address, width, 860, scheme)
    tab.goto(f"{address}/changes")
    expect(tab.locator(".st-key-changes").get_by_role("listitem")).to_have_count(2)
    settle(tab)
    screenshot(tab, f"last-changes-{width}-{scheme}")
    assert not axe_violations(tab)
    assert width > 390 or not small_targets(tab)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width


# Narrower windows have it among the tools.
@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (800, "dark")])
def test_everybody_can_use_it(
    open_tab: OpenTab,
    address: str,
    library: Library,
    width: int,
    scheme: Any,
    screenshot: Callable[..., None],
) -> None:
    library.marks.set([1], rating=3)
    undone = library.albums.make("A long name of an album " * 3, [1, 2])
    library.changes.undo(undone.id)
    tab = open_tab(address, width, 860, scheme)
    dialog = open_changes(tab, address)
    expect(dialog.get_by_role("listitem")).to_have_count(2)
    screenshot(tab, f"changes-{width}-{scheme}")
    assert not axe_violations(tab)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
