"""Counts by year and month and by place, from photos on disk to what the commands print."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.bench_events import LIVES, Moment, columns, make_library, ours, score
from imgsearch import Example, Library, Query, Settings, Term, to_text
from imgsearch.analysis.event_summaries import MIN_TRIP_PHOTOS, headings_of, summary_of
from imgsearch.analysis.event_titles import title_of, with_titles
from imgsearch.analysis.events import find_events
from imgsearch.cli import commands
from imgsearch.errors import QueryError, UsageError
from imgsearch.language.anniversary import a_year_ago, in_earlier_years
from imgsearch.records.browse import (
    CountryCount,
    DayCount,
    EventTitle,
    MonthCount,
    PhotoEvent,
    PlaceCounts,
    RegionCount,
    Timeline,
    TownCount,
    YearCount,
)
from tests.factories import dng, encoded, scene, write_photo
from tests.stand_in import StandIn
from tests.travels import AREZZO, FIJI, SYDNEY, write_taken, write_travels


@pytest.fixture
def travels(tmp_path: Path, library: Library, stand_in: StandIn) -> Library:
    """A library of photos of 2008, 2012 and 2015, in Italy, Australia and elsewhere."""
    library.index([write_travels(tmp_path / "photos")]).run()
    return library


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
    elsewhere = travels.browse.day_counts("-country:Italy", photo_id=ids[0])
    assert elsewhere.version != counted.version and elsewhere.offset is None
    assert travels.browse.day_counts("width:>0").version == counted.version, "of the same photos"


def test_what_a_view_asks_for_is_found_once_until_anything_changes(
    travels: Library, tmp_path: Path, demo_photos: Path
) -> None:
    image = min(demo_photos.glob("*.jpg")).read_bytes()
    for query in (None, "country:Italy", "a boat", Query((Term(Example(image)),))):
        for method in (travels.browse.days, travels.browse.positions, travels.browse.events):
            assert method(query) is method(query)
    days, events = travels.browse.days(), travels.browse.events()
    with pytest.raises(ValueError, match="read-only"):
        days[0].photo_ids[0] = 7  # several views are given it
    assert travels.browse.days("photo:1") is not travels.browse.days("photo:2")
    travels.marks.set([int(days[0].photo_ids[0])], hidden=True)
    assert sum(day.photos for day in travels.browse.day_counts().days) == 6
    assert travels.browse.events() is not events
    file = tmp_path / "example.jpg"
    file.write_bytes(image)
    of_file = Query((Term(Example(file)),))
    assert travels.browse.days(of_file) is not travels.browse.days(of_file), "it may change"


def test_photos_are_counted_by_country_region_and_town(travels: Library) -> None:
    towns = (TownCount("Arezzo", 2), TownCount("Florence", 1))
    italy = (RegionCount("Tuscany", 3, towns), RegionCount(None, 1, (TownCount(None, 1),)))
    sydney = RegionCount("New South Wales", 1, (TownCount("Sydney", 1),))
    assert travels.browse.places() == PlaceCounts(
        (CountryCount("Italy", 4, italy), CountryCount("Australia", 1, (sydney,))),
        unnamed=1,
        unknown=1,
    )


def test_only_the_photos_of_a_query_are_counted(travels: Library) -> None:
    (year,) = travels.browse.timeline("country:Italy before:2010").years
    assert (year.year, year.photos) == (2008, 3)
    assert [country.photos for country in travels.browse.places("on:2008-10").countries] == [2]
    assert travels.browse.timeline("country:France") == Timeline(())
    assert travels.browse.places("country:France") == PlaceCounts((), 0, 0)
    nearest = travels.browse.timeline("something", k=2)  # too few photos here for weak results
    assert sum(year.photos for year in nearest.years) == 2
    with pytest.raises(QueryError, match="without them, photos have no score"):
        travels.browse.timeline("country:Italy t:0.5")
    with pytest.raises(QueryError, match="Unknown filter"):
        travels.browse.places("contry:Italy")


def test_weak_results_are_not_counted(demo: Library) -> None:
    hits = [hit for hit in demo.find("a cat", 1000).hits if hit.level != "weak"]
    assert 0 < len(hits) < demo.photo_count()
    assert sum(year.photos for year in demo.browse.timeline("a cat").years) == len(hits)
    assert demo.browse.places("a cat").unknown == len(hits)
    assert demo.browse.timeline("a guitar") == Timeline(())


def test_a_photo_whose_file_is_gone_is_not_counted(travels: Library, tmp_path: Path) -> None:
    (tmp_path / "photos" / "s1.png").unlink()
    travels.index().run()
    assert [country.country for country in travels.browse.places().countries] == ["Italy"]
    assert travels.browse.timeline().years[-1].photos == 2


def test_an_empty_library_says_what_to_do(library: Library) -> None:
    for count in (library.browse.timeline, library.browse.places):
        with pytest.raises(UsageError, match="imgsearch index"):
            count()


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
            assert library.browse.places(query).unknown == photos
        assert library.browse.places("type:raw").unknown == 1, (
            "its JPEG does not pass, and hides nothing"
        )


# ------------------------------------------------------------------------- events


def at(day: float, point: tuple[float, float] | None = None) -> Moment:
    """A photo at a time in days after the first of January 2020; its id is unique to the time."""
    taken_at = datetime(2020, 1, 1) + timedelta(days=day)
    return Moment(round(day * 1e6), taken_at, *(point or (None, None)))


def at_home(weeks: Iterable[int]) -> list[Moment]:
    """Three photos within half an hour, on one day of each of these weeks."""
    return [at(7 * week + part, AREZZO) for week in weeks for part in (0.5, 0.51, 0.52)]


def spans(moments: Iterable[Moment]) -> list[tuple[float, float, bool]]:
    """First and last photo of each event, in days, and whether it is a trip."""
    moments = sorted(moments, key=lambda moment: moment.taken_at)
    events = find_events(columns(moments))
    assert [n for event in events for n in event.photo_ids] == [m.photo_id for m in moments]
    return [
        (event.photo_ids[0] / 1e6, event.photo_ids[-1] / 1e6, event.is_trip) for event in events
    ]


def test_a_trip_is_one_event_with_its_nights_and_moves() -> None:
    home = at_home(range(30))
    trip = [at(99 + day, SYDNEY if day < 4 else FIJI) for day in (0, 0.2, 1, 1.5, 4.5, 5, 5.4)]
    home = [moment for moment in home if not 99 <= moment.photo_id / 1e6 <= 105]
    found = spans(home + trip)
    assert [span for span in found if span[2]] == [(99, 104.4, True)]
    assert len(found) == 1 + len(home) / 3


def test_two_trips_with_days_at_home_or_elsewhere_between_them_are_two() -> None:
    home = at_home(range(30))
    trips = [at(93, SYDNEY), at(95, SYDNEY), at(99.9, FIJI), at(100, FIJI)]
    found = [span for span in spans(home + trips) if span[2]]
    assert found == [(93, 95, True), (99.9, 100, True)]
    found = [span for span in spans([*home, at(94, AREZZO), *trips[:2]]) if span[2]]
    assert found == [(93, 93, True), (95, 95, True)]


def test_an_occasion_at_home_ends_with_a_gap_that_is_long_for_it() -> None:
    afternoon = [at(200.4 + number * 0.005, AREZZO) for number in range(15)]
    evening = [at(200.65 + number * 0.005, AREZZO) for number in range(15)]  # 4.3 hours later
    found = spans([*at_home(range(20)), *afternoon, *evening])
    assert found[-2:] == [(200.4, 200.47, False), (200.65, 200.72, False)]
    sparse = [afternoon[0], afternoon[-1], evening[0], evening[-1]]
    assert spans([*at_home(range(20)), *sparse])[-1] == (200.4, 200.72, False)


def test_photos_without_coordinates_belong_to_the_trip_around_them() -> None:
    trip = [at(101.3, SYDNEY), at(101.6), at(102.2, SYDNEY), at(102.6), at(104.3, SYDNEY)]
    assert (101.3, 104.3, True) in spans(at_home(range(30)) + trip)


def test_a_new_home_is_a_home_soon_after_the_move() -> None:
    before = at_home(range(60))
    after = [replace(m, lat=SYDNEY[0], lon=SYDNEY[1]) for m in at_home(range(60, 90))]
    assert all(not is_trip for *_, is_trip in spans(before + after))


def test_without_a_home_photos_on_several_days_are_one_trip() -> None:
    assert spans([at(3, SYDNEY), at(4, SYDNEY), at(6, FIJI)]) == [(3, 6, True)]


def test_without_coordinates_days_are_events() -> None:
    moments = [at(day + part) for day in range(5) for part in (0.4, 0.41, 0.45)]
    assert [end - start for start, end, _ in spans(moments)] == [pytest.approx(0.05)] * 5
    assert spans([]) == [] and spans([at(1)]) == [(1, 1, False)]


def test_events_of_made_libraries_are_found() -> None:
    for name in ("a phone", "a phone and a camera", "moved house"):
        shots = make_library(replace(LIVES[name], photos=10), seed=2000)
        precision, recall, whole = score(shots, ours([shot.moment for shot in shots]))
        assert min(precision, recall) > 0.95 and whole > 0.75, name


def test_events_of_a_library_have_its_photos_and_places(travels: Library) -> None:
    events = travels.browse.events()
    names = [[hit.path.stem[:2] for hit in travels.photos(event.photo_ids)] for event in events]
    assert [sorted(each) for each in names[1:]] == [["a3"], ["o1", "s1"], ["n1"]]
    assert len(names[0]) == 2, "the copy is the same photo, and f1 has only its file's date"
    assert (events[0].towns, events[0].countries) == (("Arezzo",), ("Italy",))
    assert events[0].start == datetime(2008, 10, 22, 16, 28, 39)
    assert events[0].end == datetime(2008, 10, 22, 23, 59, 59), "as the camera showed it"
    assert travels.browse.events("on:2008-12") == events[1:2]
    assert travels.browse.events("dated:file") == ()


# ------------------------------------------------------------------------- the commands


def run(library: Library, *arguments: str, **environment: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command with this library."""
    library.close()
    done = CliRunner(env={"COLUMNS": "60", **environment}).invoke(
        commands,
        [*arguments, "--data", str(library.settings.data_dir)],
        obj=StandIn(),
    )
    return done.exit_code, done.stdout, done.stderr


