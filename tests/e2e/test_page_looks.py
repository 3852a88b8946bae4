"""The page on a phone, for screen readers, in light and dark: sizes, contrast, titles, headings."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.browsing import (
    NEEDS_BROWSER,
    PATIENCE_MS,
    axe_violations,
    choose_in_menu,
    give_file,
    place_link,
    search,
    settle,
    small_targets,
    tool_link,
    view_link,
    wait_for_first,
    wait_for_line,
)
from tests.factories import index_demo_photos, wait_until
from tests.page_traffic import Traffic
from ui.view_table import tools_of

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.e2e.conftest import OpenTab

pytestmark = NEEDS_BROWSER
PHONE = (390, 844)
VIEWS = [
    "",
    "?q=a+cat",
    "photo",
    "full screen",
    "timeline",
    "albums",
    "events",
    "over-time",
    "map",
    "meaning",
    "similar",
    "labels",
    "people",
    "library",
]


@pytest.fixture(scope="module")
def place(demo_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("looks")
    index_demo_photos(demo_photos, folder)
    return folder


def open_view(tab: Page, address: str, view: str) -> None:
    """Show a view with what belongs to it; "photo" and "full screen" are the first result's."""
    is_photo = view in ("photo", "full screen")
    tab.goto(f"{address}/{'?q=a+cat' if is_photo else view}")
    if is_photo or view in ("", "?q=a+cat", "?photo=1", "timeline"):
        tab.locator(".tile img").first.wait_for()
    if view == "over-time":
        tab.locator("section.row").wait_for()
    if view == "albums":
        tab.get_by_role("button", name="New album").wait_for()
    if view == "events":
        tab.locator(".status").wait_for()
    if view == "map":
        tab.locator(".cluster").first.wait_for()
    if is_photo:
        tab.locator(".tile a[href]").first.click()
        tab.locator(".frame img").wait_for()
        tab.get_by_text("Why it matched").wait_for()
    if view == "full screen":
        tab.keyboard.press("Enter")
        tab.locator(".full-view.controls-shown img").first.wait_for()
    tab.locator("h1").first.wait_for(state="attached")
    settle(tab)


# ---------------------------------------------------------------------------- phone


@pytest.mark.parametrize("query", ["", "?q=a+cat", "?photo=1"])
def test_on_a_phone_the_first_photo_starts_in_the_upper_third(
    open_tab: OpenTab, address: str, query: str, screenshot: Callable[..., None]
) -> None:
    tab = open_tab(address, *PHONE)
    open_view(tab, address, query)
    box = tab.locator(".tile").first.bounding_box()
    assert box is not None and box["y"] <= PHONE[1] / 3
    screenshot(tab, f"{query.strip('?').partition('=')[0] or 'start'}-phone")


def test_on_a_phone_the_places_are_in_reach_of_the_thumb(
    open_tab: OpenTab, address: str, screenshot: Callable[..., None]
) -> None:
    tab = open_tab(address, *PHONE)
    open_view(tab, address, "")
    before = tab.evaluate("history.length")
    for link, title, path in (
        (place_link(tab, "Map"), "Map", "map"),
        (place_link(tab, "Tools"), "Tools", "tools"),
        (tool_link(tab, "Library"), "Library", "library"),
    ):
        box = link.bounding_box()
        assert box is not None and box["x"] + box["width"] <= PHONE[0]
        if title != "Library":
            assert box["y"] > PHONE[1] / 2
        link.click()
        tab.wait_for_url(f"{address}/{path}")
        tab.get_by_role("heading", name=title, level=1).wait_for()
        settle(tab)
    assert tab.evaluate("history.length") == before + 3
    places = tab.get_by_role("navigation", name="Places")
    assert places.evaluate("bar => bar.scrollWidth <= bar.clientWidth"), "none is cut off"
    current = tab.locator("nav [aria-current]")
    expect(current).to_have_text(re.compile("Tools$"))
    expect(current).to_have_attribute("aria-current", "true")
    assert not axe_violations(tab)
    assert not small_targets(tab)
    screenshot(tab, "tools-phone")
    place_link(tab, "Photos").click()
    tab.locator("nav.places a[aria-current=page][href='/']").wait_for()
    screenshot(tab, "places-phone")


