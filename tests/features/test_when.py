"""Days of the week, times of day, and seasons: what is found, what counts as unknown, and words."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from imgsearch import Library, QueryError
from imgsearch.features.when import filters, values
from imgsearch.records.photo import Facts
from imgsearch.records.query import Filter, Selection
from imgsearch.store.filters import ConditionContext
from imgsearch.store.store import Store
from tests.factories import ingested, random_vectors, run_cli
from tests.travels import AREZZO, SYDNEY, write_taken

# Of each photo: its name, when it was taken, and where.
TAKEN: tuple[tuple[str, str | None, tuple[float, float] | None], ...] = (
    ("friday evening", "2019-06-14T20:15:00", AREZZO),
    ("friday late", "2019-06-14T23:30:00", AREZZO),
    ("after midnight", "2019-06-15T02:10:00", AREZZO),
    ("saturday morning", "2019-06-15T08:05:00", AREZZO),
    ("sunday noon", "2019-06-16T12:00:00", None),
    ("monday dawn", "2019-12-23T05:59:59", SYDNEY),
    ("date line", "2019-06-14T23:30:00-11:00", None),  # Saturday in UTC
    ("year one", "0001-01-06T18:30:00", None),  # a Saturday
    ("year 9999", "9999-12-31T18:29:59", None),  # which no photo can be of: its file counts
    ("day alone", "2019-06-15", None),
    ("program", "2019-06-15T00:00:00", None),
    ("month alone", "2019-06", None),
    ("file", None, None),
)
FIND = {
    "weekday:sat": "after midnight,saturday morning,year one,day alone,program",
    "weekday:weekend": "after midnight,saturday morning,sunday noon,year one,day alone,program",
    "weekday:sat..mon": "after midnight,saturday morning,sunday noon,monday dawn,year one,"
    "day alone,program",
    "weekday:workday": "friday evening,friday late,monday dawn,date line",
    "weekday:mon|sun": "monday dawn,sunday noon",
    "weekday:fri,20..4": "friday evening,friday late,after midnight,date line",
    "weekday:fri,20..23": "friday evening",
    "time:18..23": "friday evening,year one",
    "time:22..4": "friday late,after midnight,date line",
    "time:18:30..20": "year one",
    "time:18:30": "year one",
    "time:12": "sunday noon",
    "time:morning": "saturday morning,monday dawn",
    "time:6..24": "friday evening,friday late,saturday morning,sunday noon,date line,year one",
    "-time:morning": "friday evening,friday late,after midnight,sunday noon,date line,year one",
    "-weekday:workday": "after midnight,saturday morning,sunday noon,year one,day alone,program",
    "season:summer on:2019": "friday evening,friday late,after midnight,saturday morning,"
    "sunday noon,monday dawn,date line,day alone,program,month alone",
    "season:winter": "year one",
}


@pytest.fixture
def week(library: Library, tmp_path: Path) -> Library:
    """A library of photos of a week, and of odd dates."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, taken_at, at in TAKEN:
        write_taken(folder / f"{name}.jpg", taken_at, at)
    library.index([folder]).run()
    return library


def found(library: Library, query: str) -> set[str]:
    return {hit.path.stem for hit in library.search(query, k=50)}


def test_filters_find_what_was_taken_then(week: Library) -> None:
    for query, names in FIND.items():
        assert found(week, query) == set(names.split(",")), query


def test_photos_without_a_time_of_their_own_are_told(week: Library) -> None:
    answer = week.find("time:18..23")
    told = "5 of 13 photos have no time of day of their own, as scans and photos dated by their "
    assert answer.remarks == (f"{told}file. They are left out.",)
    (about_days,) = week.find("weekday:sat").remarks
    assert about_days.startswith("3 of 13 photos have no date of their own")
    assert week.find("month:6").remarks == ()


