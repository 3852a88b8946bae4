"""The towns of the world: which one a point is in or near, and where a town of some name is.

The data are those of GeoNames (https://www.geonames.org, CC BY 4.0): 155,000 populated places with
their region, country and population, in a file that `training.towns` makes. They are brought into
an SQLite file in the cache folder, once; look-ups read a few of its pages and hold nothing in
memory. Nothing is requested from a network.
"""

from __future__ import annotations

import math
import sqlite3
import sys
from collections.abc import Iterable, Iterator
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from msgspec import Struct

from imgsearch.made_database import MadeDatabase
from imgsearch.sphere import away_km, box_around
from imgsearch.text import words_of

# Lines of name, region, country, latitude, longitude and population, with tabs between them.
TOWNS_FILE = Path(__file__).with_name("towns.tsv.xz")
# A town of a million people reaches 5 km from its centre, others in proportion to the root of
# their population: people live about as densely in all. So the centre of a large town wins over
# its quarters, and a village beside a large town over the town. Chosen on 212 known points in
# towns and 24 in suburbs, see research/notes/gazetteer.md.
_REACH_OF_A_MILLION_KM = 5.0
_INSIDE_KM = 5.0  # beyond a town's reach it is still the photo's town
NEAR_KM = 30.0  # beyond a town's reach it is "near" the town; farther away no town is named
_LARGEST_REACH_KM = 30.0  # of 36 million people
_SMALL_REACH_KM = 2.5  # at most, of a town of fewer than 250,000 people; larger ones are few
_FIRST_BOX_KM = 10.0
_ROWS_AT_ONCE = 10_000
_Row = tuple[Any, ...]
_TABLES = """
CREATE TABLE towns (
    name TEXT NOT NULL, region TEXT NOT NULL, country TEXT NOT NULL, plain_name TEXT NOT NULL,
    lat REAL NOT NULL, lon REAL NOT NULL, population INTEGER NOT NULL
);
"""
_INDEXES = """
CREATE INDEX towns_by_place ON towns (lat, lon, population);
CREATE INDEX large_towns_by_place ON towns (lat, lon, population) WHERE population >= 250000;
CREATE INDEX towns_by_name ON towns (plain_name);
"""


class Town(Struct, frozen=True):
    """A populated place: degrees (WGS 84), and region and country in English, "" if unknown."""

    name: str
    region: str
    country: str
    lat: float
    lon: float
    population: int


class TownOfPoint(Struct, frozen=True):
    """The town that a point is in, or only near."""

    town: Town
    is_near: bool


