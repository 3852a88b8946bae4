"""The Encoder protocol and the parts of an encoder's name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from PIL.Image import Image

    from imgsearch.records.arrays import PixelBatch, Pixels, Vectors


LITE = "lite"


INT8, FP32 = "+int8", "+fp32"  # at the end of an open_clip name: its image tower's precision


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
        """How many images to hand to `encode_pixels` at once on this machine: it may cut more
        into batches of this size. Shrinks where memory runs out."""

    @property
    def batches_at_once(self) -> int:
        """How many threads to call `encode_pixels` from: two where a batch goes up to a device
        while it works on another, else one."""

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
        """Embed prepared images, shape (n, 3, side_px, side_px), as (n, dim) rows of length 1.

        Any number of them, from any thread.
        """

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Embed texts as (n, dim) rows of length 1."""


def plain(name: str) -> str:
    """The name of an encoder without a precision."""
    return name.removesuffix(INT8).removesuffix(FP32)


def means(asked: str, name: str) -> bool:
    """Whether the name `asked` for fits an encoder of that `name`: `+fp32` is said by asking only.

    A name without a precision fits both.
    """
    return asked in (name, plain(name)) or (asked == name + FP32 and not name.endswith(INT8))
