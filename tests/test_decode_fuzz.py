"""A mutation fuzzer for the reader. The worst that any bytes may cause is a PhotoError.

IMGSEARCH_FUZZ_SECONDS sets how long it runs (default 3), IMGSEARCH_FUZZ_SEED the seed.
A finding is written to a file that the failure names: reduce it and add it to FINDINGS.
"""

from __future__ import annotations

import os
import random
import struct
import tempfile
import time
import warnings
import zlib
from collections import Counter
from contextlib import suppress
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgsearch.decode.formats import is_photo_name
from imgsearch.decode.reader import decode_bytes
from imgsearch.errors import PhotoError, Reason
from imgsearch.records.files import Decoded

SECONDS = float(os.environ.get("IMGSEARCH_FUZZ_SECONDS", "3"))
SEED = int(os.environ.get("IMGSEARCH_FUZZ_SEED", "0")) or int(time.time())
SLOWEST_S = 40.0  # on however busy a machine
LARGEST_SEED_BYTES = 300_000
MAX_MEGAPIXELS = 20.0
NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)

# what was wrong -> bytes that once caused it
FINDINGS = {
    "a JPEG 2000 box that ends before it begins was taken for a failing disk": bytes.fromhex(
        "0000000c6a5020200d0a870a00000079706a703220000000006a70322000000068000000166968647200"
        "000050000000700003070700000000000f636f6c720100000000001000005ada6a703263ff4fff51002f"
        "000200000070000000500000000000000000000000700000005000000000000000000003070101070101"
        "070101ff52000c000000016279204f70656e4a50454720"
    ),
}


