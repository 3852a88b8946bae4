"""Thumbs for an opened photo: they reorder the answer, and are taken back."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browsing import NEEDS_BROWSER, axe_violations, settle

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.e2e.conftest import OpenTab

pytestmark = [*NEEDS_BROWSER, pytest.mark.features("feedback")]
WORDS = "a photo of something"


@pytest.fixture(scope="module")
def place(demo_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the indexed library of the demo photos."""
    folder = tmp_path_factory.mktemp("feedback")
    shutil.copytree(demo_data, folder / "library")
    return folder


def show_weak(tab: Page) -> None:
    """Show the whole answer: to these words all photos are weak matches."""
    tab.get_by_role("button", name="Show weaker matches").click()
    tab.locator(".tile a").nth(3).wait_for()
    settle(tab)


def opened(tab: Page, place: int) -> str:
    """Open the photo at this place of the answer and return its id."""
    tile = tab.locator(".tile a").nth(place)
    tile.click()
    tab.locator(".frame img").wait_for()
    settle(tab)
    return str(tab.evaluate("new URLSearchParams(location.search).get('id')"))


def first_id(tab: Page) -> str:
    link = tab.locator(".tile a").first.get_attribute("href") or ""
    return link.partition("id=")[2].partition("&")[0]


@pytest.mark.parametrize("width", [1440, 390])
def test_a_thumb_moves_its_photo_first_and_is_taken_back(
    address: str, open_tab: OpenTab, width: int, screenshot: Callable[[Page, str], None]
) -> None:
    tab = open_tab(address, width, 900)
    tab.set_default_timeout(12_000)
    tab.goto(f"{address}/?q={WORDS}")
    show_weak(tab)
    before = first_id(tab)
    photo = opened(tab, 3)
    assert axe_violations(tab) == []
    button = tab.get_by_role("button", name="More like this", exact=True)
    button.scroll_into_view_if_needed()
    screenshot(tab, f"feedback-{width}")
    button.click()
    tab.wait_for_url(f"**/?q=*liked%3A{photo}")
    for _ in range(2):
        tab.locator(f'.tile a[href*="id={photo}&"]').wait_for()
        settle(tab)
        assert first_id(tab) == photo
        expect(tab.get_by_text(f"Liked: photo {photo}")).to_be_visible()
        screenshot(tab, f"feedback-answer-{width}")
        tab.reload()
    tab.locator(".tile a").first.wait_for()
    settle(tab)
    assert opened(tab, 0) == photo
    pressed = tab.get_by_role("button", name="More like this", exact=True)
    expect(pressed).to_have_attribute("aria-pressed", "true")
    tab.keyboard.press("u")
    tab.wait_for_url(lambda url: "liked" not in url and "/photo" not in url)
    show_weak(tab)
    assert first_id(tab) == before
    tab.go_back()  # the line is in the address
    tab.wait_for_url("**/photo?*liked*")


def test_without_words_there_is_nothing_to_reorder(address: str, open_tab: OpenTab) -> None:
    tab = open_tab(address, 1440, 900)
    tab.goto(f"{address}/?q=sort:date")
    tab.locator(".tile a").first.wait_for()
    settle(tab)
    opened(tab, 0)
    expect(tab.get_by_text("Thumbs need an answer to reorder")).to_be_visible()
    expect(tab.get_by_role("button", name="More like this", exact=True)).to_be_hidden()
