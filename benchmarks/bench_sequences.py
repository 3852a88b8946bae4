"""Measures lines of two things in order, "A ~> B", against each of the things alone.

    python -m benchmarks.bench_sequences days DAYS_JSONL [--held-out]
    python -m benchmarks.bench_sequences photos CAPTIONS LIBRARY [--other CAPTIONS]

`days`: a library of sentences about days of a life, in which the vector of a sentence stands for
that of a photo. A and B are two consecutive sentences, reworded by the list below. A moment is
right within five minutes of the sentence. Half of the days are for development, the later half is
held out. `photos`: the photos of an indexed LIBRARY, placed into days of twelve with twenty minutes
between them (seed 7). A and B are captions of two photos of a day, the later one of which is looked
for. With captions of other photos, it counts how many lines about these get which verdict.
"""

# ruff: noqa: T201

from __future__ import annotations

import argparse
import csv
import json
import random
import re
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from imgsearch import Library, Settings
from imgsearch.encoders.base import Encoder
from imgsearch.encoders.prompts import embed_texts
from imgsearch.encoders.registry import open_encoder
from imgsearch.records.arrays import Vectors
from imgsearch.records.files import FileStat, IngestResult
from imgsearch.records.photo import Facts
from imgsearch.search import baseline
from imgsearch.store.lock import writing

SEED = 7
CASES = 150
FIRST = 10  # answers
NEAR = timedelta(minutes=5)
A_DAY, APART = 12, timedelta(minutes=20)
# Other words for the most frequent ones.
REWORDED = {
    "the lifelogger": "someone", "lifelogger": "person", "walking": "strolling", "walks": "strolls",
    "office": "workplace", "car": "automobile", "phone": "smartphone", "living room": "lounge",
    "talking": "chatting", "talks": "chats", "man": "guy", "men": "guys", "woman": "lady",
    "laptop": "notebook computer", "driving": "steering", "drives": "steers", "kitchen": "cookery",
    "corridor": "hallway", "television": "TV set", "street": "road", "house": "residence",
    "cafeteria": "canteen", "elevator": "lift", "food": "meal", "bedroom": "sleeping room",
    "computer": "PC", "table": "desk", "holding": "gripping", "cloudy": "overcast",
    "sunny": "bright", "watching": "looking at", "bed": "mattress", "t-shirt": "top",
    "sweater": "pullover", "toilet": "lavatory", "restaurant": "diner", "plane": "aircraft",
    "sofa": "couch", "airport": "airfield", "hotel": "guesthouse", "dinner": "supper",
    "breakfast": "morning meal", "shop": "boutique", "store": "market", "supermarket": "grocery",
    "mirror": "looking glass", "jacket": "blazer", "coat": "overcoat", "refrigerator": "fridge",
    "using": "operating", "uses": "operates", "sitting": "seated", "leaving": "exiting",
    "entering": "going into", "eating": "having", "drinking": "sipping", "cup": "mug",
    "students": "pupils", "bathroom": "washroom", "yard": "garden", "people": "persons",
}  # fmt: skip
_WORDS = re.compile(
    "|".join(rf"\b{each}\b" for each in sorted(REWORDED, key=len, reverse=True)), re.IGNORECASE
)


def reworded(sentence: str) -> str:
    """Return a sentence in other words, without what a query language would read."""
    text = _WORDS.sub(lambda found: REWORDED[found[0].lower()], sentence)
    return re.sub(r"[^\w\s'-]", " ", text)


def made_library(
    folder: Path, encoder: Encoder, vectors: Vectors, times: Sequence[datetime]
) -> Library:
    """Make a library of photos without files: their vectors, and when they were taken."""
    with writing(folder) as store:
        root_id = store.files.add_root("/photos")
        row = store.vectors.add_encoder(encoder.id, "lite", vectors.shape[1])
        results = [
            IngestResult(
                FileStat(f"/photos/{number}.jpg", 1, 1, 1),
                f"{number:032}".encode(),
                Facts("JPEG", 400, 300, taken_at=time, dated_by="exif"),
                vector[None],
            )
            for number, (vector, time) in enumerate(zip(vectors, times, strict=True))
        ]
        store.record(root_id, row.key, results)
        baseline.refresh(store, row, lambda texts: embed_texts(encoder, "lite", texts))
    return Library.open(Settings.load(data_dir=folder, encoder="lite"))


def last_of(library: Library, line: str) -> list[int]:
    """Return the numbers of the last photos of the first sequences."""
    found = library.sequences.find(line, FIRST, weak=True).sequences
    return [int(each.hits[-1].path.stem) for each in found]


def alone(library: Library, words: str) -> list[int]:
    """Return the numbers of the first photos of an answer."""
    return [int(hit.path.stem) for hit in library.find(words, FIRST).hits]


