"""Concepts on the page: taught from a selection, judged photo by photo."""

from __future__ import annotations

import re
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

from imgsearch import Library, Settings
from tests.browsing import (
    NEEDS_BROWSER,
    axe_violations,
    bring_into_view,
    clear_tray,
    open_control,
    settle,
    small_targets,
    wait_in_browser,
    wait_until_shown,
)
from tests.factories import wait_until
from tests.page_loads import cookie_of

if TYPE_CHECKING:
    from playwright.sync_api import Page, WebSocketRoute

    from tests.e2e.conftest import OpenTab

pytestmark = NEEDS_BROWSER
CATS = ("chelsea.png", "horse.png")
# Presses keys and clicks buttons in one go, in all trees: nothing can reach the server in between.
ACT = """steps => {
    const all = (root) => [...root.querySelectorAll("*")].flatMap(
        (node) => [node, ...(node.shadowRoot ? all(node.shadowRoot) : [])]);
    for (const step of steps) {
        if (step.startsWith("Arrow")) {
            document.dispatchEvent(new KeyboardEvent("keydown", {key: step, bubbles: true}));
        } else {
            all(document).find(
                (node) => node.matches("button, nav a") && node.innerText.endsWith(step)).click();
        }
    }
    return all(document).filter((node) => node.matches(".frame img")).map((node) => node.alt)[0];
}"""


@pytest.fixture(scope="module")
def place(demo_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the indexed library of the demo photos."""
    folder = tmp_path_factory.mktemp("concepts")
    shutil.copytree(demo_data, folder / "library")
    return folder


@pytest.fixture(autouse=True)
def empty_tray(place: Path) -> None:
    clear_tray(place / "library")


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
    tab.get_by_text(re.compile(r"\d good match|\d possible|Unsure")).first.wait_for()
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
    yes = tab.get_by_role("button", name="Yes", exact=True, pressed=True)  # once that is known
    yes.first.click()  # takes the only one back
    tab.get_by_text("needs at least one photo that shows it").wait_for()
    with open_library(place) as library:
        assert library.concepts.get("alone").likes == 1


def test_a_judgement_is_for_the_photo_on_the_screen(
    open_tab: OpenTab, address: str, place: Path
) -> None:
    """The keys go ahead of the server, whose view of the photo may come seconds later."""
    from playwright.sync_api import expect

    tab = open_tab(address)
    late: list[str | bytes] = []
    sockets: list[WebSocketRoute] = []
    is_held = False

    def hold(route: WebSocketRoute) -> None:
        sockets.append(route)
        server = route.connect_to_server()
        server.on_message(lambda told: late.append(told) if is_held else route.send(told))

    names = ("brick.png", "chelsea.png", "coffee.png", "flower.jpg")
    with open_library(place) as library:
        liked, first, second, third, fourth = (
            library.search(f"name:{name}")[0].photo.id for name in ("horse.png", *names)
        )
        for concept in library.concepts.all():  # of other tests
            library.concepts.forget(concept.name)
        library.concepts.teach("moving", [liked, first])
        tab.route_web_socket("**/_stcore/stream", hold)
        query = f"name:{'|'.join(names)} sort:path"
        tab.goto(f"{address}/photo?{urlencode({'id': first, 'q': query})}")
        tab.get_by_text("1 of 4").wait_for()
        settle(tab)
        row = tab.get_by_role("group", name="moving")
        yes, no = (row.get_by_role("button", name=name) for name in ("Yes", "No"))
        expect(yes).to_have_attribute("aria-pressed", "true")
        is_held = True  # from here on the browser hears nothing of the runs of the script
        assert tab.evaluate(ACT, ["ArrowRight"]).startswith(names[1])
        expect(yes).to_have_attribute("aria-pressed", "false")  # it was said of the photo before
        assert tab.evaluate(ACT, ["Yes", "ArrowRight", "No", "ArrowRight", "No", "Yes"])
        wanted = {liked: True, first: True, second: True, third: False, fourth: True}
        wait_in_browser(tab, lambda: library.concepts.judged("moving") == wanted)
        expect(yes).to_have_attribute("aria-pressed", "true")
        tab.evaluate(ACT, ["ArrowLeft"])
        expect(no).to_have_attribute("aria-pressed", "true")
        is_held = False
        for told in late:
            sockets[-1].send(told)
        tab.get_by_text("3 of 4").wait_for()
        settle(tab)
        expect(no).to_have_attribute("aria-pressed", "true")
        tab.reload()
        expect(no).to_have_attribute("aria-pressed", "true")
        assert library.concepts.judged("moving") == wanted


def test_a_judgement_counts_also_where_another_view_is_opened_at_once(
    open_tab: OpenTab, address: str, place: Path
) -> None:
    with open_library(place) as library:
        liked, other = (
            library.search(f"name:{name}")[0].photo.id for name in ("horse.png", "coffee.png")
        )
        library.concepts.teach("left", [liked])
        tab = open_tab(address)
        tab.goto(f"{address}/photo?id={other}&q=concept:left")
        tab.get_by_role("group", name="left").wait_for()
        settle(tab)
        tab.evaluate(ACT, ["Yes", "Results"])
        wait_until(lambda: library.concepts.judged("left") == {liked: True, other: True})


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"name": "nobody taught this", "withdraw": [{"photo_id": 1}]}', 422),
        (b'{"name": "x", "like": [{"photo_id": "one"}]}', 422),
        (b'{"name": "x", "like": [{"path": "/etc/passwd"}]}', 422),
        (b'{"name": "x", "photo": 1}', 422),
        (b'{"name": "x"}', 422),
    ],
)
def test_a_judgement_that_makes_no_sense_is_refused(address: str, body: bytes, status: int) -> None:
    headers = {"Cookie": cookie_of(address)}
    asked = urllib.request.Request(
        f"{address}/operations/concepts/teach", body, headers, method="PUT"
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(asked)
    assert refused.value.code == status
    refused.value.close()
    without = urllib.request.Request(f"{address}/operations/concepts/teach", body, method="PUT")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(without)
    assert refused.value.code == 403
    refused.value.close()
