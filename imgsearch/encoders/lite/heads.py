"""The trained part of `lite`: small heads on top of the two frozen towers.

The vector of an image has two halves. ConSE (Norouzi et al. 2014, arXiv 1312.5650) places the image
among the texts of the classes it most resembles, which serves photos of any kind. The head, trained
on captions with CLIP's loss (Radford et al. 2021) over locked towers (LiT, Zhai et al. 2022),
captures what happens in it. The vector of a text joins the vectors of the tower and of the head.
The halves are weighted so that one inner product is alpha · cosine(conse, text) + (1 - alpha) ·
cosine(head, head).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from imgsearch.encoders.lite.spec import TEXT_WIDTH

if TYPE_CHECKING:
    from imgsearch.records.arrays import Vectors

Floats = NDArray[np.float32]

_CONSE_TEMPERATURE = 2.0


class HeadsFile(Struct, frozen=True):
    """The heads file of one generation of `lite`, pinned by its sha256."""

    generation: int
    path: Path
    sha256: str


CURRENT = HeadsFile(
    2,
    Path(__file__).with_name("heads-2.safetensors"),
    "f64882a715e185ab53101c8ec895d9b7e4c32bbee2258c29f576866b87747b61",
)


class Heads(Struct, frozen=True):
    """All trained arrays, float32 in memory and float16 on disk if that loses nothing."""

    class_texts: Floats  # (1000, 384): the text tower's vector of each ImageNet class
    conse_classes: int  # the number of likeliest classes that place a photo
    conse_map: Floats  # (384, out): C in the model card
    feature_map: Floats  # (2048, out): W, for raw pooled features
    feature_bias: Floats  # (out,)
    text_mean: Floats  # (384,): of the text tower's vectors, subtracted from each
    text_map: Floats  # (1152, out): T
    text_bias: Floats  # (out,)
    ranges: Floats  # (35, 2): the image tower's activation ranges
    alpha: float  # the weight of ConSE, 0 to 1
    logit_scale: float

    @property
    def dim(self) -> int:
        return int(self.class_texts.shape[1] + self.text_map.shape[1])

    def image_vectors(self, features: Floats, logits: Floats) -> Vectors:
        """Turn (n, 2048) features and (n, 1000) logits into (n, dim) rows of length 1."""
        placed = conse(logits, self.class_texts, self.conse_classes)
        head = _product(placed, self.conse_map) + _product(features, self.feature_map)
        head += self.feature_bias
        return self._joined(placed, head)

    def text_vectors(self, texts: Floats) -> Vectors:
        """Turn (n, 1152) rows of the text tower into (n, dim) rows of length 1."""
        own = unit(texts[:, :TEXT_WIDTH] - self.text_mean)
        read = np.concatenate([own, texts[:, TEXT_WIDTH:]], axis=1)
        return self._joined(own, _product(read, self.text_map) + self.text_bias)

    def _joined(self, base: Floats, head: Floats) -> Vectors:
        halves = (np.sqrt(self.alpha) * unit(base), np.sqrt(1 - self.alpha) * unit(head))
        return np.ascontiguousarray(np.concatenate(halves, axis=1), np.float32)


def conse(logits: Floats, class_texts: Floats, classes: int) -> Floats:
    """The positions of photos among the texts of their likeliest classes: rows of length 1."""
    return unit(_product(class_shares(logits, classes), class_texts))


def class_shares(logits: Floats, classes: int) -> Floats:
    """Compute softmax(logits / 2) over the likeliest classes, 0 for the others: (n, 1000)."""
    if classes < logits.shape[1]:
        least = np.partition(logits, -classes, axis=1)[:, [-classes]]
        logits = np.where(logits >= least, logits, -np.inf)
    shares = np.exp((logits - logits.max(axis=1, keepdims=True)) / np.float32(_CONSE_TEMPERATURE))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True), np.float32)


def _product(rows: Floats, matrix: Floats) -> Floats:
    """The matrix product, on one core.

    NumPy's own would wake a thread for each core, which then spins for a while and takes the core
    from the decoders: a fifth of the processor time of all indexing.
    """
    product: Floats = np.einsum("nf,fd->nd", rows, matrix)
    return product


def unit(rows: Floats) -> Floats:
    """Scale rows to length 1, float32."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, 1e-12), np.float32)


# ---------------------------------------------------------------------------- on disk

_FLOAT16 = ("class_texts", "conse_map", "feature_map", "text_map")
_FLOAT32 = ("feature_bias", "text_bias", "text_mean", "ranges")  # small; half precision shows
_NUMBERS = ("alpha", "logit_scale", "conse_classes")


def load(path: Path) -> Heads:
    """Read a heads file. The caller has checked its checksum."""
    from safetensors.numpy import load_file

    stored = load_file(path)
    arrays = {name: stored[name].astype(np.float32) for name in (*_FLOAT16, *_FLOAT32)}
    alpha, logit_scale, classes = (round(stored[name].item(), 6) for name in _NUMBERS)
    return Heads(**arrays, alpha=alpha, logit_scale=logit_scale, conse_classes=int(classes))


def save(heads: Heads, path: Path) -> None:
    """Write a heads file, with the same bytes for the same heads."""
    from safetensors.numpy import save_file

    float16 = {name: np.ascontiguousarray(getattr(heads, name), np.float16) for name in _FLOAT16}
    float32 = {
        name: np.ascontiguousarray(getattr(heads, name), np.float32)
        for name in (*_FLOAT32, *_NUMBERS)
    }
    save_file(float16 | float32, path)