def measured(
    library: Library,
    cases: Sequence[tuple[int, int, str, str]],
    is_right: Callable[[int, int], bool],
) -> None:
    """Print how often the right moment is among the first: by A alone, by B alone, by both."""
    found: Counter[str] = Counter()
    for first, last, a, b in cases:
        found["A alone"] += any(is_right(each, first) for each in alone(library, f'plain:"{a}"'))
        found["B alone"] += any(is_right(each, last) for each in alone(library, f'plain:"{b}"'))
        line = f'plain:"{a}" ~> plain:"{b}"'
        found["A, then B"] += any(is_right(each, last) for each in last_of(library, line))
    for name, count in found.items():
        print(f"{name}: {count / len(cases):.0%} of {len(cases)}", flush=True)


def measure_days(path: Path, held_out: bool) -> None:
    """Measure with half of the days of a life."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    days = sorted({row["date"] for row in rows})
    half = days[len(days) // 2 :] if held_out else days[: len(days) // 2]
    rows = [row for row in rows if row["date"] in half]
    times: list[datetime] = []
    for row in rows:  # sentences of one minute are seconds apart, in their order
        start = datetime.fromisoformat(f"{row['date']}T{row['from']}:01")
        is_later = times and times[-1].date() == start.date() and times[-1] >= start
        times.append(times[-1] + timedelta(seconds=1) if is_later else start)
    encoder = open_encoder("lite", Settings.load().cache_dir)
    vectors = encoder.encode_texts([row["sentence"] for row in rows])
    numbers = random.Random(SEED)
    pairs = [
        at
        for at in range(len(rows) - 1)
        if rows[at]["date"] == rows[at + 1]["date"]
        and rows[at]["sentence"] != rows[at + 1]["sentence"]
    ]
    cases = [
        (at, at + 1, reworded(rows[at]["sentence"]), reworded(rows[at + 1]["sentence"]))
        for at in numbers.sample(pairs, CASES)
    ]
    print(f"{len(rows):,} sentences of {len(half)} days, {'held out' if held_out else 'dev'}")
    with (
        tempfile.TemporaryDirectory() as folder,
        made_library(Path(folder), encoder, vectors, times) as library,
    ):
        measured(library, cases, lambda shown, right: abs(times[shown] - times[right]) <= NEAR)


def captions_of(path: Path) -> dict[str, list[str]]:
    """Return the captions of each photo, by its file name."""
    found: dict[str, list[str]] = defaultdict(list)
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            found[row["image"]].append(re.sub(r"[^\w\s'-]", " ", row["caption"]))
    return found


def measure_photos(captions_path: Path, data_dir: Path, other: Path | None) -> None:
    """Measure with the photos of a library, placed into days."""
    captions = captions_of(captions_path)
    numbers = random.Random(SEED)
    with Library.open(data_dir) as source:
        every = source.find_all("sort:path", 10_000)
        hits = {hit.photo.id: hit.path.name for hit in source.hits_of(every, every.ids.tolist())}
        ids = sorted(hits, key=hits.__getitem__)
        numbers.shuffle(ids)
        vectors = source.vectors.of_photos(ids).vectors
    start = datetime(2019, 1, 1, 9)
    times = [
        start + timedelta(days=3 * (at // A_DAY)) + at % A_DAY * APART for at in range(len(ids))
    ]
    pairs = [
        (at, at + later)
        for at in range(len(ids))
        for later in (1, 2, 3)
        if at + later < len(ids) and at // A_DAY == (at + later) // A_DAY
    ]
    cases = [
        (first, last, captions[hits[ids[first]]][0], captions[hits[ids[last]]][0])
        for first, last in numbers.sample(pairs, CASES)
    ]
    encoder = open_encoder("lite", Settings.load().cache_dir)
    print(f"{len(ids):,} photos in days of {A_DAY}")
    with (
        tempfile.TemporaryDirectory() as folder,
        made_library(Path(folder), encoder, vectors, times) as library,
    ):
        measured(library, cases, lambda shown, right: shown == right)
        verdicts(library, "about these photos", [(a, b) for _, _, a, b in cases])
        if other is not None:
            texts = [each[0] for each in captions_of(other).values()]
            lines = [(numbers.choice(texts), numbers.choice(texts)) for _ in range(CASES)]
            verdicts(library, "about others", lines)


def verdicts(library: Library, about: str, lines: Sequence[tuple[str, str]]) -> None:
    """Print how many lines get which verdict."""
    states = Counter(
        library.sequences.find(f'plain:"{a}" ~> plain:"{b}"', 1).state for a, b in lines
    )
    shares = ", ".join(f"{name} {count / len(lines):.0%}" for name, count in states.most_common())
    print(f"Lines {about}: {shares}", flush=True)


def main() -> None:
    """Measure with days of a life, or with photos."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    kinds = parser.add_subparsers(dest="kind", required=True)
    days = kinds.add_parser("days")
    days.add_argument("path", type=Path)
    days.add_argument("--held-out", action="store_true")
    photos = kinds.add_parser("photos")
    photos.add_argument("captions", type=Path)
    photos.add_argument("library", type=Path)
    photos.add_argument("--other", type=Path)
    options = parser.parse_args()
    if options.kind == "days":
        measure_days(options.path, options.held_out)
    else:
        measure_photos(options.captions, options.library, options.other)


if __name__ == "__main__":
    main()
