"""Computes the Laplacian of a picture's brightness, and from it how much fine detail it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Grey = NDArray[np.uint8]

_STRIP_ROWS = 32
FLAT = 1.0  # variance of the brightness (0 to 255): below, there is nothing to be sharp


def laplacian(grey: Floats) -> Floats:
    """Four times each pixel (h, w) less its neighbours above, below and beside: (h - 2, w - 2).

    Its variance is large where a picture is in focus (Pech-Pacheco and others, "Diatom autofocusing
    in brightfield microscopy", ICPR 2000).
    """
    edges = 4 * grey[1:-1, 1:-1]
    for around in (grey[:-2, 1:-1], grey[2:, 1:-1], grey[1:-1, :-2], grey[1:-1, 2:]):
        edges -= around
    return edges


def fine_detail(grey: Grey) -> float | None:
    """Return the variance of the Laplacian divided by the variance of the brightness.

    So contrast and exposure hardly count.

    The picture is (h, w) from 0 to 255. None for one that is even: see `FLAT`.
    """
    # In strips, so that all arrays fit the cache of a processor core. Sums of squares are exact.
    import numpy as np

    height, width = grey.shape
    sums, squares = [0.0, 0.0], [0.0, 0.0]
    for start in range(0, height, _STRIP_ROWS):
        strip = grey[max(0, start - 1) : start + _STRIP_ROWS + 1].astype(np.float32)
        rows = grey[start : start + _STRIP_ROWS].astype(np.float64)
        for number, exact in enumerate((rows, laplacian(strip).astype(np.float64))):
            sums[number] += float(exact.sum())
            squares[number] += float(np.square(exact, out=exact).sum())
    counts = (height * width, (height - 2) * (width - 2))
    of_brightness, of_edges = (
        square / count - (total / count) ** 2
        for total, square, count in zip(sums, squares, counts, strict=True)
    )
    return None if of_brightness < FLAT else of_edges / of_brightness
