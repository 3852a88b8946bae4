"""Measures how often `sort:best` puts the better photo first.

    python -m benchmarks.bench_best ../shared/data [--clips FOLDER] [--dev]

Pairs: 200 photos, namely all of coco-dev by name and then the JPEGs below camera/ by path, each
content once, that can be read and have a long side of 300 px or more. Each is compared with four
worse versions of itself: blurred (Gaussian, half a percent of the long side), darkened (to 45 % of
its pixel values) and cropped (to 70 % of each side, at a place by chance), all saved with quality
90, and compressed (saved with quality 15). A pair is a folder with two photos, and its own search.
With `--dev`, the photos are every fifth of imagenet-samples, with which the points were chosen.

Bursts: every clip in the folder is cut into bursts of eight frames, an eighth of a second or a
little more apart, all frames of the clip in turn, saved with quality 92. "As they are": the
sharpest frame is the one with the highest `measure_sharpness` at the largest size that it measures.
The `sharpness` that a library stores is the same measure, of the smaller picture that was decoded
for the model; so "by gradients" takes another one, Tenengrad (Krotkov, "Focusing", IJCV 1987), of
the whole frame at its own size. "They differ" are the bursts in which the sharpest frame has 1.1
times the measure of the median frame or more. "Shaken": each frame but one, by chance, is blurred
along a line of 1 to 3 % of its long side, as by a hand that moves, and "slightly shaken" of 0.3 to
1 %; the sharpest is the one that is not.
"""

# ruff: noqa: T201

from __future__ import annotations

import argparse
import hashlib
import math
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from io import BytesIO
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from imgsearch import Library, Settings
from imgsearch.analysis.sharpness import measure_sharpness

PHOTOS, MIN_SIDE_PX = 200, 300
BURST, FRAMES_PER_SECOND = 8, 8
DIFFERENT = 1.1  # the sharpness of the best frame, by that of the median one
SHAKEN = {"shaken": (0.01, 0.03), "slightly shaken": (0.003, 0.01)}
QUALITY, COMPRESSED_QUALITY, FRAME_QUALITY = 90, 15, 92
Change = Callable[[Image.Image, np.random.Generator], Image.Image]


def blurred(image: Image.Image, random: np.random.Generator) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(0.005 * max(image.size)))


def darkened(image: Image.Image, random: np.random.Generator) -> Image.Image:
    return ImageEnhance.Brightness(image).enhance(0.45)


def cropped(image: Image.Image, random: np.random.Generator) -> Image.Image:
    width, height = (round(0.7 * side) for side in image.size)
    left = int(random.integers(image.width - width + 1))
    top = int(random.integers(image.height - height + 1))
    return image.crop((left, top, left + width, top + height))


def shaken(
    image: Image.Image, random: np.random.Generator, shares: tuple[float, float]
) -> Image.Image:
    """The image as a camera sees it that moves along a line, a share of the long side long."""
    length_px = random.uniform(*shares) * max(image.size)
    angle = random.uniform(0, math.pi)
    steps = math.ceil(length_px) + 1
    pixels = np.asarray(image, np.float32)
    total = np.zeros_like(pixels)
    for part in np.linspace(-0.5, 0.5, steps):
        across = round(part * length_px * math.cos(angle))
        down = round(part * length_px * math.sin(angle))
        total += np.roll(pixels, (down, across), (0, 1))
    return Image.fromarray((total / steps).round().astype(np.uint8))


CHANGES: Mapping[str, tuple[Change, int]] = {
    "blurred": (blurred, QUALITY),
    "darkened": (darkened, QUALITY),
    "cropped": (cropped, QUALITY),
    "compressed": (lambda image, random: image, COMPRESSED_QUALITY),
}


def readable(paths: Iterator[Path]) -> Iterator[tuple[Path, Image.Image]]:
    """The photos among these files, each content once."""
    known: set[bytes] = set()
    for path in paths:
        try:
            with Image.open(path) as opened:
                image = ImageOps.exif_transpose(opened).convert("RGB")
        except (OSError, SyntaxError, ValueError):  # some are damaged on purpose
            continue
        digest = hashlib.sha256(image.tobytes()).digest()
        if max(image.size) >= MIN_SIDE_PX and digest not in known:
            known.add(digest)
            yield path, image


def candidates(data: Path, is_dev: bool) -> Iterator[Path]:
    if is_dev:
        yield from sorted((data / "imagenet-samples").rglob("*.[jJ]*"))[::5]
        return
    yield from sorted((data / "coco-dev").rglob("*.jpg"))
    jpegs = (".jpg", ".jpeg")
    yield from sorted(path for path in (data / "camera").rglob("*") if path.suffix.lower() in jpegs)


