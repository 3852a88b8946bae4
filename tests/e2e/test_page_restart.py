"""A restart of `imgsearch ui`: open tabs go on, bookmarks work, and others learn what to do."""

from __future__ import annotations

import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from imgsearch.testing import free_port
from tests.browsing import (
    NEEDS_BROWSER,
    axe_violations,
    page_server,
    search,
    serving,
    settle,
    wait_for_first,
)
from tests.page_loads import cookie_of
from tests.page_traffic import Traffic

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.e2e.conftest import OpenTab

PASSWORD = "correct horse"
OTHER_TOKEN = "another-token-of-the-tests"


@pytest.fixture(scope="module")
def place(demo_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the indexed library of the demo photos."""
    folder = tmp_path_factory.mktemp("restart")
    shutil.copytree(demo_data, folder / "library")
    return folder


def status_of(address: str, cookie: str, accept: str = "*/*") -> tuple[int, str]:
    """The status and the body of the answer to a request with a cookie."""
    asked = urllib.request.Request(address, headers={"Cookie": cookie, "Accept": accept})
    try:
        with urllib.request.urlopen(asked) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode()


@NEEDS_BROWSER[0]
@NEEDS_BROWSER[1]
@pytest.mark.parametrize("width", [1280, 390])
def test_an_open_tab_goes_on_after_a_restart(
    open_tab: OpenTab, place: Path, screenshot: Callable[[Page, str], None], width: int
) -> None:
    from playwright.sync_api import expect

    port = free_port()
    with page_server(place / "library", port=port) as (address, _):
        tab = open_tab(address, width)
        traffic = Traffic(tab)
        tab.goto(f"{address}/?q=name:chelsea")
        wait_for_first(tab, "chelsea.png")
        settle(tab)
    notice = tab.get_by_role("alert").filter(has_text="imgsearch ui has ended; start it again")
    notice.wait_for()
    theirs = tab.get_by_test_id("stDialog")
    theirs.wait_for(state="attached")  # Streamlit would ask about the internet now
    expect(theirs).to_be_hidden()
    expect(notice).to_be_visible()
    expect(tab.get_by_text("connected to the internet")).to_be_hidden()
    # Its dialog hides all the rest, the landmarks as well, from screen readers; not the notice.
    rules = {rule for rule, *_ in axe_violations(tab)}
    assert rules <= {"landmark-one-main", "page-has-heading-one"}
    screenshot(tab, f"ended-{width}")
    other_token = {"IMGSEARCH_UI_TOKEN": OTHER_TOKEN}
    with page_server(place / "library", port=port, environment=other_token):
        with traffic.replies_held() as wait_for_reply:
            wait_for_reply("chelsea")
            # The new session would drop what is typed before its first run has drawn the box.
            again = tab.get_by_role("alert").filter(has_text="This page goes on in a moment")
            expect(again).to_be_visible()
            box = tab.locator("input[placeholder^='two kids']")
            box.evaluate("box => box.focus()")
            expect(box).not_to_be_focused()
        expect(again).to_be_hidden()
        theirs.wait_for(state="detached")
        wait_for_first(tab, "chelsea.png")
        settle(tab)
        search(tab, "name:coffee")
        wait_for_first(tab, "coffee.png")
        other = tab.context.new_page()
        other.goto(f"{address}/?q=name:rocket")  # a bookmark
        wait_for_first(other, "rocket.jpg")


@NEEDS_BROWSER[0]
@NEEDS_BROWSER[1]
def test_a_tab_that_lost_its_login_says_how_to_get_in(
    open_tab: OpenTab, place: Path, screenshot: Callable[[Page, str], None]
) -> None:
    port = free_port()
    with page_server(place / "library", port=port) as (address, _):
        tab = open_tab(address)
        tab.goto(f"{address}/?q=name:chelsea")
        wait_for_first(tab, "chelsea.png")
    tab.get_by_text("imgsearch ui has ended; start it again").wait_for()
    (place / "library" / "page.key").unlink()
    with page_server(place / "library", port=port):
        tab.get_by_role("heading", name="This browser is not logged in").wait_for()
        assert axe_violations(tab) == []
        screenshot(tab, "not-logged-in")
        tab.set_viewport_size({"width": 390, "height": 844})
        assert tab.evaluate("document.documentElement.scrollWidth") <= 390
        screenshot(tab, "not-logged-in-390")


def test_a_cookie_counts_after_a_restart_until_the_key_changes(place: Path) -> None:
    library, port = place / "library", free_port()
    with page_server(library, port=port) as (address, _):
        cookie = cookie_of(address)
        assert status_of(address, cookie)[0] == 200
    assert (library / "page.key").stat().st_mode & 0o777 == 0o600
    with page_server(library, port=port, environment={"IMGSEARCH_UI_TOKEN": OTHER_TOKEN}) as (
        address,
        _,
    ):
        assert status_of(address, cookie)[0] == 200
        name, _, value = cookie.partition("=")
        until, _, signature = value.partition(".")
        later = str(int(until) + 1)
        for changed in ("", value[:-1], f"{later}.{signature}", f".{signature}", f"{until}.", "."):
            assert status_of(address, f"{name}={changed}")[0] == 403
        assert 0 < int(until) - time.time() <= 30 * 24 * 3600
        status, page = status_of(f"{address}/?q=a+cat", "", "text/html,*/*")
        assert status == 403 and "This browser is not logged in" in page
        assert "imgsearch ui" in status_of(address, "", "application/json")[1]
    with page_server(library, port=port, environment={"IMGSEARCH_UI_PASSWORD": PASSWORD}) as (
        address,
        _,
    ):
        assert status_of(address, cookie)[0] == 403, "it was given for a token"
    (library / "page.key").chmod(0o644)  # others may have read it
    with page_server(library, port=port) as (address, _):
        assert status_of(address, cookie)[0] == 403
        assert (library / "page.key").stat().st_mode & 0o777 == 0o600


def test_the_cookie_of_a_password_counts_until_it_changes(place: Path) -> None:
    library, port = place / "library", free_port()

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *arguments: object) -> None:
            return None

    with page_server(library, port=port, environment={"IMGSEARCH_UI_PASSWORD": PASSWORD}) as (
        address,
        _,
    ):
        form = f"password={PASSWORD.replace(' ', '+')}".encode()
        with pytest.raises(urllib.error.HTTPError) as answer:
            urllib.request.build_opener(Stay).open(f"{address}/login", form)
        given = answer.value.headers["Set-Cookie"]
        answer.value.close()
        assert "HttpOnly" in given and "SameSite=strict" in given and "Max-Age" not in given
        cookie = given.split(";")[0]
        assert status_of(address, cookie)[0] == 200
    with page_server(library, port=port, environment={"IMGSEARCH_UI_PASSWORD": PASSWORD}) as (
        address,
        _,
    ):
        assert status_of(address, cookie)[0] == 200
    with page_server(library, port=port, environment={"IMGSEARCH_UI_PASSWORD": PASSWORD + "2"}) as (
        address,
        _,
    ):
        assert status_of(address, cookie)[0] == 403
    with serving(library) as address:
        assert status_of(address, cookie)[0] == 403
