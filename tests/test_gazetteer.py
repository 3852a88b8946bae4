"""Towns of points and points of towns, without a network; and the filter `near:` with a name."""

from __future__ import annotations

import csv
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from imgsearch import Library
from imgsearch.errors import QueryError
from imgsearch.gazetteer import Gazetteer, reach_km
from imgsearch.indexer.places import with_place_names
from imgsearch.language.grammar import parse, to_text
from imgsearch.records.photo import Facts
from imgsearch.records.query import NamedPlace, Place
from imgsearch.sphere import away_km
from imgsearch.text import plain_text
from tests.factories import run_python, write_photos

KNOWN = Path(__file__).parent / "data" / "known_places.tsv"
SUBURBS = {  # villages and towns beside a large one, which keep their own name
    (43.8066, 11.2936): "Fiesole",
    (48.8009, 2.1300): "Versailles",
    (48.9354, 2.3598): "Saint-Denis",
    (48.2577, 11.4340): "Dachau",
    (45.4566, 12.3531): "Murano",
    (38.6971, -9.4215): "Cascais",
    (37.8719, -122.2585): "Berkeley",
    (52.0116, 4.3591): "Delft",
    (46.1809, 6.1391): "Carouge",
    (42.3744, -71.1169): "Cambridge",
    (40.7440, -74.0324): "Hoboken",
}


@pytest.fixture(scope="module")
def gazetteer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gazetteer]:
    opened = Gazetteer(tmp_path_factory.mktemp("cache"))
    yield opened
    opened.close()


def test_known_points_get_their_town_and_country(gazetteer: Gazetteer) -> None:
    towns = countries = points = 0
    with KNOWN.open(encoding="utf-8") as file:
        rows = csv.reader((line for line in file if not line.startswith("#")), delimiter="\t")
        for _, lat, lon, town_names, country_names in rows:
            found = gazetteer.town_of(float(lat), float(lon))
            assert found is not None
            points += 1
            names = map(plain_text, town_names.split("|"))
            towns += plain_text(found.town.name) in names and not found.is_near
            countries += found.town.country in country_names.split("|")
    assert points >= 200
    assert towns / points >= 0.95  # 96.7 %
    assert countries / points >= 0.99  # 99.5 %


def test_suburbs_keep_their_names(gazetteer: Gazetteer) -> None:
    found = {point: gazetteer.town_of(*point) for point in SUBURBS}
    names = {point: town and town.town.name for point, town in found.items()}
    kept = [point for point, name in SUBURBS.items() if names[point] == name]
    assert len(kept) >= 0.9 * len(SUBURBS), names  # Hoboken, opposite Manhattan, is New York City


@pytest.mark.parametrize(
    ("lat", "lon"),
    [
        (0.0, 0.0),  # in the Gulf of Guinea
        (45.0, -30.0),  # in the Atlantic
        (23.0, 10.0),  # in the Sahara
        (90.0, 0.0),
        (-90.0, 180.0),
        (91.0, 10.0),
        (10.0, 180.5),
        (float("nan"), 1.0),
        (float("inf"), 1.0),
    ],
)
def test_no_town_is_named_where_there_is_none(gazetteer: Gazetteer, lat: float, lon: float) -> None:
    assert gazetteer.town_of(lat, lon) is None


def test_near_a_coast_a_town_is_near_and_never_far(gazetteer: Gazetteer) -> None:
    off_antibes = gazetteer.town_of(43.4, 7.2)
    assert off_antibes is not None
    assert (off_antibes.town.name, off_antibes.is_near) == ("Antibes", True)
    for step in range(400):  # from Nice to Corsica and beyond
        lat, lon = 43.7 - step / 100, 7.27 + step / 200
        found = gazetteer.town_of(lat, lon)
        if found is not None:
            away = away_km(found.town.lat, found.town.lon, lat, lon)
            assert away <= 30 + reach_km(found.town.population)
    assert gazetteer.town_of(42.9, 7.67) is None


def test_towns_beyond_the_date_line_are_seen(gazetteer: Gazetteer) -> None:
    (town,) = gazetteer.named("Labasa")  # Fiji
    found = gazetteer.town_of(town.lat, town.lon)
    assert found is not None and found.town == town
    for lon in (179.99, -179.99):
        near = gazetteer.town_of(-16.8, lon)
        assert near is None or near.town.country == "Fiji"


