"""Measures how fast photos are decoded, and how little scaled decoding changes their embeddings.

    python -m benchmarks.bench_decode speed
    python -m benchmarks.bench_decode faithful FOLDER [--encoder NAME] [--cache DIR]

`speed` generates its photos. `faithful` decodes every JPEG under FOLDER twice, scaled and whole,
and compares the embeddings of the two.
"""

# ruff: noqa: T201

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import cast

import numpy as np
from PIL import Image, ImageFilter

from imgsearch.decode.decoders import decode_in_process
from imgsearch.decode.formats import HEAD_BYTES, JPEG, ImageFormat, format_of, is_photo_name
from imgsearch.decode.reader import decode_bytes, side_to_embed
from imgsearch.decode.request import DecodeRequest
from imgsearch.encoders.base import Encoder
from imgsearch.encoders.registry import open_encoder
from imgsearch.errors import PhotoError
from imgsearch.records.arrays import PixelBatch

SIDE_PX = 260
REPEATS = 7


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("speed")
    faithful = commands.add_parser("faithful")
    faithful.add_argument("folder", type=Path)
    faithful.add_argument("--encoder", default="openclip:ViT-B-32-256/random")
    faithful.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "imgsearch")
    arguments = parser.parse_args()
    if arguments.command == "speed":
        measure_speed()
    else:
        encoder = open_encoder(arguments.encoder, arguments.cache, "cpu")
        measure_faithfulness(arguments.folder, encoder)


# ---------------------------------------------------------------------------- speed


def read_bytes(data: bytes, image_format: ImageFormat, request: DecodeRequest) -> object:
    return decode_in_process(BytesIO(data), image_format, request)


def measure_speed() -> None:
    side_px = side_to_embed(SIDE_PX)
    print(f"processor milliseconds to an image of {side_px} px or more, best of {REPEATS}")
    request = DecodeRequest(side_px, 200)
    for name, data in photos().items():
        image_format = format_of(data[:HEAD_BYTES])
        assert image_format is not None
        ours = best_ms(partial(read_bytes, data, image_format, request))
        plain = best_ms(partial(whole, data))
        print(f"{name:26} {len(data) / 1e6:5.1f} MB {ours:7.1f}    decoded whole {plain:7.1f}")
    tiny = encoded(Image.new("RGB", (64, 64)), "GIF")
    there = best_ms(lambda: decode_bytes(tiny, 16), time.perf_counter)
    print(f"a request to a decoder process and back: {there:.2f} ms")


def photos() -> dict[str, bytes]:
    """Camera-like photos: soft shapes, grain, and about the file size of a camera."""
    photo = camera_like(4032, 3024)
    files = {
        "JPEG 12 Mpx": encoded(photo, "JPEG", quality=90),
        "JPEG 12 Mpx, progressive": encoded(photo, "JPEG", quality=90, progressive=True),
        "JPEG 50 Mpx": encoded(camera_like(8192, 6144), "JPEG", quality=90),
        "WebP 12 Mpx": encoded(photo, "WEBP", quality=85, method=0),
        "PNG 12 Mpx": encoded(photo, "PNG", compress_level=1),
        "TIFF 12 Mpx, LZW": encoded(photo, "TIFF", compression="tiff_lzw"),
        "AVIF 12 Mpx": encoded(photo, "AVIF", quality=70, speed=10),
        "JPEG 2000 12 Mpx": encoded(photo, "JPEG2000", quality_layers=[12]),
    }
    from pillow_heif import from_pillow

    buffer = BytesIO()
    from_pillow(photo).save(buffer, format="HEIF", quality=60)
    return files | {"HEIC 12 Mpx": buffer.getvalue()}


def camera_like(width_px: int, height_px: int) -> Image.Image:
    chance = np.random.default_rng(3)
    coarse = Image.fromarray(chance.integers(0, 256, (24, 32, 3), dtype=np.uint8))
    middle = Image.fromarray(chance.integers(0, 256, (378, 504, 3), dtype=np.uint8))
    size = (width_px, height_px)
    shapes = Image.blend(coarse.resize(size, 3), middle.resize(size, 3), 0.3)
    grain = chance.normal(0, 4, (height_px, width_px, 1)).astype(np.float32)
    pixels = np.clip(np.asarray(shapes, np.float32) + grain, 0, 255).astype(np.uint8)
    return Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(0.7))


def encoded(image: Image.Image, format_name: str, **options: object) -> bytes:
    buffer = BytesIO()
    image.save(buffer, format_name, **options)
    return buffer.getvalue()


def best_ms(action: Callable[[], object], clock: Callable[[], float] = time.process_time) -> float:
    times = []
    for _ in range(REPEATS):
        begin = clock()
        action()
        times.append(clock() - begin)
    return min(times) * 1e3


# ---------------------------------------------------------------------------- faithfulness


def measure_faithfulness(folder: Path, encoder: Encoder) -> None:
    cosines: dict[str, float] = {}
    scaled = 0
    for path in sorted(folder.rglob("*")):
        data = path.read_bytes() if path.is_file() and is_photo_name(path.name) else b""
        if format_of(data[:HEAD_BYTES]) is not JPEG:
            continue
        try:
            fast = decode_bytes(data, side_to_embed(encoder.side_px))
        except PhotoError:
            continue
        scaled += max(fast.image.size) < max(fast.facts.width_px, fast.facts.height_px)
        pair = [encoder.prepare(fast.image), encoder.prepare(whole(data))]
        one, other = encoder.encode_pixels(cast("PixelBatch", np.stack(pair)))
        cosines[path.name] = float(one @ other)
    values = np.array(list(cosines.values()))
    print(f"{encoder.id}: {len(values)} photos, {scaled} of them decoded at a smaller scale")
    print(f"cosine(fast, whole): mean {values.mean():.5f}, least {values.min():.5f}")
    for name in sorted(cosines, key=cosines.__getitem__)[:5]:
        print(f"  {cosines[name]:.5f} {name}")


def whole(data: bytes) -> Image.Image:
    """The same image, decoded at full size."""
    image_format = format_of(data[:HEAD_BYTES])
    assert image_format is not None
    return decode_in_process(BytesIO(data), image_format, DecodeRequest(1 << 30, 200)).image


if __name__ == "__main__":
    main()
