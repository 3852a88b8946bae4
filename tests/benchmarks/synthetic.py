"""Made-up vectors that are as hard to index as real ones, and queries that are as far off.

Photos: a Zipf-sized mixture of topics, each with sub-topics, each with its own spread; the
directions have the falling spectrum of a CLIP-like space, and all share a mean (the "cone").
Image queries are further photos. Text queries start at a sub-topic, not at a photo, lose half of
what they have in common with it, and gain a part that is the same for all texts (the modality
gap) and one of no direction in particular: they lie off the photos' manifold.
`bench_index.py real` holds them against the vectors of real photos and captions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float32]
_CHUNK_ROWS = 50_000


@dataclass(frozen=True)
class World:
    """A space of photos and texts. `spread` is how far photos lie from their sub-topic."""

    dim: int = 512
    topics: int = 1_000
    subtopics: int = 12  # of each topic
    spread: float = 1.0
    text_gap: float = 0.6
    text_noise: float = 1.2
    seed: int = 7
    spectrum: Rows = field(init=False)
    centres: Rows = field(init=False)
    mean: Rows = field(init=False)
    gap: Rows = field(init=False)

    def __post_init__(self) -> None:
        generator = np.random.default_rng(self.seed)
        spectrum = ((np.arange(self.dim) + 8.0) ** -0.5).astype(np.float32)
        spectrum /= np.sqrt(np.mean(spectrum**2))
        topics = generator.standard_normal((self.topics, self.dim), np.float32)
        inner = generator.standard_normal((self.topics, self.subtopics, self.dim), np.float32)
        centres = (topics[:, None] + 0.8 * inner).reshape(-1, self.dim) * spectrum
        put = object.__setattr__
        put(self, "spectrum", spectrum)
        put(self, "centres", centres)
        put(self, "mean", 0.8 * generator.standard_normal(self.dim, np.float32))
        put(self, "gap", generator.standard_normal(self.dim, np.float32))

    def photos(self, count: int, seed: int) -> Iterator[Rows]:
        """Chunks of photos' vectors, of length 1."""
        for start in range(0, count, _CHUNK_ROWS):
            generator = np.random.default_rng((seed, start))
            rows = min(_CHUNK_ROWS, count - start)
            near = self.centres[self._some_subtopics(generator, rows)]
            noise = generator.standard_normal((rows, self.dim), np.float32) * self.spectrum
            # Some photos are typical, others are like nothing else.
            noise *= generator.uniform(0.5, 1.5, (rows, 1)).astype(np.float32) * self.spread
            yield _unit(near + noise + self.mean)

    def texts(self, count: int, seed: int) -> Rows:
        """Vectors of texts, of length 1."""
        generator = np.random.default_rng((seed, 1))
        meant = self.centres[self._some_subtopics(generator, count)]
        noise = generator.standard_normal((count, self.dim), np.float32)
        return _unit(0.5 * meant + self.text_gap * self.gap + self.text_noise * noise)

    def _some_subtopics(self, generator: np.random.Generator, count: int) -> NDArray[np.int64]:
        ranks = np.arange(1, len(self.centres) + 1)
        weights = ranks**-0.7
        order = np.random.default_rng(self.seed + 1).permutation(len(ranks))
        return order[generator.choice(len(ranks), count, p=weights / weights.sum())]


def _unit(rows: Rows) -> Rows:
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows
