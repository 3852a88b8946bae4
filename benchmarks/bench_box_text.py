"""Measures the one search box on text that was read in pictures.

    python -m benchmarks.bench_box_text DATA --work build/bench-box-text
    python -m benchmarks.bench_box_text --photos 50000 --work build/bench-large-text

The first makes a library of the 400 photos of text_in_photos.csv, with the text that `imgsearch
read-text` (RapidOCR 3.10.0) has read in them, from text_read.csv: the extra `ocr` is not needed.
Queries are the words that were read by eye, each alone, and each line of two to five words as it
was read. A query is a success if a photo with these words is among the first five results; that a
word is read wrong counts as well. Everyday queries (things.txt) are no text, and the captions of
the photos say whether text costs any of what meaning finds.

The second measures in a library of that many photos with made vectors and names, a fifth of them
with made text, how long queries take.
"""

# ruff: noqa: T201

from __future__ import annotations

import argparse
import csv
import random
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks.bench_box import make_large
from benchmarks.bench_text import link_photos, words_by_photo
from imgsearch import Library, Query, Settings, Term
from imgsearch.language.words import english, is_common
from imgsearch.records.picture_text import TextLine, words_in_text
from imgsearch.store.store import Store

READ = Path(__file__).with_name("text_read.csv")
THINGS = Path(__file__).with_name("things.txt")
READER = "rapidocr 3.10.0"
FIRST = 5
MIN_LETTERS = 3  # of a word that is typed
ROUNDS = 15


def lines_by_photo() -> dict[str, list[TextLine]]:
    """The lines of text that were read in each photo; photos without text are left out."""
    lines: dict[str, list[TextLine]] = defaultdict(list)
    with READ.open(encoding="utf-8", newline="") as rows:
        for row in csv.DictReader(rows):
            numbers = [float(row[name]) for name in ("x", "y", "width", "height", "confidence")]
            lines[row["photo"]].append(TextLine(row["line"], *numbers))
    return lines


