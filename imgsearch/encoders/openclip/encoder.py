"""OpenClip: the Encoder over one open_clip model."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from imgsearch.encoders.openclip import catalogue, hub
from imgsearch.errors import UsageError

if TYPE_CHECKING:
    from PIL.Image import Image

    from imgsearch.encoders.openclip.torch_tokens import TorchTokens
    from imgsearch.encoders.openclip.towers import Towers
    from imgsearch.records import PixelBatch, Pixels, Vectors

VERSION = 1  # of what lies between a photo and its vector here; part of every id
RANDOM = "random"


class OpenClip:
    """One open_clip model. Its weights are here once it is made; a tower loads when first used.

    `model` is ARCH/PRETRAINED. `device` is auto (CUDA where there is one), cpu, cuda, cuda:1, mps.
    Raises UsageError for an unknown name, EncoderUnavailable when the weights are neither here
    nor to be had, EncoderError when they cannot be read.
    """

    def __init__(
        self,
        model: str,
        cache_dir: Path,
        device: str = "auto",
        on_download: hub.OnDownload | None = None,
    ) -> None:
        self._arch, self._tag = catalogue.split(model)
        self._seed = _seed_of(self._tag)
        self._cache_dir = cache_dir
        self._device_name = device
        self._lock = threading.Lock()
        self._weights = None if self._seed is not None else self._fetch(on_download)

    @property
    def name(self) -> str:
        return f"{catalogue.PREFIX}{self._arch}/{self._tag}"

    @cached_property
    def id(self) -> str:
        if self._weights is None:
            weights = f"seed{self._seed}"
        else:
            weights = hub.sha256_of(self._weights)[:16]
        return f"{self.name}@{weights}/{self._towers.preprocess.fingerprint}/{VERSION}"

    @property
    def dim(self) -> int:
        return self._towers.dim

    @property
    def side_px(self) -> int:
        return self._towers.preprocess.side_px

    @property
    def batch_size(self) -> int:
        return self._towers.batch_size

    @property
    def logit_scale(self) -> float:
        return self._towers.logit_scale

    @property
    def context_length(self) -> int:
        return self._tokens.context_length

    def token_count(self, text: str) -> int:
        return self._tokens.count(_clean(text))

    def prepare(self, image: Image) -> Pixels:
        return self._towers.preprocess(image)

    def encode_pixels(self, batch: PixelBatch) -> Vectors:
        return self._towers.images(batch)

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        if not texts:
            return np.zeros((0, self.dim), np.float32)
        return self._towers.texts(self._tokens.ids([_clean(text) for text in texts]))

    def _fetch(self, on_download: hub.OnDownload | None) -> Path:
        known = catalogue.known(self.name)
        if known is not None:
            return hub.fetch(known.repo, hub.WEIGHT_FILES, on_download)
        from imgsearch.encoders.openclip import towers

        place = str(towers.pretrained_config(self._arch, self._tag)["hf_hub"])
        repo, _, file = place.rpartition("/")
        return hub.fetch(repo, hub.weight_files(file), on_download)

    @cached_property
    def _towers(self) -> Towers:
        from imgsearch.encoders.openclip import towers

        device = towers.pick_device(self._device_name)
        if self._weights is None:
            model = towers.build_random(self._arch, self._seed or 0)
        else:
            model = towers.build_pretrained(self._arch, self._tag, self._weights)
        return towers.Towers(model, towers.dim_of(self._arch), device)

    @cached_property
    def _tokens(self) -> TorchTokens:
        from imgsearch.encoders.openclip.torch_tokens import TorchTokens

        return TorchTokens(self._arch)


def _seed_of(tag: str) -> int | None:
    """The seed of `random` or `random:SEED`; None for weights that were trained."""
    word, _, seed = tag.partition(":")
    if word != RANDOM:
        return None
    if seed and not seed.isdecimal():
        raise UsageError(f"The seed {seed!r} is no number. Write random or random:7.")
    return int(seed or 0)


def _clean(text: str) -> str:
    """The text without lone surrogates, which no tokenizer takes (file names have them)."""
    return text.encode("utf-8", "replace").decode("utf-8")
