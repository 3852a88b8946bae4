"""Measures how long merging and making a pack takes, and its memory.

    python -m benchmarks.bench_pack --photos 100000

Makes a pack of that many photos in TMPDIR, with made vectors of 512 dimensions, and thumbnails,
names, keywords, places and text as photos have them. Then each step runs in a process of its own:
merging it into a new library, making a pack of that library, verifying it, and merging it again,
which changes nothing. The files of the photos are not made: they are taken to be on a drive that is
not connected. Prints the wall time, the processor time and the peak memory of each, in all and
without pages of files, which the system can take back when memory is short.
"""

from __future__ import annotations

import argparse
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from benchmarks.synthetic import SyntheticSpace
from imgsearch.records.pack import PackedFile, PackedPhoto, PackedVectors, PackEncoder, PackInfo
from imgsearch.records.photo import FACTS, Facts
from imgsearch.records.picture_text import PhotoText, TextLine
from imgsearch.store.pack_format import PHOTOS_AT_ONCE
from imgsearch.store.pack_writer import writing_pack
from tests.stand_in import StandIn

FOLDER = "/drive/photos"
DIM = 512
SHARE_WITH_TEXT = 10  # every tenth photo
NOW = datetime(2026, 11, 26, tzinfo=UTC)
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


def make_pack(file: Path, photos: int, thumbnail_bytes: int) -> None:
    """A pack as a library of that many photos would write it."""
    noise = np.random.default_rng(1)
    encoder = PackEncoder(MadeEncoder.id, MadeEncoder.id, DIM, is_current=True)
    names = tuple(fact.name for fact in FACTS)
    info = PackInfo("bench_pack", NOW, "photos", None, None, (encoder,), names)
    first = 0
    with writing_pack(file, info) as writer:
        for chunk in SyntheticSpace(DIM).photos(photos, seed=1):
            halves = chunk.astype("<f2")
            for start in range(0, len(chunk), PHOTOS_AT_ONCE):
                rows = halves[start : start + PHOTOS_AT_ONCE]
                writer.add(
                    [
                        photo_of(first + start + at, row.tobytes(), noise, thumbnail_bytes)
                        for at, row in enumerate(rows)
                    ]
                )
            first += len(chunk)


def photo_of(
    number: int, vector: bytes, noise: np.random.Generator, thumbnail_bytes: int
) -> PackedPhoto:
    path = f"{number // 200:05}/IMG_{number:07}.jpg"
    line = TextLine("Table 12, 24.50 in all", 0.1, 0.1, 0.5, 0.1, 0.9)
    has_text = number % SHARE_WITH_TEXT == 0
    return PackedPhoto(
        content_hash=hash_of(number),
        size_bytes=4_000_000,
        facts=facts_of(number),
        facts_at=NOW,
        files=(PackedFile(path, 4_000_000, number),),
        vectors=(PackedVectors(MadeEncoder.id, (vector,)),),
        text=PhotoText("read", (line,) * 4, "reader 1", NOW) if has_text else None,
        thumbnail=picture(noise, thumbnail_bytes),
    )


def hash_of(number: int) -> bytes:
    return f"{number:032}".encode()


def picture(noise: np.random.Generator, mean_bytes: int) -> bytes:
    size = int(noise.uniform(0.5, 1.5) * mean_bytes)
    return b"RIFF" + size.to_bytes(4, "little") + b"WEBP" + noise.bytes(size)


STEP = """
import resource, sys, threading, time
from pathlib import Path
from imgsearch import Library, Settings
from benchmarks.bench_pack import FOLDER, MadeEncoder
data, what, pack = sys.argv[1:]
def kilobytes(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))
own = [0]  # the most memory that is no page of a file: the system cannot take it back
def watch():
    while True:
        own[0] = max(own[0], kilobytes("RssAnon"))
        time.sleep(0.02)
threading.Thread(target=watch, daemon=True).start()
settings = Settings.load(data_dir=data, cache_dir=data + "-cache", thumbnails_mb=100_000)
started = time.perf_counter()
with Library.open(settings, encoder=MadeEncoder()) as library:
    if what == "pack":
        report = library.packs.make(FOLDER, pack).run()
    elif what == "verify":
        report = library.packs.verify(pack).run()
    else:
        report = library.packs.merge(pack, at=FOLDER, offline=True).run()
seconds = time.perf_counter() - started
used = resource.getrusage(resource.RUSAGE_SELF)
print(f"{what}: {report.photos} photos in {seconds:.1f} s, {report.photos / seconds:.0f} photos/s; "
      f"{used.ru_utime + used.ru_stime:.1f} s of processor time, "
      f"peak memory {kilobytes('VmHWM') / 1024:.0f} MB, "  # ru_maxrss would have the parent's
      f"{own[0] / 1024:.0f} MB without pages of files")
"""


def run_step(data_dir: Path, what: str, pack: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", STEP, data_dir, what, pack],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    sys.stdout.write(done.stdout)
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=100_000)
    parser.add_argument("--thumbnail-bytes", type=int, default=9_000)
    parser.add_argument("--merge-only", action="store_true", help="only the first of the steps")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data, made, pack = Path(folder, "data"), Path(folder, "made"), Path(folder, "pack")
        make_pack(made, options.photos, options.thumbnail_bytes)
        run_step(data, "unpack", made)
        if options.merge_only:
            return
        run_step(data, "pack", pack)
        sys.stdout.write(f"size of the pack: {pack.stat().st_size / 1e6:.0f} MB\n")
        run_step(data, "verify", pack)
        run_step(data, "unpack", pack)
        with closing(sqlite3.connect(data / "library.db")) as connection:
            (merged,) = connection.execute("SELECT count(*) FROM vectors").fetchone()
        assert merged == options.photos, merged


if __name__ == "__main__":
    main()
