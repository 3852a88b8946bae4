"""Measures what a search of an archive costs: requests, bytes, dollars and time.

    python -m benchmarks.bench_archive FOLDER --photos 20000
    python -m benchmarks.bench_archive FOLDER --photos 100000 --compare

A search is `Library.find` for words that were not asked before, with the small pictures of its
first page of 60 photos. The archive is made in FOLDER/index/archive, unless it is there, with
synthetic vectors, facts, names and pictures. It is searched in the folder, and then through object
storage on this machine that counts what it is asked (`tests/counted_storage.py`). Prices are those
of docs/scale-planning.md. A process that has answered queries before is warm; a cold one has not.

With `--compare`, only the time of a search is measured: of the archive in the folder and of a
library of the same photos, which is made in FOLDER/library, unless it is there. Both answer the
same new words in turn, in this process, so a busy machine changes their ratio little.
"""

# ruff: noqa: T201

from __future__ import annotations

import argparse
import gc
import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import mean as mean_of
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec.structs import replace

from benchmarks.bench_catalogue import chunks, results, space_for
from benchmarks.synthetic import SyntheticSpace
from imgsearch import Library, Settings
from imgsearch.records.files import IngestResult
from imgsearch.records.index import EncoderRow
from imgsearch.store.lock import writing
from tests.counted_storage import CountedStorage, StorageTraffic, counted_storage

if TYPE_CHECKING:
    from PIL.Image import Image

    from imgsearch.records.arrays import PixelBatch, Pixels, Vectors

PAGE = 60
PICTURE_BYTES = 8_000
LIBRARY_BATCH = 1_000  # photos in a transaction
BUCKET, NAME = "index", "archive"
TOWNS = (("Bergen", "Norway"), ("Venice", "Italy"), ("Lyon", "France"), ("Kyoto", "Japan"))
PEOPLE = ("Anna Smith", "Bob Miller", "Clara Jones")
# Asked once each, in this order; the first ones only warm the process up.
WARMING = ("an old bridge at night", "two children with a kite", "Anna in Norway", "k77")
SEARCHES = (
    "a dog on a beach",
    "people on a market square in the rain",
    "a red car before a white house",
    "sunset over the sea in Norway",
    "Clara with an umbrella",
    "snow on a mountain hut in January 2010",
    "a wooden boat in Venice",
    "k7",
    "go karts",
    "a glass of wine on a table camera:nikon",
)
# Words of which no photo has a name; with each other, one search each.
THINGS = ("dog", "cat", "boat", "horse", "red car", "bridge", "tree", "child")
SCENES = ("on a beach", "in the rain", "before a white house", "at night", "with an umbrella", "")
BEST = "width:>0 sort:best"  # of all photos, of which it reads the measures
LISTINGS = ("after:2010 before:2012", "camera:leica", "month:7", "iso:>3200 sort:path")


class SyntheticEncoder:
    """An encoder of the vectors that the photos have; a text has the same vector each time."""

    id = "lite/synthetic"
    side_px = 8
    batch_size = 16
    logit_scale = 100.0
    batches_at_once = 1
    context_length = 77

    def __init__(self, space: SyntheticSpace) -> None:
        self.space = space
        self.dim = space.dim

    def token_count(self, text: str) -> int:
        return len(text.split()) + 2

    def prepare(self, image: Image) -> Pixels:
        raise NotImplementedError("No photo is embedded here.")

    def encode_pixels(self, batch: PixelBatch) -> Vectors:
        raise NotImplementedError("No photo is embedded here.")

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        seeds = [int.from_bytes(hashlib.blake2b(text.encode()).digest()[:4]) for text in texts]
        return np.concatenate([self.space.texts(1, seed) for seed in seeds])


def named(result: IngestResult, number: int) -> IngestResult:
    """A photo with names of people and places."""
    assert result.facts is not None
    town, country = TOWNS[number % len(TOWNS)]
    people = (PEOPLE[number % len(PEOPLE)],) if number % 7 == 0 else ()
    facts = replace(result.facts, town=town, country=country, people=people)
    return replace(result, facts=facts)


