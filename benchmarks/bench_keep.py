"""Measures which of two copies `imgsearch duplicates` proposes to keep.

    python -m benchmarks.bench_keep ../shared/data [--dev]

The pairs are the first 50 photos of `bench_best` with each of its changes, in a library of their
own. The file of the worse photo is the older one, and comes first by its path. Photos of a pair
that scores below .8 are not proposed.
"""

# ruff: noqa: T201

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

from benchmarks.bench_best import CHANGES, make_pairs
from imgsearch import Library, Settings

PAIRS, MIN_SCORE = 50, 0.8
YEARS_AGO_S = 1_600_000_000


def superfluous(photos: Path, work: Path) -> list[str]:
    """Return the names of the files that need not be kept: "original", "copy"."""
    with Library.open(Settings.load(data_dir=work, encoder="lite")) as library:
        library.index([photos]).run()
        groups = library.duplicates.groups(library.duplicates.find(MIN_SCORE).run(), MIN_SCORE)
        return [photo.hit.path.stem for group in groups for photo in group.photos if not photo.keep]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--dev", action="store_true")
    options = parser.parse_args()
    for name, change in CHANGES.items():
        with tempfile.TemporaryDirectory() as work:
            photos = Path(work) / "photos"
            make_pairs(options.data, photos, options.dev, changes={name: change}, most=PAIRS)
            for worse in photos.rglob("worse.jpg"):
                copy = worse.rename(worse.with_name("copy.jpg"))
                os.utime(copy, (YEARS_AGO_S, YEARS_AGO_S))
            names = superfluous(photos, Path(work) / "library")
        originals = names.count("original")
        print(f"{name:12} {len(names)} of {PAIRS} proposed: {originals} times the original goes")


if __name__ == "__main__":
    main()
