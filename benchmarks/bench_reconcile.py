"""Measures how long `index` takes when nothing has changed.

    python -m benchmarks.bench_reconcile --files 10000 100000 1000000

Makes that many empty files with names of photos, in TMPDIR, and a library that has them, then
indexes four times. Prints the best wall time and processor time, and the processor time per file,
which stays the same if the cost grows linearly. The first run also builds the vector index.
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
from imgsearch.indexer.scan import scan
from imgsearch.store.database import DATABASE_FILE
from imgsearch.store.lock import writing
from tests.stand_in import StandIn

RUNS = 4
PHOTO = (
    "INSERT INTO photos (id, content_hash, size_bytes, format, width_px, height_px, added_at, "
    "facts_at) VALUES (?, ?, 1, 'JPEG', 4000, 3000, '2026-01-01', '2026-01-01')"
)
PATH = (
    "INSERT INTO paths (root_id, name, photo_id, size_bytes, mtime_ns, inode) "
    "VALUES (?, ?, ?, ?, ?, ?)"
)
VECTOR = "INSERT INTO vectors (encoder_key, photo_id, part, vector) VALUES (?, ?, 0, ?)"


def make(place: Path, files: int) -> None:
    """Make the files, 200 a folder, and a library that has each of them as a photo of its own."""
    for number in range(files):
        folder = place / "photos" / f"{number // 2_000:03}" / f"{number // 200:04}"
        if number % 200 == 0:
            folder.mkdir(parents=True)
        (folder / f"IMG_{number:06}.jpg").touch()
    root = str(place / "photos")
    with writing(place / "library") as store:
        root_id = store.files.add_root(root)
        row = store.vectors.add_encoder(StandIn.id, "lite", StandIn.dim)
    noise = np.random.default_rng(1)
    stats = scan(root, is_photo_name).files.values()
    # The same rows as `Store.record` writes, which takes half an hour for a million.
    with closing(sqlite3.connect(place / "library" / DATABASE_FILE)) as connection, connection:
        for number, stat in enumerate(stats, 1):
            name = os.fsencode(stat.path.removeprefix(root + os.sep))
            connection.execute(PHOTO, (number, f"{number:032}".encode()))
            path = (root_id, name, number, stat.size_bytes, stat.mtime_ns, stat.inode)
            connection.execute(PATH, path)
            vector = noise.normal(size=StandIn.dim)
            vector /= np.linalg.norm(vector)
            connection.execute(VECTOR, (row.key, number, vector.astype("<f2").tobytes()))


def measure(place: Path, files: int) -> None:
    """Index four times and print the best times."""
    if sys.platform == "win32":
        raise NotImplementedError("needs Unix")
    best_s = best_cpu_s = float("inf")
    settings = Settings.load(data_dir=place / "library", encoder="lite")
    with Library.open(settings, encoder=StandIn()) as library:
        for _ in range(RUNS):
            wall, cpu = time.perf_counter(), time.process_time()
            report = library.index().run()
            best_s = min(best_s, time.perf_counter() - wall)
            best_cpu_s = min(best_cpu_s, time.process_time() - cpu)
            assert report.unchanged == files, report
    memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(
        f"{files} files: {best_s:.2f} s, {best_cpu_s:.2f} s of processor time, "
        f"{1e6 * best_cpu_s / files:.1f} µs of it per file; peak memory so far {memory_mb:.0f} MB\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, nargs="+", default=[100_000])
    options = parser.parse_args()
    for files in options.files:
        with tempfile.TemporaryDirectory() as folder:
            make(Path(folder), files)
            measure(Path(folder), files)


if __name__ == "__main__":
    main()
