"""Tries a model in int8 against itself in float32, on photos of the library it is meant for."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from imgsearch.concurrency import prefetch
from imgsearch.decode.reader import decode
from imgsearch.encoders.precision import ENOUGH_PHOTOS, LEAST_PHOTOS, Int8Comparison
from imgsearch.errors import PhotoError
from imgsearch.progress import Progress

if TYPE_CHECKING:
    from imgsearch.encoders.base import Encoder
    from imgsearch.records.arrays import PixelBatch, Pixels


def compare(
    exact: Encoder, whole: Encoder, files: Sequence[Path], threads: int
) -> Generator[Progress, None, Int8Comparison | None]:
    """Embed photos with both; one Progress a photo. None where too few of them can be read.

    Takes `ENOUGH_PHOTOS` of the files, evenly spread, so that each kind of photo has its part.
    """
    import numpy as np

    count = min(ENOUGH_PHOTOS, len(files))
    chosen = [files[place * len(files) // count] for place in range(count)]
    both = _Both(exact, whole)
    waiting: list[Pixels] = []

    def prepared(path: Path) -> Pixels | None:
        try:
            return exact.prepare(decode(path, exact.side_px).image)
        except (PhotoError, OSError):
            return None  # indexing says what is wrong with it

    ahead = 2 * exact.batch_size + threads
    with prefetch(ahead, threads, prepared, chosen) as pictures:
        for done, (path, pixels) in enumerate(zip(chosen, pictures, strict=True), 1):
            if pixels is not None:
                waiting.append(pixels)
            if waiting and (len(waiting) == exact.batch_size or done == count):
                both.embed(cast("PixelBatch", np.stack(waiting)))
                waiting = []
            yield Progress(done, count, path, "Trying int8")
    return both.verdict() if both.photos >= LEAST_PHOTOS else None


class _Both:
    """The same photos embedded both ways in turn, so that both see the machine equally busy."""

    def __init__(self, exact: Encoder, whole: Encoder) -> None:
        self._encoders = (exact, whole)
        self._seconds = [0.0, 0.0]
        self._cosines: list[float] = []

    @property
    def photos(self) -> int:
        return len(self._cosines)

    def embed(self, batch: PixelBatch) -> None:
        if not self._cosines:  # towers load when first used
            for encoder in self._encoders:
                encoder.encode_pixels(batch[:1])
        rows = []
        for way, encoder in enumerate(self._encoders):
            began = time.perf_counter()
            rows.append(encoder.encode_pixels(batch))
            self._seconds[way] += time.perf_counter() - began
        self._cosines += (rows[0] * rows[1]).sum(axis=1).tolist()

    def verdict(self) -> Int8Comparison:
        return Int8Comparison(
            photos=len(self._cosines),
            cosine_mean=round(sum(self._cosines) / len(self._cosines), 5),
            cosine_least=round(min(self._cosines), 5),
            times_faster=round(self._seconds[0] / self._seconds[1], 2),
        )
