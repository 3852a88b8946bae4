"""What was interrupted: the page goes on with it when it starts, and says what is missing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from imgsearch import Library, Settings
from tests.browsing import NEEDS_BROWSER, axe_violations, serving, settle
from tests.factories import wait_until, write_photos

if TYPE_CHECKING:
    from tests.e2e.conftest import OpenTab

pytestmark = NEEDS_BROWSER
PHOTOS = 12
VIEWS = ("", "timeline", "events", "map", "meaning", "people", "similar", "labels", "library")


@pytest.fixture
def interrupted(tmp_path: Path) -> tuple[Settings, int]:
    """The settings of a library whose indexing was stopped, and how many files are left."""
    settings = Settings.load(data_dir=tmp_path / "library", encoder="lite", batch_size=2)
    photos = write_photos(tmp_path / "photos", PHOTOS)
    with Library.open(settings) as library:
        job = library.index([photos])
        for _ in job:
            if library.exists() and library.photo_count():
                job.close()
                break
        (unfinished,) = library.unfinished()
        assert unfinished.left
        return settings, unfinished.left


def test_the_page_goes_on_by_itself(interrupted: tuple[Settings, int]) -> None:
    settings, _ = interrupted
    with Library.open(settings) as library, serving(settings.data_dir):
        wait_until(lambda: not library.unfinished())
        assert library.photo_count() == PHOTOS


def test_every_view_says_what_is_missing_and_goes_on_at_a_click(
    interrupted: tuple[Settings, int], open_tab: OpenTab, tmp_path: Path
) -> None:
    settings, left = interrupted
    (tmp_path / "photos").rename(tmp_path / "elsewhere")  # so going on fails
    with Library.open(settings) as library, serving(settings.data_dir) as address:
        tab = open_tab(address)
        said = tab.get_by_text(f"Indexing was not finished: {left} files left.")
        for view in VIEWS:
            tab.goto(f"{address}/{view}")
            expect(said).to_be_visible()
        tab.goto(address)
        settle(tab)
        assert axe_violations(tab) == []
        (tmp_path / "elsewhere").rename(tmp_path / "photos")
        tab.get_by_role("button", name="Go on").click()
        wait_until(lambda: not library.unfinished())
        expect(said).to_have_count(0)
        tab.goto(f"{address}/map")
        settle(tab)
        assert said.count() == 0