def fill(address: Path, photos: int, settings: Settings) -> None:
    """Make the archive."""
    encoder = SyntheticEncoder(space_for(photos))
    row = EncoderRow(1, encoder.id, "lite", encoder.dim)
    pictures = np.random.default_rng(5)
    with Library.open_archive(address, settings, encoder=encoder) as library:
        writer = library.fleet.writer(row)
        for numbers, vectors in chunks(photos):
            batch = [
                named(result, number)
                for number, result in zip(numbers, results(numbers, vectors), strict=True)
            ]
            writer.put(batch)
            writer.put_thumbnails(
                {
                    each.content_hash: pictures.bytes(PICTURE_BYTES)
                    for each in batch
                    if each.content_hash is not None
                }
            )
        writer.settle()


def fill_library(folder: Path, photos: int) -> None:
    """Make a library of the photos of the archive. Their folder has no file of them."""
    encoder = SyntheticEncoder(space_for(photos))
    photo_folder = folder / "photos"
    with writing(folder / "library") as store:
        root_id = store.files.add_root(str(photo_folder))
        row = store.vectors.add_encoder(encoder.id, "lite", encoder.dim)
        for numbers, vectors in chunks(photos):
            batch = [
                named(result, number)
                for number, result in zip(numbers, results(numbers, vectors), strict=True)
            ]
            for start in range(0, len(batch), LIBRARY_BATCH):
                store.record(
                    root_id,
                    row.key,
                    [
                        replace(
                            each, stat=replace(each.stat, path=f"{photo_folder}{each.stat.path}")
                        )
                        for each in batch[start : start + LIBRARY_BATCH]
                    ],
                )
    with Library.open(library_settings(folder), encoder=encoder) as library:
        library.index().run()  # builds the index and the score baseline; the folder is not there
    photo_folder.mkdir()
    (photo_folder / "a file").touch()  # it can be reached from now on


def library_settings(folder: Path) -> Settings:
    """Settings of the library, with a new cache."""
    cache_dir = folder / f"cache-{time.time_ns()}"
    return Settings.load(data_dir=folder / "library", cache_dir=cache_dir)


def compare(folder: Path, address: Path, photos: int) -> dict[str, Any]:
    """The times of the archive and of the library (ms), and how often that of the library it is."""
    encoder = SyntheticEncoder(space_for(photos))
    lines = {
        "words alone": [f"the {thing} {scene}".strip() for thing in THINGS for scene in SCENES],
        "also names, dates and filters": [*SEARCHES],
    }
    with (
        Library.open_archive(address, library_settings(folder), encoder=encoder) as archive,
        Library.open(library_settings(folder), encoder=encoder) as library,
    ):
        both = {"archive": archive, "library": library}
        for each in both.values():
            each.memory.warm_up()
            for line in WARMING:
                each.find(line, PAGE)
        return {kind: _times_in_turn(both, own) for kind, own in lines.items()}


def _times_in_turn(libraries: Mapping[str, Library], lines: Sequence[str]) -> dict[str, Any]:
    wall: dict[str, list[float]] = {name: [] for name in libraries}
    processor: dict[str, list[float]] = {name: [] for name in libraries}
    gc.collect()  # of all that was loaded: later, it would count for one of the searches
    for line in lines:
        for name, library in libraries.items():
            start_s, processor_start_s = time.perf_counter(), time.process_time()
            library.find(line, PAGE)
            processor[name].append(1000 * (time.process_time() - processor_start_s))
            wall[name].append(1000 * (time.perf_counter() - start_s))
    found: dict[str, Any] = {"searches": len(lines)}
    for kind, times in (("wall", wall), ("processor", processor)):
        for name, summarised in (("median", median), ("mean", mean_of)):
            own, other = summarised(times["archive"]), summarised(times["library"])
            ratio = round(own / other, 2)
            found[f"{kind} {name}"] = {
                "archive": round(own, 1),
                "library": round(other, 1),
                "ratio": ratio,
            }
    return found


