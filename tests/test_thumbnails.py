"""Thumbnails: upright and small, kept in a folder of limited size, even without the photo."""

from __future__ import annotations

import os
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgsearch.decode.thumbnails import DENSE_SIDE_PX, Thumbnails
from imgsearch.errors import PhotoError
from imgsearch.records.photo import Facts, IndexedFile, Photo

MakePhoto = Callable[..., Path]


def a_photo(number: int, path: Path) -> Photo:
    """The photo at this path, under a content hash of its own."""
    image_format = "JPEG" if path.suffix == ".jpg" else "PNG"
    return Photo(number, f"{number:064x}", path.stat().st_size, Facts(image_format, 64, 64))


def indexed(path: Path) -> IndexedFile:
    return IndexedFile(path, str(path.parent), path.stat().st_mtime_ns)


def opened(content: bytes) -> Image.Image:
    return Image.open(BytesIO(content))


def files_in(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file()]


def test_a_thumbnail_is_upright_and_small(tmp_path: Path) -> None:
    image = Image.new("RGB", (400, 200), (20, 20, 20))
    image.paste((250, 0, 0), (0, 0, 200, 200))  # the left half is red
    exif = Image.Exif()
    exif[0x0112] = 6  # turn it by 90 degrees: left becomes top
    image.save(tmp_path / "turned.jpg", exif=exif)
    thumbnails = Thumbnails(tmp_path / "kept", 200)
    path = tmp_path / "turned.jpg"
    small = opened(thumbnails.get(a_photo(1, path), [indexed(path)], 100))
    assert small.format == "WEBP" and small.size == (50, 100)
    assert small.convert("RGB").getpixel((25, 10))[0] > 200  # type: ignore[index]
    assert small.convert("RGB").getpixel((25, 90))[0] < 60  # type: ignore[index]


def test_a_thumbnail_for_a_dense_screen_has_fewer_bytes_a_pixel(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).normal(128, 60, (75, 100, 3)).clip(0, 255).astype(np.uint8)
    path = tmp_path / "photo.jpg"
    Image.fromarray(noise).resize((1200, 900), Image.Resampling.BICUBIC).save(path, quality=95)
    thumbnails = Thumbnails(tmp_path / "kept", 200)
    small, dense, larger = (
        thumbnails.get(a_photo(1, path), [indexed(path)], side_px)
        for side_px in (360, DENSE_SIDE_PX, DENSE_SIDE_PX + 1)
    )
    assert opened(dense).size == (540, 405)
    assert len(small) < len(dense) < 0.85 * len(larger)


def test_a_kept_thumbnail_outlives_its_photo(tmp_path: Path, make_photo: MakePhoto) -> None:
    path = make_photo("gone.png")
    photo, other, file = a_photo(1, path), a_photo(2, path), indexed(path)
    first = Thumbnails(tmp_path / "kept", 200).get(photo, [file], 32)
    path.unlink()
    assert Thumbnails(tmp_path / "kept", 200).get(photo, [file], 32) == first
    with pytest.raises(PhotoError, match="cannot be read"):
        Thumbnails(tmp_path / "kept", 200).get(other, [file], 32)


def test_no_thumbnail_is_made_of_a_file_that_has_changed(
    tmp_path: Path, make_photo: MakePhoto
) -> None:
    path = make_photo("one.png")
    photo, file = a_photo(1, path), indexed(path)
    Image.new("RGB", (64, 64), (200, 30, 30)).save(path)
    os.utime(path, ns=(1, 1))
    with pytest.raises(PhotoError, match="has changed since it was indexed"):
        Thumbnails(tmp_path / "kept", 200).get(photo, [file], 32)


def test_the_first_readable_path_is_used(tmp_path: Path, make_photo: MakePhoto) -> None:
    good = make_photo("good.png")
    broken = tmp_path / "broken.png"
    broken.write_bytes(good.read_bytes()[:20].ljust(good.stat().st_size))
    files = [indexed(broken), indexed(good)]
    thumbnails = Thumbnails(tmp_path / "kept", 200)
    assert opened(thumbnails.get(a_photo(1, good), files, 16)).size == (16, 16)


def test_the_least_recently_used_are_deleted_first(tmp_path: Path, make_photo: MakePhoto) -> None:
    path = make_photo("one.png")
    folder = tmp_path / "kept"
    size_bytes = len(Thumbnails(folder, 200).get(a_photo(0, path), [indexed(path)], 32))
    thumbnails = Thumbnails(folder, 200, limit_bytes=256 * 10 * (size_bytes + 8))
    for number in range(10):
        thumbnails.get(a_photo(number, path), [indexed(path)], 32)
        (file,) = folder.rglob(f"{number:064x}-32.webp")
        os.utime(file, (1000 + number, 1000 + number))
    thumbnails.get(a_photo(0, path), [indexed(path)], 32)  # used just now, so no longer the oldest
    thumbnails.get(a_photo(10, path), [indexed(path)], 32)  # one more than the limit
    names = {file.name.split("-")[0].lstrip("0") or "0" for file in files_in(folder)}
    assert len(files_in(folder)) * size_bytes <= 10 * size_bytes
    assert {"0", "a", "9"} <= names and "1" not in names


def test_without_a_writable_folder_thumbnails_are_still_made(
    tmp_path: Path, make_photo: MakePhoto
) -> None:
    (tmp_path / "kept").write_text("a file where the folder should be")
    thumbnails, path = Thumbnails(tmp_path / "kept", 200), make_photo("a.png")
    assert opened(thumbnails.get(a_photo(1, path), [indexed(path)], 16)).size == (16, 16)
