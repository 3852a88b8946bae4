"""Models that put photos and words into one space: the Encoder protocol and the table of kinds.

A name is `lite` or `openclip:ARCH/PRETRAINED`, with `+int8` after it where the image tower works
in whole numbers. An encoder's `id` also names weights, preprocessing and version: vectors of two
ids never meet.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from imgsearch.doors import door
from imgsearch.errors import UsageError

if TYPE_CHECKING:
    from PIL.Image import Image

    from imgsearch.encoders.choice import Choice, choose, encoder_choices
    from imgsearch.jobs import OnDownload
    from imgsearch.records import PixelBatch, Pixels, Vectors

__all__ = ["Choice", "Encoder", "choose", "encoder_choices", "name_of", "open_encoder"]

LITE = "lite"
INT8, FP32 = "+int8", "+fp32"  # at the end of an open_clip name: its image tower's precision
KINDS = {
    LITE: "imgsearch.encoders.lite:Lite",
    "openclip": "imgsearch.encoders.openclip.encoder:OpenClip",
}


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


def open_encoder(
    name: str,
    cache_dir: Path,
    device: str = "auto",
    on_download: OnDownload | None = None,
    batch_size: int = 0,
) -> Encoder:
    """The encoder of that name, its weights fetched if need be and ready to use.

    `name` is what `choose` gives: `lite` or `openclip:ARCH/PRETRAINED`, which is in float32 unless
    `+int8` follows. Exports and the like are kept in `cache_dir`. `device` is auto, cpu, cuda,
    cuda:1 or mps. `on_download` hears of every download: first its size, then its progress.
    `batch_size` is how many photos the model takes at once; 0: as many as are fastest here.
    Raises UsageError for an unknown name, EncoderUnavailable when weights are neither here nor to
    be had, EncoderError when broken.
    """
    from imgsearch.encoders.choice import choose

    name = choose(name, device).name
    kind, _, model = name.partition(":")
    module, _, attribute = KINDS[kind].partition(":")
    make = cast(Callable[..., Encoder], getattr(importlib.import_module(module), attribute))
    if kind == LITE:
        return make(cache_dir, batch_size=batch_size)
    return make(model, cache_dir, device, on_download, batch_size)


def plain(name: str) -> str:
    """The name of an encoder without a precision."""
    return name.removesuffix(INT8).removesuffix(FP32)


def means(asked: str, name: str) -> bool:
    """Whether the name `asked` for fits an encoder of that `name`: `+fp32` is said by asking only.

    A name without a precision fits both.
    """
    return asked in (name, plain(name)) or (asked == name + FP32 and not name.endswith(INT8))


def name_of(encoder_id: str) -> str:
    """The name of the encoder that has this id."""
    kind = next((kind for kind in KINDS if encoder_id.startswith(kind)), None)
    if kind is None:
        raise UsageError(
            f"The library was made with {encoder_id}, an encoder this imgsearch does not have. "
            "Install the imgsearch that made it, or: imgsearch rebuild --encoder lite"
        )
    return LITE if kind == LITE else encoder_id.partition("@")[0]


# What is known of the models to choose from is no business of a query.
__getattr__ = door(__name__, {"Choice": "choice", "choose": "choice", "encoder_choices": "choice"})
