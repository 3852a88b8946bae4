"""The view that fills the window: fingers, the keyboard, the mouse beside the photo, and focus."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browsing import NEEDS_BROWSER, PATIENCE_MS, TOKEN, settle, wait_until_shown

if TYPE_CHECKING:
    from playwright.sync_api import Browser, CDPSession, FloatRect, Locator, Page

pytestmark = NEEDS_BROWSER
WIDTH_PX, HEIGHT_PX = 390, 844
STEPS = 10
Point = tuple[float, float]


@pytest.fixture(scope="module")
def place(demo_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the indexed library of the demo photos."""
    folder = tmp_path_factory.mktemp("full-view")
    shutil.copytree(demo_data, folder / "library")
    return folder


def open_full(tab: Page, address: str, name: str) -> None:
    """The photo in the whole window, opened by a click on its picture."""
    tab.goto(f"{address}/?q=sort:path")
    tab.locator(f".tile a[aria-label^='{name}']").click()
    wait_until_shown(tab.locator(f".frame img[alt^='{name}']"))
    settle(tab)
    tab.locator(".frame img").click()
    wait_until_shown(photo(tab))


def photo(tab: Page) -> Locator:
    return tab.locator(".full-view-pane[aria-hidden=false] img")


def wait_for_photo(tab: Page, name: str, condition: str = "true") -> FloatRect:
    """Until this photo is shown, at rest, and its `box` meets a condition; its box."""
    tab.wait_for_function(
        f"""() => {{
            const image = document.querySelector(".full-view-pane[aria-hidden=false] img");
            const moves = (node) => node.getAnimations().length > 0;
            if (!image?.alt.startsWith("{name}") || moves(image) || moves(image.parentNode)) return;
            const box = image.getBoundingClientRect();
            return {condition};
        }}"""
    )
    box = photo(tab).bounding_box()
    assert box is not None
    return box


class Fingers:
    """Fingers on the screen of a tab, as Chromium itself sends what they do."""

    def __init__(self, session: CDPSession) -> None:
        self._session = session

    def drag(self, *ways: tuple[Point, Point]) -> None:
        """Each finger goes from a point to another one, in a straight line."""
        for step in range(STEPS + 1):
            part = step / STEPS
            points = [
                (x + part * (to_x - x), y + part * (to_y - y)) for (x, y), (to_x, to_y) in ways
            ]
            self._send("touchMove" if step else "touchStart", points)
        self._send("touchEnd", [])

    def tap(self, point: Point, times: int = 1) -> None:
        """Taps are a tenth of a second apart, however busy this machine is."""
        first = time.time()
        for number in range(times):
            self._send("touchStart", [point], first + number / 10)
            self._send("touchEnd", [], first + number / 10 + 0.02)

    def _send(self, kind: str, points: list[Point], at: float | None = None) -> None:
        touched = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
        event = {"type": kind, "touchPoints": touched, "timestamp": at or time.time()}
        self._session.send("Input.dispatchTouchEvent", event)


def test_fingers_zoom_move_swipe_and_close(
    browser: Browser, address: str, screenshot: Callable[[Page, str], None]
) -> None:
    viewport = {"width": WIDTH_PX, "height": HEIGHT_PX}
    phone = browser.new_context(viewport=viewport, has_touch=True, is_mobile=True)  # type: ignore[arg-type]
    phone.set_default_timeout(PATIENCE_MS)
    phone.request.get(f"{address}/?token={TOKEN}")
    tab = phone.new_page()
    errors: list[str] = []
    tab.on("pageerror", lambda error: errors.append(str(error)))
    open_full(tab, address, "chelsea.png")
    fingers = Fingers(phone.new_cdp_session(tab))
    whole = wait_for_photo(tab, "chelsea.png")
    assert (whole["x"], round(whole["width"])) == (0, WIDTH_PX)
    middle = (WIDTH_PX / 2, HEIGHT_PX / 2)

    fingers.drag(((180, 422), (120, 422)), ((210, 422), (270, 422)))  # five times as far apart
    large = wait_for_photo(tab, "chelsea.png", f"box.width > {1.5 * whole['width']}")
    assert abs(large["x"] + large["width"] / 2 - middle[0]) < 3, "what was between them stays there"
    screenshot(tab, "full-view-pinched")
    fingers.drag((middle, (middle[0] + 60, middle[1])))
    moved = wait_for_photo(tab, "chelsea.png", f"box.x > {large['x'] + 40}")
    assert moved["width"] == pytest.approx(large["width"], abs=1)
    fingers.drag((middle, (middle[0] + 5_000, middle[1])))
    wait_for_photo(tab, "chelsea.png", "Math.abs(box.x) < 1")  # not beyond its edge
    fingers.tap(middle, times=2)
    wait_for_photo(tab, "chelsea.png", f"Math.abs(box.width - {WIDTH_PX}) < 1")
    fingers.tap(middle, times=2)
    wait_for_photo(tab, "chelsea.png", f"box.width > {1.5 * WIDTH_PX}")
    fingers.drag(((100, 422), (180, 422)), ((290, 422), (210, 422)))  # smaller than the window
    wait_for_photo(tab, "chelsea.png", f"Math.abs(box.width - {WIDTH_PX}) < 1")

    fingers.drag(((330, 422), (60, 430)))
    wait_for_photo(tab, "china.jpg", "box.x === 0")
    tab.wait_for_url(lambda url: "photo?id=" in url)
    fingers.drag(((60, 422), (330, 430)))
    wait_for_photo(tab, "chelsea.png", "box.x === 0")
    controls = tab.get_by_role("button", name="Close")
    shown = controls.is_visible()  # a second tap that came late has been one of its own
    for state in (not shown, shown):
        fingers.tap(middle)
        controls.wait_for(state="visible" if state else "hidden")
    fingers.drag((middle, (middle[0], middle[1] + 300)))
    tab.locator(".full-view").wait_for(state="detached")
    tab.locator(".frame img").tap()
    wait_for_photo(tab, "chelsea.png")
    fingers.drag(((100, 422), (180, 422)), ((290, 422), (210, 422)))  # from its first size
    tab.locator(".full-view").wait_for(state="detached")
    tab.locator(".frame img[alt^='chelsea.png']").wait_for()
    phone.close()
    assert not errors


