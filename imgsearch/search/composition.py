"""How the terms of a query become one vector.

Positive terms are added. Negative terms turn the sum away from them, in the plane of both and by
an angle that depends only on the weights: weight 0.75 turns a single term by 37 degrees (the arc
tangent of 0.75). A plain difference turns further the less A and B have in common, and it takes
from A what B shares with it: it finds less of A without B than A alone does.
`benchmarks/bench_minus.py` compares the two.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imgsearch.records.arrays import Vector, Vectors

_ALIKE = 1e-3  # the least part of a negative term that counts as different from the positive ones


def compose(positive: Vectors, negative: Vector) -> Vectors:
    """Each row of `positive` (n, dim), turned away from what `negative` (dim,) stands for.

    A row is the weighted sum of the positive terms of a query, and `negative` that of its negative
    terms, with their negative weights. To the row is added the part of `negative` that is
    orthogonal to it, scaled to the length of `negative`. The results (n, dim) are not of length 1.
    """
    positive_factors, negative_factors = factors(positive, negative)
    rows: Vectors = positive * positive_factors[:, None] + negative * negative_factors[:, None]
    return rows


def factors(positive: Vectors, negative: Vector) -> tuple[Vector, Vector]:
    """The factors (n,) of each row of `positive`, and (n,) of `negative`, in `compose`."""
    import numpy as np

    along, orthogonal = _split(positive, negative)
    length = np.linalg.norm(negative)
    scales: Vector = length / np.maximum(orthogonal, max(_ALIKE * float(length), 1e-12))
    return 1 - scales * along, scales


def cancels_out(positive: Vector, negative: Vector) -> bool:
    """Whether `negative` (dim,) has nothing that `positive` (dim,) does not have."""
    import numpy as np

    _, (orthogonal,) = _split(positive[None], negative)
    return not orthogonal > _ALIKE * np.linalg.norm(negative)


def _split(positive: Vectors, negative: Vector) -> tuple[Vector, Vector]:
    """`negative` as a multiple (n,) of each row of `positive`, and the length (n,) of the rest."""
    import numpy as np

    squares = np.maximum((positive * positive).sum(axis=1), 1e-12)
    along: Vector = positive @ negative / squares
    rest: Vector = np.linalg.norm(negative - along[:, None] * positive, axis=1)
    return along, rest
