"""Finds near-duplicates: every pair of photos above a score, and how sharp these photos are."""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from imgsearch import private_files
from imgsearch.concurrency import prefetch
from imgsearch.config import Settings
from imgsearch.decode.reader import decode, decode_bytes
from imgsearch.errors import DiskError, PhotoError
from imgsearch.features.duplicates.records import Pair, Pairs, Sharpness
from imgsearch.features.duplicates.sharpness import SIDES_PX, measure_sharpness
from imgsearch.progress import Progress
from imgsearch.records.arrays import HalfVectors, Ids
from imgsearch.records.files import Picture
from imgsearch.records.photo import Photo
from imgsearch.search.library_photos import LibraryPhotos

if TYPE_CHECKING:
    Rows = NDArray[np.int64]  # row numbers

BLOCK_ROWS = 2048  # the scores of two blocks are 16 MB
BLOCKS_PER_STEP = 8  # pairs of blocks compared between two Progress
MAX_PAIRS = 300_000  # bounds the memory in a library of a million copies of one photo
EXACT_PHOTOS = 100_000  # compared each with each: less than a minute on two cores
NEAREST_PIVOTS = 12
_SEED = 20_261
MAX_MEASURED = 20_000  # photos whose sharpness is measured: ten minutes of work on two cores


def find_pairs(
    photos: LibraryPhotos,
    scratch_dir: Path,
    min_score: float,
    max_pairs: int = MAX_PAIRS,
    block_rows: int = BLOCK_ROWS,
    blocks_per_step: int = BLOCKS_PER_STEP,
    exact_photos: int = EXACT_PHOTOS,
) -> Generator[Progress, None, Pairs]:
    """Yield every two photos whose score is at least `min_score`, best first.

    A photo with several parts is compared as a whole: two panoramas with the same sky at one end
    are not duplicates. Up to `exact_photos` all photos are compared, in blocks of `block_rows`. Of
    more, those are that resemble the same photos: docs/benchmarks.md tells how many pairs that
    finds. If there are more than `max_pairs`, the best are kept, and the `min_score` of the result
    is raised to the score down to which it is complete.

    Meanwhile the vectors are in a temporary file in `scratch_dir`, a kilobyte a photo, so that
    memory does not limit how many there may be. Progress is in photos, first as they are read, then
    by the share of the work done; its steps are short, so that the job stops quickly. Raises
    DiskError.
    """
    expected = photos.count().photos
    with closing(_VectorFile(scratch_dir)) as file:
        for ids, rows in photos.whole_vectors():
            file.append(ids, rows)
            yield Progress(len(file), max(len(file), expected), part="Reading vectors")
        found = _Found(*file.read(), min_score, max_pairs)
    if len(found.ids) <= exact_photos:
        yield from _compare_all(found, block_rows, blocks_per_step)
    else:
        yield from _compare_neighbours(found, block_rows, blocks_per_step)
    return found.pairs()


