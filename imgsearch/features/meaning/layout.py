"""Lays photos out on a plane, so that photos with similar vectors lie close together.

t-SNE (van der Maaten and Hinton 2008; as openTSNE has it, Poličar et al. 2024) attracts each photo
to its nearest neighbours and repels it from all others. All neighbours attract alike, which needs
no perplexity and gives nearly the same map (Böhm et al. 2022).
"""

from __future__ import annotations

from collections.abc import Generator
from math import sqrt
from typing import Any, Self

import numpy as np
from msgspec import Struct

from imgsearch.errors import MissingPackage
from imgsearch.features.meaning.plane import Points, fitted
from imgsearch.index.graph import RowIndex
from imgsearch.installation import install_command
from imgsearch.progress import Progress
from imgsearch.records.arrays import Ids, Vector, Vectors

FINDING, LAYING_OUT = "Comparing photos", "Laying out photos"
NEIGHBOURS = 15  # that attract each photo, of n photos at most 0.7 √n, and 3 at least
_OF_ROOT, _FEWEST_NEIGHBOURS = 0.7, 3
_AXES = 64  # principal axes along which photos are compared: 30 times as fast, and less noise
_AXES_FROM = 20_000  # rows of which the axes are computed
_FEW = 5  # photos, up to which their two main axes are the plane
_STEPS_EARLY, _EARLY = 150, 12.0  # with stronger attraction, so that clusters find together
_STEPS, _USUAL = (
    350,
    1.0,
)  # with more, of 2,500 photos fewer keep their neighbours (35 in place of 49 %)
_STEPS_AT_ONCE = 10
_FFT_FROM = 3_000  # photos; below, a tree is faster
_SEED = 7


class Axes(Struct, frozen=True):
    """The principal axes of vectors: their `mean` (dim,) and the `directions` (dim, axes)."""

    mean: Vector
    directions: Vectors

    @classmethod
    def of(cls, rows: Vectors) -> Self:
        """Compute the axes of rows (n, dim), from a sample where they are many."""
        if len(rows) > _AXES_FROM:
            chosen = np.random.default_rng(_SEED).choice(len(rows), _AXES_FROM, replace=False)
            rows = rows[np.sort(chosen)]
        mean = rows.mean(axis=0)
        centred = rows - mean
        _, directions = np.linalg.eigh(centred.T @ centred)  # in ascending order of variance
        axes = min(_AXES, rows.shape[1])
        return cls(mean, np.ascontiguousarray(directions[:, ::-1][:, :axes], np.float32))

    def along(self, rows: Vectors) -> Vectors:
        """Return rows along the axes (n, axes), of length 1; of length 0 for the mean itself."""
        along = (rows - self.mean) @ self.directions
        lengths = np.linalg.norm(along, axis=1, keepdims=True)
        return np.ascontiguousarray(along / np.where(lengths < 1e-4, np.inf, lengths), np.float32)


def require_packages() -> None:
    """Raise MissingPackage without the package that lays photos out."""
    try:
        import openTSNE  # noqa: F401
    except ImportError as error:
        raise MissingPackage(
            "The map of meaning needs the package openTSNE, which is not installed. Run: "
            f"{install_command('meaning')}"
        ) from error


def lay_out(rows: Vectors, index: RowIndex, threads: int) -> Generator[Progress, None, Points]:
    """Lay out photos with these rows along axes (n, axes): points (n, 2) in the unit square.

    `index` has the same rows. Equal rows give equal maps, but for the order in which threads add
    numbers. Each Progress is a number of photos.
    """
    if len(rows) <= _FEW:
        return fitted(rows[:, :2].astype(np.float64))
    places = yield from _neighbours(rows, index)
    points = yield from _optimise(rows, places, threads)
    return fitted(points)


def _neighbours(rows: Vectors, index: RowIndex) -> Generator[Progress, None, Ids]:
    """Yield the places of the nearest other rows of each row: (n, k); -1 where there are fewer."""
    few = max(_FEWEST_NEIGHBOURS, round(_OF_ROOT * sqrt(len(rows))))
    k = min(NEIGHBOURS, few, len(rows) - 1)
    found = np.full((len(rows), k), -1, np.int64)
    done = 0
    yield Progress(0, len(rows), None, FINDING)
    for places, _ in index.search(rows, k + 1):
        own = np.arange(done, done + len(places))
        for row, near in zip(own.tolist(), places, strict=True):
            others = near[near != row][:k]
            found[row, : len(others)] = others
        done += len(places)
        yield Progress(done, len(rows), None, FINDING)
    return found


def _optimise(rows: Vectors, places: Ids, threads: int) -> Generator[Progress, None, Points]:
    from openTSNE import TSNEEmbedding
    from openTSNE.affinity import PrecomputedAffinities

    count, total = len(rows), _STEPS_EARLY + _STEPS
    start = rows[:, :2].astype(np.float64)
    start += np.random.default_rng(_SEED).normal(scale=1e-3, size=start.shape)
    start *= 1e-4 / max(start[:, 0].std(), 1e-9)
    plane: Any = TSNEEmbedding(
        start,
        PrecomputedAffinities(_attraction(places)),
        negative_gradient_method="fft" if count >= _FFT_FROM else "bh",
        n_jobs=threads if count >= _FFT_FROM else 1,  # threads would mostly wait for each other
        random_state=_SEED,
    )
    yield Progress(0, count, None, LAYING_OUT)
    for done in range(0, total, _STEPS_AT_ONCE):
        is_early = done < _STEPS_EARLY
        exaggeration = _EARLY if is_early else _USUAL
        plane.optimize(
            _STEPS_AT_ONCE,
            inplace=True,
            exaggeration=exaggeration,
            momentum=0.5 if is_early else 0.8,
            learning_rate=max(count / exaggeration, 200.0),
        )
        yield Progress(count * (done + _STEPS_AT_ONCE) // total, count, None, LAYING_OUT)
    return np.asarray(plane, np.float64)


def _attraction(places: Ids) -> Any:
    """Return how strongly each two photos attract each other: a symmetric sparse matrix (n, n)."""
    from scipy.sparse import csr_matrix

    count = len(places)
    is_found = places >= 0
    ends = np.concatenate([[0], np.cumsum(is_found.sum(axis=1))])
    nearest = csr_matrix(
        (np.ones(int(ends[-1])), places[is_found].astype(np.int32), ends), shape=(count, count)
    )
    return csr_matrix((nearest + nearest.T) / 2)