def search(library: Library, line: str) -> None:
    """A search with its first page of pictures."""
    answer = library.find(line, PAGE)
    show(library, [hit.photo.id for hit in answer.hits])


def show(library: Library, ids: Sequence[int]) -> None:
    """The small pictures of a page."""
    for photo_id in ids:
        library.pictures.thumbnail(photo_id, 256)


def measured(storage: CountedStorage | None, do: Callable[[], object]) -> dict[str, Any]:
    """What something costs; in a folder, only its time."""
    if storage is not None:
        storage.take()
    start = time.perf_counter()
    do()
    cost: dict[str, Any] = {"ms": round(1000 * (time.perf_counter() - start))}
    return cost if storage is None else cost | summary(storage.take())


def summary(traffic: StorageTraffic) -> dict[str, Any]:
    return {
        "LIST": traffic.count("LIST"),
        "GET": traffic.count("GET") + traffic.count("HEAD"),
        "kB": traffic.sent_bytes // 1000,
        "$ a million": round(traffic.dollars_a_million, 1),
    }


def mean(costs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {key: round(float(np.mean([cost[key] for cost in costs])), 1) for key in costs[0]}


def ask(
    address: str, photos: int, settings: Settings, storage: CountedStorage | None, details: bool
) -> dict[str, Any]:
    """The costs of searches and listings, of a cold process and of a warm one."""
    encoder = SyntheticEncoder(space_for(photos))
    with Library.open_archive(address, settings, encoder=encoder) as library:
        found: dict[str, Any] = {
            "cold": measured(storage, lambda: search(library, WARMING[0])),
        }
        library.memory.warm_up()
        for line in WARMING:
            search(library, line)
        time.sleep(1.1)  # what was read of the versions is old
        finds, pages, listings = [], [], []
        for line in SEARCHES:
            finds.append(measured(storage, lambda line=line: library.find(line, PAGE)))  # type: ignore[misc]
            if details and storage is not None:
                print(line, finds[-1])
            ids = [hit.photo.id for hit in library.find(line, PAGE).hits]
            pages.append(measured(storage, lambda ids=ids: show(library, ids)))  # type: ignore[misc]
            time.sleep(1.1)
        for line in LISTINGS:
            listings.append(measured(storage, lambda line=line: library.find(line, PAGE)))  # type: ignore[misc]
            if details and storage is not None:
                print(line, listings[-1])
            time.sleep(1.1)
        again = measured(storage, lambda: library.find(SEARCHES[0], PAGE))
        best = measured(storage, lambda: library.find(BEST, PAGE))
        cursor = library.find(BEST, PAGE).cursor
        next_best = measured(storage, lambda: library.find(BEST, PAGE, cursor))
        strip = measured(storage, library.strips.over_time)
    return found | {
        "find": mean(finds),
        "60 pictures": mean(pages),
        "listing": mean(listings),
        "find again": again,
        "sort:best of all": best,
        "its next page": next_best,
        "strip of all": strip,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=int, default=20_000)
    parser.add_argument("--details", action="store_true", help="print each search")
    parser.add_argument("--compare", action="store_true", help="with a library, and nothing else")
    options = parser.parse_args()
    address: Path = options.folder / BUCKET / NAME
    settings = Settings.load(
        data_dir=options.folder / "data", cache_dir=options.folder / f"cache-{time.time_ns()}"
    )
    if not address.exists():
        fill(address, options.photos, settings)
    if options.compare:
        if not (options.folder / "library").exists():
            fill_library(options.folder, options.photos)
        print(json.dumps(compare(options.folder, address, options.photos), indent=1), flush=True)
        return
    here = ask(str(address), options.photos, settings, None, options.details)
    print(json.dumps({"in a folder": here}, indent=1), flush=True)
    with counted_storage(options.folder) as storage:
        settings = Settings.load(
            data_dir=options.folder / "data", cache_dir=options.folder / f"cache-{time.time_ns()}"
        )
        away = ask(f"s3://{BUCKET}/{NAME}", options.photos, settings, storage, options.details)
    print(json.dumps({"through object storage": away}, indent=1), flush=True)


if __name__ == "__main__":
    main()
