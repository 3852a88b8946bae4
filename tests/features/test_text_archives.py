"""The text in photos of an archive is read by the job that reads it in a library."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from PIL import Image, ImageDraw, ImageFont

pytest.importorskip("lance", reason="needs the extra scale")

from imgsearch import Library, Settings
from imgsearch.archive import commits
from imgsearch.archive.originals import Originals
from imgsearch.cli import commands
from imgsearch.errors import FolderError, MissingPackage, PhotoError, Reason
from imgsearch.features.text import reading_archives
from imgsearch.features.text.reader import is_installed
from imgsearch.features.text.records import TextReport
from imgsearch.records.picture_text import TextCounts, TextLine
from tests.factories import write_photos
from tests.object_storage import S3Server
from tests.stand_in import StandIn

needs_reader = pytest.mark.skipif(not is_installed(), reason="needs the extra ocr")


class SizeReader:
    """Reads the width of a picture as its text; a picture narrower than 50 px shows none.

    The name of a version is its `id`.
    """

    def __init__(self, version: str = "sizes 1") -> None:
        self.id = version
        self.read_count = 0
        self.looked = 0

    def read(self, image: Image.Image) -> tuple[TextLine, ...]:
        self.read_count += 1
        if image.width == 99:
            raise PhotoError(Reason.CRASHED, "Reading its text failed.")
        if image.width < 50:
            return ()
        return (TextLine(f"width {image.width}", 0.1, 0.1, 0.3, 0.1, 0.9),)

    def look(self, image: Image.Image) -> float:
        self.looked += 1
        return 0.0 if image.width < 60 else 1.0


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Photos of 40, 55, 80 and 99 px."""
    folder = write_photos(tmp_path / "photos", 1)
    for number, width in enumerate((40, 55, 80, 99)):
        image = Image.new("RGB", (width, 40), (10 * number, 200, 90))
        image.save(folder / f"{width}.png")
    (folder / "0000.png").unlink()
    return folder


@pytest.fixture
def read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[TextReport, SizeReader]]:
    """Reads the text in photos of the archive with a reader of a version."""

    def run(
        *folders: Path | str, version: str = "sizes 1", **options: Any
    ) -> tuple[Any, SizeReader]:
        reader = SizeReader(version)
        monkeypatch.setattr("imgsearch.features.text.reading.open_reader", lambda threads: reader)
        with open_archive(tmp_path) as archive:
            return archive.text.read(folders, **options).run(), reader

    return run


def open_archive(folder: Path) -> Library:
    settings = Settings.load(data_dir=folder / "data", cache_dir=folder / "cache")
    return Library.open_archive(folder / "archive", settings, encoder=StandIn())


def found(folder: Path, line: str) -> list[str]:
    with open_archive(folder) as archive:
        return sorted(hit.path.name for hit in archive.find(line, 10).hits)


def test_text_is_read_found_and_counted(
    tmp_path: Path, photos: Path, read: Callable[..., tuple[TextReport, SizeReader]]
) -> None:
    with open_archive(tmp_path) as archive:
        archive.index([photos]).run()
        assert archive.text.counts() == TextCounts(0, 0, 0, 4, 0)
    report, reader = read(everything=True)
    assert (report.read, report.none, report.failed, report.unreached) == (2, 1, 1, 0)
    assert reader.looked == 0
    assert found(tmp_path, "text:80") == ["80.png"]
    assert found(tmp_path, 'text:"width"') == ["55.png", "80.png"]
    with open_archive(tmp_path) as archive:
        assert archive.text.counts() == TextCounts(2, 1, 1, 0, 0)
        hit = archive.find("text:80").hits[0]
        text = archive.pictures.text_of(hit.photo.id)
        assert text is not None and (text.state, text.reader) == ("read", "sizes 1")
    report, reader = read(everything=True)  # a second time there is nothing to read
    assert (report.tried, reader.read_count) == (0, 0)
    report, reader = read(version="sizes 2", everything=True)  # it tries what has failed
    assert (report.tried, report.failed, reader.read_count) == (1, 1, 1)
    report, reader = read(version="sizes 3", everything=True, again=True)
    assert (report.tried, reader.read_count) == (4, 4)


