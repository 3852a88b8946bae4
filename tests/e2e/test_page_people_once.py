"""Faces that were seen once are named from their photo, and a person is said to be oneself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from imgsearch import Library, Settings
from tests.browsing import NEEDS_BROWSER, axe_violations, small_targets
from tests.people import index_painted_people, undo_changes

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.e2e.conftest import OpenTab

pytestmark = [*NEEDS_BROWSER, pytest.mark.features("people")]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the library of photos of one person, red, and of a face that is a little like
    red.
    """
    people = {f"red{number}": ["red"] for number in range(3)} | {"once": ["yellow"]}
    return index_painted_people(tmp_path_factory.mktemp("once"), people)


@pytest.fixture
def library(place: Path) -> Iterator[Library]:
    """The library, in which nobody has said anything."""
    with Library.open(Settings.load(data_dir=place / "library", encoder="lite")) as library:
        undo_changes(library)
        yield library


def names(library: Library) -> dict[str | None, int]:
    return {each.name: each.photos for each in library.people.all()}


def photo_of(library: Library, name: str) -> int:
    (hit,) = library.search(f"name:{name}", k=2)
    return hit.photo.id


def open_face(tab: Page, address: str, library: Library) -> None:
    """Go from the photo to the faces like the one that was seen once."""
    tab.goto(f"{address}/photo?id={photo_of(library, 'once')}")
    tab.get_by_text("Seen once").wait_for()
    tab.get_by_role("link", name="More of this face").click()
    tab.wait_for_url("**/people?face=*")
    face = tab.get_by_role("region", name="A face that was seen once")
    face.get_by_role("checkbox").first.wait_for()
    tab.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()


def test_a_face_that_was_seen_once_gets_a_name(page: Page, address: str, library: Library) -> None:
    open_face(page, address, library)
    like = page.get_by_role("region", name="Less like it").get_by_role("checkbox")
    expect(like).to_have_count(3)
    expect(page.get_by_role("region", name="Likely the same person")).to_have_count(0)
    field = page.get_by_role("combobox", name="Name of this person")
    expect(field).to_be_focused()
    page.keyboard.press("Enter")  # without a name nothing is said
    expect(field).to_be_focused()
    page.keyboard.type("Zoë")
    page.keyboard.press("Enter")
    expect(page.locator(".detail").get_by_role("heading", name="Zoë", exact=True)).to_be_visible()
    assert names(library) == {None: 3, "Zoë": 1}
    page.get_by_role("button", name="Undo").click()
    page.get_by_text("Undone:").wait_for()
    assert names(library) == {None: 3}


def test_faces_that_are_ticked_get_the_name_as_well(
    page: Page, address: str, library: Library
) -> None:
    library.people.name(library.people.all()[0].id, "Anna")
    open_face(page, address, library)
    like = page.get_by_role("region", name="Less like it")
    expect(like.get_by_text("Anna", exact=True)).to_have_count(3)
    like.get_by_role("checkbox").first.check()
    page.get_by_role("combobox", name="Name of this person").fill("Zoë")
    page.get_by_role("button", name="Name", exact=True).click()
    expect(page.locator(".detail").get_by_role("heading", name="Zoë", exact=True)).to_be_visible()
    assert names(library) == {"Anna": 2, "Zoë": 2}


def test_a_known_name_adds_the_face_to_that_person(
    page: Page, address: str, library: Library
) -> None:
    library.people.name(library.people.all()[0].id, "Anna")
    open_face(page, address, library)
    page.get_by_role("combobox", name="Name of this person").fill("anna")
    page.keyboard.press("Enter")
    expect(page.locator(".detail").get_by_role("heading", name="Anna")).to_be_visible()
    assert names(library) == {"Anna": 4}


def test_a_face_that_is_not_there_says_so(page: Page, address: str, library: Library) -> None:
    page.goto(f"{address}/people?face=9999")
    expect(page.get_by_text("There is no face with the number 9999")).to_be_visible()
    expect(page.locator(".card")).to_have_count(1)


def test_a_person_is_said_to_be_oneself(page: Page, address: str, library: Library) -> None:
    person = library.people.all()[0].id
    page.goto(f"{address}/people?person={person}")
    expect(page.get_by_role("button", name="This is me")).to_have_count(0)  # it has no name yet
    library.people.name(person, "Anna")
    page.reload()
    page.get_by_role("button", name="This is me").click()
    expect(page.locator(".detail").get_by_role("heading", name="Anna (you)")).to_be_visible()
    expect(page.get_by_role("button", name="Anna, you, 3 photos")).to_be_visible()
    assert len(library.search("person:me", k=9)) == 3
    page.get_by_role("button", name="This is not me").click()
    expect(page.locator(".detail").get_by_role("heading", name="Anna", exact=True)).to_be_visible()
    assert not library.people.get(person).is_me
    page.keyboard.press("Control+z")
    expect(page.locator(".detail").get_by_role("heading", name="Anna (you)")).to_be_visible()


@pytest.mark.features("strips")
def test_a_person_is_shown_over_time(page: Page, address: str, library: Library) -> None:
    person = library.people.all()[0].id
    library.people.name(person, "Anna")
    page.goto(f"{address}/people?person={person}")
    page.get_by_role("link", name="Over time").click()
    row = page.locator("section.row")
    expect(row.get_by_role("heading")).to_have_text('person:"Anna"')
    expect(row).to_contain_text("No photo with a date of its own was found.")


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_a_face_that_was_seen_once_is_accessible(
    open_tab: OpenTab, address: str, library: Library, width: int, color_scheme: Any
) -> None:
    library.people.name(library.people.all()[0].id, "Anna")
    tab = open_tab(address, width=width, color_scheme=color_scheme)
    open_face(tab, address, library)
    assert axe_violations(tab) == []
    if width == 390:
        assert small_targets(tab) == []
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
