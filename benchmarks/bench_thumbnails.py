"""Measures the time that thumbnails cost during indexing, and their size.

    python -m benchmarks.bench_thumbnails FOLDER --photos 1000 --megapixels 12

Indexes copies of photos of FOLDER with and without thumbnails, in turns, in one process, and
compares the processor time. With --megapixels, the copies are scaled to that size, as JPEG.
"""

# ruff: noqa: T201

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from io import BytesIO
from pathlib import Path

from PIL import Image

from imgsearch import Library, Settings

DIFFERENT = 20  # pictures of which the large copies are made


def copies(folder: Path, target: Path, count: int, megapixels: float | None) -> None:
    """Copies of the photos of a folder, in turns, until there are `count` of different content."""
    files = sorted(folder.rglob("*.jpg"))[: DIFFERENT if megapixels else count]
    contents: list[bytes] = []
    for source in files:
        if megapixels is None:
            contents.append(source.read_bytes())
            continue
        with Image.open(source) as image:
            scale = (megapixels * 1e6 / (image.width * image.height)) ** 0.5
            size_px = (round(image.width * scale), round(image.height * scale))
            large = image.convert("RGB").resize(size_px, Image.Resampling.BICUBIC)
        buffer = BytesIO()
        large.save(buffer, "JPEG", quality=90)
        contents.append(buffer.getvalue())
    for number in range(count):  # the bytes after the end of a JPEG are not read
        content = contents[number % len(contents)] + number.to_bytes(4, "big")
        (target / f"{number:05}.jpg").write_bytes(content)


def index(photos: Path, thumbnails_mb: int) -> tuple[float, float, int]:
    """Processor seconds, elapsed seconds, and the bytes of thumbnails of one new library."""
    with tempfile.TemporaryDirectory() as data:
        settings = Settings.load(data_dir=data, encoder="lite", thumbnails_mb=thumbnails_mb)
        with Library.open(settings) as library:
            library.index([photos / "first"]).run()  # loads the model
            cpu_s, elapsed_s = time.process_time(), time.perf_counter()
            library.index([photos / "others"]).run()
            cpu_s = time.process_time() - cpu_s
            elapsed_s = time.perf_counter() - elapsed_s
            return cpu_s, elapsed_s, library.status().thumbnails.size_bytes


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=int, default=1000)
    parser.add_argument("--megapixels", type=float)
    parser.add_argument("--rounds", type=int, default=3, help="pairs of runs")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        photos = Path(work)
        for name, count in (("first", 8), ("others", options.photos)):
            (photos / name).mkdir()
            copies(options.folder, photos / name, count, options.megapixels)
        without, kept = [], []
        for _ in range(options.rounds):
            without.append(index(photos, 0))
            kept.append(index(photos, 10_000))
    ratios = [b[0] / a[0] for a, b in zip(without, kept, strict=True)]
    fastest = [min(run[0] for run in runs) for runs in (without, kept)]
    print(
        f"{options.photos} photos, processor time per photo: "
        f"{fastest[0] / options.photos * 1e3:.1f} ms without, "
        f"{fastest[1] / options.photos * 1e3:.1f} ms with thumbnails"
    )
    print(
        f"ratio: {statistics.median(ratios):.3f} (median of {options.rounds} pairs of runs: "
        f"{', '.join(f'{ratio:.3f}' for ratio in ratios)}); of the fastest: "
        f"{fastest[1] / fastest[0]:.3f}"
    )
    print(f"{kept[0][2] / (options.photos + 8) / 1e3:.1f} kB a thumbnail, the whole file counted")


if __name__ == "__main__":
    main()
