"""A small encoder for tests about files: it embeds in microseconds, and counts what it embeds.

Equal pictures get equal vectors of length 1, and others differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from imgsearch.encoders.base import EncoderKind

if TYPE_CHECKING:
    from PIL.Image import Image

    from imgsearch.progress import OnDownload
    from imgsearch.records.arrays import PixelBatch, Pixels, Vectors


class StandIn:
    """An encoder that projects a thumbnail of 8 × 8 pixels. By its id, its name is `lite`."""

    id = "lite/stand-in"
    dim = 32
    side_px = 8
    batch_size = 16
    logit_scale = 100.0
    batches_at_once = 1
    context_length = 77

    def __init__(self) -> None:
        self.embedded = 0
        noise = np.random.default_rng(7)
        self._matrix = noise.normal(size=(3 * 8 * 8, self.dim)).astype(np.float32)

    def token_count(self, text: str) -> int:
        return len(text.split()) + 2

    def prepare(self, image: Image) -> Pixels:
        return np.asarray(image.convert("RGB").resize((8, 8)), np.uint8).transpose(2, 0, 1).copy()

    def encode_pixels(self, batch: PixelBatch) -> Vectors:
        self.embedded += len(batch)
        return self._unit(batch.reshape(len(batch), -1).astype(np.float32) + 1)

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        rows = [np.frombuffer(text.encode().ljust(192)[:192], np.uint8) for text in texts]
        return self._unit(np.stack(rows).astype(np.float32))

    def _unit(self, rows: np.ndarray) -> Vectors:
        vectors = rows @ self._matrix
        return np.ascontiguousarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def open_stand_in(
    name: str,
    cache_dir: Path,
    device: str = "auto",
    on_download: OnDownload | None = None,
    batch_size: int = 0,
) -> StandIn:
    """Opens a StandIn of the kind below; an `imgsearch.encoders.base.OpenEncoder`."""
    encoder = StandIn()
    encoder.id = f"{KIND.prefix}@1"
    return encoder


# For tests that choose the encoder by its name, in another process or to release and open it again.
KIND = EncoderKind(prefix="stand-in", open=open_stand_in)
