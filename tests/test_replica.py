"""Replicas of archives: they say what the archive says, and go on wherever they were killed."""

from __future__ import annotations

import shutil
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from random import Random

import pytest

pytest.importorskip("lance", reason="needs the extra scale")

from imgsearch.archive.lance.tables import Table
from imgsearch.archive.lance.writer import LanceWriter
from imgsearch.archive.replica.applying import ReplicaRows
from imgsearch.archive.replica.changes import ReplicatedPhoto
from imgsearch.errors import LibraryLocked, Reason, StorageUnreachable, StoreError, UsageError
from imgsearch.opened.library import OpenedLibrary
from imgsearch.progress import Progress
from imgsearch.records.files import FileStat, IngestResult
from imgsearch.records.index import EncoderRow
from imgsearch.records.marks import PhotoMarks
from imgsearch.records.pack import PackedFile, PackedPhoto, PackedVectors
from imgsearch.records.photo import Facts
from imgsearch.records.picture_text import PhotoText, TextLine
from imgsearch.records.status import Failure
from imgsearch.store.database import DATABASE_FILE, connect
from imgsearch.store.lock import writing
from imgsearch.store.progress_file import running_job
from tests.catalogue_writer import content_of, photo
from tests.counted_storage import counted_storage
from tests.factories import CHECKOUT
from tests.old_archives import write_marks
from tests.replicas import new_archive, of_archive, of_replica, opened, said

NOW = datetime(2026, 1, 1, tzinfo=UTC)
KINDS = {"new": False, "0.1.0": True}


@pytest.fixture(params=KINDS)
def writer(request: pytest.FixtureRequest, tmp_path: Path) -> LanceWriter:
    return new_archive(tmp_path / "archive", is_old=KINDS[request.param])


@pytest.fixture
def library(writer: LanceWriter, tmp_path: Path) -> Iterator[OpenedLibrary]:
    a_replica, replica = opened(writer.address, tmp_path)
    replica.checked_s = 0.0
    yield a_replica
    a_replica.close()


def path_of(number: int) -> str:
    return f"/photos/{number % 3}/{number}.jpg"


def failed(path: str) -> IngestResult:
    failure = Failure(Path(path), Reason.DAMAGED, "It is cut off.", read_by="decoders 1")
    return IngestResult(FileStat(path, 5, 10**18, 0), failure=failure)


def reading(text: str, day: int = 1) -> PhotoText:
    lines = (TextLine(text, 0.1, 0.2, 0.3, 0.1, 0.9),) if text else ()
    return PhotoText("read" if text else "none", lines, "reader 1", NOW + timedelta(days=day))


def assert_same(writer: LanceWriter, library: OpenedLibrary) -> None:
    there, here = of_archive(writer.address), of_replica(library)
    assert here.keys() == there.keys()
    for content, about in there.items():
        assert here[content] == about, content


# ------------------------------------------------------------------------- what arrives


def test_a_new_replica_has_what_the_archive_has(
    writer: LanceWriter, library: OpenedLibrary
) -> None:
    writer.put([photo(number, path_of(number)) for number in range(20)])
    writer.put([photo(3, "s3://bucket/photos/a//3 copy.jpg"), failed("/photos/broken.jpg")])
    writer.put_texts({content_of(4): reading("Platform 9"), content_of(5): reading("")})
    writer.pass_over_texts([content_of(6)], "reader 1")
    write_marks(writer.address, {content_of(7): PhotoMarks(True, 4, False)})
    assert_same(writer, library)
    assert [str(each.path) for each in library.store().failures.of_files(())] == [
        "/photos/broken.jpg"
    ]
    counts = library.store().picture_text.counts()
    assert (counts.read, counts.none, counts.unread, counts.passed_over) == (1, 1, 18, 1)
    ids = library.store().reads.photos.live_ids()
    assert ids.max() <= 20, "ids are small"


