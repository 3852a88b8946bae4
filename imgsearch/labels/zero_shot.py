"""Zero-shot labels: which of some classes, named in words, a photo is most like.

CLIP's own way (Radford et al. 2021, section 3.1): a softmax over cosines, scaled as in training.
"None of these" is a class as well: its score lies so many standard deviations above the mean of
what the photo reaches with unrelated captions, so that only a class that stands out beats it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from imgsearch.records.arrays import Ids, Vector, Vectors

NONE_DEVIATIONS = 1.75  # chosen on Flickr8k's dev split: see docs/models.md
BLOCK_ROWS = 8_192  # photos at once: scores of a block stay in memory the size of a cache


@dataclass(frozen=True, slots=True)
class ZeroShotClassifier:
    """Classes as vectors. Rows are of length 1.

    `classes` (c, dim); `unrelated` (u, dim) makes "none of these" a class, number c; with no row
    (0, dim) there is no such class. `scale` is the encoder's `logit_scale`.
    """

    classes: Vectors
    unrelated: Vectors
    scale: float

    def recognise(self, vectors: Vectors, starts: Ids | None = None) -> tuple[Ids, Vector]:
        """The likeliest class of each photo (n, dim), and its probability: (n,) and (n,).

        Where photos have several parts, `starts` (n,) says in which row each photo begins. Then a
        photo is as much like each class as the best of its parts.
        """
        starts = np.arange(len(vectors)) if starts is None else starts
        edges = np.append(starts, len(vectors))
        best = np.empty(len(starts), np.int64)
        probability = np.empty(len(starts), np.float32)
        for start in range(0, len(starts), BLOCK_ROWS):
            block = slice(start, min(start + BLOCK_ROWS, len(starts)))
            first, last = edges[block.start], edges[block.stop]
            chances = self.probabilities(vectors[first:last], starts[block] - first)
            best[block] = chances.argmax(axis=1)
            probability[block] = chances.max(axis=1)
        return best, probability

    def probabilities(self, vectors: Vectors, starts: Ids | None = None) -> NDArray[np.float32]:
        """How likely each class is, (n, c) or with "none of these" (n, c + 1); rows add up to 1."""
        scores = _best_of_parts(vectors @ self.classes.T, starts)
        if len(self.unrelated):
            others = _best_of_parts(vectors @ self.unrelated.T, starts)
            none = others.mean(axis=1) + NONE_DEVIATIONS * others.std(axis=1)
            scores = np.concatenate([scores, none[:, None]], axis=1)
        return softmax(scores * np.float32(self.scale))


def _best_of_parts(scores: NDArray[np.float32], starts: Ids | None) -> NDArray[np.float32]:
    if starts is None or len(starts) == len(scores):
        return scores
    best: NDArray[np.float32] = np.maximum.reduceat(scores, starts, axis=0)
    return best


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each row turned into probabilities that add up to 1; safe for large logits."""
    # In place: a copy for each step would take longer than the arithmetic.
    shifted: NDArray[np.float32] = logits - logits.max(axis=1, keepdims=True)
    np.exp(shifted, out=shifted)
    shifted /= shifted.sum(axis=1, keepdims=True)
    return shifted
