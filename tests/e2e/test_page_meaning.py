"""The map of meaning in a real browser: points, names, photos close by, and the lasso."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from imgsearch import Library, Settings
from tests.browsing import (
    NEEDS_BROWSER,
    axe_violations,
    search,
    serving,
    settle,
    small_targets,
)
from tests.things import EACH, THINGS, crops

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.e2e.conftest import OpenTab

pytest.importorskip("openTSNE", reason="needs the extra meaning")
pytestmark = [*NEEDS_BROWSER, pytest.mark.features("meaning")]
ALL = EACH * len(THINGS)


@pytest.fixture(scope="module")
def place(demo_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of a dozen photos of each of four things; no map yet."""
    folder = tmp_path_factory.mktemp("meaning-page")
    for name in THINGS:
        crops(demo_photos, name, folder / "photos", range(EACH))
    with Library.open(Settings.load(data_dir=folder / "library", encoder="lite")) as library:
        library.index([folder / "photos"]).run()
    return folder


@pytest.fixture(scope="module")
def address(place: Path) -> Iterator[str]:
    with serving(place / "library") as address:
        yield address


@pytest.fixture(autouse=True)
def nothing_selected(place: Path) -> Iterator[None]:
    yield
    with Library.open(Settings.load(data_dir=place / "library", encoder="lite")) as library:
        library.tray.clear()


def open_map(tab: Page, address: str, query: str = "") -> None:
    tab.goto(f"{address}/meaning{query}")
    tab.locator(".plane[data-drawn]").wait_for()
    settle(tab)


def lay_out(place: Path) -> None:
    with Library.open(Settings.load(data_dir=place / "library", encoder="lite")) as library:
        if not library.meaning.exists():
            library.meaning.lay_out().run()


@pytest.fixture
def laid_out(place: Path) -> None:
    lay_out(place)


def selected(place: Path) -> list[str]:
    with Library.open(Settings.load(data_dir=place / "library", encoder="lite")) as library:
        return sorted(hit.path.stem for hit in library.photos(library.tray.photos().photo_ids))


def test_the_map_is_laid_out_by_a_click(
    page: Page, address: str, screenshot: Callable[..., None]
) -> None:
    page.goto(f"{address}/meaning")
    page.get_by_text("What your photos are about").wait_for()
    settle(page)
    screenshot(page, "meaning-before")
    page.get_by_role("button", name=f"Lay out {ALL} photos").click()
    page.locator(".plane[data-drawn]").wait_for(timeout=240_000)
    page.get_by_text(f"{ALL} photos", exact=True).wait_for()
    assert page.locator(".plane").get_attribute("data-found") == str(ALL)


@pytest.mark.parametrize(("width", "height", "scheme"), [(1440, 900, "light"), (390, 844, "dark")])
def test_names_lead_to_their_photos(
    open_tab: OpenTab,
    address: str,
    laid_out: None,
    width: int,
    height: int,
    scheme: Any,
    screenshot: Callable[..., None],
) -> None:
    tab = open_tab(address, width, height, scheme)
    open_map(tab, address)
    screenshot(tab, f"meaning-{width}-{scheme}")
    assert not axe_violations(tab)
    if width == 390:
        assert not small_targets(tab)
    name = tab.locator(".name").first
    label = name.get_attribute("aria-label") or ""
    assert re.fullmatch(r"[\w -]+, \d+ photos", label)
    name.click()
    tab.locator(".plane[data-drawn]").wait_for()
    expect(tab.locator(".photos .tile img").first).to_be_visible()
    tab.wait_for_url(re.compile("at="))
    settle(tab)
    screenshot(tab, f"meaning-close-{width}-{scheme}")
    assert not axe_violations(tab)
    shown = tab.url
    tab.locator(".photos .tile a").first.click()
    tab.wait_for_url(re.compile(r"/photo\?id=\d+"))
    tab.go_back()
    tab.locator(".plane[data-drawn]").wait_for()
    assert tab.url == shown, "as it was left"


def test_keys_and_the_wheel_move_the_map(page: Page, address: str, laid_out: None) -> None:
    open_map(page, address)
    plane = page.locator(".plane")
    plane.focus()
    for key, pattern in (
        ("+", r"at=0\.5\d*%2C0\.5\d*%2C0\.6\d*"),
        ("ArrowRight", r"at=0\.[5-9]\d*%2C0\.5\d*%2C0\.6\d*"),
        ("-", r"%2C-?0\.0\d*$"),
    ):
        page.keyboard.press(key)
        page.wait_for_url(re.compile(pattern))
    page.keyboard.press("0")
    page.wait_for_url(re.compile(r"/meaning$"))
    plane.hover(position={"x": 200, "y": 200})
    page.mouse.wheel(0, -240)
    page.wait_for_url(re.compile("at="))
    page.get_by_role("button", name="Show all").click()
    page.wait_for_url(re.compile(r"/meaning$"))
    page.get_by_role("button", name="Zoom in").click()
    page.wait_for_url(re.compile("at="))


