"""People on the page: groups are named one after the other, and faces corrected, by keyboard."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest
from playwright.sync_api import expect

from imgsearch import Library, Settings
from tests.browsing import NEEDS_BROWSER, axe_violations, settle, small_targets, wait_in_browser
from tests.page_loads import cookie_of
from tests.people import index_painted_people, undo_changes

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page, Route

    from tests.e2e.conftest import OpenTab

pytestmark = [*NEEDS_BROWSER, pytest.mark.features("people")]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the library of photos of three persons: red in five, lime in three, and one in
    two that is like red.
    """
    people = {f"red{number}": ["red"] for number in range(4)} | {"both": ["red", "lime"]}
    people |= {f"lime{number}": ["lime"] for number in range(2)}
    people |= {f"dim{number}": ["yellow"] for number in range(2)}
    return index_painted_people(tmp_path_factory.mktemp("people"), people)


@pytest.fixture
def library(place: Path) -> Iterator[Library]:
    """The library, in which nobody has said anything."""
    settings = Settings.load(data_dir=place / "library", encoder="lite")
    with Library.open(settings) as library:
        undo_changes(library)
        yield library


def open_people(tab: Page, address: str) -> Locator:
    """Show the view; returns the detail of the person that will be open."""
    tab.goto(f"{address}/people")
    tab.locator(".card").first.wait_for()
    settle(tab)
    return tab.locator(".detail")


def names(library: Library) -> dict[str | None, int]:
    return {each.name: each.photos for each in library.people.all()}


def test_groups_are_named_one_after_the_other_by_keyboard(
    page: Page, address: str, library: Library
) -> None:
    detail = open_people(page, address)
    cards = page.get_by_role("region", name="Who is this?").get_by_role("button")
    expect(cards).to_have_count(3)
    expect(cards.first).to_have_accessible_name("No name yet, 5 photos")
    cards.first.press("Enter")
    field = detail.get_by_role("combobox", name="Name of this person")
    expect(field).to_be_focused()
    page.keyboard.press("Enter")  # skips
    page.get_by_text("Skipped.").wait_for()
    expect(detail.locator(".count").first).to_contain_text("3 photos")
    page.keyboard.type("Ben")
    page.keyboard.press("Enter")
    expect(detail.locator(".count").first).to_contain_text("2 photos")
    page.keyboard.type("Zoë")
    page.keyboard.press("Enter")
    expect(detail.locator(".count").first).to_contain_text("5 photos")
    expect(field).to_be_focused()
    page.keyboard.type("Anna Smith")
    page.keyboard.press("Enter")
    page.get_by_text("All groups have a name.").wait_for()
    assert names(library) == {"Anna Smith": 5, "Ben": 3, "Zoë": 2}
    people = page.get_by_role("region", name="People").get_by_role("button")
    expect(people).to_have_count(3)
    people.first.click()
    detail.get_by_role("link", name="All photos").click()
    page.wait_for_url("**/?q=person*")
    expect(page.locator(".tile")).to_have_count(5)
    page.go_back()
    detail.get_by_role("heading", name="Anna Smith").wait_for()


