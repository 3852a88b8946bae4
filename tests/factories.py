"""Makes what many tests need: vectors, pictures, photos on disk, records."""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

if TYPE_CHECKING:
    from imgsearch.encoders.base import Encoder
    from imgsearch.records.arrays import PixelBatch, Vectors

# ---------------------------------------------------------------------------- vectors


def unit(rows: NDArray[Any]) -> NDArray[np.float32]:
    """The same directions with length 1 along the last axis, as float32."""
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.ascontiguousarray(rows / lengths, np.float32)


def random_vectors(count: int, dim: int, seed: int = 1) -> Vectors:
    """Vectors in all directions alike: (count, dim)."""
    return unit(np.random.default_rng(seed).standard_normal((count, dim)))


def cosines(a: Vectors, b: Vectors) -> Vectors:
    """The cosine of each row of `a` with the same row of `b`."""
    return np.asarray((a * b).sum(axis=1))


def prepared(encoder: Encoder, images: Iterable[Image.Image]) -> PixelBatch:
    """The images as one batch of pixels for the encoder."""
    return cast("PixelBatch", np.stack([encoder.prepare(image) for image in images]))


def embed(encoder: Encoder, images: Iterable[Image.Image]) -> Vectors:
    """The vectors of the images, computed as one batch."""
    return encoder.encode_pixels(prepared(encoder, images))


# ---------------------------------------------------------------------------- pictures


def heic(image: Image.Image, quality: int = 90, exif: bytes | None = None) -> bytes:
    """The bytes of a HEIC file of the image."""
    from pillow_heif import from_pillow

    buffer = BytesIO()
    from_pillow(image).save(buffer, format="HEIF", quality=quality, exif=exif)
    return buffer.getvalue()


def rgb_at(image: Image.Image, x: int, y: int) -> tuple[int, int, int]:
    """The pixel of an RGB image."""
    return cast("tuple[int, int, int]", image.getpixel((x, y)))
