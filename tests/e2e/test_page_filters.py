"""The filters: folders, places, people, keywords and labels by name, dates, and their chips."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.parse import quote, urlsplit
from urllib.request import urlopen

import pytest
from msgspec.structs import replace

from imgsearch import Library, Settings
from imgsearch.store.lock import writing
from tests.browsing import (
    NEEDS_BROWSER,
    PATIENCE_MS,
    axe_violations,
    choose_in_menu,
    clear_tray,
    page_server,
    settle,
    small_targets,
    wait_for_count,
    wait_for_line,
    wait_for_only,
)
from tests.factories import CHECKOUT, write_noise
from tests.page_traffic import PATIENCE_S, Traffic

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page, Route

    from tests.e2e.conftest import OpenTab

pytestmark = [*NEEDS_BROWSER, pytest.mark.features("labels")]
SWISS = {"country": "Switzerland", "region": "Geneva", "town": "Genève"}
PHOTOS: dict[str, dict[str, Any]] = {  # by path: what is known of the photo
    "2019/Genève/lake.png": {**SWISS, "people": ("Anna", "Geneviève"), "keywords": ("boat",)},
    "2019/Genève/tower.png": {**SWISS, "people": ("Anna",), "taken_at": datetime(2019, 7, 14, 12)},
    "2019/Rome/fountain.png": {"country": "Italy", "town": "Rome", "keywords": ("fountain",)},
    "2021/<b>bold<b>.png": {"people": ("<img src=x onerror=hacked=1>",)},
    "new year.png": {"taken_at": datetime(2020, 1, 1)},
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from imgsearch import Classes  # absent in some checkouts

    place = tmp_path_factory.mktemp("filters")
    for number, name in enumerate(PHOTOS):
        write_noise(place / "photos" / name, number, 64)
    with Library.open(Settings.load(data_dir=place / "library", encoder="lite")) as library:
        library.index([place / "photos"]).run()
        library.labels.save("colours", Classes(("red", "green"), none_of_these=False))
    with writing(place / "library") as store:
        ids = {name: store.reads.photos.at(place / "photos" / name) for name in PHOTOS}
        known = store.reads.photos.records(photo_id for photo_id in ids.values() if photo_id)
        store.photos.update_facts(
            {
                photo_id: replace(known[photo_id].facts, **facts)
                for name, facts in PHOTOS.items()
                if (photo_id := ids[name]) is not None
            }
        )
    return place


@pytest.fixture(autouse=True)
def empty_tray(place: Path) -> None:
    clear_tray(place / "library")


def open_filters(tab: Page, address: str, query: str = "") -> Locator:
    """The field that finds what can be filtered by."""
    tab.goto(f"{address}/{query}")
    tab.get_by_role("button", name="Filters").click()
    tab.get_by_role("button", name="Folders").wait_for()
    return tab.get_by_role("searchbox", name="Find a folder, place, person, keyword or label")


def chip(tab: Page, label: str) -> Locator:
    return tab.locator(".st-key-chips").get_by_role("button", name=label)


def test_gen_finds_folder_place_and_person_and_accents_do_not_matter(
    page: Page, address: str, place: Path, screenshot: Callable[..., None]
) -> None:
    find = open_filters(page, address)
    found = page.locator(".list.found .choice")
    find.press_sequentially("Gen")
    page.locator(".choice", has_text="Geneviève").wait_for()
    assert sorted(found.locator(".where").all_text_contents()) == [
        f"Folders › {place / 'photos'} › 2019",
        "People",
        "Places › Switzerland",
        "Places › Switzerland › Geneva",
    ]
    find.fill("geneve")
    page.locator(".list.found li:nth-child(2):last-child").wait_for()
    screenshot(page, "filters-found")
    found.filter(has_text="Folders").click()
    folder = place / "photos" / "2019" / "Genève"
    wait_for_line(page, f"in:{folder}")
    wait_for_count(page, 2)
    assert found.filter(has_text="Folders").get_attribute("aria-pressed") == "true"
    assert find.input_value() == "geneve", "the field stays as it is"
    page.keyboard.press("Escape")
    chip(page, "Folder Genève").click()
    chip(page, "Folder Genève").wait_for(state="detached")
    wait_for_line(page, "")


def test_folders_and_places_are_trees(
    page: Page, address: str, place: Path, screenshot: Callable[..., None]
) -> None:
    open_filters(page, address)
    page.get_by_role("button", name="Folders").click()
    page.get_by_role("button", name=f"In {place / 'photos'}").wait_for()  # unfolded: the only one
    page.get_by_role("button", name="In 2019").click()
    page.get_by_role("button", name="Rome 1", exact=True).wait_for()
    page.get_by_role("button", name="Places").click()
    page.get_by_role("button", name="In Switzerland").click()
    page.get_by_role("button", name="In Geneva").click()
    screenshot(page, "filters-tree")
    page.get_by_role("button", name="Genève 2").nth(1).click()
    wait_for_line(page, "place:Genève")
    wait_for_count(page, 2)
    page.get_by_role("button", name="Rome 1", exact=True).click()  # the tree stays unfolded
    wait_for_line(page, f"place:Genève in:{place / 'photos' / '2019' / 'Rome'}")


def test_people_and_labels_are_found_by_name(page: Page, address: str) -> None:
    find = open_filters(page, address)
    find.fill("anna")
    page.locator(".choice", has_text="Anna").click()
    wait_for_line(page, "person:Anna")
    wait_for_count(page, 2)
    find.fill("genev")
    page.locator(".choice", has_text="Geneviève").click()
    wait_for_line(page, "person:Anna person:Geneviève")
    wait_for_only(page, "lake.png")
    find.fill("colours")
    page.locator(".choice", has_text="colours: ").first.wait_for()
    find.fill("img")
    page.locator(".choice", has_text="<img src=x onerror=hacked=1>").click()
    page.get_by_text("No results").wait_for()
    assert page.evaluate("window.hacked") is None
    page.keyboard.press("Escape")
    for label in ("Person <img src=x onerror=hacked=1>", "Person Geneviève"):
        chip(page, label).click()
        chip(page, label).wait_for(state="detached")
    wait_for_count(page, 2)


def test_two_clicks_count_if_the_first_has_not_been_answered(page: Page, address: str) -> None:
    """The browser sends the query and the address of before the first one along with the second."""
    traffic = Traffic(page)
    open_filters(page, address)
    page.locator(".kind", has_text="People").click()
    settle(page)
    with traffic.replies_held() as has_answered:
        page.locator(".choice", has_text="Anna").click()
        has_answered("q=person%3AAnna")  # the first has an entry in the history of the browser
        page.locator(".choice", has_text="Geneviève").click()
    wait_for_line(page, "person:Anna person:Geneviève")
    wait_for_only(page, "lake.png")
    page.go_back()
    wait_for_line(page, "person:Anna")
    wait_for_count(page, 2)


def test_a_click_on_a_chip_is_one_on_this_chip_if_the_first_has_not_been_answered(
    page: Page, address: str
) -> None:
    traffic = Traffic(page)
    line = "person:Anna keyword:boat camera:none"
    page.goto(f"{address}/?q={quote(line)}")
    chip(page, "camera:none").wait_for()
    settle(page)
    with traffic.replies_held() as has_answered:
        chip(page, "Person Anna").click()
        has_answered("keyword:boat camera:none")
        chip(page, "Keyword boat").click()
    wait_for_line(page, "camera:none")


def test_a_click_undoes_nothing_that_was_typed_and_has_not_been_answered(
    page: Page, address: str
) -> None:
    """The browser sends the address of before along with the click."""
    traffic = Traffic(page)
    page.goto(f"{address}/?q={quote('person:Anna camera:none')}")
    chip(page, "camera:none").wait_for()
    settle(page)
    with traffic.replies_held() as has_answered:
        box = page.get_by_role("combobox", name="Search")
        box.fill("person:Anna keyword:boat camera:none")
        box.press("Enter")
        has_answered("keyword:boat")
        chip(page, "camera:none").click()
    wait_for_line(page, "person:Anna keyword:boat")
    wait_for_only(page, "lake.png")


def test_a_run_takes_nothing_away_that_is_being_typed(page: Page, address: str) -> None:
    page.goto(f"{address}/?q={quote('person:Anna camera:none')}")
    chip(page, "camera:none").wait_for()
    settle(page)
    box = page.get_by_role("combobox", name="Search")
    box.press("End")
    page.keyboard.type(" keyword:boat")
    chip(page, "camera:none").evaluate("button => button.click()")  # the box keeps the focus
    chip(page, "camera:none").wait_for(state="detached")
    settle(page)
    typed = "person:Anna camera:none keyword:boat"
    assert box.input_value() == typed
    box.press("Enter")
    wait_for_line(page, typed)


@pytest.mark.parametrize("is_cleared", [False, True])
def test_back_leads_to_the_query_before_also_after_a_photo_was_selected(
    page: Page, address: str, is_cleared: bool
) -> None:
    page.goto(f"{address}/?q=person:Anna")
    wait_for_count(page, 2)
    box = page.get_by_role("combobox", name="Search")
    box.fill("keyword:boat")
    box.press("Enter")
    wait_for_only(page, "lake.png")
    choose_in_menu(page, "Select all")
    page.get_by_text("1 photo selected").wait_for()
    if is_cleared:
        page.get_by_role("button", name="Clear").click()
        page.get_by_text("1 photo selected").wait_for(state="detached")
    page.go_back()
    wait_for_line(page, "person:Anna")
    wait_for_count(page, 2)


def test_a_filter_that_a_chip_removed_stays_removed_if_that_has_not_been_answered(
    page: Page, address: str
) -> None:
    """The browser sends the values of the form of before along with the next click."""
    traffic = Traffic(page)
    open_filters(page, address, f"?q={quote('person:Anna type:png camera:none')}")
    page.keyboard.press("Escape")
    chip(page, "type:png").wait_for()
    settle(page)
    with traffic.replies_held() as has_answered:
        chip(page, "type:png").click()
        has_answered("person:Anna camera:none")
        chip(page, "Person Anna").click()
    wait_for_line(page, "camera:none")


@pytest.mark.parametrize(
    ("line", "first", "second", "left"),
    [
        ("person:Anna keyword:boat camera:none", "Person Anna", "Keyword boat", "camera:none"),
        ("lake Anna Switzerland", "person:Anna", "country:Switzerland", "lake"),
        ("Anna Switzerland", "for “Anna”", "for “Switzerland”", "plain:Anna plain:Switzerland"),
    ],
    ids=["filters", "understood words", "plain words"],
)
def test_two_clicks_on_chips_count_if_they_arrive_together(
    page: Page, address: str, line: str, first: str, second: str, left: str
) -> None:
    """The server draws no chip between them, so that the second knows nothing of the first."""
    traffic = Traffic(page)
    page.goto(f"{address}/?q={quote(line)}")
    chip(page, second).wait_for()
    settle(page)
    with traffic.requests_held() as are_held:
        chip(page, first).click()
        are_held(1)
        chip(page, second).click()
        are_held(2)
    wait_for_line(page, left)


@pytest.mark.parametrize(("width", "height", "scheme"), [(1440, 900, "light"), (390, 844, "dark")])
def test_each_clause_of_a_line_has_its_chips(
    open_tab: OpenTab,
    address: str,
    width: int,
    height: int,
    scheme: Any,
    screenshot: Callable[..., None],
) -> None:
    tab = open_tab(address, width, height, scheme)
    clauses = "A tall tower above an old wall. It was in Italy, with Anna. I saw a small red boat."
    tab.goto(f"{address}/?q={quote(clauses)}")
    chip(tab, "Remove country:Italy, understood from “in Italy”").wait_for()
    aside = chip(tab, "Remove person:Anna set aside, understood from “with Anna.”")
    aside.wait_for()
    tab.get_by_text("so these words were set aside").wait_for()
    wait_for_count(tab, 1)
    tab.wait_for_function("document.documentElement.scrollWidth <= innerWidth")
    screenshot(tab, f"clauses-{width}-{scheme}")
    assert not axe_violations(tab)
    chip(tab, "Remove the clause “I saw a small red boat.”").click()
    wait_for_line(tab, "A tall tower above an old wall. It was in Italy, with Anna.")
    chip(tab, "Remove country:Italy, understood from “in Italy”").click()
    chip(tab, "Remove person:Anna, understood").wait_for()  # nothing is in its way


@pytest.mark.parametrize(("width", "height", "scheme"), [(1440, 900, "light"), (390, 844, "dark")])
def test_understood_words_are_removed_or_taken_as_plain_words(
    open_tab: OpenTab,
    address: str,
    width: int,
    height: int,
    scheme: Any,
    screenshot: Callable[..., None],
) -> None:
    """With the pointer and with the keyboard; the names of both buttons say what they do."""
    tab = open_tab(address, width, height, scheme)
    remove = "Remove country:Switzerland, understood from “Switzerland”"
    plain = "Search for “Switzerland” as plain words"
    for with_keys in (False, True):
        for name, line in ((remove, "a lake"), (plain, "a lake plain:Switzerland")):
            tab.goto(f"{address}/?q={quote('a lake Switzerland')}")
            button = tab.get_by_role("button", name=name, exact=True)
            button.wait_for()
            settle(tab)
            if with_keys:
                tab.get_by_role("button", name=remove, exact=True).focus()
                tab.keyboard.press("Enter" if name == remove else "Tab")
                if name == plain:
                    tab.keyboard.press("Space")
            else:
                screenshot(tab, f"chip-words-{width}-{scheme}")
                assert not axe_violations(tab)
                assert width > 390 or not small_targets(tab)
                button.click()
            wait_for_line(tab, line)
            button.wait_for(state="detached")


def test_two_clicks_on_choices_count_if_they_arrive_together(page: Page, address: str) -> None:
    traffic = Traffic(page)
    open_filters(page, address)
    page.locator(".kind", has_text="People").click()
    settle(page)
    with traffic.requests_held() as are_held:
        page.locator(".choice", has_text="Anna").click()
        are_held(1)
        page.locator(".choice", has_text="Geneviève").click()
        are_held(2)
    wait_for_line(page, "person:Anna person:Geneviève")
    wait_for_only(page, "lake.png")


def test_two_days_count_if_they_arrive_together(page: Page, address: str) -> None:
    traffic = Traffic(page)
    open_filters(page, address, "?q=sort:date")
    settle(page)
    with traffic.requests_held() as are_held:
        page.get_by_label("From", exact=True).fill("2019-07-01")
        are_held(1)
        page.get_by_label("To", exact=True).fill("2020-01-01")
        are_held(2)
    wait_for_line(page, "after:2019-07-01 before:2020-01-02 sort:date")
    wait_for_count(page, 2)


# The page of which a run that was sent the first day alone is held where Streamlit takes in what
# the browser has sent. Runs do not wait for each other there: the last one is believed.
OVERTAKEN_PAGE = """
import os, sys, threading
from pathlib import Path
from streamlit.runtime.state.session_state import SessionState

