"""Zero-shot classification: which of some classes, named in words, a photo is most similar to.

As CLIP does it (Radford et al. 2021, section 3.1): a softmax over cosines, scaled as in training.
"None of these" is a class, too. Its score is a number of standard deviations above the mean score
of the photo with unrelated captions, so only a class that stands out beats it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from imgsearch.records.arrays import Ids, Vector, Vectors

NONE_DEVIATIONS = 1.75  # chosen on Flickr8k's dev split: research/notes/verdicts.md
BLOCK_ROWS = 8_192  # photos at once, so that their scores fit into the processor's cache


class ZeroShotClassifier(Struct, frozen=True):
    """Classes as vectors of length 1.

    `classes` (c, dim); `unrelated` (u, dim) makes "none of these" class number c, which does not
    exist if u is 0. `scale` is the encoder's `logit_scale`.
    """

    classes: Vectors
    unrelated: Vectors
    scale: float

    def classify(self, vectors: Vectors, starts: Ids | None = None) -> tuple[Ids, Vector]:
        """Return the likeliest class of each photo (n, dim), and its probability: (n,) and (n,).

        Where photos have several parts, `starts` (n,) holds the first row of each photo. A photo
        is then as similar to a class as the most similar of its parts.
        """
        starts = np.arange(len(vectors)) if starts is None else starts
        edges = np.append(starts, len(vectors))
        numbers = np.empty(len(starts), np.int64)
        best = np.empty(len(starts), np.float32)
        for start in range(0, len(starts), BLOCK_ROWS):
            block = slice(start, min(start + BLOCK_ROWS, len(starts)))
            first, last = edges[block.start], edges[block.stop]
            probabilities = self.probabilities(vectors[first:last], starts[block] - first)
            numbers[block] = probabilities.argmax(axis=1)
            best[block] = probabilities.max(axis=1)
        return numbers, best

    def probabilities(self, vectors: Vectors, starts: Ids | None = None) -> NDArray[np.float32]:
        """Return the probability of each class: (n, c), or (n, c + 1) with "none of these"."""
        scores = _best_of_parts(vectors @ self.classes.T, starts)
        if len(self.unrelated):
            unrelated = _best_of_parts(vectors @ self.unrelated.T, starts)
            none = unrelated.mean(axis=1) + NONE_DEVIATIONS * unrelated.std(axis=1)
            scores = np.concatenate([scores, none[:, None]], axis=1)
        return softmax(scores * np.float32(self.scale))


def _best_of_parts(scores: NDArray[np.float32], starts: Ids | None) -> NDArray[np.float32]:
    if starts is None or len(starts) == len(scores):
        return scores
    best: NDArray[np.float32] = np.maximum.reduceat(scores, starts, axis=0)
    return best


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Turn each row into probabilities that sum to 1; safe for large logits."""
    # In place: a copy for each step would take longer than the arithmetic.
    shifted: NDArray[np.float32] = logits - logits.max(axis=1, keepdims=True)
    np.exp(shifted, out=shifted)
    shifted /= shifted.sum(axis=1, keepdims=True)
    return shifted
