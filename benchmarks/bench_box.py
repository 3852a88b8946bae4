"""Measures one search box on typed names, folders, places, dates, people and meaning.

    python -m benchmarks.bench_box FLICKR8K [--folder DIR] [--seed 1] [--failures]
    python -m benchmarks.bench_box --photos 100000 [--folder DIR] [FLICKR8K]

The first makes a library of the 1,000 photos of Flickr8k's dev split, in folders of trips, with
places, dates, people, titles and keywords in XMP files beside them, and indexes it. Then it makes
300 queries from what the photos have: of one kind of fact, of what they show, and of two or three
of these together. A query is a success if one of the first five results that are shown has all that
the query names; a photo shows a thing if one of its captions has the words.

Then the dev captions themselves are searched for in the same library, once with free words and
once in quotes without the ranking by names: pure meaning must lose nothing (R@10).

The second measures in a library of that many photos with made vectors, each with a name of its own:
how long a query takes, what names in it add, also to a command that starts anew, how long
suggestions take for each key, and counts by time and place. Then, what it costs to gather names
when photos are recorded, and with the photos of FLICKR8K, what share of an index run that is.
"""

# ruff: noqa: T201

from __future__ import annotations

import argparse
import csv
import random
import re
import shutil
import sqlite3
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.processes import Command, Cost, run
from benchmarks.synthetic import SyntheticSpace
from imgsearch import Library, Query, Settings, Term
from imgsearch.encoders.loader import EncoderLoader
from imgsearch.encoders.prompts import embed_texts
from imgsearch.index.live import LiveIndex
from imgsearch.language.understanding import understand
from imgsearch.records.arrays import Vectors
from imgsearch.records.files import FileStat, IngestResult
from imgsearch.records.photo import Facts
from imgsearch.search.library_photos import LibraryPhotos
from imgsearch.search.name_search import find_names
from imgsearch.store import names
from imgsearch.store.reads import Reads
from imgsearch.store.store import Store

FIRST = 5
QUERIES = 300
# Folder below the library's, and coordinates of the town, its country and the first day.
TRIPS = (
    ("2015/Klassenfahrt Nordkap", 69.6492, 18.9553, "Tromsø", "Norway", "2015-06-20"),
    ("2016/Hochzeit Weidinger", 48.2082, 16.3738, "Vienna", "Austria", "2016-09-10"),
    ("2017/Trip to Genève", 46.2022, 6.1457, "Genève", "Switzerland", "2017-04-14"),
    ("2017/Long weekend", 43.7031, 7.2661, "Nice", "France", "2017-10-28"),
    ("2018/Toskana mit Oma", 43.4631, 11.8796, "Arezzo", "Italy", "2018-08-02"),
    ("2018/Christmas at home", 51.4543, -0.9781, "Reading", "United Kingdom", "2018-12-23"),
    ("2019/Kirschblüte", 35.0116, 135.7681, "Kyoto", "Japan", "2019-04-03"),
    ("2019/Lisboa", 38.7167, -9.1333, "Lisbon", "Portugal", "2019-07-15"),
    ("2020/Grand Canyon", 35.1981, -111.6513, "Flagstaff", "United States", "2020-02-11"),
    ("2021/Safari", -33.9258, 18.4232, "Cape Town", "South Africa", "2021-11-05"),
    ("2022/Sprachkurs", 41.3888, 2.159, "Barcelona", "Spain", "2022-05-22"),
    ("2023/Reykjahlíð", 64.1355, -21.8954, "Reykjavík", "Iceland", "2023-08-19"),
)
PEOPLE = ("Anna Weidinger", "Bob Okafor", "Zoë Lindqvist", "May Fischer", "Jürgen Weidinger",
          "Priya Raman", "Grace Adeyemi", "Tomás Herrera", "李雷", "Mom")  # fmt: skip
TITLES = ("Morning at the old harbour", "The last ferry", "Lunch with the neighbours", "Zugspitze",
          "Low tide", "Abendrot über dem Dorf", "Birthday of the twins", "Waiting for the bus",
          "The big jump", "Team photo after the final")  # fmt: skip
