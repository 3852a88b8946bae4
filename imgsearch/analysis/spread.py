"""Some of many, spread evenly: the photos that are compared where one stands for many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_COMPARED = 24  # photos whose facts are read where one of them is chosen


def spread_over(ids: Sequence[int], most: int) -> Sequence[int]:
    """Return at most so many of the ids, spread evenly over all of them, in their order."""
    if len(ids) <= most:
        return ids
    return [ids[place] for place in places_spread_over(len(ids), most).tolist()]


def places_spread_over(number: int, most: int) -> NDArray[np.int64]:
    """Return at most so many places (n,) in a list of `number` entries, spread evenly."""
    return np.linspace(0, number - 1, min(number, most)).round().astype(np.int64)
