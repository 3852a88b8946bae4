"""The built-in encoder `lite`: photos and words in one space, on any CPU, without a model hub."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from imgsearch.cores import usable_cores
from imgsearch.encoders.batching import BatchScheduler
from imgsearch.encoders.checksums import sha256_of
from imgsearch.encoders.device import CPU_BATCHES, CpuDevice, cpu_batch_size
from imgsearch.encoders.lite import heads, towers, weights
from imgsearch.encoders.lite.heads import CURRENT, HeadsFile
from imgsearch.encoders.lite.spec import CONTEXT_LENGTH, SIDE_PX, VIEWS_SIDE_PX
from imgsearch.encoders.measurements import BatchSizes
from imgsearch.errors import EncoderError
from imgsearch.installation import restore_command

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
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
        path = heads_file.path
        if not path.is_file() or sha256_of(path) != heads_file.sha256:
            raise EncoderError(f"{path} is damaged or missing. Restore it: {restore_command(path)}")
        weights.require()
        self._heads_file, self._heads = heads_file, heads.load(path)
        self._views = views
        self._cache_dir = cache_dir
        self._threads = threads or usable_cores()
        self._batch_size = batch_size or cpu_batch_size(self._threads)
        self._loading = Lock()
        self._images: BatchScheduler | None = None
        self._text_tower: InferenceSession | None = None
        self._word_pieces: towers.WordPieces | None = None

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
        """Squash the whole image to a square, (3, side_px, side_px) uint8, without cropping.

        Bicubic with antialias. Safe in any thread.
        """
        from PIL.Image import Resampling  # Pillow: not for a text query

        if image.mode != "RGB":
            image = image.convert("RGB")
        # A first coarse shrink by whole factors saves time and loses nothing that this model sees.
        size = (self.side_px, self.side_px)
        small = image.resize(size, Resampling.BICUBIC, reducing_gap=3.0)
        return np.ascontiguousarray(np.asarray(small).transpose(2, 0, 1))

    def encode_pixels(self, batch: PixelBatch) -> Vectors:
        """Embed prepared images, (n, 3, side_px, side_px) uint8, as (n, dim) rows of length 1."""
        side_px = self.side_px
        if batch.dtype != np.uint8 or batch.shape[1:] != (3, side_px, side_px):
            raise EncoderError(
                f"`lite` takes uint8 of shape (n, 3, {side_px}, {side_px}), not {batch.dtype} "
                f"of shape {batch.shape}. Make each image with its own prepare()."
            )
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
            return heads.unit(embed(_shrunk(batch)) + embed(_middle(batch)))

        device = CpuDevice(embed_views if self._views else embed, self.dim, self.side_px)
        sizes = BatchSizes(self._cache_dir, self.id)
        return BatchScheduler(device, sizes, self.batch_size)

    # ------------------------------------------------------------------------ texts

    def token_count(self, text: str) -> int:
        """The number of word pieces of `text` before it is cut off, with begin and end marks."""
        return len(self._tokenizer().ids(text))

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Embed texts as (n, dim) float32 rows of length 1. Ignores case."""
        with self._loading:
            if self._text_tower is None:
                self._text_tower = towers.open_text_tower(self._cache_dir, self._threads)
        rows = towers.encode(self._text_tower, self._tokenizer(), texts)
        return self._heads.text_vectors(rows)

    def _tokenizer(self) -> towers.WordPieces:
        with self._loading:
            if self._word_pieces is None:
                self._word_pieces = towers.WordPieces()
            return self._word_pieces


def _shrunk(batch: PixelBatch) -> PixelBatch:
    """The whole of each prepared image, (n, 3, 260, 260)."""
    from PIL import Image

    images = [Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0))) for pixels in batch]
    small = [image.resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC) for image in images]
    return np.stack([np.asarray(image, np.uint8).transpose(2, 0, 1) for image in small])


def _middle(batch: PixelBatch) -> PixelBatch:
    """The middle of each prepared image, (n, 3, 260, 260)."""
    start = (batch.shape[2] - SIDE_PX) // 2
    middle = slice(start, start + SIDE_PX)
    return np.ascontiguousarray(batch[:, :, middle, middle], np.uint8)
