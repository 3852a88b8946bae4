"""What every engine of a catalogue promises; and what the tables of Lance must also stand."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Literal, Protocol, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from imgsearch.catalogue.base import Catalogue, CatalogueWriter, PhotoCount
from imgsearch.catalogue.local import LocalCatalogue
from imgsearch.catalogue.local_writer import LocalWriter
from imgsearch.errors import (
    EncoderMismatch,
    ImgsearchError,
    LibraryLocked,
    ObjectStorageError,
    QueryError,
    Reason,
    StorageUnreachable,
    StoreError,
    UsageError,
)
from imgsearch.index.build import build_snapshot
from imgsearch.index.live import LiveIndex
from imgsearch.language.fields import FIELDS
from imgsearch.language.grammar import parse
from imgsearch.records.answer import ScoreBaseline
from imgsearch.records.arrays import Vector, Vectors
from imgsearch.records.files import FileStat, IngestResult
from imgsearch.records.index import EncoderRow
from imgsearch.records.names import NAME_FIELDS, NameField
from imgsearch.records.photo import Facts, with_measured
from imgsearch.records.picture_text import PhotoText, TextLine
from imgsearch.records.query import Filter, Interval, Listed, NamedPhrase, Selection
from imgsearch.records.status import Failure
from imgsearch.store.store import Store
from tests.factories import CHECKOUT, PATIENCE_S, run_cli, unit
from tests.object_storage import S3Server
from tests.test_filters import FOLDERS, ROOTS, Known, date_of, filters, passes, random_facts

lance = pytest.importorskip("lance", reason="needs the extra scale")
pa = pytest.importorskip("pyarrow")

from imgsearch.archive.lance import filters as lance_filters  # noqa: E402
from imgsearch.archive.lance import tables  # noqa: E402
from imgsearch.archive.lance.nearest import LancePolicy  # noqa: E402
from imgsearch.archive.lance.reader import LanceCatalogue  # noqa: E402
from imgsearch.archive.lance.rows import id_of  # noqa: E402
from imgsearch.archive.lance.writer import LanceWriter  # noqa: E402
from tests import replicas  # noqa: E402
from tests.catalogue_writer import DIM, content_of, photo, vectors_of  # noqa: E402

ENCODER = EncoderRow(1, "test/1", "test", DIM)


class CatalogueKind(Protocol):
    """A catalogue of one engine, as these tests use it."""

    def put(self, results: Sequence[IngestResult]) -> None: ...

    def put_facts(self, facts: Mapping[bytes, Facts]) -> int: ...

    def forget(self, paths: Sequence[str]) -> int: ...

    def settle(self) -> None: ...

    def known(self, content_hashes: Sequence[bytes]) -> set[bytes]: ...

    def catalogue(self) -> Catalogue: ...

    def close(self) -> None: ...


class LanceKind:
    """Lance tables in a folder, with indexes of columns however few photos there are."""

    def __init__(self, folder: Path) -> None:
        self.address = folder / "catalogue"
        policy = LancePolicy(scalar_index_from=1)
        writer: CatalogueWriter = LanceWriter.open(self.address, ENCODER, policy=policy)
        self.put, self.put_facts, self.forget = writer.put, writer.put_facts, writer.forget
        self.settle, self.known = writer.settle, writer.known

    def catalogue(self) -> Catalogue:
        return LanceCatalogue(self.address)

    def close(self) -> None:
        """Tables in a folder stay open in nothing."""


class LocalKind:
    """A library in a data folder. Each folder at the top is a root as soon as it has a file."""

    def __init__(self, folder: Path) -> None:
        (folder / "library").mkdir()
        self._store = Store.open(folder / "library", writable=True)
        self._row = self._store.vectors.add_encoder(ENCODER.encoder_id, ENCODER.name, DIM)
        writer: CatalogueWriter = LocalWriter(self._store, self._row.key, self._build_index)
        self._put, self._forget = writer.put, writer.forget
        self.put_facts, self.settle, self.known = writer.put_facts, writer.settle, writer.known

    def put(self, results: Sequence[IngestResult]) -> None:
        self._add_roots(result.stat.path for result in results)
        self._put(results)

    def forget(self, paths: Sequence[str]) -> int:
        self._add_roots(paths)
        return self._forget(paths)

    def catalogue(self) -> Catalogue:
        reads = self._store.reads
        online = dict.fromkeys(reads.roots.all(), True)
        return LocalCatalogue(reads, self._row, LiveIndex(reads, self._row.key), online)

    def close(self) -> None:
        self._store.close()

    def _build_index(self) -> None:
        build_snapshot(self._store, self._row.key, ENCODER.encoder_id)

    def _add_roots(self, paths: Iterable[str]) -> None:
        wanted = {f"/{path.split('/')[1]}" for path in paths}
        for root in sorted(wanted - set(self._store.reads.roots.all().values())):
            self._store.files.add_root(root)


class ReplicaKind:
    """A library that follows Lance tables in a folder, in which it is written."""

    def __init__(self, folder: Path) -> None:
        tables_kind = LanceKind(folder)
        self.put, self.put_facts, self.forget = (
            tables_kind.put,
            tables_kind.put_facts,
            tables_kind.forget,
        )
        self.settle, self.known = tables_kind.settle, tables_kind.known
        self._engine, replica = replicas.opened(tables_kind.address, folder)
        replica.checked_s = 0.0

    def catalogue(self) -> Catalogue:
        self._engine.catalogue()  # photos that go before a replica looks are unknown to it
        return cast(Catalogue, NewForEachCall(self._engine.catalogue))

    def close(self) -> None:
        self._engine.close()


class NewForEachCall:
    """A catalogue of a library is of one request, and a replica takes changes before one begins."""

    def __init__(self, open_catalogue: Callable[[], Catalogue]) -> None:
        self._open_catalogue = open_catalogue

    def __getattr__(self, name: str) -> Any:
        return getattr(self._open_catalogue(), name)


ENGINES: dict[str, Callable[[Path], CatalogueKind]] = {
    "local": LocalKind,
    "lance": LanceKind,
    "replica": ReplicaKind,
}


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[CatalogueKind]:
    with closing(ENGINES[request.param](tmp_path)) as engine:
        yield engine


def path_of(number: int) -> str:
    return f"/photos/{number % 3}/{number:03}.jpg"


def at_path(result: IngestResult, path: str) -> IngestResult:
    """Known content at another path."""
    return IngestResult(replace(result.stat, path=path), result.content_hash)


def some_photos(count: int) -> list[IngestResult]:
    return [photo(number, path_of(number)) for number in range(count)]


def id_in(catalogue: Catalogue, number: int) -> int:
    photo_id = catalogue.photo_with(content_of(number))
    assert photo_id is not None
    return photo_id


def rounded(vectors: Vectors) -> Vectors:
    """As every catalogue keeps vectors: as fp16, and of length 1 when they are read."""
    return unit(vectors.astype(np.float16).astype(np.float32))


def exact_answer(
    catalogue: Catalogue, numbers: Iterable[int], query: Vector, k: int
) -> list[tuple[int, float]]:
    """Ids and scores by NumPy, each photo by its best part."""
    scored = [
        (id_in(catalogue, number), float((rounded(vectors_of(number)) @ query).max()))
        for number in numbers
    ]
    return sorted(scored, key=lambda each: (-each[1], each[0]))[:k]


def a_query(seed: int) -> Vector:
    row = np.random.default_rng(seed + 10_000).standard_normal(DIM)
    return np.asarray(row / np.linalg.norm(row), np.float32)


def assert_answer(
    catalogue: Catalogue, numbers: Iterable[int], among: Selection | None = None
) -> None:
    numbers = list(numbers)
    for seed, k in enumerate((1, 7, len(numbers) + 5)):
        query = a_query(seed)
        found = catalogue.nearest(query, k, among, kind="text")
        expected = exact_answer(catalogue, numbers, query, k)
        assert found.ids.tolist() == [photo_id for photo_id, _ in expected]
        np.testing.assert_allclose(found.scores, [score for _, score in expected], atol=2e-6)


# ------------------------------------------------------------------------- every engine


@pytest.mark.parametrize("is_settled", [False, True])
def test_the_vectors_of_all_photos_are_those_of_their_wholes(
    engine: CatalogueKind, is_settled: bool
) -> None:
    engine.put(some_photos(60))
    if is_settled:
        engine.settle()
    engine.forget([path_of(number) for number in range(10)])
    catalogue = engine.catalogue()
    chunks = list(catalogue.whole_vectors())
    ids = np.concatenate([ids for ids, _ in chunks])
    rows = np.concatenate([rows for _, rows in chunks])
    assert rows.dtype == np.float16 and len(set(ids.tolist())) == len(ids) == 50
    by_id = dict(zip(ids.tolist(), rows, strict=True))
    for number in range(10, 60):
        whole = vectors_of(number)[0]
        np.testing.assert_allclose(by_id[id_in(catalogue, number)], whole, atol=1e-3)


@pytest.mark.parametrize("is_settled", [False, True])
def test_the_nearest_photos_are_exact_and_each_is_found_once(
    engine: CatalogueKind, is_settled: bool
) -> None:
    engine.put(some_photos(60))
    if is_settled:
        engine.settle()
    catalogue = engine.catalogue()
    assert catalogue.count(Selection()) == PhotoCount(
        60, sum(len(vectors_of(n)) for n in range(60))
    )
    assert_answer(catalogue, range(60))
    among = Selection((Filter("in", ("/photos/1",)),))
    inside = [number for number in range(60) if number % 3 == 1]
    assert_answer(catalogue, inside, among)
    assert catalogue.count(among).photos == len(inside)
    some = np.array([id_in(catalogue, number) for number in (3, 4, 5, 7)], np.int64)
    assert_answer(catalogue, (4, 7), replace(among, among=some))
    assert not len(catalogue.nearest(a_query(1), 5, Selection(among=some[:0]), kind="image").ids)
    assert catalogue.within(some.tolist(), among) == {id_in(catalogue, 4), id_in(catalogue, 7)}


def test_equal_scores_are_in_the_order_of_ids(engine: CatalogueKind) -> None:
    same = vectors_of(1)
    engine.put([replace(each, vectors=same, times_s=()) for each in some_photos(30)])
    catalogue = engine.catalogue()
    ids = sorted(id_in(catalogue, number) for number in range(30))
    assert catalogue.nearest(same[0], 12, kind="image").ids.tolist() == ids[:12]


def test_a_photo_is_known_with_all_that_was_put(engine: CatalogueKind) -> None:
    facts = random_facts(Random(3))
    engine.put([photo(5, "/photos/b/5.jpg", facts), photo(6, "/photos/6.jpg")])
    engine.put([at_path(photo(5, ""), "/photos/a/5 copy.jpg")])
    catalogue = engine.catalogue()
    five = id_in(catalogue, 5)
    found = catalogue.photos([five, five + 1])[five]
    assert found.photo.facts == facts and found.photo.size_bytes == 1005
    assert found.photo.content_hash == content_of(5).hex()
    files = [Path("/photos/a/5 copy.jpg"), Path("/photos/b/5.jpg")]
    assert [file.path for file in found.files] == files
    assert [catalogue.photo_at(path) for path in files] == [five, five]
    assert catalogue.photo_at(Path("/photos/none.jpg")) is None
    assert catalogue.photo_with(b"\1" * 32) is None
    vectors = catalogue.vectors_of([five, id_in(catalogue, 6)])
    np.testing.assert_array_equal(vectors[five].vectors, rounded(vectors_of(5)))
    assert vectors[five].times_s == (0.0, 1.0, 2.0)
    assert catalogue.vectors_of(vectors, only_several=True).keys() == {five}
    assert engine.known([content_of(5), content_of(7)]) == {content_of(5)}


def test_a_photo_without_a_date_has_that_of_its_oldest_file(engine: CatalogueKind) -> None:
    engine.put([photo(1, "/photos/1.jpg")])
    copy = at_path(photo(1, ""), "/photos/older.jpg")
    older = datetime(2007, 5, 6, 7, 8, 9).astimezone()
    engine.put([replace(copy, stat=replace(copy.stat, mtime_ns=int(older.timestamp()) * 10**9))])
    catalogue = engine.catalogue()
    found = catalogue.photos([id_in(catalogue, 1)])[id_in(catalogue, 1)]
    assert (found.date, found.dated_by) == ("2007-05-06T07:08:09", "file")
    assert catalogue.names.has_date_from("2007-05-06", "2007-05-07")
    assert not catalogue.names.has_date_from("2007-05-07", "2007-06-01")


@pytest.mark.parametrize("fraction_ns", [0, 1, 999_600_000, 999_999_999])
@pytest.mark.parametrize("year", [1965, 2007])
def test_the_date_of_a_file_has_whole_seconds(
    engine: CatalogueKind, year: int, fraction_ns: int
) -> None:
    moment = datetime(year, 5, 6, 23, 59, 59).astimezone()
    mtime_ns = int(moment.timestamp()) * 10**9 + fraction_ns
    new = photo(1, "/photos/1.jpg")
    engine.put([replace(new, stat=replace(new.stat, mtime_ns=mtime_ns))])
    catalogue = engine.catalogue()
    found = catalogue.photos([id_in(catalogue, 1)])[id_in(catalogue, 1)]
    assert found.date == f"{year}-05-06T23:59:59"


def test_a_photo_without_a_path_is_gone_at_once_and_comes_back(engine: CatalogueKind) -> None:
    engine.put(some_photos(30))
    engine.settle()
    catalogue = engine.catalogue()
    lost, copied = 4, 9
    engine.put([at_path(photo(copied, ""), "/photos/copy.jpg")])
    assert engine.forget([path_of(lost), path_of(copied), "/photos/never.jpg"]) == 2
    left = [number for number in range(30) if number != lost]
    assert catalogue.count(Selection()).photos == 29
    assert_answer(catalogue, left)
    lost_id = id_in(catalogue, lost)
    assert not catalogue.photos([lost_id])
    assert catalogue.within([lost_id], Selection()) == set()
    assert lost_id not in [listed.id for listed in catalogue.listing(Selection(), "path")]
    files = catalogue.photos([id_in(catalogue, copied)])[id_in(catalogue, copied)].files
    assert [file.path for file in files] == [Path("/photos/copy.jpg")]
    assert engine.known([content_of(lost)]) == {content_of(lost)}
    engine.settle()
    assert_answer(catalogue, left)
    engine.put([at_path(photo(lost, ""), "/photos/back/again.jpg")])
    assert_answer(catalogue, range(30))
    assert catalogue.photo_at(Path("/photos/back/again.jpg")) == lost_id
    assert_answer(catalogue, [lost], Selection((Filter("in", ("back",)),)))


@pytest.mark.parametrize("is_settled", [False, True])
def test_facts_that_are_read_again_take_the_place_of_those_before(
    engine: CatalogueKind, is_settled: bool
) -> None:
    before, after = random_facts(Random(3)), random_facts(Random(4))
    engine.put([photo(5, "/photos/5.jpg", before), *some_photos(4)])
    if is_settled:
        engine.settle()
    # Reading measures no pixels, so what was measured stays.
    after = replace(with_measured(after, before), keywords=("Fähre", "Reise|Norwegen"), rating=4)
    new = {content_of(5): after, content_of(1): Facts("JPEG", 40, 30), content_of(99): after}
    assert engine.put_facts(new) == 1  # one is equal, and one is not there
    assert engine.put_facts(new) == 0
    catalogue = engine.catalogue()
    five = id_in(catalogue, 5)

    def assert_new(files: int) -> None:
        found = catalogue.photos([five])[five]
        assert (found.photo.facts, len(found.files)) == (after, files)
        if after.taken_at is not None:
            assert found.date == after.taken_at.isoformat()
        for wanted in (Filter("keyword", ("norwegen",)), Filter("rating", (Interval(4, 4),))):
            assert [each.id for each in catalogue.listing(Selection((wanted,)), "path")] == [five]
        assert catalogue.names.has_named("fahre")
        assert_answer(catalogue, [*range(4), 5])

    assert_new(files=1)
    engine.put([at_path(photo(5, ""), "/photos/copy.jpg")])
    assert_new(files=2)
    engine.forget(["/photos/copy.jpg", "/photos/5.jpg"])
    assert_answer(catalogue, range(4))
    engine.put([at_path(photo(5, ""), "/photos/back.jpg")])
    engine.settle()
    assert_new(files=1)


def test_a_file_with_new_content_is_another_photo(engine: CatalogueKind) -> None:
    engine.put(some_photos(12))
    engine.put([photo(50, path_of(3))])
    catalogue = engine.catalogue()
    assert_answer(catalogue, [*(n for n in range(12) if n != 3), 50])
    damaged = IngestResult(
        replace(photo(50, path_of(3)).stat, size_bytes=1),
        failure=Failure(Path(path_of(3)), Reason.DAMAGED, "It is damaged."),
    )
    engine.put([damaged])
    assert_answer(catalogue, [number for number in range(12) if number != 3])


def test_to_put_the_same_again_changes_nothing(engine: CatalogueKind) -> None:
    for _ in range(3):
        engine.put(some_photos(20))
    engine.put([*some_photos(20), *some_photos(20)])
    engine.settle()
    engine.put(some_photos(20))
    assert_answer(engine.catalogue(), range(20))


def test_the_jpeg_and_the_raw_of_a_shot_are_a_pair(engine: CatalogueKind) -> None:
    jpeg, raw = Facts("JPEG", 4, 3), Facts("RAW", 4, 3)
    taken = datetime(2023, 1, 2, 3, 4, 5, tzinfo=UTC)
    engine.put(
        [
            photo(1, "/photos/a/IMG_1.JPG", replace(jpeg, taken_at=taken)),
            photo(2, "/photos/a/IMG_1.CR2", replace(raw, taken_at=taken.replace(microsecond=5))),
            photo(3, "/photos/b/IMG_1.CR2", raw),
            photo(4, "/photos/a/IMG_2.jpg", jpeg),
            photo(5, "/photos/a/IMG_2.NEF", replace(raw, taken_at=taken)),
            photo(6, "/photos/a/IMG_2.png", Facts("PNG", 4, 3)),
            photo(7, "/photos/c/IMG_3.jpg", replace(jpeg, taken_at=taken)),
            photo(8, "/photos/c/IMG_3.NEF", replace(raw, taken_at=taken.replace(second=6))),
        ]
    )
    catalogue = engine.catalogue()
    ids = {number: id_in(catalogue, number) for number in range(1, 9)}
    assert catalogue.raw_pairs([ids[1]]) == [(ids[1], ids[2])]
    pairs = {(ids[1], ids[2]), (ids[4], ids[5])}
    assert set(catalogue.raw_pairs(ids.values())) == pairs
    assert not catalogue.raw_pairs([ids[3], ids[6], ids[7], ids[8]])


# ------------------------------------------------------------------------- filters, with an oracle


class StockedCatalogue:
    """Photos with random facts. No dataclass: hypothesis shows what a failing test was given."""

    def __init__(self, catalogue: Catalogue, known: list[Known]) -> None:
        self.catalogue = catalogue
        self.known = known


def stocked(engine: CatalogueKind, is_settled: bool) -> StockedCatalogue:
    chance = Random(7)
    results: list[IngestResult] = []
    paths_of: dict[int, list[tuple[int, str]]] = {}
    facts_of: dict[int, Facts] = {}
    times: dict[int, list[int]] = {}
    for number in range(100):
        facts_of[number] = random_facts(chance)
        for copy in range(chance.choice([1, 1, 1, 2])):
            root_id = chance.randint(1, 2)
            word = chance.choice(["IMG", "Éte"])
            name = f"{chance.choice(FOLDERS)}{word}_{number:03}_{copy}.jpg"
            path = f"{ROOTS[root_id - 1]}/{unicodedata.normalize('NFD', name)}"
            seconds = int(1_700_000_000 - chance.uniform(0, 3e8))
            made = photo(number, path, facts_of[number])
            stat = FileStat(path, 1, seconds * 10**9 + 5, 0)
            results.append(replace(made, stat=stat))
            paths_of.setdefault(number, []).append((root_id, path))
            times.setdefault(number, []).append(seconds)
    engine.put(results)
    if is_settled:
        engine.settle()
    catalogue = engine.catalogue()
    known = [
        Known(
            id_in(catalogue, number),
            facts_of[number],
            tuple(paths_of[number]),
            datetime.fromtimestamp(min(times[number])).isoformat(),
        )
        for number in range(100)
    ]
    return StockedCatalogue(catalogue, known)


@pytest.fixture(
    scope="module",
    params=[(name, is_settled) for name in ENGINES for is_settled in (False, True)],
    ids=lambda param: f"{param[0]}-{'settled' if param[1] else 'unsettled'}",
)
def stock(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StockedCatalogue]:
    name, is_settled = request.param
    with closing(ENGINES[name](tmp_path_factory.mktemp("stock"))) as engine:
        yield stocked(engine, is_settled)


def is_about_drives(condition: Filter) -> bool:
    """An archive has no folders and drives of a machine."""
    return condition.field == "root" or bool(
        {"online", "offline"} & set(map(str, condition.values))
    )


known_everywhere = filters.filter(lambda condition: not is_about_drives(condition))


@settings(max_examples=60)
@given(st.lists(known_everywhere, min_size=1, max_size=3).map(tuple))
def test_filters_pick_what_the_oracle_picks(
    stock: StockedCatalogue, wanted: tuple[Filter, ...]
) -> None:
    catalogue, known = stock.catalogue, stock.known
    expected = {photo.id for photo in known if all(passes(photo, each) for each in wanted)}
    selection = Selection(wanted)
    assert catalogue.within([photo.id for photo in known], selection) == expected
    assert catalogue.count(selection).photos == len(expected)
    assert catalogue.ids(selection).tolist() == sorted(expected)
    assert catalogue.names.has_any(wanted) == bool(expected)


@pytest.mark.parametrize("line", ["camera:canon", "in:Holidays -rating:>=3", "person:anna",
                                  "near:48.85,2.35,2km", "on:2023", "name:éte"])  # fmt: skip
def test_the_nearest_of_those_that_pass_a_filter_are_exact(
    stock: StockedCatalogue, line: str
) -> None:
    wanted = parse(line).filters
    numbers = [
        number
        for number, photo in enumerate(stock.known)
        if all(passes(photo, each) for each in wanted)
    ]
    assert numbers
    assert_answer(stock.catalogue, numbers, Selection(wanted))


@pytest.mark.parametrize("sort", ["date", "path"])
@pytest.mark.parametrize("line", ["type:jpeg|heif", "-in:nowhere"])
def test_listings_come_in_order_page_by_page(
    stock: StockedCatalogue, sort: Literal["date", "path"], line: str
) -> None:
    catalogue, known = stock.catalogue, stock.known
    selection = Selection(parse(line).filters)
    wanted = [photo for photo in known if all(passes(photo, each) for each in selection.filters)]
    if sort == "date":
        wanted.sort(key=lambda photo: (date_of(photo), photo.id), reverse=True)
    else:
        wanted.sort(key=lambda photo: min(os.fsencode(path) for _, path in photo.paths))
    expected = [photo.id for photo in wanted]
    assert [listed.id for listed in catalogue.listing(selection, sort)] == expected
    after: Listed | None = None
    pages: list[int] = []
    while page := catalogue.listing(selection, sort, after, limit=17):
        pages += [listed.id for listed in page]
        after = page[-1]
    assert pages == expected


def test_names_are_known_as_they_are_read(stock: StockedCatalogue) -> None:
    names = stock.catalogue.names
    known: dict[NameField, str] = {
        "folder": "holidays,HOLIDAYS,usb stick",
        "people": "anna,Жанна,smith bob,bob",
        "keywords": "oma,öl",
        "place": "GENE\u0300VE",
        "country": "united states",
    }
    unknown: dict[NameField, str] = {
        "folder": "holiday,'; --",
        "people": "smi,ob,nobody",
        "place": "new",
        "country": ",states",
    }
    for field, texts in known.items():
        assert all(names.knows_name(field, name) for name in texts.split(",")), field
    for field, texts in unknown.items():
        assert not any(names.knows_name(field, name) for name in texts.split(",")), field
    assert names.has_phrase("lake geneve", NAME_FIELDS)
    assert not names.has_phrase("geneve lake", NAME_FIELDS)
    assert set(names.fields_named("anna")) == {"creator", "people"}
    assert names.has_named("IMG 001 0") != names.has_named("Ete 001 0")
    assert names.has_named("holidays", True) and not names.has_named("lake", True)
    first = stock.known[0]
    stem = Path(first.paths[0][1]).stem
    assert names.has_named(stem, True) and not names.has_named(stem[:-2], True)
    matched = names.fields_with_any([first.id], [stem, "holidays"])[first.id]
    assert "file_name" in matched
    assert names.photos_around(48.85, 2.35) == sum(
        photo.facts.lat is not None
        and abs(photo.facts.lat - 48.85) <= 0.5
        and abs((photo.facts.lon or 0) - 2.35) <= 0.5
        for photo in stock.known
    )


@pytest.mark.parametrize("any_named", [False, True])
def test_a_selection_by_names_has_all_or_any_of_them(
    stock: StockedCatalogue, any_named: bool
) -> None:
    phrases = (NamedPhrase("anna", False), NamedPhrase("family", True))
    each = [
        stock.catalogue.within([photo.id for photo in stock.known], Selection(named=(phrase,)))
        for phrase in phrases
    ]
    assert all(each) and each[0] != each[1]
    both = Selection(named=phrases, any_named=any_named)
    found = stock.catalogue.within([photo.id for photo in stock.known], both)
    assert found == (each[0] | each[1] if any_named else each[0] & each[1])


hostile_texts = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["'", "''; DROP TABLE photos; --", '"', "\\", "%", "_", "\0", "a\0b", "\n",
                     "[", "(", ".*", "\\x{27}", "{", "\ue000", "\U0010ffff", "\ud800", "\udc80",
                     "/", "//", "~", "5[", "1'", "5\\d"]),
)  # fmt: skip
TEXT_FIELDS = [
    *("after", "before", "on", "day", "month", "dated", "camera", "lens", "keyword", "in", "name"),
    *("person", "title", "headline", "description", "creator", "place", "country", "type", "text"),
]


@settings(max_examples=100)
@given(st.sampled_from(TEXT_FIELDS), hostile_texts, st.booleans())
def test_no_text_can_break_out_of_its_filter(
    stock: StockedCatalogue, field: str, text: str, negated: bool
) -> None:
    """Whatever a value is, it is a value: the filter and its opposite share all photos out."""
    found = stock.catalogue.count(Selection((Filter(field, (text,), negated),))).photos
    others = stock.catalogue.count(Selection((Filter(field, (text,), not negated),))).photos
    assert found + others == len(stock.known)
    named = Selection(named=(NamedPhrase(text, negated),))
    assert 0 <= stock.catalogue.count(named).photos <= len(stock.known)


@settings(max_examples=30)
@given(st.text("aé'\\%_\0\n /.\U0010ffff\udc80\udcff日[", min_size=1, max_size=8))
def test_hostile_names_are_kept_and_found(stock_of_names: CatalogueKind, text: str) -> None:
    name = text.replace("/", "").replace("\0", "")
    if name in ("", ".", ".."):  # no file has these
        name = "x"
    path = f"/photos/{name}/{name}.jpg"
    stock_of_names.put([photo(1, path)])
    catalogue = stock_of_names.catalogue()
    one = id_in(catalogue, 1)
    assert catalogue.photo_at(Path(path)) == one
    assert [file.path for file in catalogue.photos([one])[one].files] == [Path(path)]
    assert catalogue.listing(Selection(), "path") == [Listed(one, path)]
    for line in (f"/photos/{name}", name):
        # A folder is given without a slash at its ends, and "." is none.
        if name.strip("./~ ") == name and name:
            assert catalogue.within([one], Selection((Filter("in", (line,)),))) == {one}
    assert stock_of_names.forget([path]) == 1
    assert not catalogue.photos([one])


@pytest.fixture(scope="module", params=ENGINES)
def stock_of_names(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[CatalogueKind]:
    with closing(ENGINES[request.param](tmp_path_factory.mktemp("names"))) as engine:
        yield engine


# ------------------------------------------------------------------------- Lance alone


@pytest.fixture
def writer(tmp_path: Path) -> LanceWriter:
    return LanceWriter.open(
        tmp_path / "catalogue", ENCODER, policy=LancePolicy(scalar_index_from=1)
    )


def test_what_an_archive_does_not_know_says_so_in_a_sentence(writer: LanceWriter) -> None:
    writer.put(some_photos(3))
    catalogue = LanceCatalogue(writer.address)
    for field in FIELDS.keys() - lance_filters.CONDITIONS.keys() - {"saved"}:
        with pytest.raises(QueryError, match=f"^{field}: does not work here"):
            catalogue.count(Selection((Filter(field, ("x",)),)))
    assert lance_filters.CONDITIONS.keys() <= FIELDS.keys()
    assert catalogue.count(Selection((Filter("is", ("online",)),))).photos == 3
    assert catalogue.count(Selection((Filter("is", ("offline",)),))).photos == 0


def test_text_in_pictures_is_found_and_comes_back_with_its_photo(writer: LanceWriter) -> None:
    writer.put(some_photos(4))
    lines = (TextLine("Café Müller", 0.1, 0.2, 0.5, 0.1, 0.9),)
    reading = PhotoText("read", lines, "test 1", datetime(2026, 1, 1, tzinfo=UTC))
    nothing = replace(reading, state="none", lines=())
    writer.put_texts({content_of(1): reading, content_of(2): nothing, content_of(99): reading})
    catalogue = LanceCatalogue(writer.address)
    one, two = id_in(catalogue, 1), id_in(catalogue, 2)
    assert catalogue.texts([one, two, id_in(catalogue, 3)]) == {one: reading, two: nothing}
    by_text = Selection((Filter("text", ("cafe muller",)),))
    assert [each.id for each in catalogue.listing(by_text, "date")] == [one]
    assert catalogue.names.has_named("cafe") and not catalogue.names.has_phrase("cafe", NAME_FIELDS)
    assert catalogue.names.fields_with_any([one], ["Müller"]) == {one: ("text",)}
    # A usual word must be a big part of the text, and longer words may have a letter wrong.
    long = (TextLine("Café am Bahnhof, täglich geöffnet ab neun", 0.1, 0.2, 0.5, 0.1, 0.9),)
    writer.put_texts({content_of(3): replace(reading, lines=long)})
    assert catalogue.names.has_named("cafe", True) and not catalogue.names.has_named("neun", True)
    for phrase, ids in (
        (NamedPhrase("cafe", False), {one, id_in(catalogue, 3)}),
        (NamedPhrase("cafe", True), {one}),
        (NamedPhrase("mueler", False, ("muller",)), {one}),
        (NamedPhrase("bahnhoff", True, ("bahnhof",)), set()),
    ):
        assert catalogue.within([one, two, id_in(catalogue, 3)], Selection(named=(phrase,))) == ids
    assert catalogue.names.words_like("banhof") == ["bahnhof"]
    assert catalogue.names.words_like("mueller") == ["muller"]
    assert catalogue.names.words_like("bahnhof") == catalogue.names.words_like("hofbahn") == []
    writer.forget([path_of(1)])
    assert catalogue.count(by_text).photos == 0
    writer.put([at_path(photo(1, ""), "/photos/back.jpg"), photo(99, "/photos/99.jpg")])
    assert catalogue.count(by_text).photos == 2


def test_addresses_of_objects_are_folders_too(writer: LanceWriter) -> None:
    writer.put([photo(1, "s3://photos/archive/Été/1.jpg"), photo(2, "/photos/archive/2.jpg")])
    catalogue = LanceCatalogue(writer.address)
    one = id_in(catalogue, 1)
    for folder in (
        "s3://photos",
        "s3://photos/archive/",
        "ete",
        "archive/ete",
        "photos/archive/Été",
    ):
        among = Selection((Filter("in", (folder,)),))
        assert one in catalogue.within([one], among), folder
    assert catalogue.count(Selection((Filter("in", ("/",)),))).photos == 1
    assert catalogue.photo_at(Path("s3://photos/archive/Été/1.jpg")) == one


def test_files_that_could_not_be_indexed_have_a_reason(writer: LanceWriter) -> None:
    failure = Failure(
        Path("/photos/b.jpg"), Reason.TRUNCATED, "It is cut off.", "raw", "decoders 1"
    )
    stat = FileStat("/photos/b.jpg", 3, 5, 7)
    writer.put([IngestResult(stat, content_of(1), failure=failure)])
    catalogue = LanceCatalogue(writer.address)
    (found,) = catalogue.failures()
    assert replace(found, failed_at=None) == failure and catalogue.count().photos == 0
    assert found.failed_at is not None
    assert abs(datetime.now(UTC) - found.failed_at) < timedelta(minutes=10)
    writer.put([photo(1, "/photos/b.jpg")])
    assert catalogue.failures() == [] and catalogue.count().photos == 1


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
    catalogue = LanceCatalogue(writer.address)
    failed = catalogue.failures()
    assert len(failed) == 2 and "same number" in failed[0].message
    assert catalogue.count() == PhotoCount(2, 2)
    kept = min(first.content_hash, other_hash, third_hash)
    assert writer.known([first.content_hash, other_hash, third_hash]) == {kept}
    assert catalogue.photos([id_of(kept.hex())])[id_of(kept.hex())].photo.content_hash == kept.hex()


def test_a_vector_of_another_length_is_refused(writer: LanceWriter) -> None:
    wrong = replace(photo(1, "/photos/1.jpg"), vectors=np.ones((1, DIM + 1), np.float32))
    with pytest.raises(UsageError, match=f"has {DIM} numbers"):
        writer.put([wrong])
    assert LanceCatalogue(writer.address).count().photos == 0


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


def recall(catalogue: LanceCatalogue, numbers: Sequence[int], among: Selection | None) -> float:
    ids = [id_in(catalogue, number) for number in numbers]
    starts = np.cumsum([0, *(len(vectors_of(number)) for number in numbers)])[:-1]
    vectors = np.concatenate([rounded(vectors_of(number)) for number in numbers])
    shares = []
    for seed in range(20):
        query = a_query(seed)
        scores = np.maximum.reduceat(vectors @ query, starts)
        best = {ids[at] for at in np.argsort(-scores)[:10]}
        found = catalogue.nearest(query, 10, among, kind="text")
        own = dict(zip(ids, scores.tolist(), strict=True))
        np.testing.assert_allclose(found.scores, [own[each] for each in found.ids], atol=2e-6)
        assert len(set(found.ids.tolist())) == 10
        shares.append(len(best & set(found.ids.tolist())) / 10)
    return float(np.mean(shares))


@pytest.mark.slow
def test_an_index_is_calibrated_and_keeps_its_recall(
    large: tuple[LanceWriter, LancePolicy],
) -> None:
    writer, policy = large
    catalogue = LanceCatalogue(writer.address, policy)
    catalogue.warm_up()
    settings_of = catalogue.search_settings
    assert settings_of is not None and settings_of.text is not None
    assert settings_of.text.recall >= policy.recall_target
    assert settings_of.text.filtered_recall >= policy.recall_target
    assert recall(catalogue, range(2000), None) >= 0.95
    third = [number for number in range(2000) if number % 3 == 1]
    among = Selection((Filter("in", ("/photos/1",)),))
    assert recall(catalogue, third, among) >= 0.95
    # What an index does not have yet is found as well.
    writer.put([photo(number, path_of(number)) for number in range(2000, 2100)])
    assert recall(catalogue, range(2100), None) >= 0.95
    found = catalogue.nearest(a_query(1), 700, kind="image")
    expected = exact_answer(catalogue, range(2100), a_query(1), 700)
    np.testing.assert_allclose(found.scores, [score for _, score in expected], atol=2e-6)
    writer.forget([path_of(number) for number in range(0, 2100, 10)])
    writer.settle()
    left = [number for number in range(2100) if number % 10]
    assert recall(catalogue, left, None) >= 0.95
    baseline = catalogue.baseline()
    assert baseline is not None and baseline.vectors == catalogue.count().vectors
    assert baseline.prompts.shape == (3, DIM) and baseline.mean.shape == (DIM,)
    assert catalogue.names.words_of_names(2) == ["jpg", "photos"]


@pytest.mark.slow
def test_the_memory_for_indexes_is_bounded(large: tuple[LanceWriter, LancePolicy]) -> None:
    writer, policy = large
    usual, bounded = (
        LanceCatalogue(writer.address, policy, index_cache_bytes) for index_cache_bytes in (None, 0)
    )
    answers, kept_bytes = [], []
    for catalogue in (usual, bounded):
        catalogue.warm_up()
        found = catalogue.nearest(a_query(3), 20, kind="text")
        answers.append(found.ids.tolist())
        kept_bytes.append(catalogue.photos_view().dataset.session().index_cache_size_bytes())
    assert answers[0] == answers[1]
    assert kept_bytes[1] == 0 < kept_bytes[0]


def test_one_can_go_back_to_what_was_published_before(writer: LanceWriter) -> None:
    writer.put(some_photos(10))
    writer.settle()
    with pytest.raises(UsageError, match="settled once"):
        writer.go_back()
    writer.put([photo(50, "/photos/50.jpg")])
    writer.forget([path_of(2)])
    writer.settle()
    writer.go_back()
    assert_answer(LanceCatalogue(writer.address), range(10))
    writer.put([photo(50, "/photos/50.jpg")])
    assert_answer(LanceCatalogue(writer.address), [*range(10), 50])


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
        settings = LanceCatalogue(address, policy).search_settings
        return settings, *(
            (each.name, each.num_rows_indexed) for each in dataset.describe_indices()
        )

    before, indexes = files(), settled()
    assert indexes[0] is not None
    writer.put([photo(number, path_of(number)) for number in range(400, 410)])
    writer.settle()
    assert before < files()
    assert settled() == indexes
    assert_answer(LanceCatalogue(address, policy), range(410))
    writer.put([photo(number, path_of(number)) for number in range(410, 500)])
    writer.settle()
    assert settled()[1:] != indexes[1:]
    assert_answer(LanceCatalogue(address, policy), range(500))


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
    assert_answer(LanceCatalogue(writer.address), range(3))


@pytest.mark.parametrize("name", ["ü", "a#b", "50%", "a%20b", "why?", '"q"', "a b", "[x]", "日本"])
def test_nothing_is_written_beside_the_folder_of_a_catalogue(tmp_path: Path, name: str) -> None:
    address = tmp_path / "around" / name
    address.parent.mkdir()
    writer = LanceWriter.open(address, ENCODER)
    for number in range(2):
        writer.put([photo(number, path_of(number))])
        writer.settle()
    assert [each.name for each in address.parent.iterdir()] == [name]
    writer.go_back()
    assert_answer(LanceCatalogue(address), range(1))


def test_old_versions_are_removed_and_readers_go_on(tmp_path: Path) -> None:
    address = tmp_path / "catalogue"
    policy = LancePolicy(scalar_index_from=1, keep_minutes=1e-9)
    writer = LanceWriter.open(address, ENCODER, policy=policy)
    catalogue = LanceCatalogue(address)
    for round_number in range(4):
        numbers = range(10 * round_number, 10 * round_number + 10)
        writer.put([photo(number, path_of(number)) for number in numbers])
        assert catalogue.count().photos == 10 * round_number + 10
        writer.settle()
    versions = lance.dataset(str(address / "photos.lance")).versions()
    assert len(versions) < 8
    assert_answer(catalogue, range(40))


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


def test_writers_at_once_double_nothing_in_a_catalogue_whose_keys_are_indexed(
    tmp_path: Path,
) -> None:
    first = LanceWriter.open(
        tmp_path / "catalogue", ENCODER, policy=LancePolicy(scalar_index_from=1)
    )
    first.put(some_photos(20))
    first.settle()
    together = threading.Barrier(4)
    errors: list[BaseException] = []

    def put() -> None:
        writer = LanceWriter(first.address)
        for start in range(100, 160, 15):
            together.wait()
            try:
                writer.put([photo(n, path_of(n)) for n in range(start, start + 15)])
            except BaseException as error:  # noqa: BLE001  # a panic of Lance, too
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
    assert LanceCatalogue(first.address).count().photos == 80


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
    catalogue = LanceCatalogue(address)
    assert catalogue.count() == PhotoCount(160, sum(len(vectors_of(n)) for n in range(160)))
    assert_answer(catalogue, range(160))
    both = catalogue.photos([id_in(catalogue, 50)])[id_in(catalogue, 50)].files
    assert [file.path for file in both] == [Path("/photos/a/50.jpg"), Path("/photos/b/50.jpg")]
    only_a = Selection((Filter("in", ("/photos/a",)),))
    assert catalogue.count(only_a).photos == 120


@pytest.mark.slow
@pytest.mark.parametrize("seen", [0, 1, 12])
def test_a_writer_that_is_killed_loses_nothing_that_was_put(writer: LanceWriter, seen: int) -> None:
    """Wherever it was: what it was doing is done by the next run."""
    catalogue = LanceCatalogue(writer.address)
    process = started(writer.address, "a", 0, 40, 3)
    assert process.stdin is not None and process.stdout is not None
    try:
        assert process.stdout.readline() == "ready\n"
        process.stdin.write("\n")
        process.stdin.flush()
        while catalogue.count().photos < seen and process.poll() is None:
            pass
    finally:
        process.kill()
        process.communicate()
    before = catalogue.count().photos
    assert before >= seen
    assert len(writer.known([content_of(number) for number in range(40)])) == before
    writer.put([photo(number, f"/photos/a/{number}.jpg") for number in range(40)])
    assert_answer(catalogue, range(40))


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
    catalogue = LanceCatalogue(writer.address)
    found = catalogue.photos([listed.id for listed in catalogue.listing(Selection(), "path")])
    assert {
        each.photo.content_hash: {str(file.path) for file in each.files} for each in found.values()
    } == paths_of


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
    catalogue = LanceCatalogue(writer.address)
    assert_answer(catalogue, range(12))
    found = catalogue.photos([id_in(catalogue, number) for number in range(12)])
    for number in range(12):
        own = [Path(f"/copies/{number}.jpg"), *([Path(path_of(number))] if number else [])]
        files = found[id_in(catalogue, number)].files
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
    catalogue = LanceCatalogue(writer.address)
    found = catalogue.photos([id_in(catalogue, number) for number in range(12)])
    assert {each.photo.facts.rating for each in found.values()} == {5}
    assert {len(each.files) for each in found.values()} == {1}


@pytest.mark.slow
def test_readers_go_on_while_a_writer_puts_and_settles(writer: LanceWriter) -> None:
    """Each sees a whole state: no photo twice, and none of those that were there is missing."""
    writer.put(some_photos(40))
    catalogue = LanceCatalogue(writer.address)
    first = {id_in(catalogue, number) for number in range(40)}
    stop, errors = threading.Event(), []
    rounds = [0, 0]

    def read(place: int) -> None:
        own = LanceCatalogue(writer.address)
        while not stop.is_set() or not rounds[place]:
            try:
                ids = own.nearest(a_query(place), 1000, kind="text").ids.tolist()
                assert len(set(ids)) == len(ids) and first <= set(ids)
                assert len(own.listing(Selection(), "date")) >= 40
                own.count(Selection((Filter("in", ("/photos",)),)))
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
    assert_answer(catalogue, range(120))


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
    assert_answer(LanceCatalogue(writer.address), left)
    LanceWriter(writer.address, policy=policy).settle()
    assert_answer(LanceCatalogue(writer.address), left)


# ------------------------------------------------------------------------- object storage


@pytest.fixture
def bucket(s3: S3Server) -> str:
    """An empty bucket of a server on this machine."""
    s3.put({}, bucket="index")
    return "s3://index"


@pytest.mark.slow
def test_a_catalogue_in_object_storage_is_like_one_in_a_folder(bucket: str) -> None:
    address = f"{bucket}/archive/2026"
    writer = LanceWriter.open(f"{address}/", ENCODER)
    writer.put([photo(number, f"s3://photos/a/{number}.jpg") for number in range(30)])
    catalogue = LanceCatalogue(address)
    assert_answer(catalogue, range(30))
    writer.settle()
    writer.forget(["s3://photos/a/3.jpg"])
    assert_answer(catalogue, [number for number in range(30) if number != 3])
    one = id_in(catalogue, 1)
    assert catalogue.photo_at(Path("s3://photos/a/1.jpg")) == one
    with pytest.raises(StoreError, match="There is no catalogue at s3://index/other"):
        LanceCatalogue(f"{bucket}/other")
    with pytest.raises(ObjectStorageError, match="a bucket of this name does not exist"):
        LanceCatalogue("s3://nowhere/archive")
    writer.forget([f"s3://photos/a/{number}.jpg" for number in range(30)])
    assert_two_processes_double_none(address)


def test_storage_that_refuses_or_is_away_is_an_error_with_a_cure(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    LanceWriter.open(bucket, ENCODER)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(ObjectStorageError, match="cannot be reached"):
        LanceCatalogue(bucket)


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
    for opened in (LanceCatalogue, LanceWriter):
        with pytest.raises(kind, match=sentence):
            opened(writer.address)


def test_a_place_without_a_catalogue_says_so(tmp_path: Path) -> None:
    (tmp_path / "foreign.txt").write_text("not ours")
    for address in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(StoreError, match="There is no catalogue at"):
            LanceCatalogue(address)
    (tmp_path / "photos.lance").write_text("a file, not a table")
    with pytest.raises(StoreError):
        LanceCatalogue(tmp_path)


def test_a_catalogue_of_another_encoder_is_not_written_to(writer: LanceWriter) -> None:
    with pytest.raises(EncoderMismatch, match="not of other"):
        LanceWriter.open(writer.address, EncoderRow(1, "other/1", "other", DIM))


def test_a_commit_that_was_cut_off_changes_nothing(writer: LanceWriter) -> None:
    """The files of a commit come first, and its manifest last: without that they are nothing."""
    writer.put(some_photos(10))
    for name in ("photos", "files"):
        data = Path(writer.address) / f"{name}.lance" / "data"
        whole = next(data.iterdir())
        (data / "half.lance").write_bytes(whole.read_bytes()[:100])
    assert_answer(LanceCatalogue(writer.address), range(10))
    writer.put([photo(20, "/photos/20.jpg")])
    writer.settle()
    assert_answer(LanceCatalogue(writer.address), [*range(10), 20])


@pytest.mark.parametrize("damage", [b"", b"x" * 500])
@pytest.mark.parametrize("folder", ["_versions", "data"])
def test_a_damaged_catalogue_is_an_error_with_a_cure(
    writer: LanceWriter, folder: str, damage: bytes
) -> None:
    writer.put(some_photos(10))
    for file in (Path(writer.address) / "photos.lance" / folder).iterdir():
        file.write_bytes(damage)
    with pytest.raises(ImgsearchError, match=r"Cannot use the catalogue .* backup|no catalogue"):
        LanceCatalogue(writer.address).nearest(a_query(1), 5, kind="text")


def test_a_manifest_cut_off_anywhere_is_an_error_with_a_cure(writer: LanceWriter) -> None:
    """Where the end of what is left happens to be read as a length, Lance panics."""
    writer.put(some_photos(10))
    manifests = (Path(writer.address) / "photos.lance" / "_versions").glob("*.manifest")
    manifest = min(manifests)  # the newest has the least number
    whole = manifest.read_bytes()
    for length in range(0, len(whole), 5):
        manifest.write_bytes(whole[:length])
        with pytest.raises(StoreError, match=r"restore them from a backup|Check the address"):
            LanceCatalogue(writer.address)
    manifest.write_bytes(whole[:-16] + b"\xff\xff\0\0\0\0\0\0" + whole[-8:])  # where it begins
    failed = run_cli("status", "--library", writer.address, data=Path(writer.address))
    assert failed.returncode == StoreError.exit_code
    assert "imgsearch: Cannot use the catalogue" in failed.stderr
    assert "Traceback" not in failed.stderr and "backtrace:" not in failed.stderr


def test_a_folder_that_cannot_be_written_to_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="Cannot use the catalogue"):
        LanceWriter.open(tmp_path / "file" / "below", ENCODER)


def test_intervals_of_whole_numbers_have_the_ends_they_state() -> None:
    """Lance compares a column of whole numbers with whole numbers only."""

    def make(value: Interval) -> str:
        return lance_filters.CONDITIONS["iso"](str, value)

    assert make(Interval(low=12.5)) == "(iso >= 13)"
    assert make(Interval(low=12.0, low_open=True)) == "(iso >= 13)"
    assert make(Interval(high=12.5, high_open=True)) == "(iso <= 12)"
    assert make(Interval(high=12.0, high_open=True)) == "(iso <= 11)"
    assert (
        make(Interval(low=-1e300, high=1e300)) == f"(iso >= {1 - 2**63}) AND (iso <= {2**63 - 1})"
    )


def test_texts_of_any_kind_are_stored_and_come_back() -> None:
    for text in ("plain", "Été", "\udcff\udc80.jpg", "\U0010ffff\U0010ff80", "日\udce9"):
        stored = tables.stored(text)
        stored.encode()
        assert tables.loaded(stored) == text
    assert tables.stored("\ud800") == "\ufffd"
