"""What of a photo is embedded: the whole, and of a very wide or tall one pieces of it as well.

A model sees a square of a few hundred pixels. What lies at the ends of a panorama is a few pixels
wide there, or cut away; in a piece of its own it is seen. A photo's score is that of its best part.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, TypeAlias

from imgsearch.records.files import Decoded

if TYPE_CHECKING:
    from PIL.Image import Image

Box: TypeAlias = tuple[int, int, int, int]  # left, top, right, bottom; Pillow's order


@dataclass(frozen=True, slots=True)
class TilingPolicy:
    """How panoramas are cut. Chosen by `benchmarks/bench_panoramas.py`: docs/formats.md."""

    aspect_from: float = 2.0  # long side over short side; beyond it there are pieces
    side_px_from: int = 64  # of less, a piece shows nothing
    aspect: float = 1.0  # of a piece, along the long side
    overlap: float = 0.25  # at least this share of a piece is in the next one too
    most: int = 8  # pieces; of a longer photo they are longer


CUT = TilingPolicy()


def parts_of(decoded: Decoded, cut: TilingPolicy = CUT) -> tuple[list[Image], tuple[float, ...]]:
    """What to embed of a photo, the first being all of it; and, of a video, when each is seen."""
    image = decoded.image
    if decoded.times_s:
        return [image, *decoded.others], decoded.times_s
    if min(decoded.facts.width_px, decoded.facts.height_px) < cut.side_px_from:
        return [image], ()
    return [image, *(image.crop(box) for box in tiles(*image.size, cut))], ()


def tiles(width_px: int, height_px: int, cut: TilingPolicy = CUT) -> list[Box]:
    """Where the pieces of an image of this size lie: evenly spaced, from end to end; or none."""
    long_px, short_px = max(width_px, height_px), min(width_px, height_px)
    if long_px <= cut.aspect_from * short_px:
        return []
    step = 1 - cut.overlap  # of a piece's length
    count = ceil((long_px / (cut.aspect * short_px) - 1) / step) + 1
    count = min(count, cut.most)
    length_px = max(round(cut.aspect * short_px), ceil(long_px / (1 + (count - 1) * step)))
    starts = [round(place * (long_px - length_px) / max(1, count - 1)) for place in range(count)]
    if width_px >= height_px:
        return [(start, 0, start + length_px, height_px) for start in starts]
    return [(0, start, width_px, start + length_px) for start in starts]
