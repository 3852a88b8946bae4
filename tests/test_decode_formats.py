"""The less common formats: HEIC, JPEG XL, TIFF, RAW, wide colour; and real camera files."""

from __future__ import annotations

import struct
import sys
from datetime import datetime
from io import BytesIO
from pathlib import Path

import numpy as np
import PIL
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from imgsearch.decode.colour import adobe_rgb, profile_of_code_points
from imgsearch.decode.decoders import decode_in_process
from imgsearch.decode.formats import FORMATS_BY_NAME, JPEG2000, is_photo_name
from imgsearch.decode.headers import jpeg_xl_size
from imgsearch.decode.jpeg2000 import Jpeg2000File
from imgsearch.decode.reader import decode, decode_bytes, decoder_fingerprint
from imgsearch.decode.request import DecodeRequest
from imgsearch.errors import PhotoError, Reason
from imgsearch.installation import install_command
from tests.factories import SCENE, assert_quarters, dng, encoded, heic, rgb_at, scene, tiff

# ---------------------------------------------------------------------------- HEIC


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_heic_is_turned_by_its_own_boxes(orientation: int) -> None:
    undo = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90}
    undo[8] = Image.Transpose.ROTATE_270
    image = scene().transpose(undo[orientation]) if orientation in undo else scene()
    exif = Image.Exif()
    exif[0x0112] = orientation
    decoded = decode_bytes(heic(image, quality=95, exif=exif.tobytes()), 64)
    assert_quarters(decoded.image, SCENE, 14)
    assert (decoded.facts.width_px, decoded.facts.height_px) == (96, 64)
    assert decoded.facts.format == "HEIF"


def test_a_heic_of_several_images_gives_the_primary_one() -> None:
    from pillow_heif import HeifFile

    file = HeifFile()
    for image in (Image.new("RGB", (64, 64), "black"), scene(), Image.new("RGB", (32, 32))):
        file.add_from_pillow(image)
    buffer = BytesIO()
    file.save(buffer, quality=95, primary_index=1)
    assert_quarters(decode_bytes(buffer.getvalue(), 64).image, SCENE, 14)


def test_heic_of_ten_bits_and_with_alpha() -> None:
    from pillow_heif import from_bytes

    pixels = np.asarray(scene()).astype(np.uint16) * 257
    buffer = BytesIO()
    from_bytes(mode="RGB;16", size=(96, 64), data=pixels.tobytes()).save(
        buffer, format="HEIF", quality=95
    )
    assert_quarters(decode_bytes(buffer.getvalue(), 64).image, SCENE, 14)
    clear = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    assert decode_bytes(heic(clear, quality=95), 32).image.getpixel((9, 9)) == pytest.approx(
        (255, 255, 255), abs=2
    )


def test_a_burst_gives_the_primary_image() -> None:
    from pillow_heif import HeifFile

    burst = HeifFile()
    for image in (Image.new("RGB", (96, 64), "black"), scene(), Image.new("RGB", (96, 64))):
        burst.add_from_pillow(image)
    buffer = BytesIO()
    burst.save(buffer, quality=95, primary_index=1)
    decoded = decode_bytes(buffer.getvalue(), 64)
    assert_quarters(decoded.image, SCENE, 14)
    assert not decoded.facts.animated


# ---------------------------------------------------------------------------- JPEG XL


def jxl(image: Image.Image, **options: object) -> bytes:
    plugin = pytest.importorskip("pillow_jxl.JpegXLImagePlugin")
    buffer = BytesIO()
    image.encoderinfo = options
    plugin._save(image, buffer, "")
    return buffer.getvalue()


@pytest.mark.parametrize("container", [False, True])
def test_jpeg_xl(container: bool) -> None:
    data = jxl(scene(), quality=95, use_container=container, num_threads=1)
    decoded = decode_bytes(data, 64)
    assert_quarters(decoded.image, SCENE, 14)
    assert (decoded.facts.format, decoded.facts.width_px) == ("JXL", 96)