def test_random_times_are_found_as_python_finds_them(tmp_path: Path) -> None:
    """Hold every day of the week and hours against the calendar of Python."""
    chance = random.Random(7)
    times = [
        datetime(1950, 1, 1, 0, 0, 1) + timedelta(seconds=chance.randrange(100 * 365 * 86_400))
        for _ in range(400)
    ]
    times += [datetime(1, 1, 1, 0, 0, 1), datetime(9999, 12, 31, 23, 59, 59)]
    with Store.open(tmp_path, writable=True) as store:
        root = store.files.add_root("/photos")
        key = store.vectors.add_encoder("test/1", "test", 2).key
        vector = random_vectors(1, 2)
        photos = [
            ingested(f"/photos/{number}.jpg", vector, facts=Facts("JPEG", 8, 8, taken_at=time))
            for number, time in enumerate(times)
        ]
        store.record(root, key, photos)

        def ids(field: str, value: str) -> set[int]:
            return set(store.reads.selections.ids(Selection((Filter(field, (value,)),))).tolist())

        for day, name in enumerate(("mon", "tue", "wed", "thu", "fri", "sat", "sun")):
            expected = {at for at, time in enumerate(times, 1) if time.weekday() == day}
            assert ids("weekday", name) == expected
            nights = {
                at
                for at, time in enumerate(times, 1)
                if (time.weekday() == day and time.hour >= 21)
                or ((time.weekday() - 1) % 7 == day and time.hour < 4)
            }
            assert ids("weekday", f"{name},21..4") == nights
        for start, end in ((0, 6), (6, 12), (21, 3), (23, 24)):
            hours = {
                at
                for at, time in enumerate(times, 1)
                if (start <= time.hour < end if start < end else time.hour >= start)
                or (end < start and time.hour < end)
            }
            assert ids("time", f"{start}..{end}") == hours


def test_each_filter_reads_an_index_and_no_photo(week: Library) -> None:
    """Look at the plan of SQLite: times of a large library are found without reading its rows."""
    with closing(sqlite3.connect(week.settings.data_dir / "library.db")) as connection:
        context = ConditionContext(connection, frozenset())
        for condition, reads in (
            (filters.on_weekdays(context, "sat"), "SEARCH"),
            (filters.on_weekdays(context, "fri,20..4"), "SEARCH"),
            (filters.at_time(context, "18..23"), "SEARCH"),
            (filters.at_time(context, "night"), "SEARCH"),
            (filters.has_time(context), "SCAN"),
            (filters.has_weekday(context), "SCAN"),
            (filters.in_season(context, "summer"), "SCAN"),
        ):
            query = f"EXPLAIN QUERY PLAN SELECT id FROM photos WHERE {condition.text}"
            plan = [row[3] for row in connection.execute(query, condition.parameters)]
            used = [each for each in plan if " photos " in each]
            index = "photos USING COVERING INDEX photos_by_time_of_day"
            assert used and all(each.startswith(f"{reads} {index}") for each in used), plan


@pytest.mark.parametrize(
    ("typed", "normal"),
    [
        ("18", "18"),
        ("18:00..23:00", "18..23"),
        ("6pm..11:30pm", "18..23:30"),
        ("12am", "0"),
        ("12pm", "12"),
        ("22..4", "22..4"),
        ("07:05", "7:05"),
        ("0..24", "0..24"),
        ("Morning", "morning"),
    ],
)
def test_times_in_normal_form(typed: str, normal: str) -> None:
    assert values.read_time(typed) == normal
    assert values.read_time(normal) == normal


@pytest.mark.parametrize(
    "typed", ["", "25", "24", "18:60", "13pm", "0am", "18..18", "1..2..3", "noonish", "-1", "24:01"]
)
def test_what_is_no_time_is_refused(typed: str) -> None:
    with pytest.raises(ValueError, match=r"time"):
        values.read_time(typed)


@pytest.mark.parametrize(
    ("typed", "normal"),
    [
        ("Saturday", "sat"),
        ("saturdays", "sat"),
        ("tues", "tue"),
        ("Mon..Wed", "mon..wed"),
        ("weekend", "weekend"),
        ("fri, 8pm..4", "fri,20..4"),
        ("weekend,morning", "weekend,morning"),
    ],
)
def test_days_in_normal_form(typed: str, normal: str) -> None:
    assert values.read_weekdays(typed) == normal
    assert values.read_weekdays(normal) == normal


@pytest.mark.parametrize("typed", ["", "someday", "mon..wed..fri", "weekend..mon", "mon,", "s"])
def test_what_is_no_day_is_refused(typed: str) -> None:
    with pytest.raises(ValueError, match=r"day"):
        values.read_weekdays(typed)


def test_options_and_their_mistakes_in_the_terminal(week: Library) -> None:
    asked = run_cli("search", "--weekday", "sat", "--time", "6..12", data=week.settings.data_dir)
    assert asked.returncode == 0, asked.stderr
    assert "saturday morning.jpg" in asked.stdout
    assert len(asked.stdout.splitlines()) == 1
    wrong = run_cli("search", "--weekday", "caturday", data=week.settings.data_dir)
    assert wrong.returncode == 2
    assert "Write mon, tue, wed" in wrong.stderr
    with pytest.raises(QueryError, match="is not a time of day"):
        week.search("time:late")
