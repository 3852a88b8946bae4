"""The small picture of every photo: kept by indexing, right, private, bounded, and repaired."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgsearch import Library, Settings
from imgsearch.decode.thumbnails import KEPT_SIDE_PX, reduce_thumbnail
from imgsearch.errors import (
    DamagedThumbnails,
    DiskError,
    PhotoError,
    SettingsError,
    StoreError,
    UsageError,
)
from imgsearch.store.thumbnails import THUMBNAIL_FILE, ThumbnailStore
from tests.factories import CHECKOUT, PATIENCE_S, encoded, noise, rgb_at, scene, wait_until
from tests.stand_in import StandIn

LIMIT_BYTES = 1 << 30


def settings_of(tmp_path: Path, **values: int) -> Settings:
    return Settings.load(data_dir=tmp_path / "data", cache_dir=tmp_path / "cache", **values)  # type: ignore[arg-type]


def opened(tmp_path: Path, **values: int) -> Library:
    return Library.open(settings_of(tmp_path, **values), encoder=StandIn())


def write(folder: Path, count: int, first: int = 0) -> Path:
    """Photos of one colour each, 400 × 300 px: the red channel is their number."""
    folder.mkdir(exist_ok=True)
    for number in range(first, first + count):
        Image.new("RGB", (400, 300), (number, 100, 200)).save(folder / f"{number:03}.png")
    return folder


def picture(content: bytes | None) -> Image.Image:
    assert content is not None
    return Image.open(BytesIO(content)).convert("RGB")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ThumbnailStore]:
    with ThumbnailStore(tmp_path) as thumbnails:
        yield thumbnails


def images_of(count: int, first: int = 0) -> dict[bytes, bytes]:
    """Pictures of noise by the hash of a photo."""
    return {
        bytes([number]) * 32: encoded(noise(64, number), "WEBP")
        for number in range(first, first + count)
    }


# ---------------------------------------------------------------------------- a library


def test_every_photo_has_a_picture_when_its_drive_is_gone(tmp_path: Path) -> None:
    photos = write(tmp_path / "photos", 5)
    scene(800, 600).save(photos / "scene.jpg")
    with opened(tmp_path) as library:
        library.index([photos]).run()
        assert library.status().thumbnails.photos == 6
        hits = library.search("anything", k=10)
        photos.rename(tmp_path / "unplugged")
        for hit in hits:
            for side_px in (360, 1600):
                shown = picture(library.pictures.thumbnail(hit.photo.id, side_px))
                assert max(shown.size) == KEPT_SIDE_PX
                name = hit.path.stem
                if name == "scene":
                    assert rgb_at(shown, 40, 40)[0] > 180 and rgb_at(shown, 220, 40)[1] > 150
                else:
                    assert abs(rgb_at(shown, 128, 96)[0] - int(name)) <= 4
            with pytest.raises(PhotoError):
                library.pictures.thumbnail(hit.photo.id, 360, or_kept=False)
            # A hit shows itself in a notebook.
            assert "data:image/webp" in hit._repr_html_()
        (tmp_path / "unplugged").rename(photos)
        assert max(picture(library.pictures.thumbnail(hits[0].photo.id, 360)).size) == 360
    assert not list((tmp_path / "cache").rglob("*-160.webp")), "small ones need no cache"


def test_a_copy_and_a_move_share_the_picture_and_a_new_content_gets_its_own(tmp_path: Path) -> None:
    photos = write(tmp_path / "photos", 2)
    with opened(tmp_path) as library:
        library.index([photos]).run()
        (photos / "000.png").rename(photos / "moved.png")
        Image.new("RGB", (400, 300), (250, 0, 0)).save(photos / "001.png")
        library.index().run()
        assert library.status().thumbnails.photos == 3, "the old content is known for 30 days"
        for hit in library.search("anything", k=10):
            red = rgb_at(picture(library.pictures.thumbnail(hit.photo.id, 256)), 9, 9)[0]
            assert abs(red - {"moved.png": 0, "001.png": 250}[hit.path.name]) <= 4
        wait_until(lambda: library.folders.prune(0))  # what was removed in an earlier second
        assert library.status().thumbnails.photos == 2
        library.folders.forget(photos)
        assert library.status().thumbnails.photos == 2, "forgetting can be undone for 30 days"
        wait_until(lambda: library.folders.prune(0))
        assert library.status().thumbnails.photos == 0


def test_photos_of_an_older_library_get_theirs_when_asked_for(tmp_path: Path) -> None:
    photos = write(tmp_path / "photos", 4)
    with opened(tmp_path) as library:
        library.index([photos]).run()
    (tmp_path / "data" / THUMBNAIL_FILE).unlink()  # as an older version left it
    with opened(tmp_path) as library:
        assert library.status().thumbnails.photos == 0
        (note,) = [each for each in library.upkeep.doctor() if "without a kept" in each.message]
        assert note.cure == "imgsearch index --thumbnails" and note.level == "note"
        library.index().run()
        assert library.status().thumbnails.photos == 0, "no photo was read"
        (photos / "003.png").write_bytes((photos / "002.png").read_bytes())  # another content now
        job = library.upkeep.make_thumbnails()
        steps = list(job)
        assert (steps[-1].done, steps[-1].total) == (4, 4)
        assert (job.report.kept, job.report.made, job.report.failed) == (3, 3, 1)
        again = library.upkeep.make_thumbnails().run()
        assert (again.kept, again.made, again.failed) == (3, 0, 1)


def test_embedding_again_makes_them_too(tmp_path: Path) -> None:
    photos = write(tmp_path / "photos", 3)
    with opened(tmp_path) as library:
        library.index([photos]).run()
    (tmp_path / "data" / THUMBNAIL_FILE).unlink()
    settings = settings_of(tmp_path)
    with Library.open(settings) as library:
        assert library.rebuild("lite").run().missing == 0
        assert library.status().thumbnails.photos == 3


def test_embedding_again_leaves_those_that_are_there(tmp_path: Path) -> None:
    """A replaced row would have another number."""

    def rows() -> set[tuple[int, bytes]]:
        with closing(sqlite3.connect(tmp_path / "data" / THUMBNAIL_FILE)) as connection:
            return set(connection.execute("SELECT id, content_hash FROM thumbnails"))

    photos = write(tmp_path / "photos", 3)
    with opened(tmp_path) as library:
        library.index([photos]).run()
    with closing(sqlite3.connect(tmp_path / "data" / THUMBNAIL_FILE)) as connection:
        connection.execute("DELETE FROM thumbnails WHERE id = 1")
        connection.commit()
    before = rows()
    other = StandIn()
    other.id = "lite/another"
    with Library.open(settings_of(tmp_path), encoder=other) as library:
        assert library.rebuild("lite").run().missing == 0
    assert other.embedded == 3
    assert len(before) == 2 and before < rows() and len(rows()) == 3


def test_a_replaced_picture_takes_no_room_twice(store: ThumbnailStore) -> None:
    images = {bytes([n]) * 32: encoded(noise(256, n), "WEBP") for n in range(20)}
    assert store.add(images, LIMIT_BYTES)
    pictures_bytes = sum(map(len, images.values()))
    used_bytes = pictures_bytes + 20 * 8192  # at most two pages more for each
    assert used_bytes < 2 * pictures_bytes, "or there would be room for all of them twice"
    assert store.add(images, used_bytes), "the same pictures fit in again"
    larger = {next(iter(images)): encoded(noise(2000, 1), "WEBP", lossless=True)}
    assert not store.add(larger, used_bytes), "one that is larger still counts"
    assert store.get(next(iter(images))) == next(iter(images.values()))
    assert store.count() == 20


def test_the_setting_turns_them_off_and_bounds_them(tmp_path: Path) -> None:
    photos = write(tmp_path / "photos", 3)
    with opened(tmp_path, thumbnails_mb=0) as library:
        library.index([photos]).run()
        assert not (tmp_path / "data" / THUMBNAIL_FILE).exists()
        with pytest.raises(UsageError, match="thumbnails_mb is 0"):
            library.upkeep.make_thumbnails()
    with opened(tmp_path) as library:
        library.upkeep.make_thumbnails().run()
        assert (tmp_path / "data" / THUMBNAIL_FILE).exists()
    with opened(tmp_path, thumbnails_mb=0) as library:
        library.folders.prune(30)
        assert not (tmp_path / "data" / THUMBNAIL_FILE).exists()
    with pytest.raises(SettingsError, match="thumbnails_mb"):
        settings_of(tmp_path, thumbnails_mb=-1)


def test_at_the_limit_photos_are_indexed_without_and_that_is_said_once(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(60):
        noise(256, number).save(photos / f"{number}.png")
    told: list[str] = []
    settings = settings_of(tmp_path, thumbnails_mb=1)
    with Library.open(settings, told.append, encoder=StandIn()) as library:
        report = library.index([photos]).run()
        counts = library.status().thumbnails
        assert report.new == 60 and counts.photos is not None and 9 < counts.photos < 60
        assert counts.size_bytes <= 1_000_000
    assert sum("thumbnails_mb raises it" in sentence for sentence in told) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such rights")
def test_the_file_is_private(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with opened(tmp_path) as library:
            library.index([write(tmp_path / "photos", 1)]).run()
            with ThumbnailStore(tmp_path / "data") as store:
                store.add(images_of(1), LIMIT_BYTES)
                files = list((tmp_path / "data").glob(f"{THUMBNAIL_FILE}*"))
                assert len(files) == 3, "with its log"
                assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    finally:
        os.umask(before)


# ---------------------------------------------------------------------------- damage


def test_damaged_rows_are_found_never_shown_and_repaired(
    tmp_path: Path, store: ThumbnailStore
) -> None:
    images = images_of(3)
    store.add(images, LIMIT_BYTES)
    first, second, third = images
    with closing(sqlite3.connect(tmp_path / THUMBNAIL_FILE)) as other, other:
        other.execute(
            "UPDATE thumbnails SET image = zeroblob(500) WHERE content_hash = ?", (first,)
        )
        # The picture of one photo under the hash of another.
        other.execute(
            "UPDATE thumbnails SET image = (SELECT image FROM thumbnails WHERE content_hash = ?), "
            "crc32 = (SELECT crc32 FROM thumbnails WHERE content_hash = ?) WHERE content_hash = ?",
            (third, third, second),
        )
    assert store.get(first) is None and store.get(second) is None
    assert store.get(third) == images[third]
    assert store.damaged() == 2
    assert store.repair() == 1
    assert store.damaged() == 0 and store.hashes() == {third} and store.get(third) == images[third]


def test_a_file_that_is_no_database_is_noticed_and_replaced(tmp_path: Path) -> None:
    photos = write(tmp_path / "photos", 3)
    told: list[str] = []
    with Library.open(settings_of(tmp_path), told.append, encoder=StandIn()) as library:
        library.index([photos]).run()
    (tmp_path / "data" / THUMBNAIL_FILE).write_bytes(b"no database at all" * 1000)
    with Library.open(settings_of(tmp_path), told.append, encoder=StandIn()) as library:
        assert library.status().thumbnails.photos is None
        assert library.pictures.thumbnail(1, 200) is not None, "from the photo"
        write(photos, 1, first=9)
        assert library.index().run().new == 1, "photos are indexed nevertheless"
        assert "imgsearch doctor --repair" in told[-1]
        (finding,) = [each for each in library.upkeep.doctor() if each.area == "thumbnails"]
        assert finding.level == "warning" and finding.repairable
        assert "Repaired the thumbnail store; intact: 0 thumbnails." in library.upkeep.repair()
        assert library.upkeep.make_thumbnails().run().made == 4
        (finding,) = [each for each in library.upkeep.doctor() if each.area == "thumbnails"]
        assert finding.level == "ok" and finding.message.startswith("4 kept thumbnails")


def test_what_is_intact_survives_a_damaged_page(tmp_path: Path, store: ThumbnailStore) -> None:
    images = images_of(200)
    store.add(images, LIMIT_BYTES)
    store.close()
    file = tmp_path / THUMBNAIL_FILE
    content = bytearray(file.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 4096] = os.urandom(4096)
    file.write_bytes(content)
    try:
        assert store.damaged()  # a page of a picture: rows are damaged, not the structure
    except StoreError as error:
        assert "doctor --repair" in str(error)
    assert store.repair() > 50
    kept = store.hashes()
    assert store.damaged() == 0
    assert all(store.get(content_hash) == images[content_hash] for content_hash in kept)


def test_a_file_that_cannot_be_read_is_not_taken_for_damaged(tmp_path: Path) -> None:
    (tmp_path / THUMBNAIL_FILE).mkdir()  # SQLite cannot read it, as on a failing disk
    with ThumbnailStore(tmp_path) as store:
        for use in (store.damaged, store.repair, store.hashes):
            with pytest.raises(DiskError, match="full or failing"):
                use()
    assert (tmp_path / THUMBNAIL_FILE).is_dir()


def test_damage_is_told_once(tmp_path: Path, store: ThumbnailStore) -> None:
    store.add(images_of(200), LIMIT_BYTES)
    store.close()
    file = tmp_path / THUMBNAIL_FILE
    file.write_bytes(b"no database" * 1000)
    with pytest.raises(DamagedThumbnails) as caught:
        store.damaged()
    assert str(caught.value).count("are damaged") == 1


def test_a_reader_notices_that_the_file_was_replaced(tmp_path: Path, store: ThumbnailStore) -> None:
    images = images_of(2)
    first, second = images
    assert store.get(first) is None, "no file yet"
    store.add({first: images[first]}, LIMIT_BYTES)
    with ThumbnailStore(tmp_path) as other:
        assert other.get(first) == images[first]
        store.repair()
        store.add({second: images[second]}, LIMIT_BYTES)
        assert other.get(second) == images[second]


_INDEX = """
import sys
from pathlib import Path
from imgsearch import Library, Settings
from tests.stand_in import StandIn
settings = Settings.load(data_dir=sys.argv[1], cache_dir=sys.argv[2])
with Library.open(settings, encoder=StandIn()) as library:
    library.index([sys.argv[3]]).run()
