"""The towers' features of the training photos and captions, computed once and cached.

There are three views of each photo: whole, as `Lite.prepare` makes it, mirrored, and the middle,
70 % of each side.
"""

from __future__ import annotations

import hashlib
import sys
import zipfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from imgsearch.cores import usable_cores
from imgsearch.encoders.lite import graph, weights
from imgsearch.encoders.lite.pixels import shrunk
from imgsearch.encoders.lite.spec import DINO_LAYERS, DINO_SIDE_PX, SIDE_PX, TEXT_LAYERS
from imgsearch.encoders.lite.towers import open_dino_tower, open_image_tower
from imgsearch.encoders.lite.weights import DINO, TEXT, TEXT_GRAPH
from imgsearch.encoders.onnx import OnnxModel, import_onnxruntime

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Pixels = NDArray[np.uint8]

VIEWS = ("whole", "mirrored", "centre")
_CENTRE_SHARE = 0.7  # of each side

_BATCH = 16
_PHOTOS_PER_FILE = 1_000
_RANGE_PERCENTILES = (5, 95)  # of the extremes of photos: clipping outliers refines the rest


@dataclass(frozen=True, slots=True)
class TowerFeatures:
    """One view of all photos: pooled `features` (n, 2048) and class `logits` (n, 1000)."""

    features: Floats
    logits: Floats


def of_photos(photos: Sequence[Path], view: str, ranges: Floats, cache_dir: Path) -> TowerFeatures:
    """The int8 tower's features of one view of the photos, from the cache if they are there.

    The cache has a file for each thousand photos, so an interrupted run loses little.
    """
    parts = [
        _of_part(photos[start : start + _PHOTOS_PER_FILE], view, ranges, cache_dir)
        for start in range(0, len(photos), _PHOTOS_PER_FILE)
    ]
    return TowerFeatures(
        np.concatenate([part.features for part in parts]),
        np.concatenate([part.logits for part in parts]),
    )


def _of_part(photos: Sequence[Path], view: str, ranges: Floats, cache_dir: Path) -> TowerFeatures:
    key = hashlib.sha256(_listing(photos, view).encode() + ranges.tobytes()).hexdigest()[:12]
    file = cache_dir / f"lite-features-{view}-{key}.npz"
    try:
        with file.open("rb") as opened, np.load(opened) as cached:
            return TowerFeatures(
                cached["features"].astype(np.float32), cached["logits"].astype(np.float32)
            )
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):  # missing or truncated
        return _extract(photos, view, ranges, file)


def _extract(photos: Sequence[Path], view: str, ranges: Floats, file: Path) -> TowerFeatures:
    tower = open_image_tower(file.parent, ranges, usable_cores())
    parts: list[list[NDArray[np.float16]]] = [
        [array.astype(np.float16) for array in tower.outputs(pixels)]
        for pixels in _batches(photos, view)
    ]
    features, logits = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    np.savez(file, features=features, logits=logits)
    return TowerFeatures(features.astype(np.float32), logits.astype(np.float32))


def of_photos_by_dino(photos: Sequence[Path], view: str, cache_dir: Path) -> Floats:
    """The second tower's features (n, DINO_FEATURES) of one view of the photos, cached likewise."""
    tower: list[OnnxModel] = []  # opened when it is needed

    def compute(part: Sequence[Path]) -> Floats:
        if not tower:
            tower.append(open_dino_tower(cache_dir, usable_cores()))
        batches = (shrunk(pixels, DINO_SIDE_PX) for pixels in _batches(part, view))
        return np.concatenate([tower[0](pixels) for pixels in batches])

    parts = []
    for start in range(0, len(photos), _PHOTOS_PER_FILE):
        part = photos[start : start + _PHOTOS_PER_FILE]
        made_of = f"{DINO.sha256} {DINO_LAYERS} {_listing(part, view)}"
        key = hashlib.sha256(made_of.encode()).hexdigest()[:12]
        parts.append(_kept(cache_dir / f"dino-features-{view}-{key}.npy", partial(compute, part)))
    return np.concatenate(parts)


def of_texts(texts: Sequence[str], embed: Callable[[Sequence[str]], Floats], cache: Path) -> Floats:
    """The rows of the text tower for the texts, from the folder `cache` if they are there."""
    made_of = [TEXT.sha256, TEXT_GRAPH.sha256, str(TEXT_LAYERS), *texts]
    key = hashlib.sha256("\n".join(made_of).encode()).hexdigest()
    return _kept(cache / f"lite-texts-{key[:12]}.npy", lambda: embed(texts))


def _listing(photos: Sequence[Path], view: str) -> str:
    return "\n".join([view, *(f"{p.name} {p.stat().st_size}" for p in photos)])


def _kept(file: Path, compute: Callable[[], Floats]) -> Floats:
    """The array of a file, in float16 there; computed and written if it is missing."""
    if not file.exists():
        partly = file.with_suffix(".partial")
        with partly.open("wb") as opened:
            np.save(opened, compute().astype(np.float16))
        partly.replace(file)
    rows: Floats = np.load(file).astype(np.float32)
    return rows


def activation_ranges(photos: Sequence[Path]) -> Floats:
    """The ranges (35, 2) of the image tower's values without ReLU6, measured in float32."""
    onnxruntime = import_onnxruntime()
    model = graph.image_model_float32(weights.image_tensors(), with_ranges=True)
    tower = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    extremes = [tower.run(["lows", "highs"], {"pixels": p}) for p in _batches(photos, "whole")]
    lows, highs = (np.concatenate(arrays) for arrays in zip(*extremes, strict=True))
    low, high = _RANGE_PERCENTILES
    bounds = np.percentile(lows, low, axis=0), np.percentile(highs, high, axis=0)
    return np.stack(bounds, axis=1).astype(np.float32)


def _batches(photos: Sequence[Path], view: str) -> Iterator[Pixels]:
    """Prepared batches in order, each decoded while the previous one is embedded."""
    parts = [range(i, min(i + _BATCH, len(photos))) for i in range(0, len(photos), _BATCH)]
    with ThreadPoolExecutor(2) as pool:

        def start(part: range) -> list[Future[Pixels]]:
            return [pool.submit(pixels_of, photos[i], view) for i in part]

        ahead = start(parts[0])
        for part, following in zip(parts, [*parts[1:], range(0)], strict=True):
            current, ahead = ahead, start(following)
            sys.stderr.write(f"\r{view}: photo {part.start} of {len(photos)}")
            yield np.stack([future.result() for future in current])
    sys.stderr.write("\n")


def pixels_of(path: Path, view: str) -> Pixels:
    """One view of one photo as (3, 260, 260) uint8."""
    with Image.open(path) as opened:
        image = opened.convert("RGB")
        box = _centre(*image.size) if view == "centre" else None
        image = image.resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC, box)
    if view == "mirrored":
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return np.asarray(image).transpose(2, 0, 1)


def _centre(width: int, height: int) -> tuple[float, float, float, float]:
    across, down = width * _CENTRE_SHARE, height * _CENTRE_SHARE
    left, top = (width - across) / 2, (height - down) / 2
    return left, top, left + across, top + down
