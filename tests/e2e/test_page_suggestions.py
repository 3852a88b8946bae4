"""Suggestions below the search box, by keyboard, mouse and touch."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from imgsearch import Library, Settings
from tests.browsing import (
    NEEDS_BROWSER,
    PATIENCE_MS,
    TOKEN,
    settle,
    wait_for_line,
    wait_for_only,
)
from tests.factories import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page, Route

pytestmark = NEEDS_BROWSER
SIDECAR = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description
xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"><Iptc4xmpExt:PersonInImage><rdf:Bag>
<rdf:li>{}</rdf:li></rdf:Bag></Iptc4xmpExt:PersonInImage></rdf:Description></rdf:RDF></x:xmpmeta>"""
PEOPLE = {"chelsea.png": "Zoë Lindqvist", "coffee.png": "Zora &lt;b&gt;Neale", "rocket.jpg": "Bob"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, demo_photos: Path) -> Path:
    """A folder with `photos` of people, and their `library`."""
    folder = tmp_path_factory.mktemp("suggest")
    (folder / "photos" / "Trip to Genève").mkdir(parents=True)
    for name, person in PEOPLE.items():
        photo = folder / "photos" / "Trip to Genève" / name
        shutil.copyfile(demo_photos / name, photo)
        photo.with_name(f"{name}.xmp").write_text(SIDECAR.format(person), "utf-8")
    shutil.copyfile(demo_photos / "brick.png", folder / "photos" / "brick.png")
    with Library.open(Settings.load(data_dir=folder / "library", encoder="lite")) as library:
        library.index([folder / "photos"]).run()
    return folder


def box_of(tab: Page) -> Locator:
    return tab.get_by_role("combobox", name="Search")


def options_of(tab: Page, *texts: str) -> Locator:
    """The suggestions, as soon as they begin with these texts, in this order."""
    from playwright.sync_api import expect

    options = tab.get_by_role("option")
    expect(options).to_contain_text(list(texts), timeout=PATIENCE_MS)
    return options


def test_a_name_is_chosen_by_keyboard(
    page: Page, address: str, screenshot: Callable[..., None]
) -> None:
    from playwright.sync_api import expect

    page.goto(address)
    page.locator(".tile img").first.wait_for()
    box = box_of(page)
    assert box.get_attribute("aria-expanded") == "false"
    page.keyboard.press("/")
    expect(box).to_be_focused()
    page.keyboard.type("animal with zo")
    options = options_of(page, "Zora <b>Neale", "Zoë Lindqvist")
    screenshot(page, "suggestions")
    assert box.get_attribute("aria-expanded") == "true"
    listbox = page.get_by_role("listbox", name="Suggestions")
    assert box.get_attribute("aria-controls") == listbox.get_attribute("id")
    assert box.get_attribute("aria-activedescendant") is None  # Enter searches for what was typed
    page.keyboard.press("ArrowDown")
    assert box.get_attribute("aria-activedescendant") == options.nth(0).get_attribute("id")
    assert options.nth(0).get_attribute("aria-selected") == "true"
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    assert options.nth(1).get_attribute("aria-selected") == "true"
    page.keyboard.press("Enter")
    wait_for_only(page, "chelsea.png")
    assert box.input_value() == 'animal person:"Zoë Lindqvist"'
    expect(listbox).to_be_hidden()
    expect(box).to_be_focused()
    page.go_back()
    wait_for_line(page, "")


def test_what_was_chosen_stays_chosen_when_an_answer_is_late(
    page: Page, address: str, place: Path
) -> None:
    from playwright.sync_api import expect

    with Library.open(place / "library") as library:
        library.lines.forget()  # else one may be suggested first
    page.goto(address)
    page.locator(".tile img").first.wait_for()
    box = box_of(page)
    box.press_sequentially("zo")
    options_of(page, "Zora <b>Neale", "Zoë Lindqvist")
    late: list[Route] = []

    def hold(route: Route) -> None:
        late.append(route)

    page.route("**/suggest?line=zor", hold)
    with page.expect_request("**/suggest?line=zor"):
        box.press_sequentially("r")
    box.press("ArrowDown")  # in the list for "zo"
    late[0].continue_()
    options = page.get_by_role("option")
    expect(options).to_have_count(1, timeout=PATIENCE_MS)
    expect(options).to_have_attribute("aria-selected", "true")
    box.press_sequentially("a")  # who goes on typing has not chosen
    expect(options).to_have_attribute("aria-selected", "false", timeout=PATIENCE_MS)


