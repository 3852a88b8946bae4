"""Finds events: photos of one occasion, by gaps in time and place. docs/search.md has the rule.

Within one place, gaps are compared with their neighbours, as in Platt, Czerwinski and Field,
"PhotoTOC: automatic clustering for browsing personal photographs" (2003). Away from home, a longer
pause is needed, so that a trip with its nights is one event. The limits were chosen on made
libraries with known events: benchmarks/bench_events.py.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import pairwise

from imgsearch.records.browse import Moment, PhotoEvent
from imgsearch.sphere import away_km

GAP_RATIO = 17.0  # of a gap to the geometric mean of those around it; as in PhotoTOC
GAPS_AROUND = 10  # on either side; as in PhotoTOC
MIN_GAP_S = 4 * 3600.0  # a shorter gap never ends an event in one place
MAX_GAP_S = 9 * 3600.0  # a longer one always does
TRIP_GAP_S = 84 * 3600.0  # on a trip, only a longer gap ends an event
HOME_KM = 50.0  # a photo farther from every home is of a trip
SAME_PLACE_S = 36 * 3600.0  # a photo without coordinates has the place of one so close in time
_CELL_DEGREES = 0.2
_HOME_WEEKS = 5  # with photos, within half a year before and after
_HOME_SHARE = 0.5  # of the weeks of the most frequent place
_WINDOW_MONTHS = 6

_Point = tuple[float, float]


def find_events(moments: Sequence[Moment]) -> tuple[PhotoEvent, ...]:
    """The events of photos in order of time, in order; each photo is in one of them."""
    if not moments:
        return ()
    points = _points(moments)
    homes = _homes(moments)
    away = [
        point is not None
        and all(away_km(*point, *home) > HOME_KM for home in homes[_month(moment.taken_at)])
        for moment, point in zip(moments, points, strict=True)
    ]
    gaps_s = [
        (later.taken_at - earlier.taken_at).total_seconds() for earlier, later in pairwise(moments)
    ]
    limits_s = _limits_s(gaps_s)
    events, start = [], 0
    for last, gap_s in enumerate(gaps_s):
        if away[last] and away[last + 1]:
            ends = gap_s > TRIP_GAP_S
        else:
            ends = away[last] != away[last + 1] or gap_s > limits_s[last]
        if ends:
            events.append(_event(moments[start : last + 1], away[start]))
            start = last + 1
    events.append(_event(moments[start:], away[start]))
    return tuple(events)


def _limits_s(gaps_s: Sequence[float]) -> list[float]:
    """For each gap, how long it may be within an event in one place."""
    logs = [math.log(max(gap_s, 1.0)) for gap_s in gaps_s]
    sums = [0.0]
    for log in logs:
        sums.append(sums[-1] + log)
    limits = []
    for place in range(len(logs)):
        first, end = max(0, place - GAPS_AROUND), min(len(logs), place + GAPS_AROUND + 1)
        mean = (sums[end] - sums[first]) / (end - first)
        limits.append(min(max(GAP_RATIO * math.exp(mean), MIN_GAP_S), MAX_GAP_S))
    return limits


def _points(moments: Sequence[Moment]) -> list[_Point | None]:
    """Where each photo was taken; without coordinates, where the nearest in time was."""
    before = _last_located(moments, range(len(moments)))
    after = _last_located(moments, range(len(moments) - 1, -1, -1))
    points = []
    for number, moment in enumerate(moments):
        nearest = min(
            (
                moments[other]
                for other in (before.get(number), after.get(number))
                if other is not None
            ),
            key=lambda other: abs(other.taken_at - moment.taken_at),
            default=moment,
        )
        apart_s = abs((nearest.taken_at - moment.taken_at).total_seconds())
        points.append(_point_of(nearest) if apart_s <= SAME_PLACE_S else None)
    return points


def _last_located(moments: Sequence[Moment], order: Iterable[int]) -> dict[int, int]:
    """For each photo, the last one with coordinates up to it in this order, if there is one."""
    found: dict[int, int] = {}
    last: int | None = None
    for number in order:
        if _point_of(moments[number]) is not None:
            last = number
        if last is not None:
            found[number] = last
    return found


def _point_of(moment: Moment) -> _Point | None:
    return None if moment.lat is None or moment.lon is None else (moment.lat, moment.lon)


def _homes(moments: Sequence[Moment]) -> dict[int, list[_Point]]:
    """The homes in each month: places with photos in many weeks of the months around it."""
    weeks: dict[int, dict[_Point, set[int]]] = defaultdict(lambda: defaultdict(set))
    for moment in moments:
        point = _point_of(moment)
        if point is not None:
            week = moment.taken_at.toordinal() // 7
            weeks[_month(moment.taken_at)][_cell(point)].add(week)
    return {
        month: _most_frequent(
            weeks[other]
            for other in range(month - _WINDOW_MONTHS, month + _WINDOW_MONTHS + 1)
            if other in weeks
        )
        for month in {_month(moment.taken_at) for moment in moments}
    }


def _most_frequent(months: Iterable[Mapping[_Point, set[int]]]) -> list[_Point]:
    weeks: dict[_Point, set[int]] = defaultdict(set)
    for month in months:
        for cell, own in month.items():
            weeks[cell] |= own
    most = max(map(len, weeks.values()), default=0)
    needed = max(_HOME_WEEKS, _HOME_SHARE * most)
    return [cell for cell, own in weeks.items() if len(own) >= needed]


def _cell(point: _Point) -> _Point:
    """The middle of the cell of a grid that a point is in."""
    lat, lon = (round(degrees / _CELL_DEGREES) * _CELL_DEGREES for degrees in point)
    return lat, lon


def _month(taken_at: datetime) -> int:
    return taken_at.year * 12 + taken_at.month


def _event(moments: Sequence[Moment], is_trip: bool) -> PhotoEvent:
    return PhotoEvent(
        start=moments[0].taken_at,
        end=moments[-1].taken_at,
        is_trip=is_trip,
        photo_ids=tuple(moment.photo_id for moment in moments),
        towns=_frequent(moment.town for moment in moments),
        countries=_frequent(moment.country for moment in moments),
    )


def _frequent(names: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(name for name, _ in Counter(names).most_common() if name is not None)