@pytest.mark.parametrize("width", [390, 641, 720, 768, 820, 1024, 1440])
def test_all_places_are_there_in_words_at_every_width(
    open_tab: OpenTab, address: str, width: int
) -> None:
    """720 px is 200 % zoom of 1440 px."""
    tab = open_tab(address, width, 844)
    open_view(tab, address, "similar")
    places = tab.get_by_role("navigation", name="Places").get_by_role("link")
    shown = [each.bounding_box() for each in places.locator("span:not(.icon)").all()]
    assert len(shown) == 5
    edges = [(box["x"], box["x"] + box["width"]) for box in shown if box is not None]
    assert edges == sorted(edges) and len(edges) == 5
    assert all(left < right for left, right in edges)
    assert all(right < left for (_, right), (left, _) in itertools.pairwise(edges))
    buttons = tab.locator(".header-buttons").bounding_box()
    assert buttons is not None
    assert edges[-1][1] <= (width if width < 768 else buttons["x"])
    assert tab.evaluate("document.documentElement.scrollWidth") <= width


def test_the_frame_stays_where_it_is_from_place_to_place(page: Page, address: str) -> None:
    open_view(page, address, "")
    frame = (
        page.locator(".brand"),
        page.get_by_role("navigation", name="Places"),
        page.locator(".header-buttons"),
        page.get_by_role("combobox", name="Search"),
    )
    before = [each.bounding_box() for each in frame]
    for place, path, shown in (("Map", "map", 4), ("Tools", "tools", 3)):  # which has no search
        place_link(page, place).click()
        page.wait_for_url(f"{address}/{path}")
        settle(page)
        assert [each.bounding_box() for each in frame[:shown]] == before[:shown], place


def test_tools_are_cards_that_say_how_each_stands(
    open_tab: OpenTab, address: str, screenshot: Callable[..., None]
) -> None:
    tab = open_tab(address)
    tab.goto(f"{address}/tools")
    library = tool_link(tab, "Library")
    expect(library.locator(".state")).to_have_text(re.compile(r"^\d+ photos in \d+ folders?"))
    expect(tool_link(tab, "Last changes").locator(".about")).to_be_visible()
    titles = tab.locator(".cards .title").all_inner_texts()
    assert titles == [view.title for view in tools_of(lambda part: part != "fleet").values()]
    assert not axe_violations(tab)
    screenshot(tab, "tools")
    library.click()
    tab.wait_for_url(f"{address}/library")
    tab.get_by_role("heading", name="Library", level=1).wait_for()
    view_link(tab, "Tools").click()
    tab.wait_for_url(f"{address}/tools")
    expect(tab.get_by_role("navigation", name="Views")).to_be_hidden()


def test_the_first_link_leads_past_the_navigation(page: Page, address: str) -> None:
    open_view(page, address, "timeline")
    page.keyboard.press("Tab")
    expect(page.locator("main")).to_be_focused()  # which the arrow keys scroll
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    assert not axe_violations(page)
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("combobox", name="Search")).to_be_focused()
    assert urlsplit(page.url).fragment == ""


def test_a_link_of_the_navigation_keeps_the_focus(page: Page, address: str) -> None:
    open_view(page, address, "")
    place_link(page, "Map").focus()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Map", level=1).wait_for()
    settle(page)
    expect(place_link(page, "Map")).to_be_focused()
    expect(place_link(page, "Map")).to_have_attribute("aria-current", "page")


# ---------------------------------------------------------------------------- looks


@pytest.mark.parametrize(("size", "scheme"), [(PHONE, "dark"), ((1440, 900), "light")])
def test_axe_finds_nothing_and_on_a_phone_targets_are_large_enough(
    open_tab: OpenTab, address: str, size: tuple[int, int], scheme: Literal["light", "dark"]
) -> None:
    tab = open_tab(address, *size, scheme)
    for view in VIEWS:
        open_view(tab, address, view)
        if size == PHONE:
            assert not small_targets(tab), view
        assert not axe_violations(tab), view


def test_the_tab_and_the_heading_say_what_is_shown(page: Page, address: str) -> None:
    for view, title in (
        ("", "Search"),
        ("?q=a+cat", "a cat"),
        ("photo", "chelsea.png"),
        ("library", "Library"),
    ):
        open_view(page, address, view)
        page.wait_for_function("title => document.title === `${title} – imgsearch`", arg=title)
        page.locator("h1", has_text=title).wait_for(state="attached")


