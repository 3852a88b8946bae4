"""The identity of an open_clip model, its preprocessing of photos, and the files of its export.

The encoder, the exporter and the runtimes share these.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import Struct

from imgsearch.encoders.openclip.catalogue import PREFIX, int8_of, split
from imgsearch.errors import UsageError

if TYPE_CHECKING:
    from PIL.Image import Image, Resampling

    from imgsearch.records.arrays import Pixels

IMAGE, TEXT, TOKENIZER = "image.onnx", "text.onnx", "tokenizer.json"  # the files of an export
FORMAT = 3  # of an export: raise it to have earlier exports made again
INT8_EXPORT = 3  # of the int8 weights: raise it to have them converted again

_RANDOM = "random"


class ModelSpec(Struct, frozen=True):
    """An open_clip model: its architecture, and the tag of its weights or a random seed.

    `int8` is the suffix INT8 for an image tower with int8 weights, "" for float32.
    """

    arch: str
    tag: str
    seed: int | None
    int8: str = ""

    @classmethod
    def of(cls, name: str) -> ModelSpec:
        """Return the model with a name, with or without prefix and precision. Raises UsageError."""
        arch, tag = split(name)
        return cls(arch, tag, seed_of(tag), int8_of(name))

    @property
    def name(self) -> str:
        return f"{PREFIX}{self.arch}/{self.tag}{self.int8}"

    def export_folder(self, cache_dir: Path) -> Path:
        """Return the folder of this model's export."""
        name = self.name.removeprefix(PREFIX)
        return cache_dir / "openclip" / name.replace("/", "--", 1).replace(":", "-")


def seed_of(tag: str) -> int | None:
    """Return the seed of `random` or `random:SEED`; None for trained weights."""
    word, _, seed = tag.partition(":")
    if word != _RANDOM:
        return None
    if seed and not seed.isdecimal():
        raise UsageError(f"The seed {seed!r} is not a number. Write random, or random:7.")
    return int(seed or 0)


class Preprocess(Struct, frozen=True):
    """The preprocessing of photos: scaled and cropped to uint8, like open_clip's transform.

    `mean` and `std` are for pixels in [0, 1], one per channel. The tower applies them: this costs
    next to nothing there, and uint8 pixels are a quarter of the bytes.
    """

    side_px: int
    resize_mode: str  # shortest: scale and crop; squash: scale both sides; longest: scale and pad
    interpolation: str  # bicubic or bilinear
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    fill_color: int = 0

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Preprocess:
        """Return the preprocessing that `asdict` wrote, read back from JSON."""
        return cls(**{**facts, "mean": tuple(facts["mean"]), "std": tuple(facts["std"])})

    @property
    def fingerprint(self) -> str:
        """A short name of this preprocessing, for an encoder's id."""
        digest = hashlib.sha256(repr((self.mean, self.std, self.fill_color)).encode()).hexdigest()
        return f"{self.side_px}px-{self.resize_mode}-{self.interpolation}-{digest[:6]}"

    def __call__(self, image: Image) -> Pixels:
        """Turn an upright RGB image into uint8 of shape (3, side_px, side_px)."""
        from PIL.Image import Resampling  # Pillow: not for a text query

        if image.mode != "RGB":
            image = image.convert("RGB")
        filter_ = Resampling.BILINEAR if self.interpolation == "bilinear" else Resampling.BICUBIC
        square = self._padded if self.resize_mode == "longest" else self._cropped
        scaled = square(image, filter_)
        planes = bytearray().join(scaled.tobytes("raw", channel) for channel in "RGB")
        return np.frombuffer(planes, np.uint8).reshape(3, self.side_px, self.side_px)

    def _scaled_size(self, image: Image) -> tuple[int, int]:
        side, (width, height) = self.side_px, image.size
        if self.resize_mode == "squash":
            return side, side
        if self.resize_mode == "longest":
            ratio = max(width, height) / side
            return max(1, round(width / ratio)), max(1, round(height / ratio))
        # Like torchvision, round the longer side down.
        if width <= height:
            return side, int(side * height / width)
        return int(side * width / height), side

    def _cropped(self, image: Image, filter_: Resampling) -> Image:
        """Return the middle of the scaled image.

        The rest, a quarter of a photo, is not computed.
        """
        side, (width, height) = self.side_px, self._scaled_size(image)
        left, top = round((width - side) / 2), round((height - side) / 2)
        unit_x, unit_y = image.width / width, image.height / height
        right = min(image.width, (left + side) * unit_x)  # rounding must not lead outside
        bottom = min(image.height, (top + side) * unit_y)
        return image.resize((side, side), filter_, (left * unit_x, top * unit_y, right, bottom))

    def _padded(self, image: Image, filter_: Resampling) -> Image:
        from PIL.Image import new

        side, (width, height) = self.side_px, self._scaled_size(image)
        canvas = new("RGB", (side, side), (self.fill_color,) * 3)
        scaled = image.resize((width, height), filter_)
        canvas.paste(scaled, ((side - width) // 2, (side - height) // 2))
        return canvas