def test_changes_arrive_before_the_next_answer(writer: LanceWriter, library: OpenedLibrary) -> None:
    writer.put([photo(number, path_of(number)) for number in range(20)])
    assert_same(writer, library)
    title = Facts("JPEG", 40, 30, title="A red boat", keywords=("sea", "boat"))
    changes: tuple[Callable[[], object], ...] = (
        lambda: writer.put([photo(number, path_of(number)) for number in range(20, 24)]),
        lambda: writer.put([photo(0, "/moved/0.jpg")]),  # a copy
        lambda: writer.forget([path_of(0), path_of(1)]),  # moved, and gone
        lambda: writer.put([photo(30, path_of(2))]),  # another photo at its path
        lambda: writer.put([failed(path_of(4)), failed("/photos/new.jpg")]),
        lambda: writer.put_facts({content_of(5): title}),
        lambda: writer.put_texts({content_of(6): reading("Gate 7")}),
        lambda: writer.put_texts({content_of(6): reading("", 2)}),
        lambda: writer.pass_over_texts([content_of(8)], "reader 1"),
        lambda: writer.put([photo(1, path_of(1)), photo(4, path_of(4))]),  # both return
        lambda: writer.forget(["/photos/new.jpg"]),
        lambda: writer.settle(),
        lambda: writer.put([photo(9, path_of(9))]),
    )
    for change in changes:
        change()
        assert_same(writer, library)
    assert library.store().failures.of_files(()) == ()
    titled = library.reads().names.ids_named("red boat", False)
    assert len(titled) == 1


@pytest.mark.parametrize("seed", range(3))
def test_random_changes_arrive(writer: LanceWriter, library: OpenedLibrary, seed: int) -> None:
    random = Random(seed)
    paths = [f"/photos/{number}.jpg" for number in range(12)]

    def change() -> None:
        numbers = random.sample(range(15), 3)
        some = random.sample(paths, 3)
        changes: tuple[Callable[[], object], ...] = (
            lambda: writer.put([photo(n, path) for n, path in zip(numbers, some, strict=True)]),
            lambda: writer.put([failed(path) for path in some[:2]]),
            lambda: writer.forget(some),
            lambda: writer.put_texts({content_of(n): reading(f"word{n}") for n in numbers}),
            lambda: writer.put_facts(
                {content_of(n): Facts("PNG", 1, 2, title=f"{n}") for n in numbers}
            ),
            lambda: writer.settle(),
        )
        random.choice(changes)()

    for _ in range(12):
        for _ in range(random.randrange(1, 4)):
            change()
        assert_same(writer, library)
        failures = Table(writer.address, "files").newest().count("hash IS NULL")
        assert len(library.store().failures.of_files(())) == failures


def test_an_archive_that_goes_back_is_followed(writer: LanceWriter, library: OpenedLibrary) -> None:
    writer.put([photo(number, path_of(number)) for number in range(5)])
    writer.settle()
    writer.put_facts({content_of(0): Facts("PNG", 7, 7, title="later")})
    writer.put([photo(8, path_of(8))])
    writer.forget([path_of(1)])
    writer.settle()
    assert_same(writer, library)
    writer.go_back()
    assert_same(writer, library)
    assert len(of_replica(library)) == 5


def test_an_archive_made_anew_is_copied_anew(tmp_path: Path) -> None:
    first = new_archive(tmp_path / "archive")
    first.put([photo(number, path_of(number)) for number in range(5)])
    library, replica = opened(first.address, tmp_path)
    replica.checked_s = 0.0
    assert_same(first, library)
    (tmp_path / "archive").rename(tmp_path / "before")
    second = new_archive(tmp_path / "archive")
    for number in range(3, 12):  # more versions than the first had
        second.put([photo(number, f"/other/{number}.jpg")])
    library.close()
    library, replica = opened(second.address, tmp_path)
    assert_same(second, library)
    library.close()


