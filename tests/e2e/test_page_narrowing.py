"""Questions above a long answer in a real browser: yes and no by one click."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browsing import NEEDS_BROWSER, axe_violations, page_server, search, serving, settle
from tests.factories import run_cli
from tests.travels import AREZZO, SYDNEY, write_taken

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.e2e.conftest import OpenTab

pytestmark = [*NEEDS_BROWSER, pytest.mark.features("narrowing")]
PHOTOS = 60
QUESTIONS = ".st-key-narrowing .component"
# A page that asks no questions before the file HELD is there.
HELD_PAGE = """
import functools, os, sys, time
from pathlib import Path
from imgsearch.features.narrowing.operations import Narrowing

questions = Narrowing.questions

@functools.wraps(questions)
def questions_late(self, query):
    while not Path(os.environ["HELD"]).exists():
        time.sleep(.02)
    return questions(self, query)

Narrowing.questions = questions_late
from ui.server import main
main(sys.argv[1:])
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of 60 photos of two years and places."""
    folder = tmp_path_factory.mktemp("narrowed")
    (folder / "photos").mkdir()
    for number in range(PHOTOS):
        taken = f"{2008 + number % 2}-0{1 + number % 6}-07T{8 + number % 12:02}:30:00"
        at = AREZZO if number % 3 == 0 else SYDNEY if number % 6 == 1 else None
        write_taken(folder / "photos" / f"{number:02}.png", taken, at)
    made = run_cli("index", folder / "photos", "--encoder", "lite", data=folder / "library")
    assert made.returncode == 0, made.stderr
    return folder


@pytest.fixture(scope="module")
def address(place: Path) -> Iterator[str]:
    """The page of that library."""
    with serving(place / "library") as page:
        yield page


@pytest.mark.parametrize("width", [1440, 390])
def test_the_photos_are_shown_before_the_questions_and_do_not_move_for_them(
    place: Path, open_tab: OpenTab, tmp_path: Path, width: int
) -> None:
    held = tmp_path / "counted"
    served = page_server(
        place / "library", program=("-c", HELD_PAGE), environment={"HELD": str(held)}
    )
    with served as (address, _):
        tab = open_tab(address, width=width, height=844)
        tab.goto(address)
        search(tab, "type:png")
        first = tab.locator(".tile").first
        first.wait_for()
        asked = tab.locator(QUESTIONS)
        expect(asked).to_be_attached()
        settle(tab)
        before = first.bounding_box()
        assert before is not None and not asked.inner_text()
        held.touch()
        expect(asked).to_contain_text("Was it in 200")
        settle(tab)
        assert first.bounding_box() == before


@pytest.mark.parametrize("width", [1440, 390])
def test_a_click_on_yes_or_no_narrows_the_answer(
    address: str, open_tab: OpenTab, width: int, screenshot: Callable[[Page, str], None]
) -> None:
    tab = open_tab(address, width=width, height=844)
    tab.goto(address)
    search(tab, "type:png")
    asked = tab.locator(QUESTIONS)
    expect(asked).to_contain_text("Was it in 200")
    box, tile = asked.bounding_box(), tab.locator(".tile").first.bounding_box()
    assert box is not None and tile is not None
    assert box["y"] + box["height"] <= tile["y"] and box["x"] + box["width"] <= width
    assert axe_violations(tab) == []
    screenshot(tab, f"narrowing-{width}")
    year = asked.locator(".question").filter(has_text="Was it in 200")
    year.get_by_role("link", name="No").click()
    expect(asked).to_have_count(0, timeout=20_000)  # 30 photos are few
    expect(tab.get_by_text("of 60 photos").first).to_be_visible()
    assert "-on%3A200" in tab.url and tab.locator(".tile").count() <= 30
