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

    from imgsearch.records import Ids, Vector, Vectors

NONE_DEVIATIONS = 1.75  # chosen on Flickr8k's dev split: see docs/models.md
BLOCK_ROWS = 8_192  # photos at once: scores of a block stay in memory the size of a cache


@dataclass(frozen=True, slots=True)
class Recogniser:
    """Classes as vectors. Rows are of length 1.

    `classes` (c, dim); `unrelated` (u, dim) makes "none of these" a class, number c; with no row
    (0, dim) there is no such class. `scale` is the encoder's `logit_scale`.
    """

    classes: Vectors
    unrelated: Vectors
    scale: float

    def recognise(self, photos: Vectors) -> tuple[Ids, Vector]:
        """The likeliest class of each photo (n, dim), and its probability: (n,) and (n,)."""
        best = np.empty(len(photos), np.int64)
        probability = np.empty(len(photos), np.float32)
        for start in range(0, len(photos), BLOCK_ROWS):
            block = slice(start, start + BLOCK_ROWS)
            chances = self.probabilities(photos[block])
            best[block] = chances.argmax(axis=1)
            probability[block] = chances.max(axis=1)
        return best, probability

    def probabilities(self, photos: Vectors) -> NDArray[np.float32]:
        """How likely each class is, (n, c) or with "none of these" (n, c + 1); rows add up to 1."""
        scores = photos @ self.classes.T
        if len(self.unrelated):
            others = photos @ self.unrelated.T
            none = others.mean(axis=1) + NONE_DEVIATIONS * others.std(axis=1)
            scores = np.concatenate([scores, none[:, None]], axis=1)
        return softmax(scores * np.float32(self.scale))


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each row turned into probabilities that add up to 1; safe for large logits."""
    # In place: a copy for each step would take longer than the arithmetic.
    shifted: NDArray[np.float32] = logits - logits.max(axis=1, keepdims=True)
    np.exp(shifted, out=shifted)
    shifted /= shifted.sum(axis=1, keepdims=True)
    return shifted
