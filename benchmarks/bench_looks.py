"""Measures how often `is:bw`, `is:blurred`, `is:dark` and `is:bright` are right.

python -m benchmarks.bench_looks FOLDER

Each photo of the folder is changed: made grey, with a cold or a warm tone, blurred, darkened and
brightened. The table has the share of changed photos that are found, and of photos as they are.
Photos as they are may be dark or grey themselves: their names are printed.
"""

# ruff: noqa: T201

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from imgsearch.decode.looks import with_look
from imgsearch.records.photo import LOOKS, Facts

_FACTS = Facts("JPEG", 1, 1)
_NAMED = 12  # photos as they are that are listed


def toned(dark: str, bright: str) -> Callable[[Image.Image], Image.Image]:
    return lambda image: ImageOps.colorize(ImageOps.grayscale(image), dark, bright)


def blurred(share: float) -> Callable[[Image.Image], Image.Image]:
    return lambda image: image.filter(ImageFilter.GaussianBlur(share * max(image.size)))


CHANGES: Mapping[str, tuple[str, Callable[[Image.Image], Image.Image]]] = {
    "grey": ("bw", lambda image: ImageOps.grayscale(image).convert("RGB")),
    "warm grey": ("bw", toned("#080400", "#fffaf0")),
    "cold grey": ("bw", toned("#0a0514", "#faf5ff")),
    "blurred by 0.6 % of its side": ("blurred", blurred(0.006)),
    "blurred by 0.8 %": ("blurred", blurred(0.008)),
    "blurred by 1.2 %": ("blurred", blurred(0.012)),
    "a quarter as bright": ("dark", lambda image: ImageEnhance.Brightness(image).enhance(0.25)),
    "four fifths white": (
        "bright",
        lambda image: Image.blend(image, Image.new("RGB", image.size, "white"), 0.8),
    ),
}


def saved(image: Image.Image) -> Image.Image:
    """The image as a JPEG has it."""
    stream = BytesIO()
    image.save(stream, "JPEG", quality=80)
    return Image.open(stream).convert("RGB")


def has_look(facts: Facts, state: str) -> bool:
    number = getattr(facts, LOOKS[state].fact)
    return number is not None and number in LOOKS[state].values


def main() -> None:
    photos = sorted(path for path in Path(sys.argv[1]).iterdir() if path.is_file())
    started = time.perf_counter()
    plain = {path: with_look(_FACTS, Image.open(path).convert("RGB")) for path in photos}
    took_ms = (time.perf_counter() - started) / len(photos) * 1000
    print(f"{len(photos)} photos, {took_ms:.1f} ms each with reading\n")
    for name, (state, change) in CHANGES.items():
        found = 0
        for path in photos:
            image = saved(change(Image.open(path).convert("RGB")))
            found += has_look(with_look(_FACTS, image), state)
        print(f"is:{state:8} {name:30} {found / len(photos):6.1%}")
    print()
    for state in LOOKS:
        as_they_are = [path.name for path, facts in plain.items() if has_look(facts, state)]
        listed = ", ".join(as_they_are[:_NAMED])
        print(f"is:{state:8} as they are {len(as_they_are) / len(photos):6.1%}  {listed}")


if __name__ == "__main__":
    main()
