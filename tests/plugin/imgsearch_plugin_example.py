"""A plug-in of imgsearch: an encoder that sees colours only, and an index that is exact.

The encoder embeds a photo by its mean colour, and a text by the colour that it names.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageColor

from imgsearch.encoders.base import EncoderKind
from imgsearch.index.base import BuildContext, BuiltIndex, Details, VectorIndex
from imgsearch.index.flat import FlatBackend
from imgsearch.index.policy import IndexPolicy
from imgsearch.records.arrays import PixelBatch, Pixels, Vectors

SIDE_PX = 8


class ExampleEncoder:
    """Embeds the mean colour."""

    id = "example@1"
    dim = 3
    side_px = SIDE_PX
    batch_size = 16
    batches_at_once = 1
    logit_scale = 100.0
    context_length = 77

    def token_count(self, text: str) -> int:
        return len(text.split())

    def prepare(self, image: Image.Image) -> Pixels:
        small = image.resize((SIDE_PX, SIDE_PX))
        return np.asarray(small, np.uint8).transpose(2, 0, 1).copy()

    def encode_pixels(self, batch: PixelBatch) -> Vectors:
        return _unit(np.asarray(batch, np.float32).reshape(len(batch), 3, -1).mean(axis=2))

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        return _unit(np.array([_colour(text) for text in texts], np.float32).reshape(-1, 3))


def _colour(text: str) -> tuple[int, ...]:
    for word in text.split():
        if word in ImageColor.colormap:
            return ImageColor.getrgb(word)
    return (128, 128, 128)


def _unit(rows: Vectors) -> Vectors:
    rows = rows - 127.5
    lengths = np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)
    return np.ascontiguousarray(rows / lengths, np.float32)


class ExampleBackend:
    """The index `flat` of imgsearch under another name."""

    name = "example"

    def __init__(self) -> None:
        self._flat = FlatBackend()

    def build(self, context: BuildContext) -> BuiltIndex:
        return self._flat.build(context)

    def open(self, path: Path, details: Details, policy: IndexPolicy) -> VectorIndex:
        return self._flat.open(path, details, policy)


KIND = EncoderKind(prefix="example", open=lambda name, *arguments: ExampleEncoder())
BACKEND = ExampleBackend()
