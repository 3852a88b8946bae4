"""Finds events: photos of one occasion, by gaps in time and place. docs/events.md has the rule.

Within one place, gaps are compared with their neighbours, as in Platt, Czerwinski and Field,
"PhotoTOC: automatic clustering for browsing personal photographs" (2003). Away from home, a longer
pause is needed, so that a trip with its nights is one event. The limits were chosen on made
libraries with known events: benchmarks/bench_events.py.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from imgsearch.features.events.records import PhotoEvent
from imgsearch.features.events.titles import title_of
from imgsearch.records.arrays import Degrees
from imgsearch.records.browse import Moments
from imgsearch.sphere import arcs_km

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

_Cell: TypeAlias = tuple[int, int]  # of a grid in degrees, south to north and west to east
_Seconds: TypeAlias = NDArray[np.float64]
_WeeksOfCells: TypeAlias = Mapping[_Cell, set[int]]  # in which weeks photos were taken there


def find_events(moments: Moments) -> tuple[PhotoEvent, ...]:
    """Return the events of photos, in order of time; each photo is in one of them."""
    if not len(moments):
        return ()
    away = _are_away(moments)
    gaps_s = _seconds(np.diff(moments.taken_at))
    ends = (away[:-1] != away[1:]) | (gaps_s > _limits_s(gaps_s))
    ends = np.where(away[:-1] & away[1:], gaps_s > TRIP_GAP_S, ends)
    starts = [0, *(np.flatnonzero(ends) + 1).tolist(), len(moments)]
    return tuple(_event(moments, first, end, bool(away[first])) for first, end in pairwise(starts))


def _seconds(times: NDArray[np.timedelta64]) -> _Seconds:
    return np.asarray(times / np.timedelta64(1, "s"), np.float64)


def _limits_s(gaps_s: _Seconds) -> _Seconds:
    """Return for each gap how long it may be within an event in one place."""
    sums = np.append(0.0, np.cumsum(np.log(np.maximum(gaps_s, 1.0))))
    places = np.arange(len(gaps_s))
    first = np.maximum(places - GAPS_AROUND, 0)
    end = np.minimum(places + GAPS_AROUND + 1, len(gaps_s))
    mean = (sums[end] - sums[first]) / (end - first)
    return np.asarray(np.clip(GAP_RATIO * np.exp(mean), MIN_GAP_S, MAX_GAP_S))


def _are_located(moments: Moments) -> NDArray[np.bool_]:
    """Return a mask of the photos with valid coordinates."""
    return np.asarray((np.abs(moments.lats) <= 90) & (np.abs(moments.lons) <= 180))


def _places(moments: Moments, located: NDArray[np.bool_]) -> tuple[Degrees, Degrees]:
    """Return the position of each photo; without coordinates, the position of the nearest in time.

    NaN where none is near enough.
    """
    count = len(moments)
    numbers = np.arange(count)
    before = np.maximum.accumulate(np.where(located, numbers, -1))
    after = np.minimum.accumulate(np.where(located, numbers, count)[::-1])[::-1]
    times = moments.taken_at
    since_s = _seconds(times - times[np.maximum(before, 0)])
    until_s = _seconds(times[np.minimum(after, count - 1)] - times)
    since_s[before < 0] = until_s[after == count] = np.inf
    nearest = np.where(since_s <= until_s, before, after)
    is_near = np.minimum(since_s, until_s) <= SAME_PLACE_S
    nearest = np.where(is_near, nearest, 0)
    lats, lons = (
        np.where(is_near, degrees[nearest], np.nan) for degrees in (moments.lats, moments.lons)
    )
    return lats, lons


def _are_away(moments: Moments) -> NDArray[np.bool_]:
    """Return a mask of the photos taken far from every home."""
    located = _are_located(moments)
    lats, lons = _places(moments, located)
    away = ~np.isnan(lats)
    months = moments.taken_at.astype("datetime64[M]").astype(np.int64)
    first_of_each = np.flatnonzero(np.append(True, months[1:] != months[:-1]))
    homes = _homes(moments, located, months)
    for first, end in pairwise([*first_of_each.tolist(), len(months)]):
        own = slice(first, end)
        for row, column in homes[int(months[first])]:
            home = row * _CELL_DEGREES, column * _CELL_DEGREES
            with np.errstate(invalid="ignore"):  # NaN is not farther
                away[own] &= arcs_km(lats[own], lons[own], *home) > HOME_KM
    return away


def _homes(
    moments: Moments, located: NDArray[np.bool_], months: NDArray[np.int64]
) -> dict[int, list[_Cell]]:
    """Return the homes in each month: cells with photos in many weeks of the months around it."""
    # Weeks begin on Sundays: the first of January 1970 was a Thursday.
    weeks = (moments.taken_at.astype("datetime64[D]").astype(np.int64) + 4) // 7
    cells = (
        np.rint(degrees[located] / _CELL_DEGREES).astype(np.int64)
        for degrees in (moments.lats, moments.lons)
    )
    by_month: dict[int, dict[_Cell, set[int]]] = defaultdict(lambda: defaultdict(set))
    for month, row, column, week in _different(months[located], *cells, weeks[located]):
        by_month[month][row, column].add(week)
    return {
        month: _most_frequent(
            by_month[other]
            for other in range(month - _WINDOW_MONTHS, month + _WINDOW_MONTHS + 1)
            if other in by_month
        )
        for month in set(months.tolist())
    }


def _different(*columns: NDArray[np.int64]) -> list[tuple[int, ...]]:
    """Return the rows of these columns, each once."""
    order = np.lexsort(columns)
    changes = [np.diff(column[order]) != 0 for column in columns]
    is_first = np.append(True, np.logical_or.reduce(changes))[: len(order)]
    return list(zip(*(column[order[is_first]].tolist() for column in columns), strict=True))


def _most_frequent(months: Iterable[_WeeksOfCells]) -> list[_Cell]:
    weeks: dict[_Cell, set[int]] = defaultdict(set)
    for month in months:
        for cell, own in month.items():
            weeks[cell] |= own
    most = max(map(len, weeks.values()), default=0)
    needed = max(_HOME_WEEKS, _HOME_SHARE * most)
    return [cell for cell, own in weeks.items() if len(own) >= needed]


def _event(moments: Moments, first: int, end: int, is_trip: bool) -> PhotoEvent:
    start, last = moments.taken_at[first].item(), moments.taken_at[end - 1].item()
    towns, countries = moments.towns[first:end], moments.countries[first:end]
    return PhotoEvent(
        start=start,
        end=last,
        is_trip=is_trip,
        photo_ids=tuple(moments.photo_ids[first:end].tolist()),
        towns=_frequent(towns),
        countries=_frequent(countries),
        title=title_of(towns, countries, start.date(), last.date()),
    )


def _frequent(names: Sequence[str | None]) -> tuple[str, ...]:
    return tuple(name for name, _ in Counter(names).most_common() if name is not None)
