"""Computes the Laplacian of a picture's brightness, and from it how much fine detail it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

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


def fine_detail(grey: Floats) -> float:
    """The variance of the Laplacian, by that of the brightness: contrast and exposure hardly count.

    The picture (h, w) is not even: see `FLAT`.
    """
    return float(laplacian(grey).var()) / float(grey.var())
