"""Addresses that name no view."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.browsing import NEEDS_BROWSER, axe_violations, serving, settle, small_targets
from ui.view_table import all_views

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.e2e.conftest import OpenTab

pytestmark = NEEDS_BROWSER
HIDDEN_OR_OF_ARCHIVES = {"over-time", "photo", "archive"}


@pytest.fixture(scope="module")
def place(demo_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unknown-views")
    shutil.copytree(demo_data, folder / "library")
    return folder


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("/event", "/events"),
        ("/event?event=2020-01-01", "/events?event=2020-01-01"),
        ("/Timelin?q=a%22dog", "/timeline?q=a%22dog"),
        ("/duplicates", "/similar"),
        ("/search", "/"),
        ("/labels.html", "/labels"),
        ("/index.html", None),
        ("/xyzzy", None),
        ("/timeline/x/y", "/timeline"),
        (f"/<script>hacked=1</script>{'x' * 200}", None),
    ],
)
def test_it_says_so_and_leads_to_the_views(
    page: Page, address: str, path: str, meant: str | None
) -> None:
    failed: list[str] = []
    page.on("response", lambda each: failed.append(each.url) if each.status >= 400 else None)
    answer = page.goto(f"{address}{path}")
    assert answer is not None and answer.status == 404
    assert answer.headers["cache-control"] == "no-store"
    page.get_by_role("heading", name="There is no such view").wait_for()
    assert page.evaluate("window.hacked === undefined")
    links = page.get_by_role("navigation", name="Views").get_by_role("link")
    titles = {view.title for name, view in all_views().items() if name not in HIDDEN_OR_OF_ARCHIVES}
    assert set(links.all_inner_texts()) == titles
    likely = page.get_by_text("Did you mean").get_by_role("link")
    if meant is None:
        expect(likely).to_have_count(0)
    else:
        assert likely.get_attribute("href") == meant
    assert failed == [answer.url], "and asks for nothing that is not there"


def test_the_view_that_was_meant_opens(page: Page, address: str) -> None:
    page.goto(f"{address}/timelin?q=name:chelsea")
    page.get_by_text("Did you mean").get_by_role("link", name="Timeline").click()
    page.get_by_text("1 photo for name:chelsea").wait_for()


def test_all_other_addresses_are_answered_as_before(page: Page, address: str) -> None:
    request = page.context.request
    for path in ("/", "/events", "/events/", "/_stcore/health", "/icon.png", "/photo?id=1"):
        assert request.get(f"{address}{path}").status == 200, path
    for path in ("/thumbnail/small/999", "/modules/0/shell/shell.js", "/_stcore/agent/x"):
        answer = request.get(f"{address}{path}")
        assert answer.status == 404 and "html" not in answer.headers["content-type"], path


def test_only_who_is_logged_in_learns_which_views_there_are(page: Page, address: str) -> None:
    page.context.clear_cookies()
    answer = page.goto(f"{address}/event")
    assert answer is not None and answer.status == 403
    assert not page.get_by_text("Events").count()


def test_a_login_with_the_password_leads_to_it(open_tab: OpenTab, place: Path) -> None:
    with serving(place / "library", IMGSEARCH_UI_PASSWORD="correct horse") as address:
        tab = open_tab(address)
        tab.goto(f"{address}/event")
        tab.get_by_label("Password").fill("correct horse")
        tab.get_by_role("button", name="Log in").click()
        tab.get_by_role("heading", name="There is no such view").wait_for()


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_it_has_the_looks_of_the_page(
    open_tab: OpenTab, address: str, width: int, scheme: Any
) -> None:
    other = "Dark" if scheme == "light" else "Light"
    tab = open_tab(address, width, 844, scheme)

    def is_dark() -> bool:
        colour = tab.evaluate("getComputedStyle(document.body).backgroundColor")
        return bool(colour == "rgb(23, 22, 20)")

    tab.goto(f"{address}/event")
    assert is_dark() == (scheme == "dark")
    assert not axe_violations(tab)
    assert width > 390 or not small_targets(tab)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    tab.goto(f"{address}/library")
    settle(tab)
    with tab.expect_navigation():
        tab.get_by_role("button", name=other, exact=True).click()
    tab.goto(f"{address}/event")
    assert is_dark() == (other == "Dark"), "what was chosen in the views"
    assert not axe_violations(tab)
