"""The page in Firefox: what a person does there most, with mouse, keyboard and finger.

The other tests of the page run in Chromium. Here are those things that depend on the browser: the
components that keep their state in it, their keys, its history, full screen, and what axe sees.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from tests.browsing import (
    axe_violations,
    give_file,
    launch_firefox,
    settle,
    wait_for_first,
    wait_for_line,
    wait_until_shown,
)
from tests.factories import index_demo_photos

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Playwright

    from tests.e2e.conftest import OpenTab

pytestmark = [
    pytest.mark.needs("firefox"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
SIZES = ((1440, 900), (390, 844))
VIEWS = (
    *("", "?q=sort:path", "photo?id=1", "timeline", "events", "over-time", "map", "meaning"),
    *("similar", "labels", "library"),
)


@pytest.fixture(scope="module")
def browser(driver: Playwright, request: pytest.FixtureRequest) -> Iterator[Browser]:
    """Firefox, in the colour scheme "light" or "dark" that a test names."""
    browser = launch_firefox(driver, getattr(request, "param", "light"))
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def place(demo_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("firefox")
    index_demo_photos(demo_photos, folder)
    return folder


def search(tab: Page, line: str) -> None:
    """Type a query, key by key, and press Enter."""
    box = tab.get_by_role("combobox", name="Search")
    box.click()
    box.press("Control+a")
    box.press_sequentially(line)
    box.press("Enter")


def test_a_search_the_photo_found_and_back_again(page: Page, address: str) -> None:
    page.goto(address)
    page.locator(".tile").first.wait_for()
    settle(page)
    search(page, "a cat")
    wait_for_first(page, "chelsea.png")
    page.locator(".tile a[aria-label^='chelsea.png']").click()
    page.wait_for_url("**/photo?*")
    wait_until_shown(page.locator(".frame img"))
    page.go_back()
    page.wait_for_url("**/?q=a*cat*")
    wait_for_first(page, "chelsea.png")
    page.go_forward()
    page.locator(".frame img[alt^='chelsea.png']").wait_for()
    page.reload()
    page.locator(".frame img[alt^='chelsea.png']").wait_for()


def test_arrow_keys_full_screen_and_escape(page: Page, address: str) -> None:
    page.goto(f"{address}/?q=sort:path")
    page.locator(".tile a[aria-label^='brick.png']").click()
    wait_until_shown(page.locator(".frame img[alt^='brick.png']"))
    settle(page)
    page.keyboard.press("ArrowRight")
    wait_until_shown(page.locator(".frame img:not([alt^='brick.png'])"))
    page.keyboard.press("Enter")
    page.locator(".full-view").wait_for()
    page.keyboard.press("Escape")
    page.locator(".full-view").wait_for(state="detached")


def test_an_image_dropped_on_the_page(page: Page, address: str, demo_photos: Path) -> None:
    page.goto(address)
    settle(page)
    alike = BytesIO()  # but no copy of the photo, which would not be a result
    Image.open(demo_photos / "coffee.png").convert("RGB").save(alike, "JPEG", quality=70)
    give_file(page, "cup.jpg", "image/jpeg", alike.getvalue())
    wait_for_first(page, "coffee.png")


def test_a_suggestion_is_taken_with_the_keyboard(page: Page, address: str) -> None:
    page.goto(address)
    settle(page)
    box = page.get_by_role("combobox", name="Search")
    box.click()
    box.press_sequentially("phot")
    page.get_by_role("option", name="photos").first.wait_for()
    box.press("ArrowDown")
    box.press("Enter")
    page.wait_for_url("**/?q=in%3Aphotos*")
    wait_for_line(page, "in:photos")


@pytest.mark.parametrize("browser", ["light", "dark"], indirect=True)
def test_every_view_is_shown_and_accessible(
    open_tab: OpenTab, address: str, screenshot: Callable[[Page, str], None]
) -> None:
    """Light views are opened in a large window and made small, dark ones the other way round."""
    tab = open_tab(address)
    is_dark = tab.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    sizes = [{"width": width, "height": height} for width, height in SIZES]
    for view in VIEWS:
        for number, size in enumerate(sizes[::-1] if is_dark else sizes):
            tab.set_viewport_size(size)  # type: ignore[arg-type]
            if not number:
                tab.goto(f"{address}/{view}")
                tab.get_by_role("heading", level=1).first.wait_for(state="attached")
            settle(tab)
            name = view.partition("?")[0] or ("results" if view else "start")
            screenshot(tab, f"firefox-{name}-{size['width']}-{'dark' if is_dark else 'light'}")
            assert not axe_violations(tab), (view, size)
            sideways = tab.evaluate("document.documentElement.scrollWidth > innerWidth")
            assert not sideways, (view, size)
