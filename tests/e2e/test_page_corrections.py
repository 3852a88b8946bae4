"""Dates and places corrected on the page: of selected photos, and of the photo that is shown."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import ExifTags, Image
from playwright.sync_api import expect

from imgsearch import Library, Settings
from tests.browsing import (
    NEEDS_BROWSER,
    axe_violations,
    clear_tray,
    settle,
    small_targets,
    undo_all,
)

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page, Route

    from tests.e2e.conftest import OpenTab

pytestmark = [*NEEDS_BROWSER, pytest.mark.features("corrections")]
# By name: when each photo was taken, if its file says so.
NAMES = {
    "IMG_20190513_101112.jpg": None,
    "IMG_20190514_101112.jpg": None,
    "scan.jpg": None,
    "camera.jpg": datetime(2023, 6, 15, 23, 30),
}


@pytest.fixture(scope="module")
def place(demo_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corrections")
    (folder / "photos").mkdir()
    for (name, taken_at), picture in zip(
        NAMES.items(), sorted(demo_photos.iterdir()), strict=False
    ):
        exif = Image.Exif()
        if taken_at is not None:
            tags = exif.get_ifd(ExifTags.IFD.Exif)
            tags[ExifTags.Base.DateTimeOriginal] = f"{taken_at:%Y:%m:%d %H:%M:%S}"
        with Image.open(picture) as image:
            image.convert("RGB").save(folder / "photos" / name, exif=exif)
    with Library.open(Settings.load(data_dir=folder / "library", encoder="lite")) as library:
        library.index([folder / "photos"]).run()
    return folder


@pytest.fixture
def library(place: Path) -> Iterator[Library]:
    """The library, in which nothing is corrected and all photos are selected."""
    with Library.open(Settings.load(data_dir=place / "library", encoder="lite")) as library:
        clear_tray(place / "library")
        undo_all(library)
        library.tray.clear()
        library.tray.add([hit.photo.id for hit in library.search("sort:path", k=9)])
        yield library


def found(library: Library, line: str) -> list[str]:
    return sorted(hit.path.name for hit in library.search(line, k=9))


def id_of(library: Library, name: str) -> int:
    (hit,) = library.search(f"name:{name}", k=2)
    return hit.photo.id


def open_correction(tab: Page, address: str, kind: str) -> Locator:
    """Open the dialog for the selected photos; returns it."""
    tab.goto(f"{address}/?q=sort:path")
    settle(tab)
    tab.locator(".selection-bar").wait_for()
    further = tab.locator(".selection-bar").get_by_role("button", name="Further actions")
    if further.is_visible():  # on a phone
        further.click()
    tab.get_by_role("button", name="Date or place", exact=True).click()
    dialog = tab.get_by_role("dialog", name="Date or place of 4 photos")
    dialog.get_by_role("button", name=kind, exact=True).click()
    return dialog


def test_a_date_is_set_after_a_look_at_what_becomes_of_each_photo(
    page: Page, address: str, library: Library
) -> None:
    dialog = open_correction(page, address, "Set a date")
    expect(dialog.get_by_role("button", name="Set the date", exact=True)).to_be_disabled()
    dialog.get_by_role("textbox", name="Date").fill("1974-13")
    expect(dialog.get_by_role("alert")).to_contain_text("'1974-13' is not a date")
    dialog.get_by_role("textbox", name="Date").fill("1974-07")
    rows = dialog.locator(".correct-change")
    expect(rows).to_have_count(4)
    camera = rows.filter(has_text="camera.jpg")
    expect(camera).to_contain_text("15 June 2023, 23:30 → July 1974")
    assert found(library, "on:1974") == []  # nothing is written yet
    dialog.get_by_role("button", name="Set the date of 4 photos").click()
    expect(dialog).to_be_hidden()
    expect(page.locator(".told")).to_contain_text("Corrected the date of 4 photos")
    expect(page.locator(".section .tile").filter(has_text="July 1974")).to_have_count(4)
    assert found(library, "on:1974-07") == sorted(NAMES)
    page.locator(".told").get_by_role("button", name="Undo").click()
    expect(page.locator(".section .tile").filter(has_text="15 June 2023")).to_have_count(1)
    assert found(library, "on:1974") == []


def test_a_clock_is_set_right_and_photos_without_a_date_are_left_alone(
    page: Page, address: str, library: Library
) -> None:
    dialog = open_correction(page, address, "Shift the time")
    rows = dialog.locator(".correct-change")
    expect(rows).to_have_text(["photos/camera.jpg15 June 2023, 23:30 → 16 June 2023, 00:30"])
    expect(dialog.get_by_role("status")).to_have_text(
        "3 photos state no date that could be shifted."
    )
    dialog.get_by_role("spinbutton", name="days").fill("1")
    dialog.get_by_role("spinbutton", name="hours").fill("0")
    dialog.get_by_role("spinbutton", name="minutes").fill("31")
    dialog.get_by_role("combobox").select_option("earlier")
    expect(rows).to_contain_text("→ 14 June 2023, 22:59")
    dialog.get_by_role("button", name="Shift 1 photo").click()
    expect(dialog).to_be_hidden()
    assert found(library, "on:2023-06-14") == ["camera.jpg"]


def test_dates_in_names_are_proposals_and_each_can_be_refused(
    page: Page, address: str, library: Library
) -> None:
    dialog = open_correction(page, address, "Dates in names")
    expect(dialog).to_contain_text("Proposals only")
    rows = dialog.locator(".correct-change")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("from the name IMG_20190513_101112.jpg")
    rows.first.get_by_role("checkbox").uncheck()
    dialog.get_by_role("button", name="Accept 1 proposal").click()
    expect(dialog).to_be_hidden()
    assert found(library, "on:2019-05") == ["IMG_20190514_101112.jpg"]


def test_a_place_is_chosen_among_those_of_the_name(
    page: Page, address: str, library: Library
) -> None:
    dialog = open_correction(page, address, "Set a place")
    town = dialog.get_by_role("textbox")
    expect(town).to_be_focused()
    held: list[Route] = []
    page.route("**/corrections/plan-place", lambda route: held.append(route))
    town.fill("xyzzyville")
    with page.expect_request("**/corrections/plan-place"):
        town.press("Enter")  # before anything is suggested
    page.wait_for_timeout(600)  # suggestions would have been due
    held[0].continue_()
    page.unroute("**/corrections/plan-place")
    expect(dialog.get_by_role("alert")).to_contain_text("No town called")
    town.fill("paris, tex")
    town.press("ArrowDown")  # the suggestion may not be there yet
    suggestion = dialog.get_by_role("button", name="Paris, Texas, United States")
    suggestion.press("Enter")
    expect(town).to_have_value("Paris, Texas, United States")
    rows = dialog.locator(".correct-change")
    expect(rows).to_have_count(4)
    expect(rows.first).to_contain_text("no place → Paris, Texas, United States")
    assert found(library, 'place:"Texas"') == []  # nothing is written yet
    dialog.get_by_role("button", name="Set the place of 4 photos").press("Enter")
    expect(dialog).to_be_hidden()
    assert found(library, 'place:"Texas"') == sorted(NAMES)


def test_a_place_is_chosen_on_the_map_after_a_look_at_what_becomes_of_each_photo(
    page: Page, address: str, library: Library
) -> None:
    dialog = open_correction(page, address, "Set a place")
    town, view = dialog.get_by_role("textbox"), dialog.locator(".place-view[data-drawn]")
    view.wait_for()
    town.fill("lisbon, p")
    dialog.get_by_role("button", name="Lisbon").first.click()  # the map goes there
    rows = dialog.locator(".correct-change")
    expect(rows.first).to_contain_text("→ Lisbon")
    view.wait_for()
    box = view.bounding_box()
    assert box is not None
    # 120 px are some 50 km at this zoom.
    view.click(position={"x": box["width"] / 2, "y": box["height"] / 2 - 120})
    expect(town).to_have_value(re.compile(r"^39\.\d+,-9\.\d+$"))
    expect(rows).to_have_count(4)
    expect(rows.first).to_contain_text(re.compile("no place → .*Portugal"))
    assert found(library, "country:Portugal") == []  # nothing is written yet
    view.focus()
    page.keyboard.press("Enter")  # the middle of the map
    expect(town).to_have_value(re.compile(r"^38\.\d+,-9\.\d+$"))
    dialog.get_by_role("button", name="Set the place of 4 photos").click()
    expect(dialog).to_be_hidden()
    assert found(library, "country:Portugal") == sorted(NAMES)
    page.locator(".told").get_by_role("button", name="Undo").click()
    expect(page.locator(".told")).to_contain_text("Undone")
    assert found(library, "country:Portugal") == []


def test_a_place_that_was_typed_is_looked_up_before_it_is_set(
    page: Page, address: str, library: Library
) -> None:
    dialog = open_correction(page, address, "Set a place")
    town = dialog.get_by_role("textbox")
    town.fill("48.8566,2.3522")
    dialog.get_by_role("button", name="Show what becomes of 4 photos").click()
    expect(dialog.locator(".correct-change").first).to_contain_text("→ Paris")
    assert found(library, "place:Paris") == []
    town.press("Enter")
    expect(dialog).to_be_hidden()
    assert found(library, "place:Paris") == sorted(NAMES)
    dialog = open_correction(page, address, "Set a place")
    dialog.get_by_role("textbox").fill("48.8566,2.3522")
    dialog.get_by_role("textbox").press("Enter")
    expect(dialog.get_by_role("status")).to_have_text("These photos have this place already.")


def test_a_photo_says_what_its_file_says_and_takes_a_correction_back(
    page: Page, address: str, library: Library
) -> None:
    photo_id = id_of(library, "camera.jpg")
    page.goto(f"{address}/photo?id={photo_id}")
    page.get_by_role("button", name="Correct the date or place").click()
    dialog = page.get_by_role("dialog", name="Date or place of 1 photo")
    dialog.get_by_role("textbox", name="Date").fill("1974-07-02")
    dialog.get_by_role("button", name="Set the date of 1 photo").click()
    details = page.locator(".drawer")
    expect(details.get_by_text("Date corrected by you: 2 July 1974.")).to_be_visible()
    expect(details.get_by_text("The file says: 15 June 2023, 23:30.")).to_be_visible()
    expect(details.get_by_text("2 July 1974 (corrected by you)")).to_be_visible()
    details.get_by_role("button", name="Take back the date").click()
    expect(details.get_by_text("Date corrected by you")).to_have_count(0)
    expect(details.get_by_text("15 June 2023, 23:30 (from EXIF)")).to_be_visible()
    assert library.corrections.of([photo_id]) == {}
    page.keyboard.press("Control+z")  # of what was taken back
    expect(details.get_by_text("Date corrected by you: 2 July 1974.")).to_be_visible()
    page.keyboard.press("Control+z")
    expect(details.get_by_text("Date corrected by you")).to_have_count(0)


def test_all_that_was_corrected_in_selected_photos_is_taken_back_at_once(
    page: Page, address: str, library: Library
) -> None:
    ids = [id_of(library, "scan.jpg"), id_of(library, "camera.jpg")]
    library.corrections.set_place(ids, place="Lisbon")
    dialog = open_correction(page, address, "Set a date")
    dialog.get_by_role("button", name="Take back what was corrected in 2 photos").click()
    expect(dialog).to_be_hidden()
    assert found(library, "place:Lisbon") == []


def test_a_corrected_date_moves_the_photo_in_the_timeline(
    page: Page, address: str, library: Library
) -> None:
    page.goto(f"{address}/timeline")
    expect(page.get_by_role("heading", name="June 2023")).to_be_visible()
    page.locator(".selection-bar").get_by_role("button", name="Date or place").click()
    dialog = page.get_by_role("dialog", name="Date or place of 4 photos")
    dialog.get_by_role("textbox", name="Date").fill("1974-07-02")
    dialog.get_by_role("button", name="Set the date of 4 photos").click()
    expect(page.get_by_role("heading", name="July 1974")).to_be_visible()
    expect(page.get_by_role("heading", name="June 2023")).to_have_count(0)


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_corrections_are_accessible(
    open_tab: OpenTab,
    address: str,
    library: Library,
    width: int,
    color_scheme: Any,
    screenshot: Callable[..., None],
) -> None:
    library.corrections.set_place([id_of(library, "scan.jpg")], place="Lisbon")
    tab = open_tab(address, width=width, color_scheme=color_scheme)
    dialog = open_correction(tab, address, "Dates in names")
    for kind in ("Dates in names", "Shift the time", "Set a place", "Set a date"):
        dialog.get_by_role("button", name=kind, exact=True).click()
        tab.wait_for_load_state("networkidle")
        if kind == "Set a place":
            dialog.locator(".place-view[data-drawn]").wait_for()
            screenshot(tab, f"place-on-map-{width}-{color_scheme}")
        assert axe_violations(tab) == []
        if width == 390:
            in_dialog = [each for each in small_targets(tab) if "checkbox" not in each[0]]
            assert in_dialog == []  # the whole row of a box can be touched
    tab.keyboard.press("Escape")
    tab.goto(f"{address}/photo?id={id_of(library, 'scan.jpg')}")
    tab.get_by_role("button", name="Take back the place").wait_for()
    settle(tab)
    assert axe_violations(tab) == []
