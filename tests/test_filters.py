"""Filters against an oracle in plain Python, orders and pages of listings."""

from __future__ import annotations

import math
import os
import random
import re
import time
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgsearch.features import installed
from imgsearch.language.fields import FIELDS
from imgsearch.language.grammar import parse
from imgsearch.records.files import FileStat, IngestResult
from imgsearch.records.photo import YES_OR_NO_FILTERS, Facts
from imgsearch.records.query import IN_BRACKETS, Filter, Interval, Listed, Place, Selection
from imgsearch.store.filters import CONDITIONS
from imgsearch.store.store import Store

ROOTS = ("/photos", "/mnt/Usb Stick")
ONLINE = frozenset({1})  # the first root
FOLDERS = ("", "Holidays/", "holidays/2019/", "Álbum/", "My Holidays/", "x/Holidays/y/")
CAMERAS = (None, "Canon EOS R5", "CANON EOS 5D", "NIKON D70", "Ωmega 3")
LENSES = (None, "EF50mm f/1.8", "50 mm", "150mm", "18-50mm", "1.50mm")
KEYWORDS = ("family", "Family|Oma", "places/Paris", "Öl", "fam")
PEOPLE = ("Anna Smith", "anna", "Bob", "Smith Bob", "Жанна")
TEXTS = (None, "Lake Genève, at night", "At the lake", "night\u200f lake: Genève 2019", "夜の湖")
DATES = ("2019-12-31T23:59:59", "2023-06-15T14:30:00.5", "2023-06-15T14:30:01", "2024-01-01T00:00")


@dataclass(frozen=True)
class Known:
    """A photo of the library, as the oracle sees it."""

    id: int
    facts: Facts
    paths: tuple[tuple[int, str], ...]  # root id, absolute path
    file_date: str


class Stocked:
    """No dataclass: hypothesis shows what a failing test was given, all of it."""

    def __init__(self, store: Store, known: list[Known]) -> None:
        self.store = store
        self.known = known


def random_facts(chance: random.Random) -> Facts:
    lat, lon = chance.choice([(48.85, 2.35), (48.9, 2.4), (0.0, 179.99), (0.0, -179.99),
                              (89.9, 10.0), (89.9, -170.0), (-33.9, 151.2)])  # fmt: skip
    somewhere = chance.random() < 0.7
    dated = chance.random() < 0.7
    zone = chance.choice([None, UTC, timezone(timedelta(hours=9))])
    return Facts(
        format=chance.choice(["JPEG", "HEIF", "RAW"]),
        width_px=chance.choice([100, 4000, 6000]),
        height_px=chance.choice([100, 3000, 4000]),
        taken_at=datetime.fromisoformat(chance.choice(DATES)).replace(tzinfo=zone)
        if dated
        else None,
        dated_by=chance.choice(["exif", "xmp", "sidecar", "iptc"]) if dated else None,
        camera=chance.choice(CAMERAS),
        lens=chance.choice(LENSES),
        lat=lat + chance.uniform(-0.02, 0.02) if somewhere else None,
        lon=lon + chance.uniform(-0.009, 0.009) if somewhere else None,
        rating=chance.choice([None, -1, 0, 3, 5]),
        keywords=tuple(chance.sample(KEYWORDS, chance.randint(0, 2))),
        people=tuple(chance.sample(PEOPLE, chance.randint(0, 2))),
        title=chance.choice(TEXTS),
        headline=chance.choice(TEXTS),
        description=chance.choice(TEXTS),
        creator=chance.choice((None, *PEOPLE)),
        town=chance.choice([None, "Genève", "New York City"]),
        region=chance.choice([None, "New York", "Île-de-France"]),
        country=chance.choice([None, "United States", "France"]),
        motion=chance.choice([None, "inside", "beside"]),
        animated=chance.random() < 0.2,
        exposure_s=chance.choice([None, 1 / 250, 1 / 3, 1.0, 2.5]),
        aperture=chance.choice([None, 1.8, 2.8, 8.0]),
        iso=chance.choice([None, 100, 1600, 25_600]),
        focal_mm=chance.choice([None, 35.0, 50.0, 200.0]),
        colorfulness=chance.choice([None, 0.0, 5.9, 6.0, 40.0]),
        lightness=chance.choice([None, 3.0, 50.0, 95.0]),
        detail=(detail := chance.choice([None, 0.001, 0.03, 1.0])),
        sharpness=detail and detail / 2,
        colors=chance.choice([None, "", "blue 42 %, green 20 %", "green 80 %", "grey 99 %"]),
        **{name: chance.choice([None, True, False]) for name in YES_OR_NO_FILTERS.values()},  # type: ignore[arg-type]
    )


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stocked]:
    """A database of photos that lie nowhere: filters look at what is known, not at files."""
    chance = random.Random(7)
    now = time.time()
    with Store.open(tmp_path_factory.mktemp("filters"), writable=True) as store:
        for root in ROOTS:
            store.files.add_root(root)
        encoder = store.vectors.add_encoder("test/1", "test", 2)
        known = []
        for number in range(1, 101):
            facts = random_facts(chance)
            paths = []
            times = []
            for copy in range(chance.choice([1, 1, 1, 2])):
                root_id = chance.randint(1, 2)
                word = chance.choice(["IMG", "Éte"])
                name = f"{chance.choice(FOLDERS)}{word}_{number:03}_{copy}.jpg"
                path = f"{ROOTS[root_id - 1]}/{unicodedata.normalize('NFD', name)}"
                seconds = int(now - chance.uniform(0, 3e8))
                stat = FileStat(path, 1, seconds * 10**9 + 5, 0)
                hash_ = number.to_bytes(32, "big")
                vector = np.array([[1.0, 0.0]], np.float32)
                first = copy == 0
                outcome = IngestResult(
                    stat, hash_, facts if first else None, vector if first else None
                )
                store.record(root_id, encoder.key, [outcome])
                paths.append((root_id, path))
                times.append(seconds)
            photo_id = store.reads.photos.with_content(number.to_bytes(32, "big"))
            assert photo_id is not None
            file_date = datetime.fromtimestamp(min(times)).isoformat()
            known.append(Known(photo_id, facts, tuple(paths), file_date))
        yield Stocked(store, known)