KEYWORDS = ("portfolio", "to print", "wildlife", "Sport|Finale", "wallpaper", "Kalender")
FILE_WORDS = ("handwritten notes", "birthday invitation", "floor plan kitchen", "boarding pass",
              "scan passport", "receipt bicycle")  # fmt: skip
# What to type, and what a caption of a photo that shows it matches.
SUBJECTS = (
    ("a dog in the snow", "dog", "snow"),
    ("dog on the beach", "dog", "beach|sand"),
    ("a dog running through grass", "dog", "grass|field"),
    ("two dogs playing", "dogs", "play|fight|wrestl|run"),
    ("a brown dog", "brown dog"),
    ("a black dog", "black dog"),
    ("a white dog", "white dog"),
    ("dog jumping", "dog", "jump|leap"),
    ("dog with a ball", "dog", "ball"),
    ("a dog in the water", "dog", "water|lake|river|ocean"),
    ("children in a swimming pool", "child|kid|boy|girl", "pool"),
    ("a boy on a swing", "boy|girl|child", "swing"),
    ("a child on a slide", "child|boy|girl|kid", "slide"),
    ("a man climbing a rock", "climb", "rock|cliff|mountain"),
    ("a man on a bike", "man|person|biker", "bike|bicycle"),
    ("motorcycle race", "motorcycle|motocross|dirt bike", "rac|rid"),
    ("skateboarder doing a trick", "skateboard"),
    ("a surfer on a wave", "surf", "wave"),
    ("snowboarder in the air", "snowboard"),
    ("people skiing", "ski"),
    ("a football player", "football", "player|uniform|team"),
    ("soccer game", "soccer"),
    ("a basketball player", "basketball"),
    ("a tennis player", "tennis"),
    ("baseball", "baseball"),
    ("children playing in the sand", "child|kid|boy|girl", "sand|beach"),
    ("a man with a hat", "man", "hat"),
    ("a woman with sunglasses", "woman", "sunglasses"),
    ("a girl in a pink dress", "girl", "pink"),
    ("people sitting on a bench", "sit", "bench"),
    ("a crowd of people", "crowd|group"),
    ("people in a boat", "boat|canoe|kayak|raft"),
    ("a man fishing", "fishing|fisherman"),
    ("people on a mountain", "mountain", "man|people|person|hiker|woman"),
    ("a tent and campers", "tent|camp"),
    ("a race car", "race car|racing car|car"),
    ("a fountain", "fountain"),
    ("a street at night", "night"),
    ("a street musician with a guitar", "guitar"),
    ("a bird over water", "bird"),
)


@dataclass(frozen=True)
class MadePhoto:
    """A photo of the library and what is known of it."""

    path: Path
    folder: str
    country: str
    town: str
    taken_at: datetime
    people: tuple[str, ...]
    title: str
    keyword: str
    captions: tuple[str, ...]

    def shows(self, subject: Sequence[str]) -> bool:
        """Whether one caption matches all patterns of a subject."""
        return any(
            all(re.search(rf"\b(?:{pattern})", text) for pattern in subject[1:])
            for text in self.captions
        )


@dataclass(frozen=True)
class MadeQuery:
    """A line to type, its kinds, and the photos that it is for."""

    text: str
    kind: str
    fits: Callable[[MadePhoto], bool]


# ------------------------------------------------------------------------- the library


