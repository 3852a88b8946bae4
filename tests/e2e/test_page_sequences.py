"""One thing and then another in the search field of the page: rows of photos in order of time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browsing import NEEDS_BROWSER, axe_violations, search, serving
from tests.factories import run_cli
from tests.travels import state_beside

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.e2e.conftest import OpenTab

pytestmark = [*NEEDS_BROWSER, pytest.mark.features("sequences")]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, demo_photos: Path) -> Iterator[str]:
    """A page of the photos of the demo, taken on one day: a cat, and coffee after it."""
    folder = tmp_path_factory.mktemp("sequences")
    (folder / "photos").mkdir()
    for number, path in enumerate(sorted(demo_photos.iterdir())):
        copied = folder / "photos" / f"{number:02}{path.suffix}"
        copied.write_bytes(path.read_bytes())
        state_beside(
            copied, (datetime(2019, 6, 15, 9) + timedelta(minutes=20 * number)).isoformat()
        )
    made = run_cli("index", folder / "photos", "--encoder", "lite", data=folder / "library")
    assert made.returncode == 0, made.stderr
    with serving(folder / "library") as page:
        yield page


@pytest.mark.parametrize("width", [1440, 390])
def test_rows_of_photos_in_order(
    address: str, open_tab: OpenTab, width: int, screenshot: Callable[[Page, str], None]
) -> None:
    tab = open_tab(address, width=width, height=844)
    tab.goto(address)
    search(tab, "a cat ~> a coffee cup")
    shown = tab.locator(".st-key-sequences")
    expect(shown).to_contain_text("a cat → a coffee cup")
    expect(shown).to_contain_text("15 June 2019 · likely · 1 h after")
    first, second = (shown.locator(".tile").nth(number) for number in (0, 1))
    expect(second).to_be_visible()
    boxes = first.bounding_box(), second.bounding_box()
    assert boxes[0] is not None and boxes[1] is not None
    assert boxes[0]["y"] == boxes[1]["y"] and boxes[0]["x"] < boxes[1]["x"]
    assert boxes[1]["x"] + boxes[1]["width"] <= width
    assert axe_violations(tab) == []
    screenshot(tab, f"sequences-{width}")


def test_words_that_state_an_order_and_how_to_mean_the_words(
    address: str, open_tab: OpenTab
) -> None:
    tab = open_tab(address)
    tab.goto(address)
    search(tab, "first a cat, then a coffee cup")
    shown = tab.locator(".st-key-sequences")
    expect(shown).to_contain_text("a cat → a coffee cup")
    shown.get_by_role("button", name="Search for these words instead").click()
    expect(shown).to_have_count(0, timeout=20_000)
    tab.locator(".tile, .st-key-no_results").first.wait_for()
    assert "plain" in tab.url


def test_a_wrong_line_says_what_is_wrong(address: str, open_tab: OpenTab) -> None:
    tab = open_tab(address)
    tab.goto(address)
    search(tab, "a cat ~> ")
    expect(tab.get_by_text("A part of the line is empty")).to_be_visible(timeout=20_000)
