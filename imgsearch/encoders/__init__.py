"""Models that put photos and words into one space: the Encoder protocol and the table of kinds.

A name is `lite` or `openclip:ARCH/PRETRAINED`. An encoder's `id` also names weights,
preprocessing and version: vectors of two ids never meet.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from PIL.Image import Image

    from imgsearch.records import PixelBatch, Pixels, Vectors


class Encoder(Protocol):
    """A dual encoder. Towers load when first used, so a text query never loads the image tower."""

    @property
    def id(self) -> str:
        """Names model, weights, preprocessing and version; equal ids mean comparable vectors."""

    @property
    def dim(self) -> int:
        """Length of a vector."""

    @property
    def side_px(self) -> int:
        """Side of the square image the model sees."""

    @property
    def batch_size(self) -> int:
        """How many images to hand to `encode_pixels` at once on this machine."""

    @property
    def logit_scale(self) -> float:
        """What a cosine is multiplied by before a softmax over labels."""

    @property
    def context_length(self) -> int:
        """How many tokens of a text are read; the rest is cut off."""

    def token_count(self, text: str) -> int:
        """How many tokens `text` has, begin and end marks included, before it is cut off."""

    def prepare(self, image: Image) -> Pixels:
        """Scale and crop an upright sRGB image to (3, side_px, side_px). Safe in any thread."""

    def encode_pixels(self, batch: PixelBatch) -> Vectors:
        """Embed prepared images, shape (n, 3, side_px, side_px), as (n, dim) rows of length 1."""

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Embed texts as (n, dim) rows of length 1."""
