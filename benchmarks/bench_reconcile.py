"""How long a look at a library takes in which nothing has changed.

    python -m benchmarks.bench_reconcile --files 10000 100000 1000000

Makes so many empty files named as photos and a library that knows them, then looks four times;
TMPDIR says where. Prints the best wall time and processor time, and what that is for each file:
the cost grows linearly where this stays the same. The first look also builds the index.
"""

from __future__ import annotations

import argparse
import os
import resource
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import numpy as np

from imgsearch import Library, Settings
from imgsearch.decode.formats import is_photo_name
from imgsearch.encoders import registry
from imgsearch.indexer.scan import scan
from imgsearch.store.connecting import DATABASE
from imgsearch.store.lock import writing
from tests.stand_in import StandIn, open_stand_in

LOOKS = 4
PHOTO = (
    "INSERT INTO photos (id, content_hash, size_bytes, format, width_px, height_px, added_at) "
    "VALUES (?, ?, 1, 'JPEG', 4000, 3000, '2026-01-01T00:00:00+00:00')"
)
PATH = (
    "INSERT INTO paths (root_id, name, photo_id, size_bytes, mtime_ns, inode) "
    "VALUES (?, ?, ?, ?, ?, ?)"
)
VECTOR = "INSERT INTO vectors (encoder_key, photo_id, part, vector) VALUES (?, ?, 0, ?)"


def make(place: Path, files: int) -> None:
    """`files` files, 200 a folder, and a library that knows each as a photo of its own."""
    for number in range(files):
        folder = place / "photos" / f"{number // 2_000:03}" / f"{number // 200:04}"
        if number % 200 == 0:
            folder.mkdir(parents=True)
        (folder / f"IMG_{number:06}.jpg").touch()
    root = str(place / "photos")
    with writing(place / "library") as store:
        root_id = store.add_root(root)
        row = store.add_encoder(StandIn.id, "lite", StandIn.dim)
    noise = np.random.default_rng(1)
    seen = scan(root, is_photo_name).files.values()
    # As `Store.record` would, which takes half an hour for a million.
    with closing(sqlite3.connect(place / "library" / DATABASE)) as connection, connection:
        for number, one in enumerate(seen, 1):
            name = os.fsencode(one.path.removeprefix(root + os.sep))
            about = (one.size_bytes, one.mtime_ns, one.inode)
            connection.execute(PHOTO, (number, f"{number:032}".encode()))
            connection.execute(PATH, (root_id, name, number, *about))
            vector = noise.normal(size=StandIn.dim)
            vector /= np.linalg.norm(vector)
            connection.execute(VECTOR, (row.key, number, vector.astype("<f2").tobytes()))


def measure(place: Path, files: int) -> None:
    """Look four times, and say how long the best look took."""
    best_s = best_cpu_s = float("inf")
    with Library.open(Settings.load(data_dir=place / "library", encoder="lite")) as library:
        for _ in range(LOOKS):
            wall, cpu = time.perf_counter(), time.process_time()
            report = library.index().run()
            best_s = min(best_s, time.perf_counter() - wall)
            best_cpu_s = min(best_cpu_s, time.process_time() - cpu)
            assert report.unchanged == files, report
    memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(
        f"{files} files: {best_s:.2f} s, {best_cpu_s:.2f} s of processor time, "
        f"{1e6 * best_cpu_s / files:.1f} µs of it a file; most memory so far {memory_mb:.0f} MB\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, nargs="+", default=[100_000])
    options = parser.parse_args()
    registry.open_encoder = open_stand_in
    for files in options.files:
        with tempfile.TemporaryDirectory() as folder:
            make(Path(folder), files)
            measure(Path(folder), files)


if __name__ == "__main__":
    main()
