"""One model for many askers: texts that wait for it are embedded in one batch."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

    from imgsearch.encoders.base import Encoder
    from imgsearch.records.arrays import PixelBatch, Pixels, Vectors

TEXTS_AT_ONCE = 256  # more would make those at the front wait for those at the end


@dataclass(frozen=True, slots=True)
class _Waiting:
    texts: tuple[str, ...]
    vectors: Future[Vectors] = field(default_factory=Future)


class BatchingEncoder:
    """An encoder that is safe in any number of threads, and faster for many than for one.

    Nobody waits for company: who finds the model idle has it at once, and all who come meanwhile
    have it together next. A text that cannot be embedded fails for its own asker only.
    """

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder
        self._waiting: deque[_Waiting] = deque()
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
        return 1  # in turn with the texts

    @property
    def logit_scale(self) -> float:
        return self.encoder.logit_scale

    @property
    def context_length(self) -> int:
        return self.encoder.context_length

    def token_count(self, text: str) -> int:
        """As the encoder counts."""
        return self.encoder.token_count(text)

    def prepare(self, image: Image) -> Pixels:
        """As the encoder does; safe in any thread already."""
        return self.encoder.prepare(image)

    def encode_pixels(self, batch: PixelBatch) -> Vectors:
        """As the encoder does, in turn with the texts."""
        with self._encoding:
            return self.encoder.encode_pixels(batch)

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Embed texts as (n, dim) rows of length 1, in one batch with those of other threads."""
        mine = _Waiting(tuple(texts))
        self._waiting.append(mine)
        with self._encoding:
            while not mine.vectors.done():
                self._encode(self._next_batch())
        return mine.vectors.result()

    def _next_batch(self) -> list[_Waiting]:
        """Those who wait, in the order they came, as far as they fit."""
        batch = [self._waiting.popleft()]
        count = len(batch[0].texts)
        while self._waiting and count + len(self._waiting[0].texts) <= TEXTS_AT_ONCE:
            batch.append(self._waiting.popleft())
            count += len(batch[-1].texts)
        return batch

    def _encode(self, batch: Sequence[_Waiting]) -> None:
        try:
            rows = self.encoder.encode_texts([text for each in batch for text in each.texts])
        except Exception as error:  # noqa: BLE001  # it is raised where it belongs
            if len(batch) == 1:
                batch[0].vectors.set_exception(error)
            else:
                for each in batch:
                    self._encode([each])
            return
        start = 0
        for each in batch:
            end = start + len(each.texts)
            each.vectors.set_result(rows[start:end])
            start = end
