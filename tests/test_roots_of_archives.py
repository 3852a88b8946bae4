"""Files below the root of a file system and below a bucket, as a copy of an archive has them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from imgsearch.addresses import as_path
from imgsearch.records.files import FileStat, IngestResult
from imgsearch.records.photo import Facts
from imgsearch.records.query import Filter, Selection
from imgsearch.store.store import Store
from tests.catalogue_writer import DIM, content_of, vectors_of

BUCKET = "s3://bucket"
FILES = {1: "/photos/a/1.jpg", 2: "/photos/ab/2.jpg", 3: f"{BUCKET}/photos/a//3.jpg"}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    (tmp_path / "library").mkdir()
    with Store.open(tmp_path / "library", writable=True) as store:
        key = store.vectors.add_encoder("test/1", "test", DIM).key
        bucket, disk = store.files.add_root(BUCKET), store.files.add_root("/")
        for number, path in FILES.items():
            facts = Facts("JPEG", 40, 30)
            result = IngestResult(
                FileStat(path, 1, 10**18, 0), content_of(number), facts, vectors_of(number)
            )
            store.record(disk if path.startswith("/") else bucket, key, [result])
        yield store


def found(store: Store, name: str, value: str) -> list[int]:
    ids: list[int] = store.reads.selections.ids(Selection((Filter(name, (value,)),))).tolist()
    return ids


def test_paths_are_those_of_the_files(store: Store) -> None:
    known = store.reads.photos.with_files(FILES)
    assert {each: str(photo.files[0].path) for each, photo in known.items()} == FILES
    assert {
        each: str(files[0].path) for each, files in store.reads.photos.indexed_files(FILES).items()
    } == FILES
    for number, path in FILES.items():
        assert store.reads.photos.at(as_path(path)) == number
    assert store.reads.photos.at(as_path(f"{BUCKET}/photos/a/3.jpg")) is None
    assert store.reads.photos.at(Path("/photos/a/3.jpg")) is None


def test_filters_on_folders_take_paths_addresses_and_names(store: Store) -> None:
    assert found(store, "in", "/photos/a") == [1]
    assert found(store, "in", "/photos") == [1, 2]
    assert found(store, "in", "/") == [1, 2]
    assert found(store, "in", f"{BUCKET}/photos/") == [3]
    assert found(store, "in", BUCKET) == [3]
    assert found(store, "in", "photos") == [1, 2, 3]
    assert found(store, "in", "bucket/photos") == [3]
    assert found(store, "in", "a") == [1, 3]


def test_photos_are_listed_by_path(store: Store) -> None:
    listed = store.reads.selections.listing(Selection(), "path")
    assert [(each.id, each.key) for each in listed] == list(FILES.items())
    following = store.reads.selections.listing(Selection(), "path", listed[0])
    assert following == listed[1:]


def test_folders_are_counted(store: Store) -> None:
    counts = {str(folder): count for folder, count in store.reads.browsing.folder_counts().items()}
    assert counts == {"/photos/a": 1, "/photos/ab": 1, f"{BUCKET}/photos/a/": 1}
