"""The main job of a library: index real photos, then find them by words and by example."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgsearch import Library
from imgsearch.errors import (
    EncoderMismatch,
    FolderError,
    LibraryLocked,
    QueryError,
    Reason,
    UsageError,
)
from imgsearch.store.lock import writing
from imgsearch.store.store import Store

MakePhoto = Callable[..., Path]


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("a cat", "chelsea.png"),
        ("a cup of coffee", "coffee.png"),
        ("a motorcycle", "motorcycle_left.png"),
        ("a rocket launch", "rocket.jpg"),
        ("a temple", "china.jpg"),
    ],
)
def test_words_find_the_photo(demo: Library, words: str, name: str) -> None:
    hits = demo.search(words, k=5)
    assert hits[0].path.name == name
    scores = [hit.score or 0.0 for hit in hits]
    assert scores == sorted(scores, reverse=True)
    assert len(hits) == 5


def test_a_crop_finds_its_photo(demo: Library, demo_photos: Path, tmp_path: Path) -> None:
    with Image.open(demo_photos / "chelsea.png") as cat:
        cat.crop((60, 20, 400, 280)).resize((170, 130)).save(tmp_path / "crop.jpg")
    assert demo.search(image=tmp_path / "crop.jpg", k=1)[0].path.name == "chelsea.png"


def test_words_and_an_example_can_be_combined(demo: Library, demo_photos: Path) -> None:
    both = demo.search("a motorcycle", image=demo_photos / "coffee.png", k=21)
    assert both[0].path.name in {"motorcycle_left.png", "coffee.png"}
    assert all(hit.score is not None and -1 <= hit.score <= 1 for hit in both)


def test_a_hit_has_the_facts_and_the_path_of_the_photo(demo: Library, demo_photos: Path) -> None:
    (hit,) = demo.search("a rocket launch", k=1)
    with Image.open(demo_photos / "rocket.jpg") as rocket:
        assert (hit.photo.width_px, hit.photo.height_px) == rocket.size
    assert hit.paths == (demo_photos / "rocket.jpg",)
    assert hit.photo.facts.format == "JPEG"
    assert not hit.offline


def test_a_k_above_the_number_of_photos_returns_each_photo_once(
    demo: Library, demo_photos: Path
) -> None:
    hits = demo.search("anything", k=1000)
    assert len({hit.photo.id for hit in hits}) == len(hits) == len(list(demo_photos.iterdir()))


# ------------------------------------------------------------------------- changes on the disk


def test_unchanged_photos_are_only_counted(library: Library, make_photo: MakePhoto) -> None:
    folder = make_photo("photos/a.png").parent
    assert library.index([folder]).run().new == 1
    again = library.index().run()
    assert (again.new, again.moved, again.unchanged, again.gone) == (0, 0, 1, 0)


def test_moves_and_copies_embed_nothing(library: Library, make_photo: MakePhoto) -> None:
    folder = make_photo("photos/a.png").parent
    make_photo("photos/b.png", (0, 200, 0))
    library.index([folder]).run()
    (folder / "sub").mkdir()
    (folder / "a.png").rename(folder / "sub" / "renamed.png")
    shutil.copy(folder / "b.png", folder / "copy.png")
    report = library.index().run()
    assert (report.new, report.moved, report.gone, report.photos) == (0, 2, 0, 2)
    assert report.copied == 1
    assert library.status().vectors == 2


def test_copies_are_told_from_moves(library: Library, make_photo: MakePhoto) -> None:
    photo = make_photo("photos/a.png")
    folder = photo.parent
    shutil.copy(photo, folder / "first copy.png")
    assert count_moves(library, folder) == (0, 1), "a copy in the same run as its original"
    (folder / "first copy.png").rename(folder / "moved.png")
    assert count_moves(library, folder) == (1, 0), "the other file of this photo stays"
    shutil.copy(folder / "moved.png", folder / "second copy.png")
    (folder / "moved.png").rename(folder / "moved again.png")
    assert count_moves(library, folder) == (1, 1), "moved and copied at once"
    kept = photo.read_bytes()
    for file in folder.iterdir():
        file.unlink()
    library.index(accept_removals=True).run()
    photo.write_bytes(kept)
    assert count_moves(library, folder) == (1, 0), "restored"


def count_moves(library: Library, folder: Path) -> tuple[int, int]:
    """How many files an indexing run finds moved, and how many copied."""
    report = library.index([folder]).run()
    return report.moved - report.copied, report.copied


def test_a_move_between_two_roots_loses_nothing(library: Library, make_photo: MakePhoto) -> None:
    first = make_photo("one/a.png").parent
    make_photo("one/stay.png", (9, 9, 9))
    second = make_photo("two/b.png", (0, 200, 0)).parent
    library.index([first, second]).run()
    (first / "a.png").rename(second / "a.png")
    report = library.index().run()
    assert (report.new, report.moved, report.gone, report.photos) == (0, 1, 0, 3)


def test_a_deleted_photo_is_not_found_and_not_embedded_again_when_restored(
    library: Library, make_photo: MakePhoto
) -> None:
    photo = make_photo("photos/a.png")
    make_photo("photos/b.png", (0, 200, 0))
    library.index([photo.parent]).run()
    kept = photo.read_bytes()
    photo.unlink()
    assert library.index().run().gone == 1
    assert [hit.path.name for hit in library.search("red", k=5)] == ["b.png"]
    photo.write_bytes(kept)
    report = library.index().run()
    assert (report.new, report.moved, report.photos) == (0, 1, 2)


def test_an_edited_photo_replaces_the_old_version(library: Library, make_photo: MakePhoto) -> None:
    photo = make_photo("photos/a.png")
    make_photo("photos/b.png", (0, 0, 200))
    library.index([photo.parent]).run()
    make_photo("photos/a.png", (0, 200, 0), side_px=96)
    report = library.index().run()
    assert (report.new, report.photos) == (1, 2)
    by_name = {hit.path.name: hit.photo for hit in library.search("a colour", k=5)}
    assert by_name["a.png"].width_px == 96


def test_identical_new_files_are_embedded_once(library: Library, make_photo: MakePhoto) -> None:
    folder = make_photo("photos/0.png").parent
    for n in range(1, 30):
        shutil.copy(folder / "0.png", folder / f"{n}.png")
    report = library.index([folder]).run()
    assert (report.new, report.moved, report.photos) == (1, 29, 1)
    assert library.status().vectors == 1
    (hit,) = library.search("red", k=5)
    assert len(hit.paths) == 30


def test_an_unplugged_drive_keeps_its_photos(library: Library, make_photo: MakePhoto) -> None:
    drive = make_photo("drive/a.png").parent
    make_photo("here/b.png", (0, 200, 0))
    library.index([drive, drive.parent / "here"]).run()
    drive.rename(drive.parent / "unplugged")
    report = library.index().run()
    assert (report.offline, report.gone, report.photos) == (1, 0, 2)
    offline = {hit.path.name: hit.offline for hit in library.search("red", k=5)}
    assert offline == {"a.png": True, "b.png": False}
    assert [root.online for root in library.status().roots] == [False, True]
    (drive.parent / "unplugged").rename(drive)
    assert library.index().run().offline == 0


# ------------------------------------------------------------------------- bad photos


def test_bad_photos_become_failures_with_a_reason(
    library: Library, make_photo: MakePhoto, demo_photos: Path
) -> None:
    folder = make_photo("photos/good.png").parent
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "text.jpg").write_text("this is not an image")
    half = (demo_photos / "rocket.jpg").read_bytes()
    (folder / "half.jpg").write_bytes(half[: len(half) // 2])
    Image.new("1", (20_000, 15_000)).save(folder / "huge.png")  # 300 megapixels
    report = library.index([folder]).run()
    assert (report.new, report.failed, report.photos) == (1, 4, 1)
    reasons = {failure.path.name: failure.reason for failure in library.status().failures}
    assert reasons == {
        "empty.jpg": Reason.EMPTY,
        "text.jpg": Reason.NOT_AN_IMAGE,
        "half.jpg": Reason.TRUNCATED,
        "huge.png": Reason.TOO_LARGE,
    }
    again = library.index().run()
    assert (again.new, again.failed, again.unchanged) == (0, 0, 5), (
        "failed files are unchanged, so they are not tried again"
    )
    (folder / "half.jpg").write_bytes(half)
    assert library.index().run().new == 1
    assert len(library.status().failures) == 3


def test_names_that_are_not_utf8_are_kept_exactly(library: Library, make_photo: MakePhoto) -> None:
    folder = make_photo("photos/a.png").parent
    raw = os.fsencode(folder) + b"/\xff\n\x1b[2J\xf0\x9f\x90\xb6.png"
    os.rename(folder / "a.png", raw)
    library.index([folder]).run()
    (hit,) = library.search("red", k=1)
    assert os.fsencode(hit.path) == raw


# ------------------------------------------------------------------------- bad requests


def test_folders_that_cannot_be_indexed_are_refused(library: Library, tmp_path: Path) -> None:
    (tmp_path / "file.txt").write_text("x")
    with pytest.raises(FolderError, match="does not exist"):
        library.index([tmp_path / "nowhere"]).run()
    with pytest.raises(FolderError, match="not a folder"):
        library.index([tmp_path / "file.txt"]).run()
    with pytest.raises(UsageError, match="There is no library"):
        library.index().run()
    assert not library.exists(), "a refused request creates nothing"


def test_an_empty_folder_can_be_indexed(library: Library, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert library.index([tmp_path / "empty"]).run().photos == 0
    with pytest.raises(UsageError, match="empty"):
        library.search("anything")


def test_bad_queries_are_refused(demo: Library, tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_text("no image")
    for arguments in (
        {"text": "  "},
        {},
        {"text": "cat", "k": 0},
        {"image": tmp_path / "none.jpg"},
        {"image": tmp_path / "bad.jpg"},
        {"image": tmp_path},
    ):
        with pytest.raises(QueryError):
            demo.search(**arguments)


def test_one_writer_at_a_time(library: Library, make_photo: MakePhoto) -> None:
    folder = make_photo("photos/a.png").parent
    library.index([folder]).run()
    other = Library.open(library.settings)
    with writing(library.settings.data_dir), pytest.raises(LibraryLocked, match="meanwhile"):
        other.index().run()
    assert len(other.search("red")) == 1
    other.close()


def test_a_library_of_another_encoder_needs_a_rebuild(
    library: Library, make_photo: MakePhoto
) -> None:
    photo = make_photo("photos/a.png")
    library.index([photo.parent]).run()
    with Store.open(library.settings.data_dir, writable=True) as store:  # as an older lite did
        row = store.reads.encoders.current()
        with store.database.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE encoders SET encoder_id = 'lite/0'")
    assert row is not None
    with pytest.raises(EncoderMismatch, match="imgsearch rebuild --encoder lite"):
        library.search("red")
    report = library.rebuild("lite").run()
    assert (report.vectors, report.missing) == (1, 0)
    assert len(library.search("red")) == 1


def test_the_next_run_continues_where_a_stopped_one_ended(library: Library, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for n in range(90):
        pixels = np.full((32, 32, 3), n, np.uint8)
        Image.fromarray(pixels).save(folder / f"{n:03}.png")
    job = library.index([folder])
    for step in job:
        if step.done == 60:
            job.close()
            break
    after = library.status().photos
    assert after > 0
    report = library.index().run()
    assert report.new == 90 - after
    assert report.photos == 90


def test_the_newest_photos_come_first(library: Library, make_photo: MakePhoto) -> None:
    """Those that were indexed can be found while others wait."""
    photos = [make_photo(f"photos/{name}.png") for name in "abcd"]
    for photo, age_days in zip(photos, (3, 1, 4, 2), strict=True):
        changed = 1_500_000_000 - age_days * 86_400
        os.utime(photo, (changed, changed))
    steps = [step.path.name for step in library.index([photos[0].parent]) if step.path is not None]
    assert steps == ["b.png", "d.png", "a.png", "c.png"]
