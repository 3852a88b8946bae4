"""The library view: choosing a folder, a first run that is searched meanwhile, its outcome."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from imgsearch import Library, Settings
from tests.browsing import (
    NEEDS_BROWSER,
    axe_violations,
    page_server,
    search,
    serving,
    settle,
    small_targets,
    wait_for_count,
    wait_in_browser,
)
from tests.factories import write_noise
from tests.held_process import PATIENCE_S, held
from ui.library_state import ROUTE

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.e2e.conftest import OpenTab

pytestmark = NEEDS_BROWSER


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder with some photos, and a link out of it to others. There is no library yet."""
    place = tmp_path_factory.mktemp("first-run")
    pictures = place / "home" / "Pictures"
    for name, colour in (("Genève/red", (200, 0, 0)), ("2019/Rome/green", (0, 200, 0))):
        file = pictures / f"{name}.png"
        file.parent.mkdir(parents=True)
        Image.new("RGB", (96, 64), colour).save(file)
    for number in range(5):
        write_noise(place / "outside" / f"secret {number}.png", number, 32)
    (pictures / "link").symlink_to(place / "outside")
    (place / "home" / "Downloads").mkdir()
    return place


@pytest.fixture(scope="module")
def address(place: Path) -> Iterator[str]:
    with serving(place / "library", HOME=str(place / "home")) as address:
        yield address


def test_on_a_phone_a_folder_can_be_chosen(
    open_tab: OpenTab, address: str, screenshot: Callable[..., None]
) -> None:
    tab = open_tab(address, 390, 844, "dark")
    tab.goto(f"{address}/library")
    tab.get_by_role("button", name="Choose a folder").click()
    tab.get_by_role("button", name="Pictures – 2 photos and videos").click()
    tab.get_by_role("button", name="Genève").wait_for()
    screenshot(tab, "library-folder-narrow")
    settle(tab)
    assert not axe_violations(tab)
    assert not small_targets(tab)


def test_a_first_folder_is_chosen_and_its_photos_are_found(
    page: Page, address: str, screenshot: Callable[..., None]
) -> None:
    page.goto(f"{address}/library")
    page.get_by_text("No library yet").wait_for()
    page.get_by_role("button", name="Choose a folder").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Downloads – no photos").wait_for()
    dialog.get_by_role("button", name="All folders of this machine").wait_for()
    screenshot(page, "library-places")
    dialog.get_by_role("button", name="Pictures – 2 photos and videos").click()
    dialog.get_by_role("button", name="Genève").wait_for()
    screenshot(page, "library-folder")
    assert "secret" not in (dialog.text_content() or ""), "names of files are not shown"
    dialog.get_by_role("button", name="2019").click()
    dialog.get_by_role("button", name="Rome").wait_for()
    dialog.get_by_text("1 photo or video").wait_for()
    dialog.get_by_role("button", name="Up").click()
    dialog.get_by_role("button", name="Genève").wait_for()
    dialog.get_by_role("button", name="Index this folder").click()
    page.get_by_text(re.compile("Done in .*: 7 new")).wait_for()  # indexing follows the link
    assert not page.get_by_text("No library yet").is_visible()
    screenshot(page, "library-done")
    page.get_by_role("button", name="Dismiss").click()
    page.get_by_text("Done in").wait_for(state="detached")
    page.goto(f"{address}/?q=name:red")
    wait_for_count(page, 1)


def test_a_folder_is_paused_and_resumed(
    open_tab: OpenTab, tmp_path: Path, screenshot: Callable[..., None]
) -> None:
    photos, data = tmp_path / "photos", tmp_path / "library"
    write_noise(photos / "old.png", 1, 48)
    with Library.open(Settings.load(data_dir=data, encoder="lite")) as library:
        library.index([photos]).run()
    with serving(data) as address:
        tab = open_tab(address)
        tab.goto(f"{address}/library")
        tab.get_by_role("button", name="Pause").click()
        tab.get_by_role("button", name="Resume").wait_for()
        screenshot(tab, "library-paused")
        settle(tab)
        write_noise(photos / "new.png", 2, 48)
        tab.get_by_role("button", name="Resume").click()
        tab.get_by_text(re.compile("Done in .*: 1 new")).wait_for()


