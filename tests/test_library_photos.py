"""The photos of every library: of one with folders, and of a replica of an archive."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, Literal, Protocol, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from imgsearch.errors import (
    Reason,
)
from imgsearch.index.build import build_snapshot
from imgsearch.index.live import LiveIndex
from imgsearch.language.grammar import parse
from imgsearch.records.arrays import Vector, Vectors
from imgsearch.records.files import FileStat, IngestResult
from imgsearch.records.index import EncoderRow
from imgsearch.records.names import NAME_FIELDS, NameField
from imgsearch.records.photo import Facts, PhotoCount, with_measured
from imgsearch.records.query import Filter, Interval, Listed, NamedPhrase, Selection
from imgsearch.records.status import Failure
from imgsearch.search.library_photos import LibraryPhotos
from imgsearch.store.store import Store
from tests.factories import unit
from tests.test_filters import FOLDERS, ROOTS, Known, date_of, filters, passes, random_facts

lance = pytest.importorskip("lance", reason="needs the extra scale")
pa = pytest.importorskip("pyarrow")

from imgsearch.archive.lance.nearest import LancePolicy  # noqa: E402
from imgsearch.archive.lance.writer import LanceWriter  # noqa: E402
from tests import replicas  # noqa: E402
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


class LibraryKind(Protocol):
    """A library of one kind, as these tests use it."""

    def put(self, results: Sequence[IngestResult]) -> None: ...

    def put_facts(self, facts: Mapping[bytes, Facts]) -> int: ...

    def forget(self, paths: Sequence[str]) -> int: ...

    def settle(self) -> None: ...

    def known(self, content_hashes: Sequence[bytes]) -> set[bytes]: ...

    def photos(self) -> LibraryPhotos: ...

    def close(self) -> None: ...


class LocalKind:
    """A library in a data folder. Each folder at the top is a root as soon as it has a file."""

    def __init__(self, folder: Path) -> None:
        (folder / "library").mkdir()
        self._store = Store.open(folder / "library", writable=True)
        self._row = self._store.vectors.add_encoder(ENCODER.encoder_id, ENCODER.name, DIM)

    def put(self, results: Sequence[IngestResult]) -> None:
        self._add_roots(result.stat.path for result in results)
        self._store.put(self._row.key, results)

    def put_facts(self, facts: Mapping[bytes, Facts]) -> int:
        reads = self._store.reads.photos
        ids = {content: reads.with_content(content) for content in facts}
        return self._store.photos.update_facts(
            {number: facts[content] for content, number in ids.items() if number is not None}
        )

    def forget(self, paths: Sequence[str]) -> int:
        self._add_roots(paths)
        removed = 0
        for root_id, root in self._store.reads.roots.all().items():
            below = [path for path in paths if path.startswith(f"{root}/")]
            removed += len(self._store.files.photo_ids(root_id, below))
            self._store.files.forget(root_id, below)
        return removed

    def known(self, content_hashes: Sequence[bytes]) -> set[bytes]:
        has = self._store.reads.vectors.has
        return {each for each in content_hashes if has(each, self._row.key)}

    def settle(self) -> None:
        build_snapshot(self._store, self._row.key, ENCODER.encoder_id)

    def photos(self) -> LibraryPhotos:
        reads = self._store.reads
        online = dict.fromkeys(reads.roots.all(), True)
        return LibraryPhotos(reads, self._row, LiveIndex(reads, self._row.key), online)

    def close(self) -> None:
        self._store.close()

    def _add_roots(self, paths: Iterable[str]) -> None:
        wanted = {f"/{path.split('/')[1]}" for path in paths}
        for root in sorted(wanted - set(self._store.reads.roots.all().values())):
            self._store.files.add_root(root)


class ReplicaKind:
    """A library that follows Lance tables in a folder, in which it is written."""

    def __init__(self, folder: Path) -> None:
        policy = LancePolicy(scalar_index_from=1)  # indexes of columns however few photos there are
        writer = LanceWriter.open(folder / "archive", ENCODER, policy=policy)
        self.put, self.put_facts, self.forget = writer.put, writer.put_facts, writer.forget
        self.settle, self.known = writer.settle, writer.known
        self._engine, replica = replicas.opened(folder / "archive", folder)
        replica.checked_s = 0.0

    def photos(self) -> LibraryPhotos:
        self._engine.photos()  # photos that go before a replica looks are unknown to it
        return cast(LibraryPhotos, NewForEachCall(self._engine.photos))

    def close(self) -> None:
        self._engine.close()


class NewForEachCall:
    """The photos of a library are of one request, and a replica takes changes before one begins."""

    def __init__(self, open_photos: Callable[[], LibraryPhotos]) -> None:
        self._open_photos = open_photos

    def __getattr__(self, name: str) -> Any:
        return getattr(self._open_photos(), name)


ENGINES: dict[str, Callable[[Path], LibraryKind]] = {
    "local": LocalKind,
    "replica": ReplicaKind,
}


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LibraryKind]:
    with closing(ENGINES[request.param](tmp_path)) as engine:
        yield engine


def id_in(photos: LibraryPhotos, number: int) -> int:
    photo_id = photos.photo_with(content_of(number))
    assert photo_id is not None
    return photo_id


def rounded(vectors: Vectors) -> Vectors:
    """As every library keeps vectors: as fp16, and of length 1 when they are read."""
    return unit(vectors.astype(np.float16).astype(np.float32))


def exact_answer(
    photos: LibraryPhotos, numbers: Iterable[int], query: Vector, k: int
) -> list[tuple[int, float]]:
    """Ids and scores by NumPy, each photo by its best part."""
    scored = [
        (id_in(photos, number), float((rounded(vectors_of(number)) @ query).max()))
        for number in numbers
    ]
    return sorted(scored, key=lambda each: (-each[1], each[0]))[:k]


def a_query(seed: int) -> Vector:
    row = np.random.default_rng(seed + 10_000).standard_normal(DIM)
    return np.asarray(row / np.linalg.norm(row), np.float32)


def assert_answer(
    photos: LibraryPhotos, numbers: Iterable[int], among: Selection | None = None
) -> None:
    numbers = list(numbers)
    for seed, k in enumerate((1, 7, len(numbers) + 5)):
        query = a_query(seed)
        found = photos.nearest_neighbours(query, k, among, kind="text")
        expected = exact_answer(photos, numbers, query, k)
        assert found.ids.tolist() == [photo_id for photo_id, _ in expected]
        np.testing.assert_allclose(found.scores, [score for _, score in expected], atol=2e-6)


# ------------------------------------------------------------------------- every engine


@pytest.mark.parametrize("is_settled", [False, True])
def test_the_vectors_of_all_photos_are_those_of_their_wholes(
    engine: LibraryKind, is_settled: bool
) -> None:
    engine.put(some_photos(60))
    if is_settled:
        engine.settle()
    engine.forget([path_of(number) for number in range(10)])
    photos = engine.photos()
    chunks = list(photos.whole_vectors())
    ids = np.concatenate([ids for ids, _ in chunks])
    rows = np.concatenate([rows for _, rows in chunks])
    assert rows.dtype == np.float16 and len(set(ids.tolist())) == len(ids) == 50
    by_id = dict(zip(ids.tolist(), rows, strict=True))
    for number in range(10, 60):
        whole = vectors_of(number)[0]
        np.testing.assert_allclose(by_id[id_in(photos, number)], whole, atol=1e-3)


@pytest.mark.parametrize("is_settled", [False, True])
def test_the_nearest_photos_are_exact_and_each_is_found_once(
    engine: LibraryKind, is_settled: bool
) -> None:
    engine.put(some_photos(60))
    if is_settled:
        engine.settle()
    photos = engine.photos()
    assert photos.count(Selection()) == PhotoCount(60, sum(len(vectors_of(n)) for n in range(60)))
    assert_answer(photos, range(60))
    among = Selection((Filter("in", ("/photos/1",)),))
    inside = [number for number in range(60) if number % 3 == 1]
    assert_answer(photos, inside, among)
    assert photos.count(among).photos == len(inside)
    some = np.array([id_in(photos, number) for number in (3, 4, 5, 7)], np.int64)
    assert_answer(photos, (4, 7), replace(among, among=some))
    assert not len(
        photos.nearest_neighbours(a_query(1), 5, Selection(among=some[:0]), kind="image").ids
    )
    assert photos.within(some.tolist(), among) == {id_in(photos, 4), id_in(photos, 7)}


def test_equal_scores_are_in_the_order_of_ids(engine: LibraryKind) -> None:
    same = vectors_of(1)
    engine.put([replace(each, vectors=same, times_s=()) for each in some_photos(30)])
    photos = engine.photos()
    ids = sorted(id_in(photos, number) for number in range(30))
    assert photos.nearest_neighbours(same[0], 12, kind="image").ids.tolist() == ids[:12]


def test_a_photo_is_known_with_all_that_was_put(engine: LibraryKind) -> None:
    facts = random_facts(Random(3))
    engine.put([photo(5, "/photos/b/5.jpg", facts), photo(6, "/photos/6.jpg")])
    engine.put([at_path(photo(5, ""), "/photos/a/5 copy.jpg")])
    photos = engine.photos()
    five = id_in(photos, 5)
    found = photos.records([five, five + 1])[five]
    assert found.photo.facts == facts and found.photo.size_bytes == 1005
    assert found.photo.content_hash == content_of(5).hex()
    files = [Path("/photos/a/5 copy.jpg"), Path("/photos/b/5.jpg")]
    assert [file.path for file in found.files] == files
    assert [photos.photo_at(path) for path in files] == [five, five]
    assert photos.photo_at(Path("/photos/none.jpg")) is None
    assert photos.photo_with(b"\1" * 32) is None
    vectors = photos.vectors_of([five, id_in(photos, 6)])
    np.testing.assert_array_equal(vectors[five].vectors, rounded(vectors_of(5)))
    assert vectors[five].times_s == (0.0, 1.0, 2.0)
    assert photos.vectors_of(vectors, only_several=True).keys() == {five}
    assert engine.known([content_of(5), content_of(7)]) == {content_of(5)}


def test_a_photo_without_a_date_has_that_of_its_oldest_file(engine: LibraryKind) -> None:
    engine.put([photo(1, "/photos/1.jpg")])
    copy = at_path(photo(1, ""), "/photos/older.jpg")
    older = datetime(2007, 5, 6, 7, 8, 9).astimezone()
    engine.put([replace(copy, stat=replace(copy.stat, mtime_ns=int(older.timestamp()) * 10**9))])
    photos = engine.photos()
    found = photos.records([id_in(photos, 1)])[id_in(photos, 1)]
    assert (found.date, found.dated_by) == ("2007-05-06T07:08:09", "file")
    assert photos.names.has_date_from("2007-05-06", "2007-05-07")
    assert not photos.names.has_date_from("2007-05-07", "2007-06-01")


@pytest.mark.parametrize("fraction_ns", [0, 1, 999_600_000, 999_999_999])
@pytest.mark.parametrize("year", [1965, 2007])
def test_the_date_of_a_file_has_whole_seconds(
    engine: LibraryKind, year: int, fraction_ns: int
) -> None:
    moment = datetime(year, 5, 6, 23, 59, 59).astimezone()
    mtime_ns = int(moment.timestamp()) * 10**9 + fraction_ns
    new = photo(1, "/photos/1.jpg")
    engine.put([replace(new, stat=replace(new.stat, mtime_ns=mtime_ns))])
    photos = engine.photos()
    found = photos.records([id_in(photos, 1)])[id_in(photos, 1)]
    assert found.date == f"{year}-05-06T23:59:59"


def test_a_photo_without_a_path_is_gone_at_once_and_comes_back(engine: LibraryKind) -> None:
    engine.put(some_photos(30))
    engine.settle()
    photos = engine.photos()
    lost, copied = 4, 9
    engine.put([at_path(photo(copied, ""), "/photos/copy.jpg")])
    assert engine.forget([path_of(lost), path_of(copied), "/photos/never.jpg"]) == 2
    left = [number for number in range(30) if number != lost]
    assert photos.count(Selection()).photos == 29
    assert_answer(photos, left)
    lost_id = id_in(photos, lost)
    assert not photos.records([lost_id])
    assert photos.within([lost_id], Selection()) == set()
    assert lost_id not in [listed.id for listed in photos.listing(Selection(), "path")]
    files = photos.records([id_in(photos, copied)])[id_in(photos, copied)].files
    assert [file.path for file in files] == [Path("/photos/copy.jpg")]
    assert engine.known([content_of(lost)]) == {content_of(lost)}
    engine.settle()
    assert_answer(photos, left)
    engine.put([at_path(photo(lost, ""), "/photos/back/again.jpg")])
    assert_answer(photos, range(30))
    assert photos.photo_at(Path("/photos/back/again.jpg")) == lost_id
    assert_answer(photos, [lost], Selection((Filter("in", ("back",)),)))


@pytest.mark.parametrize("is_settled", [False, True])
def test_facts_that_are_read_again_take_the_place_of_those_before(
    engine: LibraryKind, is_settled: bool
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
    photos = engine.photos()
    five = id_in(photos, 5)

    def assert_new(files: int) -> None:
        found = photos.records([five])[five]
        assert (found.photo.facts, len(found.files)) == (after, files)
        if after.taken_at is not None:
            assert found.date == after.taken_at.isoformat()
        for wanted in (Filter("keyword", ("norwegen",)), Filter("rating", (Interval(4, 4),))):
            assert [each.id for each in photos.listing(Selection((wanted,)), "path")] == [five]
        assert photos.names.has_named("fahre")
        assert_answer(photos, [*range(4), 5])

    assert_new(files=1)
    engine.put([at_path(photo(5, ""), "/photos/copy.jpg")])
    assert_new(files=2)
    engine.forget(["/photos/copy.jpg", "/photos/5.jpg"])
    assert_answer(photos, range(4))
    engine.put([at_path(photo(5, ""), "/photos/back.jpg")])
    engine.settle()
    assert_new(files=1)


def test_a_file_with_new_content_is_another_photo(engine: LibraryKind) -> None:
    engine.put(some_photos(12))
    engine.put([photo(50, path_of(3))])
    photos = engine.photos()
    assert_answer(photos, [*(n for n in range(12) if n != 3), 50])
    damaged = IngestResult(
        replace(photo(50, path_of(3)).stat, size_bytes=1),
        failure=Failure(Path(path_of(3)), Reason.DAMAGED, "It is damaged."),
    )
    engine.put([damaged])
    assert_answer(photos, [number for number in range(12) if number != 3])


def test_to_put_the_same_again_changes_nothing(engine: LibraryKind) -> None:
    for _ in range(3):
        engine.put(some_photos(20))
    engine.put([*some_photos(20), *some_photos(20)])
    engine.settle()
    engine.put(some_photos(20))
    assert_answer(engine.photos(), range(20))


def test_the_jpeg_and_the_raw_of_a_shot_are_a_pair(engine: LibraryKind) -> None:
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
    photos = engine.photos()
    ids = {number: id_in(photos, number) for number in range(1, 9)}
    assert photos.raw_pairs([ids[1]]) == [(ids[1], ids[2])]
    pairs = {(ids[1], ids[2]), (ids[4], ids[5])}
    assert set(photos.raw_pairs(ids.values())) == pairs
    assert not photos.raw_pairs([ids[3], ids[6], ids[7], ids[8]])


# ------------------------------------------------------------------------- filters, with an oracle


class StockedLibrary:
    """Photos with random facts. No dataclass: hypothesis shows what a failing test was given."""

    def __init__(self, photos: LibraryPhotos, known: list[Known]) -> None:
        self.photos = photos
        self.known = known


def stocked(engine: LibraryKind, is_settled: bool) -> StockedLibrary:
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
    photos = engine.photos()
    known = [
        Known(
            id_in(photos, number),
            facts_of[number],
            tuple(paths_of[number]),
            datetime.fromtimestamp(min(times[number])).isoformat(),
        )
        for number in range(100)
    ]
    return StockedLibrary(photos, known)


@pytest.fixture(
    scope="module",
    params=[(name, is_settled) for name in ENGINES for is_settled in (False, True)],
    ids=lambda param: f"{param[0]}-{'settled' if param[1] else 'unsettled'}",
)
def stock(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StockedLibrary]:
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
    stock: StockedLibrary, wanted: tuple[Filter, ...]
) -> None:
    photos, known = stock.photos, stock.known
    expected = {photo.id for photo in known if all(passes(photo, each) for each in wanted)}
    selection = Selection(wanted)
    assert photos.within([photo.id for photo in known], selection) == expected
    assert photos.count(selection).photos == len(expected)
    assert photos.ids(selection).tolist() == sorted(expected)
    assert photos.names.any_passes(wanted) == bool(expected)


@pytest.mark.parametrize("line", ["camera:canon", "in:Holidays -rating:>=3", "person:anna",
                                  "near:48.85,2.35,2km", "on:2023", "name:éte"])  # fmt: skip
def test_the_nearest_of_those_that_pass_a_filter_are_exact(
    stock: StockedLibrary, line: str
) -> None:
    wanted = parse(line).filters
    numbers = [
        number
        for number, photo in enumerate(stock.known)
        if all(passes(photo, each) for each in wanted)
    ]
    assert numbers
    assert_answer(stock.photos, numbers, Selection(wanted))


@pytest.mark.parametrize("sort", ["date", "path"])
@pytest.mark.parametrize("line", ["type:jpeg|heif", "-in:nowhere"])
def test_listings_come_in_order_page_by_page(
    stock: StockedLibrary, sort: Literal["date", "path"], line: str
) -> None:
    photos, known = stock.photos, stock.known
    selection = Selection(parse(line).filters)
    wanted = [photo for photo in known if all(passes(photo, each) for each in selection.filters)]
    if sort == "date":
        wanted.sort(key=lambda photo: (date_of(photo), photo.id), reverse=True)
    else:
        wanted.sort(key=lambda photo: min(os.fsencode(path) for _, path in photo.paths))
    expected = [photo.id for photo in wanted]
    assert [listed.id for listed in photos.listing(selection, sort)] == expected
    after: Listed | None = None
    pages: list[int] = []
    while page := photos.listing(selection, sort, after, limit=17):
        pages += [listed.id for listed in page]
        after = page[-1]
    assert pages == expected


def test_names_are_known_as_they_are_read(stock: StockedLibrary) -> None:
    names = stock.photos.names
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
    stock: StockedLibrary, any_named: bool
) -> None:
    phrases = (NamedPhrase("anna", False), NamedPhrase("family", True))
    each = [
        stock.photos.within([photo.id for photo in stock.known], Selection(named=(phrase,)))
        for phrase in phrases
    ]
    assert all(each) and each[0] != each[1]
    both = Selection(named=phrases, any_named=any_named)
    found = stock.photos.within([photo.id for photo in stock.known], both)
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
    stock: StockedLibrary, field: str, text: str, negated: bool
) -> None:
    """Whatever a value is, it is a value: the filter and its opposite share all photos out."""
    found = stock.photos.count(Selection((Filter(field, (text,), negated),))).photos
    others = stock.photos.count(Selection((Filter(field, (text,), not negated),))).photos
    assert found + others == len(stock.known)
    named = Selection(named=(NamedPhrase(text, negated),))
    assert 0 <= stock.photos.count(named).photos <= len(stock.known)


@settings(max_examples=30)
@given(st.text("aé'\\%_\0\n /.\U0010ffff\udc80\udcff日[", min_size=1, max_size=8))
def test_hostile_names_are_kept_and_found(stock_of_names: LibraryKind, text: str) -> None:
    name = text.replace("/", "").replace("\0", "")
    if name in ("", ".", ".."):  # no file has these
        name = "x"
    path = f"/photos/{name}/{name}.jpg"
    stock_of_names.put([photo(1, path)])
    photos = stock_of_names.photos()
    one = id_in(photos, 1)
    assert photos.photo_at(Path(path)) == one
    assert [file.path for file in photos.records([one])[one].files] == [Path(path)]
    assert photos.listing(Selection(), "path") == [Listed(one, path)]
    for line in (f"/photos/{name}", name):
        # A folder is given without a slash at its ends, and "." is none.
        if name.strip("./~ ") == name and name:
            assert photos.within([one], Selection((Filter("in", (line,)),))) == {one}
    assert stock_of_names.forget([path]) == 1
    assert not photos.records([one])


@pytest.fixture(scope="module", params=ENGINES)
def stock_of_names(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LibraryKind]:
    with closing(ENGINES[request.param](tmp_path_factory.mktemp("names"))) as engine:
        yield engine
