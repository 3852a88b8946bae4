"""Measures questions that narrow an answer: steps to a photo, with and without, and their time.

    python -m benchmarks.bench_narrowing [--photos 10000] [--timed 100000]

The library is made (seed 6): fifteen years of occasions of one life, each with a day, a town, some
people, a camera and a keyword; one photo in ten has no place and one in twenty no date. A person
looks for one photo of an answer, newest first, 40 on a screen. Scrolling costs a step a screen.
With questions, each click is a step, and the screens of what is left: the person answers the first
question, by what was true, until none is left. Where the library lacks the fact, the right answer
leaves the photo out: it counts as lost.
"""

# ruff: noqa: T201

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from imgsearch import Library, Settings
from imgsearch.records.files import FileStat, IngestResult
from imgsearch.records.photo import Facts
from imgsearch.store.lock import writing

SEED = 6
SCREEN = 40
TARGETS = 50  # of each answer
DIM = 64
BATCH = 2_000
STARTS = ("type:jpeg", "country:Ireland", "person:Anna", "keyword:walk")
TOWNS = (
    *[("Howth", "Leinster", "Ireland")] * 8,
    *[("Galway", "Connacht", "Ireland")] * 3,
    *(("Cork", "Munster", "Ireland"), ("Lisbon", "Lisbon", "Portugal")),
    *(("Porto", "Porto", "Portugal"), ("Rome", "Lazio", "Italy"), ("Kyoto", "Kyoto", "Japan")),
    *(("Berlin", "Berlin", "Germany"), ("Innsbruck", "Tyrol", "Austria")),
)
PEOPLE = ("Anna", "Max", "Tom", "Rose", "Grace", "Ned")
KEYWORDS = ("walk", "dinner", "birthday", "beach", "concert", "garden", "skiing", "museum")
CAMERAS = ("Canon EOS 350D", "Nikon D90", "Apple iPhone 6", "Fujifilm X-T2", "Google Pixel 6")
FIRST_DAY, DAYS = datetime(2009, 1, 1), 15 * 365


def made_facts(photos: int, has_all: bool) -> Iterator[Facts]:
    """Yield the facts of so many photos, occasion by occasion; some are lost unless `has_all`."""
    rng = random.Random(SEED)
    made = 0
    while made < photos:
        day = rng.randrange(DAYS)
        start = FIRST_DAY + timedelta(days=day, hours=rng.choice((9, 11, 14, 16, 19, 21)))
        town, region, country = rng.choice(TOWNS)
        people = tuple(rng.sample(PEOPLE, rng.choice((0, 1, 1, 2, 3))))
        camera = CAMERAS[min(len(CAMERAS) - 1, day * len(CAMERAS) // DAYS + rng.choice((0, 0, 1)))]
        keywords = (rng.choice(KEYWORDS),)
        for _ in range(min(rng.randrange(5, 60), photos - made)):
            has_place, has_date = (rng.random() > lost or has_all for lost in (0.1, 0.05))
            start += timedelta(minutes=rng.random() * 8)
            yield Facts(
                "JPEG",
                4000,
                3000,
                taken_at=start if has_date else None,
                dated_by="exif" if has_date else None,
                camera=camera,
                keywords=keywords,
                people=people,
                town=town if has_place else None,
                region=region if has_place else None,
                country=country if has_place else None,
            )
            made += 1


def fill(data_dir: Path, photos: int, has_all: bool = False) -> None:
    """Fill a library with photos without files."""
    vectors = np.random.default_rng(SEED).standard_normal((photos, DIM), np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    facts = list(made_facts(photos, has_all))
    with writing(data_dir) as store:
        root_id = store.files.add_root("/photos")
        row = store.vectors.add_encoder("lite/made-up", "lite", DIM)
        for start in range(0, photos, BATCH):
            results = [
                IngestResult(
                    FileStat(f"/photos/{number}.jpg", 1, 1, 1),
                    f"{number:032}".encode(),
                    facts[number],
                    vectors[number][None],
                )
                for number in range(start, min(start + BATCH, photos))
            ]
            store.record(root_id, row.key, results)


def ids_of(library: Library, line: str) -> list[int]:
    """Return the photos of an answer, newest first."""
    return [int(each) for each in library.find_all(f"{line} sort:date").ids]


def screens(ids: list[int], target: int) -> int:
    """Return how many screens a person sees until the photo is on one."""
    return ids.index(target) // SCREEN + 1


def narrowed(library: Library, truth: Library, line: str, target: int) -> int | None:
    """Return the clicks, and the screens after them; None where an answer leaves the photo out."""
    clicks, ids = 0, ids_of(library, line)
    while questions := library.narrowing.questions(line).questions:
        is_so = target in ids_of(truth, questions[0].yes)
        line, clicks = f"{line} {questions[0].yes if is_so else questions[0].no}", clicks + 1
        ids = ids_of(library, line)
        if target not in ids:
            return None
    return clicks + screens(ids, target)


def opened(data_dir: Path) -> Library:
    """Open a made library."""
    return Library.open(Settings.load(data_dir=data_dir))


def measure_steps(library: Library, truth: Library) -> None:
    """Print the steps to photos of each answer, by scrolling and by questions."""
    rng = random.Random(SEED)
    print(f"{'answer':<18} photos  scrolling: median, 9 in 10   questions: median, 9 in 10   lost")
    for line in STARTS:
        ids = ids_of(library, line)
        scrolled, asked, lost = [], [], 0
        for target in rng.sample(ids, min(TARGETS, len(ids))):
            scrolled.append(screens(ids, target))
            steps = narrowed(library, truth, line, target)
            if steps is None:
                lost += 1
            else:
                asked.append(steps)
        columns = [(statistics.median(each), np.quantile(each, 0.9)) for each in (scrolled, asked)]
        (by_scroll, most_scroll), (by_asking, most_asked) = columns
        print(
            f"{line:<18} {len(ids):>6,} {by_scroll:>18.0f}, {most_scroll:>8.0f} "
            f"{by_asking:>19.0f}, {most_asked:>8.0f} {lost:>6}"
        )


def measure_time(library: Library) -> None:
    """Print how long the questions about each answer take, beside the answer itself."""
    for line in STARTS:
        started = time.perf_counter()
        photos = len(library.find_all(line).ids)
        found = time.perf_counter()
        library.narrowing.questions(line)
        first = time.perf_counter()
        library.narrowing.questions(line)
        again = time.perf_counter()
        print(
            f"{line:<18} {photos:>7,} photos: answer {1000 * (found - started):.0f} ms, questions "
            f"{1000 * (first - found):.0f} ms, again {1000 * (again - first):.1f} ms"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--photos", type=int, default=10_000)
    parser.add_argument("--timed", type=int, default=100_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        lossy, whole, large = (Path(folder, name) for name in ("lossy", "whole", "large"))
        fill(lossy, options.photos)
        fill(whole, options.photos, has_all=True)
        with opened(lossy) as library, opened(whole) as truth:
            print(f"A made library of {options.photos:,} photos:")
            measure_steps(library, truth)
        fill(large, options.timed)
        with opened(large) as library:
            print(f"A made library of {options.timed:,} photos:")
            measure_time(library)


if __name__ == "__main__":
    main()
