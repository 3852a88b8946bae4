"""The same thing over time: one photo of each month or year, asked in every way, and written."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps, ImageSequence

from imgsearch import Library, PeriodLength, Settings, UsageError
from imgsearch.errors import MissingPackage
from imgsearch.features.strips.operations import Strips
from imgsearch.service.client import Client
from tests.factories import run_cli, save_taken, spoilt
from tests.services import serving
from tests.stand_in import StandIn

_BOTH: tuple[PeriodLength, ...] = ("year", "month")
# When each photo was taken, and what was done to it: 2016 and 2017 have none.
TAKEN = (
    ("2014-03-01", "sharp"),
    ("2015-06-01", "blurred"),
    ("2015-07-01", "sharp"),
    ("2015-08-01", "dark"),
    ("2018-01-05", "dark"),
    ("2018-01-06", "bright"),
    ("2018-02-01", "sharp"),
    (None, "sharp"),
)


@pytest.fixture
def dated(tmp_path: Path, library: Library, demo_photos: Path) -> Library:
    """A library of photos of several years."""
    folder = tmp_path / "photos"
    folder.mkdir()
    with Image.open(demo_photos / "chelsea.png") as opened:
        cat = opened.convert("RGB")
    for number, (day, done) in enumerate(TAKEN):
        # Each differs from the others by some pixels, so that each is a photo of its own.
        photo = spoilt(cat.crop((number, 0, cat.width, cat.height)), done)
        save_taken(photo, folder / f"{number} {done}.jpg", day)
    library.index([folder]).run()
    return library


def test_each_year_shows_its_clear_photo_and_gaps_are_gaps(dated: Library) -> None:
    strip = dated.strips.over_time()
    assert [(each.period, each.photos) for each in strip] == [
        ("2014", 1),
        ("2015", 3),
        ("2016", 0),
        ("2017", 0),
        ("2018", 3),
    ]
    names = [None if each.best is None else each.best.path.name for each in strip]
    assert names == ["0 sharp.jpg", "2 sharp.jpg", None, None, "6 sharp.jpg"]


def test_pictures_are_those_of_the_same_strip(dated: Library) -> None:
    asked: list[tuple[str | None, PeriodLength]] = [(None, "year"), ("after:2016", "month")]
    for query, by in asked:
        strip = dated.strips.over_time(query, by=by)
        pictures = dated.strips.pictures(query, by=by)
        assert [(each.period, each.photos, each.photo_id) for each in pictures] == [
            (each.period, each.photos, each.best and each.best.photo.id) for each in strip
        ]
        for period, picture in zip(strip, pictures, strict=True):
            hash_ = "" if period.best is None else period.best.photo.content_hash
            assert picture.version == hash_[:12]


@pytest.mark.parametrize("query", ["a cat", None])
def test_a_strip_is_chosen_once_until_anything_changes(dated: Library, query: str | None) -> None:
    years, months = (dated.strips.over_time(query, by=by) for by in _BOTH)
    for by, strip in zip(_BOTH, (years, months), strict=True):
        assert dated.strips.over_time(query, by=by) is strip
    assert len(years) < len(months)
    shown = {each.best.photo.id for each in years if each.best is not None}
    dated.marks.set(sorted(shown), hidden=True)
    others = {each.best.photo.id for each in dated.strips.over_time(query) if each.best is not None}
    assert others and others.isdisjoint(shown)


def test_by_month_and_with_filters(dated: Library) -> None:
    strip = dated.strips.over_time("after:2018", by="month")
    assert [each.period for each in strip] == ["2018-01", "2018-02"]
    assert dated.strips.over_time("after:2100") == ()
    (only,) = dated.strips.over_time("name:blurred")
    assert only.best is not None and only.best.path.name == "1 blurred.jpg"
    assert len(dated.strips.over_time(by="month")) == 12 * 4  # March 2014 to February 2018


def test_the_clearest_photo_of_the_thing_is_chosen(tmp_path: Path, demo_photos: Path) -> None:
    folder = tmp_path / "photos"
    shutil.copytree(demo_photos, folder)
    with (
        Image.open(folder / "coffee.png") as coffee,
        Image.open(folder / "rocket.jpg") as rocket,
    ):
        cup, other = coffee.convert("RGB"), rocket.convert("RGB")
    save_taken(other, folder / "2019 rocket.jpg", "2019-05-01")
    save_taken(cup, folder / "2019 cup.jpg", "2019-05-02")
    save_taken(spoilt(cup, "blurred"), folder / "2020 blurred.jpg", "2020-05-01")
    save_taken(ImageOps.mirror(cup), folder / "2020 cup.jpg", "2020-05-02")
    save_taken(other.rotate(3), folder / "2021 rocket.jpg", "2021-05-01")
    with Library.open(Settings.load(data_dir=tmp_path / "data", encoder="lite")) as library:
        library.index([folder]).run()
        strip = library.strips.over_time("a cup of coffee after:2019")
        shown = {each.period: each.best and each.best.path.name for each in strip}
    assert shown == {"2019": "2019 cup.jpg", "2020": "2020 cup.jpg"}


def test_an_archive_has_the_same_strip(dated: Library, tmp_path: Path) -> None:
    pytest.importorskip("lance", reason="needs the extra scale")
    address = tmp_path / "archive"
    with Library.open_archive(address, dated.settings, encoder=StandIn()) as archive:
        archive.fleet.copy_from(dated.settings.data_dir).run()
        for by in ("month", "year"):
            ours, theirs = (each.strips.over_time(by=by) for each in (dated, archive))
            assert [(each.period, each.photos, each.best and each.best.path) for each in ours] == [
                (each.period, each.photos, each.best and each.best.path) for each in theirs
            ]
        report = archive.strips.save(archive.strips.over_time(), tmp_path / "of archive.jpg")
        assert report.photos == 3
        with pytest.raises(UsageError, match="writes nothing there"):
            archive.strips.save(archive.strips.over_time(), tmp_path / "photos" / "strip.jpg")


@pytest.mark.features("assistant")
def test_the_command_the_service_and_an_assistant_give_the_same(dated: Library) -> None:
    from imgsearch.features.assistant.tools import PhotoTools

    data = dated.settings.data_dir
    shown = run_cli("strip", data=data)
    assert shown.returncode == 0, shown.stderr
    lines = [line.split(None, 2) for line in shown.stdout.splitlines()]
    assert [line[0] for line in lines] == ["2014", "2015", "2016", "2018"]
    assert "2016 to 2017" in shown.stdout
    paths = run_cli("strip", "--paths", data=data).stdout.splitlines()
    assert [Path(path).name for path in paths] == ["0 sharp.jpg", "2 sharp.jpg", "6 sharp.jpg"]
    rows = json.loads(run_cli("strip", "--by", "month", "--json", data=data).stdout)
    assert len(rows) == 48 and rows[1]["best"] is None
    nothing = run_cli("strip", "after:2100", data=data)
    assert (nothing.returncode, nothing.stdout) == (1, "")
    expected = dated.strips.over_time()
    with serving(data):
        assert Client(dated.settings).call(Strips.over_time) == expected
    told = PhotoTools(dated).call("over_time", {"by": "year"}).content["result"]
    assert [row.get("photos", 0) for row in told] == [each.photos for each in expected]
    assert told[0]["best"]["path"].endswith("0 sharp.jpg") and "photo" not in told[0]["best"]


def test_a_sheet_has_every_photo_and_its_year(dated: Library, tmp_path: Path) -> None:
    strip = dated.strips.over_time()
    for kind, image_format in ((".jpg", "JPEG"), (".png", "PNG")):
        report = dated.strips.save(strip, tmp_path / f"strip{kind}")
        assert (report.photos, report.missing) == (3, ())
        with Image.open(report.place) as sheet:
            assert sheet.format == image_format
            # Three pictures of 4:3 and one gap, with labels below.
            assert sheet.height > 320 and 3 * 470 < sheet.width < 3 * 490 + 200
    assert not list(tmp_path.glob(".*part*"))


def test_an_animation_has_a_frame_for_each_photo_and_gap(dated: Library, tmp_path: Path) -> None:
    report = dated.strips.save(dated.strips.over_time(), tmp_path / "strip.webp")
    with Image.open(report.place) as animation:
        shown_ms = []
        for frame in ImageSequence.Iterator(animation):
            frame.load()
            shown_ms.append(frame.info["duration"])
    assert shown_ms == [1000, 1000, 400, 1000]


def test_a_video_lasts_as_long(dated: Library, tmp_path: Path) -> None:
    av = pytest.importorskip("av", reason="needs the extra video")
    report = dated.strips.save(dated.strips.over_time(), tmp_path / "strip.mp4")
    with av.open(str(report.place)) as container:
        frames = list(container.decode(video=0))
    assert len(frames) == 5 * 3 + 2
    middle = np.asarray(frames[2].to_image().convert("L"))
    assert middle[100:400, 200:500].std() > 10, "the photo is in the frame"


def test_a_photo_whose_file_is_gone_is_shown_by_its_small_picture(
    dated: Library, tmp_path: Path
) -> None:
    strip = dated.strips.over_time()
    (tmp_path / "photos" / "0 sharp.jpg").unlink()
    assert dated.strips.save(strip, tmp_path / "strip.jpg").photos == 3


def test_a_video_without_its_extra_says_what_to_install(
    dated: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingPackage, match=r"imgsearch-photos\[video\]|video"):
        dated.strips.save(dated.strips.over_time(), tmp_path / "strip.mp4")
    assert not list(tmp_path.glob("*strip*"))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("photos/strip.jpg", "writes nothing there"),
        ("strip.gif", "is written as .jpg, .png, .webp, .mp4"),
        ("none/strip.jpg", "There is no folder"),
        ("taken.jpg", "Choose another name"),
    ],
)
def test_a_wrong_place_is_refused(dated: Library, tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "taken.jpg").write_bytes(b"mine")
    data = dated.settings.data_dir
    refused = run_cli("strip", "--save", str(tmp_path / name), data=data)
    assert refused.returncode == 2 and message in refused.stderr
    assert "Traceback" not in refused.stderr
    assert (tmp_path / "taken.jpg").read_bytes() == b"mine"
    assert len(list((tmp_path / "photos").iterdir())) == len(TAKEN)


def test_a_strip_of_nothing_and_one_that_is_too_long_are_refused(
    dated: Library, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="has no photos"):
        dated.strips.save((), tmp_path / "strip.jpg")
    strip = dated.strips.over_time() * 200
    with pytest.raises(UsageError, match="holds 300 photos of a strip, and this one has 600"):
        dated.strips.save(strip, tmp_path / "strip.webp")
    assert not (tmp_path / "strip.webp").exists()
