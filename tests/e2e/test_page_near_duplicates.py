"""What is ticked among near-duplicates is kept in the library."""

from __future__ import annotations

import csv
import re
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from imgsearch import Library, Settings
from imgsearch.testing import free_port
from tests.browsing import (
    NEEDS_BROWSER,
    axe_violations,
    download,
    page_server,
    serving,
    settle,
    small_targets,
    wait_in_browser,
)

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page, Request, WebSocket

    from tests.e2e.conftest import OpenTab

pytestmark = [*NEEDS_BROWSER, pytest.mark.features("duplicates")]


@pytest.fixture(scope="module")
def place(demo_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the indexed library of a cat, twice."""
    folder = tmp_path_factory.mktemp("near-duplicates")
    (folder / "photos").mkdir()
    cat = Image.open(demo_photos / "chelsea.png").convert("RGB")
    cat.save(folder / "photos" / "large.png")
    cat.resize((cat.width // 2, cat.height // 2)).save(folder / "photos" / "small.png")
    with Library.open(Settings.load(data_dir=folder / "library", encoder="lite")) as library:
        library.index([folder / "photos"]).run()
    return folder


def compare(tab: Page, address: str) -> None:
    tab.goto(f"{address}/similar")
    settle(tab)
    first = tab.get_by_role("button", name="Compare", exact=True)
    first.or_(box_of(tab, "large")).wait_for()
    if first.is_visible():  # else the library remembers the groups
        first.click()
    box_of(tab, "large").wait_for()
    settle(tab)


def box_of(tab: Page, name: str) -> Locator:
    return tab.get_by_role("checkbox", name=re.compile(rf"Keep \d: \W*{name}\W"))


def tick(tab: Page, name: str, is_kept: bool) -> None:
    """Tick it or not, and wait until the library has recorded it."""
    with tab.expect_response("**/operations/duplicates/choices") as answer:
        box_of(tab, name).set_checked(is_kept)
    assert answer.value.ok


def expect_kept(tab: Page, *names: str) -> None:
    from playwright.sync_api import expect

    for name in ("large", "small"):
        expect(box_of(tab, name)).to_be_checked(checked=name in names)


def test_groups_survive_a_restart(open_tab: OpenTab, place: Path) -> None:
    (place / "library" / "near-duplicates").unlink(missing_ok=True)
    with serving(place / "library") as address:
        compare(open_tab(address), address)
    with serving(place / "library") as address:
        tab = open_tab(address)
        tab.goto(f"{address}/similar")
        expect_kept(tab, "large")
        tab.get_by_text("photos added since then are not among these groups").wait_for()


def test_choices_survive_a_reload_and_a_restart_and_are_those_of_all_tabs(
    open_tab: OpenTab, place: Path
) -> None:
    with serving(place / "library") as address:
        tab = open_tab(address)
        compare(tab, address)
        expect_kept(tab, "large")
        tick(tab, "small", True)
        tick(tab, "large", False)
        tab.get_by_text("chosen by hand").nth(1).wait_for()
        tab.reload()
        expect_kept(tab, "small")
        other = open_tab(address)
        other.goto(f"{address}/similar")
        expect_kept(other, "small")
        tick(other, "large", True)
        tab.get_by_role("slider").press("Home")  # other groups are asked for
        expect_kept(tab, "large", "small")
        tick(tab, "large", False)
    with serving(place / "library") as address:
        tab = open_tab(address)
        compare(tab, address)
        expect_kept(tab, "small")
        rows = csv.DictReader(StringIO(download(tab, "CSV").read_text()))
        assert {Path(row["path"]).name: row["keep"] for row in rows} == {
            "small.png": "1",
            "large.png": "0",
        }
        tab.get_by_role("button", name="Forget 2 choices").click()
        expect_kept(tab, "large")
        told = tab.locator(".told")
        told.get_by_text("Forgot 2 choices among near-duplicates").wait_for()
        told.get_by_role("button", name="Undo").click()
        expect_kept(tab, "small")
        tab.get_by_role("button", name="Forget 2 choices").click()
        expect_kept(tab, "large")
        tab.reload()
        expect_kept(tab, "large")


def bytes_of(request: Request) -> int:
    """Both ways, headers included."""
    sizes = request.sizes()
    both = sizes["requestBodySize"] + sizes["responseBodySize"]
    return both + sizes["requestHeadersSize"] + sizes["responseHeadersSize"]


def test_a_tick_sends_at_most_10_kb(open_tab: OpenTab, place: Path) -> None:
    """All that passes between the browser and the server, headers included."""
    frames: list[str | bytes] = []
    with serving(place / "library") as address:
        tab = open_tab(address)

        def listen(socket: WebSocket) -> None:
            for kind in ("framesent", "framereceived"):
                socket.on(kind, lambda frame: frames.append(frame))  # Playwright takes no method

        tab.on("websocket", listen)
        compare(tab, address)
        expect_kept(tab, "large")
        tab.wait_for_load_state("networkidle")
        requests: list[Request] = []
        tab.on("requestfinished", lambda request: requests.append(request))
        frames.clear()
        tick(tab, "small", True)
        tab.get_by_text("chosen by hand").wait_for()
        tab.wait_for_timeout(3000)  # in which the page could be drawn anew
        sent = sum(bytes_of(request) for request in requests)
        tick(tab, "small", False)
    assert sent > 0 and sent + sum(map(len, frames)) <= 10_000
    assert not [frame for frame in frames if len(frame) > 200], "no run of the script"


def test_many_fast_ticks_end_as_the_last_one_says(open_tab: OpenTab, place: Path) -> None:
    with serving(place / "library") as address:
        tab = open_tab(address)
        compare(tab, address)
        for _ in range(50):
            box_of(tab, "small").click()
            box_of(tab, "large").click()
        box_of(tab, "small").click()
        expect_kept(tab, "large", "small")
        with Library.open(Settings.load(data_dir=place / "library", encoder="lite")) as library:
            wait_in_browser(tab, lambda: set(library.duplicates.choices().values()) == {True})
        tab.reload()
        expect_kept(tab, "large", "small")
        tab.get_by_role("button", name="Forget 2 choices").click()
        expect_kept(tab, "large")


def test_a_tick_without_a_server_is_recorded_when_it_is_there_again(
    open_tab: OpenTab, place: Path
) -> None:
    port = free_port()
    with page_server(place / "library", port=port) as (address, _):
        tab = open_tab(address)
        compare(tab, address)
    box_of(tab, "small").check()
    expect_kept(tab, "large", "small")
    with (
        page_server(place / "library", port=port),
        Library.open(Settings.load(data_dir=place / "library", encoder="lite")) as library,
    ):
        wait_in_browser(tab, lambda: True in library.duplicates.choices().values())
        library.duplicates.forget_choices()


def test_the_keyboard_keeps_and_the_viewer_steps_through_a_group(
    open_tab: OpenTab, place: Path
) -> None:
    from playwright.sync_api import expect

    with serving(place / "library") as address:
        tab = open_tab(address)
        compare(tab, address)
        slider = tab.get_by_role("slider")
        slider.press("ArrowRight")
        tab.wait_for_url("**/similar?score=0.955")
        tab.locator(".tile a[aria-label^='large.png']").focus()
        tab.keyboard.press("ArrowRight")
        expect(tab.locator(".tile a[aria-label^='small.png']")).to_be_focused()
        with tab.expect_response("**/operations/duplicates/choices"):
            tab.keyboard.press("k")
        expect_kept(tab, "large", "small")
        tab.keyboard.press("k")
        expect_kept(tab, "large")
        tab.keyboard.press("Enter")
        tab.get_by_text("2 of 2").wait_for()
        tab.keyboard.press("ArrowLeft")
        tab.get_by_text("1 of 2").wait_for()
        tab.keyboard.press("Escape")
        tab.wait_for_url("**/similar?score=0.955")
        expect(tab.locator(".tile a[aria-label^='large.png']")).to_be_focused()
        expect(tab.get_by_role("slider")).to_have_attribute("aria-valuetext", "0.955")


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_groups_are_accessible(
    open_tab: OpenTab, place: Path, screenshot: Any, width: int, color_scheme: Any
) -> None:
    with Library.open(Settings.load(data_dir=place / "library", encoder="lite")) as library:
        library.duplicates.forget_choices()
    with serving(place / "library") as address:
        tab = open_tab(address, width=width, height=844, color_scheme=color_scheme)
        compare(tab, address)
        tick(tab, "large", False)
        tab.get_by_text("Keep at least one").wait_for()
        settle(tab)
        screenshot(tab, f"groups-{width}-{color_scheme}")
        assert axe_violations(tab) == []
        if width == 390:
            # The whole line of a box can be touched; the other two are Streamlit's settings.
            others = re.compile("react-aria|Any folder|checkbox")
            assert not [each for each in small_targets(tab) if not others.search(each[0])]
