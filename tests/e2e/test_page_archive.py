"""The page of an archive: search, view and open its photos in a real browser."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest
from PIL import Image
from playwright.sync_api import expect

from imgsearch import Library, Settings
from tests.browsing import (
    NEEDS_BROWSER,
    axe_violations,
    download,
    serving,
    settle,
    view_link,
    wait_for_count,
    wait_for_first,
    wait_until_shown,
)
from tests.factories import run_cli, wait_until
from tests.people import ColourReader, write_people
from tests.travels import state_beside

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.e2e.conftest import OpenTab

pytest.importorskip("lance", reason="needs the extra scale")

from imgsearch.archive.replica.replica import replica_folder
from tests.catalogue_writer import photo as photo_to_put
from tests.replicas import new_archive
from tests.test_replica import copying

pytestmark = NEEDS_BROWSER
PHONE = (390, 844, "dark")
ON_BOTH_SCREENS = pytest.mark.parametrize("screen", [(1280, 860, "light"), PHONE], indirect=True)
ROME, VIENNA = (41.9, 12.5), (48.2, 16.4)


@dataclass(frozen=True)
class Screen:
    """Where a page is looked at."""

    width_px: int
    height_px: int
    theme: Literal["light", "dark"]
    open_tab: OpenTab
    screenshot: Callable[[Page, str], None]

    def open(self, address: str) -> Page:
        return self.open_tab(address, self.width_px, self.height_px, self.theme)

    def picture(self, tab: Page, name: str) -> None:
        self.screenshot(tab, f"archive-{name}-{self.width_px}-{self.theme}")


@pytest.fixture
def screen(
    request: pytest.FixtureRequest, open_tab: OpenTab, screenshot: Callable[[Page, str], None]
) -> Screen:
    width_px, height_px, theme = request.param
    return Screen(width_px, height_px, theme, open_tab, screenshot)


@pytest.fixture(scope="module")
def address(demo: Library, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the page of an archive is served that the demo library was copied to."""
    place = tmp_path_factory.mktemp("archive-page")
    archive = place / "archive"
    with Library.open_archive(archive, Settings.load(data_dir=place / "data")) as opened:
        opened.fleet.copy_from(demo.settings.data_dir).run()
    with serving(place / "data", "--library", str(archive)) as served:
        yield served


@pytest.mark.parametrize("screen", [(1440, 900, "light"), PHONE], indirect=True)
def test_photos_of_an_archive_are_found_and_shown(
    address: str,
    screen: Screen,
) -> None:
    tab = screen.open(address)
    tab.goto(address)
    tab.locator(".head [role=status]", has_text="21").wait_for()  # a phone has not all in sight
    settle(tab)
    assert tab.get_by_role("link", name="Library").count() == 0
    wait_until_shown(tab.locator(".tile img").first)
    widths_px = tab.locator(".tile img").evaluate_all("each => each.map(one => one.naturalWidth)")
    assert 0 < max(widths_px) <= 256, "tiles need no original"
    screen.picture(tab, "newest")
    tab.get_by_role("combobox", name="Search").fill("a cat")
    tab.keyboard.press("Enter")
    wait_for_first(tab, "chelsea.png")
    settle(tab)
    screen.picture(tab, "answer")
    assert axe_violations(tab) == []
    tab.locator(".tile a[aria-label^='chelsea.png']").click()
    tab.get_by_role("heading", name="Why it matched").wait_for()
    settle(tab)
    assert tab.get_by_text("chelsea.png").first.is_visible()
    screen.picture(tab, "photo")
    assert axe_violations(tab) == []
    tab.goto(f"{address}/archive")
    tab.get_by_text("none; 28 vectors compared").wait_for()
    settle(tab)
    screen.picture(tab, "state")
    assert axe_violations(tab) == []


