"""The search box in the timeline, on the map, among near-duplicates and beside a photo."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

from tests.browsing import (
    NEEDS_BROWSER,
    PATIENCE_MS,
    axe_violations,
    search,
    serving,
    settle,
    wait_for_count,
    wait_for_line,
)
from tests.e2e.test_page_timeline import HOME, ROME, add_photos

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from tests.e2e.conftest import OpenTab

pytestmark = NEEDS_BROWSER
PLACES: list[dict[str, Any]] = [*[HOME] * 12, *[ROME] * 6, {}, {}]
ROME_LAT, ROME_LON = float(str(ROME["lat"])), float(str(ROME["lon"]))
VIEWS = ["timeline", "events", "over-time", "map", "meaning", "similar"]


@pytest.fixture(scope="module")
def address(demo_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page of 20 photos, 12 at home and 6 in Rome; every eighth has the same vector."""
    folder = tmp_path_factory.mktemp("search-in-views")
    pictures = sorted(demo_photos.iterdir())[:10]
    taken = [(datetime(2020, 1, 1 + number, 12), place) for number, place in enumerate(PLACES)]
    add_photos(folder / "photos", folder / "library", taken, pictures)
    with serving(folder / "library") as address:
        yield address


def box_of(tab: Page) -> Locator:
    return tab.get_by_role("combobox", name="Search")


def open_view(tab: Page, address: str, view: str, query: str = "") -> None:
    tab.goto(f"{address}/{view}{query}")
    box_of(tab).wait_for()
    settle(tab)
    if view == "timeline":
        tab.locator(".tile img").first.wait_for()
    elif view in ("events", "over-time"):
        tab.locator(".cards li, .cells li").first.wait_for()
    elif view == "map":
        tab.locator(".map[data-drawn][data-clusters]").wait_for()
    elif tab.get_by_role("button", name="Compare", exact=True).count():
        tab.get_by_role("button", name="Compare", exact=True).click()
    if view == "similar":
        tab.get_by_text("Similarity").wait_for()
        settle(tab)


def parameters_of(tab: Page) -> dict[str, str]:
    return {name: value for name, (value,) in parse_qs(urlsplit(tab.url).query).items()}


def test_a_query_narrows_the_timeline_and_back_widens_it(page: Page, address: str) -> None:
    open_view(page, address, "timeline")
    page.get_by_text("20 photos").wait_for()
    search(page, "country:Italy")
    page.get_by_text("6 photos for country:Italy").wait_for()
    wait_for_count(page, 6)
    assert urlsplit(page.url).path == "/timeline"
    page.locator(".tile a").first.click()
    page.get_by_text("1 of 6").wait_for()
    wait_for_line(page, "country:Italy")
    page.keyboard.press("Escape")
    wait_for_count(page, 6)
    page.get_by_role("button", name="Country Italy").click()
    page.get_by_text("20 photos").wait_for()
    wait_for_line(page, "")
    page.go_back()
    page.get_by_text("6 photos for country:Italy").wait_for()
    wait_for_line(page, "country:Italy")
    page.go_back()
    page.get_by_text("20 photos").wait_for()
    wait_for_line(page, "")
    page.reload()
    page.get_by_text("20 photos").wait_for()


def test_a_query_narrows_the_map_which_shows_its_area(page: Page, address: str) -> None:
    open_view(page, address, "map")
    page.get_by_text("18 photos · 2 without a place").wait_for()
    page.wait_for_url("**/map?at=*")
    assert float(parameters_of(page)["at"].split(",")[0]) > ROME_LAT + 1, "between the towns"
    search(page, "country:Italy")
    page.get_by_text("6 photos for country:Italy").wait_for()
    page.get_by_role("button", name="6 photos, Rome, Italy").wait_for()
    page.wait_for_url("**/map?q=country*&at=*")
    lat, lon, _ = map(float, parameters_of(page)["at"].split(","))
    assert abs(lat - ROME_LAT) < 1 and abs(lon - ROME_LON) < 1
    search(page, "contry:Italy")
    page.get_by_text("Unknown filter").wait_for()
    page.get_by_role("button", name="Did you mean country:Italy?").click()
    page.get_by_role("button", name="6 photos, Rome, Italy").wait_for()


def test_a_query_narrows_near_duplicates_to_pairs_of_what_it_finds(
    page: Page, address: str
) -> None:
    open_view(page, address, "similar")
    page.get_by_text("8 groups, 20 photos").wait_for()
    search(page, "name:0000.jpg|0008.jpg|0001.jpg")
    page.get_by_text("1 group, 2 photos").wait_for()
    page.locator(".tile a").first.click()
    page.get_by_text("1 of 2").wait_for()
    page.get_by_role("link", name="Results").click()
    page.get_by_text("1 group, 2 photos").wait_for()
    search(page, "country:Italy")
    page.get_by_text("No photos are this similar").wait_for()
    search(page, "")
    page.get_by_text("8 groups, 20 photos").wait_for()


@pytest.mark.parametrize("view", VIEWS)
def test_a_slash_and_a_suggestion_search_in_the_view(page: Page, address: str, view: str) -> None:
    open_view(page, address, view)
    page.keyboard.press("/")
    expect(box_of(page)).to_be_focused(timeout=PATIENCE_MS)
    page.keyboard.type("country:Ita")
    page.get_by_role("option", name="Italy").first.wait_for()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/{view}?q=country*Italy*")


def test_beside_a_photo_words_lead_to_results(page: Page, address: str) -> None:
    open_view(page, address, "timeline", "?q=country:Italy")
    page.locator(".tile a").first.click()
    page.get_by_text("1 of 6").wait_for()
    settle(page)
    page.keyboard.press("/")
    page.keyboard.type("country:Austria")
    page.keyboard.press("Enter")
    page.wait_for_url("**/?q=country%3AAustria")
    wait_for_count(page, 12)
    page.go_back()
    page.get_by_text("1 of 6").wait_for()
    wait_for_line(page, "country:Italy")


def test_more_like_this_but(page: Page, address: str) -> None:
    open_view(page, address, "timeline")
    page.locator(".tile a").first.click()
    page.locator(".frame img").wait_for()
    shown = parameters_of(page)["id"]
    words = page.get_by_role("textbox", name="More like this, but …")
    words.fill("country:Italy")
    link = page.get_by_role("link", name="Find similar")
    assert link.get_attribute("href") == f"/?photo={shown}&q=country%3AItaly"
    words.press("f")  # types, and marks nothing
    words.press("Backspace")
    words.press("Enter")
    page.wait_for_url(f"**/?photo={shown}&q=country*")
    wait_for_line(page, "country:Italy")
    page.locator(".tile").nth(4).wait_for()
    page.locator(".crop img").wait_for()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
@pytest.mark.parametrize("view", VIEWS)
def test_everybody_can_use_it(
    open_tab: OpenTab,
    address: str,
    width: int,
    scheme: Any,
    view: str,
    screenshot: Callable[..., None],
) -> None:
    tab = open_tab(address, width, 844, scheme)
    open_view(tab, address, view, "?q=country:Austria")
    screenshot(tab, f"search-in-{view}-{width}-{scheme}")
    assert not axe_violations(tab)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