def test_the_nearest_town_is_the_same_as_in_a_plain_scan(gazetteer: Gazetteer) -> None:
    """Against all towns of three countries, also where a box in degrees could miss one."""
    names = ("Genève", "Lausanne", "Annecy", "Evian-les-Bains", "Thonon-les-Bains", "Nyon")
    towns = [town for name in names for town in gazetteer.named(name)]
    for step in range(60):
        lat, lon = 46.1 + step / 150, 6.0 + step / 100
        found = gazetteer.town_of(lat, lon)
        assert found is not None
        best = min(away_km(t.lat, t.lon, lat, lon) - reach_km(t.population) for t in towns)
        own = away_km(found.town.lat, found.town.lon, lat, lon) - reach_km(found.town.population)
        assert own <= best + 0.01


def test_towns_are_found_by_name(gazetteer: Gazetteer) -> None:
    assert [town.country for town in gazetteer.named("GENEVE")] == ["Switzerland"]
    first, *others = gazetteer.named("paris")
    assert first.region == "Île-de-France"
    assert "Texas" in {town.region for town in others}
    (texas,) = gazetteer.named("Paris, Texas")
    assert (texas.region, texas.country) == ("Texas", "United States")
    assert gazetteer.named("Paris, France") == [first]
    assert gazetteer.named("nowhere at all") == gazetteer.named("") == []


def test_the_file_is_made_once_private_and_again_when_damaged(tmp_path: Path) -> None:
    first = Gazetteer(tmp_path / "cache")
    assert first.town_of(43.46446, 11.88148) is not None
    first.close()
    (file,) = (tmp_path / "cache").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    written = file.stat().st_mtime_ns
    again = Gazetteer(tmp_path / "cache")
    assert again.named("Arezzo") != []
    again.close()
    assert file.stat().st_mtime_ns == written
    file.write_bytes(b"damaged" * 1000)
    repaired = Gazetteer(tmp_path / "cache")
    assert repaired.named("Arezzo") != []
    repaired.close()
    assert file.stat().st_size > 10_000_000


def test_it_works_where_the_cache_folder_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    gazetteer = Gazetteer(tmp_path / "file" / "cache")
    assert gazetteer.named("Arezzo") != []
    gazetteer.close()


def test_it_needs_little_memory_and_loads_no_library(tmp_path: Path) -> None:
    code = """
import resource, sys
from pathlib import Path
from imgsearch.gazetteer import Gazetteer
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
before = peak()
gazetteer = Gazetteer(Path(sys.argv[1]))
assert gazetteer.town_of(43.46446, 11.88148).town.name == "Arezzo"
assert not {"scipy", "numpy", "reverse_geocode"} & set(sys.modules)
print(peak() - before)
"""
    made, used = (run_python(code, tmp_path) for _ in range(2))
    assert (made.returncode, used.returncode) == (0, 0), made.stderr + used.stderr
    assert float(made.stdout) < 60
    assert float(used.stdout) < 10


# ------------------------------------------------------------------------- photos


def test_names_of_another_program_stay(gazetteer: Gazetteer) -> None:
    facts = Facts("JPEG", 8, 8, lat=43.46446, lon=11.88148)
    named = with_place_names(facts, gazetteer)
    assert (named.town, named.region, named.country) == ("Arezzo", "Tuscany", "Italy")
    assert named.place == "Arezzo, Tuscany, Italy"
    own = Facts("JPEG", 8, 8, lat=43.46446, lon=11.88148, town="Oma's garden")
    assert with_place_names(own, gazetteer) == own
    at_sea = with_place_names(Facts("JPEG", 8, 8, lat=43.4, lon=7.2), gazetteer)
    assert at_sea.place == "near Antibes, Provence-Alpes-Côte d'Azur, France"
    assert with_place_names(Facts("JPEG", 8, 8), gazetteer).place is None


def test_one_name_of_a_city_that_is_a_country_is_enough() -> None:
    facts = Facts("JPEG", 8, 8, town="Singapore", country="Singapore")
    assert facts.place == "Singapore"


