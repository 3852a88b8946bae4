"""The two folders of photos that bench_peers.py indexes, and the examples it searches with.

`large`: every camera JPEG of 6 Mpx or more in ../shared/data that can be read, and as many more as
make 200: photos of ImageNet's samples scaled up to 12 Mpx with grain, which cost a decoder what a
camera's file of that size costs. `small`: Flickr8k's test split, 224 px.
"""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

LARGE, LARGE_MPX = 200, 6
MADE_PX = (4032, 3024)
GRAIN = 4.0  # of 255, as a small sensor has at ISO 400; it decides how many bytes a file takes
EXAMPLES = 30


def prepare(data: Path, place: Path, small: int) -> dict[str, Path]:
    """The folders `large`, `small` (with that many photos) and `examples`, made where missing."""
    folders = {
        "large": place / f"large-{LARGE}",
        "small": place / f"small-{small}",
        "examples": place / "examples",
    }
    if not folders["large"].is_dir():
        _whole(folders["large"], lambda fresh: _fill_large(data, fresh))
    flickr = data / "flickr8k"
    flickr_test(data, place, small)
    held_out = [n for n, split in _splits(flickr).items() if split == "dev"][:EXAMPLES]
    if not folders["examples"].is_dir():
        _whole(folders["examples"], lambda fresh: _copy(flickr, held_out, fresh))
    return folders


def flickr_test(data: Path, place: Path, small: int) -> Path:
    """A folder of so many photos of Flickr8k's test split, made where missing."""
    folder, flickr = place / f"small-{small}", data / "flickr8k"
    names = [n for n, split in _splits(flickr).items() if split == "test"][:small]
    if not folder.is_dir():
        _whole(folder, lambda fresh: _copy(flickr, names, fresh))
    return folder


def facts(folder: Path) -> dict[str, float | int]:
    """How many photos, how many of them made here, their mean size in Mpx and MB."""
    paths = sorted(folder.glob("*.jpg"))
    sizes = [Image.open(path).size for path in paths]
    return {
        "photos": len(paths),
        "made": sum(path.name.startswith("made-") for path in paths),
        "megapixels": round(sum(w * h for w, h in sizes) / len(paths) / 1e6, 2),
        "size_mb": round(sum(path.stat().st_size for path in paths) / len(paths) / 1e6, 3),
    }


def _whole(folder: Path, fill: object) -> None:
    """A folder that is there is complete: a run that was stopped leaves none."""
    fresh = folder.with_name(folder.name + ".part")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    fill(fresh)  # type: ignore[operator]
    fresh.rename(folder)


def _splits(flickr: Path) -> dict[str, str]:
    with (flickr / "captions.csv").open(newline="") as file:
        return {row["image"]: row["split"] for row in csv.DictReader(file)}


def _copy(flickr: Path, names: list[str], folder: Path) -> None:
    for name in names:
        shutil.copyfile(flickr / "images" / name, folder / name)


def _fill_large(data: Path, folder: Path) -> None:
    found = sorted(path for path in (data / "camera").rglob("*") if _is_large(path))
    for number, path in enumerate(found):
        shutil.copyfile(path, folder / f"camera-{number:02}.jpg")
    samples = sorted((data / "imagenet-samples").rglob("*.[jJ]*"))[:: 1_000 // LARGE]
    for number, path in enumerate(samples[: LARGE - len(found)]):
        enlarged(path, number).save(folder / f"made-{number:02}.jpg", quality=90)


def _is_large(path: Path) -> bool:
    if path.suffix.lower() not in (".jpg", ".jpeg"):
        return False
    try:
        with Image.open(path) as image:
            if image.width * image.height < LARGE_MPX * 1e6:
                return False
            image.load()
    except (OSError, SyntaxError, ValueError):  # damaged on purpose, some of them
        return False
    return True


def enlarged(path: Path, seed: int) -> Image.Image:
    """A small photo at 12 Mpx, soft as a lens draws and with the grain of a sensor."""
    with Image.open(path) as small:
        image = small.convert("RGB").resize(MADE_PX, Image.Resampling.BICUBIC)
    width, height = MADE_PX
    grain = np.random.default_rng(seed).normal(0, GRAIN, (height, width, 1)).astype(np.float32)
    pixels = np.clip(np.asarray(image, np.float32) + grain, 0, 255).astype(np.uint8)
    return Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(0.7))