def test_a_name_is_put_where_the_cursor_is(page: Page, address: str) -> None:
    page.goto(address)
    page.locator(".tile img").first.wait_for()
    box = box_of(page)
    box.fill("bo indoors")
    box.evaluate("each => each.setSelectionRange(2, 2)")
    box.press("ArrowDown")
    options_of(page, "Bob").nth(0).click()
    wait_for_line(page, "person:Bob indoors")
    wait_for_only(page, "rocket.jpg")


def test_escape_closes_the_list_and_enter_searches_as_typed(page: Page, address: str) -> None:
    from playwright.sync_api import expect

    page.goto(address)
    page.locator(".tile img").first.wait_for()
    box = box_of(page)
    box.press_sequentially("trip to gen")
    options_of(page, "Trip to Genève")
    box.press("Escape")
    expect(page.get_by_role("option")).to_have_count(0)
    assert box.input_value() == "trip to gen"
    box.press("ArrowDown")  # opens it again
    options_of(page, "Trip to Genève")
    box.press("Enter")
    page.wait_for_url("**/?q=trip+to+gen")
    expect(page.get_by_role("option")).to_have_count(0)
    assert box.input_value() == "trip to gen"


def test_past_queries_are_suggested_and_deleted(
    page: Page, address: str, place: Path, screenshot: Callable[..., None]
) -> None:
    from playwright.sync_api import expect

    with Library.open(place / "library") as library:
        library.lines.forget()
        page.goto(address)
        page.locator(".tile img").first.wait_for()
        box = box_of(page)
        for line in ("a rocket", "rating:no", "zoe drinks"):
            box.fill(line)
            box.press("Enter")
            page.wait_for_url(f"**/?q={line.replace(' ', '+').replace(':', '%3A')}")
            settle(page)
        assert [each.text for each in library.lines.suggest("")] == ["zoe drinks", "a rocket"]
        box.fill("")
        box.click()
        options = options_of(page, "zoe drinks", "a rocket", "Clear past queries")
        screenshot(page, "past-queries")
        options.nth(1).click()
        wait_for_line(page, "a rocket")
        page.wait_for_url("**/?q=a+rocket")
        settle(page)
        box.fill("")
        options_of(page, "a rocket", "zoe drinks", "Clear past queries")
        box.press("Escape")
        expect(page.get_by_role("option")).to_have_count(0)
        box.press("ArrowDown")  # opens the list; in an open one it would choose the first
        options = options_of(page, "a rocket", "zoe drinks", "Clear past queries")
        box.press("ArrowUp")
        expect(options.nth(2)).to_have_attribute("aria-selected", "true")
        with page.expect_response("**/past-queries"):
            box.press("Enter")
        expect(page.get_by_role("status").get_by_text("Past queries deleted")).to_be_attached()
        assert library.lines.suggest("") == ()


def test_a_name_is_chosen_by_touch(
    browser: Browser, address: str, screenshot: Callable[..., None]
) -> None:
    from playwright.sync_api import expect

    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True, color_scheme="dark"
    )
    try:
        context.set_default_timeout(PATIENCE_MS)
        context.request.get(f"{address}/?token={TOKEN}")
        page = context.new_page()
        page.goto(address)
        page.locator(".tile img").first.wait_for()
        box = box_of(page)
        box.tap()
        page.keyboard.type("gene")
        option = options_of(page, "Trip to Genève").nth(0)
        screenshot(page, "suggestions-phone")
        # The list is filled anew for each letter, and a suggestion of before has no place any more.
        wait_until(lambda: (shape := option.bounding_box()) and shape["height"] >= 44)
        shape, frame = option.bounding_box(), box.bounding_box()
        assert shape is not None and frame is not None
        assert shape["y"] >= frame["y"] + frame["height"]
        assert shape["x"] >= 0 and shape["x"] + shape["width"] <= 390
        option.tap()
        wait_for_line(page, 'in:"Trip to Genève"')
        expect(page.locator(".tile")).to_have_count(3, timeout=PATIENCE_MS)
        expect(box).not_to_be_focused()  # the keyboard on the screen goes away
    finally:
        context.close()
