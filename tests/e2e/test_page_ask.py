"""A question in the search field of the page: its answer stands above the photos."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browsing import NEEDS_BROWSER, axe_violations, search, serving
from tests.factories import run_cli
from tests.travels import write_travels

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.e2e.conftest import OpenTab

pytestmark = [*NEEDS_BROWSER, pytest.mark.features("ask")]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A page of the photos of some travels."""
    folder = tmp_path_factory.mktemp("asked")
    photos = write_travels(folder / "photos")
    made = run_cli("index", photos, "--encoder", "lite", data=folder / "library")
    assert made.returncode == 0, made.stderr
    with serving(folder / "library") as page:
        yield page


@pytest.mark.parametrize("width", [1280, 390])
def test_the_answer_stands_above_the_photos(
    address: str, open_tab: OpenTab, width: int, screenshot: Callable[[Page, str], None]
) -> None:
    tab = open_tab(address, width=width, height=844)
    tab.goto(address)
    search(tab, "How often was I in Arezzo?")
    answer = tab.locator(".st-key-question_answer")
    expect(answer).to_contain_text("At least once: on 22 October 2008, in Arezzo.")
    box, tile = answer.bounding_box(), tab.locator(".tile").first.bounding_box()
    assert box is not None and tile is not None
    assert box["y"] + box["height"] <= tile["y"] and box["x"] + box["width"] <= width
    assert axe_violations(tab) == []
    screenshot(tab, f"question-{width}")
    answer.get_by_role("button", name="Show 2 photos of it").click()
    expect(answer).to_have_count(0, timeout=20_000)
    expect(tab.locator(".tile")).to_have_count(2)
    assert "place" in tab.url


def test_words_that_are_no_question_have_no_answer(address: str, open_tab: OpenTab) -> None:
    tab = open_tab(address)
    for line in ("when harry met sally", "When?", "Arezzo"):
        tab.goto(address)
        search(tab, line)
        tab.locator(".tile, .st-key-no_results").first.wait_for()
        expect(tab.locator(".st-key-question_answer")).to_have_count(0)
