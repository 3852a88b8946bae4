"""Rounds the trained heads of `lite+dino` for the package: `python -m training.round_dino FILE`.

FILE is what `training.train_dino` wrote. A value of a matrix becomes a whole number of steps, and
each row has a step of its own: the smaller, the larger the features are that it multiplies. So each
feature adds the same error to the products, and the whole numbers take little room in a compressed
file. What the rounding shifts in the mean goes into the bias. Flickr8k's dev split says how large
the features are. Arrays that are those of `lite` are left out.

Prints the size, the cosines of vectors before and after, and the recalls on both development sets.
The vectors stay comparable, so the encoder keeps its id.
"""

from __future__ import annotations

import argparse
import sys
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import asdict, replace

from imgsearch.analysis import metrics
from imgsearch.cores import usable_cores
from imgsearch.encoders.checksums import sha256_of
from imgsearch.encoders.lite import dino_heads
from imgsearch.encoders.lite.dino_heads import MEMBERS, DinoHeads, features_of
from imgsearch.encoders.lite.spec import TEXT_WIDTH
from imgsearch.encoders.lite.towers import TextTower
from imgsearch.errors import ImgsearchError
from training import datasets, features

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from imgsearch.encoders.lite.heads import Head
    from imgsearch.records.arrays import Vectors

    Floats = NDArray[np.float32]

ERROR = 0.03  # of one rounding, as a share of the products: chosen on both development sets
_FEW = 0.05  # of the rows: so many may take a larger step to fit into a byte
_TEXTS_AT_ONCE = 64
_SPLITS = {"flickr8k": frozenset({"dev"}), "coco-dev": frozenset[str]()}


@dataclass(frozen=True, slots=True)
class Outputs:
    """What the towers give for captioned photos."""

    features: Floats  # (photos, 2048)
    dino: Floats  # (photos, DINO_FEATURES)
    logits: Floats  # (photos, 1000)
    texts: Floats  # (captions, 1152)
    photo_of: NDArray[np.int64]  # (captions,)

    def vectors(self, heads: DinoHeads) -> tuple[Vectors, Vectors]:
        """The vectors of the photos and of the captions."""
        images = heads.image_vectors(self.features, self.dino, self.logits)
        return images, heads.text_vectors(self.texts)


class Rounding:
    """The rounded matrices of one file, as they are stored."""

    def __init__(self, error: float) -> None:
        self._error = error
        self.stored: dict[str, NDArray[np.generic]] = {}

    def add(self, name: str, matrix: Floats, rows: Floats) -> tuple[Floats, Floats]:
        """Round a matrix that multiplies such rows; returns it, and the mean error of products."""
        size = np.sqrt(np.mean(rows**2, axis=0)) + 1e-9
        of_products = np.sqrt(np.mean((rows @ matrix) ** 2))
        steps = self._error * of_products / np.sqrt(len(matrix)) / size
        steps = np.minimum(steps, 4 * matrix.std(axis=1))  # a feature that Flickr8k has not
        in_a_byte = np.abs(matrix).max(axis=1) / 127
        kind: type[np.int8 | np.int16] = np.int16
        if np.mean(steps < in_a_byte) <= _FEW:
            kind, steps = np.int8, np.maximum(steps, in_a_byte)
        steps = np.maximum(steps, 1e-12).astype(np.float32)
        codes = np.rint(matrix / steps[:, None])
        self.stored |= {name: np.ascontiguousarray(codes, kind), f"{name}.steps": steps}
        result = (codes * steps[:, None]).astype(np.float32)
        return result, (rows.mean(axis=0) @ (matrix - result)).astype(np.float32)


