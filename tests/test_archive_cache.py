"""A bounded cache on disk of an archive in object storage: a mount by rclone (docs/scale.md)."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image

from imgsearch import Library, Settings
from tests.factories import write_photos
from tests.object_storage import S3Server
from tests.stand_in import StandIn

pytest.importorskip("lance", reason="needs the extra scale")
pytest.importorskip("moto", reason="needs moto")
pytestmark = [
    pytest.mark.needs("rclone", "fusermount3"),  # apt-get install rclone fuse3
    pytest.mark.skipif(not Path("/dev/fuse").exists(), reason="needs /dev/fuse"),
]
ALL = "sort:path width:>0"


@contextmanager
def mounted(server: S3Server, bucket: str, folder: Path) -> Iterator[Path]:
    """A bucket as a folder, with a cache on disk, by the command of docs/scale.md."""
    if sys.platform == "win32":
        pytest.skip("needs Unix")
    place = folder / "mounted"
    place.mkdir()
    remote = {
        "RCLONE_CONFIG": os.devnull,
        "RCLONE_CONFIG_INDEX_TYPE": "s3",
        "RCLONE_CONFIG_INDEX_PROVIDER": "Other",
        "RCLONE_CONFIG_INDEX_ENV_AUTH": "true",
        "RCLONE_CONFIG_INDEX_ENDPOINT": server.environment["AWS_ENDPOINT_URL"],
    }
    usual = {name: value for name, value in os.environ.items() if name != "AWS_CA_BUNDLE"}
    rclone = subprocess.Popen(
        [
            *("rclone", "mount", f"index:{bucket}", place, "--read-only"),
            *("--vfs-cache-mode", "full", "--vfs-cache-max-size", "1G", "--dir-cache-time", "1s"),
            *("--cache-dir", folder / "rclone"),
        ],
        env=usual | remote,
    )
    try:
        while not place.is_mount():
            assert rclone.poll() is None
            time.sleep(0.05)
        yield place
    finally:
        subprocess.run(["fusermount3", "-u", place], check=True)
        rclone.wait(30)


def names_in(address: str | Path, settings: Settings) -> list[str]:
    """The photos of an archive, opened anew: nothing of it is in memory."""
    with Library.open_archive(address, settings, encoder=StandIn()) as archive:
        return [hit.path.name for hit in archive.search(ALL, k=100)]


def test_what_was_read_once_is_read_from_the_disk_and_news_are_seen(
    tmp_path: Path, s3: S3Server, caplog: pytest.LogCaptureFixture
) -> None:
    s3.put({}, bucket="index")
    photos = write_photos(tmp_path / "photos", 30)
    settings = Settings.load(data_dir=tmp_path / "data")

    def index() -> None:
        with Library.open_archive("s3://index/archive", settings, encoder=StandIn()) as archive:
            archive.index([photos]).run()

    def objects_fetched() -> int:
        lines = [record.getMessage() for record in caplog.records]
        return sum("GET /index/archive" in line for line in lines)

    index()
    caplog.set_level(logging.INFO, "werkzeug")
    with mounted(s3, "index", tmp_path) as folder:
        caplog.clear()
        assert len(names_in("s3://index/archive", settings)) == 30
        assert objects_fetched() > 5
        assert names_in(folder / "archive", settings) == names_in("s3://index/archive", settings)
        caplog.clear()
        assert len(names_in(folder / "archive", settings)) == 30
        assert objects_fetched() == 0
        Image.new("RGB", (300, 200), "blue").save(photos / "new.png")
        index()
        ends = time.monotonic() + 60
        while "new.png" not in names_in(folder / "archive", settings):
            assert time.monotonic() < ends
            time.sleep(0.2)
