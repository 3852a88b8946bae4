"""Measures how long making and merging a pack takes, and its memory.

    python -m benchmarks.bench_pack --photos 100000

Makes a library of that many photos in TMPDIR, with made vectors of 512 dimensions, thumbnails of
the size that photos have, names, keywords, places and text. Then each step runs in a process of its
own: making the pack, verifying it, merging it into a new library, and merging it again. The files
of the photos are not made: they are taken to be on a drive that is not connected. Prints the wall
time, the processor time and the peak memory of each.
"""

from __future__ import annotations

import argparse
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import numpy as np

from benchmarks.synthetic import SyntheticSpace
from imgsearch.records.files import FileStat, IngestResult
from imgsearch.records.photo import Facts
from imgsearch.records.picture_text import TextLine
from imgsearch.store.lock import writing
from imgsearch.store.store import Store
from imgsearch.store.thumbnails import ThumbnailStore
from tests.stand_in import StandIn

FOLDER = "/drive/photos"
DIM = 512
THUMBNAIL_BYTES = 9_000  # the mean of photos of cameras is about 8 kB (docs/reliability.md)
SHARE_WITH_TEXT = 10  # every tenth photo
BATCH = 1_000
WORDS = ("garden", "harbour", "birthday", "mountain", "station", "winter", "market", "family")


class MadeEncoder(StandIn):
    """An encoder of the size of real ones; it embeds the texts that a library needs."""

    id = "made@512"
    dim = DIM

    def __init__(self) -> None:
        super().__init__()
        self._matrix = np.random.default_rng(7).normal(size=(192, DIM)).astype(np.float32)


def facts_of(number: int) -> Facts:
    word, other = WORDS[number % len(WORDS)], WORDS[number // 8 % len(WORDS)]
    return Facts(
        "JPEG",
        4000,
        3000,
        camera=f"Acme R{number % 5}",
        lat=40 + number % 1000 / 100,
        lon=10 + number % 700 / 100,
        keywords=(word, f"{other}|{word}"),
        people=(f"Person {number % 40}",),
        title=f"{word} {other} {number}",
        town=f"Town {number % 300}",
        country="Italy",
        iso=100 * (1 + number % 16),
    )


def make_library(data_dir: Path, photos: int) -> None:
    """A library as an indexing run leaves it."""
    noise = np.random.default_rng(1)
    space = SyntheticSpace(DIM)
    with writing(data_dir) as store, ThumbnailStore(data_dir) as thumbnails:
        root_id = store.files.add_root(FOLDER)
        row = store.vectors.add_encoder(MadeEncoder.id, MadeEncoder.id, DIM)
        first = 0
        for chunk in space.photos(photos, seed=1):
            for start in range(0, len(chunk), BATCH):
                numbers = range(first + start, first + min(start + BATCH, len(chunk)))
                thumbnails.add({hash_of(n): picture(noise) for n in numbers}, 1 << 40)
                store.record(
                    root_id,
                    row.key,
                    [
                        IngestResult(
                            FileStat(f"{FOLDER}/{n // 200:05}/IMG_{n:07}.jpg", 4_000_000, n, n),
                            hash_of(n),
                            facts_of(n),
                            chunk[n - first][None],
                        )
                        for n in numbers
                    ],
                )
            first += len(chunk)
        add_texts(store, photos)


def add_texts(store: Store, photos: int) -> None:
    line = TextLine("Table 12, 24.50 in all", 0.1, 0.1, 0.5, 0.1, 0.9)
    for photo_id in range(1, photos + 1, SHARE_WITH_TEXT):
        store.picture_text.record(photo_id, "reader 1", [line] * 4)


def hash_of(number: int) -> bytes:
    return f"{number:032}".encode()


def picture(noise: np.random.Generator) -> bytes:
    size = int(noise.uniform(0.5, 1.5) * THUMBNAIL_BYTES)
    return b"RIFF" + size.to_bytes(4, "little") + b"WEBP" + noise.bytes(size)


STEP = """
import resource, sys, time
from imgsearch import Library, Settings
from benchmarks.bench_pack import FOLDER, MadeEncoder
data, what, pack = sys.argv[1:]
settings = Settings.load(data_dir=data, cache_dir=data + "-cache", thumbnails_mb=100_000)
started = time.perf_counter()
with Library.open(settings, encoder=MadeEncoder()) as library:
    if what == "pack":
        report = library.pack(FOLDER, pack).run()
    elif what == "verify":
        report = library.verify_pack(pack).run()
    else:
        report = library.unpack(pack, at=FOLDER, offline=True).run()
seconds = time.perf_counter() - started
used = resource.getrusage(resource.RUSAGE_SELF)
print(f"{what}: {report.photos} photos in {seconds:.1f} s, {report.photos / seconds:.0f} photos/s; "
      f"{used.ru_utime + used.ru_stime:.1f} s of processor time, "
      f"peak memory {used.ru_maxrss / 1024:.0f} MB")
"""


def run_step(data_dir: Path, what: str, pack: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", STEP, data_dir, what, pack],
        check=True,
        capture_output=True,
        text=True,
    )
    sys.stdout.write(done.stdout)
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=100_000)
    photos = parser.parse_args().photos
    with tempfile.TemporaryDirectory() as folder:
        first, second, pack = Path(folder, "first"), Path(folder, "second"), Path(folder, "pack")
        started = time.perf_counter()
        make_library(first, photos)
        sys.stdout.write(f"made a library in {time.perf_counter() - started:.0f} s\n")
        run_step(first, "pack", pack)
        sys.stdout.write(f"size of the pack: {pack.stat().st_size / 1e6:.0f} MB\n")
        run_step(first, "verify", pack)
        run_step(second, "unpack", pack)
        run_step(second, "unpack", pack)
        with closing(sqlite3.connect(second / "library.db")) as connection:
            (merged,) = connection.execute(
                "SELECT count(DISTINCT photo_id) FROM vectors"
            ).fetchone()
        assert merged == photos, merged


if __name__ == "__main__":
    main()