@pytest.mark.parametrize("size_px", [(96, 64), (256, 256), (8, 8), (1000, 333), (1, 1), (640, 360)])
def test_the_size_of_a_jpeg_xl_is_known_before_it_is_decoded(size_px: tuple[int, int]) -> None:
    assert jpeg_xl_size(BytesIO(jxl(scene(*size_px), effort=1, num_threads=1))) == size_px
    bomb = b"\xff\x0a" + bits((0, 1), (3, 2), (2**30 - 1, 30), (1, 3)) + bytes(20)
    with pytest.raises(PhotoError) as caught:
        decode_bytes(bomb, 64)
    assert caught.value.reason is Reason.TOO_LARGE


def bits(*fields: tuple[int, int]) -> bytes:
    """(value, width) pairs packed from the low end."""
    number, at = 0, 0
    for value, width in fields:
        number |= value << at
        at += width
    return number.to_bytes((at + 7) // 8, "little")


# ---------------------------------------------------------------------------- TIFF

RAMP = np.linspace(0, 1, 32)[None, :].repeat(32, axis=0)


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize(
    ("bits", "options"),
    [
        (8, {}),
        (16, {}),
        (32, {}),
        (8, {"photometric": "miniswhite"}),
        (16, {"photometric": "miniswhite"}),
        (16, {"tile": (16, 16)}),
        (16, {"compression": "zlib"}),
    ],
)
def test_grey_tiffs_of_any_depth(big: bool, bits: int, options: dict[str, object]) -> None:
    ramp = 1 - RAMP if "photometric" in options else RAMP
    samples = np.round(ramp * (2**bits - 1)).astype(f"u{bits // 8}")
    seen = np.asarray(decode_bytes(tiff(samples, bigtiff=big, **options), 32).image, float)
    assert np.abs(seen - 255 * RAMP[..., None]).max() <= 1.5


@pytest.mark.parametrize("bits", [8, 16])
def test_colour_tiffs_stored_pixel_by_pixel_or_plane_by_plane(bits: int) -> None:
    colours = np.stack([RAMP, 1 - RAMP, RAMP * 0 + 0.5], axis=-1)
    samples = np.round(colours * (2**bits - 1)).astype(f"u{bits // 8}")
    seen = np.asarray(decode_bytes(tiff(samples, photometric="rgb"), 32).image, float)
    assert np.abs(seen - 255 * colours).max() <= 1.5
    planes = tiff(samples.transpose(2, 0, 1), photometric="rgb", planarconfig="separate")
    if bits == 8:
        seen = np.asarray(decode_bytes(planes, 32).image, float)
        assert np.abs(seen - 255 * colours).max() <= 1.5
    else:
        with pytest.raises(PhotoError) as caught:
            decode_bytes(planes, 32)
        assert caught.value.reason is Reason.UNSUPPORTED


# ---------------------------------------------------------------------------- Netpbm and DIB


@pytest.mark.parametrize("maximum", [1, 15, 255, 1023, 65535])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("plain", [False, True])
def test_netpbm_of_any_depth(maximum: int, channels: int, plain: bool) -> None:
    colours = np.stack([RAMP, 1 - RAMP, RAMP * 0 + 1], axis=-1)[..., :channels]
    samples = np.round(colours * maximum).astype(int)
    number = (2 if channels == 1 else 3) + (0 if plain else 3)
    head = b"P%d\n# made by a test\n32 32\n%d\n" % (number, maximum)
    text = b" ".join(b"%d" % value for value in samples.ravel())
    raw = samples.astype(">u2" if maximum > 255 else "u1").tobytes()
    decoded = decode_bytes(head + (text if plain else raw), 32)
    seen = np.asarray(decoded.image, float)
    assert np.abs(seen - np.round(255 * samples / maximum)).max() <= 1
    assert decoded.facts.format == "PPM"


def test_a_dark_netpbm_of_16_bits_stays_dark() -> None:
    samples = np.arange(256, dtype=">u2").repeat(4).tobytes()
    seen = np.asarray(decode_bytes(b"P5 32 32 65535\n" + samples, 32).image)
    assert seen.max() <= 1


@pytest.mark.parametrize("number", [1, 4])
def test_a_bitmap_is_black_where_its_bits_are_set(number: int) -> None:
    rows = (b"1" * 16 + b"0" * 16 + b"\n") * 16 if number == 1 else b"\xff\xff\0\0" * 16
    image = decode_bytes(b"P%d 32 16\n" % number + rows, 16).image
    assert (rgb_at(image, 2, 2), rgb_at(image, 29, 2)) == ((0, 0, 0), (255, 255, 255))


@pytest.mark.parametrize("start", [b"P6 32 32 1023\n", b"P5 32 32 65535\n", b"P3 32 32 255\n"])
def test_a_netpbm_that_ends_early_is_truncated(start: bytes) -> None:
    with pytest.raises(PhotoError) as caught:
        decode_bytes(start + b"3 " * 50, 32)
    assert caught.value.reason is Reason.TRUNCATED


@pytest.mark.parametrize("name", ["a.dib", "a.pgm", "a.pbm", "a.pnm", "a.ppm", "A.PPM"])
def test_their_files_are_found_by_name(name: str) -> None:
    assert is_photo_name(name)


def test_text_that_begins_like_a_netpbm_is_no_image() -> None:
    for text in (b"P1 is the first prize of our competition", b"P5: done", b"P62 32 255"):
        with pytest.raises(PhotoError) as caught:
            decode_bytes(text + b" and more" * 20, 32)
        assert caught.value.reason is Reason.NOT_AN_IMAGE


def test_a_dib_with_a_file_header_is_a_bmp(tmp_path: Path) -> None:
    path = tmp_path / "photo.dib"
    path.write_bytes(encoded(scene(), "BMP"))
    assert decode(path, 64).facts.format == "BMP"


# ---------------------------------------------------------------------------- JPEG 2000


@settings(deadline=None, max_examples=40)
@given(st.integers(33, 300), st.integers(33, 300))
def test_a_jpeg_2000_of_any_size_is_decoded_at_a_reduced_size(
    width_px: int, height_px: int
) -> None:
    data = encoded(scene(width_px, height_px), "JPEG2000", num_resolutions=6)
    decoded = decode_in_process(BytesIO(data), JPEG2000, DecodeRequest(16, 200))
    assert (decoded.facts.width_px, decoded.facts.height_px) == (width_px, height_px)
    assert 16 <= min(decoded.image.size) <= min(32, width_px, height_px) + 1
    assert_quarters(decoded.image, within=40)


def test_what_fails_at_a_reduced_size_is_decoded_whole() -> None:
    """An image that begins in the middle of its grid has sides that halve in another way."""
    data = encoded(scene(90, 70), "JPEG2000", offset=(3, 5), tile_offset=(0, 0),
                   tile_size=(100, 100))  # fmt: skip
    image = Jpeg2000File(BytesIO(data))
    image.halve(3)
    with pytest.raises(OSError, match="broken data"):
        image.load()
    assert_quarters(decode_bytes(data, 8).image, within=25)


# ---------------------------------------------------------------------------- kinds not decoded


def heic_of(item: bytes, configuration: bytes, brand: bytes) -> bytes:
    """A HEIC whose pixels claim to be coded in another way."""
    data = heic(scene()).replace(b"hvc1", item).replace(b"hvcC", configuration)
    return data.replace(b"ftypheic", b"ftyp" + brand).replace(b"heic", b"miaf")


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (heic_of(b"unci", b"uncC", b"mif1"), "HEIF is not supported (uncompressed)"),
        (heic_of(b"avc1", b"avcC", b"avci"), "HEIF is not supported (AVC)"),
        (heic_of(b"vvc1", b"vvcC", b"vvic"), "HEIF is not supported (VVC)"),
        (heic_of(b"j2k1", b"j2kH", b"j2ki"), "HEIF is not supported (JPEG 2000)"),
        (struct.pack(">I", 16) + b"ftypmif3avif" + struct.pack(">I", 100) + b"mini" + bytes(92),
         "AVIF is not supported (low-overhead form)"),
        (tiff(np.zeros((32, 32), np.uint8), bigtiff=True, byteorder=">"),
         "TIFF is not supported (big-endian BigTIFF)"),
    ],
    ids=["uncompressed", "AVC", "VVC", "JPEG 2000", "mini", "BigTIFF"],
)  # fmt: skip
def test_a_kind_without_a_decoder_is_unsupported_and_not_damaged(data: bytes, kind: str) -> None:
    with pytest.raises(PhotoError) as caught:
        decode_bytes(data, 64)
    assert caught.value.reason is Reason.UNSUPPORTED
    assert kind in str(caught.value)


