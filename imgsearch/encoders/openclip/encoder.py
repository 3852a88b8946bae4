"""OpenClip: the Encoder over one open_clip model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from imgsearch.encoders.batching import BatchScheduler
from imgsearch.encoders.cache import BatchSizeCache
from imgsearch.encoders.openclip import catalogue
from imgsearch.encoders.openclip.catalogue import INT8
from imgsearch.encoders.openclip.runtime import INT8_FORMAT, Spec, open_runtime
from imgsearch.errors import UsageError

if TYPE_CHECKING:
    from PIL.Image import Image

    from imgsearch.progress import OnDownload
    from imgsearch.records.arrays import PixelBatch, Pixels, Vectors

VERSION = 1  # of what lies between a photo and its vector here; part of every id
RANDOM = "random"


class OpenClip:
    """One open_clip model, ready to use once it is made.

    `model` is ARCH/PRETRAINED, with +int8 after it for an image tower in whole numbers, which runs
    on the CPU. `device` is auto (CUDA where there is one), cpu, cuda, cuda:1, mps. `batch_size` is
    how many photos the model takes at once; 0: as many as are fastest here. Raises UsageError for
    an unknown name, EncoderUnavailable when the weights are neither here nor to be had,
    EncoderError when they cannot be read. Warns where a CPU must do with torch.
    """

    def __init__(
        self,
        model: str,
        cache_dir: Path,
        device: str = "auto",
        on_download: OnDownload | None = None,
        batch_size: int = 0,
    ) -> None:
        arch, tag = catalogue.split(model)
        self._spec = Spec(arch, tag, _seed_of(tag), model.endswith(INT8))
        self._runtime = open_runtime(self._spec, cache_dir, device, on_download)
        remembered = BatchSizeCache(cache_dir, self.id)
        self._images = BatchScheduler(self._runtime.image_device(), remembered, batch_size)

    @property
    def id(self) -> str:
        version = f"{VERSION}.{INT8_FORMAT}" if self._spec.int8 else str(VERSION)
        parts = (self._runtime.weights_id, self._runtime.preprocess.fingerprint, version)
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
        return self._images.batch_size

    @property
    def batches_at_once(self) -> int:
        return self._images.batches_at_once

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
        return self._images(batch)

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        if len(texts) == 0:  # loads no tokenizer for nothing
            return np.empty((0, self.dim), np.float32)
        ids = self._runtime.tokens.ids([_without_surrogates(text) for text in texts])
        size = self._runtime.texts_at_once  # a part at a time, so that memory stays bounded
        parts = [self._runtime.texts(ids[at : at + size]) for at in range(0, len(ids), size)]
        return np.concatenate(parts)


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