def test_a_screen_reader_is_told_what_was_found(page: Page, address: str) -> None:
    open_view(page, address, "?q=a+cat")
    status = page.locator(".head [role=status]")
    first = status.inner_text()
    assert "22 photos" in first
    search(page, "type:png")
    page.locator(".head [role=status]", has_text=" of 22 photos").wait_for()
    # The heading of the former answer may still be there for a moment.
    expect(page.locator(".head [role=status] h2")).to_have_count(1, timeout=PATIENCE_MS)


def shape_of_first(tab: Page) -> float:
    """Width of the first tile to its height."""
    box = tab.locator(".tile").first.bounding_box()
    assert box is not None
    return box["width"] / box["height"]


def test_the_chosen_size_and_shape_stay_after_a_reload(page: Page, address: str) -> None:
    open_view(page, address, "")
    first = page.locator(".tile").first.bounding_box()
    page.get_by_role("slider", name="Size of the photos").press("ArrowUp")
    second = page.locator(".tile").first.bounding_box()
    assert first and second and second["height"] > first["height"]
    open_view(page, address, "?q=a+cat")
    size = page.get_by_role("slider", name="Size of the photos")
    expect(size).to_have_value("3", timeout=PATIENCE_MS)
    choose_in_menu(page, "Show squares")
    wait_until(lambda: shape_of_first(page) == 1)
    page.reload()
    wait_for_first(page, "chelsea.png")
    assert shape_of_first(page) == 1
    expect(size).to_have_value("3", timeout=PATIENCE_MS)
    choose_in_menu(page, "Show whole photos")
    wait_until(lambda: abs(shape_of_first(page) - 451 / 300) < 0.02)


CONTROLS = """() => {
    const all = (root) => [...root.querySelectorAll("*")].flatMap(
        (node) => [node, ...(node.shadowRoot ? all(node.shadowRoot) : [])]);
    return all(document.querySelector("[data-testid=stMainBlockContainer]"))
        .filter((node) => node.matches("a[href], button, input:not([type=file]), [role=button]"))
        .filter((node) => node.checkVisibility({visibilityProperty: true}) && !node.disabled)
        .filter((node) => !node.closest(".tile, .end, .header-buttons, nav, .brand, .skip"))
        .filter((node) => node.getBoundingClientRect().width > 1)
        .map((node) => node.ariaLabel || node.textContent.trim() || node.outerHTML.slice(0, 90));
}"""


@pytest.mark.parametrize(("width", "most"), [(1440, 7), (390, 5)])
def test_few_controls_stand_before_the_first_photo(
    open_tab: OpenTab, address: str, width: int, most: int
) -> None:
    tab = open_tab(address, width, 844)
    open_view(tab, address, "?q=a+cat")
    controls = list(tab.evaluate(CONTROLS))
    assert {"Search", "Search by image", "Select"} <= set(controls)
    assert len(controls) <= most, controls


def test_four_tabs_lead_from_the_search_field_to_the_first_photo(page: Page, address: str) -> None:
    open_view(page, address, "?q=a+cat")
    first = page.locator(".tile a").first
    page.get_by_role("combobox", name="Search").focus()
    for _ in range(4):
        page.keyboard.press("Tab")
    expect(first).to_be_focused()
    page.keyboard.press("Shift+Tab")
    size = page.get_by_role("slider", name="Size of the photos")
    expect(size).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(size).to_have_value("3")
    for name in ("View as", "Select", "More", "More"):
        page.keyboard.press("ArrowRight")
        expect(page.locator(".toolbar").get_by_role("button", name=name)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".head").get_by_role("button", name="Select all")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator(".toolbar .more")).to_be_focused()
    page.keyboard.press("Tab")
    expect(first).to_be_focused()


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_light_or_dark_is_chosen_for_all_views_and_stays(
    open_tab: OpenTab, address: str, width: int, scheme: Any, screenshot: Callable[..., None]
) -> None:
    other = "Dark" if scheme == "light" else "Light"
    tab = open_tab(address, width, 844, scheme)

    def scheme_of() -> str:
        return str(tab.evaluate("getComputedStyle(document.querySelector('.stApp')).colorScheme"))

    open_view(tab, address, "?q=a+cat")
    settle(tab)
    assert scheme_of() == scheme
    with tab.expect_navigation():
        tab.get_by_role("button", name=other, exact=True).click()
    for view in ("?q=a+cat", "timeline", "library", "photo"):
        open_view(tab, address, view)
        settle(tab)
        assert scheme_of() == other.lower(), view
        screenshot(tab, f"chosen-{other.lower()}-{width}-{view.strip('?')}")
        assert not axe_violations(tab), view
    with tab.expect_navigation():
        tab.get_by_role("button", name=scheme.capitalize(), exact=True).click()
    settle(tab)
    assert scheme_of() == scheme
    tab.emulate_media(color_scheme="light" if scheme == "dark" else "dark")
    tab.reload()
    settle(tab)
    assert scheme_of() == other.lower(), "the choice of the system is followed again"


