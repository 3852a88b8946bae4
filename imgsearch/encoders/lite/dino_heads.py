"""The trained part of `lite+dino`: the heads of several towers, side by side in one vector.

Each member has a head of its own, trained as that of `lite`: on the features of EfficientNet, on
those of DINOv2, and on both. What they find differs, and the mean of their scores finds more photos
than any of them, most of all photos of another origin than those of the training. ConSE is the same
for all and counts once.

The vector of a photo is too long then, so it is projected onto the directions in which photos and
texts of the training data vary most. Photos and texts take the same projection, so the cosine of
two photos changes as little as that of a photo and a text.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from msgspec import Struct
from msgspec.structs import asdict
from numpy.typing import ArrayLike, NDArray

from imgsearch.encoders.lite import heads
from imgsearch.encoders.lite.heads import (
    Base,
    Head,
    HeadsFile,
    base_of,
    head_of,
    load_arrays,
    number_of,
    product,
    save_arrays,
    unit,
)
from imgsearch.encoders.lite.spec import TEXT_WIDTH
from imgsearch.records.arrays import Vectors

Floats = NDArray[np.float32]

MEMBERS = ("lite", "dino", "both")  # the features that each head reads
CURRENT = HeadsFile(
    2,
    Path(__file__).with_name("dino-heads-2-rounded.safetensors"),
    "bc4fdd3c8b8676ca459b41ddb630a8974ece87ab39f21a575ef4becf0946ebdf",
    trained="fcb561edff5e",
)


def features_of(member: str, features: Floats, dino: Floats) -> Floats:
    """Return the features that the head of a member reads, of those of both towers."""
    if member == "both":
        return np.concatenate([features, dino], axis=1)
    return dino if member == "dino" else features


class DinoHeads(Struct, frozen=True):
    """All trained arrays, float32 in memory."""

    base: Base
    heads: tuple[Head, ...]  # one for each of MEMBERS
    alpha: float  # the share of ConSE in the score
    shares: Floats  # (members,): the shares of the heads; with `alpha` they add up to 1
    projection: Floats  # (384 + all outputs, dim): columns of length 1, at right angles
    ranges: Floats  # (35, 2): the activation ranges of the first image tower
    logit_scale: float

    @property
    def dim(self) -> int:
        return int(self.projection.shape[1])

    def image_vectors(self, features: Floats, dino: Floats, logits: Floats) -> Vectors:
        """Turn the features of both towers, (n, …), and (n, 1000) logits into rows of length 1."""
        placed = self.base.placed(logits)
        of_heads = [
            head.images(placed, features_of(member, features, dino))
            for member, head in zip(MEMBERS, self.heads, strict=True)
        ]
        return self._joined(placed, of_heads)

    def text_vectors(self, texts: Floats) -> Vectors:
        """Turn (n, 1152) rows of the text tower into (n, dim) rows of length 1."""
        read = self.base.read(texts)
        return self._joined(read[:, :TEXT_WIDTH], [head.texts(read) for head in self.heads])

    def unprojected(self, base: Floats, of_heads: Sequence[Floats]) -> Floats:
        """Place the weighted rows of ConSE and of the heads side by side."""
        weights = np.sqrt([self.alpha, *self.shares], dtype=np.float32)
        parts = [weight * rows for weight, rows in zip(weights, (base, *of_heads), strict=True)]
        return np.concatenate(parts, axis=1)

    def _joined(self, base: Floats, of_heads: Sequence[Floats]) -> Vectors:
        return unit(product(self.unprojected(base, of_heads), self.projection))


def load(path: Path) -> DinoHeads:
    """Read a heads file. The caller has checked its checksum.

    What the file lacks is that of `lite`: the base, the ranges and the first head. Raises
    EncoderError if the file of `lite` is damaged.
    """
    stored = _shared_with_lite() | load_arrays(path)
    return DinoHeads(
        base=base_of(stored),
        heads=tuple(head_of(stored, f"{name}.") for name in MEMBERS),
        alpha=number_of(stored, "alpha"),
        shares=stored["shares"],
        projection=stored["projection"],
        ranges=stored["ranges"],
        logit_scale=number_of(stored, "logit_scale"),
    )


def _shared_with_lite() -> dict[str, Floats]:
    of_lite = load_arrays(heads.CURRENT.verified())
    of_head = {f"{MEMBERS[0]}.{name}": of_lite[name] for name in Head.__struct_fields__}
    return of_head | {name: of_lite[name] for name in (*Base.__struct_fields__, "ranges")}


def save(trained: DinoHeads, path: Path) -> None:
    """Write a heads file, with the same bytes for the same heads."""
    arrays: dict[str, ArrayLike] = {
        **asdict(trained.base),
        "alpha": trained.alpha,
        "shares": trained.shares,
    }
    for name in ("projection", "ranges", "logit_scale"):
        arrays[name] = getattr(trained, name)
    for name, head in zip(MEMBERS, trained.heads, strict=True):
        arrays |= {f"{name}.{field}": array for field, array in asdict(head).items()}
    save_arrays(arrays, path)
