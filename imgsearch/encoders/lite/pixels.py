"""The pixels that the image towers take: whole photos, squashed to a square without cropping."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from imgsearch.errors import EncoderError

if TYPE_CHECKING:
    from PIL.Image import Image

    from imgsearch.records.arrays import PixelBatch, Pixels


def squashed(image: Image, side_px: int) -> Pixels:
    """Squash the whole image to a square, (3, side_px, side_px) uint8, without cropping.

    Bicubic with antialias. Safe in any thread.
    """
    from PIL.Image import Resampling  # Pillow: not for a text query

    if image.mode != "RGB":
        image = image.convert("RGB")
    # A first coarse shrink by whole factors saves time and loses nothing that these models see.
    small = image.resize((side_px, side_px), Resampling.BICUBIC, reducing_gap=3.0)
    return np.ascontiguousarray(np.asarray(small).transpose(2, 0, 1))


def require_squashed(batch: PixelBatch, side_px: int) -> None:
    """Raise EncoderError for a batch that `squashed` did not make."""
    if batch.dtype != np.uint8 or batch.shape[1:] != (3, side_px, side_px):
        raise EncoderError(
            f"`lite` takes uint8 of shape (n, 3, {side_px}, {side_px}), not {batch.dtype} "
            f"of shape {batch.shape}. Make each image with its own prepare()."
        )


def shrunk(batch: PixelBatch, side_px: int) -> PixelBatch:
    """Shrink prepared images to (n, 3, side_px, side_px)."""
    from PIL import Image

    images = [Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0))) for pixels in batch]
    small = [image.resize((side_px, side_px), Image.Resampling.BICUBIC) for image in images]
    return np.stack([np.asarray(image, np.uint8).transpose(2, 0, 1) for image in small])
