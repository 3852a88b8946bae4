"""Long answers in a real browser: to look through, to select from, and only a part exists."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image
from playwright.sync_api import expect

from imgsearch import Library, Settings
from tests.browsing import (
    NEEDS_BROWSER,
    PATIENCE_MS,
    axe_violations,
    choose_in_menu,
    clear_tray,
    download,
    focused_name,
    scroll_to,
    serving,
    settle,
    small_targets,
    wait_for_count,
    wait_for_first,
    wait_in_browser,
)
from tests.e2e.test_page_timeline import add_photos
from tests.factories import scene, wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

    from tests.e2e.conftest import OpenTab

pytestmark = NEEDS_BROWSER
PHOTOS = 2_400  # of twenty months, two a day or more
FIRST = datetime(2019, 3, 1, 9)
QUERY = "?q=type:jpeg+sort:path"


def taken(number: int) -> datetime:
    return FIRST + timedelta(hours=6 * number)


@pytest.fixture(scope="module")
def place(demo_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("answer")
    photos: list[tuple[datetime | None, dict[str, Any]]] = [
        (taken(number), {}) for number in range(PHOTOS)
    ]
    pictures = sorted(demo_photos.iterdir())
    add_photos(folder / "photos", folder / "library", photos, pictures)
    return folder


@pytest.fixture(autouse=True)
def empty_tray(place: Path) -> None:
    clear_tray(place / "library")


def open_answer(tab: Page, address: str, query: str = QUERY, first: str = "0000.jpg") -> None:
    tab.goto(f"{address}/{query}")
    wait_for_first(tab, first)
    settle(tab)


def box_of(tab: Page, name: str) -> Any:
    return tab.get_by_role("checkbox", name=f"Select {name}")


def wait_until_selected(tab: Page, photos: int) -> None:
    tab.get_by_text(f"{photos:,} photo{'' if photos == 1 else 's'} selected").wait_for()


def test_a_long_answer_has_its_total_and_no_end_before_it(
    page: Page, address: str, screenshot: Callable[..., None]
) -> None:
    open_answer(page, address)
    page.locator(".head", has_text=f"{PHOTOS:,} of {PHOTOS:,} photos").wait_for()
    assert page.locator(".tile").count() < 200, "only those in sight exist"
    screenshot(page, "answer")
    scroll_to(page, 0.5)
    middle = page.locator(f".tile a[aria-label^='{PHOTOS // 2:04}.jpg']")
    middle.wait_for()
    middle.focus()
    page.keyboard.press("End")
    wait_until(lambda: focused_name(page) == f"{PHOTOS - 1:04}.jpg")
    page.keyboard.press("Home")
    wait_until(lambda: focused_name(page) == "0000.jpg")
    page.keyboard.press("PageDown")
    wait_until(lambda: focused_name(page) not in ("0000.jpg", "0001.jpg"))
    page.keyboard.press("Enter")
    page.locator(".frame img").wait_for()
    page.get_by_text(f"of {PHOTOS:,}").first.wait_for()


def test_select_a_range_and_all(page: Page, address: str) -> None:
    open_answer(page, address)
    box_of(page, "0002.jpg").check()
    wait_until_selected(page, 1)
    scroll_to(page, 0.9)
    last = f"{int(PHOTOS * 0.905):04}.jpg"
    box_of(page, last).click(modifiers=["Shift"])
    wait_until_selected(page, int(last[:4]) - 1)
    paths = download(page, "Paths")
    names = [Path(line).name for line in paths.read_text().split()]
    assert names == [f"{number:04}.jpg" for number in range(2, int(last[:4]) + 1)]
    page.locator(f".tile a[aria-label^='{last}']").click()
    page.wait_for_url("**/photo?*")
    page.locator(".frame img").wait_for()
    page.go_back()
    wait_until_selected(page, int(last[:4]) - 1)
    expect(box_of(page, last)).to_be_checked(timeout=PATIENCE_MS)
    page.locator(f".tile a[aria-label^='{last}']").focus()
    page.keyboard.press("Escape")
    page.keyboard.press("x")
    wait_until_selected(page, int(last[:4]) - 2)
    choose_in_menu(page, "Select all")
    wait_until_selected(page, PHOTOS)
    page.get_by_role("button", name="Clear", exact=True).click()
    page.get_by_text(re.compile("photos? selected")).wait_for(state="detached")
    expect(box_of(page, last)).not_to_be_checked(timeout=PATIENCE_MS)


@pytest.mark.parametrize(
    ("width", "height", "scheme"), [(1440, 900, "light"), (800, 700, "light"), (390, 844, "dark")]
)
def test_nothing_moves_under_the_pointer_when_a_photo_is_selected(
    open_tab: OpenTab,
    address: str,
    width: int,
    height: int,
    scheme: Any,
    screenshot: Callable[..., None],
) -> None:
    """What can be done with the selected photos appears, and stays while the page is scrolled."""
    tab = open_tab(address, width, height, scheme)
    open_answer(tab, address)
    tile = tab.locator(".tile", has=box_of(tab, "0002.jpg"))
    places = [tile.bounding_box()]
    box_of(tab, "0002.jpg").check()
    wait_until_selected(tab, 1)
    settle(tab)
    places.append(tile.bounding_box())
    assert places[1] == places[0]
    screenshot(tab, f"selected-{width}-{scheme}")
    bar = tab.locator(".selection-bar")
    clear = bar.get_by_role("button", name="Clear", exact=True)
    shown = bar.bounding_box()
    assert shown is not None and shown["y"] >= 0 and shown["y"] + shown["height"] <= height
    assert shown["x"] >= 0 and shown["x"] + shown["width"] <= width
    for covered in (
        tab.locator(".scroller"),
        tab.get_by_role("combobox", name="Search"),
        tab.get_by_role("navigation", name="Places"),
    ):
        other = covered.bounding_box()
        assert other is not None
        assert (
            shown["y"] + shown["height"] <= other["y"] or other["y"] + other["height"] <= shown["y"]
        ), covered
    assert not axe_violations(tab)
    assert width > 390 or not small_targets(tab)
    tab.evaluate("document.querySelector('[data-testid=stMain]').scrollTop = 60")
    clear.click()
    tab.get_by_text(re.compile("photos? selected")).wait_for(state="detached")
    tab.evaluate("document.querySelector('[data-testid=stMain]').scrollTop = 0")
    settle(tab)
    places.append(tile.bounding_box())
    assert places[2] == places[0]


def test_captions_are_shown_under_the_mouse_or_always(page: Page, address: str) -> None:
    open_answer(page, address)
    tile = page.locator(".tile").nth(1)
    caption = tile.locator(".caption")
    assert not caption.is_visible()
    tile.hover()
    caption.wait_for()
    page.mouse.move(5, 5)
    caption.wait_for(state="hidden")
    page.locator(".tile a").first.focus()
    page.keyboard.press("ArrowRight")
    caption.wait_for()
    choose_in_menu(page, "Show captions")
    page.locator(".tile .caption").nth(5).wait_for()
    page.reload()
    wait_for_first(page, "0000.jpg")
    page.locator(".tile .caption").nth(5).wait_for()
    choose_in_menu(page, "Hide captions")
    page.locator(".tile .caption").nth(5).wait_for(state="hidden")


def test_photos_have_their_own_shapes_and_rows_fill_the_width(
    open_tab: OpenTab, tmp_path: Path
) -> None:
    """Those of a photo that its metadata turns are the turned ones, and extreme ones are cut."""
    sizes = [(640, 480), (480, 640), (4000, 400), (640, 360), (360, 640), (500, 500)] * 4
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, (width, height) in enumerate(sizes):
        exif = Image.Exif()
        turned = number == 3
        exif[0x0112] = 6 if turned else 1  # of 640 x 360: it is shown as 360 x 640
        picture = Image.new("RGB", (width, height), (10 * number, 80, 120))
        picture.save(folder / f"{number:02}.jpg", exif=exif)
    with Library.open(Settings.load(data_dir=tmp_path / "library", encoder="lite")) as library:
        library.index([folder]).run()
    with serving(tmp_path / "library") as address:
        tab = open_tab(address, 1440, 900)
        held: list[Route] = []
        tab.route("**/thumbnail/**", lambda route: held.append(route))
        tab.goto(f"{address}/?q=type:jpeg+sort:path")
        wait_for_first(tab, "00.jpg")
        wait_in_browser(tab, lambda: len(held) >= 6)
        early = [each.bounding_box() for each in tab.locator(".section .tile").all()]
        for route in held:
            route.continue_()
        tab.unroute("**/thumbnail/**")
        settle(tab)
        boxes = [each.bounding_box() for each in tab.locator(".section .tile").all()]
        assert boxes == early, "each has its place before its picture comes"
        places = [each for each in boxes if each is not None]
        shapes = [each["width"] / each["height"] for each in places]
        expected = [4 / 3, 3 / 4, 3, 360 / 640, 360 / 640, 1]
        assert shapes[:6] == pytest.approx(expected, abs=0.04)
        right = max(each["x"] + each["width"] for each in places)
        rows: dict[float, list[Any]] = {}
        for each in places:
            rows.setdefault(each["y"], []).append(each)
        assert len(rows) > 2
        for row in list(rows.values())[:-1]:
            assert row[-1]["x"] + row[-1]["width"] == right
        shown = tab.locator(".tile img").nth(3)
        natural = shown.evaluate("image => image.naturalWidth / image.naturalHeight")
        assert natural == pytest.approx(360 / 640, abs=0.01)
        first = tab.locator(".tile img").first
        assert first.evaluate("image => image.naturalWidth") == 360
        # On a screen with four pixels in the place of one.
        tab.add_init_script("Object.defineProperty(window, 'devicePixelRatio', {value: 2})")
        open_answer(tab, address, "?q=type:jpeg+sort:path", "00.jpg")
        assert first.evaluate("image => image.naturalWidth") == 540


def test_after_select_a_click_selects_a_photo_in_place_of_opening_it(
    open_tab: OpenTab, address: str
) -> None:
    tab = open_tab(address, 390, 844)
    open_answer(tab, address)
    select = tab.get_by_role("button", name="Select", exact=True)
    select.click()
    tab.locator(".tile a").nth(1).click()
    wait_until_selected(tab, 1)
    tab.locator(".tile a").nth(4).click(modifiers=["Shift"])
    wait_until_selected(tab, 4)
    tab.locator(".tile a").nth(1).click()
    wait_until_selected(tab, 3)
    assert "/photo" not in tab.url
    tab.get_by_role("button", name="Select all").click()
    wait_until_selected(tab, PHOTOS)
    tab.get_by_role("button", name="Select none").click()
    tab.get_by_text(re.compile("photos? selected")).wait_for(state="detached")
    tab.get_by_role("button", name="Done").click()
    select.wait_for()
    tab.locator(".tile a").nth(1).click()
    tab.wait_for_url("**/photo?*")


def test_on_a_phone_the_menu_has_the_size_and_the_other_views(
    open_tab: OpenTab, address: str, screenshot: Callable[..., None]
) -> None:
    tab = open_tab(address, 390, 844)
    open_answer(tab, address)
    before = tab.locator(".tile").first.bounding_box()
    tab.locator(".toolbar .more").click()
    menu = tab.locator(".head .more-list:not([hidden])")
    menu.get_by_role("link", name="Grid").wait_for()
    expect(menu.get_by_role("link", name="By date")).to_have_count(0)  # it is in the row of views
    screenshot(tab, "answer-phone-more")
    assert not small_targets(tab)
    assert not axe_violations(tab)
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    menu.get_by_role("slider", name="Size of the photos").press("End")
    after = tab.locator(".tile").first.bounding_box()
    assert before and after and after["height"] > before["height"]
    menu.get_by_role("button", name="Show captions").click()
    tab.locator(".caption").first.wait_for()
    menu.wait_for(state="hidden")


def test_photos_in_the_order_of_dates_stand_under_their_days(
    page: Page, address: str, screenshot: Callable[..., None]
) -> None:
    newest = f"{PHOTOS - 1:04}.jpg"
    open_answer(page, address, "?q=type:jpeg+sort:date", newest)
    page.get_by_role("heading", name=f"{taken(PHOTOS - 1):%B %Y}").wait_for()
    screenshot(page, "answer-by-date")
    slider = page.get_by_role("slider", name="Month")
    slider.focus()
    slider.press("End")
    expect(slider).to_have_attribute("aria-valuetext", "March 2019", timeout=PATIENCE_MS)
    page.get_by_role("heading", name="March 2019").wait_for()
    scroll_to(page, 1)
    box_of(page, "0001.jpg").check()
    box_of(page, "0000.jpg").click(modifiers=["Shift"])
    wait_until_selected(page, 2)


@pytest.mark.parametrize(("width", "height", "scheme"), [(1440, 900, "light"), (390, 844, "dark")])
def test_a_long_answer_can_be_used_by_everyone(
    open_tab: OpenTab, address: str, width: int, height: int, scheme: Any
) -> None:
    tab = open_tab(address, width, height, scheme)
    for query, first in ((QUERY, "0000.jpg"), ("?q=sort:date", f"{PHOTOS - 1:04}.jpg")):
        open_answer(tab, address, query, first)
        assert not axe_violations(tab), query
        assert width > 390 or not small_targets(tab)


def test_new_photos_appear_in_an_answer_that_is_open(open_tab: OpenTab, tmp_path: Path) -> None:
    picture, data = tmp_path / "picture.png", tmp_path / "library"
    scene().save(picture)
    many: list[tuple[datetime | None, dict[str, Any]]] = [(taken(each), {}) for each in range(400)]
    add_photos(tmp_path / "a" / "photos", data, many, [picture])
    with serving(data) as address:
        tab = open_tab(address, 800, 600)
        open_answer(tab, address)
        box_of(tab, "0003.jpg").check()
        wait_until_selected(tab, 1)
        add_photos(tmp_path / "0" / "photos", data, [(taken(0), {})], [picture])  # sorts first
        # By the browser, which repeats a request whose connection was closed meanwhile.
        listed = f"fetch('/answer/list{QUERY}').then(answer => answer.json())"
        wait_until(lambda: len(tab.evaluate(listed)["ids"]) == 401)
        scroll_to(tab, 1)
        tab.locator(".tile a[aria-label^='0399.jpg']").wait_for()
        scroll_to(tab, 0)
        wait_for_first(tab, "0400.jpg")
        expect(box_of(tab, "0003.jpg")).to_be_checked(timeout=PATIENCE_MS)
        assert not box_of(tab, "0002.jpg").is_checked()


def test_the_first_tiles_do_not_wait_for_the_list(page: Page, address: str) -> None:
    lists: list[Route] = []
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.route("**/answer/list?*", lambda route: lists.append(route))
    with page.expect_request("**/answer/tiles?*"):
        page.goto(f"{address}/{QUERY}")
    while not lists:
        page.wait_for_timeout(50)
    assert not page.locator(".tile").count()
    for route in lists:
        route.continue_()
    wait_for_first(page, "0000.jpg")
    settle(page)
    assert sum("/answer/tiles?" in url and "first=0&" in url for url in asked) == 1


def test_the_doors_of_an_answer_check_what_they_are_asked(page: Page, address: str) -> None:
    ask = page.context.request
    version = ask.get(f"{address}/answer/list{QUERY}").json()["version"]
    tiles = f"{address}/answer/tiles{QUERY}&version={version}"
    (last,) = ask.get(f"{tiles}&first={PHOTOS - 1}&count=9").json()
    assert last["alt"].startswith(f"{PHOTOS - 1:04}.jpg")
    assert ask.get(f"{tiles}&first={10**17}&count=9").json() == []
    for wrong in ("", "&first=0", "&first=-1&count=9", "&first=0&count=501", "&first=x&count=1"):
        assert ask.get(tiles + wrong).status == 400, wrong
    assert ask.get(f"{address}/answer/tiles{QUERY}&version=x&first=0&count=9").status == 409
    assert ask.get(f"{address}/answer/list?q=camra:x").status == 422
    unknown = ask.get(f"{address}/answer/list{QUERY}&at={'9' * 30}").json()
    assert unknown["offset"] is None
    page.context.clear_cookies()
    for path in (f"list{QUERY}", f"tiles{QUERY}&first=0&count=9"):
        assert ask.get(f"{address}/answer/{path}").status == 403


def test_similar_photos_are_stacked_by_a_switch(
    open_tab: OpenTab, demo_photos: Path, tmp_path: Path, screenshot: Callable[..., None]
) -> None:
    (tmp_path / "photos").mkdir()
    cat = Image.open(demo_photos / "chelsea.png").convert("RGB")
    for quality in (60, 75, 90):
        cat.save(tmp_path / "photos" / f"cat{quality}.jpg", quality=quality)
    Image.open(demo_photos / "coffee.png").save(tmp_path / "photos" / "coffee.png")
    with Library.open(Settings.load(data_dir=tmp_path / "library", encoder="lite")) as library:
        library.index([tmp_path / "photos"]).run()
    with serving(tmp_path / "library") as address:
        tab = open_tab(address)
        open_answer(tab, address, "?q=in:photos+sort:path", "cat60.jpg")
        assert tab.locator(".tile").count() == 4
        choose_in_menu(tab, "Stack similar photos")
        tab.locator(".badge.stack", has_text="3 alike").wait_for()
        wait_for_count(tab, 2)
        screenshot(tab, "stacked")
        choose_in_menu(tab, "Select all")
        wait_until_selected(tab, 2)
        tab.reload()
        wait_for_count(tab, 2)
        tab.locator(".tile a[aria-label^='cat60.jpg']").click()
        tab.get_by_text("1 of 4").wait_for()
        tab.keyboard.press("ArrowRight")
        tab.get_by_text("2 of 4").wait_for()
        tab.get_by_role("link", name="Results").click()
        wait_for_count(tab, 2)
        choose_in_menu(tab, "Unstack similar photos")
        wait_for_count(tab, 4)