def captions_of(flickr: Path, split: str = "dev") -> dict[str, tuple[str, ...]]:
    """The captions of each photo of a split, lower-case."""
    captions: dict[str, list[str]] = defaultdict(list)
    with (flickr / "captions.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if row["split"] == split:
                captions[row["image"]].append(row["caption"].lower())
    return {image: tuple(texts) for image, texts in captions.items()}


def make_photos(flickr: Path, folder: Path) -> list[MadePhoto]:
    """The photos of the library with an XMP file beside each; the same each time."""
    rng = random.Random(7)
    photos = []
    for number, (image, captions) in enumerate(sorted(captions_of(flickr).items())):
        name, lat, lon, town, country, day = TRIPS[rng.randrange(len(TRIPS))]
        taken_at = datetime.fromisoformat(day) + timedelta(rng.randrange(9), rng.randrange(80_000))
        words = FILE_WORDS[rng.randrange(len(FILE_WORDS))] if rng.random() < 0.02 else None
        stem = f"{words} {number}" if words else f"{rng.choice(('DSCN', 'IMG_'))}{number + 2041:04}"
        photo = MadePhoto(
            folder / name / f"{stem}.jpg",
            name,
            country,
            town,
            taken_at,
            tuple(rng.sample(PEOPLE, 1 + (rng.random() < 0.3))) if rng.random() < 0.4 else (),
            rng.choice(TITLES) if rng.random() < 0.1 else "",
            rng.choice(KEYWORDS) if rng.random() < 0.15 else "",
            captions,
        )
        photo.path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(flickr / "images" / image, photo.path)
        place = (lat + rng.uniform(-0.004, 0.004), lon + rng.uniform(-0.004, 0.004))
        photo.path.with_name(photo.path.name + ".xmp").write_text(sidecar(photo, *place), "utf-8")
        photos.append(photo)
    return photos


def sidecar(photo: MadePhoto, lat: float, lon: float) -> str:
    """The XMP file of a photo."""

    def degrees(value: float, signs: str) -> str:
        return f"{int(abs(value))},{abs(value) % 1 * 60:.6f}{signs[value < 0]}"

    def bag(name: str, values: Sequence[str]) -> str:
        items = "".join(f"<rdf:li>{value}</rdf:li>" for value in values)
        return f"<{name}><rdf:Bag>{items}</rdf:Bag></{name}>" if values else ""

    title = f"<rdf:Alt><rdf:li xml:lang='x-default'>{photo.title}</rdf:li></rdf:Alt>"
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
        'xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/" '
        'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
        f'exif:DateTimeOriginal="{photo.taken_at.isoformat()}" '
        f'exif:GPSLatitude="{degrees(lat, "NS")}" exif:GPSLongitude="{degrees(lon, "EW")}">'
        + bag("Iptc4xmpExt:PersonInImage", photo.people)
        + bag("dc:subject", (photo.keyword,) if photo.keyword else ())
        + (f"<dc:title>{title}</dc:title>" if photo.title else "")
        + "</rdf:Description></rdf:RDF></x:xmpmeta>"
    )


# ------------------------------------------------------------------------- the queries


