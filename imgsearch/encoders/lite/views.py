"""Two views of a photo, in the vector of the forms `lite+views` and `lite+dino+views`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from imgsearch.encoders.lite import heads
from imgsearch.encoders.lite.pixels import shrunk
from imgsearch.encoders.lite.spec import SIDE_PX
from imgsearch.records.arrays import PixelBatch, Vectors


def of_both(embed: Callable[[PixelBatch], Vectors]) -> Callable[[PixelBatch], Vectors]:
    """Embed the whole photo and its middle, where small things are larger, and take the mean.

    `embed` takes (n, 3, SIDE_PX, SIDE_PX); the result takes (n, 3, VIEWS_SIDE_PX, VIEWS_SIDE_PX).
    This finds more photos and takes twice as long.
    """

    def embed_both(batch: PixelBatch) -> Vectors:
        return heads.unit(embed(shrunk(batch, SIDE_PX)) + embed(_middle(batch)))

    return embed_both


def _middle(batch: PixelBatch) -> PixelBatch:
    """Return the middle of each prepared image, (n, 3, SIDE_PX, SIDE_PX)."""
    start = (batch.shape[2] - SIDE_PX) // 2
    middle = slice(start, start + SIDE_PX)
    return np.ascontiguousarray(batch[:, :, middle, middle], np.uint8)