def test_a_damaged_heic_is_not_called_unsupported() -> None:
    data = bytearray(heic(scene()))
    pixels_at = data.index(b"mdat") + 4
    data[pixels_at:] = bytes(len(data) - pixels_at)
    with pytest.raises(PhotoError) as caught:
        decode_bytes(bytes(data), 64)
    assert caught.value.reason in (Reason.DAMAGED, Reason.TRUNCATED)


# ---------------------------------------------------------------------------- RAW


@pytest.mark.parametrize(
    ("orientation", "quarters", "size_px"),
    [
        (1, (0, 1, 2, 3), (256, 192)),
        (3, (3, 2, 1, 0), (256, 192)),
        (6, (2, 0, 3, 1), (192, 256)),
        (8, (1, 3, 0, 2), (192, 256)),
    ],
)
def test_raw_is_developed_upright(
    tmp_path: Path, orientation: int, quarters: tuple[int, ...], size_px: tuple[int, int]
) -> None:
    pytest.importorskip("rawpy")
    path = tmp_path / "photo.dng"
    path.write_bytes(dng(orientation))
    decoded = decode(path, 64)
    colours = [(255, 47, 47), (47, 255, 47), (47, 47, 255), (255, 255, 255)]
    assert_quarters(decoded.image, [colours[i] for i in quarters], 12)
    assert (decoded.facts.width_px, decoded.facts.height_px) == size_px
    assert decoded.facts.taken_at == datetime(2020, 1, 2, 3, 4, 5)
    assert decoded.facts.camera == "Acme R1"
    assert min(decode(path, 192).image.size) == 192, (
        "developed at full size where half is too small"
    )


