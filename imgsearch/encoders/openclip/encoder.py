"""OpenClip: the Encoder over one open_clip model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from imgsearch.encoders.openclip import catalogue
from imgsearch.encoders.openclip.runtime import Spec, open_runtime
from imgsearch.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    from imgsearch.jobs import OnDownload
    from imgsearch.records import PixelBatch, Pixels, Vectors

VERSION = 1  # of what lies between a photo and its vector here; part of every id
RANDOM = "random"


class OpenClip:
    """One open_clip model, ready to use once it is made.

    `model` is ARCH/PRETRAINED. `device` is auto (CUDA where there is one), cpu, cuda, cuda:1, mps.
    Raises UsageError for an unknown name, EncoderUnavailable when the weights are neither here
    nor to be had, EncoderError when they cannot be read. Warns where a CPU must do with torch.
    """

    def __init__(
        self,
        model: str,
        cache_dir: Path,
        device: str = "auto",
        on_download: OnDownload | None = None,
    ) -> None:
        arch, tag = catalogue.split(model)
        self._spec = Spec(arch, tag, _seed_of(tag))
        self._runtime = open_runtime(self._spec, cache_dir, device, on_download)

    @property
    def id(self) -> str:
        parts = (self._runtime.weights_id, self._runtime.preprocess.fingerprint, str(VERSION))
        return f"{self._spec.name}@{'/'.join(parts)}"

    @property
    def runs_on(self) -> str:
        """What does the work: "ONNX Runtime on cpu", "torch on cuda", …"""
        return self._runtime.label

    @property
    def dim(self) -> int:
        return self._runtime.dim

    @property
    def side_px(self) -> int:
        return self._runtime.preprocess.side_px

    @property
    def batch_size(self) -> int:
        return self._runtime.batch_size

    @property
    def logit_scale(self) -> float:
        return self._runtime.logit_scale

    @property
    def context_length(self) -> int:
        return self._runtime.context_length

    def token_count(self, text: str) -> int:
        return self._runtime.tokens.count(_without_surrogates(text))

    def prepare(self, image: Image) -> Pixels:
        return self._runtime.preprocess(image)

    def encode_pixels(self, batch: PixelBatch) -> Vectors:
        return self._in_batches(self._runtime.images, batch)

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        if len(texts) == 0:  # loads no tokenizer for nothing
            return self._in_batches(self._runtime.texts, np.empty((0, 0), np.int64))
        ids = self._runtime.tokens.ids([_without_surrogates(text) for text in texts])
        return self._in_batches(self._runtime.texts, ids)

    def _in_batches(self, tower: Callable[[NDArray[Any]], Vectors], rows: NDArray[Any]) -> Vectors:
        """What the tower makes of all rows, a batch at a time so that memory stays bounded."""
        size = self.batch_size
        parts = [tower(rows[start : start + size]) for start in range(0, len(rows), size)]
        return np.concatenate([np.empty((0, self.dim), np.float32), *parts])


def _seed_of(tag: str) -> int | None:
    """The seed of `random` or `random:SEED`; None for weights that were trained."""
    word, _, seed = tag.partition(":")
    if word != RANDOM:
        return None
    if seed and not seed.isdecimal():
        raise UsageError(f"The seed {seed!r} is no number. Write random, or random:7.")
    return int(seed or 0)


def _without_surrogates(text: str) -> str:
    """The text in valid Unicode: a file name may carry bytes that no tokenizer takes."""
    return text.encode("utf-8", "replace").decode("utf-8")
