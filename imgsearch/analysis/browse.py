"""Arranges photos by day and on the map, and counts them by month and by place."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from itertools import groupby

import numpy as np

from imgsearch.records.arrays import Ids
from imgsearch.records.browse import (
    CountryCount,
    DayCount,
    DayCounts,
    DayPhotos,
    MonthCount,
    NameCounts,
    PhotoPositions,
    PlaceCounts,
    RegionCount,
    Timeline,
    TownCount,
    ValueCount,
    YearCount,
)
from imgsearch.store.reading.browsing import BrowsingReads
from imgsearch.store.recent_reads import read_only


def timeline_of(photos: BrowsingReads, ids: Ids | None) -> Timeline:
    """Return these photos, or all, by year and month."""
    months = photos.month_counts(ids)
    if not months:
        return Timeline(())
    by_year: dict[int, list[MonthCount]] = defaultdict(list)
    for month in months:
        by_year[int(month.month[:4])].append(month)
    return Timeline(
        tuple(_year(year, by_year.get(year, ())) for year in range(min(by_year), max(by_year) + 1))
    )


def days_of(photos: BrowsingReads, ids: Ids | None) -> tuple[DayPhotos, ...]:
    """Return these photos, or all, by day, newest first."""
    days = []
    for day, rows in groupby(photos.dated(ids), lambda row: row[1]):
        photo_ids, _, by_file = zip(*rows, strict=True)
        ids_of_day = read_only(np.array(photo_ids, np.int64))
        days.append(DayPhotos(date.fromisoformat(day), ids_of_day, sum(by_file)))
    return tuple(days)


def shapes_of(photos: BrowsingReads, ids: Ids) -> tuple[int, ...]:
    """Return the width of each of these photos in percent of its height, in this order.

    100 where the size is not known, and for a photo that is not in the library any more.
    """
    rows = np.array(photos.sizes(ids), np.int64).reshape(-1, 3)
    rows = rows[np.argsort(rows[:, 0])]
    sizes = np.ones((len(ids), 2), np.int64)
    if len(rows):
        places = np.minimum(np.searchsorted(rows[:, 0], ids), len(rows) - 1)
        known = rows[places, 0] == ids
        sizes[known] = np.maximum(rows[places[known], 1:], 1)
    return tuple(np.rint(100 * sizes[:, 0] / sizes[:, 1]).astype(int).tolist())


def version_of_days(days: Sequence[DayPhotos]) -> str:
    """Return a text that changes whenever the photos of these days, or their order, do."""
    digest = hashlib.sha256()
    for each in days:
        digest.update(f"{each.day} {each.dated_by_file} ".encode())
        digest.update(each.photo_ids.tobytes())
    return digest.hexdigest()[:16]


def day_counts_of(
    days: Sequence[DayPhotos], photo_id: int | None, shapes: tuple[int, ...] = ()
) -> DayCounts:
    """Return the numbers of photos of days, and how many photos come before one of them."""
    counts = tuple(DayCount(day.day, len(day.photo_ids), day.dated_by_file) for day in days)
    before, offset = 0, None
    for day in days if photo_id is not None else ():
        (places,) = np.nonzero(day.photo_ids == photo_id)
        if len(places):
            offset = before + int(places[0])
            break
        before += len(day.photo_ids)
    return DayCounts(version_of_days(days), counts, offset, shapes)


def positions_of(photos: BrowsingReads, ids: Ids | None) -> PhotoPositions:
    """Return the positions of these photos, or of all."""
    rows = photos.positions(ids)
    located = [
        (photo_id, lat, lon)
        for photo_id, lat, lon in rows
        if lat is not None and lon is not None and abs(lat) <= 90 and abs(lon) <= 180
    ]
    table = read_only(np.array(located, np.float64).reshape(-1, 3))
    photo_ids = read_only(np.array([row[0] for row in located], np.int64))
    return PhotoPositions(photo_ids, table[:, 1], table[:, 2], len(rows) - len(located))


def name_counts_of(photos: BrowsingReads) -> NameCounts:
    """Return the folders, people and keywords of all photos, with their numbers of photos."""
    return NameCounts(
        photos.folder_counts(), photos.text_counts_of("people"), photos.text_counts_of("keywords")
    )


def value_counts_of(photos: BrowsingReads, fact: str, ids: Ids | None) -> tuple[ValueCount, ...]:
    """Count these photos, or all, by the value of a fact; most first, then by name."""
    counts = sorted(photos.value_counts(fact, ids), key=lambda row: _rank(row[1], row[0]))
    return tuple(ValueCount(value, number) for value, number in counts)


def _year(year: int, months: Iterable[MonthCount]) -> YearCount:
    counts = tuple(months)
    return YearCount(
        year,
        photos=sum(month.photos for month in counts),
        dated_by_file=sum(month.dated_by_file for month in counts),
        months=counts,
    )


def places_of(photos: BrowsingReads, ids: Ids | None) -> PlaceCounts:
    """Return these photos, or all, by country, region and town."""
    tree: dict[str | None, dict[str | None, list[TownCount]]] = {}
    unnamed = unknown = 0
    for (country, region, town), number, located in photos.place_counts(ids):
        if (country, region, town) == (None, None, None):
            unnamed, unknown = located, number - located
        else:
            towns = tree.setdefault(country, {}).setdefault(region, [])
            towns.append(TownCount(town, number))
    countries = (_country(name, regions) for name, regions in tree.items())
    return PlaceCounts(
        tuple(sorted(countries, key=lambda c: _rank(c.photos, c.country))), unnamed, unknown
    )


def _country(name: str | None, towns_by_region: dict[str | None, list[TownCount]]) -> CountryCount:
    regions = [
        RegionCount(
            region,
            sum(town.photos for town in towns),
            tuple(sorted(towns, key=lambda t: _rank(t.photos, t.town))),
        )
        for region, towns in towns_by_region.items()
    ]
    regions.sort(key=lambda r: _rank(r.photos, r.region))
    return CountryCount(name, sum(region.photos for region in regions), tuple(regions))


def _rank(photos: int, name: str | None) -> tuple[int, bool, str]:
    """Sorts by most photos, then by name, those without a name last."""
    return -photos, name is None, name or ""
