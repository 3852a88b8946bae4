"""The built-in encoder `lite`: photos and words in one space, on any CPU, without a model hub."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Protocol

from imgsearch.cores import usable_cores
from imgsearch.encoders.batching import BatchScheduler
from imgsearch.encoders.device import CPU_BATCHES, CpuDevice, cpu_batch_size
from imgsearch.encoders.lite import towers
from imgsearch.encoders.lite.heads import Floats
from imgsearch.encoders.lite.pixels import require_squashed, squashed
from imgsearch.encoders.lite.plain import PlainForm
from imgsearch.encoders.lite.spec import CONTEXT_LENGTH
from imgsearch.encoders.measurements import BatchSizes
from imgsearch.records.arrays import PixelBatch, Pixels, Vectors

if TYPE_CHECKING:
    from PIL.Image import Image


class LiteForm(Protocol):
    """The image towers of a form of `lite`, and the heads that join them with the text tower.

    `id`, `dim`, `side_px` and `logit_scale` are those of the encoder.
    """

    @property
    def id(self) -> str: ...
    @property
    def dim(self) -> int: ...
    @property
    def side_px(self) -> int: ...
    @property
    def logit_scale(self) -> float: ...

    def text_vectors(self, rows: Floats) -> Vectors:
        """Turn (n, 1152) rows of the text tower into (n, dim) rows of length 1."""

    def open_images(self, cache_dir: Path, threads: int) -> Callable[[PixelBatch], Vectors]:
        """Open the image towers, to embed (n, 3, side_px, side_px) uint8 as rows of length 1.

        The function must not refer to an encoder: that would be a reference cycle.
        """


class Lite:
    """An Encoder of 768 dimensions made of frozen towers and small trained heads.

    Each tower is exported once to `cache_dir` and loads when first used: a text query loads no
    image tower, and none loads torch once exported. Safe to use from several threads.
    """

    def __init__(
        self,
        cache_dir: Path,
        threads: int | None = None,
        batch_size: int = 0,
        form: LiteForm | None = None,
    ) -> None:
        """Use this form, by default the plain one, whose errors this raises.

        `threads` defaults to the cores that this process may use, and `batch_size`, the number of
        photos that the model takes at once, to the number that keeps these cores busy.
        """
        self._form: LiteForm = PlainForm() if form is None else form
        self._cache_dir = cache_dir
        self._threads = threads or usable_cores()
        self._batch_size = batch_size or cpu_batch_size(self._threads)
        self._loading = Lock()
        self._images: BatchScheduler | None = None
        self._texts = towers.TextTower(cache_dir, self._threads)

    @property
    def id(self) -> str:
        """Generation, towers, preprocessing and heads: equal ids mean comparable vectors."""
        return self._form.id

    @property
    def dim(self) -> int:
        return self._form.dim

    @property
    def side_px(self) -> int:
        return self._form.side_px

    @property
    def batch_size(self) -> int:
        return self._batch_size

    @property
    def batches_at_once(self) -> int:
        return CPU_BATCHES

    @property
    def logit_scale(self) -> float:
        """The scale fitted on Flickr8k's dev split to the likelihood of the right photo."""
        return self._form.logit_scale

    @property
    def context_length(self) -> int:
        return CONTEXT_LENGTH

    def prepare(self, image: Image) -> Pixels:
        """Squash the whole image to a square, (3, side_px, side_px) uint8: see `squashed`."""
        return squashed(image, self.side_px)

    def encode_pixels(self, batch: PixelBatch) -> Vectors:
        """Embed prepared images, (n, 3, side_px, side_px) uint8, as (n, dim) rows of length 1."""
        require_squashed(batch, self.side_px)
        with self._loading:
            if self._images is None:
                embed = self._form.open_images(self._cache_dir, self._threads)
                device = CpuDevice(embed, self.dim, self.side_px)
                sizes = BatchSizes(self._cache_dir, self.id)
                self._images = BatchScheduler(device, sizes, self.batch_size)
        return self._images(batch)

    def token_count(self, text: str) -> int:
        """Return the number of word pieces of `text` before a cut, with begin and end marks."""
        return self._texts.token_count(text)

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Embed texts as (n, dim) float32 rows of length 1. Ignores case."""
        return self._form.text_vectors(self._texts.rows(texts))