class Gazetteer:
    """Looks up towns. Safe to use from several threads; the file is made at the first look-up."""

    def __init__(self, cache_dir: Path) -> None:
        self._database = MadeDatabase(partial(_file, cache_dir), _fill)
        self._town_of = lru_cache(maxsize=10_000)(self._find_town_of)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def town_of(self, lat: float, lon: float) -> TownOfPoint | None:
        """Return the town at this point in degrees, or one near it; None without one within 30 km.

        So at sea, in a desert, and for coordinates out of range, such as those of a damaged file.
        0,0 is in the Atlantic.
        """
        if not (abs(lat) <= 90 and abs(lon) <= 180):
            return None
        return self._town_of(round(lat, 4), round(lon, 4))

    def _find_town_of(self, lat: float, lon: float) -> TownOfPoint | None:
        large = self._around(lat, lon, NEAR_KM + _LARGEST_REACH_KM, "population >= 250000 AND ")
        small = self._around(lat, lon, _FIRST_BOX_KM)
        beyond_km, row_id = _nearest([*large, *small], lat, lon)
        if beyond_km > _FIRST_BOX_KM - _SMALL_REACH_KM:  # one outside of the box may be nearer
            small = self._around(lat, lon, NEAR_KM + _SMALL_REACH_KM)
            beyond_km, row_id = _nearest([*large, *small], lat, lon)
        if beyond_km > NEAR_KM:
            return None
        (town,) = self._towns("rowid = ?", row_id)
        return TownOfPoint(town, beyond_km > _INSIDE_KM)

    def _around(self, lat: float, lon: float, size_km: float, condition: str = "") -> list[_Row]:
        """Return the towns in a box in degrees that contains all of a circle around a point."""
        latitudes, longitudes = box_around(lat, lon, size_km)
        query = (
            "SELECT rowid, lat, lon, population FROM towns "
            f"WHERE {condition}lat BETWEEN ? AND ? AND lon BETWEEN ? AND ?"
        )
        return [row for each in longitudes for row in self._database.rows(query, *latitudes, *each)]

    def named(self, name: str) -> list[Town]:
        """Return the towns of this name, the most populous first. Case and accents do not matter.

        "Paris, Texas" names the region or the country, too.
        """
        first, *more = (" ".join(words_of(part)) for part in name.split(","))
        towns = self._towns("plain_name = ? ORDER BY population DESC, lat", first)
        return [
            town
            for town in towns
            if all(part in (_plain(town.region), _plain(town.country)) for part in more if part)
        ]

    def beginning(self, text: str, limit: int) -> list[Town]:
        """Return the most populous towns with names that begin so; none for a text without letters.

        Case and accents do not matter. After a comma, regions or countries that begin so:
        "Paris, T".
        """
        first, *more = (" ".join(words_of(part)) for part in text.split(","))
        if not first:
            return []
        end = first if more else first + chr(sys.maxunicode)  # a name before a comma is whole
        towns = self._towns(
            "plain_name >= ? AND plain_name <= ? ORDER BY population DESC, lat", first, end
        )
        return [
            town
            for town in towns
            if all(
                _plain(town.region).startswith(part) or _plain(town.country).startswith(part)
                for part in more
            )
        ][:limit]

    def largest_in(
        self, south: float, west: float, north: float, east: float, min_population: int = 0
    ) -> list[Town]:
        """Return the towns in an area in degrees with so many people, the most populous first."""
        # Of large towns there are few, and they have an index of their own.
        large = "population >= 250000 AND " if min_population >= 250_000 else ""
        return self._towns(
            f"{large}lat BETWEEN ? AND ? AND lon BETWEEN ? AND ? AND population >= ? "
            "ORDER BY population DESC, name, lat",
            *(south, north, west, east, min_population),
        )

    def _towns(self, condition: str, *parameters: object) -> list[Town]:
        query = f"SELECT name, region, country, lat, lon, population FROM towns WHERE {condition}"
        return [Town(*row) for row in self._database.rows(query, *parameters)]


def _file(cache_dir: Path) -> Path:
    return cache_dir / f"towns-{TOWNS_FILE.stat().st_size}.db"  # other data have another size


def town_names() -> Iterator[str]:
    """Return the name of each town."""
    return (str(row[0]) for row in _read_towns())


def _nearest(rows: Iterable[_Row], lat: float, lon: float) -> tuple[float, int | None]:
    """Return the row id of the town beyond whose reach a point is the least, and by how many km.

    The number is negative within its reach, and infinite if there are no towns.
    """
    away = (
        (away_km(town_lat, town_lon, lat, lon) - reach_km(population), row_id)
        for row_id, town_lat, town_lon, population in rows
    )
    return min(away, default=(math.inf, None))


def reach_km(population: int) -> float:
    """Return the radius of a town with this many people, in km."""
    return _REACH_OF_A_MILLION_KM * math.sqrt(population / 1e6)


def _fill(connection: sqlite3.Connection) -> None:
    """Bring all towns into an empty database."""
    connection.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;" + _TABLES)
    with connection:
        rows: list[tuple[object, ...]] = []
        for row in _read_towns():
            rows.append(row)
            if len(rows) == _ROWS_AT_ONCE:
                connection.executemany("INSERT INTO towns VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
                rows.clear()
        connection.executemany("INSERT INTO towns VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
    connection.executescript(_INDEXES)


def _read_towns() -> Iterator[tuple[object, ...]]:
    """Yield the rows of `towns`, one after the other: all need 100 MB."""
    import lzma

    with lzma.open(TOWNS_FILE, "rt", encoding="utf-8", newline="\n") as file:
        for line in file:
            name, region, country, lat, lon, population = line.rstrip("\n").split("\t")
            yield name, region, country, _plain(name), float(lat), float(lon), int(population)


def _plain(name: str) -> str:
    return " ".join(words_of(name))