def picture(mode: str = "RGB") -> Image.Image:
    pixels = np.random.default_rng(1).integers(0, 256, (40, 56, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize((112, 80)).convert(mode)


def made_here() -> dict[str, bytes]:
    """One small file of each kind that Pillow can write."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0112] = "Canon", "Canon EOS R5", 6
    exif.get_ifd(0x8769).update({0x9003: "2021:07:04 12:34:56", 0xA434: "RF50mm"})
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 51.0, 29.5), 3: "W", 4: (2.0, 17.0, 40.2)})
    kinds: dict[str, tuple[str, str, dict[str, object]]] = {
        "plain.jpg": ("RGB", "JPEG", {"exif": exif}),
        "progressive.jpg": ("RGB", "JPEG", {"progressive": True, "exif": exif}),
        "cmyk.jpg": ("CMYK", "JPEG", {}),
        "grey.jpg": ("L", "JPEG", {}),
        "plain.png": ("RGB", "PNG", {"exif": exif}),
        "palette.png": ("P", "PNG", {"transparency": 3}),
        "animated.png": ("RGBA", "PNG", {"save_all": True, "append_images": [picture("RGBA")]}),
        "animated.gif": ("P", "GIF", {"save_all": True, "append_images": [picture("P")]}),
        "lossy.webp": ("RGB", "WEBP", {"exif": exif}),
        "animated.webp": ("RGBA", "WEBP", {"save_all": True, "append_images": [picture("RGBA")]}),
        "plain.bmp": ("RGB", "BMP", {}),
        "lzw.tif": ("RGB", "TIFF", {"compression": "tiff_lzw", "exif": exif}),
        "jpeg.tif": ("RGB", "TIFF", {"compression": "jpeg"}),
        "grey.tif": ("F", "TIFF", {}),
        "plain.jp2": ("RGB", "JPEG2000", {}),
        "plain.avif": ("RGB", "AVIF", {"exif": exif}),
    }
    files = {}
    for name, (mode, format_name, options) in kinds.items():
        buffer = BytesIO()
        picture(mode).save(buffer, format_name, **options)
        files[name] = buffer.getvalue()
    from pillow_heif import from_pillow

    buffer = BytesIO()
    from_pillow(picture()).save(buffer, format="HEIF")
    return {**files, "plain.heic": buffer.getvalue()}


def made_with_extras() -> dict[str, bytes]:
    """A JPEG XL, a DNG and videos, where the packages that write them are installed."""
    files = {}
    if find_spec("pillow_jxl"):
        from pillow_jxl import JpegXLImagePlugin

        image, buffer = picture(), BytesIO()
        image.encoderinfo = {"quality": 90, "use_container": True, "num_threads": 1}
        JpegXLImagePlugin._save(image, buffer, "")
        files["plain.jxl"] = buffer.getvalue()
    if find_spec("tifffile"):
        import tifffile

        tags = [(33421, 3, 2, (2, 2), True), (33422, 1, 4, bytes((0, 1, 1, 2)), True),
                (50706, 1, 4, bytes((1, 4, 0, 0)), True)]  # fmt: skip
        buffer, sensor = BytesIO(), np.asarray(picture("L")).astype(np.uint16) * 257
        tifffile.imwrite(buffer, sensor, photometric="cfa", metadata=None, extratags=tags)
        files["plain.dng"] = buffer.getvalue()
    if find_spec("av"):
        from tests.clips import video

        shown = [picture(), picture().rotate(180)]
        files |= {f"clip.{kind}": video(shown, 1.0, kind) for kind in ("mp4", "mkv", "avi", "mpg")}
    return files


def collected(root: Path) -> dict[str, bytes]:
    """The smaller real camera files."""
    small = [p for p in sorted(root.rglob("*")) if p.is_file() and is_photo_name(p.name)]
    return {p.name: p.read_bytes() for p in small if p.stat().st_size <= LARGEST_SEED_BYTES}


# ---------------------------------------------------------------------------- mutations


def mutated(data: bytes, others: list[bytes], chance: random.Random) -> bytes:
    """`data` with one to eight changes, most of them near the beginning, where the headers are."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 3, 5, 8))):
        if len(changed) < 16:
            break
        reach = len(changed) if chance.random() < 0.4 else min(len(changed), 800)
        at = chance.randrange(reach)
        change(changed, at, others, chance)
    if changed.startswith(b"\x89PNG") and chance.random() < 0.8:
        return with_right_checksums(bytes(changed))
    return bytes(changed)


def change(data: bytearray, at: int, others: list[bytes], chance: random.Random) -> None:
    kind = chance.randrange(7)
    if kind == 0:
        data[at] ^= 1 << chance.randrange(8)
    elif kind == 1:
        data[at] = chance.randrange(256)
    elif kind == 2:
        width = chance.choice((2, 4))
        number = chance.choice(NUMBERS) & (2 ** (8 * width) - 1)
        data[at : at + width] = number.to_bytes(width, chance.choice(("big", "little")))
    elif kind == 3:
        del data[at : at + chance.choice((1, 2, 4, 64, 1024))]
    elif kind == 4:
        data[at:at] = data[at : at + chance.choice((1, 4, 64, 1024))] * chance.choice((1, 2, 40))
    elif kind == 5:
        other = chance.choice(others)
        begin = chance.randrange(len(other))
        data[at : at + 64] = other[begin : begin + chance.choice((8, 64, 2048))]
    else:
        del data[max(at, 16) :]


def with_right_checksums(png: bytes) -> bytes:
    """The same chunks with valid checksums, so that a decoder does not stop at those."""
    fixed, at = png[:8], 8
    while at + 12 <= len(png):
        (size,) = struct.unpack_from(">I", png, at)
        body = png[at + 4 : at + 8 + size]
        if len(body) < size + 4:
            break
        fixed += png[at : at + 4] + body + struct.pack(">I", zlib.crc32(body))
        at += 12 + size
    return fixed + png[at:]


# ---------------------------------------------------------------------------- what must be true


def outcome(data: bytes) -> str:
    """The reason of failure or "read", after checking that the outcome is allowed."""
    begin = time.monotonic()
    try:
        decoded = decode_bytes(data, 32, MAX_MEGAPIXELS)
    except PhotoError as error:
        assert error.reason is not Reason.UNREADABLE, error
        assert str(error) and "\n" not in str(error)
        result = error.reason.value
    else:
        check(decoded)
        result = "read"
    assert time.monotonic() - begin < SLOWEST_S
    return result


def check(decoded: Decoded) -> None:
    image, facts = decoded.image, decoded.facts
    assert image.mode == "RGB"
    assert min(image.size) >= 1
    image.load()
    assert facts.width_px * facts.height_px <= MAX_MEGAPIXELS * 1e6
    assert min(image.size) >= min(64, facts.width_px, facts.height_px)
    assert facts.lat is None or -90 <= facts.lat <= 90
    assert facts.lon is None or -180 <= facts.lon <= 180
    for text in (facts.camera, facts.lens):
        assert text is None or text.isprintable()


def test_past_findings_are_harmless() -> None:
    for data in FINDINGS.values():
        outcome(data)


@pytest.mark.timeout(SECONDS + 240)
def test_mutations_are_harmless(request: pytest.FixtureRequest) -> None:
    seeds = made_here() | made_with_extras()
    with suppress(pytest.skip.Exception):  # the generated files suffice
        seeds |= collected(request.getfixturevalue("shared_data") / "camera")
    files, chance, outcomes = list(seeds.values()), random.Random(SEED), Counter[str]()
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        data = mutated(chance.choice(files), files, chance)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                outcomes[outcome(data)] += 1
        except BaseException:
            finding = Path(tempfile.gettempdir()) / f"imgsearch-finding-{SEED}"
            finding.write_bytes(data)
            print(f"finding: {finding}, after {outcomes.total()} files of seed {SEED}")  # noqa: T201
            raise
    print(f"{outcomes.total()} files of seed {SEED}: {dict(outcomes)}")  # noqa: T201
    assert outcomes["read"] and len(outcomes) >= 3, "the mutations change too little or too much"
