"""Synthetic vectors that are at least as hard to index as real ones, and queries as far from them.

Photos are a mixture of topics, whose sizes follow Zipf's law, around a common mean (the "cone" of
CLIP-like spaces). Their spectrum falls, and topics are so wide that they overlap. Image queries
are more photos. A text query starts where a photo could be, keeps half of what they have in
common, and gains a part that is the same for all texts (the modality gap) and a random part: it
lies off the manifold of photos. `bench_index.py real` compares both with the vectors of real
photos and captions.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float32]
_CHUNK_ROWS = 50_000


class SyntheticSpace:
    """A space of photos and texts; the same arguments give the same vectors."""

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
        """Chunks of photo vectors (n, dim), of length 1."""
        for start in range(0, count, _CHUNK_ROWS):
            generator = np.random.default_rng((seed, start))
            yield _unit(self._places(generator, min(_CHUNK_ROWS, count - start)) + self._mean)

    def texts(self, count: int, seed: int) -> Rows:
        """Text vectors (count, dim), of length 1."""
        generator = np.random.default_rng((seed, 1))
        places = self._places(generator, count)
        noise = generator.standard_normal((count, self.dim), np.float32)
        return _unit(0.5 * places + self._gap + 0.3 * self._mean + noise)

    def _places(self, generator: np.random.Generator, count: int) -> Rows:
        topics = self._topics[generator.choice(len(self._topics), count, p=self._weights)]
        offsets = generator.standard_normal((count, self.dim), np.float32) * self._spectrum
        # Some photos are typical of their topic, others are unlike any.
        offsets *= generator.uniform(0.4, 1.2, (count, 1)).astype(np.float32)
        return np.asarray(topics + offsets, np.float32)


def _unit(rows: Rows) -> Rows:
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows
