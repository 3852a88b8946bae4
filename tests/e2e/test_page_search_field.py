"""The search field stays the same one in all views, and beside it images are chosen."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.browsing import (
    NEEDS_BROWSER,
    PATIENCE_MS,
    axe_violations,
    choose_file,
    give_file,
    open_view,
    search,
    serving,
    settle,
    small_targets,
    wait_for_line,
    wait_in_browser,
)
from tests.page_loads import cookie_of
from tests.page_traffic import VISIT, Traffic

if TYPE_CHECKING:
    from playwright.sync_api import FileChooser, Locator, Page, Route

    from tests.e2e.conftest import OpenTab

pytestmark = NEEDS_BROWSER
WITH_FIELD = ["timeline", "events", "map", "meaning", "similar", "over-time", ""]


@pytest.fixture(scope="module")
def place(demo_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("search-field")
    shutil.copytree(demo_data, folder / "library")
    return folder


@pytest.fixture(scope="module")
def example(demo_photos: Path) -> bytes:
    """Like a photo of the library; an exact copy would be left out."""
    content = BytesIO()
    Image.open(demo_photos / "chelsea.png").convert("RGB").save(content, "JPEG", quality=70)
    return content.getvalue()


def field_of(tab: Page) -> Locator:
    return tab.get_by_role("combobox", name="Search")


def remember_field(tab: Page) -> None:
    field_of(tab).evaluate("(field) => { window.firstField = field; }")


def is_first_field(tab: Page) -> bool:
    return bool(field_of(tab).evaluate("(field) => field === window.firstField"))


def test_every_view_with_a_search_field_has_the_very_same_one(page: Page, address: str) -> None:
    open_view(page, address, "?q=cat")
    remember_field(page)
    for view in WITH_FIELD:
        page.evaluate(VISIT, f"/{view}")
        page.wait_for_url(f"**/{view}*")
        wait_for_line(page, "")
        settle(page)
        assert is_first_field(page), view
    page.evaluate(VISIT, "/?q=cat")
    page.locator(".tile a[href*='q=cat']").first.click()  # those of the view before may be there
    page.locator(".frame img").wait_for()
    settle(page)
    assert is_first_field(page)
    wait_for_line(page, "cat")
    page.go_back()
    page.locator(".tile img").first.wait_for()
    assert is_first_field(page)


def test_what_is_typed_while_a_view_changes_stays_with_its_suggestions(
    page: Page, address: str
) -> None:
    traffic = Traffic(page)
    open_view(page, address, "")
    remember_field(page)
    with traffic.replies_held() as wait_for_reply:
        page.evaluate(VISIT, "/timeline")
        field_of(page).focus()
        page.keyboard.type("type:p")
        page.get_by_role("option").first.wait_for()
        wait_for_reply("modules_timeline")
    page.locator(".section .tile img").first.wait_for()
    settle(page)
    assert is_first_field(page)
    expect(field_of(page)).to_be_focused()
    expect(field_of(page)).to_have_value("type:p")
    assert page.get_by_role("option").count(), "the list is still open"
    page.keyboard.type("ng")
    page.keyboard.press("Enter")
    page.wait_for_url("**/timeline?q=type*png")
    page.get_by_text("photos for type:png").wait_for()


def test_a_chosen_image_narrows_the_view_with_what_is_in_the_field(
    page: Page, address: str, example: bytes
) -> None:
    open_view(page, address, "timeline")
    field_of(page).fill("cat")
    choose_file(page, "example.jpg", "image/jpeg", example)
    page.wait_for_url("**/timeline?q=cat&image=*")
    page.locator(".crop img").wait_for()
    wait_for_line(page, "cat")
    page.get_by_text("for cat, like an image").wait_for()
    page.go_back()
    page.locator(".crop").wait_for(state="detached")
    choose_file(page, "example.jpg", "image/jpeg", example)  # the same file once more
    page.locator(".crop img").wait_for()


def test_a_keyboard_reaches_the_button_and_a_phone_its_camera(page: Page, address: str) -> None:
    choosers: list[FileChooser] = []
    page.on(
        "filechooser", lambda each: choosers.append(each)
    )  # before, since the browser takes a moment for it
    open_view(page, address, "")
    field_of(page).focus()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Search by image")).to_be_focused()
    page.keyboard.press("Enter")
    wait_in_browser(page, lambda: len(choosers) == 1)
    assert not choosers[0].is_multiple()
    accepted = str(choosers[0].element.get_attribute("accept")).split(",")
    assert accepted[0] == "image/*" and ".nef" in accepted


def test_what_cannot_be_searched_by_is_told_and_the_view_stays(
    page: Page, address: str, tmp_path: Path
) -> None:
    open_view(page, address, "timeline")
    shown = page.url
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))
    choose_file(page, "notes.txt", "text/plain", b"words")
    page.get_by_role("status").get_by_text("notes.txt is not an image").wait_for()
    large = tmp_path / "large.jpg"
    with large.open("wb") as file:
        file.truncate((100 << 20) + 1)
    with page.expect_file_chooser(timeout=PATIENCE_MS) as chooser:
        page.get_by_role("button", name="Search by image").click()
    chooser.value.set_files(large)
    page.get_by_text("large.jpg is larger than 100 MB. Choose a smaller image.").wait_for()
    assert not [each for each in sent if each.endswith("/example")]
    choose_file(page, "turned\u202egpj.exe", "image/png", b"this is no image at all")
    page.get_by_text("Cannot read this image").wait_for()
    assert not axe_violations(page)
    assert page.url == shown


def test_an_image_that_takes_long_is_told_and_leads_nowhere_once_another_view_is_open(
    page: Page, address: str, example: bytes
) -> None:
    held: list[Route] = []
    page.route("**/example", lambda route: held.append(route))
    open_view(page, address, "timeline")
    give_file(page, "slow.jpg", "image/jpeg", example)
    page.get_by_role("status").get_by_text("Reading slow.jpg …").wait_for()
    wait_in_browser(page, lambda: len(held) == 1)
    held[0].continue_()
    page.wait_for_url("**/timeline?image=*")
    page.get_by_text("Reading slow.jpg …").wait_for(state="detached")
    page.locator(".crop img").wait_for()
    settle(page)
    give_file(page, "slow.jpg", "image/jpeg", example)
    wait_in_browser(page, lambda: len(held) == 2)
    page.evaluate(VISIT, "/labels")
    page.get_by_text("Sort your photos into classes").wait_for()
    with page.expect_response("**/example"):
        held[1].continue_()
    settle(page)
    assert page.url == f"{address}/labels"


def test_an_image_that_replaces_one_on_its_way_counts_alone(
    page: Page, address: str, example: bytes
) -> None:
    held: list[Route] = []
    page.route("**/example", lambda route: held.append(route))
    open_view(page, address, "")
    give_file(page, "broken.jpg", "image/jpeg", b"this is no image at all")
    wait_in_browser(page, lambda: len(held) == 1)
    give_file(page, "example.jpg", "image/jpeg", example)
    wait_in_browser(page, lambda: len(held) == 2)
    held[1].continue_()
    page.locator(".crop img").wait_for()
    assert not page.get_by_text("Cannot read this image").count()
    page.unroute_all(behavior="ignoreErrors")  # the first was given up


def test_text_with_a_picture_of_it_is_pasted_as_text(page: Page, address: str) -> None:
    """As office programs copy it."""
    open_view(page, address, "")
    field_of(page).focus()
    is_left_alone = page.evaluate(
        """() => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array([1])], "image.png", {type: "image/png"}));
            data.setData("text/plain", "a dog");
            const options = {clipboardData: data, bubbles: true, cancelable: true, composed: true};
            return document.activeElement.dispatchEvent(new ClipboardEvent("paste", options));
        }"""
    )
    assert is_left_alone


def test_a_library_without_photos_says_so(open_tab: OpenTab, tmp_path: Path) -> None:
    with serving(tmp_path / "library") as address:
        tab = open_tab(address)
        tab.goto(address)
        tab.get_by_text("No photos yet").wait_for()
        give_file(tab, "example.jpg", "image/jpeg", b"no matter")
        tab.get_by_text("There is no photo to search yet").wait_for()


def test_only_who_is_logged_in_sends_an_image(page: Page, address: str, example: bytes) -> None:
    request, route = page.context.request, f"{address}/example"
    assert request.put(route, data=example).status == 200
    assert request.post(route, data=example).status == 405, "which another web site could send"
    page.context.clear_cookies()
    assert request.put(route, data=example).status == 403
    cookie = {"Cookie": cookie_of(address)}
    assert request.put(route, data=example, headers=cookie).status == 200


@pytest.fixture(params=[(1440, "light"), (390, "dark")], ids=["wide-light", "phone-dark"])
def looks(request: pytest.FixtureRequest) -> Iterator[tuple[int, Any]]:
    yield request.param


def test_the_row_of_the_search_field_fits(
    open_tab: OpenTab,
    address: str,
    example: bytes,
    looks: tuple[int, Any],
    screenshot: Callable[..., None],
) -> None:
    width, scheme = looks
    tab = open_tab(address, width, 844, scheme)
    open_view(tab, address, "")
    search(tab, "a cat")
    tab.locator(".tile img").first.wait_for()
    choose_file(tab, "example.jpg", "image/jpeg", example)
    tab.locator(".crop img").wait_for()
    screenshot(tab, f"search-field-{width}-{scheme}")
    assert not axe_violations(tab)
    assert width > 390 or not small_targets(tab)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    tops = [
        tab.get_by_role("button", name=name).bounding_box()
        for name in ("Search by image", "Filters")
    ]
    assert len({round(each["y"]) for each in tops if each}) == 1, "all in one row"
