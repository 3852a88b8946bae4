"""The encoder `lite+dino`: `lite` with a second image tower, which finds more photos."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from imgsearch.cores import usable_cores
from imgsearch.encoders.batching import BatchScheduler
from imgsearch.encoders.device import CPU_BATCHES, CpuDevice, cpu_batch_size
from imgsearch.encoders.lite import dino_heads, towers, weights
from imgsearch.encoders.lite.dino_heads import CURRENT
from imgsearch.encoders.lite.heads import HeadsFile
from imgsearch.encoders.lite.pixels import require_squashed, shrunk, squashed
from imgsearch.encoders.lite.spec import CONTEXT_LENGTH, DINO_SIDE_PX, SIDE_PX
from imgsearch.encoders.measurements import BatchSizes

if TYPE_CHECKING:
    from PIL.Image import Image

    from imgsearch.records.arrays import PixelBatch, Pixels, Vectors


class LiteDino:
    """An Encoder of 768 dimensions made of three frozen towers and small trained heads.

    The text tower is that of `lite`, so a text takes no longer. Each tower is exported once to
    `cache_dir` and loads when first used. Safe to use from several threads.
    """

    def __init__(
        self,
        cache_dir: Path,
        threads: int | None = None,
        batch_size: int = 0,
        heads_file: HeadsFile = CURRENT,
    ) -> None:
        """Read the heads. Parameters and errors are those of `Lite`."""
        weights.require(weights.DINO_FILES)
        self._heads_file = heads_file
        self._heads = dino_heads.load(heads_file.verified())
        self._cache_dir = cache_dir
        self._threads = threads or usable_cores()
        self._batch_size = batch_size or cpu_batch_size(self._threads)
        self._loading = Lock()
        self._images: BatchScheduler | None = None
        self._texts = towers.TextTower(cache_dir, self._threads)

    @property
    def id(self) -> str:
        """Generation, towers, preprocessing and heads: equal ids mean comparable vectors."""
        return (
            f"lite/{self._heads_file.generation}+dino:efficientnet-lite2-int8-{SIDE_PX}-squash"
            f"+dinov2-vits14-int8-{DINO_SIDE_PX}+all-minilm-l6-v2-{CONTEXT_LENGTH}"
            f"+heads-{self._heads_file.sha256[:12]}"
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
        return CPU_BATCHES

    @property
    def logit_scale(self) -> float:
        """The scale fitted on Flickr8k's dev split to the likelihood of the right photo."""
        return self._heads.logit_scale

    @property
    def context_length(self) -> int:
        return CONTEXT_LENGTH

    def prepare(self, image: Image) -> Pixels:
        """Squash the whole image to a square, (3, side_px, side_px) uint8: see `squashed`."""
        return squashed(image, SIDE_PX)

    def encode_pixels(self, batch: PixelBatch) -> Vectors:
        """Embed prepared images, (n, 3, side_px, side_px) uint8, as (n, dim) rows of length 1."""
        require_squashed(batch, SIDE_PX)
        with self._loading:
            if self._images is None:
                self._images = self._load_images()
        return self._images(batch)

    def _load_images(self) -> BatchScheduler:
        trained = self._heads  # not `self`: that would be a reference cycle
        first = towers.open_image_tower(self._cache_dir, trained.ranges, self._threads)
        second = towers.open_dino_tower(self._cache_dir, self._threads)

        def embed(batch: PixelBatch) -> Vectors:
            features, logits = first.outputs(batch)
            return trained.image_vectors(features, second(shrunk(batch, DINO_SIDE_PX)), logits)

        device = CpuDevice(embed, self.dim, SIDE_PX)
        return BatchScheduler(device, BatchSizes(self._cache_dir, self.id), self.batch_size)

    def token_count(self, text: str) -> int:
        """The number of word pieces of `text` before it is cut off, with begin and end marks."""
        return self._texts.token_count(text)

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Embed texts as (n, dim) float32 rows of length 1. Ignores case."""
        return self._heads.text_vectors(self._texts.rows(texts))