def test_raw_of_a_sensor_without_colour_filters() -> None:
    pytest.importorskip("rawpy")
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)[None, :].repeat(192, axis=0)
    tags = [(50706, 1, 4, bytes((1, 4, 0, 0)), True), (50708, 2, 0, "Acme M", True),
            (50717, 4, 1, 65535, True)]  # fmt: skip
    data = bytearray(tiff(ramp, photometric="minisblack", metadata=None, extratags=tags))
    at = data.index(struct.pack("<HHI", 262, 3, 1)) + 8
    data[at : at + 2] = struct.pack("<H", 34892)  # linear RAW, which tifffile writes in colour only
    seen = np.asarray(decode_bytes(bytes(data), 128).image, float)
    assert np.all(seen.max(axis=2) == seen.min(axis=2)), "grey"
    assert np.all(np.diff(seen[96, :, 0]) >= -2) and seen[96, 3, 0] < 40 < 200 < seen[96, -3, 0]


def test_raw_is_recognised_by_its_content() -> None:
    pytest.importorskip("rawpy")
    assert decode_bytes(dng(), 64).facts.format == "RAW"
    for first_image, format_name in ((1, "RAW"), (0, "TIFF")):
        tags = ImageFileDirectory_v2()
        tags[254] = first_image  # 1: a reduced copy of another image
        tags[330], tags.tagtype[330] = 8, 4  # the offset of its child images
        buffer = BytesIO()
        scene().save(buffer, "TIFF", tiffinfo=tags)
        if format_name == "TIFF":
            assert decode_bytes(buffer.getvalue(), 64).facts.format == "TIFF"
        else:
            with pytest.raises(PhotoError, match="RAW"):
                decode_bytes(buffer.getvalue(), 64)


def test_a_format_without_its_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rawpy", None)  # not found, even if it is installed
    with pytest.raises(PhotoError) as caught:
        decode_bytes(b"FUJIFILMCCD-RAW" + bytes(100), 64)
    assert caught.value.reason is Reason.UNSUPPORTED
    assert install_command("raw") in str(caught.value)


def test_the_fingerprint_names_decoders_with_versions() -> None:
    fingerprint = decoder_fingerprint()
    assert f"pillow {PIL.__version__}" in fingerprint and "pillow-heif" in fingerprint


# ---------------------------------------------------------------------------- colour


def test_high_dynamic_range_is_tone_mapped() -> None:
    """PQ codes paper white (203 nits) as .58: it must come out light, and black as black."""
    coded = Image.new("RGB", (96, 64), (148, 148, 148))
    coded.paste((0, 0, 0), (0, 0, 48, 64))
    data = bytearray(png_with_code_points(coded, 9, 16))
    seen = decode_bytes(bytes(data), 64).image
    assert max(rgb_at(seen, 9, 9)) <= 2
    assert all(160 < value < 225 for value in rgb_at(seen, 80, 30))
    plain = decode_bytes(png_with_code_points(coded, 1, 13), 64).image
    assert plain.getpixel((80, 30)) == (148, 148, 148)