def bars(lines: Sequence[str]) -> dict[str, tuple[int, str]]:
    """The rows of a timeline: by name, count and bar."""
    found = {}
    for line in lines:
        name, _, rest = line.partition("  ")
        count, _, bar = rest.strip().partition("  ")
        found[name.strip()] = int(count), bar
    return found


def test_events_are_listed_without_their_photos(travels: Library) -> None:
    events = travels.browse.events()
    listed = travels.browse.event_summaries()
    assert [(each.start, each.photos, each.found) for each in listed] == [
        (event.start, len(event.photo_ids), len(event.photo_ids)) for event in events
    ]
    wanted = {each for day in travels.browse.days("country:Italy") for each in day.photo_ids}
    of_italy = travels.browse.event_summaries("country:Italy")
    assert [(each.start, each.photos, each.found) for each in of_italy] == [
        (event.start, len(event.photo_ids), len(wanted.intersection(event.photo_ids)))
        for event in events
        if wanted.intersection(event.photo_ids)
    ]
    assert 0 < len(of_italy) < len(listed)


def test_an_event_is_found_by_a_moment_or_else_by_a_photo(travels: Library) -> None:
    event = next(each for each in travels.browse.events() if each.towns)
    found = travels.browse.event_photos(event.start)
    assert found is not None
    assert (found.event, found.photo_ids) == (summary_of(event), event.photo_ids)
    assert sum(day.photos for day in found.days) == len(event.photo_ids)
    assert [day.day for day in found.days] == sorted(day.day for day in found.days)
    assert sum(stop.photos for stop in found.stops) == len(event.photo_ids)
    assert {town.name for town in found.towns} == set(event.towns)
    assert all(0 <= town.stop < len(found.stops) for town in found.towns)
    never = datetime(1999, 1, 1)
    assert travels.browse.event_photos(never) is None
    assert travels.browse.event_photos(never, event.photo_ids[0]) == found, "its date was corrected"
    assert travels.browse.event_photos(event.start.replace(tzinfo=UTC)) == found


