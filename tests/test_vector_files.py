"""Vectors of an archive are read from files on the machine that searches."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("lance", reason="needs the extra scale")

import lance

from imgsearch.archive.lance import nearest
from imgsearch.archive.lance.browsing import LanceBrowsing
from imgsearch.archive.lance.nearest import LancePolicy
from imgsearch.archive.lance.reader import LanceCatalogue
from imgsearch.archive.lance.rows import id_of
from imgsearch.archive.lance.tables import View
from imgsearch.archive.lance.vector_files import VectorFiles
from imgsearch.archive.lance.writer import LanceWriter
from imgsearch.records.index import EncoderRow
from imgsearch.records.query import Filter, Selection
from tests.catalogue_writer import DIM, content_of, photo, vectors_of

PHOTOS = range(60)
QUERY = vectors_of(7)[0]
ROW_BYTES = 8 + 4 + 4 + 8 + 2 * DIM


@pytest.fixture
def address(tmp_path: Path) -> Path:
    """An archive with photos of one and of three parts."""
    address = tmp_path / "archive"
    writer = LanceWriter.open(address, EncoderRow(1, "some/encoder", "some", DIM))
    for start in PHOTOS[::20]:
        writer.put(
            [photo(number, f"/photos/{number}.jpg") for number in PHOTOS[start : start + 20]]
        )
    return address


def with_files(address: Path, folder: Path, most_bytes: int = 1_000_000) -> LanceCatalogue:
    return LanceCatalogue(address, vector_files=VectorFiles(folder, most_bytes))


def ids_of(numbers: range) -> list[int]:
    return [id_of(content_of(number).hex()) for number in numbers]


def assert_same(one: LanceCatalogue, other: LanceCatalogue) -> None:
    """Both give the same photos, scores and vectors, to the last bit."""
    found, expected = (each.nearest(QUERY, 20, kind="image") for each in (one, other))
    assert np.array_equal(found.ids, expected.ids)
    assert np.array_equal(found.scores, expected.scores)
    for only_several in (False, True):
        vectors, wanted = (
            each.vectors_of(ids_of(PHOTOS), only_several=only_several) for each in (one, other)
        )
        assert vectors.keys() == wanted.keys()
        for photo_id, parts in vectors.items():
            assert np.array_equal(parts.vectors, wanted[photo_id].vectors)
            assert parts.times_s == wanted[photo_id].times_s
    ids = ids_of(range(120))
    assert one.photos(ids) == other.photos(ids)
    for among in (Selection((Filter("name", ("7",)),)), Selection((Filter("name", ("no such",)),))):
        assert one.count(among) == other.count(among)
        assert one.within(ids, among) == other.within(ids, among)
    for sort in ("date", "path"):
        for among in (Selection(), Selection((Filter("name", ("7",)),))):
            lists = [each.listing(among, sort) for each in (one, other)]
            assert lists[0] == lists[1]
            if len(lists[0]) > 3:
                after = lists[0][2]
                page, own = (each.listing(among, sort, after, 7) for each in (one, other))
                assert page == own == lists[0][3:10]
    browsed, own_browsed = LanceBrowsing(one), LanceBrowsing(other)
    assert browsed.dated() == own_browsed.dated()
    assert browsed.positions() == own_browsed.positions()
    moments, own_moments = browsed.moments(), own_browsed.moments()
    assert moments.photo_ids.tolist() == own_moments.photo_ids.tolist()
    fields = [each.names.fields_with_any(ids, ["ferry", "7"]) for each in (one, other)]
    assert fields[0] == fields[1]


def test_vectors_are_those_of_the_table(address: Path, tmp_path: Path) -> None:
    catalogue = with_files(address, tmp_path / "files")
    assert_same(catalogue, LanceCatalogue(address))
    assert len(list((tmp_path / "files").glob("*.records"))) == 3
    files = list((tmp_path / "files").glob("*.vectors"))
    assert len(files) == 3
    assert sum(each.stat().st_size for each in files) == (len(PHOTOS) + 2 * 12) * ROW_BYTES


def test_columns_that_are_large_are_read_by_a_process_that_is_warmed_up(
    address: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nearest, "_ROWS_READ_AT_ONCE", 10)
    some = Selection((Filter("name", ("7",)),))
    catalogue = with_files(address, tmp_path / "files")
    asked: list[str | None] = []
    count_rows = lance.LanceDataset.count_rows

    def recorded(table: Any, condition: str | None = None) -> Any:
        asked.append(condition)
        return count_rows(table, condition)

    monkeypatch.setattr(lance.LanceDataset, "count_rows", recorded)
    for warm in (False, True):
        if warm:
            catalogue = with_files(address, tmp_path / "files")
            catalogue.warm_up()
        asked.clear()
        photos = catalogue.count(some).photos
        assert photos == sum("7" in str(number) for number in PHOTOS)
        # Else, the rows are counted by their addresses, and the columns say which are photos.
        assert any("file_text" in (condition or "") for condition in asked) is not warm
        assert_same(catalogue, LanceCatalogue(address))


def test_what_is_put_and_forgotten_is_followed(address: Path, tmp_path: Path) -> None:
    catalogue = with_files(address, tmp_path / "files")
    before = catalogue.pinned()
    expected = LanceCatalogue(address).pinned()
    writer = LanceWriter(address)
    writer.forget([f"/photos/{number}.jpg" for number in PHOTOS[::3]])
    writer.put([photo(number, f"/photos/{number}.jpg") for number in range(100, 110)])
    assert_same(catalogue, LanceCatalogue(address))
    writer.settle()
    assert_same(catalogue, LanceCatalogue(address))
    # Files are made of an earlier version, in which photos are that have been forgotten since.
    assert_same(before, expected)


def test_a_file_that_was_damaged_is_noticed(address: Path, tmp_path: Path) -> None:
    assert_same(with_files(address, tmp_path / "files"), LanceCatalogue(address))
    kinds = {each.suffix for each in (tmp_path / "files").iterdir()}
    assert kinds == {".vectors", ".records", ".columns"}
    for kind in kinds:
        for file in (tmp_path / "files").glob(f"*{kind}"):
            content = bytearray(file.read_bytes())
            for start in range(0, len(content), ROW_BYTES):
                content[min(start + ROW_BYTES, len(content)) - 3] ^= 0x40  # of a number, its size
            file.write_bytes(content)
        assert_same(with_files(address, tmp_path / "files"), LanceCatalogue(address))


def test_a_file_that_was_cut_off_is_noticed(address: Path, tmp_path: Path) -> None:
    assert_same(with_files(address, tmp_path / "files"), LanceCatalogue(address))
    for file in (tmp_path / "files").iterdir():
        file.write_bytes(file.read_bytes()[:-70])
    assert_same(with_files(address, tmp_path / "files"), LanceCatalogue(address))


def test_files_take_no_more_than_their_bound(address: Path, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    assert_same(with_files(address, folder, 30 * ROW_BYTES), LanceCatalogue(address))
    assert not list(folder.iterdir())  # they would not fit
    folder.joinpath("of another archive.vectors").write_bytes(b"x" * 50_000)
    assert_same(with_files(address, folder, 100_000), LanceCatalogue(address))
    assert len(list(folder.iterdir())) == 9
    assert sum(each.stat().st_size for each in folder.iterdir()) <= 100_000


def test_a_disk_that_cannot_be_written_costs_nothing_but_time(
    address: Path, tmp_path: Path
) -> None:
    (tmp_path / "files").write_text("a file in the place of the folder")
    assert_same(with_files(address, tmp_path / "files"), LanceCatalogue(address))


def test_a_filtered_search_of_the_index_is_as_good_with_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = tmp_path / "archive"
    policy = LancePolicy(index_from=200, exact_filter_rows=20, scalar_index_from=200, queries=40)
    queries = np.concatenate([vectors_of(number)[:1] for number in range(5_000, 5_128)])
    writer = LanceWriter.open(
        address,
        EncoderRow(1, "some/encoder", "some", DIM),
        lambda texts: queries[: len(texts)],
        policy=policy,
    )
    writer.put([photo(number, f"/photos/{number}.jpg") for number in range(3_000)])
    writer.settle()
    new = [photo(number, f"/photos/{number}.jpg") for number in range(3_000, 3_040)]
    writer.put(new)  # these are not in the index
    filtered_by_lance = []
    addresses = View.addresses

    def recorded(view: View, condition: str | None = None, **options: Any) -> Any:
        if "nearest" in options:
            filtered_by_lance.append(condition is not None)
        return addresses(view, condition, **options)

    monkeypatch.setattr(View, "addresses", recorded)
    catalogue = LanceCatalogue(
        address, policy, vector_files=VectorFiles(tmp_path / "files", 10_000_000)
    )
    plain = LanceCatalogue(address, policy)
    exact = LanceCatalogue(address, LancePolicy(exact_filter_rows=10_000))
    found = 0
    # A third of the photos pass the first filter, and so few the second that all are compared.
    for text, searches in (("7", {False}), ("77", set())):
        among = Selection((Filter("name", (text,)),))
        filtered_by_lance.clear()
        for number in range(100, 110):
            query = vectors_of(number)[0]
            own, other, best = (
                each.nearest(query, 10, among, kind="image") for each in (catalogue, plain, exact)
            )
            assert len(own.ids) == 10
            assert catalogue.within(own.ids.tolist(), among) == set(own.ids.tolist())
            assert (own.scores >= other.scores - 1e-6).all()
            found += len(set(own.ids.tolist()) & set(best.ids.tolist()))
        assert set(filtered_by_lance) == searches
    assert found >= 0.95 * 200
    among = Selection((Filter("name", ("303",)),))
    assert catalogue.count(among) == plain.count(among)
    assert set(ids_of(range(3_030, 3_040))) <= set(
        catalogue.nearest(QUERY, 100, among, kind="image").ids.tolist()
    )


def test_searches_of_a_folder_make_files_once_there_are_many(address: Path, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    catalogue = LanceCatalogue(
        address, vector_files=VectorFiles(folder, 1_000_000, made_by_searches=False)
    )
    expected = LanceCatalogue(address).nearest(QUERY, 20, kind="image")
    for _ in range(9):
        found = catalogue.pinned().nearest(QUERY, 20, kind="image")
        assert np.array_equal(found.ids, expected.ids)
    assert not folder.exists()
    ends = time.monotonic() + 60  # they are made in the background
    while not folder.exists() or len(list(folder.glob("*.records"))) < 3:
        assert time.monotonic() < ends
        found = catalogue.pinned().nearest(QUERY, 20, kind="image")
        assert np.array_equal(found.ids, expected.ids)
    assert_same(catalogue.pinned(), LanceCatalogue(address))
