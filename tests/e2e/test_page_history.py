"""The way back: Back, Forward, reload and copied addresses show the same view at the same place."""

from __future__ import annotations

import re
import shutil
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from imgsearch import Library, Settings
from tests.browsing import (
    NEEDS_BROWSER,
    PATIENCE_MS,
    give_file,
    scroll_to,
    search,
    serving,
    settle,
    wait_for_first,
    wait_for_line,
    wait_until_shown,
)
from tests.factories import write_noise

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.e2e.conftest import OpenTab

pytestmark = NEEDS_BROWSER
MANY = 140
PASSWORD = "correct horse"


@pytest.fixture(scope="module")
def place(demo_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of the demo photos and of many others."""
    folder = tmp_path_factory.mktemp("history")
    shutil.copytree(demo_photos, folder / "photos" / "demo")
    for number in range(MANY):
        write_noise(folder / "photos" / "many" / f"{number:03}.png", number)
    with Library.open(Settings.load(data_dir=folder / "library", encoder="lite")) as library:
        library.index([folder / "photos"]).run()
    return folder


def entries(tab: Page) -> int:
    return int(tab.evaluate("history.length"))


def top_of(tab: Page, name: str) -> float:
    """Where the tile of this photo is in the window; far away if there is no such tile."""
    box = tab.locator(f".tile:has(a[aria-label^='{name}'])").bounding_box()
    return box["y"] if box else 1e9


def wait_until_tile_is_at(tab: Page, name: str, top: float) -> None:
    tab.locator(f".tile a[aria-label^='{name}']").wait_for()
    tab.wait_for_function(
        """([name, top]) => [...document.querySelectorAll("*")]
            .flatMap((host) => [...(host.shadowRoot?.querySelectorAll(".tile a") ?? [])])
            .some((link) => link.ariaLabel.startsWith(name)
                && Math.abs(link.getBoundingClientRect().top - top) < 3)""",
        arg=[name, top],
    )


def open_photo(tab: Page, name: str) -> None:
    tab.locator(f".tile a[aria-label^='{name}']").click()
    tab.wait_for_url("**/photo?*")
    wait_until_shown(tab.locator(".frame img"))


def names_in(tab: Page) -> list[str]:
    labels: list[str] = tab.locator(".tile a").evaluate_all("all => all.map(a => a.ariaLabel)")
    return labels


def drop(tab: Page, photo: Path) -> None:
    """Drop an image that is like this photo, but no copy of it."""
    buffer = BytesIO()
    Image.open(photo).convert("RGB").save(buffer, "JPEG", quality=70)
    give_file(tab, "x.jpg", "image/jpeg", buffer.getvalue())


def test_back_from_a_photo_leads_to_the_same_tile(page: Page, address: str) -> None:
    page.goto(address)
    page.locator(".tile").first.wait_for()
    before = entries(page)
    search(page, "in:many sort:path")
    wait_for_first(page, "000.png")
    assert entries(page) == before + 1
    scroll_to(page, 0.65)
    page.locator(".tile a[aria-label^='100.png']").wait_for()
    settle(page)
    top = top_of(page, "100.png")
    open_photo(page, "100.png")
    assert entries(page) == before + 2, "a photo makes one entry"
    page.get_by_text("101 of").wait_for()
    for name in ("101.png", "102.png"):
        page.keyboard.press("ArrowRight")
        page.locator(f".frame img[alt^='{name}']").wait_for()
    assert entries(page) == before + 2, "its neighbours make none"
    shown = page.url
    page.get_by_text("103 of").wait_for()
    page.go_back()
    page.wait_for_url("**/?q=in*")
    wait_until_tile_is_at(page, "100.png", top)
    wait_for_line(page, "in:many sort:path")
    page.go_forward()
    page.locator(".frame img[alt^='102.png']").wait_for()
    assert page.url == shown
    page.reload()
    page.locator(".frame img[alt^='102.png']").wait_for()
    page.get_by_text("103 of").wait_for()
    page.go_back()  # the session is a new one
    wait_until_tile_is_at(page, "100.png", top)
    page.reload()
    wait_until_tile_is_at(page, "100.png", top)
    page.go_back()
    wait_for_line(page, "")
    page.get_by_text("Newest").wait_for()


def test_the_title_is_that_of_the_search_that_is_shown(page: Page, address: str) -> None:
    """Also where a search follows another, where a click changes it, and on the way back."""
    from playwright.sync_api import expect

    def expect_title(title: str, name: str) -> None:
        wait_for_first(page, name)
        settle(page)
        expect(page).to_have_title(f"{title} – imgsearch")
        expect(page.locator("h1")).to_have_text(title)

    page.goto(address)
    page.locator(".tile").first.wait_for()
    settle(page)
    expect(page).to_have_title("Search – imgsearch")
    for line, name in (("name:chelsea", "chelsea.png"), ("name:coffee", "coffee.png")):
        search(page, line)
        page.wait_for_url(f"**/?q={line.replace(':', '%3A')}")
        expect_title(line, name)
    page.go_back()
    expect_title("name:chelsea", "chelsea.png")
    search(page, "in:many name:105")
    expect_title("in:many name:105", "105.png")
    page.get_by_role("button", name="Folder many").click()
    wait_for_line(page, "name:105")
    expect_title("name:105", "105.png")


@pytest.mark.parametrize("words", ["", "a cat -person"])
def test_a_dropped_image_is_part_of_the_address(
    page: Page, open_tab: OpenTab, address: str, place: Path, words: str
) -> None:
    page.goto(address)
    page.locator(".tile").first.wait_for()
    if words:
        search(page, words)
        page.wait_for_url("**/?q=*")
    drop(page, place / "photos" / "demo" / "chelsea.png")
    page.wait_for_url(re.compile(r"image=[0-9a-f]{16}$"))
    of_example = page.locator(
        ".tile:first-child a[aria-label^='chelsea.png'][href*='image=']"
    ).first
    of_example.wait_for()  # the photo comes first in the former answer, too
    settle(page)
    found, searched, before = names_in(page), page.url, entries(page)
    open_photo(page, "chelsea.png")
    assert entries(page) == before + 1
    page.get_by_text("Why it matched").wait_for()
    page.get_by_text("an example image", exact=True).wait_for()
    page.get_by_role("link", name="Results").click()
    wait_until_shown(page.locator(".crop img"))
    of_example.wait_for()
    assert (names_in(page), page.url, entries(page)) == (found, searched, before + 1)
    page.reload()
    wait_for_first(page, "chelsea.png")
    wait_until_shown(page.locator(".crop img"))
    another = open_tab(address)  # another browser, to which the address was copied
    another.goto(searched)
    wait_for_first(another, "chelsea.png")
    wait_until_shown(another.locator(".crop img"))
    wait_for_line(another, words)
    another.get_by_role("button", name="Remove").click()
    another.locator(".crop img").wait_for(state="detached")
    another.go_back()
    wait_until_shown(another.locator(".crop img"))
    wait_for_first(another, "chelsea.png")


def test_the_part_of_an_image_is_part_of_the_address(page: Page, address: str, place: Path) -> None:
    page.goto(address)
    page.locator(".tile").first.wait_for()
    drop(page, place / "photos" / "demo" / "chelsea.png")
    image = page.locator(".crop img")
    wait_until_shown(image)
    settle(page)
    image.hover(position={"x": 20, "y": 20})
    page.mouse.down()
    image.hover(position={"x": 120, "y": 100})
    page.mouse.up()
    page.wait_for_url("**&region=*")
    page.locator(".region:not([hidden])").wait_for()
    page.reload()
    page.locator(".region:not([hidden])").wait_for()
    page.go_back()
    page.locator(".region:not([hidden])").wait_for(state="detached")
    wait_until_shown(page.locator(".crop img"))


def test_an_image_that_is_kept_no_longer_is_asked_for_again(page: Page, address: str) -> None:
    page.goto(f"{address}/?q=a+cat&image=0123456789abcdef")
    page.get_by_text("not on this machine, or no longer").first.wait_for()
    page.get_by_role("button", name="Remove").click()
    wait_for_first(page, "chelsea.png")


def test_a_photo_opened_by_its_address_leads_to_its_results(page: Page, address: str) -> None:
    page.goto(f"{address}/?q=in:many+sort:path")
    link = page.locator(".tile a[aria-label^='002.png']")
    target = link.evaluate("link => link.href")
    page.goto(target)
    page.locator(".frame img[alt^='002.png']").wait_for()
    page.get_by_text("3 of").wait_for()
    page.get_by_role("link", name="Results").click()
    wait_for_first(page, "000.png")
    wait_for_line(page, "in:many sort:path")


def test_a_login_keeps_the_query(open_tab: OpenTab, place: Path) -> None:
    with serving(place / "library", IMGSEARCH_UI_PASSWORD=PASSWORD) as address:
        tab = open_tab(address)
        tab.goto(f"{address}/?q=in:many+sort:path")
        tab.get_by_label("Password").fill("guess")
        tab.get_by_role("button", name="Log in").click()
        tab.get_by_text("Wrong password").wait_for()
        tab.get_by_label("Password").fill(PASSWORD)
        tab.get_by_role("button", name="Log in").click()
        wait_for_first(tab, "000.png")
        wait_for_line(tab, "in:many sort:path")
        tab.goto(f"{address}/login?next=//evil.example/x?y")
        tab.wait_for_url(f"{address}/*", timeout=PATIENCE_MS)
        assert "evil.example" not in tab.url.split("/")[2]