def test_a_timeline_has_trips_that_are_not_small_and_towns_of_its_days() -> None:
    at = datetime(2019, 6, 3, 9)

    def event(start: datetime, days: int, photos: int, *towns: str) -> PhotoEvent:
        end = start + timedelta(days=days, hours=2)
        return PhotoEvent(start, end, days > 0, tuple(range(1, photos + 1)), towns, ("Italy",))

    large, small = event(at, 3, MIN_TRIP_PHOTOS, "Rome", "Siena"), event(at, 3, 4, "Pisa")
    morning = event(at + timedelta(days=20), 0, 2, "Bonn")
    evening = event(at + timedelta(days=20, hours=9), 0, 3, "Köln", "Bonn")
    found = headings_of([large, small, morning, evening, event(at + timedelta(days=30), 0, 9)])
    assert found.trips == (summary_of(large),)
    assert found.towns == {date(2019, 6, 23): ("Köln", "Bonn")}, "of the larger event of the day"


def test_words_have_no_trips_and_filters_their_own(travels: Library) -> None:
    assert travels.browse.headings("a boat").towns == {}
    assert travels.browse.headings().towns
    assert set(travels.browse.headings("country:Fiji").towns.values()) <= {("Suva",), ()}


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


def test_events_are_printed_with_days_photos_and_places(travels: Library) -> None:
    code, output, remarks = run(travels, "events", "--min-photos", "2")
    assert code == 0
    assert [line.split(None, 3) for line in output.splitlines()] == [
        ["2008-10-22", "2", "trip", "Arezzo, 22 October 2008"],
        ["2015-02-01", "2", "trip", "Sydney, 1 to 2 February 2015"],
    ]
    assert remarks == "Events of fewer than 2 photos: 2.\n"
    code, output, _ = run(travels, "events", "--min-photos", "2", "--json")
    assert [event["towns"] for event in json.loads(output)] == [["Arezzo"], ["Sydney"]]
    assert run(travels, "events") == (1, "", "Events of fewer than 5 photos: 4.\n")
    code, _, remarks = run(travels, "events", "dated:file")
    assert code == 1 and "No photo with a date in its metadata" in remarks
    assert run(travels, "events", "--min-photos=0")[0] == 2


