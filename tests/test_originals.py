"""Originals: the file of a photo, the video in or beside it, and ranges of bytes."""

from __future__ import annotations

import hashlib
import os
import sys
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
from imgsearch.records.photo import Facts, IndexedFile, Photo
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
    content_hash = hashlib.blake2b(path.read_bytes(), digest_size=32).hexdigest()
    return Photo(1, content_hash, path.stat().st_size, replace(Facts("JPEG", 64, 48), **facts))


def indexed(path: Path, folder: Path | None = None) -> IndexedFile:
    """The file as it is now, indexed in its folder or in one above it."""
    return IndexedFile(path, str(folder or path.parent), path.stat().st_mtime_ns)


def is_given(photo: Photo, file: IndexedFile) -> bool:
    """Whether the file at this place is given for the photo."""
    try:
        open_original(photo, [file]).file.close()
    except PhotoError:
        return False
    return True


def put_like(path: Path, content: bytes, like: Path) -> Path:
    """Write a file with the time of change of another one."""
    path.write_bytes(content)
    os.utime(path, ns=(like.stat().st_atime_ns, like.stat().st_mtime_ns))
    return path


def test_the_video_of_a_live_photo_is_the_one_beside_it(tmp_path: Path) -> None:
    photo, video = tmp_path / "IMG_1.JPG", tmp_path / "IMG_1.MOV"
    photo.write_bytes(still())
    video.write_bytes(mov(None))
    record, file = photo_of(photo, motion="beside"), indexed(photo)
    found = open_moving_part(record, [file])
    with found.file:
        assert (found.name, found.start, found.size_bytes) == (
            "IMG_1.MOV",
            0,
            video.stat().st_size,
        )
    other = tmp_path / "other"
    other.mkdir()
    video.rename(other / "IMG_1.MOV")
    with pytest.raises(PhotoError):
        open_moving_part(record, [file])
    video.symlink_to(other / "IMG_1.MOV")  # the folder that was indexed has both
    open_moving_part(record, [file]).file.close()
    outside = tmp_path.with_name(f"{tmp_path.name}-outside")
    other.rename(outside)
    video.unlink()
    video.symlink_to(outside / "IMG_1.MOV")
    with pytest.raises(PhotoError):
        open_moving_part(record, [file])


def test_a_format_that_only_a_newer_imgsearch_knows_has_no_video(tmp_path: Path) -> None:
    photo = tmp_path / "IMG_1.JPG"
    photo.write_bytes(still())
    record = photo_of(photo, motion="inside", format="HEVC9")
    with pytest.raises(PhotoError):
        open_moving_part(record, [indexed(photo)])


def test_only_an_unchanged_regular_file_is_opened(tmp_path: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("needs Unix")
    photo = tmp_path / "one.jpg"
    photo.write_bytes(still())
    record = photo_of(photo)
    os.mkfifo(tmp_path / "pipe.jpg")
    others = [IndexedFile(tmp_path / name, str(tmp_path), 1) for name in ("pipe.jpg", "none.jpg")]
    file = indexed(photo)
    found = open_original(record, [*others, file])
    with found.file:
        assert found.file.read() == still() and found.media_type == "image/jpeg"
    photo.write_bytes(still() + b"more")
    with pytest.raises(PhotoError, match="has changed since"):
        open_original(record, [file])


def test_a_file_of_another_time_is_given_only_with_the_same_content(tmp_path: Path) -> None:
    photo = tmp_path / "one.jpg"
    photo.write_bytes(still())
    record, file = photo_of(photo), indexed(photo)
    os.utime(photo, ns=(1, 1))  # as on a FAT drive, an hour later in summer
    assert is_given(record, file)
    assert is_given(record, replace(file, mtime_ns=None, folder=None))
    photo.write_bytes(still()[:-1] + b"!")
    assert not is_given(record, file)
    assert not is_given(record, replace(file, mtime_ns=None, folder=None))


def test_a_link_in_the_place_of_a_photo_is_not_followed_out_of_its_folder(tmp_path: Path) -> None:
    """The file that it leads to has the photo's size and time, which others can see and forge."""
    folder, outside = tmp_path / "photos", tmp_path / "outside"
    for each in (folder, outside):
        each.mkdir()
    photo = folder / "one.jpg"
    photo.write_bytes(still())
    record, file = photo_of(photo), indexed(photo)
    secret = put_like(outside / "one.jpg", still()[:-6] + b"secret", photo)
    assert is_given(record, file)
    photo.unlink()
    photo.symlink_to(secret)
    assert photo.stat().st_mtime_ns == file.mtime_ns
    assert not is_given(record, file)
    assert not is_given(record, replace(file, folder=None)), "of an archive"
    (folder / "sub").symlink_to(outside)
    assert not is_given(record, replace(file, path=folder / "sub" / "one.jpg"))
    secret.write_bytes(still())  # the photo itself, wherever it is
    assert is_given(record, file)


def test_photos_behind_links_are_given_as_they_were_indexed(
    tmp_path: Path, stand_in: StandIn
) -> None:
    folder, outside = tmp_path / "photos", tmp_path / "outside"
    for number, each in enumerate((folder / "a", outside)):
        each.mkdir(parents=True)
        Image.new("RGB", (32, 32), (number, 50, 90)).save(each / "one.png")
    (folder / "inside.png").symlink_to("a/one.png")
    (folder / "outside").symlink_to(outside)
    settings = Settings.load(data_dir=tmp_path / "library", encoder="lite")
    with Library.open(settings, encoder=stand_in) as library:
        library.index([folder]).run()
        hits = library.search("sort:path")
        assert sum(len(hit.paths) for hit in hits) == 3
        for hit in hits:
            found = library.pictures.original(hit.photo.id)
            assert found is not None
            with found.file:
                assert found.file.read() == hit.path.read_bytes()
        photo = folder / "a" / "one.png"
        secret = put_like(tmp_path / "secret", b"s" * photo.stat().st_size, photo)
        photo.unlink()
        photo.symlink_to(secret)
        inside = next(hit for hit in hits if folder / "inside.png" in hit.paths)
        with pytest.raises(PhotoError, match="has changed"):
            library.pictures.original(inside.photo.id)


def test_what_is_no_photo_is_not_given_whatever_its_name(tmp_path: Path) -> None:
    """As a pack could call it one, with the size and time that it has."""
    note = tmp_path / "note.jpg"
    note.write_bytes(b"The password is swordfish.")
    record = replace(photo_of(note), content_hash="11" * 32)
    assert not is_given(record, indexed(note))


def test_the_library_gives_only_its_own_files(tmp_path: Path, stand_in: StandIn) -> None:
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (32, 32)).save(tmp_path / "photos" / "one.png")
    settings = Settings.load(data_dir=tmp_path / "library", encoder="lite")
    with Library.open(settings, encoder=stand_in) as library:
        library.index([tmp_path / "photos"]).run()
        (hit,) = library.find("name:one").hits
        found = library.pictures.original(hit.photo.id)
        assert found is not None and library.pictures.original(hit.photo.id + 1) is None
        with found.file:
            assert found.file.read() == hit.path.read_bytes()
        with pytest.raises(PhotoError):
            library.pictures.original(hit.photo.id, moving_part=True)


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
