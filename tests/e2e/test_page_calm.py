"""Nothing fades, jumps or is loaded in vain: what a visitor sees stays where and as it is."""

from __future__ import annotations

import shutil
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from imgsearch import Library, Settings
from tests.browsing import NEEDS_BROWSER, PATIENCE_MS, TOKEN, WATCH_SHIFTS, open_whole
from tests.counted_connections import counted
from tests.page_traffic import Traffic

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = NEEDS_BROWSER
VIEWS = ("/", "/?q=a+cat", "/timeline", "/albums", "/map", "/similar", "/library")
MOST_SHIFT = 0.02  # a tenth of what Web Vitals call good
MOST_BYTES_OF_TOOLS = 300_000  # beyond what the first page has loaded


@pytest.fixture(scope="module")
def place(demo_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("calm")
    shutil.copytree(demo_photos, folder / "photos")
    with Library.open(Settings.load(data_dir=folder / "library", encoder="lite")) as library:
        library.index([folder / "photos"]).run()
    return folder


@pytest.mark.parametrize(
    ("path", "width"),
    [*product(VIEWS, (390, 1440))],
)
def test_nothing_jumps_while_a_view_is_loaded(
    browser: Browser, address: str, path: str, width: int
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900})
    context.set_default_timeout(PATIENCE_MS)
    context.add_init_script(WATCH_SHIFTS)
    context.request.get(f"{address}/?token={TOKEN}")
    tab = context.new_page()
    open_whole(tab, f"{address}{path}")
    assert tab.evaluate("window.shift") <= MOST_SHIFT
    context.close()


def test_what_a_run_will_replace_does_not_pale(page: Page, address: str) -> None:
    open_whole(page, address)
    opacity = page.locator("[data-testid=stElementContainer]").first.evaluate(
        """(node) => {
            node.style.opacity = .33;  // as Streamlit styles what is out of date
            node.dataset.stale = "true";
            return getComputedStyle(node).opacity;
        }"""
    )
    assert opacity == "1"


def test_a_clicked_photo_is_large_before_the_server_answers(page: Page, address: str) -> None:
    traffic = Traffic(page)
    open_whole(page, f"{address}/?q=a+cat")
    cover = page.locator(".opening")
    tile = page.locator(".tile").first
    source = tile.locator("img").evaluate("image => image.src")
    with traffic.requests_held() as wait_for_requests:
        tile.locator("a").click()
        wait_for_requests(1)
        assert cover.locator("img").evaluate("image => image.src") == source
        box = cover.locator("img").bounding_box()
        assert box is not None and box["width"] > 700 and box["height"] > 400
    page.locator(".frame img").wait_for()
    cover.wait_for(state="detached")


def test_esc_takes_the_large_picture_away(page: Page, address: str) -> None:
    traffic = Traffic(page)
    open_whole(page, f"{address}/?q=a+cat")
    with traffic.requests_held() as wait_for_requests:
        page.locator(".tile a").first.click()
        wait_for_requests(1)
        page.keyboard.press("Escape")
        page.locator(".opening").wait_for(state="detached")
        assert page.locator(".tile").first.is_visible()


def test_a_photo_that_has_left_is_no_large_picture(page: Page, address: str) -> None:
    open_whole(page, f"{address}/?q=a+cat")
    page.locator(".tile a").first.evaluate("link => link.setAttribute('href', '/photo?id=999999')")
    page.locator(".tile a").first.click()
    page.get_by_text("Photo not found").wait_for()
    page.locator(".opening").wait_for(state="detached")


def test_the_tools_load_at_most_300_kb_beyond_the_first_page(
    browser: Browser, address: str
) -> None:
    with counted(address) as (through, counter):
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        context.set_default_timeout(PATIENCE_MS)
        context.request.get(f"{through}/?token={TOKEN}")
        tab = context.new_page()
        open_whole(tab, through)
        counter.reset()
        open_whole(tab, f"{through}/library")
        tab.locator(".bars rect").first.wait_for(state="attached")
        assert 1000 < counter.sent_bytes <= MOST_BYTES_OF_TOOLS
        context.close()