def make_pairs(data: Path, folder: Path, is_dev: bool) -> dict[str, list[tuple[str, str]]]:
    """Folders of pairs, by the change: the name of each, and that of its original."""
    random = np.random.default_rng(39)
    pairs: dict[str, list[tuple[str, str]]] = {name: [] for name in CHANGES}
    photos = readable(candidates(data, is_dev))
    for number, (path, image) in zip(range(PHOTOS), photos, strict=False):
        for name, (change, quality) in CHANGES.items():
            pair = folder / f"{name}-{number:03}"
            pair.mkdir(parents=True)
            shutil.copyfile(path, pair / "original.jpg")
            change(image, random).save(pair / "worse.jpg", quality=quality)
            pairs[name].append((pair.name, "original.jpg"))
    return pairs


def bursts_of(clip: Path) -> Iterator[list[Image.Image]]:
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        step = max(1, round(float(stream.average_rate or FRAMES_PER_SECOND) / FRAMES_PER_SECOND))
        burst: list[Image.Image] = []
        for number, frame in enumerate(container.decode(stream)):
            if number % step == 0:
                burst.append(frame.to_image())
            if len(burst) == BURST:
                yield burst
                burst = []


def make_bursts(clips: Path, folder: Path) -> dict[str, list[tuple[str, str]]]:
    """Folders of bursts: the name of each, and that of its sharpest frame."""
    random = np.random.default_rng(39)
    bursts: dict[str, list[tuple[str, str]]] = {}
    for clip_number, clip in enumerate(sorted(clips.iterdir())):
        for number, frames in enumerate(bursts_of(clip)):
            name = f"{clip_number}-{number:02}"
            saved = _save_burst(frames, folder / f"plain-{name}")
            for kind, measure in MEASURES.items():
                measured = [measure(frame) for frame in saved]
                group = (f"plain-{name}", f"{int(np.argmax(measured))}.jpg")
                bursts.setdefault(f"as they are{kind}", []).append(group)
                if max(measured) >= DIFFERENT * float(np.median(measured)):
                    bursts.setdefault(f"they differ{kind}", []).append(group)
            for kind, shares in SHAKEN.items():
                sharp = int(random.integers(BURST))
                moved = [
                    frame if at == sharp else shaken(frame, random, shares)
                    for at, frame in enumerate(frames)
                ]
                group = (f"{kind.replace(' ', '-')}-{name}", f"{sharp}.jpg")
                _save_burst(moved, folder / group[0])
                bursts.setdefault(kind, []).append(group)
    return bursts


def gradients(image: Image.Image) -> float:
    """Tenengrad of the whole frame, by the variance of its brightness."""
    grey = np.asarray(image.convert("L"), np.float32)
    smooth_x = grey[:, :-2] + 2 * grey[:, 1:-1] + grey[:, 2:]
    smooth_y = grey[:-2] + 2 * grey[1:-1] + grey[2:]
    down = smooth_x[2:] - smooth_x[:-2]
    across = smooth_y[:, 2:] - smooth_y[:, :-2]
    return float((down**2 + across**2).mean() / max(1.0, float(grey.var())))


MEASURES: Mapping[str, Callable[[Image.Image], float]] = {
    "": lambda image: measure_sharpness(image)[-1],
    ", by gradients": gradients,
}


def _save_burst(frames: list[Image.Image], folder: Path) -> list[Image.Image]:
    """Save the frames; returns each as it was saved."""
    folder.mkdir(parents=True)
    saved: list[Image.Image] = []
    for at, frame in enumerate(frames):
        stream = BytesIO()
        frame.save(stream, "JPEG", quality=FRAME_QUALITY)
        (folder / f"{at}.jpg").write_bytes(stream.getvalue())
        saved.append(Image.open(stream))
    return saved


def share_in_first(library: Library, groups: list[tuple[str, str]], first: int) -> float:
    """The share of groups with the wanted photo among the first ones."""
    hits = 0
    for folder, wanted in groups:
        found = library.find(f"in:{folder} sort:best", 10).hits
        names = [path.name for hit in found[:first] for path in hit.paths if folder in path.parts]
        hits += wanted in names
    return hits / len(groups)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--clips", type=Path)
    parser.add_argument("--dev", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work) / "photos"
        pairs = make_pairs(options.data, folder, options.dev)
        bursts = make_bursts(options.clips, folder) if options.clips else {}
        settings = Settings.load(data_dir=Path(work) / "library", encoder="lite")
        with Library.open(settings) as library:
            library.index([folder]).run()
            shares = {name: share_in_first(library, pairs[name], 1) for name in pairs}
            for name, share in shares.items():
                print(f"{name:26} {len(pairs[name]):4} pairs: the original first {share:7.1%}")
            mean = sum(shares.values()) / len(shares)
            print(f"{'all':26} {'':4}        the original first {mean:7.1%}")
            for name, groups in bursts.items():
                share = share_in_first(library, groups, 2)
                print(f"{name:26} {len(groups):4} bursts: the sharpest in two {share:7.1%}")


if __name__ == "__main__":
    main()
