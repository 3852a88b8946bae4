"""Originals: the file of a photo, the video in or beside it, and ranges of bytes."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path

import pytest
from msgspec.structs import replace
from PIL import Image

from imgsearch import Library, Settings
from imgsearch.decode.formats import HEIF, JPEG
from imgsearch.decode.motion import video_inside
from imgsearch.decode.original import open_moving_part, open_original
from imgsearch.errors import PhotoError
from imgsearch.records.photo import Facts, Photo
from tests.stand_in import StandIn
from tests.test_decode_motion import MP4, box, heic, mov, still
from ui.originals import byte_range

TRAILER = b"SEFH" + bytes(30) + b"SEFT"


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (still() + MP4, JPEG),
        (still() + still() + MP4 + TRAILER, JPEG),
        (still() + b"ftypmp42 is no box" + MP4, JPEG),
        (heic() + box(b"mpvd", MP4), HEIF),
        (heic() + b"MotionPhoto_Data" + MP4 + TRAILER, HEIF),
    ],
)
def test_the_video_in_a_photo_is_found_whole(data: bytes, kind: object) -> None:
    place = video_inside(BytesIO(data), kind)  # type: ignore[arg-type]
    assert place is not None and data[slice(*place)] == MP4


@pytest.mark.parametrize("data", [still(), still() + bytes(50), still() + MP4[:-200]])
def test_no_video_is_made_up(data: bytes) -> None:
    assert video_inside(BytesIO(data), JPEG) is None


def test_a_real_motion_photo_has_its_video(shared_data: Path) -> None:
    av = pytest.importorskip("av")
    path = shared_data / "camera/formats/formats/motionphoto/samsung-one-ui-6.heic"
    with path.open("rb") as file:
        place = video_inside(file, HEIF)
        assert place is not None
        file.seek(place[0])
        content = BytesIO(file.read(place[1] - place[0]))
    with av.open(content) as container:
        assert next(container.decode(video=0)).width > 0


def photo_of(path: Path, **facts: str) -> Photo:
    return Photo(1, "0" * 64, path.stat().st_size, replace(Facts("JPEG", 64, 48), **facts))


def test_the_video_of_a_live_photo_is_the_one_beside_it(tmp_path: Path) -> None:
    photo, video = tmp_path / "IMG_1.JPG", tmp_path / "IMG_1.MOV"
    photo.write_bytes(still())
    video.write_bytes(mov(None))
    found = open_moving_part(photo_of(photo, motion="beside"), [photo])
    with found.file:
        assert (found.name, found.start, found.size_bytes) == (
            "IMG_1.MOV",
            0,
            video.stat().st_size,
        )
    video.unlink()
    with pytest.raises(PhotoError):
        open_moving_part(photo_of(photo, motion="beside"), [photo])


def test_only_an_unchanged_regular_file_is_opened(tmp_path: Path) -> None:
    photo = tmp_path / "one.jpg"
    photo.write_bytes(still())
    record = photo_of(photo)
    os.mkfifo(tmp_path / "pipe.jpg")
    found = open_original(record, [tmp_path / "pipe.jpg", tmp_path / "missing.jpg", photo])
    with found.file:
        assert found.file.read() == still() and found.media_type == "image/jpeg"
    photo.write_bytes(still() + b"more")
    with pytest.raises(PhotoError, match="has changed since"):
        open_original(record, [photo])


def test_the_library_gives_only_its_own_files(tmp_path: Path, stand_in: StandIn) -> None:
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (32, 32)).save(tmp_path / "photos" / "one.png")
    settings = Settings.load(data_dir=tmp_path / "library", encoder="lite")
    with Library.open(settings, encoder=stand_in) as library:
        library.index([tmp_path / "photos"]).run()
        (hit,) = library.find("name:one").hits
        found = library.original(hit.photo.id)
        assert found is not None and library.original(hit.photo.id + 1) is None
        with found.file:
            assert found.file.read() == hit.path.read_bytes()
        with pytest.raises(PhotoError):
            library.original(hit.photo.id, moving_part=True)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", range(100)),
        ("bytes=0-", range(100)),
        ("bytes=10-19", range(10, 20)),
        ("bytes=90-500", range(90, 100)),
        ("bytes=-10", range(90, 100)),
        ("bytes=-500", range(100)),
        ("bytes=100-", None),
        ("bytes=-0", None),
        ("bytes=5-2", range(100)),
        ("bytes=-", range(100)),
        ("bytes=0-1,5-6", range(100)),
        ("lines=0-1", range(100)),
        ("bytes=" + "9" * 40 + "-", range(100)),
    ],
)
def test_ranges_follow_the_standard(header: str, expected: range | None) -> None:
    assert byte_range(header, 100) == expected
