"""What was read last is read again only when something in the library has changed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from imgsearch.records.files import FileStat, IngestResult
from imgsearch.records.photo import Facts
from imgsearch.records.query import Filter, Place, Selection
from imgsearch.store.recent_reads import RecentReads
from imgsearch.store.store import Store
from tests.factories import random_vectors, run_python

DIM = 8
OF_2023 = Selection((Filter("on", ("2023",)),))
NEAR_PARIS = Selection((Filter("near", (Place(48.86, 2.35, 20.0),)),))


def photos(start: int, count: int) -> list[IngestResult]:
    """Photos of 2023 in Paris, named by their number."""
    facts = Facts("JPEG", 4, 3, taken_at=datetime(2023, 6, 1), dated_by="exif", lat=48.86, lon=2.35)
    return [
        IngestResult(FileStat(f"{number}.jpg", 1, 1, 1), b"%032d" % number, facts, vector[None])
        for number, vector in enumerate(random_vectors(count, DIM, start), start)
    ]


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[tuple[Store, Store]]:
    """One that writes three photos and one that only reads, of the same library."""
    with Store.open(tmp_path, writable=True) as writer:
        root_id = writer.files.add_root("/photos")
        key = writer.vectors.add_encoder("made@1", "made", DIM).key
        writer.record(root_id, key, photos(0, 3))
        with Store.open(tmp_path, writable=False) as reader:
            yield writer, reader


@pytest.mark.parametrize("selection", [OF_2023, NEAR_PARIS])
def test_the_ids_of_a_filter_are_kept_until_anything_is_committed(
    stores: tuple[Store, Store], selection: Selection
) -> None:
    writer, reader = stores
    ids = reader.reads.selections.ids(selection)
    assert ids.tolist() == [1, 2, 3]
    assert reader.reads.selections.ids(selection) is ids
    assert reader.reads.photos.count() == 3
    writer.record(1, 1, photos(3, 1))
    assert reader.reads.selections.ids(selection).tolist() == [1, 2, 3, 4]
    assert writer.reads.selections.ids(selection).tolist() == [1, 2, 3, 4]
    assert reader.reads.photos.count() == 4


def test_what_every_query_reads_shows_a_change_at_once(stores: tuple[Store, Store]) -> None:
    writer, reader = stores
    reads, all_ids = reader.reads, np.arange(1, 5)
    assert reads.roots.all() == {1: "/photos"}
    assert reads.photos.ids_without_path(all_ids).tolist() == [4]
    assert reads.photos.ids_without_path(all_ids[:2]).tolist() == []
    assert not reads.names.has_named("3")
    writer.record(writer.files.add_root("/more"), 1, photos(3, 1))
    assert reads.photos.ids_without_path(all_ids).tolist() == []
    assert reads.names.has_named("3")
    writer.files.forget(1, ["0.jpg", "1.jpg"])
    assert reads.roots.all() == {1: "/photos", 2: "/more"}
    assert reads.photos.ids_without_path(all_ids).tolist() == [1, 2]


def test_one_version_is_asked_for_once_in_a_block(stores: tuple[Store, Store]) -> None:
    writer, reader = stores
    recent = reader.reads.recent
    with recent.one_version() as version:
        assert reader.reads.photos.count() == 3
        writer.record(1, 1, photos(3, 1))
        assert recent.version() == version
        assert reader.reads.photos.count() == 3, "as the block began"
        with recent.one_version() as inner:
            assert inner == version
    assert recent.version() != version
    assert reader.reads.photos.count() == 4


def test_a_library_that_is_closed_leaves_no_log(tmp_path: Path) -> None:
    """A connection that only reads cannot empty the log, so it is closed before the writer's."""
    with Store.open(tmp_path, writable=True) as writer:
        root_id = writer.files.add_root("/photos")
        key = writer.vectors.add_encoder("made@1", "made", DIM).key
        writer.record(root_id, key, photos(0, 3))
        assert writer.reads.photos.count() == 3
    log = tmp_path / "library.db-wal"
    assert not log.exists() or not log.stat().st_size


def test_what_another_process_commits_shows_at_once(stores: tuple[Store, Store]) -> None:
    _, reader = stores
    assert reader.reads.selections.ids(OF_2023).tolist() == [1, 2, 3]
    assert reader.reads.names.photos_around(48.86, 2.35) == 3
    done = run_python(
        "import sqlite3, sys\n"
        "database = sqlite3.connect(sys.argv[1])\n"
        "with database:\n"
        "    database.execute('DELETE FROM paths WHERE photo_id = 2')\n"
        "database.close()\n",
        reader.data_dir / "library.db",
    )
    assert done.returncode == 0, done.stderr
    assert reader.reads.selections.ids(OF_2023).tolist() == [1, 3]
    assert reader.reads.selections.ids(NEAR_PARIS).tolist() == [1, 3]
    assert reader.reads.names.photos_around(48.86, 2.35) == 2
    assert reader.reads.photos.count() == 2


def test_ids_that_are_kept_cannot_be_changed_by_who_gets_them(
    stores: tuple[Store, Store],
) -> None:
    _, reader = stores
    with pytest.raises(ValueError, match="read-only"):
        reader.reads.selections.ids(OF_2023)[0] = 7
    with pytest.raises(ValueError, match="read-only"):
        reader.reads.names.ids_named("photos")[:] = 7


def test_no_more_is_kept_than_fits(stores: tuple[Store, Store]) -> None:
    _, reader = stores
    recent = RecentReads(reader.database, most_bytes=1_000)
    read: list[str] = []

    def get(name: str, rows: int) -> None:
        def ids() -> np.ndarray:
            read.append(name)
            return np.zeros(rows, np.int64)

        recent.get(name, ids)

    for name, rows in (("a", 50), ("b", 50), ("a", 50), ("c", 50), ("a", 50), ("b", 50)):
        get(name, rows)
    assert read == ["a", "b", "c", "b"], "the one that was asked for longest ago goes first"
    get("too large", 200)
    get("too large", 200)
    assert read[4:] == ["too large", "too large"]


def test_what_changed_while_it_was_computed_is_not_kept(stores: tuple[Store, Store]) -> None:
    writer, reader = stores
    recent = RecentReads(reader.database)
    before = recent.version()
    assert recent.known("answer", before) is None
    writer.record(1, 1, photos(3, 1))
    now = recent.version()
    assert recent.known("another", now) is None  # another thread has seen the change
    recent.keep("answer", before, 7, size_bytes=1)
    assert recent.known("answer", now) is None
    recent.keep("answer", now, 8, size_bytes=1)
    assert recent.known("answer", now) == 8


def test_of_several_only_those_that_are_not_known_are_read(stores: tuple[Store, Store]) -> None:
    writer, reader = stores
    recent = RecentReads(reader.database)
    read: list[list[int]] = []

    def squares(ids: list[int]) -> dict[int, int]:
        read.append(ids)
        return {each: each * each for each in reversed(ids) if each < 10}

    def get(*ids: int) -> dict[int, int]:
        return recent.get_each("squares", ids, squares, 10)

    assert get(2, 3) == {2: 4, 3: 9}
    assert list(get(5, 3, 20, 2).items()) == [(5, 25), (3, 9), (2, 4)], "in the order asked for"
    assert get(2, 5) == {2: 4, 5: 25}
    assert read == [[2, 3], [5, 20]]
    assert recent.get_each("cubes", [2], lambda ids: {2: 8}, 10) == {2: 8}
    writer.record(1, 1, photos(3, 1))
    assert get(2, 3) == {2: 4, 3: 9}
    assert read[2:] == [[2, 3]]