def rounded(trained: DinoHeads, seen: Outputs, error: float = ERROR) -> tuple[DinoHeads, Rounding]:
    """Round all but the head of `lite`, for such photos and texts."""
    rounding = Rounding(error)
    placed, read = trained.base.placed(seen.logits), trained.base.read(seen.texts)

    def of_head(member: str, head: Head) -> Head:
        own = features_of(member, seen.features, seen.dino)
        conse_map, of_conse = rounding.add(f"{member}.conse_map", head.conse_map, placed)
        feature_map, of_features = rounding.add(f"{member}.feature_map", head.feature_map, own)
        text_map, of_texts = rounding.add(f"{member}.text_map", head.text_map, read)
        return replace(
            head,
            conse_map=conse_map,
            feature_map=feature_map,
            feature_bias=head.feature_bias + of_conse + of_features,
            text_map=text_map,
            text_bias=head.text_bias + of_texts,
        )

    first, *others = trained.heads
    own = [of_head(member, head) for member, head in zip(MEMBERS[1:], others, strict=True)]
    heads = (first, *own)
    images = trained.unprojected(
        placed,
        [
            head.images(placed, features_of(member, seen.features, seen.dino))
            for member, head in zip(MEMBERS, heads, strict=True)
        ],
    )
    texts = trained.unprojected(read[:, :TEXT_WIDTH], [head.texts(read) for head in heads])
    texts = texts[:: max(1, len(texts) // len(images))]  # as many as photos
    projection, _ = rounding.add("projection", trained.projection, np.concatenate([images, texts]))
    return replace(trained, heads=heads, projection=projection), rounding


def save(heads: DinoHeads, rounding: Rounding, path: Path) -> None:
    """Write a heads file without what it shares with `lite`."""
    from safetensors.numpy import save_file

    stored = dict(rounding.stored)
    for member, head in zip(MEMBERS[1:], heads.heads[1:], strict=True):
        values = {f"{member}.{name}": value for name, value in asdict(head).items()}
        stored |= {name: value for name, value in values.items() if name not in stored}
    for name in ("alpha", "logit_scale"):
        stored[name] = np.full(1, getattr(heads, name), np.float32)
    stored["shares"] = heads.shares
    save_file(stored, path)


def outputs(folder: Path, splits: frozenset[str], ranges: Floats, cache: Path) -> Outputs:
    """Run the towers on captioned photos, or take what they gave from the cache."""
    data = datasets.captioned(folder / "captions.csv", splits)
    tower = TextTower(cache, usable_cores())

    def embed(texts: Sequence[str]) -> Floats:
        starts = range(0, len(texts), _TEXTS_AT_ONCE)
        return np.concatenate([tower.rows(texts[i : i + _TEXTS_AT_ONCE]) for i in starts])

    first = features.of_photos(data.photos, "whole", ranges, cache)
    second = features.of_photos_by_dino(data.photos, "whole", cache)
    texts = features.of_texts(data.captions, embed, cache)
    return Outputs(
        first.features, second, first.logits, texts, np.array(data.photo_of, dtype=np.int64)
    )


def compared(name: str, seen: Outputs, before: DinoHeads, after: DinoHeads) -> str:
    """A line with the cosines of vectors before and after, and the recalls of both."""
    pairs = [seen.vectors(heads) for heads in (before, after)]
    cosines = [np.sum(old * new, axis=1) for old, new in zip(pairs[0], pairs[1], strict=True)]
    recalls = [metrics.retrieval(texts, images, seen.photo_of) for images, texts in pairs]
    shown = " → ".join(
        " / ".join(
            f"{100 * r:.2f}" for r in (each.recall_at_1, each.recall_at_5, each.recall_at_10)
        )
        for each in recalls
    )
    least = ", ".join(
        f"{kind} {rows.mean():.5f} (least {rows.min():.5f})"
        for kind, rows in zip(("photos", "captions"), cosines, strict=True)
    )
    return f"{name}: R@1 / R@5 / R@10 {shown}; cosines of {least}\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Round the heads of a file, write them and print what it costs."""
    parser = argparse.ArgumentParser(prog="python -m training.round_dino")
    parser.add_argument("file", type=Path, help="the heads that training.train_dino wrote")
    parser.add_argument("--data", type=Path, required=True, help="folder of flickr8k and coco-dev")
    parser.add_argument("--error", type=float, default=ERROR, help=f"default: {ERROR}")
    parser.add_argument(
        "--test", action="store_true", help="also compare on Flickr8k's test split, once"
    )
    parser.add_argument("--cache", type=Path, default=Path("artefacts"), help="default: artefacts")
    parser.add_argument("--out", type=Path, default=Path("artefacts"), help="default: artefacts")
    options = parser.parse_args(arguments)
    for folder in (options.cache, options.out):
        folder.mkdir(parents=True, exist_ok=True)
    try:
        trained = dino_heads.load(options.file)
        dev = {
            name: outputs(options.data / name, splits, trained.ranges, options.cache)
            for name, splits in _SPLITS.items()
        }
        heads, rounding = rounded(trained, dev["flickr8k"], options.error)
        file = options.out / "dino-heads-2-rounded.safetensors"
        save(heads, rounding, file)
        for name, seen in dev.items():
            sys.stdout.write(compared(f"{name} dev", seen, trained, dino_heads.load(file)))
        if options.test:
            split = frozenset({"test"})
            seen = outputs(options.data / "flickr8k", split, trained.ranges, options.cache)
            sys.stdout.write(compared("flickr8k test", seen, trained, dino_heads.load(file)))
    except ImgsearchError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    packed = len(zlib.compress(file.read_bytes()))
    sys.stdout.write(
        f"{file}  {file.stat().st_size / 1e6:.1f} MB, compressed {packed / 1e6:.1f}\n"
        f"sha256 {sha256_of(file)}\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
