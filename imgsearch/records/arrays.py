"""Array types.

`Vectors` are C-contiguous float32 of shape (n, dim), every row of length 1; `Ids` are int64 of
shape (n,).
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Vectors: TypeAlias = NDArray[np.float32]  # (n, dim), rows of length 1
Vector: TypeAlias = NDArray[np.float32]  # (dim,), length 1
HalfVectors: TypeAlias = NDArray[np.float16]  # as they are stored
Ids: TypeAlias = NDArray[np.int64]  # (n,)
Degrees: TypeAlias = NDArray[np.float64]  # (n,), latitudes or longitudes
Pixels: TypeAlias = NDArray[np.uint8] | NDArray[np.float32]  # (3, side_px, side_px)
PixelBatch: TypeAlias = NDArray[np.uint8] | NDArray[np.float32]  # (n, 3, side_px, side_px)
