"""OpenClip, an Encoder for one open_clip model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from imgsearch.encoders.batching import BatchScheduler
from imgsearch.encoders.measurements import BatchSizes
from imgsearch.encoders.openclip.catalogue import INT8, INT8_FORMAT, plain
from imgsearch.encoders.openclip.runtime import Runtime, open_runtime
from imgsearch.encoders.openclip.spec import ModelSpec
from imgsearch.progress import OnDownload

if TYPE_CHECKING:
    from PIL.Image import Image

    from imgsearch.records.arrays import PixelBatch, Pixels, Vectors

VERSION = 1  # of the steps from a photo to its vector; part of every id


class OpenClip:
    """One open_clip model, ready to use once it is created.

    `model` is ARCH/PRETRAINED, followed by +int8 for an image tower in int8, which runs on the CPU.
    `device` is auto (CUDA if there is any), cpu, cuda, cuda:1 or mps. `batch_size` is the number of
    photos that the model takes at once; 0 chooses the fastest. Raises UsageError for an unknown
    name, EncoderUnavailable if the weights are not on this machine and cannot be downloaded,
    EncoderError if they cannot be read. Warns if a CPU must use torch.
    """

    def __init__(
        self,
        model: str,
        cache_dir: Path,
        device: str = "auto",
        on_download: OnDownload | None = None,
        batch_size: int = 0,
    ) -> None:
        self._spec = ModelSpec.of(model)
        self.runtime: Runtime = open_runtime(self._spec, cache_dir, device, on_download)
        sizes = BatchSizes(cache_dir, self.id)
        self._images = BatchScheduler(self.runtime.image_device(), sizes, batch_size)

    @property
    def id(self) -> str:
        name, version = plain(self._spec.name), str(VERSION)
        if self._spec.int8:
            name, version = f"{name}{INT8}", f"{version}.{INT8_FORMAT}"
        parts = (self.runtime.weights_id, self.runtime.preprocess.fingerprint, version)
        return f"{name}@{'/'.join(parts)}"

    @property
    def dim(self) -> int:
        return self.runtime.dim

    @property
    def side_px(self) -> int:
        return self.runtime.preprocess.side_px

    @property
    def batch_size(self) -> int:
        return self._images.batch_size

    @property
    def batches_at_once(self) -> int:
        return self._images.batches_at_once

    @property
    def logit_scale(self) -> float:
        return self.runtime.logit_scale

    @property
    def context_length(self) -> int:
        return self.runtime.context_length

    def token_count(self, text: str) -> int:
        return self.runtime.tokens.count(_without_surrogates(text))

    def prepare(self, image: Image) -> Pixels:
        return self.runtime.preprocess(image)

    def encode_pixels(self, batch: PixelBatch) -> Vectors:
        return self._images(batch)

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        if len(texts) == 0:  # do not load a tokenizer for nothing
            return np.empty((0, self.dim), np.float32)
        ids = self.runtime.tokens.ids([_without_surrogates(text) for text in texts])
        size = self.runtime.text_batch_size  # bounds the memory
        parts = [self.runtime.texts(ids[at : at + size]) for at in range(0, len(ids), size)]
        return np.concatenate(parts)


def _without_surrogates(text: str) -> str:
    """Return the text in valid Unicode: a file name may carry bytes that no tokenizer takes."""
    return text.encode("utf-8", "replace").decode("utf-8")
