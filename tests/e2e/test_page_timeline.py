"""The timeline in a real browser: photos by day in a grid of which only a part exists."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from imgsearch.records.files import FileStat, IngestResult
from imgsearch.records.photo import Facts
from imgsearch.store.lock import writing
from tests.browsing import (
    NEEDS_BROWSER,
    PATIENCE_MS,
    TOKEN,
    choose_in_menu,
    focused_name,
    serving,
    settle,
    wait_until_shown,
)
from tests.factories import scene, wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page, Route

    from tests.e2e.conftest import OpenTab

pytestmark = NEEDS_BROWSER
TODAY = date.today()
# Of four years ago; the second for tests that run over midnight.
MEMORIES = [
    datetime(day.year - 4, day.month, day.day, 12) for day in (TODAY, TODAY + timedelta(days=1))
]
MEMORY_MONTHS = len({(at.year, at.month) for at in MEMORIES})  # 2 on the last day of a month
FUTURE = datetime(TODAY.year + 20, 1, 2, 12)
MANY_DAY = date(2016, 8, 20)
MANY = 900  # photos of one day
ROME = {"lat": 41.9, "lon": 12.5, "town": "Rome", "country": "Italy"}
HOME = {"lat": 48.2, "lon": 16.4, "town": "Vienna", "country": "Austria"}


def add_photos(
    folder: Path,
    data: Path,
    taken: Sequence[tuple[datetime | None, dict[str, Any]]],
    pictures: Sequence[Path],
) -> None:
    """Add photos of these dates and places to a library. The names are 0000.jpg, 0001.jpg, ….

    They are links to copies of the pictures as JPEG, with the content hashes of different ones: the
    timeline shows what the library says. A file is of 2012 where its photo has no date.
    """
    folder.mkdir(parents=True)
    copies = [folder.parent / f"{picture.stem}.jpg" for picture in pictures]
    for picture, copy in zip(pictures, copies, strict=True):
        with Image.open(picture) as image:  # in the format that the library states
            image.convert("RGB").save(copy)
        os.utime(copy, (datetime(2012, 3, 4, 12).timestamp(),) * 2)
    with writing(data) as store:
        root_id = store.files.add_root(str(folder))
        row = store.reads.encoders.current() or store.vectors.add_encoder("lite/none", "lite", 8)
        results = []
        first = store.reads.photos.count()
        for number, (taken_at, place) in enumerate(taken, first):
            path = folder / f"{number:04}.jpg"
            os.link(copies[number % len(copies)], path)
            about = path.stat()
            stat = FileStat(str(path), about.st_size, about.st_mtime_ns, about.st_ino)
            by = None if taken_at is None else "exif"
            facts = Facts("JPEG", 96, 72, taken_at=taken_at, dated_by=by, **place)
            vector = np.eye(1, 8, number % 8, dtype=np.float32)
            results.append(IngestResult(stat, _hash_of(path), facts, vector))
        store.record(root_id, row.key, results)


def _hash_of(path: Path) -> bytes:
    """A content hash that no other photo has: thumbnails in the shared cache are named by it."""
    return hashlib.sha256(os.fsencode(path)).digest()


def a_life() -> list[tuple[datetime | None, dict[str, Any]]]:
    """Photos in order of time, oldest first, but those without a date at the end."""
    weekly = [datetime(2016, 1, 3, 12) + timedelta(days=7 * week) for week in range(30)]
    many = datetime.combine(MANY_DAY, datetime.min.time()) + timedelta(hours=9)
    trip = [datetime(2018, 5, day, hour) for day in (4, 5, 6) for hour in (9, 11, 13, 15)]
    return [
        (datetime(1970, 1, 1), {}),
        *((at, HOME) for at in weekly),
        *((many + timedelta(seconds=30 * number), HOME) for number in range(MANY)),
        *((at, ROME) for at in trip),
        *((at, {}) for at in MEMORIES),
        (FUTURE, {}),
        (None, {}),
        (None, {}),
    ]


PHOTOS = len(a_life())


@pytest.fixture(scope="module")
def place(demo_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("timeline")
    pictures = sorted(demo_photos.iterdir())
    add_photos(folder / "photos", folder / "library", a_life(), pictures)
    return folder


def names_in_sight(tab: Page) -> list[str]:
    labels = tab.locator(".section .tile a[aria-label]").evaluate_all(
        "tiles => tiles.filter(t => t.getBoundingClientRect().top >= 0 && "
        "t.getBoundingClientRect().bottom <= innerHeight).map(t => t.ariaLabel)"
    )
    return [label.split(",")[0] for label in labels]


def open_timeline(tab: Page, address: str, query: str = "") -> None:
    tab.goto(f"{address}/timeline{query}")
    tab.locator(".section .tile a[aria-label]").first.wait_for()


def top_of_focus(tab: Page) -> float:
    """Where the focused tile is in the window; headings that arrive late may not move it."""
    tile = tab.locator(".tile a:focus")
    return float(tile.evaluate("tile => tile.getBoundingClientRect().top"))


def heading(tab: Page, text: str) -> Locator:
    return tab.get_by_role("heading", name=text)


def test_photos_stand_under_days_months_and_trips(
    page: Page, address: str, screenshot: Callable[..., None]
) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    open_timeline(page, address)
    page.get_by_text(f"{PHOTOS:,} photos").wait_for()
    page.get_by_text("2 without a date of their own").wait_for()
    page.get_by_text("1 dated 1 January 1970, by a clock that was not set").wait_for()
    page.get_by_text("1 dated in the future").wait_for()
    heading(page, f"January {FUTURE.year}").wait_for()
    page.get_by_text("in the future: the clock was wrong").wait_for()
    memories = page.locator(".memories .tile")
    memories.filter(has_text=str(date.today().year - 4)).wait_for()
    trip = page.locator("h3.span")
    trip.wait_for()
    assert (
        re.sub(r"\s+", " ", trip.inner_text()) == "Trip to Rome, Italy 4 – 6 May 2018 · 12 photos"
    )
    assert page.locator(".section .tile").count() < 120, "only those in sight exist"
    dates = page.locator(".section").evaluate_all("days => days.map(day => day.ariaLabel)")
    assert dates[:4] == [
        f"{FUTURE:%A} 2 January {FUTURE.year}",
        *(f"{at:%A} {at.day} {at:%B} {at.year}" for at in reversed(MEMORIES)),
        "Sunday 6 May 2018",
    ]
    wait_until_shown(page.locator(".section .tile img").first)
    page.set_viewport_size({"width": 1280, "height": 860})
    slider = page.get_by_role("slider", name="Month")
    slider.focus()
    for _ in range(1 + MEMORY_MONTHS):
        slider.press("ArrowDown")
    expect(slider).to_have_attribute("aria-valuetext", "May 2018", timeout=PATIENCE_MS)
    screenshot(page, "timeline")


def test_the_scrubber_goes_to_any_month(page: Page, address: str) -> None:
    open_timeline(page, address)
    slider = page.get_by_role("slider", name="Month")
    slider.focus()
    slider.press("End")
    heading(page, "January 1970").wait_for()
    page.get_by_text("the date of a clock that was not set").wait_for()
    page.locator(".tile a[aria-label^='0000.jpg']").wait_for()
    expect(slider).to_have_attribute("aria-valuetext", "January 1970", timeout=PATIENCE_MS)
    box = slider.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 20, box["y"] + box["height"] - 4)
    page.mouse.down()
    page.mouse.move(box["x"] + 20, box["y"] + box["height"] / 2, steps=4)
    expect(slider).to_have_attribute("aria-valuetext", "August 2016", timeout=PATIENCE_MS)
    page.mouse.up()
    page.locator(".tile a[aria-label]").first.wait_for()
    wait_until(lambda: len(names_in_sight(page)) > 10)
    page.wait_for_url(re.compile(r"\?at=\d+"))


def test_photos_have_their_own_shapes_or_are_squares_as_chosen_above_an_answer(
    page: Page, address: str
) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    tile = page.locator(".section .tile").first
    open_timeline(page, address, "?q=on:2016-08-20")
    box = tile.bounding_box()
    assert box is not None and box["width"] / box["height"] == pytest.approx(4 / 3, abs=0.04)
    page.goto(f"{address}/?q=on:2016-08-20")
    choose_in_menu(page, "Show squares")
    open_timeline(page, address, "?q=on:2016-08-20")
    box = tile.bounding_box()
    assert box is not None and box["width"] == box["height"]


def test_the_keyboard_reaches_every_photo(page: Page, address: str) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    open_timeline(page, address, "?q=country:Italy")
    first = PHOTOS - 6  # of the trip, the newest: after it come memories, the future, and no dates
    page.locator(".section .tile a[href]").first.focus()
    assert focused_name(page) == f"{first:04}.jpg"
    steps = {"ArrowRight": 1, "ArrowDown": 5, "ArrowUp": 1, "End": 11, "Home": 0, "ArrowLeft": 0}
    for key, expected in steps.items():
        page.keyboard.press(key)
        assert focused_name(page) == f"{first - expected:04}.jpg", key
    open_timeline(page, address, "?q=on:2016-08-20")
    page.locator(".section .tile a[href]").first.focus()
    start = int(focused_name(page)[:4])
    page.keyboard.press("PageDown")
    below = start - int(focused_name(page)[:4])
    columns = 5
    assert below >= 2 * columns and below % columns == 0
    page.keyboard.press("PageUp")
    assert focused_name(page) == f"{start:04}.jpg"
    page.keyboard.press("End")
    assert focused_name(page) == f"{start - MANY + 1:04}.jpg"
    outline = page.locator(".tile a:focus").evaluate(
        "link => getComputedStyle(link, '::after').boxShadow"
    )
    assert outline != "none", "the focus is visible"


def test_back_returns_to_the_same_place(page: Page, address: str) -> None:
    open_timeline(page, address)
    slider = page.get_by_role("slider", name="Month")
    slider.focus()
    for _ in range(3):
        slider.press("ArrowDown")
    heading(page, "August 2016").wait_for()
    page.locator(".scroller").evaluate("scroller => { scroller.scrollTop += 2345 }")
    page.wait_for_function("() => location.search.startsWith('?at=')")
    wait_until(lambda: len(names_in_sight(page)) > 10)
    name = names_in_sight(page)[10]
    page.locator(f".section .tile a[aria-label^='{name}']").focus()
    assert focused_name(page) == name
    top = top_of_focus(page)
    page.locator(".tile a:focus").click()
    page.wait_for_url("**/photo?id=*")
    page.get_by_text("96 × 72 px").wait_for()
    with page.expect_response("**/operations/timeline/headings"):
        page.go_back()
    page.wait_for_url("**/timeline?at=*")
    assert focused_name(page) == name
    wait_until(lambda: abs(top_of_focus(page) - top) < 3)
    page.reload()
    assert focused_name(page) == name
    page.go_forward()
    page.get_by_text("96 × 72 px").wait_for()


def test_headings_that_arrive_late_move_nothing(page: Page, address: str) -> None:
    held: list[Route] = []
    page.route("**/operations/timeline/headings", lambda route: held.append(route))
    open_timeline(page, address)
    slider = page.get_by_role("slider", name="Month")
    slider.focus()
    for _ in range(2 + MEMORY_MONTHS):
        slider.press("ArrowDown")
    wait_until(lambda: len(names_in_sight(page)) > 10)
    focused = names_in_sight(page)[0]
    page.locator(f".section .tile a[aria-label^='{focused}']").focus()
    page.locator(".scroller").evaluate("scroller => { scroller.scrollTop += 2345 }")
    page.wait_for_function("() => location.search.startsWith('?at=')")
    wait_until(lambda: len(names_in_sight(page)) > 10)
    photo = page.locator(f".section .tile a[aria-label^='{names_in_sight(page)[0]}']")
    height = page.locator(".canvas").evaluate("canvas => canvas.clientHeight")
    before = photo.bounding_box()
    wait_until(lambda: bool(held))
    held[0].continue_()
    wait_until(lambda: page.locator(".canvas").evaluate("canvas => canvas.clientHeight") > height)
    after = photo.bounding_box()
    assert before is not None and after is not None
    assert abs(before["y"] - after["y"]) < 3
    assert focused_name(page) == focused, "it keeps the focus out of sight"


@pytest.mark.parametrize("way", ["click", "Enter", "click, then scroll"])
def test_a_tile_chosen_before_its_photo_arrives_opens_it_then(
    page: Page, address: str, way: str
) -> None:
    held: list[Route] = []
    is_holding = True
    page.route(
        "**/timeline/tiles*",
        lambda route: held.append(route) if is_holding else route.continue_(),
    )
    page.goto(f"{address}/timeline?q=on:2016-08-20")
    tile = page.locator(".section .tile.loading").nth(3)
    if way == "Enter":
        tile.locator("a").press("Enter")
    else:
        tile.click()
    if way == "click, then scroll":
        page.locator(".scroller").evaluate(
            """scroller => new Promise((done) => {
                scroller.addEventListener("scroll", () => done(), { once: true });
                scroller.scrollTop += 10;
            })"""
        )
    wait_until(lambda: bool(held))
    is_holding = False
    for route in held:
        route.continue_()
    if way == "click, then scroll":
        page.locator(".section .tile a[aria-label]").first.wait_for()
        settle(page)
        assert urlsplit(page.url).path == "/timeline", "a tile chosen before a scroll stays closed"
    else:
        page.wait_for_url("**/photo?id=*")
        page.get_by_text(f"4 of {MANY}").wait_for()


def test_the_arrow_keys_of_a_photo_follow_the_timeline(page: Page, address: str) -> None:
    open_timeline(page, address, "?q=on:2016-08-20")
    page.locator(".section .tile a[href]").first.focus()
    page.keyboard.press("End")
    first = int(focused_name(page)[:4])
    page.keyboard.press("Enter")
    page.get_by_text(f"{MANY} of {MANY}").wait_for()
    for number in (1, 2):
        page.keyboard.press("ArrowLeft")
        page.get_by_text(f"{MANY - number} of {MANY}").wait_for()
    heading(page, f"{first + 2:04}.jpg").wait_for(state="attached")
    page.get_by_role("link", name="Results").click()
    page.wait_for_url("**/timeline?*at=*")
    assert focused_name(page) == f"{first + 2:04}.jpg", "the photo that was seen last"


def test_a_copied_address_opens_the_same_photos(page: Page, address: str) -> None:
    open_timeline(page, address, f"?q=on:2016-08-20&at={500}")
    page.locator(".section .tile a[aria-label^='0499.jpg']").wait_for()
    assert "0499.jpg" in names_in_sight(page)


def test_the_timeline_of_a_search(page: Page, address: str) -> None:
    open_timeline(page, address, "?q=country:Italy")
    page.get_by_text("12 photos for country:Italy").wait_for()
    assert page.locator(".memories").count() == 0
    page.get_by_role("button", name="All photos").click()
    page.get_by_text(f"{PHOTOS:,} photos").wait_for()
    page.go_back()
    page.get_by_role("button", name="Best match first").click()
    page.wait_for_url("**/?q=country*")
    page.goto(f"{address}/timeline?q=country:France")
    page.get_by_text("No photo matches").wait_for()
    page.goto(f"{address}/timeline?q=contry:Italy")
    page.get_by_text("Unknown filter").wait_for()


def test_on_a_phone(
    open_tab: OpenTab, address: str, screenshot: Callable[[Page, str], None]
) -> None:
    tab = open_tab(address, 390, 844, "dark")
    open_timeline(tab, address)
    settle(tab)
    screenshot(tab, "timeline-phone")
    tab.locator(".scroller").evaluate("scroller => { scroller.scrollTop += 400 }")  # to the trip
    tab.locator("h3.span").wait_for()

    def columns() -> int:
        tiles = tab.locator(".section .tile")
        return len(set(tiles.evaluate_all("tiles => tiles.map(tile => tile.offsetLeft)")))

    wait_until(lambda: columns() == 2)
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    slider = tab.get_by_role("slider", name="Month").bounding_box()
    assert slider is not None and slider["width"] >= 44 and slider["x"] + slider["width"] <= 390
    open_timeline(tab, address, "?q=on:2016-08-20")
    tab.set_viewport_size({"width": 844, "height": 390})  # turned round
    tab.wait_for_function(
        "new Set([...document.querySelectorAll('*')].flatMap(e => e.shadowRoot ? "
        "[...e.shadowRoot.querySelectorAll('.section .tile')].map(t => t.offsetLeft)"
        " : [])).size > 2"
    )


def days_of(page: Page, address: str) -> Any:
    """What the browser is told of the days."""
    return page.context.request.put(f"{address}/operations/timeline/days", data={}).json()


def test_new_photos_appear_while_the_page_is_open(open_tab: OpenTab, tmp_path: Path) -> None:
    at = datetime(2020, 1, 1, 12)
    picture, data = tmp_path / "picture.png", tmp_path / "library"
    scene().save(picture)
    many: list[tuple[datetime | None, dict[str, Any]]] = [
        (at + timedelta(minutes=number), {}) for number in range(400)
    ]
    add_photos(tmp_path / "first" / "photos", data, many, [picture])
    with serving(data) as address:
        tab = open_tab(address, 800, 600)
        open_timeline(tab, address)
        add_photos(tmp_path / "second" / "photos", data, [(at + timedelta(days=1), {})], [picture])
        tab.get_by_role("slider", name="Month").wait_for(state="hidden")  # there is one month
        wait_until(lambda: sum(day["photos"] for day in days_of(tab, address)["days"]) == 401)
        version = days_of(tab, address)["version"]
        # As another tab does, which shows the new photo.
        tab.context.request.get(f"{address}/timeline/tiles?version={version}&first=0&count=9")
        tab.locator(".scroller").evaluate("scroller => { scroller.scrollTop = 1e6 }")
        tab.locator(".section .tile a[aria-label^='0000.jpg']").wait_for()
        tab.locator(".scroller").evaluate("scroller => { scroller.scrollTop = 0 }")
        tab.locator(".section .tile a[aria-label^='0400.jpg']").wait_for()


def test_the_doors_of_the_grid_check_what_they_are_asked(page: Page, address: str) -> None:
    ask = page.context.request
    open_timeline(page, address)
    version = days_of(page, address)["version"]
    tiles = f"{address}/timeline/tiles?version={version}"
    assert len(ask.get(f"{tiles}&first={PHOTOS - 3}&count=9").json()) == 3
    assert ask.get(f"{tiles}&first={10**17}&count=9").json() == []
    for wrong in ("", "&first=0", "&first=-1&count=9", "&first=0&count=501", "&first=x&count=1"):
        assert ask.get(tiles + wrong).status == 400, wrong
    other = ask.get(f"{address}/timeline/tiles?version=x&first=0&count=9")
    assert other.status == 409
    assert ask.get(f"{tiles}&q=contry:x&first=0&count=9").status == 422


def test_strangers_get_nothing_of_the_timeline(address: str, open_tab: OpenTab) -> None:
    tab = open_tab(address)
    tab.goto(f"{address}/timeline")
    tab.locator(".section .tile a[aria-label]").first.wait_for()
    modules = tab.evaluate("performance.getEntriesByType('resource').map(entry => entry.name)")
    module = next(name for name in modules if name.endswith("/timeline/timeline.js"))
    paths = ["/timeline/tiles?first=0&count=9"]
    urls = [module, *(f"{address}{path}" for path in paths)]
    assert tab.context.request.get(module).status == 200
    for other in ("..%2f..%2fapp.py", "none.js", "timeline.py"):
        assert tab.context.request.get(module.replace("timeline.js", other)).status in (400, 404), (
            other
        )
    tab.context.clear_cookies()
    for url in urls:
        reply = tab.context.request.get(url)
        assert reply.status == 403 and TOKEN not in reply.text(), url
