"""The start page: photos of this time in earlier years above the newest, where there are some."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from imgsearch import Library, Settings
from tests.browsing import NEEDS_BROWSER, axe_violations, serving, settle, small_targets
from tests.e2e.test_page_timeline import HOME, add_photos

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.e2e.conftest import OpenTab

pytestmark = NEEDS_BROWSER
TODAY = date.today()
LAST_YEAR = TODAY - timedelta(days=365)


def at_noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12)


def a_life() -> list[tuple[datetime | None, dict[str, Any]]]:
    """Of this day six and three years ago, and of the week around it a year ago."""
    months_ago = [at_noon(TODAY - timedelta(days=30 * number)) for number in range(2, 12)]
    # For a test that runs over midnight, tomorrow as well.
    this_day = [
        at_noon(date(day.year - years, day.month, min(day.day, 28) if day.month == 2 else day.day))
        for years in (6, 3)
        for day in (TODAY, TODAY + timedelta(days=1))
    ]
    week = [at_noon(LAST_YEAR - timedelta(days=2)), at_noon(LAST_YEAR - timedelta(days=1))]
    return [*((at, HOME) for at in [*this_day, *week, *months_ago]), (None, {})]


@pytest.fixture(scope="module")
def place(demo_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("start")
    pictures = sorted(demo_photos.iterdir())
    add_photos(folder / "photos", folder / "library", a_life(), pictures)
    return folder


def test_rows_show_this_day_and_the_week_a_year_ago(page: Page, address: str) -> None:
    page.goto(address)
    rows = page.locator(".memories")
    expect(rows).to_have_count(2)
    settle(page)
    expect(rows.first.get_by_role("heading")).to_contain_text("On this day, ")
    years = rows.first.locator(".badge.taken")
    expect(years).to_have_text([str(TODAY.year - 3), str(TODAY.year - 6)])
    expect(rows.nth(1).get_by_role("heading")).to_contain_text("A year ago this week")
    expect(rows.nth(1).locator(".badge.taken")).to_have_count(2)
    expect(page.get_by_role("heading", name="Newest 17")).to_be_visible()
    below = page.get_by_role("heading", name="Newest 17").bounding_box()
    last = rows.nth(1).bounding_box()
    assert below is not None and last is not None
    assert last["y"] + last["height"] <= below["y"]  # nothing covers anything


def test_a_photo_of_a_row_opens_among_its_row(page: Page, address: str) -> None:
    page.goto(address)
    row = page.locator(".memories").first
    row.locator(".tile a").first.click()
    expect(page.locator("nav.bar .position")).to_have_text("1 of 2")
    page.go_back()
    row.get_by_role("link", name="Show all: On this day").click()
    page.wait_for_url("**/?q=day**")
    expect(page.locator(".section .tile a[aria-label]")).to_have_count(2)


def test_rows_without_photos_are_not_there(
    open_tab: OpenTab, demo_photos: Path, tmp_path: Path
) -> None:
    other = [(at_noon(TODAY - timedelta(days=100)), HOME)]
    add_photos(tmp_path / "photos", tmp_path / "library", other, sorted(demo_photos.iterdir())[:1])
    with serving(tmp_path / "library") as address:
        tab = open_tab(address)
        tab.goto(address)
        tab.locator(".section .tile a[aria-label]").wait_for()
        settle(tab)
        assert tab.locator(".memories").count() == 0
        expect(tab.locator(".head .text")).to_have_text("Newest of 1 photo")


def test_photos_that_have_left_leave_their_row(page: Page, address: str, place: Path) -> None:
    page.goto(address)
    rows = page.locator(".memories")
    expect(rows).to_have_count(2)
    settings = Settings.load(data_dir=place / "library", encoder="lite")
    with Library.open(settings) as library:
        first, end = LAST_YEAR - timedelta(days=4), LAST_YEAR + timedelta(days=4)
        found = library.search(f"after:{first.isoformat()} before:{end.isoformat()}", k=9)
        week = [hit.photo.id for hit in found]
        assert len(week) == 2
        change = library.marks.set(week, hidden=True)
        try:
            page.reload()
            expect(rows).to_have_count(1)
        finally:
            assert change.id is not None
            library.changes.undo(change.id)


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_rows_are_accessible(
    open_tab: OpenTab, address: str, width: int, color_scheme: Any
) -> None:
    tab = open_tab(address, width=width, color_scheme=color_scheme)
    tab.goto(address)
    expect(tab.locator(".memories")).to_have_count(2)
    settle(tab)
    assert axe_violations(tab) == []
    if width == 390:
        assert small_targets(tab) == []
