"""The routes of near-duplicates: ranges of groups, choices, and exports."""

from __future__ import annotations

import csv
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from imgsearch import Library, Settings
from imgsearch.features.duplicates import page_data
from imgsearch.features.duplicates.page_data import Grouping, group_hits, groups_of
from tests.factories import wait_until
from tests.page_requests import json_of, put
from ui.search_state import SearchInput
from ui.session import session

PAIRS = ("chelsea.png", "coffee.png", "rocket.jpg")  # each twice: as it is, and half as large


@pytest.fixture(scope="module")
def data_dir(demo_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("similar")
    (place / "photos").mkdir()
    for name in PAIRS:
        with Image.open(demo_photos / name) as opened:
            picture = opened.convert("RGB")
        stem = Path(name).stem
        picture.save(place / "photos" / f"{stem}.png")
        small = picture.resize((picture.width // 2, picture.height // 2))
        small.save(place / "photos" / f"{stem} small.png")
    with Library.open(Settings.load(data_dir=place / "library", encoder="lite")) as library:
        library.index([place / "photos"]).run()
    return place / "library"


@pytest.fixture(autouse=True)
def compared(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page of the library, after a comparison and without choices."""
    monkeypatch.setenv("IMGSEARCH_DATA", str(data_dir))
    monkeypatch.setenv("IMGSEARCH_ENCODER", "lite")
    page_data.start_comparing()
    wait_until(lambda: page_data.comparison() is not None)
    session().library.duplicates.forget_choices()


def listed_groups(first: int = 0, count: int = 20, **address: str) -> Any:
    asked = {"address": address, "first": first, "count": count}
    return json_of(put(page_data.groups, asked))


def choose(choices: dict[str, bool], forgets: bool = False) -> Any:
    asked = {"address": {}, "choices": choices, "forgets": forgets}
    return json_of(put(page_data.choose, asked))


def exported(kind: str) -> str:
    answer = put(page_data.export, {"address": {}}, kind=kind)
    assert answer.status_code == 200
    return bytes(answer.body).decode()


def ids_of(listed: Any) -> dict[str, str]:
    """The ids of the listed photos, by their names."""
    return {photo["name"]: photo["id"] for group in listed["list"] for photo in group["photos"]}


def test_groups_come_in_ranges() -> None:
    everything = listed_groups()
    assert (everything["groups"], everything["photos"], everything["chosen"]) == (3, 6, 0)
    assert [group["number"] for group in everything["list"]] == [0, 1, 2]
    for group in everything["list"]:
        large, small = group["photos"]
        assert (large["keep"], small["keep"]) == (True, False)
        assert small["name"] == large["name"].replace(".", " small.")
        assert small["reason"].startswith("smaller:") and "px, PNG" in small["about"]
    second = listed_groups(first=1, count=1)
    assert second["list"] == everything["list"][1:2] and second["groups"] == 3
    assert listed_groups(first=3, count=9)["list"] == []


@pytest.mark.parametrize(
    "content",
    [
        {"address": {}, "first": -1, "count": 2},
        {"address": {}, "count": page_data.MOST_GROUPS + 1},
        {"address": {}, "folder": "/"},
        {"count": 2},
        {"address": {"q": "contry:Italy"}, "count": 2},
    ],
)
def test_what_is_no_request_is_refused_in_a_sentence(content: Any) -> None:
    answer = put(page_data.groups, content)
    assert answer.status_code == 422 and len(bytes(answer.body)) > 20


def test_a_choice_is_recorded_in_the_library() -> None:
    ids = ids_of(listed_groups())
    large, small = ids["chelsea.png"], ids["chelsea small.png"]
    answer = choose({small: True})
    assert answer["changed"] == {small: {"keep": True, "reason": "chosen by hand"}}
    assert answer["chosen"] == 1 and answer["problem"] == ""
    assert session().library.duplicates.choices() == {int(small): True}
    answer = choose({small: False, large: False})
    assert answer["changed"][large] == {"keep": False, "reason": "chosen by hand"}
    assert answer["changed"][small]["reason"].startswith("smaller:"), "as is proposed"
    assert choose({}, forgets=True)["chosen"] == 0
    assert session().library.duplicates.choices() == {}


def test_of_several_choices_that_of_a_photo_that_has_left_is_told() -> None:
    small = ids_of(listed_groups())["coffee small.png"]
    answer = choose({"999": True, small: True})
    assert "no photo 999" in answer["problem"]
    assert session().library.duplicates.choices() == {int(small): True}


def test_exports_follow_the_choices(data_dir: Path) -> None:
    ids = ids_of(listed_groups())
    choose({ids["coffee.png"]: False})  # nothing of this group is kept
    choose({ids["rocket small.png"]: True})
    paths = exported("paths")
    assert paths == f"{data_dir.parent / 'photos' / 'chelsea small.png'}\n"
    script = exported("script")
    assert script.count("chelsea small.png' ") == 1 and "coffee" not in script
    rows = csv.DictReader(StringIO(exported("csv")))
    kept = {Path(row["path"]).name: row["keep"] for row in rows}
    assert (kept["coffee.png"], kept["rocket small.png"], kept["rocket.png"]) == ("0", "1", "1")
    assert put(page_data.export, {"address": {}}, kind="zip").status_code == 404


def test_a_search_leaves_the_pairs_of_what_it_finds() -> None:
    listed = listed_groups(q="name:chelsea")
    assert (listed["groups"], listed["photos"]) == (1, 2)
    assert listed_groups(q="name:small")["groups"] == 0


def test_the_address_of_a_photo_leads_to_its_group() -> None:
    listed = listed_groups(score="0.92")
    photo = listed["list"][0]["photos"][1]
    grouping = Grouping.from_address({"score": "0.92"})
    hits = group_hits(grouping, int(photo["id"]))
    assert [hit.path.name for hit in hits] == [each["name"] for each in listed["list"][0]["photos"]]
    assert "from=similar&score=0.92" in photo["link"]
    assert group_hits(grouping, 999) == []


@pytest.mark.parametrize(
    ("address", "score", "prefer"),
    [
        ({}, 0.95, ()),
        ({"score": "0.955"}, 0.955, ()),
        ({"score": "nan"}, 0.95, ()),
        ({"score": "7"}, 0.95, ()),
        ({"prefer": '["/a", "/b"]'}, 0.95, ("/a", "/b")),
        ({"prefer": '["/\\udcff"]'}, 0.95, ("/\udcff",)),
        ({"prefer": "[1]"}, 0.95, ()),
        ({"prefer": "{"}, 0.95, ()),
    ],
)
def test_an_address_has_the_settings(
    address: dict[str, str], score: float, prefer: tuple[str, ...]
) -> None:
    grouping = Grouping.from_address(address)
    assert grouping == Grouping(SearchInput(), score, prefer)
    assert Grouping.from_address(grouping.parameters) == grouping


def test_groups_are_computed_once_until_the_number_of_photos_changes() -> None:
    grouping = Grouping(SearchInput(), 0.95)
    assert groups_of(grouping) is groups_of(grouping)
    choose({ids_of(listed_groups())["rocket.png"]: True})
    assert groups_of(grouping) is groups_of(grouping)
