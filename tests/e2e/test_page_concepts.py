"""Concepts on the page: taught from a selection, judged photo by photo."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from imgsearch import Library, Settings
from tests.browsing import (
    NEEDS_BROWSER,
    axe_violations,
    bring_into_view,
    open_control,
    settle,
    small_targets,
    wait_until_shown,
)
from tests.factories import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.e2e.conftest import OpenTab

pytestmark = NEEDS_BROWSER
CATS = ("chelsea.png", "horse.png")


@pytest.fixture(scope="module")
def place(demo_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the indexed library of the demo photos."""
    folder = tmp_path_factory.mktemp("concepts")
    with Library.open(Settings.load(data_dir=folder / "library", encoder="lite")) as library:
        library.index([demo_photos]).run()
    return folder


def open_library(place: Path) -> Library:
    return Library.open(Settings.load(data_dir=place / "library", encoder="lite"))


def test_teach_from_the_selection_and_judge_a_photo(
    open_tab: OpenTab, address: str, place: Path, screenshot: Callable[[Page, str], None]
) -> None:
    tab = open_tab(address, 1440, 900)
    tab.goto(f"{address}/?q=name:chelsea.png|horse.png")
    tab.locator(".tile").nth(1).wait_for()
    settle(tab)
    for number in range(2):
        tab.locator(".tile .select").nth(number).check()
    tab.get_by_text("2 photos selected").wait_for()
    open_control(tab, tab.get_by_role("button", name="Teach from these"))
    name = tab.get_by_role("combobox", name="Name of the concept")
    name.fill("our animals")
    name.press("Enter")
    tab.get_by_role("button", name="Teach", exact=True).click()
    tab.get_by_text("2 examples, 0 unlike it").wait_for()
    screenshot(tab, "concept-selection")
    with open_library(place) as library:
        judged = {
            hit.path.name: library.concepts.judged("our animals")[hit.photo.id]
            for hit in library.photos(list(library.concepts.judged("our animals")))
        }
        assert judged == dict.fromkeys(CATS, True)
    tab.get_by_text("Do these show our animals?").wait_for()
    wait_until_shown(tab.locator("[class*=st-key-proposed] img").first)
    assert axe_violations(tab) == []
    with open_library(place) as library:
        (proposed,) = library.concepts.to_judge("our animals", 1)
        tab.get_by_role("button", name="No", exact=True).first.click()
        wait_until(lambda: library.concepts.judged("our animals").get(proposed.photo.id) is False)
        tab.get_by_text("2 examples, 1 unlike it").wait_for()
    tab.get_by_role("button", name="Search for it").click()
    tab.wait_for_url("**/?q=concept*our+animals*")
    tab.get_by_text("nothing else").first.wait_for()
    settle(tab)

    with open_library(place) as library:
        other = next(
            hit for hit in library.search('concept:"our animals"') if hit.path.name not in CATS
        )

        def judgement() -> bool | None:
            return library.concepts.judged("our animals").get(other.photo.id)

        for width, height, scheme in ((1440, 900, "light"), (390, 844, "dark")):
            tab = open_tab(address, width, height, scheme)  # type: ignore[arg-type]
            tab.goto(f"{address}/photo?id={other.photo.id}")
            tab.get_by_role("heading", name="Concepts").wait_for()
            tab.get_by_role("button", name="No", exact=True).click()
            wait_until(lambda: judgement() is False)
            settle(tab)
            bring_into_view(tab.get_by_role("heading", name="Concepts"))
            screenshot(tab, f"concept-photo-{width}-{scheme}")
            if width == 390:
                assert small_targets(tab) == []
            assert axe_violations(tab) == []
            tab.get_by_role("button", name="No", exact=True).click()  # takes it back
            wait_until(lambda: judgement() is None)


def test_what_cannot_be_taught_is_said(open_tab: OpenTab, address: str, place: Path) -> None:
    with open_library(place) as library:
        (cat,) = library.search("name:chelsea")
        library.concepts.teach("alone", [cat.photo.id])
    tab = open_tab(address)
    tab.goto(f"{address}/photo?id={cat.photo.id}&q=concept:alone")
    tab.get_by_role("heading", name="Concepts").wait_for()
    tab.get_by_role("button", name="Yes", exact=True).first.click()  # takes the only one back
    tab.get_by_text("needs at least one photo that shows it").wait_for()
    with open_library(place) as library:
        assert library.concepts.get("alone").likes == 1