def make_queries(photos: Sequence[MadePhoto], seed: int) -> list[MadeQuery]:
    """The queries, the same for a seed: half of one kind, half of two or three together."""
    rng = random.Random(seed)
    kinds = {
        "name": by_name,
        "folder": by_folder,
        "place": by_place,
        "date": by_date,
        "person": by_person,
        "text": by_text,
        "meaning": by_meaning,
    }
    mixtures = (
        *(("meaning", "place"), ("meaning", "date"), ("meaning", "person"), ("meaning", "folder")),
        *(("person", "place"), ("person", "date"), ("place", "date"), ("folder", "date")),
        *(("meaning", "person", "place"), ("meaning", "place", "date")),
        *(("person", "place", "date"), ("meaning", "person", "date")),
    )
    wanted = [(kind,) for kind in kinds] * (QUERIES // 2 // len(kinds) + 1)
    chosen: list[tuple[str, ...]] = [*wanted[: QUERIES // 2]]
    while len(chosen) < QUERIES:
        chosen.append(mixtures[len(chosen) % len(mixtures)])
    queries = []
    for kinds_of_one in chosen:
        while True:
            photo = rng.choice(photos)
            parts = [kinds[name](photo, rng) for name in kinds_of_one]
            if all(part is not None for part in parts):
                break
        texts = [part[0] for part in parts if part is not None]
        tests = [part[1] for part in parts if part is not None]
        if len(kinds_of_one) > 1:
            texts = [text.removeprefix("photos of ") for text in texts]
        queries.append(MadeQuery(" ".join(texts), "+".join(kinds_of_one), all_of(tests)))
    return queries


_Part = tuple[str, Callable[[MadePhoto], bool]]


def all_of(tests: Sequence[Callable[[MadePhoto], bool]]) -> Callable[[MadePhoto], bool]:
    """Whether a photo passes all tests."""
    return lambda photo: all(test(photo) for test in tests)


def by_name(photo: MadePhoto, rng: random.Random) -> _Part | None:
    stem = photo.path.stem
    words = next((words for words in FILE_WORDS if stem.startswith(words)), None)
    if words is not None:
        return words, lambda other: words in other.path.name
    text = rng.choice((stem, stem.lower(), photo.path.name, stem.replace("_", " ")))
    return text, lambda other: other.path == photo.path


def by_folder(photo: MadePhoto, rng: random.Random) -> _Part | None:
    name = photo.folder.rpartition("/")[2]
    distinctive = {
        "Klassenfahrt Nordkap": "Nordkap",
        "Hochzeit Weidinger": "hochzeit",
        "Trip to Genève": "geneve",
        "Toskana mit Oma": "toskana",
        "Kirschblüte": "kirschbluete".replace("ue", "ü"),
    }
    text = rng.choice((name, name.lower(), distinctive.get(name, name)))
    return text, lambda other: other.folder == photo.folder


def by_place(photo: MadePhoto, rng: random.Random) -> _Part | None:
    name = rng.choice((photo.town, photo.country))
    if name in ("Nice", "Reading"):  # a usual word counts as a name only if written as one
        text = f"in {name}"
    else:
        text = rng.choice((name, f"in {name}", f"from {name}", name.lower(), f"in {name.lower()}"))
    return text, lambda other: name in (other.town, other.country)


def by_date(photo: MadePhoto, rng: random.Random) -> _Part | None:
    day = photo.taken_at
    year, month = str(day.year), f"{day:%Y-%m}"
    seasons = ("winter", "winter", "spring", "spring", "spring", "summer", "summer", "summer",
               "autumn", "autumn", "autumn", "winter")  # fmt: skip
    season = seasons[day.month - 1]

    def is_in_season(other: MadePhoto) -> bool:
        return other.taken_at.year == day.year and seasons[other.taken_at.month - 1] == season

    return rng.choice(
        (
            (year, lambda other: str(other.taken_at.year) == year),
            (f"in {year}", lambda other: str(other.taken_at.year) == year),
            (f"{day:%B} {year}", lambda other: f"{other.taken_at:%Y-%m}" == month),
            (f"{season} {year}", is_in_season),
            (f"{day.day}.{day.month}.{year}", lambda other: other.taken_at.date() == day.date()),
            (f"{day.day} {day:%B} {year}", lambda other: other.taken_at.date() == day.date()),
        )
    )


def by_person(photo: MadePhoto, rng: random.Random) -> _Part | None:
    if not photo.people:
        return None
    name = photo.people[0]
    first = name.split()[0]
    if first in ("May", "Grace"):  # usual words
        first = name
    text = rng.choice((name, first, first.lower(), f"photos of {first}"))
    return text, lambda other: name in other.people


def by_text(photo: MadePhoto, rng: random.Random) -> _Part | None:
    title, keyword = photo.title, photo.keyword
    if title and (rng.random() < 0.5 or not keyword):
        return rng.choice((title, title.lower())), lambda other: other.title == title
    if keyword:
        text = keyword.rpartition("|")[2].lower()
        return text, lambda other: other.keyword == keyword
    return None


def by_meaning(photo: MadePhoto, rng: random.Random) -> _Part | None:
    shown = [subject for subject in SUBJECTS if photo.shows(subject)]
    if not shown:
        return None
    subject = rng.choice(shown)
    return subject[0], lambda other: other.shows(subject)


# ------------------------------------------------------------------------- measuring


def success(library: Library, query: MadeQuery, by_path: dict[Path, MadePhoto]) -> bool:
    """Whether one of the first results that are shown is right."""
    hits = [hit for hit in library.find(query.text, FIRST).hits if hit.level != "weak"]
    return any(query.fits(by_path[hit.path]) for hit in hits)


def recall_at_10(
    library: Library, settings: Settings, photos: Sequence[MadePhoto]
) -> tuple[float, float, int]:
    """R@10 in percent of the captions: by meaning alone, and as typed; and how many are changed.

    A caption is changed if a part of it is understood, or if words of it are names in the library.
    The others are searched for by meaning alone, so they are not searched for twice.
    """
    captions = [(photo, text) for photo in photos for text in photo.captions]
    reads = Reads.open(settings.data_dir)
    row = reads.encoders.in_use()
    encoder = EncoderLoader(settings, print, None, None).of(row)
    chunks = [(ids, vectors) for _, ids, vectors in reads.vectors.chunks(row.key)]
    ids = np.concatenate([chunk for chunk, _ in chunks])
    vectors = np.concatenate([chunk for _, chunk in chunks])
    texts = embed_texts(encoder, row.name, [text for _, text in captions])
    catalogue = LibraryPhotos(reads, row, LiveIndex(reads, row.key), {})
    alone = typed = changed = 0
    for (photo, text), vector in zip(captions, texts, strict=True):
        best = ids[np.argsort(-(vectors @ vector))[:10]]
        is_alone = reads.photos.at(photo.path) in best
        is_typed = is_alone
        understanding = understand(reads.names, Query((Term(text, is_free=True),)))
        if understanding.parts or find_names(catalogue, understanding.query, None) is not None:
            hits = library.find(Query((Term(text, is_free=True),)), 10).hits
            is_typed = any(photo.path in hit.paths for hit in hits)
            changed += 1
        alone, typed = alone + is_alone, typed + is_typed
    reads.close()
    return 100 * alone / len(captions), 100 * typed / len(captions), changed


# What to type in the library of made photos; the first is the one without names.
TIMED = (
    "a dog on the beach",
    "a dog on the beach with Anna20111",
    "a dog on the beach in Town17",
    "a dog on the beach 2019",
    "a dog on the beach with Anna20111 in Town17 2019",
    "a dog on the beach in Country3 last summer",
    "a dog on the beach Folder42",
    "a dog on the beach DSCN04711",
    "DSCN04711",
    "beach",
)
ROUNDS = 15


def make_large(settings: Settings, photos: int) -> None:
    """A library of photos with made vectors and names, beside one real photo."""
    rng = random.Random(7)
    pictures = settings.data_dir.parent / "Pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (64, 64), "red").save(pictures / "red.png")
    with Library.open(settings) as library:
        library.index([pictures]).run()
    with Store.open(settings.data_dir, writable=True) as store:
        row = store.reads.encoders.in_use()
        root = store.files.add_root("/made")
        number = 0
        for vectors in SyntheticSpace(row.dim).photos(photos, 1):
            for start in range(0, len(vectors), 1000):
                results = []
                for vector in vectors[start : start + 1000]:
                    results.append(_made_photo(number, vector[None], rng))
                    number += 1
                store.record(root, row.key, results)
    with Library.open(settings) as library:
        library.rebuild().run()


def _made_photo(number: int, vector: Vectors, rng: random.Random) -> IngestResult:
    town = rng.randrange(500)
    facts = Facts(
        "JPEG",
        4000,
        3000,
        taken_at=datetime(2010, 1, 1) + timedelta(rng.randrange(5_900)),
        dated_by="exif",
        people=(f"Anna{number} Smith",) if number % 2 else (),
        keywords=("beach",) if number % 20 == 0 else (),
        title=f"Picture no {number}",
        town=f"Town{town}",
        country=f"Country{town % 20}",
    )
    path = f"/made/Folder{number % 1000}/DSCN{number:05}.jpg"
    return IngestResult(FileStat(path, 1, 1, 1), path.encode(), facts, vector)


def measure_speed(settings: Settings) -> None:
    """Print how long each of `TIMED` takes in a process that has the model loaded.

    By the clock and in processor time, the fastest of all rounds, and how much more than the first.
    """
    with Library.open(settings) as library:
        library.memory.warm_up()
        times_ms: dict[str, list[tuple[float, float]]] = defaultdict(list)
        for _ in range(ROUNDS):
            for text in TIMED:
                started, cpu_started = time.perf_counter(), time.process_time()
                library.find(text, 60)
                spent = time.perf_counter() - started, time.process_time() - cpu_started
                times_ms[text].append((1000 * spent[0], 1000 * spent[1]))
        print("queries, ms by the clock and of processor time:")
        alone_ms = np.min(times_ms[TIMED[0]], axis=0)
        for text, times in times_ms.items():
            best_ms = np.min(times, axis=0)
            more_ms = best_ms - alone_ms
            parts = len(library.lines.understand(text).parts)
            print(
                f"{text:50} {parts} parts {best_ms[0]:6.1f} {best_ms[1]:6.1f}, "
                f"{more_ms[0]:+6.1f} {more_ms[1]:+6.1f}"
            )


# Lines that are typed key by key.
TYPED = (
    "a dog on the beach with Anna20111 Smith",
    "in Town17",
    "Country3 2019",
    "Folder42",
    "beach",
    "camera:nik",
    "type:jp",
    "sunset over water",
)
# Commands that start anew; the first has no name, and its text is in quotes in the second.
COLD = (TIMED[0], f'"{TIMED[0]}"', TIMED[1], "a dog on the beach in Town17 2019")
COLD_ROUNDS = 9
RECORDED = 3000
INDEXED = 300


def measure_suggestions(settings: Settings) -> None:
    """Print the processor time of suggestions for each key of `TYPED`."""
    with Library.open(settings) as library:
        library.lines.suggest(TYPED[0])
        every: list[float] = []
        print("\nsuggestions, ms of processor time for a key:")
        for line in TYPED:
            keys_ms = [
                min(_cpu_ms(library.lines.suggest, line[:end]) for _ in range(5))
                for end in range(1, len(line) + 1)
            ]
            every += keys_ms
            print(f"{line:50} median {np.median(keys_ms):5.1f}, worst {max(keys_ms):5.1f}")
        print(f"{'all':50} median {np.median(every):5.1f}, worst {max(every):5.1f}")


def _cpu_ms(call: Callable[[str], object], line: str) -> float:
    started = time.process_time()
    call(line)
    return 1000 * (time.process_time() - started)


def measure_counts(settings: Settings) -> None:
    """Print how long counts by time and place take, the first time and the fastest of five."""
    print("\ncounts, ms (first, best):")
    with Library.open(settings) as library:
        for name, count in (
            ("timeline", library.browse.timeline),
            ("days", library.browse.days),
            ("places", library.places.counts),
            ("positions", library.browse.positions),
            ("timeline of in:Folder42", lambda: library.browse.timeline("in:Folder42")),
            ("timeline of country:Country3", lambda: library.browse.timeline("country:Country3")),
        ):
            times_ms = []
            for _ in range(5):
                started = time.perf_counter()
                count()
                times_ms.append(1000 * (time.perf_counter() - started))
            print(f"{name:50} {times_ms[0]:6.0f} {min(times_ms):6.0f}")


def measure_cold_start(settings: Settings) -> None:
    """Print how long a command takes for each query of `COLD`, and more than for the first.

    The rounds alternate, and the vectors of the texts are in the cache.
    """
    environment = {
        "IMGSEARCH_DATA": str(settings.data_dir),
        "IMGSEARCH_CACHE": str(settings.cache_dir),
        "IMGSEARCH_SERVICE": "off",
    }
    costs: dict[str, list[Cost]] = defaultdict(list)
    for _ in range(COLD_ROUNDS + 1):
        for query in COLD:
            argv = [sys.executable, "-m", "imgsearch", "search", query, "--all"]
            costs[query].append(run(Command(argv, Path.cwd(), environment)))
    walls_ms = {query: [1000 * cost.wall_s for cost in each[1:]] for query, each in costs.items()}
    cpus_ms = {query: [1000 * cost.cpu_s for cost in each[1:]] for query, each in costs.items()}
    print("\ncommands, ms by the clock and of processor time, medians:")
    for query in COLD:
        wall_ms, cpu_ms = (float(np.median(each[query])) for each in (walls_ms, cpus_ms))
        more = [
            float(np.median(np.subtract(each[query], each[COLD[0]])))
            for each in (walls_ms, cpus_ms)
        ]
        print(f"{query:50} {wall_ms:6.0f} {cpu_ms:6.0f}, {more[0]:+5.0f} {more[1]:+5.0f}")


def measure_gathering(flickr: Path | None) -> None:
    """Print the processor time that gathering names adds to each photo that is recorded.

    Photos are recorded with names and, in turn, without; none is decoded. With `flickr`, photos
    are indexed as well, to know the share of an index run.
    """
    gather = names.refresh
    times_ms: dict[Callable[[sqlite3.Connection], None], float] = {}
    for _ in range(3):
        for refresh in (gather, _forget_stale):
            with (
                tempfile.TemporaryDirectory() as folder,
                Store.open(Path(folder), writable=True) as store,
            ):
                key = store.vectors.add_encoder("made/1", "made", 8).key
                root = store.files.add_root("/made")
                rng, vector = random.Random(7), np.eye(1, 8, dtype=np.float32)
                results = [_made_photo(number, vector, rng) for number in range(RECORDED)]
                names.refresh = refresh
                started = time.process_time()
                for start in range(0, RECORDED, 64):
                    store.record(root, key, results[start : start + 64])
                taken = 1000 * (time.process_time() - started) / RECORDED
                names.refresh = gather
                times_ms[refresh] = min(taken, times_ms.get(refresh, taken))
    added_ms = times_ms[gather] - times_ms[_forget_stale]
    print(
        f"\nrecording a photo: {times_ms[gather]:.2f} ms of processor time, of which gathering its "
        f"names {added_ms:.2f} ms"
    )
    if flickr is None:
        return
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings.load(data_dir=Path(folder, "data"), encoder="lite")
        pictures = Path(folder, "Pictures")
        pictures.mkdir()
        first, *others = sorted(captions_of(flickr))[: INDEXED + 1]
        with Library.open(settings) as library:
            shutil.copyfile(flickr / "images" / first, pictures / first)
            library.index([pictures]).run()  # loads the model
            for image in others:
                shutil.copyfile(flickr / "images" / image, pictures / image)
            started = time.process_time()
            library.index([pictures]).run()
            run_ms = 1000 * (time.process_time() - started) / INDEXED
    print(f"{added_ms / run_ms:.1%} of an index run, which takes {run_ms:.1f} ms a photo")


def _forget_stale(connection: sqlite3.Connection) -> None:
    """Do as `names.refresh` does, without the names."""
    connection.execute("DELETE FROM stale_names")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("flickr", type=Path, nargs="?")
    parser.add_argument("--photos", type=int, help="measure the time in a library of this size")
    parser.add_argument("--folder", type=Path, help="where the library is made, or is already")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--failures", action="store_true", help="print the queries that fail")
    parser.add_argument("--captions", type=int, default=1000, help="how many photos' captions")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        if arguments.photos:
            settings = Settings.load(data_dir=folder / "data", encoder="lite")
            if not (folder / "data").exists():
                make_large(settings, arguments.photos)
            measure_speed(settings)
            measure_suggestions(settings)
            measure_counts(settings)
            measure_cold_start(settings)
            measure_gathering(arguments.flickr)
            return
        photos = make_photos(arguments.flickr, folder / "Pictures")
        by_path = {photo.path: photo for photo in photos}
        settings = Settings.load(data_dir=folder / "data", encoder="lite")
        with Library.open(settings) as library:
            if not library.exists():
                library.index([folder / "Pictures"]).run()
            queries = make_queries(photos, arguments.seed)
            results: dict[str, Counter[bool]] = defaultdict(Counter)
            for query in queries:
                is_right = success(library, query, by_path)
                results[query.kind][is_right] += 1
                if arguments.failures and not is_right:
                    print(f"  {query.kind}: {query.text}")
            for kind, counts in results.items():
                print(f"{kind:22} {counts[True]:3} of {counts.total():3}")
            right = sum(counts[True] for counts in results.values())
            print(f"success@{FIRST} {100 * right / len(queries):.1f} % of {len(queries)}")
            some = photos[: arguments.captions]
            alone, typed, changed = recall_at_10(library, settings, some)
            print(
                f"R@10 of {5 * len(some)} captions: {alone:.2f} % by meaning alone, "
                f"{typed:.2f} % as typed; names or dates were seen in {changed}"
            )


if __name__ == "__main__":
    main()
