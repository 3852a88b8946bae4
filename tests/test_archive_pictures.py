"""The pictures of an archive: those that it keeps, and those made of files and objects."""

from __future__ import annotations

import shutil
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image, ImageFilter

from imgsearch import Library, Settings
from imgsearch.archive.lance import tables
from imgsearch.errors import PhotoError, UsageError
from tests.factories import write_photos
from tests.object_storage import S3Server
from tests.stand_in import StandIn

pytest.importorskip("lance", reason="needs the extra scale")


def open_archive(folder: Path, thumbnails_mb: int | None = None) -> Library:
    return Library.open_archive(
        folder / "archive",
        Settings.load(
            data_dir=folder / "data", cache_dir=folder / "cache", thumbnails_mb=thumbnails_mb
        ),
        encoder=StandIn(),
    )


def ids_by_name(archive: Library) -> dict[str, int]:
    return {hit.path.name: hit.photo.id for hit in archive.search("sort:path width:>0", k=100)}


def size_of(picture: bytes | None) -> tuple[int, int]:
    assert picture is not None
    with Image.open(BytesIO(picture)) as image:
        assert image.format == "WEBP"
        return image.size


def test_pictures_are_kept_and_larger_ones_are_made_of_the_file(tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos", 2)
    Image.new("RGB", (1200, 800), "red").save(photos / "large.jpg")
    with open_archive(tmp_path) as archive:
        archive.index([photos]).run()
        large = ids_by_name(archive)["large.jpg"]
        assert size_of(archive.pictures.thumbnail(large, 256)) == (256, 171)
        assert size_of(archive.pictures.thumbnail(large, 100)) == (100, 67)
        assert size_of(archive.pictures.thumbnail(large, 600)) == (600, 400)
        original = archive.pictures.original(large)
        assert original is not None
        with original.file as file:
            assert file.read() == (photos / "large.jpg").read_bytes()
        assert (
            archive.pictures.thumbnail(large + 1) is None
            and archive.pictures.original(large + 1) is None
        )
        shutil.rmtree(photos)
        assert size_of(archive.pictures.thumbnail(large, 900)) == (256, 171)
        with pytest.raises(PhotoError):
            archive.pictures.thumbnail(large, 900, or_kept=False)
        with pytest.raises(PhotoError, match="cannot be read now"):
            archive.pictures.original(large)


def test_an_object_is_fetched_for_a_larger_picture(tmp_path: Path, s3: S3Server) -> None:
    Image.new("RGB", (1200, 800), "red").save(tmp_path / "large.jpg")
    content = (tmp_path / "large.jpg").read_bytes()
    s3.put({"2020/large.jpg": content})
    with open_archive(tmp_path) as archive:
        archive.index(["s3://photos"]).run()
        large = ids_by_name(archive)["large.jpg"]
        assert size_of(archive.pictures.thumbnail(large, 256)) == (256, 171)
        assert size_of(archive.pictures.thumbnail(large, 600)) == (600, 400)
        original = archive.pictures.original(large)
        assert original is not None and original.name == "large.jpg"
        with original.file as file:
            assert file.read() == content
        s3.delete("2020/large.jpg")
        assert size_of(archive.pictures.thumbnail(large, 900)) == (256, 171)
        with pytest.raises(PhotoError, match=r"no object s3://photos/2020/large\.jpg"):
            archive.pictures.original(large)


def test_a_key_with_two_slashes_is_another_object(tmp_path: Path, s3: S3Server) -> None:
    contents = {}
    for color, key in (("red", "2020//a.jpg"), ("blue", "2020/a.jpg"), ("green", "/b.jpg")):
        Image.new("RGB", (640, 480), color).save(tmp_path / "a.jpg")
        contents[key] = (tmp_path / "a.jpg").read_bytes()
    s3.put(contents)
    with open_archive(tmp_path) as archive:
        report = archive.index(["s3://photos"]).run()
        assert (report.new, report.failed) == (3, 0)
        hits = archive.search("sort:path width:>0", k=100)
        assert {str(hit.path) for hit in hits} == {f"s3://photos/{key}" for key in contents}
        for hit in hits:
            key = str(hit.path).removeprefix("s3://photos/")
            original = archive.pictures.original(hit.photo.id)
            assert original is not None
            with original.file as file:
                assert file.read() == contents[key]
            assert archive.fleet.openable(hit.path).partition("?")[0].endswith(f"/photos/{key}")
            for named in (hit.path, str(hit.path)):
                assert archive.explain(named, "red").path == hit.path


@pytest.mark.features("duplicates")
def test_of_near_duplicates_in_object_storage_the_sharper_is_kept(
    demo_photos: Path, tmp_path: Path, s3: S3Server
) -> None:
    with Image.open(demo_photos / "chelsea.png") as image:
        sharp = image.convert("RGB")
    sharp.save(tmp_path / "sharp.png")
    sharp.filter(ImageFilter.GaussianBlur(4)).save(tmp_path / "blurred.png")
    names = ("sharp.png", "blurred.png")
    s3.put({name: (tmp_path / name).read_bytes() for name in names})
    settings = Settings.load(data_dir=tmp_path / "data", encoder="lite")
    with Library.open_archive(tmp_path / "archive", settings) as archive:
        archive.index(["s3://photos"]).run()
        (group,) = archive.duplicates.groups(
            archive.duplicates.find(0.5).run(), 0.5, ["s3://other"]
        )
    from imgsearch.features.duplicates.removal_script import removal_script

    (kept,), (other,) = group.kept, group.others
    assert (kept.hit.path.name, kept.reason) == ("sharp.png", "sharper")
    assert (other.hit.path.name, other.reason) == ("blurred.png", "less sharp")
    with pytest.raises(UsageError, match=r"in object storage.*--list"):
        removal_script([group])


def test_a_copied_library_brings_its_pictures(demo: Library, tmp_path: Path) -> None:
    with Library.open_archive(tmp_path / "archive", Settings.load(data_dir=tmp_path)) as archive:
        archive.fleet.copy_from(demo.settings.data_dir).run()
        for own in demo.search("a cat", k=3):
            (there,) = (hit for hit in archive.search("a cat", k=3) if hit.path == own.path)
            assert archive.pictures.thumbnail(there.photo.id, 256) == demo.pictures.thumbnail(
                own.photo.id, 256
            )


def test_without_thumbnails_in_the_settings_none_are_kept(tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos", 1)
    with open_archive(tmp_path, thumbnails_mb=0) as archive:
        archive.index([photos]).run()
        (photo,) = ids_by_name(archive).values()
        assert archive.pictures.thumbnail(photo, 64) is not None
        shutil.rmtree(photos)
        with pytest.raises(PhotoError):
            archive.pictures.thumbnail(photo, 65)


def test_an_archive_from_before_there_were_pictures_gets_them(tmp_path: Path) -> None:
    first, second = write_photos(tmp_path / "1", 1), tmp_path / "2"
    with open_archive(tmp_path) as archive:
        archive.index([first]).run()
    shutil.rmtree(tmp_path / "archive" / "thumbnails.lance")
    with open_archive(tmp_path) as archive:
        (old,) = ids_by_name(archive).values()
        assert archive.pictures.thumbnail(old, 64) is not None
        second.mkdir()
        Image.new("RGB", (300, 200), "blue").save(second / "new.png")
        archive.index([second]).run()
        assert tables.exists(str(tmp_path / "archive"), "thumbnails")
        shutil.rmtree(second)
        assert size_of(archive.pictures.thumbnail(ids_by_name(archive)["new.png"], 64)) == (64, 43)