def test_photos_without_visible_text_are_passed_over(
    tmp_path: Path,
    photos: Path,
    read: Callable[..., tuple[TextReport, SizeReader]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("imgsearch.features.text.reading.CERTAIN", 1e9)
    with open_archive(tmp_path) as archive:
        archive.index([photos]).run()
    report, reader = read()
    assert (report.read, report.failed, report.below_gate) == (1, 1, 2)
    assert (reader.looked, reader.read_count) == (4, 2)
    with open_archive(tmp_path) as archive:
        assert archive.text.counts() == TextCounts(1, 0, 1, 2, 2)
        archive.fleet.settle().run()
    report, reader = read()
    assert (report.tried, report.below_gate, reader.looked) == (0, 2, 0)
    report, reader = read(version="sizes 2", again=True)  # a look by another reader counts anew
    assert (reader.looked, report.below_gate) == (4, 2)
    assert found(tmp_path, "text:80") == ["80.png"]  # it was looked at, and read, again
    report, _ = read(everything=True)
    assert (report.read, report.none, report.below_gate) == (1, 1, 0)
    assert found(tmp_path, "text:55") == ["55.png"]


def test_a_stopped_run_has_recorded_what_it_has_read(
    tmp_path: Path, photos: Path, read: Callable[..., tuple[TextReport, SizeReader]]
) -> None:
    with open_archive(tmp_path) as archive:
        archive.index([photos]).run()
    reader = SizeReader()
    with pytest.MonkeyPatch.context() as patch, open_archive(tmp_path) as archive:
        patch.setattr("imgsearch.features.text.reading.open_reader", lambda threads: reader)
        steps = iter(archive.text.read(everything=True))
        for _ in range(3):
            next(steps)
        steps.close()  # type: ignore[attr-defined]
        counts = archive.text.counts()
        assert counts.unread == 1
    report, _ = read(everything=True)
    assert report.tried == 1


def test_a_killed_run_loses_only_what_was_not_committed(
    tmp_path: Path,
    photos: Path,
    read: Callable[..., tuple[TextReport, SizeReader]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with open_archive(tmp_path) as archive:
        archive.index([photos]).run()
    with monkeypatch.context() as patch, suppress(KeyboardInterrupt):
        patch.setattr(commits, "_PHOTOS_PER_COMMIT", 2)
        commit, done = reading_archives._Readings.commit, list[int]()

        def stop_after_one(readings: reading_archives._Readings) -> None:
            if done:
                raise KeyboardInterrupt
            done.append(1)
            commit(readings)

        patch.setattr(reading_archives._Readings, "commit", stop_after_one)
        read(everything=True)
    with open_archive(tmp_path) as archive:
        assert archive.text.counts().unread == 2
    report, _ = read(everything=True)
    assert report.tried == 2


def test_some_folders_and_photos_that_cannot_be_reached(
    tmp_path: Path, photos: Path, read: Callable[..., tuple[TextReport, SizeReader]]
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (photos / "80.png").rename(other / "80.png")
    with open_archive(tmp_path) as archive:
        archive.index([photos, other]).run()
    with pytest.raises(FolderError, match="No photo of the library is in"):
        read(tmp_path / "none")
    report, _ = read(other, everything=True)
    assert (report.read, report.tried) == (1, 1)
    (photos / "55.png").unlink()
    Image.new("RGB", (99, 44)).save(photos / "99.png")  # it has changed since
    report, _ = read(everything=True)
    assert (report.none, report.unreached, report.failed) == (1, 2, 0)


def test_objects_are_fetched_once_to_be_read(
    tmp_path: Path,
    photos: Path,
    s3: S3Server,
    read: Callable[..., tuple[TextReport, SizeReader]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("imgsearch.features.text.reading.CERTAIN", 1e9)
    s3.put({f"signs/{each.name}": each.read_bytes() for each in photos.iterdir()})
    with open_archive(tmp_path) as archive:
        archive.index(["s3://photos"]).run()
    s3.delete("signs/55.png")
    fetched: list[str] = []
    fetch = Originals.fetched

    def counted(originals: Originals, path: str, with_video: bool) -> AbstractContextManager[Path]:
        fetched.append(path)
        return fetch(originals, path, with_video)

    monkeypatch.setattr(Originals, "fetched", counted)
    report, _ = read("s3://photos/signs")
    assert (report.read, report.failed, report.unreached, report.below_gate) == (1, 1, 1, 1)
    assert sorted(fetched) == [f"s3://photos/signs/{width}.png" for width in (40, 55, 80, 99)]
    assert found(tmp_path, "text:80") == ["80.png"]


def test_without_the_extra_the_command_says_what_to_install(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_archive(tmp_path) as archive:
        archive.index([photos]).run()
        monkeypatch.setattr("imgsearch.features.text.reader.is_installed", lambda package="": False)
        with pytest.raises(MissingPackage, match="ocr"):
            archive.text.read().run()


@needs_reader
def test_the_command_reads_what_a_photo_says(tmp_path: Path) -> None:
    folder = write_photos(tmp_path / "photos", 2)
    sign = Image.new("RGB", (640, 400), (238, 232, 214))
    font = ImageFont.load_default(64)
    ImageDraw.Draw(sign).text((60, 140), "Platform 9", (25, 25, 45), font)
    sign.save(folder / "sign.png")
    with open_archive(tmp_path) as archive:
        archive.index([folder]).run()
        settings, address = archive.settings, archive.address

    def run_command(*arguments: str) -> Result:
        environment = {"IMGSEARCH_CACHE": str(settings.cache_dir)}
        line = ["read-text", *arguments, "--library", address, "--data", str(settings.data_dir)]
        done = CliRunner().invoke(commands, line, obj=StandIn(), env=environment)
        assert done.exit_code == 0, done.output
        return done

    done = run_command("--json", "--all")
    assert json.loads(done.stdout)["library"]["read"] == 1
    assert found(tmp_path, "text:platform") == ["sign.png"]
    assert f"imgsearch search text:exit --library {address}" in run_command().stderr
