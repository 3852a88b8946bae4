"""The page shows the view of its address, also where a reply or an event comes late."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.browsing import (
    NEEDS_BROWSER,
    choose_in_menu,
    open_view,
    place_link,
    search,
    settle,
    view_link,
    wait_for_line,
    wait_in_browser,
)
from tests.page_traffic import QUICK_STEPS, VISIT, Traffic

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

    from tests.e2e.conftest import OpenTab

pytestmark = NEEDS_BROWSER
LINE = "type:png"
WRITTEN = "q=type%3Apng"  # in the reply that puts it into the address


@pytest.fixture(scope="module")
def place(demo_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("late-replies")
    shutil.copytree(demo_data, folder / "library")
    return folder


@contextmanager
def reply_held(tab: Page, address: str, view: str) -> Iterator[None]:
    """Search in a view; the reply comes when the block has ended."""
    traffic = Traffic(tab)
    open_view(tab, address, view)
    with traffic.replies_held() as wait_for_reply:
        search(tab, LINE)
        wait_for_reply(WRITTEN)
        yield


def wait_for_view(tab: Page, title: str, path: str) -> None:
    """Until this view is shown; its address must be this one, with the query of the field."""
    tab.get_by_role("heading", name=title, level=1, exact=True).wait_for()
    settle(tab)
    shown = urlsplit(tab.url)
    assert shown.path == path
    wait_for_line(tab, parse_qs(shown.query).get("q", [""])[0])


def test_a_late_reply_does_not_put_its_query_into_the_address_of_another_view(
    page: Page, address: str
) -> None:
    with reply_held(page, address, ""):
        page.evaluate(VISIT, "/timeline")
    wait_for_view(page, "Timeline", "/timeline")
    page.go_back()
    page.locator(".tile img").first.wait_for()
    settle(page)
    assert urlsplit(page.url).path == "/"
    wait_for_line(page, parse_qs(urlsplit(page.url).query).get("q", [""])[0])


def test_a_late_reply_does_not_change_the_address_of_a_view_that_was_clicked(
    page: Page, address: str
) -> None:
    with reply_held(page, address, "timeline"):
        place_link(page, "Map").click()
        assert urlsplit(page.url).path == "/map", "at once"
        view_link(page, "On the map").and_(page.locator("[aria-current=page]")).wait_for()
    wait_for_view(page, "Map", "/map")
    view_link(page, "By meaning").click()
    wait_for_view(page, "Meaning", "/meaning")


def test_a_view_is_shown_that_was_asked_for_before_an_event_of_another(
    page: Page, address: str
) -> None:
    traffic = Traffic(page)
    open_view(page, address, "")
    with traffic.requests_held() as wait_for_requests:
        page.evaluate(VISIT, "/timeline")
        search(page, LINE)
        wait_for_requests(2)
    wait_for_view(page, "Timeline", "/timeline")


def test_a_view_whose_requests_were_lost_is_asked_for_until_it_is_shown(
    page: Page, address: str
) -> None:
    traffic = Traffic(page)
    open_view(page, address, "")
    with traffic.requests_lost() as wait_for_requests:
        page.evaluate(VISIT, "/timeline")
        wait_for_requests(3)  # that of the visitor, and two others
    wait_for_view(page, "Timeline", "/timeline")


def test_of_many_quick_steps_the_first_and_the_last_are_asked_for(page: Page, address: str) -> None:
    traffic = Traffic(page)
    open_view(page, address, "")
    with traffic.requests_held() as wait_for_requests:
        page.evaluate(QUICK_STEPS, ["/labels", "/timeline", "/events"] * 10)
        wait_for_requests(2)
        assert traffic.held_requests == 2
    wait_for_view(page, "Events", "/events")
    page.go_back()
    wait_for_view(page, "Timeline", "/timeline")


@pytest.mark.parametrize("width", [1280, 700])
def test_another_view_keeps_the_search(open_tab: OpenTab, address: str, width: int) -> None:
    """At 700 px, as at 200 % zoom of a small screen, the places are in the bar below the page."""
    tab = open_tab(address, width)
    open_view(tab, address, f"?{WRITTEN}")
    for link, path in (
        (view_link(tab, "By date"), "/timeline"),
        (place_link(tab, "Map"), "/map"),
        (view_link(tab, "By meaning"), "/meaning"),
        (place_link(tab, "Photos"), "/"),
    ):
        link.click()
        tab.wait_for_url(f"**{path}?{WRITTEN}")
        wait_for_line(tab, LINE)
        settle(tab)
    place_link(tab, "Tools").click()  # without a search field
    tab.wait_for_url(f"**/tools?{WRITTEN}")
    tab.locator(".cards a", has_text="Last changes").click()
    tab.wait_for_url(f"**/changes?{WRITTEN}")
    tab.get_by_role("heading", name="Last changes", level=1).wait_for()
    place_link(tab, "Photos").click()
    wait_for_view(tab, LINE, "/")
    wait_for_line(tab, LINE)


def test_a_view_keeps_the_search_though_the_view_before_is_still_shown(
    open_tab: OpenTab, address: str
) -> None:
    tab = open_tab(address, 700)
    traffic = Traffic(tab)
    open_view(tab, address, f"?{WRITTEN}")
    with traffic.requests_held() as wait_for_requests:
        view_link(tab, "By date").click()
        wait_for_requests(1)
        place_link(tab, "Photos").click()
        assert urlsplit(tab.url).path == "/", "at once"
        assert urlsplit(tab.url).query == WRITTEN, "at once"
    wait_for_view(tab, LINE, "/")


def test_a_click_on_the_view_that_is_shown_shows_all_of_it(page: Page, address: str) -> None:
    open_view(page, address, f"timeline?{WRITTEN}")
    wait_for_line(page, LINE)
    view_link(page, "By date").click()
    wait_for_line(page, "")
    wait_for_view(page, "Timeline", "/timeline")
    assert not urlsplit(page.url).query.startswith("q=")


def test_all_photos_are_selected_though_their_list_comes_late(page: Page, address: str) -> None:
    """The button is there before the list is; it selects the photos of the answer that is shown."""
    page.goto(f"{address}/?q=a+cat")
    page.locator(".tile img").first.wait_for()
    settle(page)
    held: list[Route] = []
    page.route("**/answer/list?*", lambda route: held.append(route))
    search(page, LINE)
    wait_in_browser(page, lambda: bool(held))
    choose_in_menu(page, "Select all")
    assert page.get_by_role("region", name="Selected photos").count() == 0, "not those of before"
    for route in held:
        route.continue_()
    page.unroute("**/answer/list?*")
    region = page.get_by_role("region", name="Selected photos")
    region.get_by_text(re.compile("photos selected")).wait_for()
    settle(page)
    number = int(re.findall(r"\d+", region.inner_text())[0])
    assert number == page.locator(".tile").count() > 1