take_in = SessionState.set_widgets_from_proto
are_both_in, is_one_in = threading.Event(), threading.Event()

def take_in_late(self, sent):
    days = str(sent)
    if "2019-07-01" not in days or is_one_in.is_set():
        take_in(self, sent)
    elif "2020-01-01" in days:
        take_in(self, sent)
        are_both_in.set()
        assert is_one_in.wait(60)
    else:
        Path(os.environ["HELD"]).touch()
        assert are_both_in.wait(60)
        take_in(self, sent)
        is_one_in.set()

SessionState.set_widgets_from_proto = take_in_late
from ui.server import main
main(sys.argv[1:])
"""


def test_two_days_count_if_the_run_for_the_second_overtakes_the_other(
    open_tab: OpenTab, place: Path, tmp_path: Path
) -> None:
    held = tmp_path / "held"
    served = page_server(
        place / "library", program=("-c", OVERTAKEN_PAGE), environment={"HELD": str(held)}
    )
    with served as (address, _):
        tab = open_tab(address)
        open_filters(tab, address, "?q=sort:date")
        settle(tab)
        tab.get_by_label("From", exact=True).fill("2019-07-01")
        until = time.monotonic() + PATIENCE_S
        while not held.exists():
            assert time.monotonic() < until, "the run for the first day has not begun"
            tab.wait_for_timeout(20)
        tab.get_by_label("To", exact=True).fill("2020-01-01")
        wait_for_line(tab, "after:2019-07-01 before:2020-01-02 sort:date")
        wait_for_count(tab, 2)


def test_the_keyboard_removes_one_chip_after_the_other(page: Page, address: str) -> None:
    page.goto(f"{address}/?q={quote('person:Anna keyword:boat camera:none')}")
    chip(page, "Keyword boat").focus()
    page.keyboard.press("Enter")
    wait_for_line(page, "person:Anna camera:none")
    chip(page, "Keyword boat").wait_for(state="detached")
    page.keyboard.press("Enter")
    wait_for_line(page, "person:Anna")
    chip(page, "camera:none").wait_for(state="detached")
    page.keyboard.press("Enter")
    wait_for_line(page, "")


def test_the_arrow_keys_reach_what_was_found(page: Page, address: str) -> None:
    find = open_filters(page, address)
    find.fill("boat")
    page.locator(".choice", has_text="boat").wait_for()
    find.press("ArrowDown")
    page.keyboard.press("Enter")
    wait_for_line(page, "keyword:boat")
    wait_for_only(page, "lake.png")


def test_a_day_is_sent_only_if_it_is_another_one(browser: Browser) -> None:
    """A field that loses the focus may report a day that was replaced while it had it."""
    page = browser.new_page()
    page.set_default_timeout(PATIENCE_MS)

    def answer(route: Route) -> None:
        name = urlsplit(route.request.url).path.lstrip("/")
        if name:
            route.fulfill(path=CHECKOUT / "ui" / "components" / name)
        else:
            route.fulfill(body="<!doctype html>", content_type="text/html")

    page.route("http://components.test/**", answer)
    page.goto("http://components.test/")
    sent = page.evaluate(
        """async () => {
            const { default: period } = await import("/period/period.js");
            const sent = [], range = ["1800-01-01", "2100-12-31"];
            const setStateValue = (name, value) => sent.push(value);
            let handled = ["this session", 0];
            const show = (from) =>
                period(document.body, { data: { from, to: "", range, handled }, setStateValue });
            show("");
            const input = document.querySelector("input");
            const report = () => input.dispatchEvent(new Event("change"));
            input.value = "2019-07-01";
            report();
            show("");  // still without it
            report();
            handled = ["this session", sent[0][0][0]];
            show("2019-07-01");
            report();
            input.value = "";
            report();
            return sent;
        }"""
    )
    page.close()
    assert [[event for _, *event in events] for events in sent] == [
        [["this session", "from", "2019-07-01"]],
        [["this session", "from", ""]],
    ]


@pytest.mark.parametrize(("width", "height", "scheme"), [(1440, 900, "light"), (390, 844, "dark")])
def test_dates_from_and_to_are_beside_each_other(
    open_tab: OpenTab,
    address: str,
    width: int,
    height: int,
    scheme: Any,
    screenshot: Callable[..., None],
) -> None:
    tab = open_tab(address, width, height, scheme)
    open_filters(tab, address, "?q=sort:date")
    first, last = (tab.get_by_label(label, exact=True) for label in ("From", "To"))
    boxes = first.bounding_box(), last.bounding_box()
    assert boxes[0] is not None and boxes[1] is not None
    assert boxes[0]["y"] == boxes[1]["y"] and boxes[0]["x"] < boxes[1]["x"]
    assert boxes[1]["x"] + boxes[1]["width"] <= width
    first.press_sequentially("07012019")  # a browser in English: month, day, year
    wait_for_line(tab, "after:2019-07-01 sort:date")
    last.fill("2020-01-01")  # as a picker does
    wait_for_line(tab, "after:2019-07-01 before:2020-01-02 sort:date")
    wait_for_count(tab, 2)
    screenshot(tab, f"filters-dates-{width}-{scheme}")
    assert not axe_violations(tab)
    tab.keyboard.press("Escape")
    chip(tab, "Until 1 January 2020").wait_for()
    tab.wait_for_function("document.documentElement.scrollWidth <= innerWidth")
    screenshot(tab, f"filters-chips-{width}-{scheme}")
    assert not axe_violations(tab)
    row = tab.locator(".st-key-search_row").locator("input[type=text], button").all()
    sides = [(box["x"], box["x"] + box["width"]) for each in row if (box := each.bounding_box())]
    assert len(sides) == 3 and sides[0][1] - sides[0][0] > width / 3
    assert all(end < start for (_, end), (start, _) in pairwise(sides)), "none covers the next"
    chip(tab, "From 1 July 2019").click()
    wait_for_line(tab, "before:2020-01-02 sort:date")


def test_other_filters_apply_at_once_and_a_wrong_one_is_told(page: Page, address: str) -> None:
    open_filters(page, address)
    page.get_by_label("Location").fill("48.85;2.35")
    page.get_by_label("Location").press("Enter")
    page.get_by_text("near: ").wait_for()
    page.get_by_label("Orientation").click()
    page.get_by_role("option", name="square").click()
    wait_for_line(page, "orientation:square")
    wait_for_count(page, 5)


def test_only_who_is_logged_in_gets_the_choices(page: Page, address: str) -> None:
    page.goto(address)
    choices = page.evaluate("fetch('/operations/filters/choices').then(each => each.json())")
    assert all(choices[kind] for kind in ("folders", "places", "people", "keywords"))
    assert [kind["title"] for kind in choices["of_features"]] == ["Labels"]
    assert "onerror" in json.dumps(choices), "sent as text"
    with pytest.raises(HTTPError) as refused:
        urlopen(f"{address}/operations/filters/choices")
    refused.value.close()
    assert refused.value.code == 403
