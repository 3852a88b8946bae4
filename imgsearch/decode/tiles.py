"""Chooses the images of a photo to embed: the whole, and tiles of a very wide or tall one.

A model sees a square of a few hundred pixels. The ends of a panorama are a few pixels wide in it,
or cropped; as a tile of its own each end can be found. A photo's score is that of its best part.
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct

from imgsearch.records.files import Decoded

if TYPE_CHECKING:
    from PIL.Image import Image

Box: TypeAlias = tuple[int, int, int, int]  # left, top, right, bottom; Pillow's order


class TilingPolicy(Struct, frozen=True):
    """The tiling of panoramas. Chosen by measurement: research/notes/panoramas.md.

    Aspects are the long side divided by the short side.
    """

    min_aspect: float = 2.0  # only photos beyond it get tiles
    min_side_px: int = 64  # the short side of a photo; a smaller tile shows nothing
    tile_aspect: float = 1.0
    overlap: float = 0.25  # the least share of a tile that the next one repeats
    max_tiles: int = 8  # a longer photo gets longer tiles


DEFAULT_TILING = TilingPolicy()


def images_to_embed(
    decoded: Decoded, policy: TilingPolicy = DEFAULT_TILING
) -> tuple[list[Image], tuple[float, ...]]:
    """Return the images to embed of one file, the most general first, and their times in seconds.

    A photo gives the whole image, then its tiles, and no times; a video its frames.
    """
    image = decoded.image
    if decoded.times_s:
        return [image, *decoded.others], decoded.times_s
    if min(decoded.facts.width_px, decoded.facts.height_px) < policy.min_side_px:
        return [image], ()
    return [image, *(image.crop(box) for box in tiles(*image.size, policy))], ()


def tiles(width_px: int, height_px: int, policy: TilingPolicy = DEFAULT_TILING) -> list[Box]:
    """Return the boxes of the tiles of an image: evenly spaced, from end to end.

    Empty for most images.
    """
    long_px, short_px = max(width_px, height_px), min(width_px, height_px)
    if long_px <= policy.min_aspect * short_px:
        return []
    step = 1 - policy.overlap  # as a share of a tile's length
    count = ceil((long_px / (policy.tile_aspect * short_px) - 1) / step) + 1
    count = min(count, policy.max_tiles)
    length_px = max(round(policy.tile_aspect * short_px), ceil(long_px / (1 + (count - 1) * step)))
    starts = [round(n * (long_px - length_px) / max(1, count - 1)) for n in range(count)]
    if width_px >= height_px:
        return [(start, 0, start + length_px, height_px) for start in starts]
    return [(0, start, width_px, start + length_px) for start in starts]