# ------------------------------------------------------------------------- the oracle


def fold(text: str) -> str:
    """Without case and accents."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(each for each in decomposed if not unicodedata.combining(each))


def has_words(text: str | None, wanted: str) -> bool:
    """Whether these words follow each other in the text."""

    def spaced(text: str) -> str:
        return f" {' '.join(re.findall('[^ ,:.-]+', fold(text).replace(chr(0x200F), '')))} "

    return text is not None and spaced(wanted).strip() != "" and spaced(wanted) in spaced(text)


def date_of(photo: Known) -> str:
    taken_at = photo.facts.taken_at
    return photo.file_date if taken_at is None else taken_at.isoformat()


def contains(text: str | None, wanted: str) -> bool:
    if text is None:
        return False
    squeezed, part = (fold(each).replace(" ", "") for each in (text, wanted))
    starts = [match.start() for match in re.finditer(f"(?={re.escape(part)})", squeezed)]
    return any(
        not part[0].isdigit()
        or at == 0
        or not (squeezed[at - 1].isdigit() or squeezed[at - 1] == ".")
        for at in starts
    )


def away_km(photo: Known, place: Place) -> float:
    """By the angle between two vectors: another formula than the one under test."""
    if photo.facts.lat is None or photo.facts.lon is None:
        return math.inf

    def vector(lat: float, lon: float) -> np.ndarray:
        phi, lam = math.radians(lat), math.radians(lon)
        return np.array(
            [math.cos(phi) * math.cos(lam), math.cos(phi) * math.sin(lam), math.sin(phi)]
        )

    a, b = vector(photo.facts.lat, photo.facts.lon), vector(place.lat, place.lon)
    return 6371.0088 * math.atan2(float(np.linalg.norm(np.cross(a, b))), float(a @ b))


def folders_of(path: str) -> list[str]:
    return [fold(part) for part in path.split("/")[1:-1]]


def lies_in(path: str, folder: str) -> bool:
    if folder.startswith("/"):
        return path.startswith(folder.rstrip("/") + "/")
    wanted, parts = [fold(part) for part in folder.strip("/").split("/")], folders_of(path)
    return any(parts[at : at + len(wanted)] == wanted for at in range(len(parts)))


def shape(facts: Facts) -> str:
    if facts.width_px == facts.height_px:
        return "square"
    return "landscape" if facts.width_px > facts.height_px else "portrait"


def is_known_in(number: float | None, value: Interval) -> bool:
    return number is not None and number in value


def says(fact: str) -> Callable[[Known, Any], bool]:
    """Whether a photo says yes or no, as it is asked for."""
    return lambda photo, value: getattr(photo.facts, fact) is (value == "yes")


ORACLE: dict[str, Callable[[Known, Any], bool]] = {
    "after": lambda photo, value: date_of(photo) >= value,
    "before": lambda photo, value: date_of(photo) < value,
    "on": lambda photo, value: date_of(photo).startswith(value),
    "day": lambda photo, value: date_of(photo)[5:10] == value,
    "month": lambda photo, value: date_of(photo)[5:7] == value,
    "dated": lambda photo, value: (photo.facts.dated_by or "file") == value,
    "camera": lambda photo, value: contains(photo.facts.camera, value),
    "lens": lambda photo, value: contains(photo.facts.lens, value),
    "near": lambda photo, value: away_km(photo, value) <= value.radius_km,
    "rating": lambda photo, value: (photo.facts.rating or 0) in value,
    "keyword": lambda photo, value: any(
        fold(value) in [fold(word), *re.split("[|/]", fold(word))] for word in photo.facts.keywords
    ),
    "no": lambda photo, value: (
        not {
            "date": photo.facts.taken_at,
            "place": photo.facts.lat is not None
            or photo.facts.town
            or photo.facts.region
            or photo.facts.country,
            "person": photo.facts.people,
            "keyword": photo.facts.keywords,
            "title": photo.facts.title,
            "camera": photo.facts.camera,
        }[value]
    ),
    "in": lambda photo, value: any(lies_in(path, value) for _, path in photo.paths),
    "root": lambda photo, value: any(
        ROOTS[root - 1] == value or fold(ROOTS[root - 1].rpartition("/")[2]) == fold(value)
        for root, _ in photo.paths
    ),
    "name": lambda photo, value: any(
        fold(value) in fold(path.rpartition("/")[2]) for _, path in photo.paths
    ),
    "person": lambda photo, value: any(has_words(name, value) for name in photo.facts.people),
    "title": lambda photo, value: has_words(photo.facts.title, value),
    "headline": lambda photo, value: has_words(photo.facts.headline, value),
    "description": lambda photo, value: has_words(photo.facts.description, value),
    "creator": lambda photo, value: has_words(photo.facts.creator, value),
    "country": lambda photo, value: has_words(photo.facts.country, value),
    "place": lambda photo, value: any(
        has_words(name, value)
        for name in (photo.facts.town, photo.facts.region, photo.facts.country)
    ),
    "type": lambda photo, value: photo.facts.format.lower() == value,
    "orientation": lambda photo, value: shape(photo.facts) == value,
    "width": lambda photo, value: photo.facts.width_px in value,
    "height": lambda photo, value: photo.facts.height_px in value,
    "megapixels": lambda photo, value: photo.facts.width_px * photo.facts.height_px / 1e6 in value,
    "is": lambda photo, value: {
        "online": any(root in ONLINE for root, _ in photo.paths),
        "offline": all(root not in ONLINE for root, _ in photo.paths),
        "motion": photo.facts.motion is not None,
        "live": photo.facts.motion == "beside",
        "animated": photo.facts.animated,
        "bw": is_known_in(photo.facts.colorfulness, Interval(high=5.95)),
        "blurred": is_known_in(photo.facts.detail, Interval(high=0.02)),
        "dark": is_known_in(photo.facts.lightness, Interval(high=19)),
        "bright": is_known_in(photo.facts.lightness, Interval(low=81)),
    }[str(value)],
    "color": lambda photo, value: value in re.findall("[a-z]+", photo.facts.colors or ""),
    "exposure": lambda photo, value: is_known_in(photo.facts.exposure_s, value),
    "aperture": lambda photo, value: is_known_in(photo.facts.aperture, value),
    "iso": lambda photo, value: is_known_in(photo.facts.iso, value),
    "focal": lambda photo, value: is_known_in(photo.facts.focal_mm, value),
    **{name: says(fact) for name, fact in YES_OR_NO_FILTERS.items()},
}


def passes(photo: Known, each: Filter) -> bool:
    return any(ORACLE[each.field](photo, value) for value in each.values) != each.negated


dates = st.sampled_from(
    [
        "2019",
        "2023",
        "2023-06",
        "2023-06-15",
        "2023-06-15T14",
        "2023-06-15T14:30",
        "2023-06-15T14:30:01",
        "2024",
        "2024-01-01",
        "2026-11",
        "2018-05-05",
    ]
)
numbers = st.sampled_from([-1.0, 0.0, 3.0, 5.0, 12.0, 12.5, 24.0, 100.0, 4000.0])
intervals = st.one_of(
    st.tuples(numbers, numbers).map(lambda ends: Interval(min(ends), max(ends))),
    st.builds(Interval, low=numbers, low_open=st.booleans()),
    st.builds(Interval, high=numbers, high_open=st.booleans()),
)
exposures = st.sampled_from(
    [
        Interval(low=1 / 250, high=1 / 3),
        Interval(low=1.0, low_open=True),
        Interval(high=2.8, high_open=True),
        Interval(2.8, 2.8),
        Interval(low=1600.0),
        Interval(low=35.0, high=70.0),
    ]
)
places = st.builds(
    Place,
    st.sampled_from([48.85, 0.0, 89.95, 90.0, -33.9, -90.0]),
    st.sampled_from([2.35, 180.0, -180.0, 179.9, 10.0, 151.2]),
    st.sampled_from([0.5, 1.7, 5.0, 30.0, 500.0, 9000.0, 20_000.0]),
)
VALUES = {
    **dict.fromkeys(("after", "before", "on"), dates),
    **dict.fromkeys(("rating", "width", "height", "megapixels"), intervals),
    **dict.fromkeys(("exposure", "aperture", "iso", "focal"), exposures),
    "day": st.sampled_from(["06-15", "06-01", "01-01", "12-31", "02-29"]),
    "month": st.sampled_from(["06", "01", "12", "02"]),
    "near": places,
    "dated": st.sampled_from(["exif", "xmp", "iptc", "sidecar", "file"]),
    "camera": st.sampled_from(["canon", "EOS R5", "5d", "d70", "ωMEGA", "3", "leica", "%", "_"]),
    "lens": st.sampled_from(["50mm", "50 MM", "0mm", "18-50mm", "f/1.8"]),
    "keyword": st.sampled_from(["FAMILY", "oma", "paris", "öl", "o\u0308l", "family|oma", "f"]),
    "no": st.sampled_from(["date", "place", "person", "keyword", "title", "camera"]),
    "in": st.sampled_from(["holidays", "Holidays/2019", "album", "a\u0301lbum", "/photos", "/pho",
                           "/photos/Holidays/", "usb stick", "mnt", "/", "/mnt/Usb Stick"]),
    "root": st.sampled_from(["photos", "/photos", "USB stick", "/mnt", "mnt"]),
    "name": st.sampled_from(["img", "éte", "ete_0", "e\u0301", "_001", ".JPG", "photos", "/",
                             "1_0."]),
    "person": st.sampled_from(["anna", "ANNA SMITH", "smith bob", "smi", "bob", "Жанна", "-"]),
    **dict.fromkeys(
        ("title", "headline", "description"),
        st.sampled_from(["lake", "lake geneve", "GENE\u0300VE 2019", "the", "夜の湖", "夜"]),
    ),
    "creator": st.sampled_from(["anna", "Smith", "Smith Bob"]),
    "place": st.sampled_from(["geneve", "new york", "York City", "france", "states", "genev"]),
    "country": st.sampled_from(["united states", "FRANCE", "geneve", "states united"]),
    "type": st.sampled_from(["jpeg", "heif", "raw", "png"]),
    "orientation": st.sampled_from(["landscape", "portrait", "square"]),
    "is": st.sampled_from(
        ["online", "offline", "motion", "live", "animated", "bw", "blurred", "dark", "bright"]
    ),
    "color": st.sampled_from(["blue", "green", "grey", "red"]),
    **dict.fromkeys(YES_OR_NO_FILTERS, st.sampled_from(["yes", "no"])),
}  # fmt: skip
filters = st.sampled_from(sorted(VALUES)).flatmap(
    lambda name: st.builds(
        Filter,
        st.just(name),
        st.lists(VALUES[name], min_size=1, max_size=2).map(tuple),
        st.booleans(),
    )
)


def test_every_field_of_the_language_has_its_condition() -> None:
    # A query takes the place of saved:, and nobody can type the name of brackets.
    assert FIELDS.keys() - {"saved"} == CONDITIONS.keys() - {IN_BRACKETS}
    # What features bring, tested with them.
    others = set(installed.filters())
    assert VALUES.keys() == ORACLE.keys() == CONDITIONS.keys() - others - {IN_BRACKETS}


@settings(max_examples=150)
@given(st.lists(filters, min_size=1, max_size=3).map(tuple))
def test_filters_pick_what_the_oracle_picks(library: Stocked, asked: tuple[Filter, ...]) -> None:
    store, known = library.store, library.known
    expected = [photo.id for photo in known if all(passes(photo, each) for each in asked)]
    assert store.reads.selections.ids(Selection(asked, ONLINE)).tolist() == expected
    some = np.array([photo.id for photo in known if photo.id % 2], np.int64)
    among = store.reads.selections.ids(Selection(asked, ONLINE, some)).tolist()
    assert among == [photo_id for photo_id in expected if photo_id % 2]


def test_the_filters_tell_photos_apart(library: Stocked) -> None:
    """The oracle test would mean little where everything or nothing passes."""
    store, known = library.store, library.known
    for line in ("after:2023-06-15T14:30:01", "camera:canon", "lens:50mm", "near:48.85,2.35,2km",
                 "near:0,180,30km", "near:90,0,30km", "rating:>=3", "keyword:oma", "in:Holidays",
                 "root:photos", "name:éte", "type:raw", "orientation:square", "megapixels:12",
                 "person:anna", "title:lake", "title:\"lake geneve\"", "place:\"new york\"",
                 "creator:smith", "country:france", "name:ete_0", "headline:night",
                 "description:2019", "is:offline", "is:bw", "is:blurred", "is:dark", "is:bright",
                 "color:blue", "-color:green", "iso:>=1600", "aperture:<2.8",
                 "exposure:>1s", "exposure:1/250",
                 "focal:35..70", "focal:50mm", "dated:file", "-camera:canon",
                 "on:2023-06-15"):  # fmt: skip
        found = store.reads.selections.ids(Selection(parse(line).filters, ONLINE))
        assert 0 < len(found) < len(known), line


def test_nothing_among_nothing(library: Stocked) -> None:
    store = library.store
    assert not len(store.reads.selections.ids(Selection(among=np.empty(0, np.int64))))


@pytest.mark.parametrize("sort", ["date", "path"])
@pytest.mark.parametrize("line", ["type:jpeg|heif", "-in:nowhere"])
def test_listings_come_in_order_page_by_page(
    library: Stocked, sort: Literal["date", "path"], line: str
) -> None:
    store, known = library.store, library.known
    selection = Selection(parse(line).filters, ONLINE)
    wanted = [photo for photo in known if all(passes(photo, each) for each in selection.filters)]
    if sort == "date":
        wanted.sort(key=lambda photo: (date_of(photo), photo.id), reverse=True)
    else:
        wanted.sort(key=lambda photo: min(os.fsencode(path) for _, path in photo.paths))
    expected = [photo.id for photo in wanted]
    assert [listed.id for listed in store.reads.selections.listing(selection, sort)] == expected
    after: Listed | None = None
    pages: list[int] = []
    while page := store.reads.selections.listing(selection, sort, after, limit=7):
        pages += [listed.id for listed in page]
        after = page[-1]
    assert pages == expected


def test_dates_say_who_told_them(library: Stocked) -> None:
    store, known = library.store, library.known
    stored = store.reads.photos.with_files([photo.id for photo in known])
    for photo in known:
        found = stored[photo.id]
        assert (found.date, found.dated_by) == (date_of(photo), photo.facts.dated_by or "file")


def test_facts_come_back_as_they_went_in(library: Stocked) -> None:
    store, known = library.store, library.known
    photos = store.reads.photos.records([photo.id for photo in known])
    assert {photo.id: photo.facts for photo in known} == {
        photo_id: photo.facts for photo_id, photo in photos.items()
    }
    for photo in known:
        for _, path in photo.paths:
            assert store.reads.photos.at(Path(path)) == photo.id
    assert store.reads.photos.at(Path("/photos/none.jpg")) is None
    assert store.reads.photos.with_content(b"\0" * 32) is None


def test_new_facts_replace_the_old(tmp_path: Path) -> None:
    with Store.open(tmp_path, writable=True) as store:
        root = store.files.add_root("/photos")
        encoder = store.vectors.add_encoder("test/1", "test", 2)
        facts = Facts("JPEG", 1, 1, keywords=("b", "a"), rating=1)
        vector = np.array([[1.0, 0.0]], np.float32)
        outcome = IngestResult(FileStat("/photos/a.jpg", 1, 1, 1), b"h" * 32, facts, vector)
        store.record(root, encoder.key, [outcome])
        assert store.reads.photos.records([1])[1].facts == facts
        new = Facts("JPEG", 1, 1, keywords=("a", "c"), lat=1.0, lon=2.0)
        assert store.photos.update_facts({1: new, 2: new}) == 1
        assert store.reads.photos.records([1])[1].facts == new
        assert store.photos.update_facts({1: new}) == 0
