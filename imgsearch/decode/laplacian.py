"""Computes the Laplacian of a picture's brightness, from which its sharpness is measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]


def laplacian(grey: Floats) -> Floats:
    """Four times each pixel (h, w) less its neighbours above, below and beside: (h - 2, w - 2).

    Its variance is large where a picture is in focus (Pech-Pacheco and others, "Diatom autofocusing
    in brightfield microscopy", ICPR 2000).
    """
    edges = 4 * grey[1:-1, 1:-1]
    for around in (grey[:-2, 1:-1], grey[2:, 1:-1], grey[1:-1, :-2], grey[1:-1, 2:]):
        edges -= around
    return edges
