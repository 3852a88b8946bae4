"""The strip below an opened photo: what was just before and after, and where it leads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browsing import NEEDS_BROWSER, axe_violations, serving
from tests.factories import run_cli
from tests.travels import write_taken

if TYPE_CHECKING:
    from tests.e2e.conftest import OpenTab

pytestmark = [*NEEDS_BROWSER, pytest.mark.features("around")]
TIMES = ("09:00:10", "10:00:10", "11:05:10", "13:00:10")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A page of four photos of one day, and one without a date."""
    folder = tmp_path_factory.mktemp("around")
    photos = folder / "photos"
    photos.mkdir()
    for number, time in enumerate(TIMES):
        write_taken(photos / f"{number}.jpg", f"2019-06-15T{time}")
    write_taken(photos / "undated.jpg")
    made = run_cli("index", photos, "--encoder", "lite", data=folder / "library")
    assert made.returncode == 0, made.stderr
    with serving(folder / "library") as page:
        yield page


@pytest.mark.parametrize("width", [1280, 390])
def test_a_key_shows_what_was_before_and_after(address: str, open_tab: OpenTab, width: int) -> None:
    tab = open_tab(address, width=width, height=844)
    tab.goto(f"{address}/?q=name:2.jpg")
    tab.locator(".tile a").first.click()
    tab.locator(".frame img").wait_for()
    near = tab.locator(".near")
    expect(near).to_have_count(0)
    tab.keyboard.press("t")
    words = ["2 h 5 min before", "1 h 5 min before", "this photo", "1 h 55 min after"]
    expect(near).to_have_text(words)
    above = tab.locator(".frame" if width > 640 else ".actions").first  # on a phone below the photo
    upper, strip = above.bounding_box(), tab.locator(".around").bounding_box()
    assert upper is not None and strip is not None
    assert 0 <= strip["y"] - (upper["y"] + upper["height"]) < 40, "directly below"
    # The row moves to the photo, and nothing else does: the page of a phone went sideways with it.
    current = near.nth(2).bounding_box()
    assert current is not None and current["x"] >= 0
    assert current["x"] + current["width"] <= width
    assert axe_violations(tab) == []
    near.nth(1).click()
    expect(tab.locator(".position")).to_have_text("2 of 4")
    expect(near.nth(1)).to_have_text("this photo")
    tab.keyboard.press("ArrowRight")
    expect(tab.locator(".position")).to_have_text("3 of 4")
    expect(near.nth(2)).to_have_text("this photo")
    tab.keyboard.press("t")
    expect(tab.locator(".around")).to_be_hidden()


def test_a_photo_without_a_date_says_so(address: str, open_tab: OpenTab) -> None:
    tab = open_tab(address)
    tab.goto(f"{address}/?q=name:undated")
    tab.locator(".tile a").first.click()
    tab.locator(".frame img").wait_for()
    tab.keyboard.press("t")
    expect(tab.locator(".around")).to_contain_text("has no date")
    tab.keyboard.press("?")
    expect(tab.locator("dialog.shortcuts")).to_contain_text("what was just before and after")
