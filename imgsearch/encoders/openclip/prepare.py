"""Scaling and cropping a photo the way open_clip's own inference transform does, into uint8.

Normalisation is left to the tower: there it costs next to nothing, and a quarter of the bytes
travel.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image as PilImage
from PIL.Image import Resampling

if TYPE_CHECKING:
    from PIL.Image import Image

    from imgsearch.records.arrays import Pixels


@dataclass(frozen=True, slots=True)
class Preprocess:
    """What a model wants to see. `mean` and `std` are for pixels in [0, 1], one a channel."""

    side_px: int
    resize_mode: str  # shortest: scale and crop; squash: scale both sides; longest: scale and pad
    interpolation: str  # bicubic or bilinear
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    fill_color: int = 0

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Preprocess:
        """The one that `dataclasses.asdict` wrote down, as JSON gives it back."""
        return cls(**{**facts, "mean": tuple(facts["mean"]), "std": tuple(facts["std"])})

    @property
    def fingerprint(self) -> str:
        """Short name of this preprocessing, for an encoder's id."""
        import hashlib

        digest = hashlib.sha256(repr((self.mean, self.std, self.fill_color)).encode()).hexdigest()
        return f"{self.side_px}px-{self.resize_mode}-{self.interpolation}-{digest[:6]}"

    def __call__(self, image: Image) -> Pixels:
        """An upright RGB image as uint8 of shape (3, side_px, side_px)."""
        if image.mode != "RGB":
            image = image.convert("RGB")
        filter_ = Resampling.BILINEAR if self.interpolation == "bilinear" else Resampling.BICUBIC
        image = image.resize(self._scaled_size(image), filter_)
        return np.ascontiguousarray(np.asarray(self._square(image)).transpose(2, 0, 1))

    def _scaled_size(self, image: Image) -> tuple[int, int]:
        side, (width, height) = self.side_px, image.size
        if self.resize_mode == "squash":
            return side, side
        if self.resize_mode == "longest":
            ratio = max(width, height) / side
            return max(1, round(width / ratio)), max(1, round(height / ratio))
        # torchvision cuts the longer side down, it does not round it
        if width <= height:
            return side, int(side * height / width)
        return int(side * width / height), side

    def _square(self, image: Image) -> Image:
        side, (width, height) = self.side_px, image.size
        if (width, height) == (side, side):
            return image
        if self.resize_mode == "longest":
            canvas = PilImage.new("RGB", (side, side), (self.fill_color,) * 3)
            canvas.paste(image, ((side - width) // 2, (side - height) // 2))
            return canvas
        left, top = round((width - side) / 2), round((height - side) / 2)
        return image.crop((left, top, left + side, top + side))