def test_a_question_mark_lists_the_keyboard_shortcuts(page: Page, address: str) -> None:
    shortcuts = page.get_by_role("dialog", name="Keyboard shortcuts")
    for view in ("?q=a+cat", "photo"):
        open_view(page, address, view)
        shown = page.url
        page.keyboard.press("?")
        shortcuts.get_by_text("select all, or none").wait_for()
        assert not axe_violations(page)
        page.keyboard.press("Escape")
        shortcuts.wait_for(state="hidden")
        assert page.url == shown
    open_view(page, address, "")
    page.keyboard.press("/")
    page.keyboard.type("what?")
    wait_for_line(page, "what?")
    assert not shortcuts.is_visible()


def test_a_dropped_file_that_is_no_image_is_told(page: Page, address: str) -> None:
    open_view(page, address, "")
    give_file(page, "notes.txt", "text/plain", b"words")
    page.get_by_text("notes.txt is not an image").wait_for()


WITHOUT_BOX = ["labels", "people", "library"]


@pytest.mark.parametrize("view", WITHOUT_BOX)
def test_a_slash_leads_to_the_search_box_from_a_view_without_one(
    page: Page, address: str, view: str
) -> None:
    """What is typed before the server has answered is typed into the box."""
    traffic = Traffic(page)
    box = page.get_by_role("combobox", name="Search")
    open_view(page, address, view)
    entries = page.evaluate("history.length")
    page.keyboard.press("/")
    expect(box).to_be_focused(timeout=PATIENCE_MS)
    wait_for_line(page, "")
    assert page.evaluate("[location.pathname, history.length]") == ["/", entries + 1]
    settle(page)
    page.go_back()
    page.wait_for_url(f"**/{view}*")
    expect(box).to_have_count(0, timeout=PATIENCE_MS)
    settle(page)
    with traffic.replies_held():
        page.keyboard.press("/")
        page.keyboard.type("a dogz")
        page.keyboard.press("Backspace")
    wait_for_line(page, "a dog")
    page.keyboard.press("Enter")
    page.wait_for_url("**/?q=a+dog")


@pytest.mark.parametrize("view", ["photo", *WITHOUT_BOX])
def test_an_image_leads_to_its_results_from_a_view_that_it_does_not_narrow(
    page: Page, address: str, demo_photos: Path, view: str
) -> None:
    example = BytesIO()  # like a photo of the library; an exact copy would be left out
    Image.open(demo_photos / "chelsea.png").convert("RGB").save(example, "JPEG", quality=70)
    open_view(page, address, view)
    shown = page.url
    give_file(page, "notes.txt", "text/plain", b"words")
    page.get_by_text("notes.txt is not an image").wait_for()
    give_file(page, "broken.jpg", "image/jpeg", b"this is no image at all")
    page.get_by_text("Cannot read this image").wait_for()
    settle(page)
    assert page.url == shown
    for way in ("drop", "paste"):
        give_file(page, "example.jpg", "image/jpeg", example.getvalue(), way)
        page.wait_for_url("**/?image=*")
        page.locator(".tile:nth-child(-n+2) a[aria-label^='chelsea.png']").wait_for()
        wait_for_line(page, "")
        settle(page)
        page.go_back()
        page.wait_for_url(shown)
        page.locator(".crop").wait_for(state="detached")
        settle(page)


@pytest.mark.parametrize("view", ["timeline", "map"])
def test_an_image_that_is_dropped_narrows_a_view(
    page: Page, address: str, demo_photos: Path, view: str
) -> None:
    example = BytesIO()
    Image.open(demo_photos / "chelsea.png").convert("RGB").save(example, "JPEG", quality=70)
    open_view(page, address, view)
    settle(page)
    give_file(page, "example.jpg", "image/jpeg", example.getvalue())
    page.wait_for_url(f"**/{view}?image=*")
    page.get_by_text("like an image").wait_for()
    page.locator(".crop img").wait_for()
    page.get_by_role("button", name="Remove", exact=True).click()
    page.get_by_text("like an image").wait_for(state="detached")
