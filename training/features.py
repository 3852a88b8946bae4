"""What the frozen image tower sees in the training photos, computed once and kept.

Each photo is seen whole, as `Lite.prepare` makes it, and mirrored. Random crops were tried too and
gave nothing on Flickr8k's dev split.
"""

from __future__ import annotations

import hashlib
import sys
import zipfile
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from imgsearch.encoders.device import usable_cores
from imgsearch.encoders.lite import graph, weights
from imgsearch.encoders.lite.spec import SIDE_PX
from imgsearch.encoders.lite.towers import open_image_tower

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Pixels = NDArray[np.uint8]

VIEWS = ("whole", "mirrored")

_BATCH = 16
_RANGE_PERCENTILES = (5, 95)  # of the photos' extremes: outliers are clipped, the rest is finer


@dataclass(frozen=True, slots=True)
class TowerFeatures:
    """One view of all photos: pooled `features` (n, 2048) and class `logits` (n, 1000)."""

    features: Floats
    logits: Floats


def seen(photos: Sequence[Path], view: str, ranges: Floats, cache_dir: Path) -> TowerFeatures:
    """One view of the photos through the integer tower, from the cache where it is there."""
    listing = "\n".join([view, *(f"{p.name} {p.stat().st_size}" for p in photos)]).encode()
    key = hashlib.sha256(listing + ranges.tobytes()).hexdigest()[:12]
    file = cache_dir / f"lite-features-{view}-{key}.npz"
    try:
        with file.open("rb") as opened, np.load(opened) as kept:
            return TowerFeatures(
                *(kept[name].astype(np.float32) for name in ("features", "logits"))
            )
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):  # not there, or cut off
        return _extract(photos, view, ranges, file)


def _extract(photos: Sequence[Path], view: str, ranges: Floats, file: Path) -> TowerFeatures:
    tower = open_image_tower(file.parent, ranges, usable_cores())
    parts: list[list[NDArray[np.float16]]] = []
    for pixels in _batches(photos, view):
        found = tower.outputs(pixels)
        parts.append([array.astype(np.float16) for array in found])
    features, logits = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    np.savez(file, features=features, logits=logits)
    return TowerFeatures(features.astype(np.float32), logits.astype(np.float32))


def calibrated(photos: Sequence[Path]) -> Floats:
    """The ranges of the image tower's unbounded values over some photos, (35, 2), in floats."""
    import onnxruntime

    model = graph.image_model_float32(weights.image_tensors(), with_ranges=True)
    tower = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    found = [tower.run(["lows", "highs"], {"pixels": p}) for p in _batches(photos, "whole")]
    lows, highs = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
    low, high = _RANGE_PERCENTILES
    bounds = np.percentile(lows, low, axis=0), np.percentile(highs, high, axis=0)
    return np.stack(bounds, axis=1).astype(np.float32)


def _batches(photos: Sequence[Path], view: str) -> Iterator[Pixels]:
    """Prepared batches in order, each decoded while the one before it is encoded."""
    parts = [range(i, min(i + _BATCH, len(photos))) for i in range(0, len(photos), _BATCH)]
    with ThreadPoolExecutor(2) as pool:

        def started(part: range) -> list[Future[Pixels]]:
            return [pool.submit(pixels_of, photos[i], view) for i in part]

        ahead = started(parts[0])
        for part, following in zip(parts, [*parts[1:], range(0)], strict=True):
            now, ahead = ahead, started(following)
            sys.stderr.write(f"\r{view}: photo {part.start} of {len(photos)}")
            yield np.stack([future.result() for future in now])
    sys.stderr.write("\n")


def pixels_of(path: Path, view: str) -> Pixels:
    """One view of one photo as (3, 260, 260) uint8."""
    with Image.open(path) as opened:
        image = opened.convert("RGB").resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC)
    if view == "mirrored":
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return np.asarray(image).transpose(2, 0, 1)