def test_unchanged_photos_are_not_written_again(
    writer: LanceWriter, library: OpenedLibrary
) -> None:
    writer.put([photo(number, path_of(number)) for number in range(20)])
    assert len(of_replica(library)) == 20
    last = library.store().database.fetch_one("SELECT max(seq) FROM vectors")
    writer.put([photo(20, path_of(20))])
    writer.settle()
    assert len(of_replica(library)) == 21
    added = library.store().database.fetch_one("SELECT count(*) FROM vectors WHERE seq > ?", *last)
    assert added == (3,)  # photo 20 has three parts


# ------------------------------------------------------------------------- killed and shared


def copying(address: str, folder: Path, hold: str) -> subprocess.Popen[str]:
    """A process that takes changes, held at a moment."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.replicas", address, str(folder), hold],
        cwd=CHECKOUT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


@pytest.mark.parametrize("hold", ["batch", "transaction"])
def test_a_killed_copy_goes_on(writer: LanceWriter, tmp_path: Path, hold: str) -> None:
    writer.put([photo(number, path_of(number)) for number in range(4500)])
    process = copying(writer.address, tmp_path, hold)
    process.kill()
    process.communicate()
    # Meanwhile, one that was taken changes, one that was not, and one goes.
    writer.put_texts({content_of(number): reading("Gate 7") for number in range(4500)[::900]})
    writer.forget([path_of(1)])
    library, replica = opened(writer.address, tmp_path)
    job = replica.updating(library.indexing)
    steps = list(job)
    assert all(isinstance(each, Progress) for each in steps) and steps[-1].total >= 4498
    assert job.report.photos < 2_600, "what was taken is not taken again"
    assert_same(writer, library)
    library.close()


def test_a_job_that_is_stopped_goes_on(writer: LanceWriter, tmp_path: Path) -> None:
    writer.put([photo(number, path_of(number)) for number in range(4500)])
    library, replica = opened(writer.address, tmp_path)
    job = replica.updating(library.indexing)
    assert next(job).done == 0 and next(job).done == 2000
    del job  # as Ctrl-C ends it
    assert replica.updating(library.indexing).run().photos == 2500
    assert replica.updating(library.indexing).run().photos == 0
    assert_same(writer, library)
    library.close()


def test_a_copy_that_was_stopped_before_the_archive_went_back_is_right(tmp_path: Path) -> None:
    writer = new_archive(tmp_path / "archive")
    writer.put([photo(number, path_of(number)) for number in range(2100)])
    writer.settle()
    writer.put_facts({content_of(n): Facts("PNG", 7, 7, title="later") for n in range(2100)})
    writer.settle()
    library, replica = opened(writer.address, tmp_path)
    job = replica.updating(library.indexing)
    assert next(job).done == 0 and next(job).done == 2000
    del job
    writer.go_back()
    assert_same(writer, library)
    assert len(library.reads().names.ids_named("later", False)) == 0
    library.close()


def test_others_answer_while_one_process_copies(writer: LanceWriter, tmp_path: Path) -> None:
    writer.put([photo(number, path_of(number)) for number in range(10)])
    library, replica = opened(writer.address, tmp_path)
    replica.checked_s = 0.0
    assert library.reads().photos.count() == 10
    with writing(tmp_path / "replica"):
        writer.put([photo(10, path_of(10))])
        assert library.reads().photos.count() == 10
        with pytest.raises(LibraryLocked):
            replica.updating(library.indexing).run()
    assert library.reads().photos.count() == 11
    library.close()


def test_who_asks_during_the_first_copy_is_told(tmp_path: Path) -> None:
    writer = new_archive(tmp_path / "archive")
    writer.put([photo(number, path_of(number)) for number in range(4500)])
    process = copying(writer.address, tmp_path, "batch")
    try:
        library, replica = opened(writer.address, tmp_path)
        replica.checked_s = 3600.0
        said.clear()
        assert library.reads().photos.count() == 2000
        assert len(said) == 1 and "of 4,500 photos)" in said[0] and "are found" in said[0]
        running = running_job(library.settings.data_dir)
        assert running is not None and running.total == 4500
    finally:
        process.kill()
        process.communicate()
    # Who asks next goes on with it at once.
    assert library.reads().photos.count() == 4500
    library.close()


def test_threads_that_ask_at_once_get_whole_answers(writer: LanceWriter, tmp_path: Path) -> None:
    writer.put([photo(number, path_of(number)) for number in range(300)])
    library, _ = opened(writer.address, tmp_path)
    counts: list[int] = []
    threads = [
        threading.Thread(target=lambda: counts.append(library.reads().photos.count()))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [300] * 8
    library.close()


# ------------------------------------------------------------------------- storage


def test_few_requests_are_sent(tmp_path: Path) -> None:
    writer = new_archive(tmp_path / "index" / "archive")
    writer.put([photo(number, path_of(number)) for number in range(30)])
    with counted_storage(tmp_path) as storage:
        library, replica = opened("s3://index/archive", tmp_path)
        assert library.reads().photos.count() == 30
        replica.checked_s = 3600.0
        library.reads().photos.count()  # looks at last, and not again
        storage.take()
        for _ in range(5):
            assert len(of_replica(library)) == 30
        assert storage.take().count() == 0
        library.close()
        library, replica = opened("s3://index/archive", tmp_path)
        replica.checked_s = 0.0
        library.reads().photos.count()
        storage.take()
        library.reads().photos.count()
        assert storage.take().count() <= 5
        writer.put([photo(31, path_of(31))])
        assert library.reads().photos.count() == 31
        library.close()


def test_an_archive_that_cannot_be_reached_is_answered_from_the_copy(tmp_path: Path) -> None:
    writer = new_archive(tmp_path / "index" / "archive")
    writer.put([photo(number, path_of(number)) for number in range(5)])
    with counted_storage(tmp_path):
        library, replica = opened("s3://index/archive", tmp_path)
        replica.checked_s = 0.0
        assert library.reads().photos.count() == 5
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
            away, _ = opened("s3://index/archive", tmp_path)
            said.clear()
            assert away.reads().photos.count() == 5
            assert "cannot be reached" in said[0] and "copy on this machine" in said[0]
            nothing, _ = opened("s3://index/archive", tmp_path / "another")
            with pytest.raises(StorageUnreachable):
                nothing.reads().photos.count()
        library.close()
        away.close()


def test_pictures_come_from_the_archive_and_files_from_where_they_lie(tmp_path: Path) -> None:
    writer = new_archive(tmp_path / "index" / "archive")
    (tmp_path / "photos").mkdir()
    here = tmp_path / "photos" / "1.jpg"
    here.write_bytes(b"JPEG")
    there = "s3://index/photos/2.jpg"
    (tmp_path / "index" / "photos").mkdir()
    (tmp_path / "index" / "photos" / "2.jpg").write_bytes(b"object")
    writer.put([photo(1, str(here)), photo(2, there)])
    writer.put_thumbnails({content_of(number): f"picture {number}".encode() for number in (1, 2)})
    with counted_storage(tmp_path) as storage:
        library, _ = opened("s3://index/archive", tmp_path)
        ids = {
            str(hit.files[0].path): each
            for each, hit in library.photos()
            .records(library.reads().photos.live_ids().tolist())
            .items()
        }
        assert ids.keys() == {str(here), there}
        assert library.kept_thumbnail(content_of(1)) == b"picture 1"
        storage.take()
        assert library.kept_thumbnail(content_of(1)) == b"picture 1"
        assert library.kept_thumbnail(content_of(2)) == b"picture 2"
        assert storage.take().count() == 0, "both were shown together, and are on the disk"
        assert library.kept_thumbnail(content_of(3)) is None
        (file,) = [
            each.path for each in library.origin.files_of(library.reads(), ids[str(here)], False)
        ]
        assert file == here
        contents = [
            each.path.read_bytes()
            for each in library.origin.files_of(library.reads(), ids[there], False)
        ]
        assert contents == [b"object"]
        pictures = {
            each.id: what
            for each, what in library.origin.pictures_of(library.reads(), list(ids.values()))
        }
        assert pictures == {ids[str(here)]: here, ids[there]: b"picture 2"}
        (reachable,) = [
            file.path
            for _, file in library.origin.reachable_files(library.reads(), list(ids.values()))
        ]
        assert reachable == here
        library.close()


# ------------------------------------------------------------------------- the library


def test_a_replica_is_private(writer: LanceWriter, library: OpenedLibrary, tmp_path: Path) -> None:
    writer.put([photo(1, path_of(1))])
    assert library.reads().photos.count() == 1
    if sys.platform != "win32":
        for each in (tmp_path / "replica", *(tmp_path / "replica").rglob("*")):
            assert not stat.S_IMODE(each.stat().st_mode) & 0o077, each


def test_a_damaged_copy_is_named_and_copied_again(writer: LanceWriter, tmp_path: Path) -> None:
    writer.put([photo(1, path_of(1))])
    library, _ = opened(writer.address, tmp_path)
    assert library.reads().photos.count() == 1
    library.close()
    (tmp_path / "replica" / "library.db").write_bytes(b"no database" * 1000)
    library, _ = opened(writer.address, tmp_path)
    with pytest.raises(StoreError, match=r"is damaged\. Delete that folder"):
        library.reads().photos.count()
    library.close()
    shutil.rmtree(tmp_path / "replica")
    library, _ = opened(writer.address, tmp_path)
    assert library.reads().photos.count() == 1
    library.close()


def test_a_folder_with_another_library_is_refused(writer: LanceWriter, tmp_path: Path) -> None:
    writer.put([photo(1, path_of(1))])
    library, _ = opened(writer.address, tmp_path)
    assert library.reads().photos.count() == 1
    library.close()
    other = new_archive(tmp_path / "other")
    other.put([photo(2, path_of(2))])
    library, _ = opened(other.address, tmp_path)
    with pytest.raises(UsageError, match="is a copy of the archive"):
        library.reads().photos.count()
    library.close()


def test_a_batch_takes_as_much_work_in_a_large_copy_as_in_a_small_one(tmp_path: Path) -> None:
    """The steps of SQLite are counted, those of new photos and of known ones with new facts."""
    encoder = EncoderRow(1, "test/1", "test", 4)
    vector = PackedVectors(encoder.encoder_id, (b"\0\0" * 4,))

    def photos(first: int, many: int, title: str = "") -> list[ReplicatedPhoto]:
        return [
            ReplicatedPhoto(
                PackedPhoto(
                    content_of(number),
                    1,
                    Facts("PNG", 7, 7, title=title or None),
                    datetime(2026, 1, 1, tzinfo=UTC),
                    (PackedFile(f"/photos/{number}.png", 1, 1),),
                    (vector,),
                ),
                None,
                None,
                number + len(title),
            )
            for number in range(first, first + many)
        ]

    with writing(tmp_path) as store:
        store.vectors.adopt_encoder(encoder.encoder_id, encoder.name, encoder.dim)
    with closing(connect(tmp_path / DATABASE_FILE, writable=True)) as connection:
        rows = ReplicaRows(connection, encoder)

        def steps_of(some: list[ReplicatedPhoto]) -> int:
            steps = count()
            connection.set_progress_handler(lambda: next(steps) and None, 100)
            assert rows.put(some, 1) == len(some)
            connection.set_progress_handler(None, 0)
            return next(steps)

        rows.put(photos(0, 200), 1)
        small = [steps_of(photos(200, 20)), steps_of(photos(100, 20, "new"))]
        rows.put(photos(1_000, 8_000), 1)
        large = [steps_of(photos(20_000, 20)), steps_of(photos(5_000, 20, "new"))]
    for before, then in zip(small, large, strict=True):
        assert then < 1.5 * before, (small, large)
