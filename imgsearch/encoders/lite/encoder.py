"""The built-in encoder `lite`: photos and words in one space, on any CPU, without a model hub."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from imgsearch.cores import usable_cores
from imgsearch.encoders.batching import BatchScheduler
from imgsearch.encoders.device import CPU_BATCHES, CpuDevice, cpu_batch_size
from imgsearch.encoders.lite import heads, towers, weights
from imgsearch.encoders.lite.heads import CURRENT, HeadsFile
from imgsearch.encoders.lite.pixels import require_squashed, shrunk, squashed
from imgsearch.encoders.lite.spec import CONTEXT_LENGTH, SIDE_PX, VIEWS_SIDE_PX
from imgsearch.encoders.measurements import BatchSizes

if TYPE_CHECKING:
    from PIL.Image import Image

    from imgsearch.records.arrays import PixelBatch, Pixels, Vectors


class Lite:
    """An Encoder of 768 dimensions made of two frozen towers and small trained heads.

    With `views`, the vector of a photo is the mean of the vectors of the whole photo and of its
    middle, where small things are larger. This finds more photos and takes twice as long.

    Each tower is exported once to `cache_dir` and loads when first used: a text query loads no
    image tower, and neither loads torch once exported. Safe to use from several threads.
    """

    def __init__(
        self,
        cache_dir: Path,
        threads: int | None = None,
        batch_size: int = 0,
        heads_file: HeadsFile = CURRENT,
        views: bool = False,
    ) -> None:
        """Read the heads.

        `threads` defaults to the cores that this process may use, and `batch_size`, the number of
        photos that the model takes at once, to the number that keeps these cores busy. Raises
        EncoderUnavailable if a weight package is missing, EncoderError if a file is not the one
        that `lite` was made with.
        """
        weights.require(weights.LITE_FILES)
        self._heads_file, self._heads = heads_file, heads.load(heads_file.verified())
        self._views = views
        self._cache_dir = cache_dir
        self._threads = threads or usable_cores()
        self._batch_size = batch_size or cpu_batch_size(self._threads)
        self._loading = Lock()
        self._images: BatchScheduler | None = None
        self._texts = towers.TextTower(cache_dir, self._threads)

    @property
    def id(self) -> str:
        """Generation, towers, preprocessing and heads: equal ids mean comparable vectors."""
        views = "+views" if self._views else ""
        return (
            f"lite/{self._heads_file.generation}{views}:efficientnet-lite2-int8-{SIDE_PX}-squash"
            f"+all-minilm-l6-v2-{CONTEXT_LENGTH}+heads-{self._heads_file.sha256[:12]}"
        )

    @property
    def dim(self) -> int:
        return self._heads.dim

    @property
    def side_px(self) -> int:
        return VIEWS_SIDE_PX if self._views else SIDE_PX

    @property
    def batch_size(self) -> int:
        return self._batch_size

    @property
    def batches_at_once(self) -> int:
        return CPU_BATCHES

    @property
    def logit_scale(self) -> float:
        """The scale fitted on Flickr8k's dev split to the likelihood of the right photo."""
        return self._heads.logit_scale

    @property
    def context_length(self) -> int:
        return CONTEXT_LENGTH

    # ------------------------------------------------------------------------ images

    def prepare(self, image: Image) -> Pixels:
        """Squash the whole image to a square, (3, side_px, side_px) uint8: see `squashed`."""
        return squashed(image, self.side_px)

    def encode_pixels(self, batch: PixelBatch) -> Vectors:
        """Embed prepared images, (n, 3, side_px, side_px) uint8, as (n, dim) rows of length 1."""
        require_squashed(batch, self.side_px)
        with self._loading:
            if self._images is None:
                self._images = self._load_images()
        return self._images(batch)

    def _load_images(self) -> BatchScheduler:
        tower = towers.open_image_tower(self._cache_dir, self._heads.ranges, self._threads)
        image_vectors = self._heads.image_vectors  # not `self`: that would be a reference cycle

        def embed(batch: PixelBatch) -> Vectors:
            return image_vectors(*tower.outputs(batch))

        def embed_views(batch: PixelBatch) -> Vectors:
            return heads.unit(embed(shrunk(batch, SIDE_PX)) + embed(_middle(batch)))

        device = CpuDevice(embed_views if self._views else embed, self.dim, self.side_px)
        sizes = BatchSizes(self._cache_dir, self.id)
        return BatchScheduler(device, sizes, self.batch_size)

    # ------------------------------------------------------------------------ texts

    def token_count(self, text: str) -> int:
        """The number of word pieces of `text` before it is cut off, with begin and end marks."""
        return self._texts.token_count(text)

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Embed texts as (n, dim) float32 rows of length 1. Ignores case."""
        return self._heads.text_vectors(self._texts.rows(texts))


def _middle(batch: PixelBatch) -> PixelBatch:
    """The middle of each prepared image, (n, 3, 260, 260)."""
    start = (batch.shape[2] - SIDE_PX) // 2
    middle = slice(start, start + SIDE_PX)
    return np.ascontiguousarray(batch[:, :, middle, middle], np.uint8)