def test_a_query_leaves_its_photos_bright(
    page: Page, address: str, laid_out: None, screenshot: Callable[..., None]
) -> None:
    open_map(page, address)
    search(page, "name:chelsea")
    page.get_by_text(f"{EACH} photos for name:chelsea").wait_for()
    page.locator(f".plane[data-found='{EACH}'][data-drawn]").wait_for()
    settle(page)
    screenshot(page, "meaning-query")
    counts = page.locator(".name .count").all_inner_texts()
    assert sum(map(int, counts)) <= EACH
    page.get_by_role("button", name="All photos").click()
    page.locator(f".plane[data-found='{ALL}']").wait_for()
    page.goto(f"{address}/meaning?q=after:2100")
    page.locator(".plane[data-found='0']").wait_for()


def drag_around(page: Page, corners: list[tuple[float, float]], shift: bool = False) -> None:
    if shift:
        page.keyboard.down("Shift")
    page.mouse.move(*corners[0])
    page.mouse.down()
    for corner in corners[1:]:
        page.mouse.move(*corner, steps=4)
    page.mouse.up()
    if shift:
        page.keyboard.up("Shift")


def test_a_lasso_selects_what_is_inside(
    page: Page, address: str, place: Path, laid_out: None, screenshot: Callable[..., None]
) -> None:
    open_map(page, address, "?q=name:rocket")
    draw = page.get_by_role("button", name="Select an area")
    draw.click()
    expect(draw).to_have_attribute("aria-pressed", "true")
    box = page.locator(".plane").bounding_box()
    assert box is not None
    left, top, right, low = box["x"] + 3, box["y"] + 60, box["x"] + box["width"] - 70, box["y"]
    low += box["height"] - 3
    drag_around(page, [(left, top), (right, top), (right, low), (left, low)])
    page.get_by_text(f"{EACH} photos selected here.").wait_for()
    bar = page.get_by_role("region", name="Selected photos")
    bar.get_by_text(f"{EACH} photos selected").wait_for()
    settle(page)
    screenshot(page, "meaning-lasso")
    page.wait_for_function("() => true")
    assert selected_names(place) == {"rocket"}
    page.locator(".panel").get_by_role("button", name="Undo").click()
    bar.wait_for(state="hidden")
    drag_around(page, [(left, top), (left + 9, top), (left + 9, top + 9)], shift=True)
    page.get_by_text("No photo is in this area.").wait_for()
    draw.click()
    page.keyboard.press("Enter")
    page.get_by_text(f"{EACH} photos selected here.").wait_for()


def selected_names(place: Path) -> set[str]:
    from tests.factories import wait_until

    wait_until(lambda: len(selected(place)) == EACH)
    return {name.partition("-")[0] for name in selected(place)}


def test_the_mouse_drags_and_a_drag_is_no_click(page: Page, address: str, laid_out: None) -> None:
    open_map(page, address, "?at=0.5,0.5,1")
    box = page.locator(".plane").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    drag_around(page, [(x, y), (x - 150, y - 80)])
    page.wait_for_url(re.compile(r"/meaning\?at=0\.[5-9]"))


def test_two_fingers_zoom(open_tab: OpenTab, address: str, laid_out: None) -> None:
    tab = open_tab(address, 390, 844)
    open_map(tab, address)
    tab.locator(".plane").evaluate(
        """node => {
          const { left, top } = node.getBoundingClientRect();
          const send = (kind, id, x, y) => node.dispatchEvent(new PointerEvent(kind, {
            pointerId: id, pointerType: "touch", isPrimary: id === 1,
            button: kind === "pointermove" ? -1 : 0, buttons: 1, clientX: left + x,
            clientY: top + y, bubbles: true, cancelable: true }));
          node.setPointerCapture = () => {};
          send("pointerdown", 1, 100, 200);
          send("pointerdown", 2, 200, 200);
          for (let step = 1; step <= 10; step++) {
            send("pointermove", 1, 100 - 5 * step, 200);
            send("pointermove", 2, 200 + 5 * step, 200);
          }
          send("pointerup", 1, 50, 200);
          send("pointerup", 2, 250, 200);
        }"""
    )
    tab.wait_for_url(re.compile(r"%2C(0\.9|1\.)\d*$"))  # twice as large


def test_requests_that_make_no_sense_are_refused(page: Page, address: str, laid_out: None) -> None:
    open_map(page, address)
    for path, status in (
        ("points?version=old", 409),
        ("found?version=old", 409),
        ("found?q=after:soon", 422),
        ("tiles?ids=1,x", 400),
        ("tiles?ids=", 400),
        (f"tiles?ids={','.join(map(str, range(1, 400)))}", 400),
        ("tiles?ids=999999", 200),
    ):
        answer = page.request.get(f"{address}/meaning/{path}")
        assert answer.status == status, (path, answer.text())
