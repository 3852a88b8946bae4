"""What was before and after a photo: order, the time between, and the ends of events."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from imgsearch import Library, QueryError, UsageError
from imgsearch.features.around import filters
from imgsearch.features.around.operations import Around
from imgsearch.features.around.texts import time_between
from imgsearch.service.client import Client
from tests.factories import run_cli
from tests.services import serving
from tests.stand_in import StandIn
from tests.travels import write_taken

OUTING = {
    "church": "2019-06-15T10:00:00",
    "lunch": "2019-06-15T12:30:00",
    "museum": "2019-06-15T14:00:30",
    "ice": "2019-06-15T16:05:00",
    "next week": "2019-06-22T16:05:00",
    "no date": None,
}


def library_of(library: Library, folder: Path, taken: dict[str, str | None]) -> dict[str, int]:
    """Index photos that were taken then, and return their ids by name."""
    folder.mkdir()
    for name, moment in taken.items():
        write_taken(folder / f"{name}.jpg", moment)
    library.index([folder]).run()
    return {hit.path.stem: hit.photo.id for hit in library.search(f"in:{folder.name}", k=100)}


@pytest.fixture
def outing(library: Library, stand_in: StandIn, tmp_path: Path) -> tuple[Library, dict[str, int]]:
    """A library of an outing, and of other days."""
    return library, library_of(library, tmp_path / "photos", OUTING)


def names_around(library: Library, photo_id: int, k: int = 10) -> list[tuple[str, float]]:
    found = library.around.photos(photo_id, k)
    return [(each.hit.path.stem, each.apart_s) for each in (*found.before, *found.after)]


def test_the_photos_of_the_event_before_and_after(outing: tuple[Library, dict[str, int]]) -> None:
    library, ids = outing
    assert names_around(library, ids["lunch"]) == [
        ("church", -9000),
        ("museum", 5430),
        ("ice", 12_900),
    ]
    found = library.around.photos(ids["museum"], k=1)
    assert [each.hit.path.stem for each in found.before] == ["lunch"]
    assert (found.more_before, found.more_after) == (1, 0)
    assert found.event is not None and found.event.photos == 4
    alone = library.around.photos(ids["next week"])
    assert (alone.before, alone.after) == ((), ()) and alone.event is not None
    assert library.around.photos(ids["no date"]).event is None
    by_path = library.around.photos(str(found.hit.path), k=1)
    assert by_path == found
    with pytest.raises(UsageError, match="no photo with the id 999"):
        library.around.photos(999)
    with pytest.raises(UsageError, match=r"x\.jpg"):
        library.around.photos(found.hit.path.with_name("x.jpg"))


def test_photos_of_one_second_are_in_the_order_of_their_ids(
    library: Library, stand_in: StandIn, tmp_path: Path
) -> None:
    same = {f"{number}": "2019-06-15T10:00:00" for number in range(5)}
    ids = library_of(library, tmp_path / "photos", dict(same))
    middle = sorted(ids.values())[2]
    found = library.around.photos(middle)
    before, after = ([each.hit.photo.id for each in side] for side in (found.before, found.after))
    assert [*before, middle, *after] == sorted(ids.values())
    assert {each.apart_s for each in (*found.before, *found.after)} == {0}


def test_a_clock_that_changed_and_the_date_line(
    library: Library, stand_in: StandIn, tmp_path: Path
) -> None:
    """With offsets from UTC, order and time between are those of the moments, not of the clocks."""
    ids = library_of(
        library,
        tmp_path / "photos",
        {
            "before summer time ended": "2019-10-27T02:50:00+02:00",
            "after it": "2019-10-27T02:10:00+01:00",
            "east of the line": "2019-06-15T01:00:00+12:00",
            "west of the line": "2019-06-14T02:30:00-11:00",
        },
    )
    assert names_around(library, ids["after it"]) == [("before summer time ended", -1200)]
    # Events are found by the clocks of cameras, which are a day apart here: these are two events.
    assert names_around(library, ids["west of the line"]) == []
    across = library_of(
        library,
        tmp_path / "across",
        {
            "before the line": "2020-06-14T02:30:00-11:00",
            "after the line": "2020-06-14T01:30:00-12:00",
        },
    )
    assert names_around(library, across["before the line"]) == [("after the line", 0)]


def test_first_and_last_year(library: Library, stand_in: StandIn, tmp_path: Path) -> None:
    taken: dict[str, str | None] = {
        "first": "0001-01-01T00:00:10+14:00",
        "second": "0001-01-01T00:30:00+14:00",
    }
    ids = library_of(library, tmp_path / "photos", taken)
    assert names_around(library, ids["first"]) == [("second", 1790)]
    query = f"around:{ids['first']},2h"
    assert {hit.path.stem for hit in library.search(query)} == {"first", "second"}


def test_the_filter_finds_a_time_around_a_photo(outing: tuple[Library, dict[str, int]]) -> None:
    library, ids = outing
    for value, names in {
        f"{ids['lunch']},2h": {"lunch", "museum"},
        f"{ids['lunch']}": {"lunch"},
        f"{ids['museum']},90m": {"museum"},
        f"{ids['museum']},91min": {"museum", "lunch"},
        f"{ids['ice']},7d": {"church", "lunch", "museum", "ice", "next week"},
    }.items():
        assert {hit.path.stem for hit in library.search(f"around:{value}")} == names, value
    with pytest.raises(QueryError, match="no photo with the id 999"):
        library.search("around:999,2h")
    with pytest.raises(QueryError, match="metadata has no date"):
        library.search(f"around:{ids['no date']}")
    for wrong in ("around:x", "around:0", "around:1,2", "around:1,2w", "around:1,999999d"):
        with pytest.raises(QueryError, match=r"Write"):
            library.search(wrong)


@pytest.mark.parametrize(
    ("typed", "normal"),
    [("12", "12,1h"), ("012, 30 MIN", "12,30min"), ("12,5m", "12,5min"), ("12,9s", "12,9s")],
)
def test_values_in_normal_form(typed: str, normal: str) -> None:
    assert filters.read(typed) == normal
    assert filters.read(normal) == normal


def test_the_time_between_in_words() -> None:
    assert [time_between(each) for each in (0, -40, 61, 7500, -90_000, 86_400)] == [
        "same second",
        "40 s before",
        "1 min 1 s after",
        "2 h 5 min after",
        "1 d 1 h before",
        "1 d after",
    ]


def test_the_command(outing: tuple[Library, dict[str, int]]) -> None:
    library, ids = outing
    data = library.settings.data_dir
    asked = run_cli("around", str(ids["lunch"]), data=data)
    assert asked.returncode == 0, asked.stderr
    lines = [line.strip().split("  ")[0] for line in asked.stdout.splitlines()[1:]]
    assert lines == ["2 h 30 min before", "this photo", "1 h 30 min after", "3 h 35 min after"]
    path = library.photos([ids["lunch"]])[0].path
    paths = run_cli("around", path, "-k", "1", "--paths", data=data)
    assert [Path(line).stem for line in paths.stdout.splitlines()] == ["church", "lunch", "museum"]
    alone = run_cli("around", str(ids["no date"]), data=data)
    assert alone.returncode == 1 and "imgsearch correct --photo" in alone.stderr
    cure = run_cli(
        "correct", "--photo", str(ids["no date"]), "--set-date", "2019-06-15T14:30", data=data
    )
    assert cure.returncode == 0, cure.stderr
    assert run_cli("around", str(ids["no date"]), data=data).returncode == 0
    unknown = run_cli("around", "99999", data=data)
    assert unknown.returncode == 2 and "no photo with the id" in unknown.stderr
    as_json = run_cli("around", str(ids["lunch"]), "-k", "1", "--json", data=data)
    answer = json.loads(as_json.stdout)
    assert [each["apart_s"] for each in answer["before"]] == [-9000]


def test_the_service_says_the_same(library: Library, tmp_path: Path) -> None:
    ids = library_of(library, tmp_path / "photos", OUTING)
    with serving(library.settings.data_dir):
        found = Client(library.settings).call(Around.photos, photo=ids["lunch"], k=1)
    assert found == library.around.photos(ids["lunch"], k=1)
    assert [each.apart_s for each in found.after] == [5430]
