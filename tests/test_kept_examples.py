"""Example images are kept under a short id, privately, and not too many nor for too long."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import pytest

from imgsearch import Library, Settings
from imgsearch.errors import DiskError, PhotoError
from imgsearch.search.kept_examples import KeptExamples


def test_an_image_is_kept_where_only_this_user_can_read_it(tmp_path: Path) -> None:
    settings = Settings.load(data_dir=tmp_path / "library", cache_dir=tmp_path / "cache")
    with Library.open(settings) as library:
        example_id = library.pictures.keep_example(b"an image")
        assert library.pictures.keep_example(b"an image") == example_id
        assert library.pictures.kept_example(example_id) == b"an image"
    (file,) = (tmp_path / "cache" / "examples").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("example_id", ["", "0" * 16, "../library.db", "x" * 16, "0" * 15 + "\n"])
def test_no_other_file_can_be_named(tmp_path: Path, example_id: str) -> None:
    kept = KeptExamples(tmp_path / "examples")
    kept.keep(b"an image")
    with pytest.raises(PhotoError, match="Choose it again"):
        kept.get(example_id)


def test_a_file_whose_content_was_changed_is_not_given(tmp_path: Path) -> None:
    kept = KeptExamples(tmp_path)
    example_id = kept.keep(b"an image")
    (tmp_path / example_id).write_bytes(b"another")
    with pytest.raises(PhotoError):
        kept.get(example_id)


def test_the_least_recently_used_are_deleted_first(tmp_path: Path) -> None:
    kept = KeptExamples(tmp_path, limit_bytes=250)
    first, second = kept.keep(b"a" * 100), kept.keep(b"b" * 100)
    for age_s, example_id in ((72_000, first), (36_000, second)):
        used_at = time.time() - age_s
        os.utime(tmp_path / example_id, (used_at, used_at))
    kept.get(first)  # its use counts
    third = kept.keep(b"c" * 100)
    assert {file.name for file in tmp_path.iterdir()} == {first, third}
    large = kept.keep(b"d" * 1000)
    assert kept.get(large) == b"d" * 1000, "the newest is kept, whatever its size"


def test_an_image_that_was_not_used_for_a_month_is_deleted(tmp_path: Path) -> None:
    kept = KeptExamples(tmp_path, max_age_s=60)
    old = kept.keep(b"old")
    os.utime(tmp_path / old, (time.time() - 61, time.time() - 61))
    with pytest.raises(PhotoError):
        kept.get(old)
    kept.keep(b"new")
    assert not (tmp_path / old).exists()


def test_a_folder_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(DiskError, match="cache_dir"):
        KeptExamples(tmp_path / "file" / "examples").keep(b"an image")
