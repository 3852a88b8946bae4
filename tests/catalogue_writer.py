"""A process that writes to a catalogue of Lance tables while others do, too.

    python -m tests.catalogue_writer ADDRESS NAME FIRST LAST BATCH

It says "ready" and waits for a line on its input. Then it puts the photos FIRST to LAST - 1 in
batches, each at a path of its own. With the name "restless", it goes on to move, copy, replace and
remove them until it is killed. What photo n looks like follows from n.
"""

from __future__ import annotations

import hashlib
import sys

import numpy as np
from msgspec.structs import replace

from imgsearch.archive.lance.writer import LanceWriter
from imgsearch.records.arrays import Vectors
from imgsearch.records.files import FileStat, IngestResult
from imgsearch.records.photo import Facts

DIM = 16


def content_of(number: int) -> bytes:
    """The content hash of a photo."""
    return hashlib.blake2b(str(number).encode(), digest_size=32).digest()


def vectors_of(number: int) -> Vectors:
    """The vectors of a photo; every fifth has three parts."""
    parts = 3 if number % 5 == 0 else 1
    rows = np.random.default_rng(number).standard_normal((parts, DIM))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows.astype(np.float32)


def photo(number: int, path: str, facts: Facts | None = None) -> IngestResult:
    """A photo that was embedded, at a path."""
    vectors = vectors_of(number)
    return IngestResult(
        FileStat(path, 1000 + number, (1_500_000_000 + number) * 10**9, 0),
        content_of(number),
        facts or Facts("JPEG", 40, 30),
        vectors,
        times_s=tuple(map(float, range(len(vectors)))) if len(vectors) > 1 else (),
    )


def path_of(number: int) -> str:
    """The path of a photo of `some_photos`."""
    return f"/photos/{number % 3}/{number:03}.jpg"


def some_photos(count: int) -> list[IngestResult]:
    """The first photos, each at its path."""
    return [photo(number, path_of(number)) for number in range(count)]


def at_path(result: IngestResult, path: str) -> IngestResult:
    """Known content at another path."""
    return IngestResult(replace(result.stat, path=path), result.content_hash)


def main(address: str, name: str, first: str, last: str, batch: str) -> None:
    """Put the photos."""
    writer = LanceWriter(address)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    for start in range(int(first), int(last), int(batch)):
        numbers = range(start, min(start + int(batch), int(last)))
        writer.put([photo(number, f"/photos/{name}/{number}.jpg") for number in numbers])
    while name == "restless":
        for shift in range(3):
            for start in range(int(first), int(last), int(batch)):
                numbers = range(start, min(start + int(batch), int(last)))
                writer.put([photo(n + shift, f"/photos/copies/{n}.jpg") for n in numbers])
                writer.forget([f"/photos/{name}/{n + shift}.jpg" for n in numbers])


if __name__ == "__main__":
    main(*sys.argv[1:])