def test_a_given_title_is_kept_and_can_be_undone(travels: Library) -> None:
    def titles() -> list[str]:
        return [each.title for each in travels.browse.events() if each.is_titled]

    (there,) = [each for each in travels.browse.events("on:2015-02") if len(each.photo_ids) > 1]
    change = travels.browse.title_event(there.end, "  Sydney with  Anna ")
    assert (change.title, change.photos) == ("Called an event Sydney with Anna", 2)
    assert titles() == ["Sydney with Anna"]
    assert travels.browse.title_event(there.start, "Sydney with Anna").id is None
    travels.browse.title_event(there.start, "Sydney again")
    assert travels.changes.undo().title == "Called an event Sydney again"
    assert titles() == ["Sydney with Anna"]
    assert travels.browse.title_event(there.start, "").title == "Took the title of an event away"
    assert titles() == []
    travels.changes.undo()
    assert titles() == ["Sydney with Anna"]
    with pytest.raises(UsageError, match="No event has the moment"):
        travels.browse.title_event(datetime(1990, 1, 1), "x")
    with pytest.raises(UsageError, match="Use 200 at most"):
        travels.browse.title_event(there.start, "x" * 201)


def test_the_command_gives_one_event_a_title(travels: Library) -> None:
    only = ("events", "--min-photos", "2")
    code, _, remarks = run(travels, *only, "--set-title", "Away")
    assert code == 2 and "names one event, and 2 are found" in remarks and "Arezzo" in remarks
    code, output, _ = run(travels, *only, "on:2015", "--set-title", "Sydney with Anna")
    assert (code, output) == (0, "Called an event Sydney with Anna\n")
    assert "Sydney with Anna" in run(travels, *only)[1]
    assert run(travels, "events", "on:1990", "--set-title", "x")[0] == 1