def captions_of(data: Path, photos: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The captions of these photos, each with its photo."""
    wanted = set(photos)
    for name in ("coco-dev", "flickr8k"):
        with (data / name / "captions.csv").open(encoding="utf-8", newline="") as rows:
            for row in csv.DictReader(rows):
                photo = f"{name}/images/{row['image']}"
                if photo in wanted:
                    yield photo, row["caption"]


def captions_found(library: Library, captions: Sequence[tuple[Path, str]]) -> tuple[int, int]:
    """How many captions have their photo among the first ten, and how many find text."""
    found = marked = 0
    for path, caption in captions:
        hits = library.find(Query((Term(caption, is_free=True),)), 10).hits
        found += any(path in hit.paths for hit in hits)
        marked += any("text" in hit.matched_by for hit in hits)
    return found, marked


def forget_texts(settings: Settings) -> None:
    """Record that no photo has text."""
    with Store.open(settings.data_dir, writable=True) as store:
        for (photo_id,) in store.database.fetch_all("SELECT id FROM photos"):
            store.picture_text.record(photo_id, READER, [])


def everyday_things() -> Iterator[str]:
    """The first name of each thing that people search their photos for."""
    for line in THINGS.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            yield line.removeprefix("-").partition(",")[0].strip()


def report(library: Library, queries: Mapping[str, set[Path]], kind: str, show: bool) -> None:
    """Print for how many queries a right photo is among the first, and how many are marked."""
    found = by_text = 0
    misses = []
    for text, right in queries.items():
        hits = library.find(text, FIRST).hits
        is_found = any(not right.isdisjoint(hit.paths) for hit in hits)
        found += is_found
        by_text += any("text" in hit.matched_by for hit in hits if not right.isdisjoint(hit.paths))
        misses += [] if is_found else [text]
    print(f"{kind:40} {found:3} of {len(queries):3} found, {by_text} of them by text")
    if show:
        print(f"  not found: {', '.join(misses)}")


def measure(data: Path, settings: Settings, folder: Path, show: bool) -> None:
    """Print how many queries find the photos that show their words."""
    words, lines = words_by_photo(), lines_by_photo()
    links = link_photos(data, words, folder)
    with Library.open(settings) as library:
        library.index([folder]).run()
        captions = [(links[photo], text) for photo, text in captions_of(data, list(links))]
        forget_texts(settings)
        without, _ = captions_found(library, captions)
        with Store.open(settings.data_dir, writable=True) as store:
            for photo, link in links.items():
                photo_id = store.reads.photos.at(link)
                if photo_id is not None:
                    store.picture_text.record(photo_id, READER, lines.get(photo, []))
        by_word: dict[str, set[Path]] = defaultdict(set)
        by_line: dict[str, set[Path]] = defaultdict(set)
        for photo, link in links.items():
            for word in words[photo]:
                if len(word) >= MIN_LETTERS and not word.isdecimal():
                    by_word[word].add(link)
            for line in lines.get(photo, []):
                if 2 <= len(line.text.split()) <= 5 and words[photo]:
                    by_line[" ".join(words_in_text(line.text))].add(link)
        read = {
            photo: {word for line in lines.get(photo, []) for word in words_in_text(line.text)}
            for photo in words
        }
        right_words = {
            word
            for word, right in by_word.items()
            if any(word in read[photo] for photo, link in links.items() if link in right)
        }
        usual = {word for word in by_word if is_common(word)}
        kinds = {
            "distinctive words, read right": right_words - usual,
            "distinctive words, read wrong": by_word.keys() - right_words - usual,
            "usual words, read right": right_words & usual,
            "usual words, read wrong": (by_word.keys() - right_words) & usual,
        }
        for kind, some in kinds.items():
            report(library, {word: by_word[word] for word in sorted(some)}, kind, show)
        report(library, by_line, "lines", show)
        quoted = {f'"{word}"': by_word[word] for word in sorted(right_words)}
        report(library, quoted, "words read right, in quotes", show)
        things = list(everyday_things())
        marked = [
            thing
            for thing in things
            if any("text" in hit.matched_by for hit in library.find(thing, FIRST).hits)
        ]
        print(f"{len(marked)} of {len(things)} everyday queries find text: {', '.join(marked)}")
        found, with_text = captions_found(library, captions)
        print(
            f"R@10 of {len(captions)} captions: {100 * without / len(captions):.2f} % without the "
            f"text, {100 * found / len(captions):.2f} % with it; {with_text} of them find text"
        )


TIMED = (
    "a dog on the beach",
    "a mountain village restaurant",
    "parking",
    "Bülowstraße",
    "mountain",
    "a man riding a wave on top of a surfboard in the ocean at sunset",
)
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def measure_speed(settings: Settings, photos: int) -> None:
    """Print how long queries take in a library with made text, by processor time."""
    rng = random.Random(7)
    with Store.open(settings.data_dir, writable=True) as store:
        if not store.picture_text.counts().read:
            known = english().words(20_000)
            ids = [row[0] for row in store.database.fetch_all("SELECT id FROM photos")]
            for photo_id in ids[: photos // 5]:
                words = [misread(rng.choice(known), rng) for _ in range(12)]
                line = TextLine(" ".join(words), 0.1, 0.1, 0.5, 0.1, 0.9)
                store.picture_text.record(photo_id, READER, [line])
    with Library.open(settings) as library:
        library.memory.warm_up()
        for text in TIMED:
            times_ms = []
            for number in range(ROUNDS):
                started = time.process_time()
                library.find(text, 60 + number)  # no answer that is kept
                times_ms.append(1000 * (time.process_time() - started))
            print(f"{text:66} {min(times_ms):6.1f} ms, median {np.median(times_ms):6.1f}")


def misread(word: str, rng: random.Random) -> str:
    """A word, every second time with one letter wrong."""
    at = rng.randrange(2 * len(word))
    return word if at >= len(word) else word[:at] + rng.choice(LETTERS) + word[at + 1 :]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--photos", type=int, help="measure the time in a library of this size")
    parser.add_argument("--failures", action="store_true", help="print the queries that fail")
    arguments = parser.parse_args()
    settings = Settings.load(
        data_dir=arguments.work / "data",
        encoder="lite",
        service="off",
    )
    if arguments.photos:
        if not settings.data_dir.exists():
            make_large(settings, arguments.photos)
        measure_speed(settings, arguments.photos)
    elif arguments.data is None:
        parser.error("DATA is needed without --photos")
    else:
        measure(arguments.data, settings, arguments.work / "photos", arguments.failures)


if __name__ == "__main__":
    main()
