"""Counts by year and month, from photos on disk to what the commands print."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from imgsearch import Example, Library, Query, Settings, Term, to_text
from imgsearch.errors import QueryError, UsageError
from imgsearch.language.anniversary import a_year_ago, in_earlier_years
from imgsearch.records.browse import (
    DayCount,
    MonthCount,
    Timeline,
    YearCount,
)
from tests.commands import run
from tests.factories import dng, encoded, scene, write_photo
from tests.stand_in import StandIn
from tests.travels import write_taken


def test_photos_are_counted_by_year_and_month(travels: Library) -> None:
    assert travels.browse.timeline() == Timeline(
        (
            YearCount(2008, 3, 0, (MonthCount("2008-10", 2, 0), MonthCount("2008-12", 1, 0))),
            *(YearCount(year, 0, 0, ()) for year in (2009, 2010, 2011)),
            YearCount(2012, 1, 1, (MonthCount("2012-03", 1, 1),)),
            *(YearCount(year, 0, 0, ()) for year in (2013, 2014)),
            YearCount(2015, 3, 0, (MonthCount("2015-02", 2, 0), MonthCount("2015-11", 1, 0))),
        )
    )


def test_a_month_counts_what_a_search_for_it_finds(travels: Library) -> None:
    for year in travels.browse.timeline().years:
        for month in year.months:
            assert len(travels.find(f"on:{month.month}").hits) == month.photos
            by_file = travels.find(f"on:{month.month} dated:file").hits
            assert len(by_file) == month.dated_by_file


def test_photos_are_listed_by_day_newest_first(travels: Library) -> None:
    days = travels.browse.days()
    assert [(day.day.isoformat(), len(day.photo_ids), day.dated_by_file) for day in days] == [
        ("2015-11-05", 1, 0),
        ("2015-02-02", 1, 0),
        ("2015-02-01", 1, 0),
        ("2012-03-04", 1, 1),
        ("2008-12-31", 1, 0),
        ("2008-10-22", 2, 0),
    ]
    in_order = [photo_id for day in days for photo_id in day.photo_ids.tolist()]
    assert in_order == [hit.photo.id for hit in travels.find("sort:date", 100).hits]
    names = [hit.path.stem for hit in travels.photos(days[-1].photo_ids.tolist())]
    assert names == ["a2", "a1"], "the latest first"
    (day,) = travels.browse.days("country:Italy after:2012")
    assert day.day == date(2015, 11, 5)
    assert travels.browse.days("country:France") == ()


def test_the_days_are_counted_with_the_place_of_a_photo(travels: Library) -> None:
    days = travels.browse.days()
    counted = travels.browse.day_counts()
    assert counted.days == tuple(
        DayCount(day.day, len(day.photo_ids), day.dated_by_file) for day in days
    )
    ids = [photo_id for day in days for photo_id in day.photo_ids.tolist()]
    for place, photo_id in enumerate(ids):
        assert travels.browse.day_counts(photo_id=photo_id).offset == place
    assert counted.shapes == (), "they are asked for"
    assert travels.browse.day_counts(shapes=True).shapes == travels.browse.shapes_of(ids)
    elsewhere = travels.browse.day_counts("-country:Italy", photo_id=ids[0])
    assert elsewhere.version != counted.version and elsewhere.offset is None
    assert travels.browse.day_counts("width:>0").version == counted.version, "of the same photos"


def test_what_a_view_asks_for_is_found_once_until_anything_changes(
    travels: Library, tmp_path: Path, demo_photos: Path
) -> None:
    image = min(demo_photos.glob("*.jpg")).read_bytes()
    for query in (None, "country:Italy", "a boat", Query((Term(Example(image)),))):
        for method in (travels.browse.days, travels.browse.positions):
            assert method(query) is method(query)
    days, positions = travels.browse.days(), travels.browse.positions()
    with pytest.raises(ValueError, match="read-only"):
        days[0].photo_ids[0] = 7  # several views are given it
    assert travels.browse.days("photo:1") is not travels.browse.days("photo:2")
    travels.marks.set([int(days[0].photo_ids[0])], hidden=True)
    assert sum(day.photos for day in travels.browse.day_counts().days) == 6
    assert travels.browse.positions() is not positions
    file = tmp_path / "example.jpg"
    file.write_bytes(image)
    of_file = Query((Term(Example(file)),))
    assert travels.browse.days(of_file) is not travels.browse.days(of_file), "it may change"


def test_only_the_photos_of_a_query_are_counted(travels: Library) -> None:
    (year,) = travels.browse.timeline("country:Italy before:2010").years
    assert (year.year, year.photos) == (2008, 3)
    assert travels.browse.timeline("country:France") == Timeline(())
    nearest = travels.browse.timeline("something", k=2)  # too few photos here for weak results
    assert sum(year.photos for year in nearest.years) == 2
    with pytest.raises(QueryError, match="without them, photos have no score"):
        travels.browse.timeline("country:Italy t:0.5")
    with pytest.raises(QueryError, match="Unknown filter"):
        travels.browse.timeline("contry:Italy")


def test_weak_results_are_not_counted(demo: Library) -> None:
    hits = [hit for hit in demo.find("a cat", 1000).hits if hit.level != "weak"]
    assert 0 < len(hits) < demo.photo_count()
    assert sum(year.photos for year in demo.browse.timeline("a cat").years) == len(hits)
    assert demo.browse.timeline("a guitar") == Timeline(())


def test_a_photo_whose_file_is_gone_is_not_counted(travels: Library, tmp_path: Path) -> None:
    (tmp_path / "photos" / "s1.png").unlink()
    travels.index().run()
    assert travels.browse.timeline().years[-1].photos == 2


def test_an_empty_library_says_what_to_do(library: Library) -> None:
    with pytest.raises(UsageError, match="imgsearch index"):
        library.browse.timeline()


@pytest.mark.parametrize(("stack_raw", "photos"), [(True, 2), (False, 3)])
def test_a_shot_counts_once_with_stack_raw(
    tmp_path: Path, stand_in: StandIn, stack_raw: bool, photos: int
) -> None:
    folder = tmp_path / "photos"
    write_photo(folder / "other.png")
    (folder / "IMG_1.dng").write_bytes(dng())
    (folder / "IMG_1.jpg").write_bytes(encoded(scene(), "JPEG"))
    settings = Settings.load(data_dir=tmp_path / "library", stack_raw=stack_raw)
    with Library.open(settings, encoder=stand_in) as library:
        library.index([folder]).run()
        for query in (None, "in:photos", "anything"):
            assert library.browse.positions(query).unknown == photos
        assert library.browse.positions("type:raw").unknown == 1, (
            "its JPEG does not pass, and hides nothing"
        )


# ------------------------------------------------------------------------- the commands


def bars(lines: Sequence[str]) -> dict[str, tuple[int, str]]:
    """The rows of a timeline: by name, count and bar."""
    found = {}
    for line in lines:
        name, _, rest = line.partition("  ")
        count, _, bar = rest.strip().partition("  ")
        found[name.strip()] = int(count), bar
    return found


def test_the_timeline_is_printed_as_bars(travels: Library) -> None:
    code, output, remarks = run(travels, "timeline")
    assert (code, remarks) == (0, "")
    assert max(map(len, output.splitlines())) <= 60
    rows = bars(output.splitlines())
    assert list(rows) == ["2008", "2009 to 2011", "2012", "2013 to 2014", "2015"]
    assert [count for count, _ in rows.values()] == [3, 0, 1, 0, 3]
    assert set(rows["2008"][1]) == {"█"} and rows["2008"] == rows["2015"]
    assert set(rows["2012"][1]) == {"░"}, "it is dated by its file"
    assert len(rows["2008"][1]) == pytest.approx(3 * len(rows["2012"][1]), abs=2)
    assert rows["2009 to 2011"] == (0, "")


def test_the_timeline_by_month_of_a_query(travels: Library) -> None:
    code, output, _ = run(travels, "timeline", "--country", "Italy", "--months")
    rows = bars(output.splitlines())
    assert code == 0
    assert {name: count for name, (count, _) in rows.items()} == {
        "2008-10": 2,
        "2008-11": 0,
        "2008-12": 1,
        "2009-01 to 2015-10": 0,
        "2015-11": 1,
    }


def test_on_this_day_lists_earlier_years(
    library: Library, tmp_path: Path, stand_in: StandIn
) -> None:
    today = datetime.now()
    if (today.month, today.day) == (2, 29):
        pytest.skip("the years before have no such day")
    for name, taken_at in {
        "two": today.replace(year=today.year - 2),
        "one": today.replace(year=today.year - 1),
        "now": today,
        "off": today.replace(year=today.year - 1) + timedelta(days=40),
    }.items():
        write_taken(tmp_path / "photos" / f"{name}.png", f"{taken_at:%Y-%m-%dT%H:%M:%S}")
    of_file = write_taken(tmp_path / "photos" / "file.png")
    earlier = today.replace(year=today.year - 3).timestamp()
    os.utime(of_file, (earlier, earlier))
    library.index([tmp_path / "photos"]).run()
    code, output, _ = run(library, "timeline", "--on-this-day")
    assert code == 0
    assert [Path(line.split()[-1]).stem for line in output.splitlines()] == ["one", "two"]
    code, output, _ = run(library, "timeline", "--on-this-day", "name:two", "--json")
    assert [Path(hit["paths"][0]).stem for hit in json.loads(output)["hits"]] == ["two"]
    code, output, remarks = run(library, "timeline", "--on-this-day", "name:off")
    assert (code, output) == (1, "") and "No photo of this day" in remarks


def test_the_29th_of_february_is_shown_every_year() -> None:
    def days(*today: int) -> str:
        return to_text(in_earlier_years(Query(), date(*today)))

    assert days(2023, 2, 28) == "day:02-28|02-29 before:2023 -dated:file sort:date"
    assert days(2024, 2, 28).startswith("day:02-28 before:2024")
    assert days(2024, 2, 29).startswith("day:02-29 before:2024")


def test_a_year_ago_is_the_week_around_the_day() -> None:
    def days(*today: int) -> str:
        return to_text(a_year_ago(Query(), date(*today)))

    assert days(2023, 6, 15) == "after:2022-06-12 before:2022-06-19 -dated:file sort:date"
    assert days(2024, 2, 29).startswith("after:2023-02-25 before:2023-03-04")
    assert days(2023, 1, 2).startswith("after:2021-12-30 before:2022-01-06")


def test_json_and_exit_codes(travels: Library) -> None:
    code, output, _ = run(travels, "timeline", "on:2008", "--json")
    assert code == 0
    months = [
        {"month": "2008-10", "photos": 2, "dated_by_file": 0},
        {"month": "2008-12", "photos": 1, "dated_by_file": 0},
    ]
    year = {"year": 2008, "photos": 3, "dated_by_file": 0, "months": months}
    assert json.loads(output) == {"years": [year]}
    code, output, remarks = run(travels, "timeline", "country:France")
    assert (code, output) == (1, "")
    assert "No photo matches" in remarks
