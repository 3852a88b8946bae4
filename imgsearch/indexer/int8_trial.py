"""Compares a model in int8 with the same model in float32, on photos of the user's library.

The result decides in which of the two a new library is made, where the user has not said so.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
from msgspec import Struct
from msgspec.structs import asdict

from imgsearch.concurrency import prefetch
from imgsearch.decode.reader import decode, side_to_embed
from imgsearch.encoders.base import Encoder, Int8Option
from imgsearch.encoders.measurements import Measurements
from imgsearch.errors import PhotoError
from imgsearch.progress import Progress
from imgsearch.records.arrays import PixelBatch, Pixels
from imgsearch.text import format_count

MAX_PHOTOS = 512  # a comparison over as many is not repeated
MIN_PHOTOS = 32  # over fewer, the lowest cosine says little
_MIN_MEAN_COSINE, _MIN_COSINE = 0.99, 0.98  # to float32; fast decoding may cost as much
_MIN_SPEEDUP = 1.25  # less is not worth an encoder of its own
# After so many photos a result ends the comparison if it is far from the limits: the next hundreds
# would keep the first photos of a library waiting, and change nothing.
CLEAR_PHOTOS = 64
_CLEAR_SHARE = 0.5  # of what the cosines may lack at most
_CLEAR_SPEEDUP, _CLEAR_SLOWNESS = 1.5, 1.1
_GOLDEN = 0.6180339887  # its multiples fill the range from 0 to 1 evenly, however many are taken


class Int8Comparison(Struct, frozen=True):
    """A comparison of int8 with float32: cosines of their vectors, and the ratio of their speeds.

    The names of the fields are those of the file in the cache folder.
    """

    photos: int
    cosine_mean: float
    cosine_least: float
    times_faster: float

    @property
    def favours_int8(self) -> bool:
        """Whether int8 finds the same and is worth having."""
        same = self.cosine_mean >= _MIN_MEAN_COSINE and self.cosine_least >= _MIN_COSINE
        return same and self.times_faster >= _MIN_SPEEDUP

    @property
    def is_clear(self) -> bool:
        """Whether more photos would hardly change the decision."""
        if self.photos < CLEAR_PHOTOS:
            return False
        if self.times_faster < _CLEAR_SLOWNESS or self.cosine_least < _MIN_COSINE:
            return True
        return (
            self.times_faster >= _CLEAR_SPEEDUP
            and 1 - self.cosine_mean <= _CLEAR_SHARE * (1 - _MIN_MEAN_COSINE)
            and 1 - self.cosine_least <= _CLEAR_SHARE * (1 - _MIN_COSINE)
        )

    def sentence(self, option: Int8Option) -> str:
        """Return the result and what follows, for a person."""
        result = (
            f"int8 is {self.times_faster:.1f} times as fast as float32 here, and its vectors have "
            f"a cosine of {self.cosine_mean:.4f} with those in float32 (at least "
            f"{self.cosine_least:.4f}, {format_count(self.photos, 'photo')})"
        )
        if self.favours_int8:
            return f"{result}: used. For float32: --encoder {option.float32_name}"
        return f"{result}: not used. For int8 anyway: --encoder {option.int8_name}"


class ComparisonCache:
    """The comparison for one encoder, kept in the cache folder of this machine."""

    def __init__(self, cache_dir: Path, encoder_id: str, option: Int8Option) -> None:
        self._cache = Measurements(cache_dir / option.results_file)
        self._key = f"{encoder_id}, {option.conditions()}"

    def get(self, photos: int) -> Int8Comparison | None:
        """Return an earlier result if it is clear, or over as many photos as there are now."""
        with suppress(TypeError):
            comparison = Int8Comparison(**self._cache.get(self._key))
            if comparison.is_clear or comparison.photos >= min(photos, MAX_PHOTOS):
                return comparison
        return None

    def put(self, comparison: Int8Comparison) -> None:
        """Store a result in place of an earlier one."""
        self._cache.put(self._key, asdict(comparison))


def compare(
    float32: Encoder,
    int8: Encoder,
    files: Sequence[Path],
    threads: int,
    clock: Callable[[], float] = time.perf_counter,
) -> Generator[Progress, None, Int8Comparison | None]:
    """Embed photos with both encoders; one Progress a photo. None where too few can be read.

    Takes up to `MAX_PHOTOS` of the files, and no more once the result is clear. They are evenly
    spread at any time, to include every kind of photo. Both encoders embed each batch in turn, so
    that the load of the machine affects both alike.
    """
    chosen = _spread(files, MAX_PHOTOS)
    count = len(chosen)
    seconds = [0.0, 0.0]
    cosines: list[float] = []
    batch: list[Pixels] = []

    side_px = side_to_embed(float32.side_px)

    def prepare(path: Path) -> Pixels | None:
        try:
            return float32.prepare(decode(path, side_px).image)
        except (PhotoError, OSError):
            return None  # indexing reports it

    def embed(pixels: PixelBatch) -> None:
        rows = []
        for number, encoder in enumerate((float32, int8)):
            if not cosines:
                encoder.encode_pixels(pixels[:1])  # towers load when first used
            started = clock()
            rows.append(encoder.encode_pixels(pixels))
            seconds[number] += clock() - started
        cosines.extend((rows[0] * rows[1]).sum(axis=1).tolist())

    def result() -> Int8Comparison | None:
        if len(cosines) < MIN_PHOTOS:
            return None
        return Int8Comparison(
            photos=len(cosines),
            cosine_mean=round(sum(cosines) / len(cosines), 5),
            cosine_least=round(min(cosines), 5),
            times_faster=round(seconds[0] / seconds[1], 2),
        )

    tasks = (partial(prepare, path) for path in chosen)
    with prefetch(2 * float32.batch_size + threads, threads, tasks) as photos:
        for done, (path, pixels) in enumerate(zip(chosen, photos, strict=True), 1):
            if pixels is not None:
                batch.append(pixels)
            if batch and (len(batch) == float32.batch_size or done == count):
                embed(cast("PixelBatch", np.stack(batch)))
                batch = []
            yield Progress(done, count, path, "Trying int8")
            comparison = result()
            if comparison is not None and comparison.is_clear:
                return comparison
    return result()


def _spread(files: Sequence[Path], most: int) -> list[Path]:
    """Choose up to `most` files so that any number of them from the first on are evenly spread."""
    count = min(most, len(files))
    chosen = [files[number * len(files) // count] for number in range(count)]
    order = sorted(range(count), key=lambda place: (place + 1) * _GOLDEN % 1)
    return [chosen[place] for place in order]
