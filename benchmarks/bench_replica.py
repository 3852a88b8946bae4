"""Measures the replica of an archive: the first copy, catching up, and a search beside a library.

    python -m benchmarks.bench_replica FOLDER --photos 100000 [--new 1000]

The archive is made in FOLDER/index/archive of made photos, unless it is there, and its
replica in FOLDER/replica, anew. Times are processor time of this process with all its threads. The
first copy includes the index and the score baseline. Then so many new photos are put into the
archive, which is settled, and the replica takes them. At last searches in the replica take turns
with those in a library that has the same rows and follows no archive. To measure the memory of the
first copy alone, run it twice: the first run also makes the archive.
"""

# ruff: noqa: T201

from __future__ import annotations

import argparse
import json
import resource
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.made_archive import (
    BUCKET,
    NAME,
    SyntheticEncoder,
    fill,
    library_settings,
    named,
    results,
    space_for,
)
from imgsearch import Library
from imgsearch.archive.replica.replica import Replica
from imgsearch.opened.library import OpenedLibrary
from imgsearch.opened.replicas import open_replica
from imgsearch.records.index import EncoderRow

SEED = 11  # of the vectors of new photos
SEARCHES, WARM = 300, 50  # of which the first are not counted


def used_s(do: Callable[[], object]) -> float:
    """Return the processor time of a call, of all threads."""
    before_s = time.process_time()
    do()
    return round(time.process_time() - before_s, 5)


def most_mb() -> int | None:
    """Return the most memory that this process has had, or None where the system does not say."""
    if sys.platform == "win32":
        return None
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)  # kB on Linux


def taking(opened: OpenedLibrary, replica: Replica) -> Callable[[], object]:
    """Return a function that takes the changes of the archive."""
    return lambda: replica.updating(opened.indexing).run()


def searches(replica: Library, library: Library) -> dict[str, Any]:
    """Return the processor time of a search in both, and of the replica's as a share of it."""
    used = {"replica": 0.0, "library": 0.0}
    both = [("replica", replica), ("library", library)]
    for number in range(SEARCHES):
        both.reverse()  # what the first one has embedded, the other one finds in a cache
        for name, searched in both:
            wanted = f"words {number // 2} number {number}"  # other words each time
            seconds = used_s(lambda: searched.find(wanted, 20))  # noqa: B023
            used[name] += seconds if number >= WARM else 0.0
    each = {
        f"search, {name}, ms": round(1e3 * s / (SEARCHES - WARM), 2) for name, s in used.items()
    }
    return each | {"ratio": round(used["replica"] / used["library"], 3)}


def measure(folder: Path, photos: int, new: int) -> dict[str, Any]:
    """Return the figures."""
    address, place = folder / BUCKET / NAME, folder / "replica"
    settings = library_settings(folder)
    if not address.exists():
        fill(address, photos, settings)
    shutil.rmtree(place, ignore_errors=True)
    encoder = SyntheticEncoder(space_for(photos))
    opened, replica = open_replica(address, settings, print, encoder=encoder, folder=place)
    figures: dict[str, Any] = {}
    with Library(opened) as copy:
        figures["first copy, s"] = used_s(taking(opened, replica))
        figures["most memory until then, MB"] = most_mb()
        figures["photos"] = copy.status().photos
        figures["replica, MB"] = round(
            sum(each.stat().st_size for each in place.rglob("*") if each.is_file()) / 1e6
        )
        figures["nothing new, s"] = used_s(taking(opened, replica))
        first = time.time_ns()  # other photos each time
        vectors = next(iter(encoder.space.photos(new, SEED)))
        numbers = range(first, first + new)
        with Library.open_archive(address, settings, encoder=encoder) as archive:
            writer = archive.fleet.writer(EncoderRow(1, encoder.id, "lite", encoder.dim))
            writer.put(
                [
                    named(each, number)
                    for number, each in zip(numbers, results(numbers, vectors), strict=True)
                ]
            )
            figures[f"catching up with {new}, s"] = used_s(taking(opened, replica))
            writer.settle()
            figures["after settling, s"] = used_s(taking(opened, replica))
        figures["photos then"] = copy.status().photos
        own = msgspec.structs.replace(settings, data_dir=place)
        with Library.open(own, encoder=encoder) as library:
            figures |= searches(copy, library)
    figures["most memory, MB"] = most_mb()
    return figures


def main() -> None:
    """Measure what the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=int, default=100_000)
    parser.add_argument("--new", type=int, default=1_000)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    print(json.dumps(measure(arguments.folder, arguments.photos, arguments.new), indent=2))


if __name__ == "__main__":
    main()
