"""Makes the two folders of photos that bench_peers.py indexes, and the examples it searches with.

`large`: 200 photos, namely every readable camera JPEG of 6 Mpx or more in ../shared/data, and
photos of the ImageNet samples scaled up to 12 Mpx with grain, which take as long to decode as a
camera's file of that size. `small`: photos of Flickr8k's test split, 224 px.
"""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

LARGE, LARGE_MPX = 200, 6
ENLARGED_PX = (4032, 3024)
GRAIN = 4.0  # of 255, as of a small sensor at ISO 400; determines the size of the file
EXAMPLES = 30


def prepare(data: Path, parent: Path, small: int) -> dict[str, Path]:
    """The folders `large`, `small` (with that many photos) and `examples`, created if missing."""
    flickr = data / "flickr8k"
    dev = [name for name, split in _splits(flickr).items() if split == "dev"][:EXAMPLES]
    large, examples = parent / f"large-{LARGE}", parent / "examples"
    _create(large, lambda folder: _fill_large(data, folder))
    _create(examples, lambda folder: _copy(flickr, dev, folder))
    return {"large": large, "small": flickr_test(data, parent, small), "examples": examples}


def flickr_test(data: Path, parent: Path, count: int) -> Path:
    """A folder with as many photos of Flickr8k's test split, created if missing."""
    flickr, folder = data / "flickr8k", parent / f"small-{count}"
    names = [name for name, split in _splits(flickr).items() if split == "test"][:count]
    _create(folder, lambda temporary: _copy(flickr, names, temporary))
    return folder


def facts(folder: Path) -> dict[str, float | int]:
    """The numbers of photos and of enlarged photos, and their mean size in Mpx and MB."""
    paths = sorted(folder.glob("*.jpg"))
    sizes = [Image.open(path).size for path in paths]
    return {
        "photos": len(paths),
        "made": sum(path.name.startswith("made-") for path in paths),
        "megapixels": round(sum(w * h for w, h in sizes) / len(paths) / 1e6, 2),
        "size_mb": round(sum(path.stat().st_size for path in paths) / len(paths) / 1e6, 3),
    }


def _create(folder: Path, fill: Callable[[Path], None]) -> None:
    """Create and fill a folder if it is missing. If interrupted, no incomplete folder remains."""
    if folder.is_dir():
        return
    temporary = folder.with_name(folder.name + ".part")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    fill(temporary)
    temporary.rename(folder)


def _splits(flickr: Path) -> dict[str, str]:
    with (flickr / "captions.csv").open(newline="") as file:
        return {row["image"]: row["split"] for row in csv.DictReader(file)}


def _copy(flickr: Path, names: list[str], folder: Path) -> None:
    for name in names:
        shutil.copyfile(flickr / "images" / name, folder / name)


def _fill_large(data: Path, folder: Path) -> None:
    camera = sorted(path for path in (data / "camera").rglob("*") if _is_large(path))
    for number, path in enumerate(camera):
        shutil.copyfile(path, folder / f"camera-{number:02}.jpg")
    samples = sorted((data / "imagenet-samples").rglob("*.[jJ]*"))[:: 1_000 // LARGE]
    for number, path in enumerate(samples[: LARGE - len(camera)]):
        enlarged(path, number).save(folder / f"made-{number:02}.jpg", quality=90)


def _is_large(path: Path) -> bool:
    if path.suffix.lower() not in (".jpg", ".jpeg"):
        return False
    try:
        with Image.open(path) as image:
            if image.width * image.height < LARGE_MPX * 1e6:
                return False
            image.load()
    except (OSError, SyntaxError, ValueError):  # some are damaged on purpose
        return False
    return True


def enlarged(path: Path, seed: int) -> Image.Image:
    """A small photo scaled up to 12 Mpx, with the blur of a lens and the grain of a sensor."""
    with Image.open(path) as small:
        image = small.convert("RGB").resize(ENLARGED_PX, Image.Resampling.BICUBIC)
    width, height = ENLARGED_PX
    grain = np.random.default_rng(seed).normal(0, GRAIN, (height, width, 1)).astype(np.float32)
    pixels = np.clip(np.asarray(image, np.float32) + grain, 0, 255).astype(np.uint8)
    return Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(0.7))