@pytest.mark.features("corrections")
def test_the_looks_of_a_person_say_from_when_to_when_they_are(
    page: Page,
    address: str,
    library: Library,
    screenshot: Callable[[Page, str], None],
) -> None:
    from imgsearch.features.corrections.records import PhotoDate  # absent in some checkouts

    red, lime, *_ = library.people.all()
    library.people.name(red.id, "Anna")
    library.people.merge(lime.id, red.id)
    days = {"red0": (2011, 3, 5), "red1": (2012, 8, 1), "lime1": (2019, 12, 24)}
    library.corrections.set_dates(
        [
            PhotoDate(hit.photo.id, datetime(*days[hit.path.stem], 12))
            for hit in library.find("sort:path width:>0", 50).hits
            if hit.path.stem in days
        ]
    )
    detail = open_people(page, address)
    page.get_by_role("button", name="Anna, ").click()
    looks = detail.get_by_role("list", name="Looks").get_by_role("listitem")
    expect(looks).to_have_count(2)
    expect(looks.nth(0)).to_contain_text("5 March 2011 to 1 August 2012")
    expect(looks.nth(0)).to_contain_text("5 faces")
    expect(looks.nth(1)).to_contain_text("24 December 2019")
    for width_px in (1280, 390):
        page.set_viewport_size({"width": width_px, "height": 800})
        expect(looks.nth(0).locator("img")).to_be_visible()
        settle(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width_px
        screenshot(page, f"looks-{width_px}")
        assert axe_violations(page) == []


def test_faces_are_taken_out_and_every_decision_is_taken_back(
    page: Page, address: str, library: Library
) -> None:
    red = library.people.all()[0]
    library.people.name(red.id, "Anna")
    detail = open_people(page, address)
    page.get_by_role("button", name="Anna, 5 photos").click()
    ticks = detail.get_by_role("checkbox")
    expect(ticks).to_have_count(5)
    ticks.nth(3).focus()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    detail.get_by_role("button", name="2 not Anna").click()
    expect(detail.get_by_role("checkbox")).to_have_count(3)
    assert names(library)["Anna"] == 3
    page.get_by_role("button", name="Undo").click()
    expect(detail.get_by_role("checkbox")).to_have_count(5)
    ticks.first.check()
    detail.get_by_role("button", name="somebody else: a new person").click()
    expect(detail.get_by_role("checkbox")).to_have_count(1)  # of the new person
    expect(page.get_by_role("region", name="Who is this?").get_by_role("button")).to_have_count(3)
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("button", name="Anna, 5 photos").click()
    detail.get_by_role("combobox", name="Make one person with").select_option(index=1)
    expect(detail.locator(".count").first).to_contain_text("7 photos")
    page.get_by_role("button", name="Undo").click()
    expect(detail.locator(".count").first).to_contain_text("5 photos")
    detail.get_by_role("button", name="Hide").click()
    page.get_by_role("region", name="Hidden").wait_for()
    page.reload()
    page.get_by_role("region", name="Hidden").get_by_role("button").click()
    detail.get_by_role("button", name="Show again").click()
    detail.get_by_role("button", name="Hide").wait_for()
    assert names(library)["Anna"] == 5


@pytest.mark.features("corrections")
def test_undo_takes_back_decisions_about_people_alone_and_names_them(
    page: Page, address: str, library: Library
) -> None:
    from imgsearch.features.corrections.records import PhotoDate  # absent in some checkouts

    red, lime = library.people.all()[:2]
    library.people.name(red.id, "Anna")
    library.people.name(lime.id, "Ben")
    photo = library.people.faces_of(red.id)[0].photo_id
    corrected = library.corrections.set_dates([PhotoDate(photo, datetime(1974, 7, 1))])
    library.marks.set([photo], rating=3)
    open_people(page, address)
    undo = page.locator(".bar").get_by_role("button")
    expect(undo).to_have_accessible_name("Undo: Named Ben")
    undo.click()
    page.get_by_text("Undone: Named Ben").wait_for()
    expect(undo).to_have_accessible_name("Undo: Named Anna")
    undo.click()
    page.get_by_text("Undone: Named Anna").wait_for()
    expect(undo).to_have_count(0)  # hidden, though there are other changes
    assert set(names(library)) == {None}
    left = [each.title for each in library.changes.all() if not each.undone]
    assert left == ["Gave 1 photo 3 stars", corrected.title]


def test_proposals_are_answered_by_keyboard(page: Page, address: str, library: Library) -> None:
    red = library.people.all()[0]
    library.people.name(red.id, "Anna")
    detail = open_people(page, address)
    page.get_by_role("button", name="Anna, 5 photos").click()
    asked = detail.get_by_role("region", name="Is this Anna?")
    proposal = asked.get_by_role("figure")
    expect(proposal).to_have_count(1)  # one of two alike
    picture = proposal.locator("img").first
    first = str(picture.get_attribute("src"))
    proposal.focus()
    page.keyboard.press("n")
    page.get_by_text("Not this person.").wait_for()
    expect(proposal).to_have_count(1)  # the other one
    assert names(library)["Anna"] == 5
    page.get_by_role("button", name="Undo").click()
    page.get_by_text("Undone: Rejected 1 face as Anna").wait_for()
    expect(picture).to_have_attribute("src", first)
    proposal.focus()
    page.keyboard.press("y")
    expect(asked).to_have_count(0)
    expect(detail.get_by_role("heading", name="Faces (7)")).to_be_visible()
    page.keyboard.press("Control+z")
    expect(detail.get_by_role("heading", name="Faces (5)")).to_be_visible()
    assert names(library)["Anna"] == 5
    expect(picture).to_have_attribute("src", first)
    proposal.focus()
    page.keyboard.press("y")
    expect(asked).to_have_count(0)
    expect(detail.get_by_role("heading", name="Faces (7)")).to_be_visible()
    assert names(library)["Anna"] == 7


class HeldDecisions:
    """Decisions that a tab sends, which do not reach the server before `release`."""

    def __init__(self, tab: Page) -> None:
        self._tab = tab
        self._waiting: list[Route] = []
        self._holds = True
        tab.route(re.compile("/operations/people/"), self._take)

    def _take(self, route: Route) -> None:
        if self._holds and route.request.method == "PUT":
            self._waiting.append(route)
        else:
            route.continue_()

    def wait(self) -> None:
        """Wait until one is sent; those after it wait in the tab."""
        wait_in_browser(self._tab, lambda: bool(self._waiting))

    def release(self) -> None:
        """Let all of them go on, and those that follow."""
        self._holds = False
        for route in self._waiting:
            route.continue_()


def test_names_typed_before_the_answer_are_those_of_the_groups_that_were_shown(
    page: Page, address: str, library: Library
) -> None:
    detail = open_people(page, address)
    page.get_by_role("button", name="No name yet, 5 photos").click()
    field = detail.get_by_role("combobox", name="Name of this person")
    detail.get_by_role("heading", name="Faces (5)").wait_for()
    held = HeldDecisions(page)
    for name, next_photos in (("Anna", "3 photos"), ("Ben", "2 photos"), ("Zoë", None)):
        expect(field).to_be_focused()
        page.keyboard.type(name)
        page.keyboard.press("Enter")
        held.wait()
        if next_photos:  # at once
            expect(detail.locator(".count").first).to_contain_text(next_photos)
            expect(field).to_have_value("")
    expect(page.get_by_text("All groups have a name.")).to_have_count(0)
    assert names(library).keys() == {None}
    held.release()
    page.get_by_text("All groups have a name.").wait_for()
    assert names(library) == {"Anna": 5, "Ben": 3, "Zoë": 2}


def test_an_answer_leaves_what_is_being_typed_about_another_group(
    page: Page, address: str, library: Library
) -> None:
    library.people.name(library.people.all()[0].id, "Anna")
    detail = open_people(page, address)
    page.get_by_role("button", name="Anna, 5 photos").click()
    detail.get_by_role("heading", name="Faces (5)").wait_for()
    held = HeldDecisions(page)
    detail.get_by_role("button", name="This is me").click()
    held.wait()
    page.get_by_role("button", name="No name yet, 3 photos").click()
    page.keyboard.type("Be")
    held.release()
    page.get_by_role("button", name="Anna, you, 5 photos").wait_for()
    field = detail.get_by_role("combobox", name="Name of this person")
    expect(field).to_be_focused()
    page.keyboard.type("n")
    expect(field).to_have_value("Ben")
    expect(detail.locator(".count").first).to_contain_text("3 photos")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Ben, 3 photos").wait_for()  # at once
    page.get_by_text("Named Ben.").wait_for()  # recorded
    assert names(library) == {"Anna": 5, "Ben": 3, None: 2}


def test_a_decision_about_what_was_shown_is_refused_where_that_has_changed(
    page: Page, address: str, library: Library
) -> None:
    red, lime, dim = (each.id for each in library.people.all())
    detail = open_people(page, address)
    page.get_by_role("button", name="No name yet, 5 photos").click()
    detail.get_by_role("heading", name="Faces (5)").wait_for()
    library.people.name(red, "Anna")  # as another tab does
    page.keyboard.type("Ben")
    page.keyboard.press("Enter")
    page.get_by_text("Ben: This person has the name Anna by now. Look at it again").wait_for()
    page.get_by_role("button", name="Anna, 5 photos").wait_for()
    assert names(library) == {"Anna": 5, None: 2}
    page.get_by_role("button", name="No name yet, 3 photos").click()
    detail.get_by_role("heading", name="Faces (3)").wait_for()
    library.people.split((library.people.faces_of(lime)[2].id,), lime)
    detail.get_by_role("button", name="Hide").click()
    page.get_by_text("Some of the faces shown are not of this person any more.").wait_for()
    assert not library.people.get(lime).is_hidden and not library.people.get(dim).is_hidden


def test_an_answered_face_makes_room_for_the_next_one_at_once(
    page: Page, address: str, library: Library
) -> None:
    library.people.name(library.people.all()[0].id, "Anna")
    detail = open_people(page, address)
    page.get_by_role("button", name="Anna, 5 photos").click()
    proposal = detail.get_by_role("region", name="Is this Anna?").get_by_role("figure")
    proposal.focus()
    held = HeldDecisions(page)
    page.keyboard.press("n")
    held.wait()
    expect(proposal).to_have_count(0)
    held.release()
    page.get_by_text("Not this person.").wait_for()
    expect(proposal).to_have_count(1)


@pytest.mark.parametrize(
    ("size", "scheme"), [((390, 844), "dark"), ((390, 844), "light"), ((1440, 900), "light")]
)
def test_it_fits_a_phone_and_a_screen_reader(
    open_tab: OpenTab,
    address: str,
    library: Library,
    size: tuple[int, int],
    scheme: Literal["light", "dark"],
) -> None:
    library.people.name(library.people.all()[0].id, "Anna")
    tab = open_tab(address, *size, scheme)
    detail = open_people(tab, address)
    for open_person in (False, True):
        if open_person:
            tab.get_by_role("button", name="Anna, 5 photos").click()
            detail.get_by_role("checkbox").first.wait_for()
        settle(tab)
        assert not axe_violations(tab)
        assert tab.evaluate("document.documentElement.scrollWidth") <= size[0]
        if size[0] == 390:
            assert not small_targets(tab)
    if size[0] == 390:
        expect(tab.get_by_role("region", name="People")).not_to_be_visible()
        detail.get_by_role("button", name="All people").click()
        tab.get_by_role("region", name="People").wait_for()


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PUT", "operations/people/name", b"[]", 422),
        ("PUT", "operations/people/drop", b'{"person_id": 1}', 422),
        ("PUT", "operations/people/name", b'{"person_id": 1}', 422),
        ("PUT", "operations/people/name", b'{"person_id": 999, "name": "N"}', 422),
        ("PUT", "operations/people/name", b'{"person_id": 1, "name": "\\ud800"}', 422),
        ("GET", "operations/person/x", None, 422),
        ("GET", "operations/person/999", None, 422),
        ("POST", "operations/people/name", b'{"person_id": 1, "name": "N"}', 405),
        ("GET", "face/huge/1", None, 404),
        ("GET", "face/small/0", None, 404),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(
    address: str, method: str, path: str, body: bytes | None, status: int
) -> None:
    headers = {"Cookie": cookie_of(address)}
    for more, expected in ((headers, status), ({}, 403)):
        asked = urllib.request.Request(f"{address}/{path}", body, more, method=method)
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(asked)
        assert refused.value.code == expected
        refused.value.close()