def test_controls_fade_until_something_moves(page: Page, address: str) -> None:
    page.clock.install()
    open_full(page, address, "chelsea.png")
    idle = page.locator(".full-view.idle")
    close = page.get_by_role("button", name="Close")
    for wake in (lambda: page.mouse.move(300, 300), lambda: page.keyboard.press("Shift")):
        page.clock.run_for(5_000)
        idle.wait_for()
        page.wait_for_function(
            "getComputedStyle(document.querySelector('.full-view-bar')).opacity === '0'"
        )
        wake()
        idle.wait_for(state="detached")
    page.clock.run_for(5_000)
    idle.wait_for()
    page.keyboard.press("Tab")
    page.clock.run_for(5_000)
    idle.wait_for()
    page.wait_for_function(
        "getComputedStyle(document.querySelector('.full-view-bar')).opacity === '1'"
    )  # it has the focus
    close.click()
    page.locator(".full-view").wait_for(state="detached")


def test_the_first_photo_has_none_before_it(page: Page, address: str) -> None:
    open_full(page, address, "astronaut.png")
    page.get_by_role("dialog").get_by_role("button", name="Previous").wait_for(state="hidden")
    page.keyboard.press("ArrowLeft")
    page.mouse.move(300, 430)
    page.mouse.down()
    page.mouse.move(1_000, 430, steps=5)  # it gives way, and goes back
    page.mouse.up()
    wait_for_photo(page, "astronaut.png", "Math.abs(box.x + box.width / 2 - innerWidth / 2) < 1")


def test_the_wheel_zooms_where_the_mouse_is(page: Page, address: str) -> None:
    open_full(page, address, "chelsea.png")
    before = wait_for_photo(page, "chelsea.png")
    at = (before["x"] + before["width"] / 4, before["y"] + before["height"] / 4)
    page.mouse.move(*at)
    for _ in range(10):  # beyond the window: then what is at the mouse can stay there
        page.mouse.wheel(0, -200)
    large = wait_for_photo(page, "chelsea.png", "box.width > 1800")  # four times its pixels
    page.mouse.wheel(0, 100)
    smaller = wait_for_photo(page, "chelsea.png", "box.width < 1600 && box.width > innerWidth")
    shares = [
        ((at[0] - box["x"]) / box["width"], (at[1] - box["y"]) / box["height"])
        for box in (large, smaller)
    ]
    assert shares[1] == pytest.approx(shares[0], abs=0.005)
    page.mouse.wheel(0, 5_000)
    after = wait_for_photo(page, "chelsea.png", f"box.width < {before['width'] + 1}")
    assert after == pytest.approx(before, abs=1), "not smaller than it was"


def test_a_click_beside_the_photo_closes_unless_it_is_zoomed_in(page: Page, address: str) -> None:
    open_full(page, address, "chelsea.png")
    box = wait_for_photo(page, "chelsea.png")
    beside = (box["x"] / 2, 430)
    page.mouse.dblclick(640, 430)
    wait_for_photo(page, "chelsea.png", f"box.width > {1.5 * box['width']}")
    page.mouse.click(640, 5)
    page.keyboard.press("z")
    wait_for_photo(page, "chelsea.png", f"Math.abs(box.width - {box['width']}) < 1")
    page.mouse.click(*beside)
    page.locator(".full-view").wait_for(state="detached")


def test_the_keyboard_stays_in_the_view_and_returns_to_its_button(page: Page, address: str) -> None:
    open_full(page, address, "chelsea.png")
    page.keyboard.press("Escape")
    page.locator(".full-view").wait_for(state="detached")
    opener = page.get_by_role("button", name="Full screen")
    opener.focus()
    page.keyboard.press("Enter")
    wait_until_shown(photo(page))
    names = []
    for _ in range(7):
        page.keyboard.press("Tab")
        names.append(page.evaluate("document.activeElement.ariaLabel"))
    stops = ["Zoom", "Original pixels", "Slideshow", "Close", "Previous", "Next"]
    assert names == [*stops, "Zoom"]
    page.keyboard.press("Shift+Tab")
    assert page.evaluate("document.activeElement.ariaLabel") == "Next"
    page.keyboard.press("Enter")
    wait_for_photo(page, "china.jpg")
    page.keyboard.press("Escape")
    page.locator(".full-view").wait_for(state="detached")
    assert opener.evaluate("button => button.getRootNode().activeElement === button")
