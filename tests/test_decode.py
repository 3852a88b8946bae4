"""The reader: the image that comes out of a photo file, and the refusal of other files."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from PIL import Image, ImageCms

from imgsearch.decode.formats import FORMATS_BY_SUFFIX, is_photo_name
from imgsearch.decode.reader import decode, decode_bytes
from imgsearch.decode.thumbnails import encode_thumbnail
from imgsearch.errors import PhotoError, Reason
from tests.factories import IS_ROOT, assert_quarters, encoded, noise, rgb_at, scene


def refused(data: bytes, max_megapixels: float = 200) -> PhotoError:
    with pytest.raises(PhotoError) as caught:
        decode_bytes(data, 32, max_megapixels)
    return caught.value


# ---------------------------------------------------------------------------- names


@pytest.mark.parametrize("name", ["a.jpg", "a.JPEG", "b.HeIc", "c.d.png", "d.cr3", "e.avif"])
def test_photo_names(name: str) -> None:
    assert is_photo_name(name)


@pytest.mark.parametrize(
    "name", ["._a.jpg", ".trashed-17-a.jpg", ".jpg", "a.txt", "a", "jpg", "a.jpg.part", "a.xmp"]
)
def test_names_that_are_not_photo_names(name: str) -> None:
    assert not is_photo_name(name)


def test_every_suffix_is_lower_case_and_belongs_to_one_format() -> None:
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in FORMATS_BY_SUFFIX)
    assert all(suffix in form.suffixes for suffix, form in FORMATS_BY_SUFFIX.items())


# ---------------------------------------------------------------------------- formats


@pytest.mark.parametrize(
    ("format_name", "options"),
    [
        ("JPEG", {"quality": 95}),
        ("JPEG", {"quality": 95, "progressive": True}),
        ("PNG", {}),
        ("GIF", {}),
        ("WEBP", {"quality": 95}),
        ("WEBP", {"lossless": True}),
        ("BMP", {}),
        ("DIB", {}),
        ("PPM", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"compression": "jpeg"}),
        ("JPEG2000", {}),
        ("AVIF", {"quality": 95}),
    ],
)
def test_every_format_gives_the_same_image(format_name: str, options: dict[str, object]) -> None:
    decoded = decode_bytes(encoded(scene(), format_name, **options), 32)
    assert_quarters(decoded.image)
    assert decoded.facts.format == format_name
    assert (decoded.facts.width_px, decoded.facts.height_px) == (96, 64)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_every_png_mode_keeps_black_and_white(mode: str) -> None:
    half = Image.new("L", (80, 40), 0)
    half.paste(255, (40, 0, 80, 40))
    decoded = decode_bytes(encoded(half.convert("RGB").convert(mode), "PNG"), 32)
    assert decoded.image.getpixel((10, 20)) == (0, 0, 0)
    assert decoded.image.getpixel((70, 20)) == (255, 255, 255)


@pytest.mark.parametrize(
    ("samples", "half"),
    [
        (np.array([[0, 32768, 65535]], dtype=np.uint16), 127),  # 16 bits: absolute
        (np.array([[0, 0.5, 1.0]], dtype=np.float32), 128),  # float: 0 to 1
        (np.array([[-200, 0, 200]], dtype=np.float32), 128),  # no agreed white: stretched
        (np.array([[0, 10**6, 2 * 10**6]], dtype=np.int32), 128),
        (np.array([[np.nan, 0.5, 1.0]], dtype=np.float32), 128),
    ],
)
def test_deep_samples_become_the_right_grey(samples: np.ndarray, half: int) -> None:
    decoded = decode_bytes(encoded(Image.fromarray(samples), "TIFF"), 1)
    greys = [decoded.image.getpixel((x, 0)) for x in range(3)]
    assert greys[0] == (0, 0, 0)
    assert greys[1] == pytest.approx((half,) * 3, abs=1)
    assert greys[2] == (255, 255, 255)


def test_cmyk_keeps_its_colours() -> None:
    for format_name in ("JPEG", "TIFF"):
        assert_quarters(
            decode_bytes(encoded(scene().convert("CMYK"), format_name), 32).image, within=20
        )


def test_ycck_keeps_its_colours() -> None:
    """Photoshop writes CMYK into a JPEG as YCCK. Made from a plain CMYK one by changing a flag."""
    cyan, magenta, yellow, black = scene().convert("CMYK").split()
    inks = Image.merge("RGB", (cyan, magenta, yellow)).convert("YCbCr").split()
    samples = [channel.point(lambda value: 255 - value) for channel in inks]  # Pillow inverts all
    data = bytearray(
        encoded(Image.merge("CMYK", (*samples, black)), "JPEG", quality=95, subsampling=0)
    )
    transform_at = data.index(b"Adobe") + 11
    assert data[transform_at] == 0
    data[transform_at] = 2
    assert_quarters(decode_bytes(bytes(data), 32).image, within=20)


def test_a_grey_jpeg_and_one_of_several_images() -> None:
    grey = decode_bytes(encoded(scene().convert("L"), "JPEG", quality=95), 32).image
    assert len(set(grey.getpixel((5, 5)))) == 1  # type: ignore[arg-type]
    later = [Image.new("RGB", (96, 64), "black")]
    data = encoded(scene(), "MPO", quality=95, save_all=True, append_images=later)
    decoded = decode_bytes(data, 32)
    assert_quarters(decoded.image, within=20)
    assert (decoded.facts.format, decoded.facts.animated) == ("JPEG", False)


def test_a_jpeg_of_fifty_megapixels() -> None:
    large = scene(96 * 90, 64 * 90)
    decoded = decode_bytes(encoded(large, "JPEG"), 260)
    assert (decoded.facts.width_px, decoded.facts.height_px) == large.size
    assert_quarters(decoded.image, within=20)
    assert min(decoded.image.size) == 64 * 90 // 8 // 2, "by libjpeg, and then by whole factors"


def test_lab_keeps_its_colours() -> None:
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    image = ImageCms.profileToProfile(scene(), srgb, lab, outputMode="LAB")
    assert image is not None
    assert_quarters(decode_bytes(encoded(image, "TIFF"), 32).image, within=6)


def test_an_animation_gives_its_first_frame() -> None:
    later = [Image.new("RGB", (96, 64), "black") for _ in range(3)]
    for format_name in ("GIF", "PNG", "WEBP", "TIFF"):
        data = encoded(scene(), format_name, save_all=True, append_images=later)
        assert_quarters(decode_bytes(data, 32).image, within=20)


def test_the_content_decides_the_format_not_the_name(tmp_path: Path) -> None:
    path = tmp_path / "really-a-png.jpg"
    path.write_bytes(encoded(scene(), "PNG"))
    assert decode(path, 32).facts.format == "PNG"


# ---------------------------------------------------------------------------- colour, geometry


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "key"])
def test_transparent_parts_are_white(mode: str) -> None:
    if mode == "key":
        image = Image.new("RGB", (40, 40), (0, 0, 0))
        data = encoded(image, "PNG", transparency=(0, 0, 0))
    elif mode == "P":
        image = Image.new("P", (40, 40), 0)
        image.putpalette([0, 0, 0])
        data = encoded(image, "PNG", transparency=0)
    else:
        data = encoded(Image.new(mode, (40, 40), 0), "PNG")
    assert decode_bytes(data, 8).image.getpixel((5, 5)) == (255, 255, 255)


def test_half_transparent_black_over_white_is_grey() -> None:
    data = encoded(Image.new("RGBA", (40, 40), (0, 0, 0, 128)), "PNG")
    assert decode_bytes(data, 8).image.getpixel((5, 5)) == pytest.approx((127,) * 3, abs=1)


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_comes_out_upright(format_name: str, orientation: int) -> None:
    stored = scene()
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # Image.Transpose values
    if orientation in undo:
        stored = stored.transpose(Image.Transpose(undo[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 95} if format_name != "PNG" else {}
    decoded = decode_bytes(encoded(stored, format_name, exif=exif, **options), 32)
    assert_quarters(decoded.image)
    assert (decoded.facts.width_px, decoded.facts.height_px) == (96, 64)


def test_a_wide_gamut_profile_is_converted_and_a_broken_one_ignored() -> None:
    wide = wide_gamut_profile()
    green = Image.new("RGB", (32, 32), (60, 200, 60))
    for format_name in ("JPEG", "PNG", "WEBP", "TIFF", "AVIF"):
        options = {} if format_name in ("PNG", "TIFF") else {"quality": 100}
        seen = decode_bytes(encoded(green, format_name, icc_profile=wide, **options), 16)
        assert rgb_at(seen.image, 9, 9)[0] < 30, "the wider green has less red than sRGB can show"
        for broken in (b"junk", wide[:200], b"\0" * 600):
            same = decode_bytes(encoded(green, format_name, icc_profile=broken, **options), 16)
            assert same.image.getpixel((9, 9)) == pytest.approx((60, 200, 60), abs=4)


def wide_gamut_profile() -> bytes:
    """sRGB's own profile with its green primary moved to that of Adobe RGB (1998)."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = int.from_bytes(profile[128:132], "big")
    for at in range(132, 132 + 12 * count, 12):
        tag, offset = profile[at : at + 4], int.from_bytes(profile[at + 4 : at + 8], "big")
        values = {b"gXYZ": (0.2053, 0.6257, 0.0609), b"rXYZ": (0.6098, 0.3111, 0.0195)}
        if bytes(tag) in values:
            xyz = b"".join(round(v * 65536).to_bytes(4, "big") for v in values[bytes(tag)])
            profile[offset + 8 : offset + 20] = xyz
        if bytes(tag) == b"desc":
            profile[offset + 8 : offset + 200] = profile[offset + 8 : offset + 200].replace(
                b"\0s\0R\0G\0B", b"\0w\0i\0d\0e"
            )
    return bytes(profile)


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "TIFF", "JPEG2000"])
def test_a_large_photo_is_scaled_but_never_below_the_side(format_name: str) -> None:
    for width_px, height_px in ((2000, 1500), (900, 2100), (100, 80), (4000, 40)):
        data = encoded(scene(width_px, height_px), format_name)
        decoded = decode_bytes(data, 100)
        short = min(decoded.image.size)
        assert short >= min(100, width_px, height_px)
        assert short < 2 * 100
        assert (decoded.facts.width_px, decoded.facts.height_px) == (width_px, height_px)
        ratio = decoded.image.width / decoded.image.height
        assert ratio == pytest.approx(width_px / height_px, rel=0.02)


