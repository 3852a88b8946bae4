"""Every type that crosses a boundary between modules: frozen records and array aliases.

Arrays: `Vectors` are C-contiguous float32 of shape (n, dim), every row of length 1; `Ids` are
int64 of shape (n,). A score is a cosine similarity, float32 in [-1, 1], higher is better.
Times are aware or naive as the camera wrote them; sizes are bytes; sides are pixels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from imgsearch.doors import door

if TYPE_CHECKING:  # numpy costs start-up time that `--help` need not pay
    import numpy as np
    from numpy.typing import NDArray

    from imgsearch.records.answers import Answer, Hit, Level, Neighbours, Verdict
    from imgsearch.records.files import Changes, Decoded, Failure, FileStat, Outcome, Root, Want
    from imgsearch.records.photos import Facts, Parts, Photo
    from imgsearch.records.vectors import EncoderRow, SnapshotInfo
    from imgsearch.records.views import Counts, EncoderInfo, Explanation, Pair, Pairs, Status

    Vectors: TypeAlias = NDArray[np.float32]  # (n, dim), rows of length 1
    Vector: TypeAlias = NDArray[np.float32]  # (dim,), length 1
    Ids: TypeAlias = NDArray[np.int64]  # (n,)
    Pixels: TypeAlias = NDArray[np.uint8] | NDArray[np.float32]  # (3, side_px, side_px)
    PixelBatch: TypeAlias = NDArray[np.uint8] | NDArray[np.float32]  # (n, 3, side_px, side_px)

__all__ = [
    "Answer",
    "Changes",
    "Counts",
    "Decoded",
    "EncoderInfo",
    "EncoderRow",
    "Explanation",
    "Facts",
    "Failure",
    "FileStat",
    "Hit",
    "Level",
    "Neighbours",
    "Outcome",
    "Pair",
    "Pairs",
    "Parts",
    "Photo",
    "Root",
    "SnapshotInfo",
    "Status",
    "Verdict",
    "Want",
]

_HOMES = {
    "Answer": "answers",
    "Changes": "files",
    "Counts": "views",
    "Decoded": "files",
    "EncoderInfo": "views",
    "EncoderRow": "vectors",
    "Explanation": "views",
    "Facts": "photos",
    "Failure": "files",
    "FileStat": "files",
    "Hit": "answers",
    "Level": "answers",
    "Neighbours": "answers",
    "Outcome": "files",
    "Pair": "views",
    "Pairs": "views",
    "Parts": "photos",
    "Photo": "photos",
    "Root": "files",
    "SnapshotInfo": "vectors",
    "Status": "views",
    "Verdict": "answers",
    "Want": "files",
}

# Each frozen record takes half a millisecond to make, and a query needs a few of them.
__getattr__ = door(__name__, _HOMES)
