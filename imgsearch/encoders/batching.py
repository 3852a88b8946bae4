"""Cuts photos into batches for a device, and joins texts of many threads into one batch.

A GPU works beside the CPU. So two batches are under way at any time: while one is
computed, the next is copied into the other slot and uploaded, and the vectors of the previous one
are downloaded. A CPU copies nothing, but computes the next batch on the cores that the last photos
of a batch leave idle.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from math import ceil
from queue import SimpleQueue
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct, field

from imgsearch.encoders.device import Device, DeviceOutOfMemory
from imgsearch.errors import EncoderError

if TYPE_CHECKING:
    from PIL.Image import Image

    from imgsearch.encoders.base import Encoder
    from imgsearch.encoders.measurements import BatchSizes
    from imgsearch.records.arrays import PixelBatch, Pixels, Vectors

MAX_BATCH_TEXTS = 256  # with more, the first in the batch would wait for the last
_TRIAL_S = 0.3  # for each size: enough for a dozen batches of a fast card
_TRIALS_S = 3.0  # after that no larger size is tried: a slow card is no faster with it
_FAST_ENOUGH = 0.95  # of the best images/s: differences below are noise, and memory is worth more


# ---------------------------------------------------------------------------- photos


class BatchScheduler:
    """Embeds any number of photos on a device, from any number of threads.

    Only this class cuts batches. Their size is `batch_size`, else the one in `sizes`, else the
    result of a trial timed by `clock`, which tries no candidate after `trials_s` seconds. When
    memory runs out, the size is halved for good.
    """

    def __init__(
        self,
        device: Device,
        sizes: BatchSizes,
        batch_size: int = 0,
        trials_s: float = _TRIALS_S,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._device, self._sizes = device, sizes
        self._trials_s, self._clock = trials_s, clock
        self._size = batch_size or None
        self._limit: int | None = None  # the size that fits into memory, once a batch did not
        self._choosing = threading.Lock()
        self._workers = ThreadPoolExecutor(device.slots, "imgsearch-device")
        self._slots: SimpleQueue[int] = SimpleQueue()
        for slot in range(device.slots):
            self._slots.put(slot)

    @property
    def batches_at_once(self) -> int:
        """The number of calls, of one batch each, that keep the device busy."""
        return self._device.slots

    @property
    def batch_size(self) -> int:
        """The number of photos embedded at once. The first call may wait for a trial."""
        with self._choosing:
            if self._size is None:
                self._size = self._best_size()
            return min(self._size, self._limit or self._size)

    def __call__(self, batch: PixelBatch) -> Vectors:
        """Embed photos (n, 3, side_px, side_px) as (n, dim) rows of length 1, in their order.

        Raises EncoderError if not even one photo fits into memory.
        """
        size = self._size_for(len(batch))
        parts = [batch[start : start + size] for start in range(0, len(batch), size)]
        none = np.empty((0, self._device.dim), np.float32)
        return np.concatenate([none, *self._embed_all(parts)])

    def _size_for(self, count: int) -> int:
        smallest = self._device.batch_sizes[0]
        return smallest if self._size is None and count <= smallest else self.batch_size

    def _embed_all(self, parts: Sequence[PixelBatch]) -> list[Vectors]:
        return list(self._workers.map(self._embed, parts))

    def _embed(self, part: PixelBatch) -> Vectors:
        """Embed one batch in a worker, which takes a slot; in pieces if it does not fit."""
        slot = self._slots.get()
        try:
            pieces: list[Vectors] = []
            done = 0
            while done < len(part):
                piece = part[done : done + (self._limit or len(part))]
                rows = self._run(slot, piece)
                if rows is None:
                    self._shrink(slot, len(piece))
                else:
                    pieces.append(rows)
                    done += len(piece)
            return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
        finally:
            self._slots.put(slot)

    def _run(self, slot: int, piece: PixelBatch) -> Vectors | None:
        """Return the vectors of a piece; None if memory ran out.

        An error instead of None would keep alive the frames that hold the memory.
        """
        try:
            self._device.upload(slot, piece)
            self._device.compute(slot)
            return self._device.download(slot)
        except DeviceOutOfMemory:
            return None

    def _shrink(self, slot: int, count: int) -> None:
        if count == 1:
            raise EncoderError(
                f"Not even one photo fits into the memory of {self._device.name}. "
                "Choose a smaller model or --device cpu."
            )
        self._device.release(slot)
        half = ceil(count / 2)
        self._limit = min(half, self._limit or half)

    # ------------------------------------------------------------------ the batch size

    def _best_size(self) -> int:
        sizes = self._device.batch_sizes
        if len(sizes) == 1:
            return sizes[0]
        return self._sizes.get(self._device.name) or self._by_trial(sizes)

    def _by_trial(self, sizes: Sequence[int]) -> int:
        until = self._clock() + self._trials_s
        size = smallest_fast_size(
            sizes, lambda size: self._images_per_s(size) if self._clock() < until else None
        )
        # Only the trial needed buffers for the largest batch.
        for slot in [self._slots.get() for _ in range(self._device.slots)]:
            self._device.release(slot)
            self._slots.put(slot)
        self._sizes.put(self._device.name, size)
        return size

    def _images_per_s(self, size: int) -> float | None:
        """Return the rate with batches of this size, one after the other.

        None if one does not fit.
        """
        shape = (size, 3, self._device.side_px, self._device.side_px)
        batch = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
        self._embed_all([batch] * self._device.slots)  # the first allocate and choose kernels
        if self._limit is not None and self._limit < size:
            return None
        count = 2 * self._device.slots
        seconds = self._seconds([batch] * count)
        if seconds < _TRIAL_S:
            count = ceil(count * _TRIAL_S / seconds)
            seconds = self._seconds([batch] * count)
        return count * size / seconds

    def _seconds(self, parts: Sequence[PixelBatch]) -> float:
        started = self._clock()
        self._embed_all(parts)
        return self._clock() - started


def smallest_fast_size(sizes: Sequence[int], images_per_s: Callable[[int], float | None]) -> int:
    """Return the smallest of ascending batch sizes that is about as fast as the fastest.

    `images_per_s` measures one size. It returns None if memory or time does not suffice; then no
    larger size is tried. If the first size already fails, it is the result.
    """
    rates = {sizes[0]: 0.0}
    for size in sizes:
        rate = images_per_s(size)
        if rate is None:
            break
        rates[size] = rate
    best = max(rates.values())
    return min(size for size, rate in rates.items() if rate >= _FAST_ENOUGH * best)


# ---------------------------------------------------------------------------- texts


class _TextRequest(Struct, frozen=True):
    texts: tuple[str, ...]
    vectors: Future[Vectors] = field(default_factory=Future)


class BatchingEncoder:
    """An encoder for any number of threads, whose texts it embeds together.

    No request waits for a batch to fill: an idle model runs at once, and the requests that arrive
    meanwhile form the next batch. A text that cannot be embedded fails only its own request.
    """

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder
        self._waiting: deque[_TextRequest] = deque()
        self._encoding = threading.Lock()

    @property
    def id(self) -> str:
        return self.encoder.id

    @property
    def dim(self) -> int:
        return self.encoder.dim

    @property
    def side_px(self) -> int:
        return self.encoder.side_px

    @property
    def batch_size(self) -> int:
        return self.encoder.batch_size

    @property
    def batches_at_once(self) -> int:
        return 1  # images and texts take turns

    @property
    def logit_scale(self) -> float:
        return self.encoder.logit_scale

    @property
    def context_length(self) -> int:
        return self.encoder.context_length

    def token_count(self, text: str) -> int:
        return self.encoder.token_count(text)

    def prepare(self, image: Image) -> Pixels:
        return self.encoder.prepare(image)

    def encode_pixels(self, batch: PixelBatch) -> Vectors:
        with self._encoding:
            return self.encoder.encode_pixels(batch)

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Embed texts as (n, dim) rows of length 1, in one batch with those of other threads."""
        request = _TextRequest(tuple(texts))
        self._waiting.append(request)
        with self._encoding:
            while not request.vectors.done():
                self._encode(self._next_batch())
        return request.vectors.result()

    def _next_batch(self) -> list[_TextRequest]:
        """Return the waiting requests in the order they came, up to `MAX_BATCH_TEXTS` texts.

        The batch has at least one request, however many texts that has.
        """
        batch = [self._waiting.popleft()]
        count = len(batch[0].texts)
        while self._waiting and count + len(self._waiting[0].texts) <= MAX_BATCH_TEXTS:
            batch.append(self._waiting.popleft())
            count += len(batch[-1].texts)
        return batch

    def _encode(self, batch: Sequence[_TextRequest]) -> None:
        try:
            rows = self.encoder.encode_texts([text for request in batch for text in request.texts])
        except Exception as error:  # noqa: BLE001  # raised in the thread whose request it is
            if len(batch) == 1:
                batch[0].vectors.set_exception(error)
            else:
                for request in batch:
                    self._encode([request])
            return
        start = 0
        for request in batch:
            end = start + len(request.texts)
            request.vectors.set_result(rows[start:end])
            start = end