"""


def test_a_kill_at_any_moment_loses_nothing_that_cannot_be_made_again(tmp_path: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("needs Unix")
    photos = write(tmp_path / "photos", 250)
    data = tmp_path / "data"
    command = [sys.executable, "-c", _INDEX, str(data), str(tmp_path / "cache"), str(photos)]
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    codes = []
    for least_bytes in (1, 60_000, 120_000):  # ever later in the run
        process = subprocess.Popen(command, env=environment)
        wait_until(partial(_has_come_to, least_bytes, data, process))
        process.send_signal(signal.SIGKILL)
        codes.append(process.wait(PATIENCE_S))
        if (data / THUMBNAIL_FILE).exists():
            with ThumbnailStore(data) as store:
                assert store.damaged() == 0
    assert -signal.SIGKILL in codes and set(codes) <= {0, -signal.SIGKILL}
    with opened(tmp_path) as library:
        library.index([photos]).run()
        library.upkeep.make_thumbnails().run()
        hits = library.search("anything", k=300)
        assert len(hits) == 250
        for hit in hits:
            red = rgb_at(picture(library.pictures.thumbnail(hit.photo.id, 256)), 128, 96)[0]
            assert abs(red - int(hit.path.stem)) <= 4


def _has_come_to(least_bytes: int, data: Path, process: subprocess.Popen[bytes]) -> bool:
    """Whether the files of thumbnails have this size, or the process has ended."""
    file = data / THUMBNAIL_FILE
    log = file.with_name(f"{THUMBNAIL_FILE}-wal")
    sizes = [each.stat().st_size for each in (file, log) if each.exists()]
    return sum(sizes) >= least_bytes or process.poll() is not None


# ---------------------------------------------------------------------------- sizes


def test_a_photo_takes_some_eight_kilobytes(demo_photos: Path, tmp_path: Path) -> None:
    with opened(tmp_path) as library:
        library.index([demo_photos]).run()
        counts = library.status().thumbnails
    assert counts.photos == 21
    assert 3_000 < counts.size_bytes / 21 < 16_000


def test_smaller_sizes_come_from_the_kept_picture() -> None:
    kept = encoded(scene(256, 171), "WEBP", quality=70)
    assert reduce_thumbnail(kept, 1600) == kept
    small = picture(reduce_thumbnail(kept, 96))
    assert small.size == (96, 64)
    assert np.abs(np.subtract(rgb_at(small, 20, 12), (220, 30, 30))).max() < 20
