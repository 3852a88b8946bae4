"""The built-in encoder `lite`: photos and words in one space, on any CPU, with no model hub."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from imgsearch.encoders.batching import BatchScheduler
from imgsearch.encoders.cache import BatchSizeCache, sha256_of
from imgsearch.encoders.device import CpuDevice, cpu_batch_size, usable_cores
from imgsearch.encoders.lite import heads, towers, weights
from imgsearch.encoders.lite.heads import Heads
from imgsearch.encoders.lite.towers import CONTEXT_LENGTH, SIDE_PX, WordPieces
from imgsearch.errors import EncoderError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from PIL.Image import Image

    from imgsearch.records.arrays import PixelBatch, Pixels, Vectors

VERSION = 1  # raise it whenever vectors change for another reason than new heads
HEADS = Path(__file__).with_name("heads.safetensors")
HEADS_SHA256 = "efd6afe1c5f5bd4ee7e646da0ffa9477feea885dfc5a07ccd9950a05590a1452"


class Lite:
    """An Encoder of 768 dimensions made of two frozen towers and small trained heads.

    Each tower is prepared once in `cache_dir` and loads when first used: a text query loads no
    image tower, and neither loads torch once prepared. Safe to use from several threads.
    """

    def __init__(self, cache_dir: Path, threads: int | None = None, batch_size: int = 0) -> None:
        """Read the heads. `threads` defaults to the cores this process may use, and `batch_size`,
        how many photos the model takes at once, to what keeps them busy.

        Raises EncoderUnavailable when a weight package is missing, EncoderError when a file is
        not what `lite` was made with.
        """
        if not HEADS.is_file() or sha256_of(HEADS) != HEADS_SHA256:
            raise EncoderError(
                f"{HEADS} is damaged or missing. Install imgsearch-photos anew: "
                "pip install --force-reinstall --no-deps imgsearch-photos"
            )
        weights.require()
        self._heads: Heads = heads.load(HEADS)
        self._cache_dir = cache_dir
        self._threads = threads or usable_cores()
        self._batch_size = batch_size or cpu_batch_size(self._threads)
        self._loading = Lock()
        self._image: BatchScheduler | None = None
        self._text: InferenceSession | None = None
        self._words: WordPieces | None = None

    # ------------------------------------------------------------------------ facts

    @property
    def id(self) -> str:
        """Model, preprocessing, version and heads: equal ids mean comparable vectors."""
        return (
            f"lite/{VERSION}:efficientnet-lite2-int8-{SIDE_PX}-squash"
            f"+all-minilm-l6-v2-{CONTEXT_LENGTH}+heads-{HEADS_SHA256[:12]}"
        )

    @property
    def dim(self) -> int:
        return self._heads.dim

    @property
    def side_px(self) -> int:
        return SIDE_PX

    @property
    def batch_size(self) -> int:
        return self._batch_size

    @property
    def batches_at_once(self) -> int:
        return CpuDevice.slots

    @property
    def logit_scale(self) -> float:
        """Fitted on Flickr8k's dev split, to the likelihood of the right photo among 1,000."""
        return self._heads.logit_scale

    @property
    def context_length(self) -> int:
        return CONTEXT_LENGTH

    # ------------------------------------------------------------------------ images

    def prepare(self, image: Image) -> Pixels:
        """The whole image squashed to a square, (3, 260, 260) uint8, nothing cropped away.

        Bicubic with antialias. Safe in any thread.
        """
        from PIL.Image import Resampling

        if image.mode != "RGB":
            image = image.convert("RGB")
        # A first coarse shrink by whole factors costs nothing that an eye or this model can see.
        small = image.resize((SIDE_PX, SIDE_PX), Resampling.BICUBIC, reducing_gap=3.0)
        return np.ascontiguousarray(np.asarray(small).transpose(2, 0, 1))

    def encode_pixels(self, batch: PixelBatch) -> Vectors:
        """Embed prepared images, (n, 3, 260, 260) uint8, as (n, dim) float32 rows of length 1."""
        if batch.dtype != np.uint8 or batch.shape[1:] != (3, SIDE_PX, SIDE_PX):
            raise EncoderError(
                f"`lite` takes uint8 of shape (n, 3, {SIDE_PX}, {SIDE_PX}), not {batch.dtype} "
                f"of shape {batch.shape}. Make each image with its own prepare()."
            )
        return self._image_tower()(batch)

    # ------------------------------------------------------------------------ texts

    def token_count(self, text: str) -> int:
        """How many word pieces `text` has, begin and end marks included, before it is cut off."""
        return len(self._word_pieces().ids(text))

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Embed texts as (n, dim) float32 rows of length 1. Case makes no difference."""
        rows = towers.encode(self._text_tower(), self._word_pieces(), texts)
        return self._heads.text_vectors(rows)

    # ------------------------------------------------------------------------ towers

    def _image_tower(self) -> BatchScheduler:
        with self._loading:
            if self._image is None:
                heads = self._heads
                tower = towers.open_image_tower(self._cache_dir, heads.ranges, self._threads)
                host = CpuDevice(
                    lambda batch: heads.image_vectors(*tower.outputs(batch)), self.dim, SIDE_PX
                )
                self._image = BatchScheduler(
                    host, BatchSizeCache(self._cache_dir, self.id), self.batch_size
                )
            return self._image

    def _text_tower(self) -> InferenceSession:
        with self._loading:
            if self._text is None:
                self._text = towers.open_text_tower(self._cache_dir, self._threads)
            return self._text

    def _word_pieces(self) -> WordPieces:
        with self._loading:
            if self._words is None:
                self._words = WordPieces()
            return self._words
