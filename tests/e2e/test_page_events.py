"""Events on the page: cards of occasions and trips, and one with its way, photos and title."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

from imgsearch import Library, Settings
from tests.browsing import (
    NEEDS_BROWSER,
    axe_violations,
    clear_tray,
    focused_name,
    search,
    serving,
    settle,
    small_targets,
    undo_all,
    wait_until_noticed,
)
from tests.e2e.test_page_timeline import HOME, ROME, add_photos

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from tests.e2e.conftest import OpenTab

pytestmark = [*NEEDS_BROWSER, pytest.mark.features("events")]
FLORENCE = {"lat": 43.77, "lon": 11.25, "town": "Florence", "country": "Italy"}


def a_life() -> list[tuple[datetime | None, dict[str, Any]]]:
    """Photos by number: weeks at home, a trip to two towns, a party, and a photo without a date."""
    weekly = [datetime(2017, 1, 3, 12) + timedelta(days=7 * week) for week in range(120)]
    trip = [
        (datetime(2018, 5, day, hour), place)
        for day, place in ((4, ROME), (5, FLORENCE), (6, FLORENCE))
        for hour in (9, 11, 13)
    ]
    party = [(datetime(2019, 6, 15, 19, minute), HOME) for minute in range(0, 40, 10)]
    return [*((at, HOME) for at in weekly), *trip, *party, (None, {})]


@pytest.fixture(scope="module")
def place(demo_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("events")
    pictures = sorted(demo_photos.iterdir())
    add_photos(folder / "photos", folder / "library", a_life(), pictures)
    return folder


@pytest.fixture
def library(place: Path) -> Iterator[Library]:
    """The library, in which no event was given a title."""
    clear_tray(place / "library")
    with Library.open(Settings.load(data_dir=place / "library", encoder="lite")) as library:
        undo_all(library)
        yield library


def open_events(tab: Page, address: str) -> Locator:
    """Show the view; returns the links of its events."""
    tab.goto(f"{address}/events")
    tab.locator(".event").first.wait_for()
    settle(tab)
    return tab.locator(".event a")


def open_trip(tab: Page, address: str) -> None:
    open_events(tab, address).filter(has_text="Trip").first.click()
    tab.locator(".route .view[data-drawn]").wait_for()
    settle(tab)


def test_occasions_and_trips_are_cards_and_single_photos_come_on_request(
    page: Page, address: str, library: Library
) -> None:
    events = open_events(page, address)
    expect(events).to_have_count(2)  # the party and the trip; each week at home had one photo
    expect(events.first).to_contain_text("Vienna, 15 June 2019")
    expect(events.first).to_contain_text("19:00 – 19:30 · 4 photos")
    trip = events.nth(1)
    expect(trip).to_contain_text("Florence, 4 to 6 May 2018")
    expect(trip).to_contain_text("3 days · 9 photos")
    expect(page.locator("section.year h2")).to_have_text(["2019", "2018"])
    expect(page.locator(".status")).to_have_text("1 trip, 1 occasion")
    assert trip.locator("img").evaluate("image => image.naturalWidth") > 8
    page.get_by_role("button", name="Show 120 more with one or two photos").click()
    expect(events).to_have_count(122)
    assert page.evaluate("document.activeElement.shadowRoot.activeElement.matches('.event a')")
    page.get_by_role("button", name="Trips", exact=True).click()
    expect(events).to_have_count(1)
    expect(events).to_contain_text("Florence")


def test_a_query_leaves_the_events_that_have_its_photos(
    page: Page, address: str, library: Library
) -> None:
    events = open_events(page, address)
    search(page, "place:Rome")
    expect(page.locator(".status")).to_have_text("1 trip with photos of this search")
    expect(events).to_have_count(1)
    expect(events).to_contain_text("3 of 9 photos")
    rome = {hit.photo.id for hit in library.search("place:Rome", k=20)}
    picture = events.locator("img").evaluate("async image => (await fetch(image.src)).url")
    assert int(urlsplit(picture).path.rsplit("/", 1)[1]) in rome  # not one of Florence
    events.click()  # the event is whole
    expect(page.locator(".head .about")).to_contain_text("9 photos")
    page.go_back()
    expect(events).to_contain_text("3 of 9 photos")
    search(page, "place:Oslo")
    expect(page.locator(".status")).to_have_text("No event has a photo of this search.")


def test_an_event_has_its_way_on_a_map_and_its_photos_in_order(
    page: Page, address: str, library: Library
) -> None:
    open_trip(page, address)
    expect(page.locator(".head h2")).to_have_text("Florence, 4 to 6 May 2018")
    expect(page.locator(".head .about")).to_have_text("3 days · 9 photos · Florence, Rome")
    way = page.get_by_role("link", name="On the map: Rome, Florence")  # in order of time
    expect(way.locator(".town")).to_have_count(2)
    expect(page.locator(".tile a[aria-label]")).to_have_count(9)
    names = page.locator(".tile a").evaluate_all(
        "tiles => tiles.map(tile => tile.ariaLabel.split(',')[0])"
    )
    assert names == [f"{number:04}.jpg" for number in range(120, 129)]
    way.click()
    page.locator(".map[data-drawn]").wait_for()
    lat, lon, _ = map(float, parse_qs(urlsplit(page.url).query)["at"][0].split(","))
    assert 41.9 < lat < 43.8 and 11.2 < lon < 12.6  # between the two towns
    page.go_back()
    expect(page.locator(".head h2")).to_have_text("Florence, 4 to 6 May 2018")


def test_a_photo_of_an_event_leads_through_it_and_back(
    page: Page, address: str, library: Library
) -> None:
    open_trip(page, address)
    page.locator(".tile a").nth(2).click()
    expect(page.locator("nav.bar .position")).to_have_text("3 of 9")
    page.keyboard.press("ArrowRight")
    expect(page.locator("nav.bar .position")).to_have_text("4 of 9")
    page.get_by_role("link", name="Results").click()
    expect(page.locator(".head h2")).to_have_text("Florence, 4 to 6 May 2018")
    assert focused_name(page) == "0123.jpg"
    page.get_by_role("link", name="All events").click()
    expect(page.locator(".event")).to_have_count(2)
    assert urlsplit(page.url).query == ""


def test_all_photos_of_an_event_are_selected(
    page: Page, address: str, library: Library, place: Path
) -> None:
    open_trip(page, address)
    page.get_by_role("button", name="Select all").click()
    expect(page.locator(".selection-bar .count")).to_have_text("9 photos selected")
    page.get_by_role("button", name="Select none").click()
    expect(page.locator(".selection-bar")).to_be_hidden()
    page.locator(".tile a").first.focus()
    page.keyboard.press("Control+a")
    expect(page.locator(".selection-bar .count")).to_have_text("9 photos selected")


def test_all_photos_of_an_event_become_an_album(page: Page, address: str, library: Library) -> None:
    open_trip(page, address)
    page.get_by_role("button", name="Add all to an album").click()
    dialog = page.get_by_role("dialog", name="Add 9 photos to an album")
    dialog.get_by_role("textbox").fill("Trip 2019/20")
    dialog.get_by_role("button", name="Make").click()
    dialog.wait_for(state="detached")
    assert len(library.albums.photos("Trip 2019/20").photo_ids) == 9
    library.albums.remove("Trip 2019/20")


def test_a_title_is_changed_in_place_kept_and_undone(
    page: Page, address: str, library: Library
) -> None:
    open_trip(page, address)
    heading = page.locator(".head h2")
    page.get_by_role("button", name="Change the title").press("Enter")
    field = page.get_by_role("textbox", name="Title of this event")
    expect(field).to_be_focused()
    field.press("Escape")
    expect(page.get_by_role("button", name="Change the title")).to_be_focused()
    page.keyboard.press("Enter")
    field.fill("  <b>Our</b>   honeymoon ")
    field.press("Enter")
    expect(heading).to_have_text("<b>Our</b> honeymoon")  # as text
    expect(page.locator(".head .about")).to_contain_text("4 – 6 May 2018")
    given = [event.title for event in library.events.all() if event.is_titled]
    assert given == ["<b>Our</b> honeymoon"]
    page.get_by_role("link", name="All events").click()
    page.locator(".event a").filter(has_text="<b>Our</b> honeymoon").click()
    expect(heading).to_have_text("<b>Our</b> honeymoon")
    page.keyboard.press("Control+z")
    expect(heading).to_have_text("Florence, 4 to 6 May 2018")
    assert not any(event.is_titled for event in library.events.all())


def test_an_empty_title_gives_places_and_days_again_and_a_refused_one_says_why(
    page: Page, address: str, library: Library
) -> None:
    (trip,) = (event for event in library.events.all() if event.is_trip)
    library.events.set_title(trip.start, "Italy!")
    wait_until_noticed()
    open_trip(page, address)
    page.get_by_role("button", name="Change the title").click()
    field = page.get_by_role("textbox", name="Title of this event")
    expect(field).to_have_value("Italy!")
    field.evaluate("field => { field.maxLength = 1000; }")
    field.fill("x" * 201)
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".head .problem")).to_contain_text("Use 200 at most")
    field.fill("")
    field.press("Enter")
    expect(page.locator(".head h2")).to_have_text("Florence, 4 to 6 May 2018")


def test_an_event_that_is_gone_says_so(page: Page, address: str, library: Library) -> None:
    for moment in ("1999-01-01T00:00:00", "<b>nonsense"):
        page.goto(f"{address}/events?event={moment}")
        expect(page.get_by_text("This event is not there any more")).to_be_visible()


def test_a_trip_in_the_timeline_leads_to_its_event(
    page: Page, address: str, library: Library
) -> None:
    page.goto(f"{address}/timeline?at={library.search('place:Rome', k=1)[0].photo.id}")
    page.get_by_role("link", name="Trip to Florence, Rome, Italy").click()
    expect(page.locator(".head h2")).to_have_text("Florence, 4 to 6 May 2018")
    page.get_by_role("link", name="All events").click()  # back to where the visitor came from
    page.wait_for_url("**/timeline*")


def test_an_event_whose_dates_are_corrected_stays_open(
    page: Page, address: str, library: Library
) -> None:
    open_trip(page, address)
    page.get_by_role("button", name="Select all").click()
    page.locator(".selection-bar").get_by_role("button", name="Date or place").click()
    dialog = page.get_by_role("dialog", name="Date or place of 9 photos")
    dialog.get_by_role("button", name="Shift the time").click()
    dialog.get_by_role("spinbutton", name="days").fill("28")
    dialog.get_by_role("button", name="Shift 9 photos").click()
    expect(page.locator(".head h2")).to_have_text("Florence, 1 to 3 June 2018")
    page.wait_for_url("**/events?event=2018-06-01**")
    page.reload()
    expect(page.locator(".head h2")).to_have_text("Florence, 1 to 3 June 2018")
    page.keyboard.press("Control+z")  # of another session: nothing is undone
    expect(page.locator(".told")).to_contain_text("There is nothing to undo here.")


def test_a_favourite_is_the_cover(page: Page, address: str, library: Library) -> None:
    (trip,) = (event for event in library.events.all() if event.is_trip)
    shown = open_events(page, address).filter(has_text="Florence").locator("img")
    for favourite in (trip.photo_ids[0], trip.photo_ids[-1]):
        library.marks.set(trip.photo_ids, favourite=False)
        library.marks.set([favourite], favourite=True)
        picture = shown.evaluate("async image => (await fetch(image.src)).url")
        assert urlsplit(picture).path == f"/thumbnail/small/{favourite}"


def test_photos_without_dates_have_no_events_and_the_date_line_is_crossed(
    open_tab: OpenTab, demo_photos: Path, tmp_path: Path
) -> None:
    data, pictures = tmp_path / "library", sorted(demo_photos.iterdir())[:2]
    add_photos(tmp_path / "undated", data, [(None, HOME), (None, {})], pictures)
    with serving(data) as address:
        tab = open_tab(address)
        tab.goto(f"{address}/events")
        expect(tab.locator(".status")).to_contain_text("No photo states when it was taken")
        # A way across 180 degrees, and to the pole, on two days.
        points = [(-17.7, 178.0), (-13.8, -171.8), (90.0, 0.0)]
        taken = [
            (datetime(2020, 1, 1 + number // 2, 12, number), {"lat": lat, "lon": lon})
            for number, (lat, lon) in enumerate(points)
        ]
        add_photos(tmp_path / "dated", data, taken, pictures)
        wait_until_noticed()
        tab.goto(f"{address}/events")
        tab.locator(".event a").first.click()
        view = tab.locator(".route .view[data-drawn]")
        view.wait_for()
        way = tab.locator("a.route")
        lat, lon, _ = map(
            float, parse_qs(urlsplit(str(way.get_attribute("href"))).query)["at"][0].split(",")
        )
        assert -90 <= lat <= 90 and -180 <= lon <= 180


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_events_are_accessible(
    open_tab: OpenTab, address: str, library: Library, width: int, color_scheme: Any
) -> None:
    tab = open_tab(address, width=width, color_scheme=color_scheme)
    open_events(tab, address)
    assert axe_violations(tab) == []
    tab.locator(".event a").first.focus()
    tab.keyboard.press("ArrowDown" if width < 500 else "ArrowRight")
    tab.keyboard.press("Enter")
    tab.locator(".route .view[data-drawn]").wait_for()
    settle(tab)
    assert axe_violations(tab) == []
    tab.get_by_role("button", name="Change the title").click()
    assert axe_violations(tab) == []
    if width == 390:
        assert small_targets(tab) == []
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