@pytest.fixture(scope="module")
def travels(demo_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page of an archive of 6 photos at home, 12 of a trip to Rome, and 3 without a place."""
    place = tmp_path_factory.mktemp("archive-travels")
    shutil.copytree(demo_photos, place / "photos")
    for number, photo in enumerate(sorted((place / "photos").iterdir())):
        if number < 12:
            state_beside(photo, f"2018-05-0{4 + number // 5}T12:{number:02}:00", ROME)
        elif number < 18:
            state_beside(photo, f"2018-0{number - 10}-07T12:00:00", VIENNA)
        else:
            state_beside(photo, f"2017-03-1{number - 18}T12:00:00")
    with Library.open_archive(place / "archive", Settings.load(data_dir=place / "data")) as opened:
        opened.index([place / "photos"]).run()
    with serving(place / "data", "--library", str(place / "archive")) as served:
        yield served


@ON_BOTH_SCREENS
def test_an_archive_has_a_timeline_and_a_map(
    travels: str,
    screen: Screen,
) -> None:
    tab = screen.open(travels)
    tab.goto(f"{travels}/timeline")
    tab.get_by_text("21 photos", exact=True).wait_for()
    tab.get_by_role("heading", name="Trip to Rome").wait_for()
    wait_until_shown(tab.locator(".section .tile img").first)
    settle(tab)
    screen.picture(tab, "timeline")
    assert axe_violations(tab) == []
    tab.locator(".section .tile a[aria-label]").first.click()
    tab.get_by_text("1 of 21").wait_for()
    tab.keyboard.press("ArrowRight")
    tab.get_by_text("2 of 21").wait_for()
    tab.goto(f"{travels}/map")
    tab.locator(".map[data-drawn][data-clusters]").wait_for()
    tab.get_by_text("18 photos · 3 without a place").wait_for()
    settle(tab)
    screen.picture(tab, "map")
    assert axe_violations(tab) == []
    tab.get_by_role("button", name="12 photos, Rome").click()
    tab.get_by_role("link", name="Show photos").click()
    tab.wait_for_url("**/?q=near*")
    wait_for_count(tab, 12)
    view_link(tab, "By date").click()
    tab.get_by_text("12 photos for near:").wait_for()


@ON_BOTH_SCREENS
def test_photos_of_an_archive_are_filtered_by_folder_and_place(
    travels: str,
    screen: Screen,
) -> None:
    tab = screen.open(travels)
    tab.goto(travels)
    tab.get_by_role("button", name="Filters").click()
    tab.get_by_role("button", name="Folders").wait_for()
    find = tab.get_by_role("searchbox", name="Find a folder, place, person, keyword or label")
    find.fill("rome")
    tab.locator(".choice", has_text="Rome").first.wait_for()
    settle(tab)
    screen.picture(tab, "filters")
    assert axe_violations(tab) == []
    tab.locator(".choice", has_text="Rome").first.click()
    expect(tab.get_by_role("combobox", name="Search")).to_have_value("place:Rome")
    wait_for_count(tab, 12)
    tab.locator(".st-key-chips").get_by_role("button", name="Place Rome").wait_for()


@ON_BOTH_SCREENS
def test_names_in_an_archive_are_suggested_while_somebody_types(
    travels: str,
    screen: Screen,
) -> None:
    tab = screen.open(travels)
    tab.goto(travels)
    tab.locator(".head [role=status]", has_text="21").wait_for()  # a phone has not all in sight
    box = tab.get_by_role("combobox", name="Search")
    box.click()
    tab.keyboard.type("type:png in vien")
    option = tab.get_by_role("option")
    expect(option).to_contain_text(["Vienna"])
    settle(tab)
    screen.picture(tab, "suggestions")
    assert axe_violations(tab) == []
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("Enter")
    expect(box).to_have_value("type:png place:Vienna")
    expect(tab.get_by_role("option")).to_have_count(0)


def test_near_duplicates_of_an_archive_are_shown_side_by_side(
    demo_photos: Path, tmp_path: Path, open_tab: OpenTab, screenshot: Callable[[Page, str], None]
) -> None:
    photos, archive = tmp_path / "photos", tmp_path / "archive"
    photos.mkdir()
    with Image.open(demo_photos / "chelsea.png") as cat:
        cat.convert("RGB").save(photos / "cat.png")
        cat.convert("RGB").resize((300, 200)).save(photos / "small.jpg")
    settings = Settings.load(data_dir=tmp_path / "data", encoder="lite")
    with Library.open_archive(archive, settings) as opened:
        opened.index([photos]).run()
    with serving(tmp_path / "data", "--library", str(archive)) as address:
        tab = open_tab(address)
        tab.goto(f"{address}/similar")
        tab.get_by_role("button", name="Compare").click()
        for name in ("cat.png", "small.jpg"):
            tab.locator(f".tile a[aria-label^='{name}']").wait_for()
        settle(tab)
        screenshot(tab, "archive-similar")
        assert axe_violations(tab) == []
        assert download(tab, "Paths").read_text() == f"{photos / 'small.jpg'}\n"
        assert download(tab, "Script").read_text().count("small.jpg' ") == 1
        tab.set_viewport_size({"width": 390, "height": 844})
        settle(tab)
        screenshot(tab, "archive-similar-narrow")


def test_people_show_what_another_process_does_with_the_archive(
    tmp_path: Path, open_tab: OpenTab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "imgsearch.features.people.finding.open_reader", lambda cache: ColourReader()
    )
    for number in range(3):
        write_people(tmp_path / "photos" / f"{number}.png", "red", size_px=(80 + number, 40))
    settings = Settings.load(data_dir=tmp_path / "data", encoder="lite")
    with Library.open_archive(tmp_path / "archive", settings) as archive:
        archive.index([tmp_path / "photos"]).run()
        with serving(tmp_path / "data", "--library", str(archive.address)) as address:
            steps = iter(archive.people.find_faces())  # of this process, not of the page
            next(steps)
            tab = open_tab(address)
            tab.goto(f"{address}/people")
            tab.get_by_text("Finding faces in another process").wait_for()
            expect(tab.get_by_role("button", name="Find faces in 3 photos")).to_be_disabled()
            list(steps)
            tab.get_by_role("button", name="No name yet, 3 photos").wait_for()
            expect(tab.get_by_text("in another process")).to_have_count(0)
            for number in range(2):
                photo = tmp_path / "photos" / f"lime{number}.png"
                write_people(photo, "lime", size_px=(90 + number, 40))
            archive.index([tmp_path / "photos"]).run()
            steps = iter(archive.people.find_faces())
            next(steps)
            tab.get_by_text("Finding faces in another process").wait_for()
            list(steps)
            tab.get_by_role("button", name="No name yet, 2 photos").wait_for()


def test_a_photo_of_an_archive_is_an_example(address: str, open_tab: OpenTab) -> None:
    tab = open_tab(address)
    tab.goto(f"{address}/?q=a+cat")
    wait_for_first(tab, "chelsea.png")
    tab.locator(".tile a[aria-label^='chelsea.png']").click()
    tab.get_by_role("link", name="Find similar").click()
    tab.wait_for_url("**photo=*")
    tab.locator(".crop img").wait_for()
    tab.locator(".tile").first.wait_for()
    assert tab.locator(".tile a[aria-label^='chelsea.png']").count() == 0


def test_selected_photos_of_an_archive_can_be_exported(
    address: str, open_tab: OpenTab, demo: Library
) -> None:
    tab = open_tab(address)
    tab.goto(f"{address}/?q=a+cat")
    wait_for_first(tab, "chelsea.png")
    settle(tab)
    tab.locator(".tile .select").first.check()
    tab.get_by_text("1 photo selected").wait_for()
    paths = download(tab, "Paths")
    written = paths.read_text()
    assert written == f"{demo.find('a cat').hits[0].path}\n"


def test_without_an_archive_there_no_page_opens(tmp_path: Path) -> None:
    done = run_cli("ui", "--library", tmp_path / "none", "--no-browser", data=tmp_path / "data")
    assert done.returncode == 8
    assert f"There is no archive at {tmp_path / 'none'}" in done.stderr


@pytest.fixture(scope="module")
def painted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path, Settings]]:
    """The page of an archive in whose photos two persons were found: red in three, lime in two."""
    place = tmp_path_factory.mktemp("archive-people")
    for number, colours in enumerate((["red"], ["red"], ["red", "lime"], ["lime"])):
        photo = place / "photos" / f"{number}.png"
        write_people(photo, *colours, size_px=(320 + number, 160))
    settings = Settings.load(data_dir=place / "data", encoder="lite")
    with (
        pytest.MonkeyPatch.context() as patch,
        Library.open_archive(place / "archive", settings) as archive,
    ):
        patch.setattr("imgsearch.features.people.finding.open_reader", lambda cache: ColourReader())
        archive.index([place / "photos"]).run()
        archive.people.find_faces().run()
    with serving(place / "data", "--library", str(place / "archive")) as served:
        yield served, place / "archive", settings


@pytest.mark.parametrize("screen", [(1280, 860, "light")], indirect=True)
def test_people_of_an_archive_are_named(
    painted: tuple[str, Path, Settings], screen: Screen
) -> None:
    address, place, settings = painted
    tab = screen.open(address)
    tab.goto(f"{address}/people")
    cards = tab.get_by_role("region", name="Who is this?").get_by_role("button")
    expect(cards).to_have_count(2)
    settle(tab)
    cards.first.click()
    wait_until_shown(tab.locator(".detail img").first)
    tab.locator(".detail").get_by_role("combobox", name="Name of this person").fill("Zoë")
    tab.keyboard.press("Enter")
    expect(cards).to_have_count(1)  # at once
    tab.get_by_text("Named Zoë.").wait_for()  # recorded
    screen.picture(tab, "people")
    with Library.open_archive(place, settings) as archive:
        assert [(each.name, each.photos) for each in archive.people.all()] == [
            ("Zoë", 3),
            (None, 2),
        ]
    tab.goto(f"{address}/?q=only:zoe")
    wait_for_count(tab, 2)
    tab.goto(f"{address}/people")
    tab.get_by_role("button", name="Undo").click()
    expect(cards).to_have_count(2)


def test_the_page_shows_how_far_the_first_copy_is(tmp_path: Path, open_tab: OpenTab) -> None:
    writer = new_archive(tmp_path / "archive")
    writer.put([photo_to_put(number, f"/photos/{number}.jpg") for number in range(4500)])
    settings = Settings.load(data_dir=tmp_path / "data", replica_dir=tmp_path / "copies")
    copy = replica_folder(settings, str(writer.address))
    copy.mkdir(parents=True, mode=0o700)
    (tmp_path / "replica").symlink_to(copy)
    held = copying(writer.address, tmp_path, "batch")
    try:
        options = ("--library", str(writer.address), "--replica", str(tmp_path / "copies"))
        with serving(tmp_path / "data", *options) as address:
            tab = open_tab(address)
            tab.goto(f"{address}/archive")
            tab.get_by_text("more will be found: 2,000 of 4,500 photos").first.wait_for()
            tab.get_by_text("not complete yet").wait_for()
            held.kill()
            held.communicate()

            def is_complete() -> bool:
                """Whether it is after a reload. A page that was just drawn does not follow."""
                tab.reload()
                tab.get_by_text("Its size").wait_for()
                return tab.get_by_text(", complete").count() > 0

            wait_until(is_complete)
            tab.get_by_text("4,500", exact=True).wait_for()
    finally:
        held.kill()
        held.communicate()
