"""What the tables of an archive must stand: writers at once, kills, damage, and going back."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from imgsearch.errors import (
    EncoderMismatch,
    ImgsearchError,
    LibraryLocked,
    ObjectStorageError,
    Reason,
    StorageUnreachable,
    StoreError,
    UsageError,
)
from imgsearch.records.answer import ScoreBaseline
from imgsearch.records.arrays import Vector, Vectors
from imgsearch.records.files import FileStat, IngestResult
from imgsearch.records.index import EncoderRow
from imgsearch.records.photo import Facts, PhotoCount
from imgsearch.records.picture_text import PhotoText, TextLine
from imgsearch.records.status import Failure
from tests.factories import CHECKOUT, PATIENCE_S, run_cli, unit
from tests.object_storage import S3Server

lance = pytest.importorskip("lance", reason="needs the extra scale")
pa = pytest.importorskip("pyarrow")

from imgsearch.archive.lance import tables  # noqa: E402
from imgsearch.archive.lance.nearest import LancePolicy  # noqa: E402
from imgsearch.archive.lance.rows import id_of  # noqa: E402
from imgsearch.archive.lance.writer import LanceWriter  # noqa: E402
from tests.archive_photos import ArchivePhotos, files_of  # noqa: E402
from tests.catalogue_writer import (  # noqa: E402
    DIM,
    at_path,
    content_of,
    path_of,
    photo,
    some_photos,
    vectors_of,
)

ENCODER = EncoderRow(1, "test/1", "test", DIM)


def id_in(number: int) -> int:
    return id_of(content_of(number).hex())


def rounded(vectors: Vectors) -> Vectors:
    """As every archive keeps vectors: as fp16, and of length 1 when they are read."""
    return unit(vectors.astype(np.float16).astype(np.float32))


def exact_answer(numbers: Iterable[int], query: Vector, k: int) -> list[tuple[int, float]]:
    """Ids and scores by NumPy, each photo by its best part."""
    scored = [
        (id_in(number), float((rounded(vectors_of(number)) @ query).max())) for number in numbers
    ]
    return sorted(scored, key=lambda each: (-each[1], each[0]))[:k]


def a_query(seed: int) -> Vector:
    row = np.random.default_rng(seed + 10_000).standard_normal(DIM)
    return np.asarray(row / np.linalg.norm(row), np.float32)


def assert_answer(archive: ArchivePhotos, numbers: Iterable[int]) -> None:
    numbers = list(numbers)
    for seed, k in enumerate((1, 7, len(numbers) + 5)):
        query = a_query(seed)
        found = archive.nearest(query, k, kind="text")
        expected = exact_answer(numbers, query, k)
        assert found.ids.tolist() == [photo_id for photo_id, _ in expected]
        np.testing.assert_allclose(found.scores, [score for _, score in expected], atol=2e-6)


def recall(archive: ArchivePhotos, numbers: Sequence[int], condition: str | None) -> float:
    ids = [id_in(number) for number in numbers]
    starts = np.cumsum([0, *(len(vectors_of(number)) for number in numbers)])[:-1]
    vectors = np.concatenate([rounded(vectors_of(number)) for number in numbers])
    shares = []
    for seed in range(20):
        query = a_query(seed)
        scores = np.maximum.reduceat(vectors @ query, starts)
        best = {ids[at] for at in np.argsort(-scores)[:10]}
        found = archive.nearest(query, 10, condition, kind="text")
        own = dict(zip(ids, scores.tolist(), strict=True))
        np.testing.assert_allclose(found.scores, [own[each] for each in found.ids], atol=2e-6)
        assert len(set(found.ids.tolist())) == 10
        shares.append(len(best & set(found.ids.tolist())) / 10)
    return float(np.mean(shares))


@pytest.fixture
def writer(tmp_path: Path) -> LanceWriter:
    return LanceWriter.open(
        tmp_path / "catalogue", ENCODER, policy=LancePolicy(scalar_index_from=1)
    )


def test_text_in_pictures_comes_back_with_its_photo(writer: LanceWriter) -> None:
    writer.put(some_photos(4))
    lines = (TextLine("Café Müller", 0.1, 0.2, 0.5, 0.1, 0.9),)
    reading = PhotoText("read", lines, "test 1", datetime(2026, 1, 1, tzinfo=UTC))
    nothing = replace(reading, state="none", lines=())
    writer.put_texts({content_of(1): reading, content_of(2): nothing, content_of(99): reading})
    archive = ArchivePhotos(writer.address)
    assert archive.texts()[content_of(1).hex()] == reading
    by_text = "contains(words_text, ' cafe ') AND contains(words_any, ' muller ')"
    assert archive.ids(by_text) == [id_in(1)]
    writer.forget([path_of(1)])
    assert archive.ids(by_text) == []
    writer.put([at_path(photo(1, ""), "/photos/back.jpg"), photo(99, "/photos/99.jpg")])
    assert archive.ids(by_text) == sorted([id_in(1), id_in(99)])


def test_files_that_could_not_be_indexed_have_a_reason(writer: LanceWriter) -> None:
    failure = Failure(
        Path("/photos/b.jpg"), Reason.TRUNCATED, "It is cut off.", "raw", "decoders 1"
    )
    stat = FileStat("/photos/b.jpg", 3, 5, 7)
    writer.put([IngestResult(stat, content_of(1), failure=failure)])
    archive = ArchivePhotos(writer.address)
    row = archive.files()["/photos/b.jpg"]
    stated = {name: row[name] for name in ("reason", "message", "extra", "read_by")}
    assert stated == {
        "reason": "truncated",
        "message": "It is cut off.",
        "extra": "raw",
        "read_by": "decoders 1",
    }
    failed_at = datetime.fromisoformat(row["recorded_at"])
    assert abs(datetime.now(UTC) - failed_at) < timedelta(minutes=10)
    assert row["hash"] is None and archive.count().photos == 0
    writer.put([photo(1, "/photos/b.jpg")])
    assert archive.files()["/photos/b.jpg"]["reason"] is None and archive.count().photos == 1


def test_two_photos_with_one_number_are_not_mixed_up(writer: LanceWriter) -> None:
    """Their hashes begin with the same 63 bits: by chance, this happens among very many."""
    first = photo(1, "/photos/1.jpg")
    assert first.content_hash is not None
    other_hash = first.content_hash[:-1] + bytes([first.content_hash[-1] ^ 1])
    other = replace(photo(2, "/photos/2.jpg"), content_hash=other_hash)
    third_hash = first.content_hash[:-1] + bytes([first.content_hash[-1] ^ 2])
    third = replace(photo(3, "/photos/3.jpg"), content_hash=third_hash)
    assert id_of(first.content_hash.hex()) == id_of(other_hash.hex())
    writer.put([other, photo(4, "/photos/4.jpg"), first, third])
    writer.put([third])
    archive = ArchivePhotos(writer.address)
    failed = [row for row in archive.files().values() if row["reason"] is not None]
    assert len(failed) == 2 and "same number" in failed[0]["message"]
    assert archive.count() == PhotoCount(2, 2)
    kept = min(first.content_hash, other_hash, third_hash)
    assert writer.known([first.content_hash, other_hash, third_hash]) == {kept}
    assert archive.photos()[id_of(kept.hex())].photo.content_hash == kept.hex()


def test_a_vector_of_another_length_is_refused(writer: LanceWriter) -> None:
    wrong = replace(photo(1, "/photos/1.jpg"), vectors=np.ones((1, DIM + 1), np.float32))
    with pytest.raises(UsageError, match=f"has {DIM} numbers"):
        writer.put([wrong])
    assert ArchivePhotos(writer.address).count().photos == 0


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> tuple[LanceWriter, LancePolicy]:
    """Enough photos for an index, in clusters as photos are."""
    policy = LancePolicy(index_from=1000, exact_filter_rows=50, scalar_index_from=1, queries=40)
    folder = tmp_path_factory.mktemp("large")

    def encode(texts: Sequence[str]) -> Vectors:
        return np.stack([a_query(number) for number in range(len(texts))])

    def baseline(vectors: Vectors, mean: Vector, count: int) -> ScoreBaseline:
        return ScoreBaseline(vectors[:3], vectors[:2], vectors, mean, count)

    writer = LanceWriter.open(folder / "catalogue", ENCODER, encode, baseline, policy)
    for start in (0, 1000):
        numbers = range(start, start + 1000)
        writer.put([photo(number, path_of(number)) for number in numbers])
    writer.settle()
    return writer, policy


def test_settling_publishes_the_words_of_names_for_version_0_1_0(writer: LanceWriter) -> None:
    named = [
        photo(n, path_of(n), Facts("JPEG", 40, 30, title=f"Quiet harbour x1 {n}")) for n in range(3)
    ]
    writer.put([*named, photo(9, "/harbour/9.jpg", Facts("JPEG", 40, 30, people=("Zoë Adler",)))])
    writer.settle()
    row = ArchivePhotos(writer.address).published()
    assert row["words"] == ["harbour", "jpg", "photos", "quiet", "adler", "zoe"]
    assert row["vocabulary"] is None


@pytest.mark.slow
def test_an_index_is_calibrated_and_keeps_its_recall(
    large: tuple[LanceWriter, LancePolicy],
) -> None:
    writer, policy = large
    archive = ArchivePhotos(writer.address, policy)
    settings_of = archive.search_settings()
    assert settings_of is not None and settings_of.text is not None
    assert settings_of.text.recall >= policy.recall_target
    assert settings_of.text.filtered_recall >= policy.recall_target
    assert recall(archive, range(2000), None) >= 0.95
    third = [number for number in range(2000) if number % 3 == 1]
    assert recall(archive, third, "array_has(folders, '/photos/1')") >= 0.95
    # What an index does not have yet is found as well.
    writer.put([photo(number, path_of(number)) for number in range(2000, 2100)])
    assert recall(archive, range(2100), None) >= 0.95
    found = archive.nearest(a_query(1), 700, kind="image")
    expected = exact_answer(range(2100), a_query(1), 700)
    np.testing.assert_allclose(found.scores, [score for _, score in expected], atol=2e-6)
    writer.forget([path_of(number) for number in range(0, 2100, 10)])
    writer.settle()
    left = [number for number in range(2100) if number % 10]
    assert recall(archive, left, None) >= 0.95
    baseline = archive.baseline()
    assert baseline is not None and baseline.vectors == archive.count().vectors
    assert baseline.prompts.shape == (3, DIM) and baseline.mean.shape == (DIM,)
    assert archive.published()["words"][:2] == ["jpg", "photos"]


def test_one_can_go_back_to_what_was_published_before(writer: LanceWriter) -> None:
    writer.put(some_photos(10))
    writer.settle()
    with pytest.raises(UsageError, match="settled once"):
        writer.go_back()
    writer.put([photo(50, "/photos/50.jpg")])
    writer.forget([path_of(2)])
    writer.settle()
    writer.go_back()
    assert_answer(ArchivePhotos(writer.address), range(10))
    writer.put([photo(50, "/photos/50.jpg")])
    assert_answer(ArchivePhotos(writer.address), [*range(10), 50])


def test_settling_after_a_few_photos_writes_nothing_anew(tmp_path: Path) -> None:
    address = tmp_path / "catalogue"
    policy = LancePolicy(index_from=100, scalar_index_from=100)
    writer = LanceWriter.open(address, ENCODER, policy=policy)
    writer.put(some_photos(400))
    writer.settle()

    def files() -> set[Path]:
        return set((address / "photos.lance").glob("data/*"))

    def settled() -> tuple[object, ...]:
        dataset = lance.dataset(str(address / "photos.lance"))
        settings = ArchivePhotos(address, policy).search_settings()
        return settings, *(
            (each.name, each.num_rows_indexed) for each in dataset.describe_indices()
        )

    before, indexes = files(), settled()
    assert indexes[0] is not None
    writer.put([photo(number, path_of(number)) for number in range(400, 410)])
    writer.settle()
    assert before < files()
    assert settled() == indexes
    assert_answer(ArchivePhotos(address, policy), range(410))
    writer.put([photo(number, path_of(number)) for number in range(410, 500)])
    writer.settle()
    assert settled()[1:] != indexes[1:]
    assert_answer(ArchivePhotos(address, policy), range(500))


def test_going_back_is_a_new_lineage(writer: LanceWriter) -> None:
    first = writer.lineage()
    for number in range(3):
        writer.put([photo(number, path_of(number))])
        writer.settle()
        assert writer.lineage() == first
    writer.go_back()
    second = writer.lineage()
    writer.settle()
    assert LanceWriter(writer.address).lineage() == second != first
    writer.go_back()
    assert writer.lineage() not in (first, second)


def test_a_change_that_is_tried_again_leaves_nothing_pending(
    writer: LanceWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pending() -> int:
        return int(lance.dataset(f"{writer.address}/pending.lance").count_rows())

    def fail(*arguments: object) -> None:
        raise StorageUnreachable("away")

    with monkeypatch.context() as away:
        away.setattr(writer, "_follow", fail)
        for _ in range(2):
            with pytest.raises(StorageUnreachable):
                writer.put(some_photos(3))
    assert pending() == 2  # another writer would complete them
    writer.put(some_photos(3))
    assert pending() == 0
    assert_answer(ArchivePhotos(writer.address), range(3))


@pytest.mark.parametrize("name", ["ü", "a#b", "50%", "a%20b", "why?", '"q"', "a b", "[x]", "日本"])
def test_nothing_is_written_beside_the_folder_of_an_archive(tmp_path: Path, name: str) -> None:
    address = tmp_path / "around" / name
    address.parent.mkdir()
    writer = LanceWriter.open(address, ENCODER)
    for number in range(2):
        writer.put([photo(number, path_of(number))])
        writer.settle()
    assert [each.name for each in address.parent.iterdir()] == [name]
    writer.go_back()
    assert_answer(ArchivePhotos(address), range(1))


def test_old_versions_are_removed_and_readers_go_on(tmp_path: Path) -> None:
    address = tmp_path / "catalogue"
    policy = LancePolicy(scalar_index_from=1, keep_minutes=1e-9)
    writer = LanceWriter.open(address, ENCODER, policy=policy)
    archive = ArchivePhotos(address)
    for round_number in range(4):
        numbers = range(10 * round_number, 10 * round_number + 10)
        writer.put([photo(number, path_of(number)) for number in numbers])
        assert archive.count().photos == 10 * round_number + 10
        writer.settle()
    versions = lance.dataset(str(address / "photos.lance")).versions()
    assert len(versions) < 8
    assert_answer(archive, range(40))


# ------------------------------------------------------------------------- several at once


def started(address: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "tests.catalogue_writer", address,
         *map(str, arguments)],
        cwd=CHECKOUT,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip


@pytest.mark.slow
def test_two_processes_that_put_the_same_photos_double_none(writer: LanceWriter) -> None:
    assert_two_processes_double_none(writer.address)


def test_writers_at_once_double_nothing_in_an_archive_whose_keys_are_indexed(
    tmp_path: Path,
) -> None:
    first = LanceWriter.open(
        tmp_path / "catalogue", ENCODER, policy=LancePolicy(scalar_index_from=1)
    )
    first.put(some_photos(20))
    first.settle()
    together = threading.Barrier(4)
    errors: list[Exception] = []

    def put() -> None:
        writer = LanceWriter(first.address)
        for start in range(100, 160, 15):
            together.wait()
            try:
                writer.put([photo(n, path_of(n)) for n in range(start, start + 15)])
            except (ImgsearchError, threading.BrokenBarrierError) as error:
                together.abort()
                errors.append(error)

    threads = [threading.Thread(target=put) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    for name, key in (("photos", "key"), ("files", "path")):
        rows = lance.dataset(f"{first.address}/{name}.lance").to_table(columns=[key])
        keys = rows[key].to_pylist()
        assert len(keys) == len(set(keys)), name
    assert ArchivePhotos(first.address).count().photos == 80


def assert_two_processes_double_none(address: str) -> None:
    processes = [
        started(address, "a", 0, 120, 20),
        started(address, "b", 40, 160, 30),
    ]
    try:
        for process in processes:
            assert process.stdout is not None and process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        for process in processes:
            _, errors = process.communicate(timeout=PATIENCE_S)
            assert process.returncode == 0, errors
    finally:
        for process in processes:
            process.kill()
    archive = ArchivePhotos(address)
    assert archive.count() == PhotoCount(160, sum(len(vectors_of(n)) for n in range(160)))
    assert_answer(archive, range(160))
    both = archive.photos()[id_in(50)].files
    assert [file.path for file in both] == [Path("/photos/a/50.jpg"), Path("/photos/b/50.jpg")]
    assert archive.count("array_has(folders, '/photos/a')").photos == 120


@pytest.mark.slow
@pytest.mark.parametrize("seen", [0, 1, 12])
def test_a_writer_that_is_killed_loses_nothing_that_was_put(writer: LanceWriter, seen: int) -> None:
    """Wherever it was: what it was doing is done by the next run."""
    archive = ArchivePhotos(writer.address)
    process = started(writer.address, "a", 0, 40, 3)
    assert process.stdin is not None and process.stdout is not None
    try:
        assert process.stdout.readline() == "ready\n"
        process.stdin.write("\n")
        process.stdin.flush()
        while archive.count().photos < seen and process.poll() is None:
            pass
    finally:
        process.kill()
        process.communicate()
    before = archive.count().photos
    assert before >= seen
    assert len(writer.known([content_of(number) for number in range(40)])) == before
    writer.put([photo(number, f"/photos/a/{number}.jpg") for number in range(40)])
    assert_answer(archive, range(40))


@pytest.mark.slow
@pytest.mark.parametrize("commits", [3, 8, 14])
def test_a_change_that_was_cut_off_is_completed(writer: LanceWriter, commits: int) -> None:
    process = started(writer.address, "restless", 0, 24, 5)
    assert process.stdin is not None and process.stdout is not None
    files = Path(writer.address) / "files.lance" / "_versions"
    try:
        assert process.stdout.readline() == "ready\n"
        process.stdin.write("\n")
        process.stdin.flush()
        while len(list(files.iterdir())) < 6 + commits and process.poll() is None:
            pass
    finally:
        process.kill()
        process.communicate()
    writer.settle()
    paths_of: dict[str, set[str]] = {}
    for row in lance.dataset(str(files.parent)).to_table().to_pylist():
        paths_of.setdefault(row["hash"], set()).add(row["path"])
    archive = ArchivePhotos(writer.address)
    found = files_of(archive.photos().values())
    assert {content: set(paths) for content, paths in found.items()} == paths_of


@pytest.mark.slow
def test_writers_that_move_the_same_photos_agree_in_the_end(writer: LanceWriter) -> None:
    """One forgets and puts back what the other copies: the table of files decides."""
    writer.put(some_photos(12))
    errors: list[BaseException] = []

    def work(do: Callable[[LanceWriter, int], None]) -> None:
        own = LanceWriter(writer.address)
        try:
            for round_number in range(6):
                do(own, round_number)
        except BaseException as error:  # noqa: BLE001  # shown by the test
            errors.append(error)

    def lose(own: LanceWriter, round_number: int) -> None:
        own.forget([path_of(number) for number in range(12)])
        own.put([at_path(photo(n, ""), path_of(n)) for n in range(round_number % 2, 12)])

    def copy(own: LanceWriter, round_number: int) -> None:
        paths = [f"/copies/{number}.jpg" for number in range(12)]
        own.put([at_path(photo(n, ""), path) for n, path in enumerate(paths)])
        if round_number < 5:
            own.forget(paths)

    threads = [threading.Thread(target=work, args=(do,)) for do in (lose, copy)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert not errors, errors
    archive = ArchivePhotos(writer.address)
    assert_answer(archive, range(12))
    found = archive.photos()
    for number in range(12):
        own = [Path(f"/copies/{number}.jpg"), *([Path(path_of(number))] if number else [])]
        files = found[id_in(number)].files
        assert [file.path for file in files] == own


@pytest.mark.slow
def test_facts_stay_while_others_move_their_photos(writer: LanceWriter) -> None:
    """Whoever writes a row that it has read before takes the facts from their own table."""
    writer.put(some_photos(12))
    errors: list[BaseException] = []
    is_over = threading.Event()

    def move() -> None:
        own = LanceWriter(writer.address)
        try:
            while not is_over.is_set():
                own.put([at_path(photo(n, ""), f"/copies/{n}.jpg") for n in range(12)])
                own.forget([f"/copies/{number}.jpg" for number in range(12)])
        except BaseException as error:  # noqa: BLE001  # shown by the test
            errors.append(error)

    mover = threading.Thread(target=move)
    mover.start()
    try:
        for rating in (1, 2, 3, 4, 5):
            facts = Facts("JPEG", 40, 30, rating=rating)
            assert writer.put_facts({content_of(number): facts for number in range(12)}) == 12
    finally:
        is_over.set()
        mover.join(PATIENCE_S)
    assert not errors, errors
    archive = ArchivePhotos(writer.address)
    found = archive.photos()
    assert {each.photo.facts.rating for each in found.values()} == {5}
    assert {len(each.files) for each in found.values()} == {1}


@pytest.mark.slow
def test_readers_go_on_while_a_writer_puts_and_settles(writer: LanceWriter) -> None:
    """Each sees a whole state: no photo twice, and none of those that were there is missing."""
    writer.put(some_photos(40))
    archive = ArchivePhotos(writer.address)
    first = {id_in(number) for number in range(40)}
    stop, errors = threading.Event(), []
    rounds = [0, 0]

    def read(place: int) -> None:
        own = ArchivePhotos(writer.address)
        while not stop.is_set() or not rounds[place]:
            try:
                ids = own.nearest(a_query(place), 1000, kind="text").ids.tolist()
                assert len(set(ids)) == len(ids) and first <= set(ids)
                assert len(own.ids("array_has(folders, '/photos')")) >= 40
                own.count()
                rounds[place] += 1
            except BaseException as error:  # noqa: BLE001  # shown by the test
                errors.append(error)
                return

    threads = [threading.Thread(target=read, args=(place,)) for place in range(2)]
    for thread in threads:
        thread.start()
    try:
        for start in range(40, 120, 20):
            writer.put([photo(number, path_of(number)) for number in range(start, start + 20)])
            writer.settle()
    finally:
        stop.set()
        for thread in threads:
            thread.join(PATIENCE_S)
    assert not errors, errors
    assert_answer(archive, range(120))


@pytest.mark.slow
def test_two_that_settle_while_a_third_writes_spoil_nothing(writer: LanceWriter) -> None:
    policy = LancePolicy(scalar_index_from=1, index_from=100, queries=10)
    writer.put(some_photos(150))
    errors: list[BaseException] = []

    def settle() -> None:
        own = LanceWriter(writer.address, policy=policy)
        for _ in range(2):
            try:
                own.settle()
            except LibraryLocked:  # it says so, and may be run again
                pass
            except BaseException as error:  # noqa: BLE001  # shown by the test
                errors.append(error)

    threads = [threading.Thread(target=settle) for _ in range(2)]
    for thread in threads:
        thread.start()
    for start in range(150, 250, 20):
        writer.put([photo(number, path_of(number)) for number in range(start, start + 20)])
        writer.forget([path_of(start - 150)])
    for thread in threads:
        thread.join(PATIENCE_S)
    assert not errors, errors
    left = [number for number in range(250) if number not in range(0, 100, 20)]
    assert_answer(ArchivePhotos(writer.address), left)
    LanceWriter(writer.address, policy=policy).settle()
    assert_answer(ArchivePhotos(writer.address), left)


# ------------------------------------------------------------------------- object storage


@pytest.fixture
def bucket(s3: S3Server) -> str:
    """An empty bucket of a server on this machine."""
    s3.put({}, bucket="index")
    return "s3://index"


@pytest.mark.slow
def test_an_archive_in_object_storage_is_like_one_in_a_folder(bucket: str) -> None:
    address = f"{bucket}/archive/2026"
    writer = LanceWriter.open(f"{address}/", ENCODER)
    writer.put([photo(number, f"s3://photos/a/{number}.jpg") for number in range(30)])
    archive = ArchivePhotos(address)
    assert_answer(archive, range(30))
    writer.settle()
    writer.forget(["s3://photos/a/3.jpg"])
    assert_answer(archive, [number for number in range(30) if number != 3])
    assert archive.files()["s3://photos/a/1.jpg"]["hash"] == content_of(1).hex()
    with pytest.raises(StoreError, match="There is no archive at s3://index/other"):
        ArchivePhotos(f"{bucket}/other")
    with pytest.raises(ObjectStorageError, match="a bucket of this name does not exist"):
        ArchivePhotos("s3://nowhere/archive")
    writer.forget([f"s3://photos/a/{number}.jpg" for number in range(30)])
    assert_two_processes_double_none(address)


def test_storage_that_refuses_or_is_away_is_an_error_with_a_cure(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    LanceWriter.open(bucket, ENCODER)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(ObjectStorageError, match="cannot be reached"):
        ArchivePhotos(bucket)


# ------------------------------------------------------------------------- bad input


def rewritten(address: str, change: Callable[[Any], Any]) -> None:
    """Write the table of photos anew with a changed schema."""
    folder = Path(address) / "photos.lance"
    table = lance.dataset(str(folder)).to_table()
    shutil.rmtree(folder)
    lance.write_dataset(table.cast(change(table.schema)), str(folder))


def without_key_mark(schema: Any) -> Any:
    return pa.schema([field.remove_metadata() for field in schema], schema.metadata)


@pytest.mark.parametrize(
    ("change", "kind", "sentence"),
    [
        (without_key_mark, StoreError, "is not marked as one"),
        (lambda schema: schema.remove_metadata(), StoreError, "not one of imgsearch"),
    ],
)
def test_a_table_that_is_not_as_it_must_be_is_refused(
    writer: LanceWriter, change: Callable[[Any], Any], kind: type[StoreError], sentence: str
) -> None:
    writer.put(some_photos(3))
    rewritten(writer.address, change)
    for opened in (ArchivePhotos, LanceWriter):
        with pytest.raises(kind, match=sentence):
            opened(writer.address)


def test_a_place_without_an_archive_says_so(tmp_path: Path) -> None:
    (tmp_path / "foreign.txt").write_text("not ours")
    for address in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(StoreError, match="There is no archive at"):
            ArchivePhotos(address)
    (tmp_path / "photos.lance").write_text("a file, not a table")
    with pytest.raises(StoreError):
        ArchivePhotos(tmp_path)


def test_an_archive_of_another_encoder_is_not_written_to(writer: LanceWriter) -> None:
    with pytest.raises(EncoderMismatch, match="not of other"):
        LanceWriter.open(writer.address, EncoderRow(1, "other/1", "other", DIM))


def test_a_commit_that_was_cut_off_changes_nothing(writer: LanceWriter) -> None:
    """The files of a commit come first, and its manifest last: without that they are nothing."""
    writer.put(some_photos(10))
    for name in ("photos", "files"):
        data = Path(writer.address) / f"{name}.lance" / "data"
        whole = next(data.iterdir())
        (data / "half.lance").write_bytes(whole.read_bytes()[:100])
    assert_answer(ArchivePhotos(writer.address), range(10))
    writer.put([photo(20, "/photos/20.jpg")])
    writer.settle()
    assert_answer(ArchivePhotos(writer.address), [*range(10), 20])


@pytest.mark.parametrize("damage", [b"", b"x" * 500])
@pytest.mark.parametrize("folder", ["_versions", "data"])
def test_a_damaged_archive_is_an_error_with_a_cure(
    writer: LanceWriter, folder: str, damage: bytes
) -> None:
    writer.put(some_photos(10))
    for file in (Path(writer.address) / "photos.lance" / folder).iterdir():
        file.write_bytes(damage)
    with pytest.raises(ImgsearchError, match=r"Cannot use the archive .* backup|no archive"):
        ArchivePhotos(writer.address).nearest(a_query(1), 5, kind="text")


def test_a_manifest_cut_off_anywhere_is_an_error_with_a_cure(writer: LanceWriter) -> None:
    """Where the end of what is left happens to be read as a length, Lance panics."""
    writer.put(some_photos(10))
    manifests = (Path(writer.address) / "photos.lance" / "_versions").glob("*.manifest")
    manifest = min(manifests)  # the newest has the least number
    whole = manifest.read_bytes()
    for length in range(0, len(whole), 5):
        manifest.write_bytes(whole[:length])
        with pytest.raises(StoreError, match=r"restore them from a backup|Check the address"):
            ArchivePhotos(writer.address)
    manifest.write_bytes(whole[:-16] + b"\xff\xff\0\0\0\0\0\0" + whole[-8:])  # where it begins
    failed = run_cli("status", "--library", writer.address, data=Path(writer.address))
    assert failed.returncode == StoreError.exit_code
    assert "imgsearch: Cannot use the archive" in failed.stderr
    assert "Traceback" not in failed.stderr and "backtrace:" not in failed.stderr


def test_a_folder_that_cannot_be_written_to_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="Cannot use the archive"):
        LanceWriter.open(tmp_path / "file" / "below", ENCODER)


def test_texts_of_any_kind_are_stored_and_come_back() -> None:
    for text in ("plain", "Été", "\udcff\udc80.jpg", "\U0010ffff\U0010ff80", "日\udce9"):
        stored = tables.stored(text)
        stored.encode()
        assert tables.loaded(stored) == text
    assert tables.stored("\ud800") == "\ufffd"
