"""What an encoder takes on this machine: measured by indexing, shown by `imgsearch encoders`."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgsearch import Library, Settings
from imgsearch.encoders.speeds import MIN_PHOTOS, Speeds
from imgsearch.records.index import bytes_of_vector
from imgsearch.records.status import EncoderInfo
from tests.factories import many_photos, run_cli
from tests.stand_in import StandIn


@pytest.fixture
def own_cache(tmp_path: Path, stand_in: StandIn) -> Library:
    """An empty library whose cache folder is empty, too; its encoder goes by the name `lite`."""
    settings = Settings.load(
        data_dir=tmp_path / "library", cache_dir=tmp_path / "cache", encoder="lite"
    )
    return Library.open(settings, encoder=stand_in)


def lite_of(library: Library) -> EncoderInfo:
    return next(each for each in library.encoders.choices() if each.name == "lite")


def test_indexing_measures_what_an_encoder_takes(own_cache: Library, tmp_path: Path) -> None:
    photos = many_photos(tmp_path / "photos", MIN_PHOTOS)
    with own_cache as library:
        assert lite_of(library).photos_per_s is None
        library.index([photos]).run()
        info = lite_of(library)
    assert info.photos_per_s is not None and info.photos_per_s > 0
    assert info.index_s(5000) == pytest.approx(5000 / info.photos_per_s)
    assert info.memory_bytes is not None and info.memory_bytes > 10_000_000
    assert info.photo_bytes == bytes_of_vector(info.dim)
    cache = str(tmp_path / "cache")
    listed = run_cli("encoders", data=tmp_path / "library", IMGSEARCH_CACHE=cache).stdout
    lines = listed.splitlines()
    lite = next(number for number, line in enumerate(lines) if line.startswith("* lite "))
    assert f"to index {MIN_PHOTOS} photos (" in lines[lite + 3]
    others = [line for line in lines[lite + 4 :] if "speed not measured yet" in line]
    assert len(others) > 5, listed


def test_a_run_over_few_photos_says_nothing(own_cache: Library, tmp_path: Path) -> None:
    photos = many_photos(tmp_path / "photos", MIN_PHOTOS - 1)
    with own_cache as library:
        library.index([photos]).run()
        assert lite_of(library).photos_per_s is None


def test_a_damaged_note_counts_as_not_measured(tmp_path: Path) -> None:
    Speeds(tmp_path).note("lite", 200, 4.0, 1_000_000)
    known = Speeds(tmp_path).get("lite")
    assert known is not None and known.photos_per_s == 50
    (tmp_path / "speeds.json").write_text('{"lite": {"photos": 3}}')
    assert Speeds(tmp_path).get("lite") is None