def png_with_code_points(image: Image.Image, primaries: int, transfer: int) -> bytes:
    import zlib

    buffer = BytesIO()
    image.save(buffer, "PNG")
    data = buffer.getvalue()
    chunk = b"cICP" + bytes((primaries, transfer, 0, 1))
    whole = struct.pack(">I", 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return data[:33] + whole + data[33:]


def test_generated_profiles_keep_grey_neutral_and_white_white() -> None:
    from PIL import ImageCms

    for profile in (adobe_rgb(), profile_of_code_points((12, 13)), profile_of_code_points((9, 18))):
        assert profile is not None
        greys = Image.new("RGB", (3, 1))
        for x, level in enumerate((0, 128, 255)):
            greys.putpixel((x, 0), (level, level, level))
        srgb = ImageCms.createProfile("sRGB")
        seen = ImageCms.profileToProfile(greys, BytesIO(profile), srgb)
        assert seen is not None
        for x in range(3):
            pixel = rgb_at(seen, x, 0)
            assert max(pixel) - min(pixel) <= 2
        assert min(rgb_at(seen, 2, 0)) >= 252
    assert profile_of_code_points((1, 13)) is None


def test_p3_green_is_greener_than_srgb_can_show() -> None:
    profile = profile_of_code_points((12, 13))
    buffer = BytesIO()
    Image.new("RGB", (32, 32), (60, 200, 60)).save(buffer, "PNG", icc_profile=profile)
    assert rgb_at(decode_bytes(buffer.getvalue(), 16).image, 9, 9)[0] < 20


def test_adobe_rgb_named_only_in_exif_is_converted() -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA005] = {1: "R03"}
    for index, red in (("R03", 30), ("R98", 60)):
        exif.get_ifd(0x8769)[0xA005] = {1: index}
        buffer = BytesIO()
        Image.new("RGB", (32, 32), (60, 200, 60)).save(buffer, "JPEG", exif=exif, quality=100)
        seen = rgb_at(decode_bytes(buffer.getvalue(), 16).image, 9, 9)[0]
        assert seen < red if index == "R03" else seen == pytest.approx(red, abs=4)


# ---------------------------------------------------------------------------- documentation


def test_the_documented_formats_are_the_supported_ones() -> None:
    text = (Path(__file__).parent.parent / "docs" / "formats.md").read_text()
    for image_format in FORMATS_BY_NAME.values():
        row = next(
            line for line in text.splitlines() if line.startswith(f"| {image_format.name} |")
        )
        cells = [cell.strip() for cell in row.split("|")]
        assert cells[2] == " ".join(image_format.suffixes)
        assert cells[4] == (f"`{image_format.extra}`" if image_format.extra else "–")
    for reason in Reason:
        assert f"| `{reason}` |" in text


# ---------------------------------------------------------------------------- real camera files


def test_nine_orientations_give_one_image(shared_data: Path) -> None:
    for folder, name in (("orientation", "Landscape"), ("orientation", "Portrait")):
        pictures = []
        for number in range(9):
            image = decode(shared_data / "camera" / folder / f"{name}_{number}.jpg", 256).image
            pictures.append(np.asarray(image.resize((60, 60))).astype(float))
        for picture in pictures[1:]:
            assert np.abs(picture - pictures[0]).mean() < 12


def test_scaled_decoding_gives_what_full_decoding_gives(shared_data: Path) -> None:
    """Compares pixels at the size a model sees; the benchmark compares the embeddings."""
    names = ("gps/DSCN0010.jpg", "mobile/jolla.jpg", "tests/42_IndexError.jpg")
    for name in names:
        path = shared_data / "camera" / "exif-samples" / "jpg" / name
        fast = decode(path, 448).image.resize((224, 224), Image.Resampling.BICUBIC)
        with Image.open(path) as whole:
            full = whole.convert("RGB").resize((224, 224), Image.Resampling.BICUBIC)
        assert np.abs(np.asarray(fast, float) - np.asarray(full, float)).mean() < 2.5
