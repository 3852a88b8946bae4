"""Events: how they are found, their titles, and what the command prints."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from benchmarks.bench_events import LIVES, Moment, columns, make_library, ours, score
from imgsearch import Library
from imgsearch.errors import UsageError
from imgsearch.features.events.finding import find_events
from imgsearch.features.events.records import EventTitle, PhotoEvent
from imgsearch.features.events.summaries import MIN_TRIP_PHOTOS, headings_of
from imgsearch.features.events.titles import title_of, with_titles
from imgsearch.operations.records import encode_json, from_json, load_json
from tests.commands import run
from tests.travels import AREZZO, FIJI, SYDNEY


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
    events = travels.events.all()
    names = [[hit.path.stem[:2] for hit in travels.photos(event.photo_ids)] for event in events]
    assert [sorted(each) for each in names[1:]] == [["a3"], ["o1", "s1"], ["n1"]]
    assert len(names[0]) == 2, "the copy is the same photo, and f1 has only its file's date"
    assert (events[0].towns, events[0].countries) == (("Arezzo",), ("Italy",))
    assert events[0].start == datetime(2008, 10, 22, 16, 28, 39)
    assert events[0].end == datetime(2008, 10, 22, 23, 59, 59), "as the camera showed it"
    assert travels.events.all("on:2008-12") == events[1:2]
    assert travels.events.all("dated:file") == ()


def test_the_events_of_a_query_are_found_once_until_anything_changes(travels: Library) -> None:
    for query in (None, "country:Italy"):
        assert travels.events.all(query) is travels.events.all(query)
    events = travels.events.all()
    travels.marks.set([events[0].photo_ids[0]], hidden=True)
    assert travels.events.all() is not events


# ------------------------------------------------------------------------- what programs ask for


def test_an_event_comes_back_from_json_unchanged() -> None:
    start, end = datetime(2023, 6, 1, 9), datetime(2023, 6, 3, 12, 0, 0, 500_000)
    event = PhotoEvent(start, end, True, (3, 1), ("Genève", "Nyon"), ("Switzerland",))
    assert from_json(load_json(encode_json([event])), tuple[PhotoEvent, ...]) == (event,)


def test_events_are_listed_without_their_photos(travels: Library) -> None:
    events = travels.events.all()
    listed = travels.events.summaries()
    assert [(each.start, each.photos, each.found) for each in listed] == [
        (event.start, len(event.photo_ids), len(event.photo_ids)) for event in events
    ]
    wanted = {each for day in travels.browse.days("country:Italy") for each in day.photo_ids}
    of_italy = travels.events.summaries("country:Italy")
    assert [(each.start, each.photos, each.found) for each in of_italy] == [
        (event.start, len(event.photo_ids), len(wanted.intersection(event.photo_ids)))
        for event in events
        if wanted.intersection(event.photo_ids)
    ]
    assert 0 < len(of_italy) < len(listed)


def test_an_event_is_found_by_a_moment_or_else_by_a_photo(travels: Library) -> None:
    event = next(each for each in travels.events.all() if each.towns)
    found = travels.events.photos(event.start)
    assert found is not None
    assert (found.event, found.photo_ids) == (event.summary(), event.photo_ids)
    assert sum(day.photos for day in found.days) == len(event.photo_ids)
    assert [day.day for day in found.days] == sorted(day.day for day in found.days)
    assert sum(stop.photos for stop in found.stops) == len(event.photo_ids)
    assert {town.name for town in found.towns} == set(event.towns)
    assert all(0 <= town.stop < len(found.stops) for town in found.towns)
    never = datetime(1999, 1, 1)
    assert travels.events.photos(never) is None
    assert travels.events.photos(never, event.photo_ids[0]) == found, "its date was corrected"
    assert travels.events.photos(event.start.replace(tzinfo=UTC)) == found


def test_a_timeline_has_trips_that_are_not_small_and_towns_of_its_days() -> None:
    at = datetime(2019, 6, 3, 9)

    def event(start: datetime, days: int, photos: int, *towns: str) -> PhotoEvent:
        end = start + timedelta(days=days, hours=2)
        return PhotoEvent(start, end, days > 0, tuple(range(1, photos + 1)), towns, ("Italy",))

    large, small = event(at, 3, MIN_TRIP_PHOTOS, "Rome", "Siena"), event(at, 3, 4, "Pisa")
    morning = event(at + timedelta(days=20), 0, 2, "Bonn")
    evening = event(at + timedelta(days=20, hours=9), 0, 3, "Köln", "Bonn")
    found = headings_of([large, small, morning, evening, event(at + timedelta(days=30), 0, 9)])
    assert found.trips == (large.summary(),)
    assert found.towns == {date(2019, 6, 23): ("Köln", "Bonn")}, "of the larger event of the day"


def test_words_have_no_trips_and_filters_their_own(travels: Library) -> None:
    assert travels.events.headings("a boat").towns == {}
    assert travels.events.headings().towns
    assert set(travels.events.headings("country:Fiji").towns.values()) <= {("Suva",), ()}


# ------------------------------------------------------------------------- titles, and the command


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
        return [each.title for each in travels.events.all() if each.is_titled]

    (there,) = [each for each in travels.events.all("on:2015-02") if len(each.photo_ids) > 1]
    change = travels.events.set_title(there.end, "  Sydney with  Anna ")
    assert (change.title, change.photos) == ("Called an event Sydney with Anna", 2)
    assert titles() == ["Sydney with Anna"]
    assert travels.events.set_title(there.start, "Sydney with Anna").id is None
    travels.events.set_title(there.start, "Sydney again")
    assert travels.changes.undo().title == "Called an event Sydney again"
    assert titles() == ["Sydney with Anna"]
    assert travels.events.set_title(there.start, "").title == "Removed the title of an event"
    assert titles() == []
    travels.changes.undo()
    assert titles() == ["Sydney with Anna"]
    with pytest.raises(UsageError, match="No event has the moment"):
        travels.events.set_title(datetime(1990, 1, 1), "x")
    with pytest.raises(UsageError, match="Use 200 at most"):
        travels.events.set_title(there.start, "x" * 201)


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
