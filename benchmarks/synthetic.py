"""Made-up vectors that are at least as hard to index as real ones, and queries as far off.

Photos: a Zipf-sized mixture of topics around a shared mean (the "cone" of CLIP-like spaces), with
a falling spectrum, and spread so widely that topics overlap. Image queries are further photos.
Text queries start at a place where a photo could be, lose half of what they have in common with
it, and gain a part that is the same for all texts (the modality gap) and one of no direction in
particular: they lie off the photos' manifold. `bench_index.py real` holds them against the
vectors of real photos and captions.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float32]
_CHUNK_ROWS = 50_000


class SyntheticSpace:
    """A space of photos and texts, the same every time."""

    def __init__(self, dim: int = 512, topics: int = 2_000, seed: int = 7) -> None:
        generator = np.random.default_rng(seed)
        spectrum = (np.arange(dim) + 8.0) ** -0.65
        self._spectrum = (spectrum / np.sqrt(np.mean(spectrum**2))).astype(np.float32)
        self._topics = generator.standard_normal((topics, dim), np.float32) * self._spectrum
        self._mean = 0.8 * generator.standard_normal(dim, np.float32)
        self._gap = 0.6 * generator.standard_normal(dim, np.float32)
        weights = np.arange(1, topics + 1) ** -0.7
        self._weights = weights / weights.sum()
        self.dim = dim

    def photos(self, count: int, seed: int) -> Iterator[Rows]:
        """Chunks of photos' vectors, of length 1."""
        for start in range(0, count, _CHUNK_ROWS):
            generator = np.random.default_rng((seed, start))
            yield _unit(self._places(generator, min(_CHUNK_ROWS, count - start)) + self._mean)

    def texts(self, count: int, seed: int) -> Rows:
        """Vectors of texts, of length 1."""
        generator = np.random.default_rng((seed, 1))
        meant = self._places(generator, count)
        noise = generator.standard_normal((count, self.dim), np.float32)
        return _unit(0.5 * meant + self._gap + 0.3 * self._mean + noise)

    def _places(self, generator: np.random.Generator, count: int) -> Rows:
        near = self._topics[generator.choice(len(self._topics), count, p=self._weights)]
        away = generator.standard_normal((count, self.dim), np.float32) * self._spectrum
        # Some photos are typical, others are like nothing else.
        away *= generator.uniform(0.4, 1.2, (count, 1)).astype(np.float32)
        return np.asarray(near + away, np.float32)


def _unit(rows: Rows) -> Rows:
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows
