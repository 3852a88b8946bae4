"""The trained part of `lite`: small heads on top of the two frozen towers.

The vector of an image has two halves. ConSE (Norouzi et al. 2014, arXiv 1312.5650) places the image
among the texts of the classes it most resembles, which serves photos of any kind. The head, trained
on captions with CLIP's loss (Radford et al. 2021) over locked towers (LiT, Zhai et al. 2022),
captures what happens in it. The vector of a text joins the vectors of the tower and of the head.
The halves are weighted so that one inner product is alpha · cosine(conse, text) + (1 - alpha) ·
cosine(head, head).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct
from msgspec.structs import asdict
from numpy.typing import ArrayLike, NDArray

from imgsearch.encoders.lite.spec import TEXT_WIDTH
from imgsearch.encoders.lite.weights import OwnFile
from imgsearch.records.arrays import Vectors

Floats = NDArray[np.float32]

_CONSE_TEMPERATURE = 2.0


class HeadsFile(Struct, frozen=True):
    """The heads file of one generation of `lite`, pinned by its sha256.

    `trained` is the name of the heads in the ids of encoders: the first characters of the sha256 of
    the file that the training wrote. Another file with nearly the same values keeps it.
    """

    generation: int
    path: Path
    sha256: str
    trained: str

    def verified(self) -> Path:
        """Return the path, after checking the content.

        Raises EncoderError for any other content.
        """
        return OwnFile(self.path, self.sha256).verified()


CURRENT = HeadsFile(
    2,
    Path(__file__).with_name("heads-2.safetensors"),
    "f64882a715e185ab53101c8ec895d9b7e4c32bbee2258c29f576866b87747b61",
    trained="f64882a715e1",
)


class Base(Struct, frozen=True):
    """The texts of the classes, among which ConSE places photos."""

    class_texts: Floats  # (1000, 384): the text tower's vector of each ImageNet class
    conse_classes: int  # the number of likeliest classes that place a photo
    text_mean: Floats  # (384,): of the text tower's vectors, subtracted from each

    def placed(self, logits: Floats) -> Floats:
        """Place photos by their (n, 1000) logits: (n, 384) rows of length 1."""
        return conse(logits, self.class_texts, self.conse_classes)

    def read(self, texts: Floats) -> Floats:
        """Scale (n, 1152) rows of the text tower for a head; the first 384 are `placed` texts."""
        own = unit(texts[:, :TEXT_WIDTH] - self.text_mean)
        return np.concatenate([own, texts[:, TEXT_WIDTH:]], axis=1)


class Head(Struct, frozen=True):
    """Linear maps from the features of photos and of texts into one space."""

    conse_map: Floats  # (384, out): C in the model card
    feature_map: Floats  # (features, out): W, for raw pooled features
    feature_bias: Floats  # (out,)
    text_map: Floats  # (1152, out): T
    text_bias: Floats  # (out,)

    def images(self, placed: Floats, features: Floats) -> Floats:
        """Turn placed photos (n, 384) and their features into (n, out) rows of length 1."""
        rows = product(placed, self.conse_map) + product(features, self.feature_map)
        return unit(rows + self.feature_bias)

    def texts(self, read: Floats) -> Floats:
        """Turn texts (n, 1152), as `Base.read` scales them, into (n, out) rows of length 1."""
        return unit(product(read, self.text_map) + self.text_bias)


class Heads(Struct, frozen=True):
    """All trained arrays, float32 in memory and float16 on disk if that loses nothing."""

    base: Base
    head: Head
    ranges: Floats  # (35, 2): the image tower's activation ranges
    alpha: float  # the weight of ConSE, 0 to 1
    logit_scale: float

    @property
    def dim(self) -> int:
        return int(self.base.class_texts.shape[1] + self.head.text_map.shape[1])

    def image_vectors(self, features: Floats, logits: Floats) -> Vectors:
        """Turn (n, 2048) features and (n, 1000) logits into (n, dim) rows of length 1."""
        placed = self.base.placed(logits)
        return self._joined(placed, self.head.images(placed, features))

    def text_vectors(self, texts: Floats) -> Vectors:
        """Turn (n, 1152) rows of the text tower into (n, dim) rows of length 1."""
        read = self.base.read(texts)
        return self._joined(read[:, :TEXT_WIDTH], self.head.texts(read))

    def _joined(self, base: Floats, head: Floats) -> Vectors:
        halves = (np.sqrt(self.alpha) * base, np.sqrt(1 - self.alpha) * head)
        return np.ascontiguousarray(np.concatenate(halves, axis=1), np.float32)


def conse(logits: Floats, class_texts: Floats, classes: int) -> Floats:
    """Return the positions of photos among texts of their likeliest classes: rows of length 1."""
    return unit(product(class_shares(logits, classes), class_texts))


def class_shares(logits: Floats, classes: int) -> Floats:
    """Compute softmax(logits / 2) over the likeliest classes, 0 for the others: (n, 1000)."""
    if classes < logits.shape[1]:
        least = np.partition(logits, -classes, axis=1)[:, [-classes]]
        logits = np.where(logits >= least, logits, -np.inf)
    shares = np.exp((logits - logits.max(axis=1, keepdims=True)) / np.float32(_CONSE_TEMPERATURE))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True), np.float32)


def product(rows: Floats, matrix: Floats) -> Floats:
    """Return the matrix product, on one core.

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

_FLOAT16 = (
    "class_texts",
    "conse_map",
    "feature_map",
    "text_map",
    "projection",
)  # the others are small
_STEPS = ".steps"  # at the end of a name: those of the matrix with the name before it


def load(path: Path) -> Heads:
    """Read a heads file. The caller has checked its checksum."""
    stored = load_arrays(path)
    return Heads(
        base=base_of(stored),
        head=head_of(stored),
        ranges=stored["ranges"],
        alpha=number_of(stored, "alpha"),
        logit_scale=number_of(stored, "logit_scale"),
    )


def save(heads: Heads, path: Path) -> None:
    """Write a heads file, with the same bytes for the same heads."""
    names = ("ranges", "alpha", "logit_scale")
    own = {name: getattr(heads, name) for name in names}
    save_arrays({**asdict(heads.base), **asdict(heads.head), **own}, path)


def load_arrays(path: Path) -> dict[str, Floats]:
    """Read all arrays of a file, in float32.

    A matrix with steps beside it is stored as whole numbers of the step of each row.
    """
    from safetensors.numpy import load_file

    stored = load_file(path)
    arrays = {
        name: array.astype(np.float32)
        for name, array in stored.items()
        if not name.endswith(_STEPS)
    }
    for name, array in arrays.items():
        if name + _STEPS in stored:
            array *= stored[name + _STEPS][:, None]
    return arrays


def save_arrays(arrays: Mapping[str, ArrayLike], path: Path) -> None:
    """Write arrays and numbers, the large ones in float16."""
    from safetensors.numpy import save_file

    stored: dict[str, NDArray[Any]] = {}
    for name, value in arrays.items():
        is_large = name.rpartition(".")[2] in _FLOAT16
        stored[name] = np.ascontiguousarray(value, np.float16 if is_large else np.float32)
    save_file(stored, path)


def base_of(stored: Mapping[str, Floats]) -> Base:
    """Return the base among the arrays of a file."""
    classes = int(number_of(stored, "conse_classes"))
    return Base(stored["class_texts"], classes, stored["text_mean"])


def head_of(stored: Mapping[str, Floats], prefix: str = "") -> Head:
    """Return the head among the arrays of a file, whose names begin with `prefix`."""
    return Head(**{name: stored[prefix + name] for name in Head.__struct_fields__})


def number_of(stored: Mapping[str, Floats], name: str) -> float:
    """Return a number among the arrays of a file, with six digits."""
    return round(stored[name].item(), 6)
