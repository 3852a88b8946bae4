"""Archives of made photos: synthetic vectors, with facts, names and pictures."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import replace

from benchmarks.synthetic import SyntheticSpace
from imgsearch import Library, Settings
from imgsearch.records.files import FileStat, IngestResult
from imgsearch.records.index import EncoderRow
from imgsearch.records.photo import Facts

if TYPE_CHECKING:
    from PIL.Image import Image

    from imgsearch.records.arrays import PixelBatch, Pixels, Vectors

AT_ONCE = 10_000
PICTURE_BYTES = 8_000
BUCKET, NAME = "index", "archive"
CAMERAS = ("Canon EOS R5", "NIKON D70", "SONY ILCE-7M3", "Apple iPhone 12", "FUJIFILM X-T3")
TOWNS = (("Bergen", "Norway"), ("Venice", "Italy"), ("Lyon", "France"), ("Kyoto", "Japan"))
PEOPLE = ("Anna Smith", "Bob Miller", "Clara Jones")


def taken_at(number: int) -> datetime:
    """Spread over 23 years."""
    return datetime(2000, 1, 1) + timedelta(hours=number * 7919 % 200_000)


def path_of(number: int) -> str:
    return f"/archive/folder{number // 10 % 50}/{taken_at(number).year}/{number}.jpg"


def hash_of(number: int) -> bytes:
    return hashlib.blake2b(number.to_bytes(8, "big"), digest_size=32).digest()


def results(numbers: Sequence[int], vectors: Vectors) -> list[IngestResult]:
    """Photos as an indexer puts them."""
    made = []
    for number, vector in zip(numbers, vectors, strict=True):
        camera = "Leica M9" if number % 100 == 0 else CAMERAS[number % 10 // 2]
        camera = "NIKON D70" if number % 10 == 1 else camera.replace("NIKON", "Nokia")
        facts = Facts(
            "JPEG",
            4000,
            3000,
            taken_at=taken_at(number),
            dated_by="exif",
            camera=camera,
            iso=100 * (1 + number % 64),
            keywords=(f"k{number % 1009}",),
        )
        stat = FileStat(path_of(number), 1, 10**18, 0)
        made.append(IngestResult(stat, hash_of(number), facts, vector[None]))
    return made


def space_for(photos: int) -> SyntheticSpace:
    return SyntheticSpace(topics=max(2_000, photos // 50))


def chunks(photos: int) -> Iterator[tuple[range, Vectors]]:
    start = 0
    for chunk in space_for(photos).photos(photos, seed=1):
        for first in range(0, len(chunk), AT_ONCE):
            rows = chunk[first : first + AT_ONCE]
            yield range(start + first, start + first + len(rows)), rows
        start += len(chunk)


class SyntheticEncoder:
    """An encoder of the vectors that the photos have; a text has the same vector each time."""

    id = "lite/synthetic"
    side_px = 8
    batch_size = 16
    logit_scale = 100.0
    batches_at_once = 1
    context_length = 77

    def __init__(self, space: SyntheticSpace) -> None:
        self.space = space
        self.dim = space.dim

    def token_count(self, text: str) -> int:
        return len(text.split()) + 2

    def prepare(self, image: Image) -> Pixels:
        raise NotImplementedError("No photo is embedded here.")

    def encode_pixels(self, batch: PixelBatch) -> Vectors:
        raise NotImplementedError("No photo is embedded here.")

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        seeds = [int.from_bytes(hashlib.blake2b(text.encode()).digest()[:4]) for text in texts]
        return np.concatenate([self.space.texts(1, seed) for seed in seeds])


def named(result: IngestResult, number: int) -> IngestResult:
    """A photo with names of people and places."""
    assert result.facts is not None
    town, country = TOWNS[number % len(TOWNS)]
    people = (PEOPLE[number % len(PEOPLE)],) if number % 7 == 0 else ()
    facts = replace(result.facts, town=town, country=country, people=people)
    return replace(result, facts=facts)


def fill(address: Path, photos: int, settings: Settings) -> None:
    """Make the archive."""
    encoder = SyntheticEncoder(space_for(photos))
    row = EncoderRow(1, encoder.id, "lite", encoder.dim)
    pictures = np.random.default_rng(5)
    with Library.open_archive(address, settings, encoder=encoder) as library:
        writer = library.fleet.writer(row)
        for numbers, vectors in chunks(photos):
            batch = [
                named(result, number)
                for number, result in zip(numbers, results(numbers, vectors), strict=True)
            ]
            writer.put(batch)
            writer.put_thumbnails(
                {
                    each.content_hash: pictures.bytes(PICTURE_BYTES)
                    for each in batch
                    if each.content_hash is not None
                }
            )
        writer.settle()


def library_settings(folder: Path) -> Settings:
    """Settings of the library, with a new cache."""
    cache_dir = folder / f"cache-{time.time_ns()}"
    return Settings.load(data_dir=folder / "library", cache_dir=cache_dir)
