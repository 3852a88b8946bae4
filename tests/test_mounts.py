"""Originals in object storage: files below a mount point, or addresses that are signed."""

from __future__ import annotations

from pathlib import Path
from urllib.request import urlopen

import pytest
from PIL import Image

from imgsearch import Library, Settings
from imgsearch.archive.fleet.mounts import MountPoints
from imgsearch.errors import SettingsError
from tests.factories import run_cli
from tests.object_storage import S3Server
from tests.stand_in import StandIn

SUNSET = "2020/a sunset+sea.jpg"


def image_bytes(folder: Path, colour: str) -> bytes:
    folder.mkdir(exist_ok=True)
    Image.new("RGB", (1200, 800), colour).save(folder / "made.jpg")
    return (folder / "made.jpg").read_bytes()


def test_a_mounted_object_is_a_file_and_another_gets_a_signed_address(
    tmp_path: Path, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("lance", reason="needs the extra scale")
    sunset, dog = image_bytes(tmp_path / "1", "red"), image_bytes(tmp_path / "2", "blue")
    s3.put({SUNSET: sunset, "dog.jpg": dog})
    mounted = tmp_path / "mnt" / SUNSET
    mounted.parent.mkdir(parents=True)
    mounted.write_bytes(sunset)
    settings = Settings.load(data_dir=tmp_path / "data", mounts=f"s3://photos={tmp_path / 'mnt'}")
    with Library.open_archive(tmp_path / "archive", settings, encoder=StandIn()) as archive:
        archive.index(["s3://photos"]).run()
        hits = archive.search("sort:path width:>0")
        opened = {hit.path.name: archive.fleet.openable(hit.path) for hit in hits}
        assert opened["a sunset+sea.jpg"] == str(mounted)
        with urlopen(opened["dog.jpg"]) as answer:
            assert answer.read() == dog
        assert "X-Amz-Expires=3600" in opened["dog.jpg"]

        monkeypatch.setenv("IMGSEARCH_MOUNTS", settings.mounts)
        arguments = ("sort:path", "width:>0", "--library", tmp_path / "archive", "--paths")
        done = run_cli("search", *arguments, "--signed", data=tmp_path / "data")
        assert done.returncode == 0, done.stderr
        first, second = done.stdout.splitlines()
        assert first == str(mounted)
        with urlopen(second) as answer:
            assert answer.read() == dog
        names = run_cli("search", *arguments, data=tmp_path / "data").stdout.splitlines()
        assert names == [f"s3://photos/{SUNSET}", "s3://photos/dog.jpg"]

        s3.stop()
        (photo_id,) = (hit.photo.id for hit in hits if hit.path.name == "a sunset+sea.jpg")
        original = archive.pictures.original(photo_id)
        assert original is not None
        with original.file as file:
            assert file.read() == sunset
        s3.start()


def test_signed_needs_paths_of_an_archive(tmp_path: Path) -> None:
    done = run_cli("search", "a dog", "--signed", "--paths", data=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--signed needs --paths and --library." in done.stderr


def test_the_nearest_mount_point_counts_and_keys_do_not_lead_out_of_it(tmp_path: Path) -> None:
    for name in ("all/2019/a.jpg", "2020/b.jpg", "secret.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    mounts = MountPoints.parse(f"s3://photos={tmp_path}/all; s3://photos/2020={tmp_path}/2020;")
    assert mounts.file_of("s3://photos/2019/a.jpg") == tmp_path / "all/2019/a.jpg"
    assert mounts.file_of("s3://photos/2020/b.jpg") == tmp_path / "2020/b.jpg"
    assert mounts.file_of("s3://photos/2019/none.jpg") is None
    assert mounts.file_of("s3://photos2/2019/a.jpg") is None
    assert (tmp_path / "all/../secret.jpg").is_file()
    for key in ("../secret.jpg", "./2019/a.jpg", "2019//a.jpg"):
        assert mounts.file_of(f"s3://photos/{key}") is None


@pytest.mark.parametrize("setting", ["/mnt", "s3://photos", "s3://photos=mnt", "s3://=/mnt", "=/m"])
def test_mount_points_that_cannot_be_understood_are_named(setting: str) -> None:
    with pytest.raises(SettingsError, match=r"Write s3://BUCKET/FOLDER=/FOLDER"):
        MountPoints.parse(setting)
