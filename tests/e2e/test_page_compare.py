"""Two to six selected photos side by side, with one zoom and one place for all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from imgsearch import Library, Settings
from tests.browsing import NEEDS_BROWSER, axe_violations, settle, wait_until_shown
from tests.e2e.test_page_tray import id_of, names_in_tray, wait_for_selected
from tests.factories import index_demo_photos, wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from tests.e2e.conftest import OpenTab

pytestmark = NEEDS_BROWSER
NAMES = ["coffee.png", "chelsea.png", "rocket.jpg", "moon.png", "horse.png", "brick.png"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, demo_photos: Path) -> Path:
    """A library of the demo photos."""
    folder = tmp_path_factory.mktemp("compare")
    index_demo_photos(demo_photos, folder)
    return folder


@pytest.fixture
def kept(place: Path) -> Iterator[Library]:
    """The library of the page, with an empty tray."""
    with Library.open(Settings.load(data_dir=place / "library", encoder="lite")) as library:
        library.tray.clear()
        yield library


def select(library: Library, number: int) -> None:
    library.tray.add([id_of(library, Path(name).stem) for name in NAMES[:number]])


def open_comparison(tab: Page, address: str, number: int) -> Locator:
    tab.goto(f"{address}/?q=type:png+sort:path")
    tab.locator(".tile img").nth(3).wait_for()
    wait_for_selected(tab, number)
    settle(tab)
    tab.keyboard.press("c")
    dialog = tab.get_by_role("dialog", name=f"Compare {number} photos")
    for name in NAMES[:number]:
        wait_until_shown(dialog.get_by_role("img", name=name))
    return dialog


def zooms_of(dialog: Locator) -> list[float]:
    return [
        float(zoom)
        for zoom in dialog.locator("img").evaluate_all(
            "images => images.map(each => new DOMMatrix(getComputedStyle(each).transform).a)"
        )
    ]


def moves_of(dialog: Locator) -> list[tuple[float, float]]:
    """How far the photos are moved, in parts of their cells."""
    moves = dialog.locator("img").evaluate_all(
        """images => images.map(each => {
            const {e, f} = new DOMMatrix(getComputedStyle(each).transform);
            return [e / each.clientWidth, f / each.clientHeight];
        })"""
    )
    return [(round(x, 3), round(y, 3)) for x, y in moves]


def test_one_zoom_and_one_place_for_all(page: Page, address: str, kept: Library) -> None:
    select(kept, 3)
    dialog = open_comparison(page, address, 3)
    assert zooms_of(dialog) == [1, 1, 1]
    box = dialog.locator(".cell-view").nth(1).bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.wheel(0, -600)
    wait_until(lambda: zooms_of(dialog)[0] > 3)
    assert len(set(zooms_of(dialog))) == 1
    page.mouse.down()
    page.mouse.move(x + box["width"] / 4, y, steps=4)
    page.mouse.up()
    assert moves_of(dialog) == [(0.25, 0)] * 3
    page.keyboard.press("ArrowDown")
    assert moves_of(dialog) == [(0.25, -0.15)] * 3
    for _ in range(20):
        page.keyboard.press("ArrowRight")
    edge = (1 - zooms_of(dialog)[0]) / 2
    assert moves_of(dialog)[0][0] == pytest.approx(edge, abs=0.01), "not beyond the edge"
    page.keyboard.press("0")
    assert zooms_of(dialog) == [1, 1, 1] and moves_of(dialog) == [(0, 0)] * 3
    page.mouse.dblclick(x, y)
    assert zooms_of(dialog) == [3, 3, 3]
    dialog.get_by_role("button", name="Whole photos").click()
    assert zooms_of(dialog) == [1, 1, 1]
    page.keyboard.press("Escape")
    dialog.wait_for(state="detached")
    assert page.url.startswith(f"{address}/?q=type"), "the view behind it stays"


def test_the_best_one_stays_selected(page: Page, address: str, kept: Library) -> None:
    select(kept, 3)
    dialog = open_comparison(page, address, 3)
    for number in (0, 2):
        dialog.get_by_role("checkbox", name="Selected").nth(number).uncheck()
    wait_until(lambda: names_in_tray(kept) == ["chelsea.png"])
    assert dialog.locator(".cell").count() == 3, "they stay in sight"
    page.keyboard.press("c")
    dialog.wait_for(state="detached")
    wait_for_selected(page, 1)
    expect(page.get_by_role("button", name="Compare")).to_be_disabled()
    page.keyboard.press("c")
    page.get_by_role("combobox", name="Search").press("c")
    assert not dialog.is_visible()


def test_a_photo_that_has_left_is_said(page: Page, address: str, kept: Library) -> None:
    select(kept, 2)
    page.route("**/exports/json", lambda route: route.fulfill(body="[]", content_type="text/plain"))
    page.goto(f"{address}/?q=type:png")
    wait_for_selected(page, 2)
    page.get_by_role("button", name="Compare").click()
    page.get_by_text("This photo has left the library").first.wait_for()


@pytest.mark.parametrize(
    ("number", "width", "scheme"), [(2, 1440, "light"), (6, 1280, "dark"), (3, 390, "dark")]
)
def test_everybody_can_use_it(
    open_tab: OpenTab,
    address: str,
    kept: Library,
    number: int,
    width: int,
    scheme: Any,
    screenshot: Callable[..., None],
) -> None:
    select(kept, number)
    tab = open_tab(address, width, 844, scheme)
    dialog = open_comparison(tab, address, number)
    screenshot(tab, f"compare-{number}-{width}-{scheme}")
    assert not axe_violations(tab)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    for name in NAMES[:number]:
        shown = dialog.get_by_role("img", name=name).bounding_box()
        assert shown is not None and shown["y"] >= 0 and shown["y"] + shown["height"] <= 844
    tab.keyboard.press("Tab")
    expect(dialog.get_by_role("button", name="Larger")).to_be_focused()
    tab.keyboard.press("Enter")
    assert set(zooms_of(dialog)) == {1.5}
