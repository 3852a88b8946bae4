"""Motion photos, Live Photos and animations are recorded as such."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from PIL import Image

from imgsearch import Library, Settings
from imgsearch.decode.exif import read_apple_note
from imgsearch.decode.motion import is_live_photo_video, live_photo_video
from imgsearch.decode.reader import decode, decode_bytes, read_facts
from imgsearch.records.photo import Facts
from tests.stand_in import StandIn
from tests.test_decode_exif import ASCII, Tag, directory

IDENTIFIER = "9F1C2E58-6B51-4E0B-9C53-0A4C7B1E0D11"
ANOTHER = IDENTIFIER[::-1]


def box(kind: bytes, *content: bytes) -> bytes:
    inside = b"".join(content)
    return struct.pack(">I", 8 + len(inside)) + kind + inside


MP4 = box(b"ftyp", b"mp42\0\0\0\0mp42isom") + box(b"mdat", bytes(5000)) + box(b"moov", bytes(80))


def mov(identifier: str | None, is_mp4: bool = False) -> bytes:
    """A QuickTime file with the metadata that an iPhone writes, without a picture."""
    name = b"com.apple.quicktime.content.identifier"
    keys = [(b"mdta", b"com.apple.quicktime.make"), (b"mdta", name)]
    values = [(1, b"Apple")] + ([(2, identifier.encode())] if identifier else [])
    meta = (
        box(b"hdlr", bytes(8), b"mdta", bytes(14)),
        box(b"keys", struct.pack(">II", 0, len(keys)),
            *(struct.pack(">I", 8 + len(key)) + space + key for space, key in keys)),
        box(b"ilst", *(box(number.to_bytes(4, "big"), box(b"data", struct.pack(">II", 1, 0), value))
                       for number, value in values)),
    )  # fmt: skip
    moov = box(b"moov", box(b"mvhd", bytes(100)), box(b"meta", bytes(4) if is_mp4 else b"", *meta))
    return box(b"ftyp", b"qt  \0\0\0\0qt  ") + box(b"mdat", bytes(300)) + moov


def apple_note(identifier: str) -> bytes:
    tags: list[Tag] = [(0x0011, ASCII, identifier)]
    return b"Apple iOS\0\0\x01MM" + directory(tags, 14, ">")


def still(identifier: str | None = None, **options: object) -> bytes:
    exif = Image.Exif()
    exif[0x010F] = "Apple"
    if identifier is not None:
        exif.get_ifd(0x8769)[0x927C] = apple_note(identifier)
    buffer = BytesIO()
    Image.new("RGB", (64, 48), "teal").save(buffer, "JPEG", exif=exif, **options)
    return buffer.getvalue()


def heic() -> bytes:
    from pillow_heif import from_pillow

    buffer = BytesIO()
    from_pillow(Image.new("RGB", (64, 48), "teal")).save(buffer, format="HEIF")
    return buffer.getvalue()


# ---------------------------------------------------------------------------- inside


def test_a_video_after_a_jpeg_or_in_a_heic_is_found() -> None:
    samsung = struct.pack("<I", 1 << 16) + b"MotionPhoto_Data"
    for data in (
        still() + MP4,
        still() + still() + MP4,  # with a gain map in between
        still() + samsung + MP4 + b"SEFH" + bytes(30) + b"SEFT",
        heic() + box(b"mpvd", MP4),
        heic() + samsung + MP4 + b"SEFH" + bytes(30) + b"SEFT",
    ):
        facts = decode_bytes(data, 32).facts
        assert (facts.motion, facts.animated, facts.width_px) == ("inside", False, 64)


def test_other_data_is_not_taken_for_a_video() -> None:
    promised = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><GCamera:MotionPhoto>1</GCamera:MotionPhoto>'
    for data in (
        still(),
        still() + bytes(40),  # padding
        still() + b"\0\0\0\x18ftypheic" + bytes(300),
        still(xmp=promised),  # a messenger has removed the video, but not its announcement
        heic(),
        heic() + box(b"free", b"ftypmp42"),
        heic() + box(b"mpvd", b""),
    ):
        assert decode_bytes(data, 32).facts.motion is None
    buffer = BytesIO()
    Image.new("RGB", (9, 9)).save(buffer, "PNG")
    assert decode_bytes(buffer.getvalue() + MP4, 8).facts.motion is None


def test_a_real_motion_photo(shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "camera/formats/formats/motionphoto/samsung-one-ui-6.heic"
    assert read_facts(path).motion == decode(path, 128).facts.motion == "inside"
    without = path.read_bytes()[: path.read_bytes().index(b"mpvd") - 4]
    (tmp_path / "cut.heic").write_bytes(without)
    assert read_facts(tmp_path / "cut.heic").motion is None, "though XMP still announces one"
    for name in ("exif-samples/heic/IMG_5195.HEIC", "exif-samples/jpg/hdr/iphone_hdr_YES.jpg"):
        assert read_facts(shared_data / "camera" / name).motion is None


# ---------------------------------------------------------------------------- beside


@pytest.mark.parametrize(
    ("of_photo", "of_video", "is_live"),
    [
        (IDENTIFIER, IDENTIFIER, True),
        (IDENTIFIER, ANOTHER, False),
        (IDENTIFIER, None, True),
        (None, IDENTIFIER, True),
        (None, None, True),
    ],
)
def test_a_live_photo_has_its_video_beside_it(
    tmp_path: Path, of_photo: str | None, of_video: str | None, is_live: bool
) -> None:
    photo, video = tmp_path / "IMG_1.JPG", tmp_path / "IMG_1.MOV"
    photo.write_bytes(still(of_photo))
    assert decode(photo, 32).facts.motion is None
    for is_mp4 in (False, True):
        video.write_bytes(mov(of_video, is_mp4))
        assert live_photo_video(photo) == (video if is_live else None)
        assert decode(photo, 32).facts.motion == ("beside" if is_live else None)


@pytest.mark.parametrize("name", ["IMG_1.HEIC", "IMG_1.JPG", "IMG_1.jpeg"])
def test_the_video_of_a_live_photo_is_not_a_separate_result(
    tmp_path: Path, stand_in: StandIn, name: str
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    still_path, video = folder / name, folder / "IMG_1.MOV"
    still_path.write_bytes(heic() if name.endswith("HEIC") else still(IDENTIFIER))
    video.write_bytes(mov(IDENTIFIER))
    settings = Settings.load(data_dir=tmp_path / "library", encoder="lite")
    with Library.open(settings, encoder=stand_in) as library:
        report = library.index([folder]).run()
        assert (report.new, report.moved, report.failed) == (1, 0, 0)
        assert [hit.path for hit in library.search("is:live")] == [still_path]
        assert "Live Photo" in (library.explain(video, "a cat").reason or "")
        report = library.index().run()
        assert (report.unchanged, library.folders.failures()) == (2, ())
        still_path.unlink()
        report = library.index(verify=True).run()
        assert (report.failed, report.gone) == (1, 1), (
            "without its still it is an ordinary video, and this one is invalid"
        )


def test_the_video_of_another_photo_is_an_ordinary_video(tmp_path: Path) -> None:
    (tmp_path / "IMG_1.JPG").write_bytes(still(IDENTIFIER))
    video = tmp_path / "IMG_1.MOV"
    for identifier, is_half in ((IDENTIFIER, True), (ANOTHER, False)):
        video.write_bytes(mov(identifier))
        assert is_live_photo_video(video) == is_half
    (tmp_path / "IMG_1.JPG").write_text("no photo")
    assert not is_live_photo_video(video)
    assert not is_live_photo_video(tmp_path / "IMG_2.MOV")


def test_a_mov_file_beside_a_photo_may_be_anything(tmp_path: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("needs Unix")
    photo = tmp_path / "IMG_1.JPG"
    photo.write_bytes(still())
    (tmp_path / "IMG_1.MOV").write_text("notes")
    assert decode(photo, 32).facts.motion is None
    (tmp_path / "IMG_1.MOV").unlink()
    os.mkfifo(tmp_path / "IMG_1.MOV")  # opening it would block for ever
    os.mkfifo(tmp_path / "IMG_1.JPG.xmp")
    assert decode(photo, 32).facts.motion is None
    scan = tmp_path / "scan.png"
    Image.new("RGB", (9, 9)).save(scan)
    (tmp_path / "scan.mov").write_bytes(mov(None))
    assert decode(scan, 8).facts.motion is None, "no phone writes a PNG"


@pytest.mark.needs("exiftool")
def test_exiftool_reads_the_same_identifiers(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(still(IDENTIFIER))
    (tmp_path / "a.mov").write_bytes(mov(IDENTIFIER))
    command = ["exiftool", "-json", "-ContentIdentifier", str(tmp_path)]
    read = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert [file["ContentIdentifier"] for file in read] == [IDENTIFIER, IDENTIFIER]


@given(st.binary(max_size=300), st.integers(0, 400))
def test_no_bytes_make_it_fail(
    tmp_path_factory: pytest.TempPathFactory, junk: bytes, at: int
) -> None:
    folder = tmp_path_factory.getbasetemp()
    read_apple_note(junk)
    whole = mov(IDENTIFIER)
    (folder / "a.jpg").write_bytes(still(IDENTIFIER))
    (folder / "a.mov").write_bytes(whole[:at] + junk + whole[at:])
    live_photo_video(folder / "a.jpg")
    facts = decode_bytes(still() + junk, 16).facts
    assert replace(facts, motion=None) == Facts("JPEG", 64, 48, camera="Apple")


# ---------------------------------------------------------------------------- animations


@pytest.mark.parametrize("format_name", ["GIF", "PNG", "WEBP", "AVIF"])
def test_animations_are_recognised(format_name: str) -> None:
    frames = [Image.new("RGB", (32, 24), colour) for colour in ("red", "green", "blue")]
    for count in (1, 2, 3):
        buffer = BytesIO()
        frames[0].save(buffer, format_name, save_all=True, append_images=frames[1:count])
        decoded = decode_bytes(buffer.getvalue(), 16)
        assert decoded.facts.animated == (count > 1)
        red, green, blue = decoded.image.getpixel((9, 9))  # type: ignore[misc]
        assert red > 200 > 60 > max(green, blue), "the first frame is shown"


def test_a_gif_with_a_damaged_second_frame_is_read() -> None:
    buffer = BytesIO()
    frames = [Image.new("RGB", (32, 24), colour) for colour in ("red", "green")]
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    data = buffer.getvalue()
    second = data.rindex(b"\x2c")
    for damaged in (data[: second + 5], data[: second + 1] + b"\xff" * 40):
        assert decode_bytes(damaged, 16).image.size == (32, 24)
