"""Boxes around faces: rectangles in shares of the sides of a picture."""

from __future__ import annotations

from typing import TypeAlias

Box: TypeAlias = tuple[float, float, float, float]  # left, top, width, height


def overlap(one: Box, other: Box) -> float:
    """Return the area that two boxes share, divided by the area of both together: 0 to 1."""
    (x, y, width, height), (left, top, across, down) = one, other
    shared_width = min(x + width, left + across) - max(x, left)
    shared_height = min(y + height, top + down) - max(y, top)
    common = max(0.0, shared_width) * max(0.0, shared_height)
    return common / max(1e-12, width * height + across * down - common)