# ------------------------------------------------------------------------- queries


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Paris", NamedPlace("Paris", 5.0)),
        ("Paris,20km", NamedPlace("Paris", 20.0)),
        ("paris , 300 m", NamedPlace("paris", 0.3)),
        ("Paris, Texas, 2mi", NamedPlace("Paris, Texas", 3.218688)),
        ("48.85,2.35", Place(48.85, 2.35, 5.0)),
        ("Sète", NamedPlace("Sète", 5.0)),
        ("東京,10km", NamedPlace("東京", 10.0)),
    ],
)
def test_places_are_read_and_written(text: str, value: Place | NamedPlace) -> None:
    query = parse(f'near:"{text}"')
    assert query.filters[0].values == (value,)
    assert parse(to_text(query)) == query


@pytest.mark.parametrize("text", ["20km", "48.85", "?", "Paris,0km", "Paris,99999km", "91,0"])
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(QueryError, match="near:"):
        parse(f"near:{text}")


def write_position(photo: Path, lat: float, lon: float) -> None:
    """Write an XMP file beside a photo with these coordinates."""
    signs = "S" if lat < 0 else "N", "W" if lon < 0 else "E"
    photo.with_suffix(".xmp").write_text(
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><r:RDF '
        'xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><r:Description '
        'xmlns:exif="http://ns.adobe.com/exif/1.0/" '
        f'exif:GPSLatitude="{int(abs(lat))},{abs(lat) % 1 * 60:.6f}{signs[0]}" '
        f'exif:GPSLongitude="{int(abs(lon))},{abs(lon) % 1 * 60:.6f}{signs[1]}"/>'
        "</r:RDF></x:xmpmeta>"
    )


@pytest.mark.usefixtures("stand_in")  # `library` embeds with it
def test_places_are_kept_with_photos_and_found(library: Library, tmp_path: Path) -> None:
    here = write_photos(tmp_path / "photos", 5)
    positions = {
        "0000": (43.46446, 11.88148),  # Arezzo
        "0001": (33.6609, -95.5555),  # Paris, Texas
        "0002": (0.0, 0.0),
        "0003": (45.0, -30.0),  # the Atlantic
    }
    for name, (lat, lon) in positions.items():
        write_position(here / f"{name}.png", lat, lon)
    library.index([here]).run()

    def found(query: str) -> list[str]:
        return sorted(hit.path.stem for hit in library.find(query).hits)

    assert found("place:arezzo") == found("country:Italy") == found("near:Arezzo") == ["0000"]
    assert found("place:tuscany") == ["0000"]
    assert found("near:Paris,20km") == ["0001"], "the Paris where the library has photos"
    assert found('near:"Paris, France, 20km"') == []
    hits = {hit.path.stem: hit.photo.facts for hit in library.find("in:photos").hits}
    assert hits["0002"].lat is None and hits["0002"].place is None
    assert hits["0003"].lat == 45.0 and hits["0003"].place is None
    with pytest.raises(QueryError, match="No town called 'Nowhereville'"):
        library.find("near:Nowhereville")
    assert ("Place", "Arezzo, Tuscany, Italy") in hits["0000"].shown()
    explanation = library.explain(here / "0001.png", "near:Paris,20km")
    assert [each.passes for each in explanation.filters] == [True]


def test_towns_are_found_by_the_beginning_of_their_names(gazetteer: Gazetteer) -> None:
    found = gazetteer.beginning("pari", 5)
    assert (found[0].name, found[0].country) == ("Paris", "France")
    assert len(found) == 5 and all(plain_text(town.name).startswith("pari") for town in found)
    populations = [town.population for town in found]
    assert populations == sorted(populations, reverse=True)
    assert gazetteer.beginning("GENÈV", 1)[0].name == gazetteer.beginning("genev", 1)[0].name
    texan = gazetteer.beginning("paris, tex", 5)
    assert [(town.name, town.region) for town in texan] == [("Paris", "Texas")]
    assert gazetteer.beginning("paris, atlantis", 5) == []
    assert gazetteer.beginning(" ,", 5) == [] == gazetteer.beginning("", 5)
