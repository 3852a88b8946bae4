"""The same thing over time on the page: one row a thing, gaps as gaps, and the filmstrip saved."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from PIL import Image
from playwright.sync_api import expect

from imgsearch import Library, Settings
from tests.browsing import (
    NEEDS_BROWSER,
    axe_violations,
    search,
    settle,
    small_targets,
    view_as,
)
from tests.factories import save_taken

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from tests.e2e.conftest import OpenTab

pytestmark = [*NEEDS_BROWSER, pytest.mark.features("strips")]
CATS = ("2014-03-01", "2014-05-02", "2015-06-01", "2018-02-03")
CUPS = ("2016-07-01", "2018-09-09")


@pytest.fixture(scope="module")
def place(demo_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("over-time")
    (folder / "photos").mkdir()
    for picture, name, days in (
        ("chelsea.png", "cat", [*CATS, None]),
        ("coffee.png", "cup", CUPS),
    ):
        with Image.open(demo_photos / picture) as opened:
            image = opened.convert("RGB")
        for number, day in enumerate(days):
            # Each differs from the others by some pixels, so that each is a photo of its own.
            cropped = image.crop((number, 0, image.width, image.height))
            save_taken(cropped, folder / "photos" / f"{name}{number}.jpg", day)
    with Library.open(Settings.load(data_dir=folder / "library", encoder="lite")) as library:
        library.index([folder / "photos"]).run()
    return folder


def open_over_time(tab: Page, address: str, query: str = "q=name:cat") -> Locator:
    """Show the view; returns its rows."""
    tab.goto(f"{address}/over-time?{query}")
    tab.locator(".cell a").first.wait_for()
    return tab.locator("section.row")


def names_of(row: Locator) -> list[str | None]:
    """The cells of a row as a screen reader has them."""
    row.locator(".cell").first.wait_for()
    names: list[str | None] = row.locator(".cell").evaluate_all(
        "cells => cells.map(cell => cell.querySelector('a')?.ariaLabel ?? "
        "cell.querySelector('.unseen').textContent)"
    )
    return names


def test_each_year_has_its_picture_and_gaps_are_gaps(page: Page, address: str) -> None:
    row = open_over_time(page, address)
    expect(row).to_have_count(1)
    expect(row.get_by_role("heading")).to_have_text("name:cat")
    expect(row.locator(".head .about")).to_have_text("4 photos")  # not the one without a date
    assert names_of(row) == [
        "name:cat, 2014: 2 photos",
        "name:cat, 2015: 1 photo",
        "2016 – 2017: no photos",
        "name:cat, 2018: 1 photo",
    ]
    gap, year = row.locator(".cell.gap"), row.locator(".cell").first
    widths = [each.evaluate("cell => cell.offsetWidth") for each in (gap, year)]
    assert 40 < widths[0] < widths[1]


def test_a_click_leads_to_all_photos_of_the_year_or_month(page: Page, address: str) -> None:
    open_over_time(page, address)
    page.get_by_role("link", name="name:cat, 2014: 2 photos").click()
    expect(page.locator(".section .tile a[aria-label]")).to_have_count(2)
    assert parse_qs(urlsplit(page.url).query)["q"] == ["name:cat on:2014 -dated:file"]
    page.go_back()
    page.get_by_role("button", name="Months").click()
    page.get_by_role("link", name="name:cat, May 2014: 1 photo").click()
    expect(page.locator(".section .tile a[aria-label]")).to_have_count(1)
    page.go_back()
    expect(page.get_by_role("button", name="Months")).to_have_attribute("aria-pressed", "true")
    row = page.locator("section.row")
    assert names_of(row)[:3] == [
        "name:cat, March 2014: 1 photo",
        "April 2014: no photos",
        "name:cat, May 2014: 1 photo",
    ]


def test_rows_of_several_things_stand_below_each_other(page: Page, address: str) -> None:
    rows = open_over_time(page, address)
    field = page.get_by_role("textbox", name="Another thing")
    field.fill("name:cup")
    field.press("Enter")
    expect(rows).to_have_count(2)
    assert names_of(rows.nth(1)) == [
        "2014: no photos",
        "2015: no photos",
        "name:cup, 2016: 1 photo",
        "2017: no photos",
        "name:cup, 2018: 1 photo",
    ]
    lefts = [
        row.locator(".cell").last.evaluate("cell => cell.getBoundingClientRect().left")
        for row in rows.all()
    ]
    assert lefts[0] == lefts[1]  # the same year below itself
    page.reload()
    expect(rows).to_have_count(2)
    search(page, "name:cup")  # another thing in the first row; the second stays
    expect(rows.first.get_by_role("heading")).to_have_text("name:cup")
    expect(rows).to_have_count(2)
    page.get_by_role("button", name="Remove name:cup").click()
    expect(rows).to_have_count(1)
    expect(field).to_be_focused()
    page.wait_for_function("!location.search.includes('row')")


def test_things_that_are_not_there_and_queries_that_are_refused_say_so(
    page: Page, address: str
) -> None:
    rows = open_over_time(page, address, "q=name:cat&row=name:xyzzy&row=nonsense:1")
    expect(rows.nth(1)).to_contain_text("No photo with a date of its own was found.")
    expect(rows.nth(2).get_by_role("status")).to_contain_text("Unknown filter nonsense:")
    expect(rows.nth(1).get_by_role("button", name="Save the filmstrip")).to_have_count(0)


def test_words_and_the_answer_lead_here(page: Page, address: str) -> None:
    page.goto(f"{address}/?q=a+cat")
    view_as(page, "Over time")
    row = page.locator("section.row")
    expect(row.get_by_role("heading")).to_have_text("a cat")
    assert "a cat, 2014: 2 photos" in names_of(row)
    page.goto(f"{address}/timeline")
    page.get_by_role("button", name="Over time").click()
    expect(row.get_by_role("heading")).to_have_text("All photos")
    assert names_of(row)[:2] == ["All photos, 2014: 2 photos", "All photos, 2015: 1 photo"]


@pytest.mark.parametrize(("name", "file_format"), [("Picture", "JPEG"), ("Animation", "WEBP")])
def test_the_filmstrip_is_saved(page: Page, address: str, name: str, file_format: str) -> None:
    row = open_over_time(page, address)
    row.get_by_role("button", name="Save the filmstrip").click()
    dialog = page.get_by_role("dialog", name="Filmstrip of name:cat")
    with page.expect_download() as downloaded:
        dialog.get_by_role("button", name=name).click()
    with Image.open(downloaded.value.path()) as picture:
        assert picture.format == file_format
        if file_format == "WEBP":
            assert getattr(picture, "n_frames", 1) == 4  # three years and one gap
        else:
            assert picture.width > 3 * picture.height / 2
    expect(dialog).to_be_hidden()


def test_a_filmstrip_that_cannot_be_made_says_why(page: Page, address: str) -> None:
    row = open_over_time(page, address)
    row.get_by_role("button", name="Save the filmstrip").click()
    page.route("**/over-time/filmstrip**", lambda route: route.fulfill(status=422, body="No room."))
    dialog = page.get_by_role("dialog", name="Filmstrip of name:cat")
    dialog.get_by_role("button", name="Picture").click()
    expect(dialog.get_by_role("alert")).to_have_text("No room.")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_over_time_is_accessible(
    open_tab: OpenTab, address: str, width: int, color_scheme: Any
) -> None:
    tab = open_tab(address, width=width, color_scheme=color_scheme)
    rows = open_over_time(tab, address, "q=name:cat&row=name:cup")
    expect(rows.nth(1).locator(".cell a").first).to_be_visible()
    settle(tab)
    assert axe_violations(tab) == []
    if width == 390:
        assert small_targets(tab) == []
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    rows.first.locator(".cell a").first.focus()
    tab.keyboard.press("ArrowRight")
    focused = tab.evaluate("document.activeElement.shadowRoot.activeElement.ariaLabel")
    assert focused == "name:cat, 2015: 1 photo"
    rows.first.get_by_role("button", name="Save the filmstrip").click()
    assert axe_violations(tab) == []