def test_photos_are_searched_while_more_are_indexed(
    page: Page, open_tab: OpenTab, tmp_path: Path, screenshot: Callable[..., None]
) -> None:
    for number in range(120):
        write_noise(tmp_path / "many" / f"{number:03}.png", number, 48)
    data = tmp_path / "library"
    with (
        serving(data) as address,
        held("index", tmp_path / "many", data=data, at_batch=3) as other,
    ):
        tab = open_tab(address)
        tab.goto(f"{address}/library")
        tab.get_by_text("Indexing in another process").wait_for()
        other.wait_until_held()
        tab.get_by_text("No library yet").wait_for(state="detached")
        tab.goto(address)
        tab.get_by_text(re.compile(r"more will be found: \d+ of 120 photos")).wait_for()
        screenshot(tab, "library-coming")
        search(tab, "name:000")
        wait_for_count(tab, 1)
        tab.get_by_text("more will be found").wait_for()
        other.release()
        tab.get_by_text("more will be found").wait_for(state="detached")
        search(tab, "name:119")
        wait_for_count(tab, 1)


def test_a_click_shows_the_photos_that_have_come(
    open_tab: OpenTab, tmp_path: Path, screenshot: Callable[..., None]
) -> None:
    for number in range(200):
        write_noise(tmp_path / "many" / f"{number:03}.png", number, 48)
    data = tmp_path / "library"
    with (
        held("index", tmp_path / "many", data=data, at_batch=3, stand_in=True) as other,
        serving(data) as address,
    ):
        other.wait_until_held()
        wait_for_photos(data, 32)
        tab, timeline = open_tab(address), open_tab(address)
        tab.goto(address)
        tab.get_by_text("Newest of 32 photos").wait_for()
        height = wait_until_taller(tab, 0)
        timeline.goto(f"{address}/timeline")
        timeline.get_by_text("32 photos", exact=True).wait_for()
        height_of_days = wait_until_taller(timeline, 0)
        tab.get_by_text(re.compile(r"more will be found: \d+ of 200 photos")).wait_for()
        assert not tab.get_by_role("button", name="new photo").is_visible()
        other.step(2)
        wait_for_photos(data, 64)
        show = tab.get_by_role("button", name="32 new photos: show")
        show.wait_for()
        screenshot(tab, "library-new-photos")
        assert tab.get_by_text("Newest of 32 photos").is_visible(), "nothing moves without a click"
        show.click()
        tab.get_by_text("Newest of 64 photos").wait_for()
        wait_until_taller(tab, height)
        show.wait_for(state="detached")
        timeline.get_by_role("button", name="32 new photos: show").click()
        timeline.get_by_text("64 photos", exact=True).wait_for()
        wait_until_taller(timeline, height_of_days)
        search(tab, "type:png")
        tab.get_by_text("64 of 64 photos").wait_for()
        height = wait_until_taller(tab, 0)
        other.step(2)
        wait_for_photos(data, 96)
        tab.get_by_role("button", name="32 new photos: show").click()
        tab.get_by_text("96 of 96 photos").wait_for()
        height = wait_until_taller(tab, height)
        other.release()
        tab.get_by_text("more will be found").wait_for(state="detached")
        tab.get_by_text("200 of 200 photos").wait_for()  # at the end by itself
        wait_until_taller(tab, height)
        timeline.get_by_text("200 photos", exact=True).wait_for()


# A page whose event loop is late: a reply leaves it long after the script has ended. The page of a
# machine with other things to do is like that for moments.
LATE_S = 1.9
LATE_PAGE = f"""
import sys
from streamlit.runtime.app_session import AppSession

def call_late(session, callback):
    loop = session._event_loop
    loop.call_soon_threadsafe(loop.call_later, {LATE_S}, callback)

AppSession._call_soon_on_event_loop = call_late
from ui.server import main
main(sys.argv[1:])
"""


def test_photos_that_a_click_asks_for_come_though_replies_are_late(
    open_tab: OpenTab, tmp_path: Path
) -> None:
    for number in range(200):
        write_noise(tmp_path / "many" / f"{number:03}.png", number, 48)
    data = tmp_path / "library"
    with (
        held("index", tmp_path / "many", data=data, at_batch=3, stand_in=True) as other,
        page_server(data, program=("-c", LATE_PAGE)) as (address, _),
    ):
        other.wait_until_held()
        wait_for_photos(data, 32)
        tab = open_tab(address)
        tab.goto(f"{address}/timeline")
        tab.get_by_text("32 photos", exact=True).wait_for()
        for photos in (64, 96, 128):
            other.step(2)
            tab.get_by_role("button", name="32 new photos: show").click()
            tab.get_by_text(f"{photos} photos", exact=True).wait_for()