class _VectorFile:
    """Vectors in a temporary file, which the system deletes when nobody reads it any more."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ids: list[Ids] = []
        self._dim = 0
        with self._disk_errors():
            private_files.make_folder(folder)
            self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  # see `close`

    def __len__(self) -> int:
        return sum(map(len, self._ids))

    def append(self, ids: Ids, rows: HalfVectors) -> None:
        """Add photos (n,) with their vectors (n, dim)."""
        self._ids.append(ids)
        self._dim = rows.shape[1]
        with self._disk_errors():
            self._file.write(rows.tobytes())

    def read(self) -> tuple[Ids, HalfVectors]:
        """Return all ids (n,) and rows (n, dim).

        The rows are read from the file when they are used.
        """
        if not len(self):
            return np.zeros(0, np.int64), np.zeros((0, 0), np.float16)
        with self._disk_errors():
            self._file.flush()
            stored = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        rows = np.frombuffer(stored, np.float16).reshape(-1, self._dim)
        return np.concatenate(self._ids), rows

    def close(self) -> None:
        """End writing. What was `read` stays readable."""
        self._file.close()

    @contextmanager
    def _disk_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise DiskError(
                f"Cannot keep the vectors to compare in {self._folder} ({error.strerror}). Free "
                "some space, or set cache_dir to another folder, and run it again."
            ) from error


class _Found:
    """The photos that are compared, and the pairs found so far."""

    def __init__(self, ids: Ids, vectors: HalfVectors, min_score: float, max_pairs: int) -> None:
        self.ids = ids
        self.vectors = vectors
        self._min_score = min_score
        self._max_pairs = max_pairs
        self._pair_ids: list[Ids] = []
        self._scores: list[NDArray[np.float32]] = []
        self._count = 0

    def compare(self, rows: Rows, others: Rows) -> None:
        """Add the pairs between these rows and the others, each of them a block."""
        left, right = (self.vectors[each].astype(np.float32) for each in (rows, others))
        scores = left @ right.T
        places = np.flatnonzero(scores >= self._min_score)  # in 1-D: several times as fast
        if not len(places):
            return
        first, second = np.divmod(places, scores.shape[1])
        pairs = np.stack([self.ids[rows[first]], self.ids[others[second]]], axis=1)
        is_pair = pairs[:, 0] != pairs[:, 1]
        self._pair_ids.append(np.sort(pairs[is_pair], axis=1))
        self._scores.append(scores.ravel()[places][is_pair])
        self._count += int(np.count_nonzero(is_pair))
        if self._count > 2 * self._max_pairs + len(rows):
            self._cut()

    def _cut(self) -> None:
        """Keep each pair once, and of too many the best."""
        ids = np.concatenate([np.zeros((0, 2), np.int64), *self._pair_ids])
        scores = np.concatenate([np.zeros(0, np.float32), *self._scores])
        ids, scores = _best(ids, scores)
        if len(scores) > self._max_pairs:
            self._min_score = float(scores[self._max_pairs - 1])
            ids, scores = ids[: self._max_pairs], scores[: self._max_pairs]
        self._pair_ids, self._scores, self._count = [ids], [scores], len(scores)

    def pairs(self) -> Pairs:
        """Return the result: best first, each once."""
        self._cut()
        (ids,), (scores,) = self._pair_ids, self._scores
        rows = zip(ids.tolist(), np.minimum(scores, 1).tolist(), strict=True)
        return Pairs(self._min_score, tuple(Pair(a, b, score) for (a, b), score in rows))


def _compare_all(found: _Found, block_rows: int, blocks_per_step: int) -> Iterator[Progress]:
    """Yield every photo with every other."""
    total, step_rows = len(found.ids), blocks_per_step * block_rows
    rows = np.arange(total)
    for start in range(0, total, block_rows):
        block = rows[start : start + block_rows]
        for first in range(start, total, step_rows):
            others = range(first, min(first + step_rows, total), block_rows)
            for other in others:
                found.compare(block, rows[other : other + block_rows])
            yield Progress(_rows_done(start, others.stop, total, block_rows), total)


def _compare_neighbours(found: _Found, block_rows: int, blocks_per_step: int) -> Iterator[Progress]:
    """Yield photos that resemble the same photos.

    Some photos, taken at random, are pivots. Each photo belongs to the pivot that it is most
    similar to, and is compared with those whose pivot is among its nearest. So a pair is missed
    only where neither photo's pivot is among the nearest of the other.
    """
    total = len(found.ids)
    count = round(sqrt(total))
    places = np.random.default_rng(_SEED).choice(total, count, replace=False)
    pivots = found.vectors[np.sort(places)].astype(np.float32).T
    nearest = np.empty((total, min(NEAREST_PIVOTS, count)), np.int32)
    for start in range(0, total, block_rows):
        block = slice(start, start + block_rows)
        scores = found.vectors[block].astype(np.float32) @ pivots
        nearest[block] = _nearest(scores, nearest.shape[1])
        yield Progress(start // 2, total)
    order = np.argsort(nearest, axis=None, kind="stable")
    ends = np.cumsum(np.bincount(nearest.ravel(), minlength=count))
    done = compared = 0
    for visits in np.split(order, ends[:-1]):
        rows, rank = np.divmod(visits, nearest.shape[1])
        own = rows[rank == 0]
        for start in range(0, len(own), block_rows):
            for other in range(0, len(rows), block_rows):
                block, others = own[start : start + block_rows], rows[other : other + block_rows]
                found.compare(block, others)
                compared += len(block) * len(others)
                if compared >= blocks_per_step * block_rows**2:
                    compared = 0
                    yield Progress((total + done) // 2, total)
        done += len(own)
    yield Progress(total, total)


def _nearest(scores: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """Return the places of the `count` best scores of each row, the best of all first."""
    best = np.argpartition(scores, -count, axis=1)[:, -count:]
    first = np.argmax(np.take_along_axis(scores, best, 1), axis=1)[:, None]
    top = np.take_along_axis(best, first, 1)
    np.put_along_axis(best, first, best[:, :1], 1)
    best[:, :1] = top
    return best


def measure_photos(
    pairs: Pairs, pictures: Sequence[tuple[Photo, Picture]], settings: Settings
) -> Generator[Progress, None, Pairs]:
    """Yield the pairs with the sharpness of their photos in these pictures; one Progress a photo.

    Pictures that cannot be read are left out, and files whose size is another than when they were
    indexed.
    """

    def measure(photo: Photo, picture: Picture) -> Sharpness:
        try:
            if isinstance(picture, bytes):
                return measure_sharpness(decode_bytes(picture, SIDES_PX[0]).image)
            if picture.stat().st_size != photo.size_bytes:
                return ()
            return measure_sharpness(decode(picture, SIDES_PX[-1], settings.max_megapixels).image)
        except (PhotoError, OSError):
            return ()

    sharpness = {}
    threads = settings.thread_count
    tasks = (partial(measure, *item) for item in pictures)
    with prefetch(2 * threads, threads, tasks) as results:
        for done, ((photo, picture), measured) in enumerate(zip(pictures, results, strict=True), 1):
            if measured:
                sharpness[photo.id] = measured
            path = None if isinstance(picture, bytes) else picture
            yield Progress(done, len(pictures), path, "Measuring sharpness")
    return replace(pairs, sharpness=sharpness)


def photos_to_measure(pairs: Pairs) -> list[int]:
    """Return the photos of the best pairs, at most `MAX_MEASURED`."""
    return pairs.photo_ids()[:MAX_MEASURED]


def _rows_done(start: int, end: int, total: int, block_rows: int) -> int:
    """Return the finished work as a number of `total` rows: early blocks meet the most others.

    Done are all blocks before `start`, and the block at `start` with the rows up to `end`.
    """
    left = total - start
    after = max(0, left - block_rows)  # rows whose own block is still to come
    to_do = after**2 + (left**2 - after**2) * (total - end) / left
    return round(total - to_do / total)


def _best(ids: Ids, scores: NDArray[np.float32]) -> tuple[Ids, NDArray[np.float32]]:
    """Return each pair once, with its best score, best first."""
    order = np.lexsort((ids[:, 1], ids[:, 0], -scores))
    ids, scores = ids[order], scores[order]
    _, first = np.unique(ids, axis=0, return_index=True)
    first.sort()
    return ids[first], scores[first]
