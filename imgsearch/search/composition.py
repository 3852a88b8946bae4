"""Combines the terms of a query into one vector.

Positive terms are added. Negative terms turn the sum away from them, in the plane of both and by
an angle that depends only on the weights and on the kinds of the terms: the weight, times a factor
for the kinds, is the tangent of the angle. A plain difference A - B turns further the less A and B
have in common, and it removes from A all that it shares with B: it finds less of A without B than A
alone.

A few words say little about a photo, so a large angle loses little of their meaning; a caption is
precise, and a large angle loses the photo that it describes. The vector of an example image points
to everything that the image shows, so words are turned away from it by a small angle only.

Some photos score high with all words (hubs, Radovanović et al. 2010). A few words are therefore
turned away from the usual caption as well, the more, the further they are turned.

`benchmarks/bench_minus.py` compares all this with the plain difference, and with other weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from imgsearch.records.arrays import Vector, Vectors

# The kind of a term; "short" is a text averaged over templates, see `encoders.prompts`, and
# "direction" what a name such as `concept:max` stands for.
TermKind: TypeAlias = Literal["text", "short", "image", "direction"]

_ALIKE = 1e-3  # the least part of a negative term that must differ from the positive terms

# For each kind of positive term, the tangent of the angle by which a negative term of the same
# weight turns it. Chosen on the dev split of Flickr8k and on coco-dev: research/notes/few-words.md.
_TURN_FROM_WORDS: dict[TermKind, float] = {
    "short": 1.5,
    "text": 0.4,
    "image": 1.5,
    "direction": 1.0,
}
_TURN_FROM_EXAMPLE: dict[TermKind, float] = {
    "short": 0.3,
    "text": 0.15,
    "image": 1.0,
    "direction": 0.5,
}
_TURN_FROM_DIRECTION = 0.15  # whatever the positive term: it is far from the usual photo
# Photos differ more along a direction than along words. A positive one therefore gets this part
# of its weight, so that both count the same in a query (benchmarks/bench_concepts.py).
DIRECTION_SHARE = 0.6
# An example beside words gets this part of its weight: at the whole of it, the answer is little but
# photos like the example (benchmarks/bench_examples.py).
EXAMPLE_SHARE = 0.5
_USUAL_SHARE = 0.5  # of the usual caption is added to negative short texts
# If a share of the mean noun is subtracted from short texts, they have less in common: a smaller
# angle removes as much, and the usual caption matters more.
_TURN_LESS_MEAN_NOUN = 0.675  # replaces the turn of words by words
_USUAL_SHARE_LESS_MEAN_NOUN = 1.0


def negative_rows(
    positives: Sequence[tuple[TermKind, float]],
    kinds: Sequence[TermKind],
    weights: Vector,
    vectors: Vectors,
    usual_caption: Vector | None,
    *,
    is_less_mean_noun: bool = False,
) -> Vectors:
    """Return the contribution of each negative term, as rows (m, dim) whose sum `compose` takes.

    `positives` are the kind and weight of each positive term. The negative terms have these
    `kinds` (m,), `weights` (m,), all below 0, and `vectors` (m, dim) of length 1. `usual_caption`
    (dim,) is the mean vector of captions of all kinds, None where it is not known.
    `is_less_mean_noun`: a share of the mean noun is subtracted from short texts, see `short_texts`.

    Several terms turn less than the sum of their angles: their tangents add up like the sides of a
    right-angled triangle. Otherwise "food -pizza -broccoli" would lose the food.
    """
    import numpy as np

    total = sum(weight for _, weight in positives)
    shares = [(kind, weight / total) for kind, weight in positives]
    rows = vectors
    if usual_caption is not None:
        of_short = sum(share for kind, share in shares if kind == "short")
        usual_share = _USUAL_SHARE_LESS_MEAN_NOUN if is_less_mean_noun else _USUAL_SHARE
        usual = [0.0 if kind == "direction" else usual_share * of_short for kind in kinds]
        rows = vectors + np.array(usual, np.float32)[:, None] * usual_caption
        lengths: NDArray[np.float32] = np.linalg.norm(rows, axis=1, keepdims=True)
        lengths = np.maximum(lengths, 1e-6)
        rows = rows / lengths
    turns = weights * np.array(
        [
            sum(share * _turn(positive, kind, is_less_mean_noun) for positive, share in shares)
            for kind in kinds
        ],
        np.float32,
    )
    scaled: Vectors = rows * turns[:, None]
    length = float(np.linalg.norm(scaled.sum(axis=0)))
    scaled *= np.float32(min(1.0, float(np.linalg.norm(turns)) / max(length, 1e-12)))
    return scaled


def _turn(positive: TermKind, negative: TermKind, is_less_mean_noun: bool) -> float:
    """Return the tangent of the angle by which a term of weight -1 turns a positive one."""
    if negative == "direction":
        return _TURN_FROM_DIRECTION
    if negative == "image":
        return _TURN_FROM_EXAMPLE[positive]
    if positive == "short" and is_less_mean_noun:
        return _TURN_LESS_MEAN_NOUN
    return _TURN_FROM_WORDS[positive]


def compose(positive: Vectors, negative: Vector) -> Vectors:
    """Turn each row of `positive` (n, dim) away from `negative` (dim,).

    A row is the weighted sum of the positive terms of a query, and `negative` the sum of its
    `negative_rows`. The part of `negative` that is orthogonal to the row is scaled to the length
    of `negative` and added to it. The results (n, dim) are not of length 1.
    """
    positive_factors, negative_factors = factors(positive, negative)
    rows: Vectors = positive * positive_factors[:, None] + negative * negative_factors[:, None]
    return rows


def factors(positive: Vectors, negative: Vector) -> tuple[Vector, Vector]:
    """Return the factors (n,) of each row of `positive`, and (n,) of `negative`, in `compose`."""
    import numpy as np

    along, orthogonal = _split(positive, negative)
    length = np.linalg.norm(negative)
    divisors: Vector = np.maximum(orthogonal, max(_ALIKE * float(length), 1e-12))
    scales: Vector = length / divisors
    return 1 - scales * along, scales


def shared(kinds: Sequence[TermKind], weights: Vector) -> Vector:
    """Return the weights (terms,) of a query with the shares of positive directions and examples.

    A direction has its share in any query, and an example beside positive words.
    """
    import numpy as np

    is_positive = weights > 0
    has_words = any(
        kind not in ("image", "direction") and positive
        for kind, positive in zip(kinds, is_positive.tolist(), strict=True)
    )
    shares = {"direction": DIRECTION_SHARE, "image": EXAMPLE_SHARE if has_words else 1.0}
    factors = np.array([shares.get(kind, 1.0) for kind in kinds], np.float32)
    return np.where(is_positive, weights * factors, weights)


def cancels_out(positive: Vector, negative: Vector) -> bool:
    """Return whether `negative` (dim,) has no direction of its own beside `positive` (dim,).

    Both are weighted sums of the vectors of terms.
    """
    import numpy as np

    _, (orthogonal,) = _split(positive[None], negative)
    return not orthogonal > _ALIKE * np.linalg.norm(negative)


def _split(positive: Vectors, negative: Vector) -> tuple[Vector, Vector]:
    """`negative` as a multiple (n,) of each row of `positive`, and the length (n,) of the rest."""
    import numpy as np

    squares = np.maximum((positive * positive).sum(axis=1), 1e-12)
    along: Vector = positive @ negative / squares
    rest: Vectors = negative - along[:, None] * positive
    return along, np.linalg.norm(rest, axis=1)
