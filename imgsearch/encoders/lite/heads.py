"""The part of `lite` that was trained here: small heads on top of the two frozen towers.

The vector of an image has two halves. ConSE (Norouzi et al. 2014, arXiv 1312.5650) places the image
among the texts of the classes it most resembles, which serves photos of any kind. The head, trained
on captions with CLIP's loss (Radford et al. 2021) over locked towers (LiT, Zhai et al. 2022), reads
what happens in it. The vector of a text is the tower's own and the head's. The halves are weighted
so that one inner product is alpha · cosine(conse, text) + (1 - alpha) · cosine(head, head).
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

HEADS_FILE = Path(__file__).with_name("heads.safetensors")
HEADS_SHA256 = "efd6afe1c5f5bd4ee7e646da0ffa9477feea885dfc5a07ccd9950a05590a1452"

_CONSE_CLASSES, _CONSE_TEMPERATURE = 10, 2.0


@dataclass(frozen=True, slots=True)
class Heads:
    """All trained arrays, float32 in memory and float16 on disk where that loses nothing."""

    class_texts: Floats  # (1000, 384): the text tower's vector of each ImageNet class, length 1
    conse_map: Floats  # (384, out): C in the model card
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
        head = _product(placed, self.conse_map) + _product(features, self.feature_map)
        head += self.feature_bias
        return self._joined(placed, head)

    def text_vectors(self, texts: Floats) -> Vectors:
        """(n, 384) rows of length 1 from the text tower to (n, dim) rows of length 1."""
        return self._joined(texts, _product(texts, self.text_map))

    def _joined(self, base: Floats, head: Floats) -> Vectors:
        halves = (np.sqrt(self.alpha) * unit(base), np.sqrt(1 - self.alpha) * unit(head))
        return np.ascontiguousarray(np.concatenate(halves, axis=1), np.float32)


def conse(logits: Floats, class_texts: Floats) -> Floats:
    """The text vectors of the ten likeliest classes, weighted by softmax(logits / 2), length 1."""
    best = np.argpartition(logits, -_CONSE_CLASSES, axis=1)[:, -_CONSE_CLASSES:]
    weights = np.take_along_axis(logits, best, axis=1) / np.float32(_CONSE_TEMPERATURE)
    weights = np.exp(weights - weights.max(axis=1, keepdims=True))
    return unit(np.einsum("nk,nkd->nd", weights, class_texts[best]))


def _product(rows: Floats, matrix: Floats) -> Floats:
    """The matrix product, on one core.

    NumPy's own would wake a thread for each core, which then spins for a while and takes the core
    from the decoders: a fifth of the processor time of all indexing.
    """
    product: Floats = np.einsum("nf,fd->nd", rows, matrix)
    return product


def unit(rows: Floats) -> Floats:
    """Rows scaled to length 1, float32."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, 1e-12), np.float32)


# ---------------------------------------------------------------------------- on disk

_FLOAT16 = ("class_texts", "conse_map", "feature_map", "text_map")
_FLOAT32 = ("feature_bias", "ranges")  # small, and half precision would show
_NUMBERS = ("alpha", "logit_scale")


def load(path: Path) -> Heads:
    """Read a heads file. The caller has checked its checksum."""
    from safetensors.numpy import load_file

    stored = load_file(path)
    arrays = {name: stored[name].astype(np.float32) for name in (*_FLOAT16, *_FLOAT32)}
    alpha, logit_scale = (round(stored[name].item(), 6) for name in _NUMBERS)
    return Heads(**arrays, alpha=alpha, logit_scale=logit_scale)


def save(heads: Heads, path: Path) -> None:
    """Write a heads file, with the same bytes for the same heads."""
    from safetensors.numpy import save_file

    float16 = {name: np.ascontiguousarray(getattr(heads, name), np.float16) for name in _FLOAT16}
    float32 = {
        name: np.ascontiguousarray(getattr(heads, name), np.float32)
        for name in (*_FLOAT32, *_NUMBERS)
    }
    save_file(float16 | float32, path)