# ---------------------------------------------------------------------------- refusals


def test_refusals_have_a_reason_and_a_message_of_one_sentence() -> None:
    jpeg, png = encoded(noise(128), "JPEG"), encoded(noise(128), "PNG")
    webp, gif = encoded(noise(128), "WEBP"), encoded(noise(128), "GIF")
    assert refused(b"").reason is Reason.EMPTY
    assert refused(b"hello, I am a text").reason is Reason.NOT_AN_IMAGE
    assert refused(b"\0" * 5000).reason is Reason.NOT_AN_IMAGE
    for data in (jpeg, png, gif):
        assert refused(data[: len(data) // 2]).reason is Reason.TRUNCATED
    assert refused(webp[: len(webp) // 2]).reason in (Reason.TRUNCATED, Reason.DAMAGED)
    for data in (jpeg, png, webp):
        error = refused(data[:40])
        assert error.reason in (Reason.TRUNCATED, Reason.DAMAGED)
        assert str(error).endswith((".", ").")) and "\n" not in str(error)


def test_too_many_pixels_are_refused_from_the_header_alone() -> None:
    png = bytearray(encoded(scene(), "PNG"))
    png[16:24] = (20_000).to_bytes(4, "big") + (15_000).to_bytes(4, "big")
    png[29:33] = crc(bytes(png[12:29])).to_bytes(4, "big")
    error = refused(bytes(png))
    assert error.reason is Reason.TOO_LARGE
    assert "300 megapixels" in str(error) and "max_megapixels" in str(error)
    assert refused(encoded(scene(), "GIF"), max_megapixels=0.001).reason is Reason.TOO_LARGE
    assert decode_bytes(encoded(scene(), "JPEG"), 8, max_megapixels=0.0062).image


def crc(data: bytes) -> int:
    import zlib

    return zlib.crc32(data)


def test_a_folder_a_pipe_a_socket_and_a_device_are_never_read(tmp_path: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("needs Unix")
    pipe = tmp_path / "pipe.jpg"
    os.mkfifo(pipe)
    folder = tmp_path / "folder.jpg"
    folder.mkdir()
    where = Path(os.path.relpath(tmp_path / "s.jpg"))  # the path of a socket must be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(where))
    missing = tmp_path / "missing.jpg"
    looped = tmp_path / "loop.jpg"
    looped.symlink_to(looped)
    for path in (pipe, folder, where, Path("/dev/zero"), missing, looped):
        with pytest.raises(PhotoError) as caught:
            decode(path, 32)
        assert caught.value.reason is Reason.UNREADABLE


def test_a_link_to_a_photo_is_read_and_its_file_is_left_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(encoded(scene(), "JPEG", quality=95))
    path.chmod(0o444)
    link = tmp_path / "link.jpg"
    link.symlink_to(path)
    before = path.stat()
    assert_quarters(decode(link, 32).image)
    after = path.stat()
    assert (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, after.st_size)


@pytest.mark.skipif(IS_ROOT, reason="root may read everything")
def test_a_file_without_permission_is_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "secret.jpg"
    path.write_bytes(encoded(scene(), "JPEG"))
    path.chmod(0)
    with pytest.raises(PhotoError) as caught:
        decode(path, 32)
    assert caught.value.reason is Reason.UNREADABLE


# ---------------------------------------------------------------------------- side effects


def test_threads_decode_at_the_same_time_without_warnings(tmp_path: Path) -> None:
    exif = (
        b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + b"\x12\x01\x03\0\xff\xff\xff\xff\xff\xff\xff\xff" * 9
    )
    files = []
    for number in range(24):
        path = tmp_path / f"{number}.img"
        kind = ("JPEG", "PNG", "WEBP", "TIFF")[number % 4]
        extra = {"exif": exif} if kind in ("JPEG", "PNG", "WEBP") else {}
        path.write_bytes(encoded(scene(), kind, **extra))
        files.append(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with ThreadPoolExecutor(8) as threads:
            images = list(threads.map(lambda path: decode(path, 32).image, files))
    for image in images:
        assert_quarters(image, within=40)


def test_a_thumbnail_is_a_small_webp_of_the_whole_photo(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(encoded(scene(1200, 800), "JPEG"))
    decoded = decode(path, 320)
    small = Image.open(BytesIO(encode_thumbnail(decoded, 320)))
    assert (small.format, small.size) == ("WEBP", (320, 213))
    assert_quarters(small.convert("RGB"), within=16)
    assert decoded.image.size != (320, 213), "the caller's image is not changed"
    tiny = replace(decoded, image=scene(10, 10))
    assert Image.open(BytesIO(encode_thumbnail(tiny, 320))).size == (10, 10)


def test_recognising_names_loads_no_decoder() -> None:
    code = (
        "import sys, imgsearch.decode.formats as d; d.is_photo_name('a.jpg');"
        "print(sorted({'PIL', 'numpy', 'pi_heif', 'rawpy'} & set(sys.modules)))"
    )
    seen = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert seen.stdout.strip() == "[]"