def test_a_title_stays_with_an_event_that_grows() -> None:
    """Of the photos that come later, some belong to it, others do not."""
    start = datetime(2022, 5, 12, 9)
    given = (EventTitle("Lisbon with Anna", start, start + timedelta(days=4)),)

    def event(first: datetime, days: float) -> PhotoEvent:
        return PhotoEvent(first, first + timedelta(days=days), True, (1,), (), (), "Lisbon")

    longer = event(start - timedelta(days=1), 6)
    after = event(start + timedelta(days=9), 2)
    titles = [each.title for each in with_titles((longer, after), given)]
    assert titles == ["Lisbon with Anna", "Lisbon"]
    much_longer = event(start - timedelta(days=20), 40)
    assert [each.is_titled for each in with_titles((much_longer,), given)] == [False]


@pytest.mark.parametrize(
    ("towns", "countries", "days", "title"),
    [
        (["Lisbon"] * 3 + ["Sintra"], ["Portugal"] * 4, (12, 19), "Lisbon, 12 to 19 May 2022"),
        (["A", "A", "B", "C"], ["Spain"] * 4, (12, 12), "A, 12 May 2022"),  # half of the photos
        (["A", "B", "C", "D"], ["Spain"] * 4, (12, 12), "Spain, 12 May 2022"),
        (["A", "B", "C"], ["Spain", "Spain", "France"], (12, 13), "Spain and France, 12 to 13"),
        (["A", "B", "C"], ["Spain", "Italy", "France"], (1, 2), "Spain, Italy and more, 1 to 2"),
        ([None, None], [None, None], (1, 33), "1 May to 2 June 2022"),
        ([None], [None], (1, 300), "1 May 2022 to 24 February 2023"),
    ],
)
def test_titles_say_where_and_when(
    towns: list[str | None], countries: list[str | None], days: tuple[int, int], title: str
) -> None:
    first, last = (date(2022, 4, 30) + timedelta(days=day) for day in days)
    assert title_of(towns, countries, first, last).startswith(title)


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


def test_places_are_printed_as_a_tree(travels: Library) -> None:
    code, output, remarks = run(travels, "places")
    assert code == 0
    assert [line.rsplit(maxsplit=1) for line in output.splitlines()] == [
        ["Italy", "4"],
        ["  Tuscany", "3"],
        ["    Arezzo", "2"],
        ["    Florence", "1"],
        ["  (no region)", "1"],
        ["Australia", "1"],
        ["  New South Wales", "1"],
        ["    Sydney", "1"],
    ]
    assert remarks == "Photos far from any town: 1.\nPhotos without a place: 1.\n"


def test_json_and_exit_codes(travels: Library) -> None:
    code, output, _ = run(travels, "timeline", "on:2008", "--json")
    assert code == 0
    months = [
        {"month": "2008-10", "photos": 2, "dated_by_file": 0},
        {"month": "2008-12", "photos": 1, "dated_by_file": 0},
    ]
    year = {"year": 2008, "photos": 3, "dated_by_file": 0, "months": months}
    assert json.loads(output) == {"years": [year]}
    code, output, _ = run(travels, "places", "place:Sydney", "--json")
    region = {"region": "New South Wales", "photos": 1, "towns": [{"town": "Sydney", "photos": 1}]}
    country = {"country": "Australia", "photos": 1, "regions": [region]}
    assert json.loads(output) == {"countries": [country], "unnamed": 0, "unknown": 0}
    for command in ("timeline", "places"):
        code, output, remarks = run(travels, command, "country:France")
        assert (code, output) == (1, "")
        assert "No photo matches" in remarks
    code, output, remarks = run(travels, "places", "dated:file")
    assert (code, output, remarks) == (1, "", "Photos without a place: 1.\n")