def wait_for_photos(data: Path, number: int) -> None:
    """Return once the library has so many: the batches before the one that is held."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        with Library.open(data) as library:
            if library.photo_count() == number:
                return
    raise AssertionError(f"there are never {number} photos")


def wait_until_taller(tab: Page, height: int) -> int:
    """Return once the grid is taller than that, as with more photos; how tall it is."""
    canvas = tab.locator(".canvas")
    canvas.locator(".tile").first.wait_for()

    def is_taller() -> bool:
        return int(canvas.evaluate("node => node.offsetHeight")) > height

    until = time.monotonic() + PATIENCE_S
    while not is_taller():
        assert time.monotonic() < until, "the grid does not grow"
    return int(canvas.evaluate("node => node.offsetHeight"))


def test_the_first_photos_appear_by_themselves(open_tab: OpenTab, tmp_path: Path) -> None:
    for number in range(4):
        write_noise(tmp_path / "few" / f"{number}.png", number, 48)
    data = tmp_path / "library"
    with (
        serving(data) as address,
        held("index", tmp_path / "few", data=data, at_batch=1) as other,
    ):
        other.wait_until_held()
        tab = open_tab(address)
        tab.goto(address)
        tab.get_by_text("The first photos come soon").wait_for()
        other.release()
        wait_for_count(tab, 4)
        tab.get_by_text("The first photos come soon").wait_for(state="detached")


def test_a_click_on_index_next_counts_where_the_job_has_just_ended(
    open_tab: OpenTab, tmp_path: Path
) -> None:
    """The page still says "Index next" then, and the server would draw "Index"."""
    for number in range(60):
        write_noise(tmp_path / "first" / f"{number:03}.png", number, 48)
    (tmp_path / "second").mkdir()
    Image.new("RGB", (96, 64), (0, 0, 200)).save(tmp_path / "second" / "blue.png")
    settings = Settings.load(data_dir=tmp_path / "library", encoder="lite")
    with serving(tmp_path / "library") as address, Library.open(settings) as library:
        tab = open_tab(address)
        tab.goto(f"{address}/library")
        field = tab.get_by_label("Add a folder on this machine")
        field.fill(str(tmp_path / "first"))
        tab.get_by_role("button", name="Index", exact=True).click()
        after = tab.get_by_role("button", name="Index next")
        after.wait_for()
        field.fill(str(tmp_path / "second"))
        tab.route(f"**{ROUTE}", lambda route: route.abort())  # the page does not notice the end
        wait_in_browser(tab, lambda: library.exists() and library.photo_count() == 60)
        wait_in_browser(tab, lambda: library.running() is None)
        after.click()
        tab.unroute(f"**{ROUTE}")
        tab.get_by_text(re.compile("Done in .*: 1 new")).wait_for()
        assert library.photo_count() == 61


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_one_click_begins_with_a_usual_folder_and_others_wait_for_it(
    open_tab: OpenTab, tmp_path: Path, width: int, scheme: Any, screenshot: Callable[..., None]
) -> None:
    for number in range(600):  # enough for all that is done here while they are indexed
        write_noise(tmp_path / "home" / "Pictures" / f"{number:03}.png", number, 48)
    for name in ("second", "third"):
        (tmp_path / name).mkdir()
        Image.new("RGB", (96, 64), (0, 0, 200)).save(tmp_path / name / f"{name}.png")
        if name == "second":
            Image.new("RGB", (96, 64), (200, 0, 0)).save(tmp_path / name / "red.png")
    with serving(tmp_path / "library", HOME=str(tmp_path / "home")) as address:
        tab = open_tab(address, width, 844, scheme)
        tab.goto(address)
        usual = tab.get_by_role("button", name="Index Pictures: 600 photos and videos")
        usual.wait_for()
        settle(tab)
        screenshot(tab, f"first-run-{width}")
        assert not axe_violations(tab)
        assert width > 390 or not small_targets(tab)
        usual.click()
        usual.wait_for(state="detached")
        tab.goto(f"{address}/library")
        field = tab.get_by_label("Add a folder on this machine")
        for name in ("second", "third"):
            field.fill(str(tmp_path / name))
            tab.get_by_role("button", name="Index next").click()
            tab.get_by_text(str(tmp_path / name), exact=True).wait_for()
        settle(tab)
        screenshot(tab, f"waiting-{width}")
        tab.get_by_role("button", name="Do not index it").nth(1).click()
        tab.get_by_text(str(tmp_path / "third"), exact=True).wait_for(state="detached")
        tab.get_by_text(re.compile("Done in .*: 2 new")).wait_for()  # by itself
        tab.goto(f"{address}/?q=sort:path")
        tab.get_by_text("602 of 602 photos").wait_for()
