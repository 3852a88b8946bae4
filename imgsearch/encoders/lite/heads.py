"""The part of `lite` that was trained here: small heads on top of the two frozen towers.

An image has two halves. ConSE (Norouzi et al. 2014, arXiv 1312.5650) places it among the texts of
the classes it most resembles, which serves photos of any kind; the head, trained on captions with
CLIP's loss (Radford et al. 2021) over locked towers (LiT, Zhai et al. 2022), reads what happens in
it. A text has the tower's own vector and the head's. Halves are weighed so that one inner product
is alpha · cosine(conse, text) + (1 - alpha) · cosine(head, head).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from imgsearch.records.arrays import Vectors

Floats = NDArray[np.float32]

_CONSE_CLASSES, _CONSE_TEMPERATURE = 10, 2.0


@dataclass(frozen=True, slots=True)
class Heads:
    """All trained arrays, float32 in memory and float16 on disk where that loses nothing."""

    class_texts: Floats  # (1000, 384): what the text tower makes of each ImageNet class, length 1
    conse_map: Floats  # (384, out): C of the design
    feature_map: Floats  # (2048, out): W, for raw pooled features
    feature_bias: Floats  # (out,)
    text_map: Floats  # (384, out): T
    ranges: Floats  # (35, 2): the image tower's activation ranges
    alpha: float  # the weight of ConSE, 0 to 1
    logit_scale: float

    @property
    def dim(self) -> int:
        return int(self.class_texts.shape[1] + self.text_map.shape[1])

    def image_vectors(self, features: Floats, logits: Floats) -> Vectors:
        """(n, 2048) features and (n, 1000) logits to (n, dim) rows of length 1."""
        placed = conse(logits, self.class_texts)
        read = _product(placed, self.conse_map) + _product(features, self.feature_map)
        read += self.feature_bias
        return self._joined(placed, read)

    def text_vectors(self, texts: Floats) -> Vectors:
        """(n, 384) rows of length 1 from the text tower to (n, dim) rows of length 1."""
        return self._joined(texts, _product(texts, self.text_map))

    def _joined(self, base: Floats, read: Floats) -> Vectors:
        halves = (np.sqrt(self.alpha) * unit(base), np.sqrt(1 - self.alpha) * unit(read))
        return np.ascontiguousarray(np.concatenate(halves, axis=1), np.float32)


def conse(logits: Floats, class_texts: Floats) -> Floats:
    """The ten likeliest classes' text vectors, averaged by softmax(logits / 2), length 1."""
    best = np.argpartition(logits, -_CONSE_CLASSES, axis=1)[:, -_CONSE_CLASSES:]
    weights = np.take_along_axis(logits, best, axis=1) / np.float32(_CONSE_TEMPERATURE)
    weights = np.exp(weights - weights.max(axis=1, keepdims=True))
    return unit(np.einsum("nk,nkd->nd", weights, class_texts[best]))


def _product(rows: Floats, matrix: Floats) -> Floats:
    """The matrix product, on one core. NumPy's own would wake a thread for each core, which then
    spin for a while beside the decoders: a fifth of the processor time of all indexing."""
    product: Floats = np.einsum("nf,fd->nd", rows, matrix)
    return product


def unit(rows: Floats) -> Floats:
    """Rows brought to length 1, float32."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, 1e-12), np.float32)


# ---------------------------------------------------------------------------- on disk

_HALF = ("class_texts", "conse_map", "feature_map", "text_map")
_EXACT = ("feature_bias", "ranges")  # small, and used where half precision shows
_NUMBERS = ("alpha", "logit_scale")


def load(path: Path) -> Heads:
    """Read a heads file. The caller has checked its checksum."""
    from safetensors.numpy import load_file

    kept = load_file(path)
    arrays = {name: kept[name].astype(np.float32) for name in (*_HALF, *_EXACT)}
    alpha, logit_scale = (round(kept[name].item(), 6) for name in _NUMBERS)
    return Heads(**arrays, alpha=alpha, logit_scale=logit_scale)


def save(heads: Heads, path: Path) -> None:
    """Write a heads file: one safetensors file, the same bytes for the same heads."""
    from safetensors.numpy import save_file

    halves = {name: np.ascontiguousarray(getattr(heads, name), np.float16) for name in _HALF}
    exact = {
        name: np.ascontiguousarray(getattr(heads, name), np.float32)
        for name in (*_EXACT, *_NUMBERS)
    }
    save_file(halves | exact, path)
