"""What a search of an archive in object storage costs: its requests and its bytes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from benchmarks import bench_archive
from benchmarks.bench_catalogue import hash_of, path_of, results, space_for
from imgsearch import Library, Settings
from imgsearch.records.files import IngestResult
from imgsearch.search.suggestions import suggest
from tests.counted_storage import CountedStorage, StorageTraffic, counted_storage

pytest.importorskip("lance", reason="needs the extra scale")

from imgsearch.archive.lance.name_list import NameList
from imgsearch.archive.lance.reader import LanceCatalogue
from imgsearch.archive.lance.writer import LanceWriter

PHOTOS = 6_000  # from 5,000 on, vectors and columns have an index
MOST_REQUESTS = 25  # of a search, on the mean
TABLES = 4  # that an answer depends on: photos, files, texts and baselines


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a settled archive."""
    folder = tmp_path_factory.mktemp("storage")
    settings = Settings.load(data_dir=folder / "data", cache_dir=folder / "cache")
    bench_archive.fill(folder / "index" / "archive", PHOTOS, settings)
    return folder


@pytest.fixture(scope="module")
def storage(folder: Path) -> Iterator[CountedStorage]:
    """The archive in object storage."""
    with counted_storage(folder) as storage:
        yield storage


@pytest.fixture
def library(storage: CountedStorage, tmp_path: Path) -> Iterator[Library]:
    """The archive, opened by a process that has answered a query before."""
    settings = Settings.load(data_dir=tmp_path / "data", cache_dir=tmp_path / "cache")
    encoder = bench_archive.SyntheticEncoder(space_for(PHOTOS))
    with Library.open_archive("s3://index/archive", settings, encoder=encoder) as library:
        library.memory.warm_up()
        bench_archive.search(library, bench_archive.WARMING[0])
        storage.take()
        yield library


def test_an_answer_looks_once_for_new_versions(library: Library, storage: CountedStorage) -> None:
    time.sleep(1)
    storage.take()
    for line in bench_archive.SEARCHES[:3]:
        library.find(line, bench_archive.PAGE)
        assert storage.take().count("LIST") <= TABLES


def test_an_answer_is_given_again_until_something_changes(
    library: Library, storage: CountedStorage, folder: Path
) -> None:
    line, k = "a boat at the quay", 5
    answer = library.find(line, k)
    storage.take()
    assert library.find(line, k) == answer
    again = storage.take()
    assert again.count("GET") == 0
    assert again.count("LIST") <= TABLES
    best = answer.hits[0]
    with Library.open_archive(
        folder / "index" / "archive", library.settings, encoder=None
    ) as filled:
        filled.fleet.writer().forget([str(best.path)])
    ends = time.monotonic() + 60  # another program has written: that is seen after a second
    while library.find(line, k).hits[0] == best:
        assert time.monotonic() < ends
        time.sleep(0.1)
    assert best not in library.find(line, k).hits


def test_all_of_an_answer_is_of_one_version(folder: Path, tmp_path: Path) -> None:
    address = folder / "index" / "archive"
    catalogue, writer = LanceCatalogue(address), LanceWriter(address)
    pinned = catalogue.pinned()
    before = pinned.count()
    content = hash_of(17)
    (photo_id,) = {catalogue.photo_with(content)}
    assert photo_id is not None
    writer.forget([path_of(17)])
    assert catalogue.count().photos == before.photos - 1
    assert photo_id not in catalogue.photos([photo_id])
    assert pinned.count() == before
    assert photo_id in pinned.photos([photo_id])
    (vector,) = next(space_for(PHOTOS).photos(PHOTOS, seed=1))[17:18]
    writer.put([bench_archive.named(each, 17) for each in results([17], vector[None])])
    assert catalogue.count() == before


def test_a_search_with_its_pictures_costs_few_requests(
    library: Library, storage: CountedStorage
) -> None:
    searches, pictures, began_s = [], [], time.monotonic()
    for line in bench_archive.SEARCHES:
        answer = library.find(line, bench_archive.PAGE)
        searches.append(storage.take())
        bench_archive.show(library, [hit.photo.id for hit in answer.hits])
        pictures.append(storage.take())
    # Once a second, which on a busy machine is often, each table is looked at anew.
    looks = sum(each.count("LIST") for each in searches)
    assert sum(each.count() for each in searches) - looks <= MOST_REQUESTS * len(searches)
    assert looks <= 4 * (1 + time.monotonic() - began_s)
    looks = sum(each.count("LIST") for each in pictures)
    assert looks <= 2 * (1 + time.monotonic() - began_s)  # a table each, once a second
    for each in pictures:
        assert each.count("GET") <= bench_archive.PAGE + 10


def test_vectors_and_pictures_stay_on_the_disk(library: Library, storage: CountedStorage) -> None:
    line = bench_archive.WARMING[0]  # the fixture has searched for it and looked at its pictures
    shown = library.find(line, bench_archive.PAGE)
    encoder = bench_archive.SyntheticEncoder(space_for(PHOTOS))
    with Library.open_archive("s3://index/archive", library.settings, encoder=encoder) as later:
        assert later.find(line, bench_archive.PAGE) == shown
        storage.take()
        bench_archive.show(later, [hit.photo.id for hit in shown.hits])
        assert "archive/thumbnails.lance GET" not in storage.take().by_table
    kept = [each for each in library.settings.cache_dir.rglob("*") if each.is_file()]
    assert {each.stat().st_mode & 0o777 for each in kept} == {0o600}


def test_an_archive_in_storage_answers_as_one_in_a_folder(
    library: Library, folder: Path, tmp_path: Path
) -> None:
    settings = Settings.load(data_dir=tmp_path / "data", cache_dir=tmp_path / "other cache")
    encoder = bench_archive.SyntheticEncoder(space_for(PHOTOS))
    with Library.open_archive(folder / "index/archive", settings, encoder=encoder) as here:
        for line in bench_archive.SEARCHES:
            away, own = library.find(line, 20), here.find(line, 20)
            assert [hit.photo.id for hit in away.hits] == [hit.photo.id for hit in own.hits]
            assert [hit.score for hit in away.hits] == [hit.score for hit in own.hits]
            assert away.verdict == own.verdict


def test_counts_of_all_photos_read_no_column(tmp_path: Path) -> None:
    photos = 300
    settings = Settings.load(data_dir=tmp_path / "data", cache_dir=tmp_path / "cache")
    bench_archive.fill(tmp_path / "index" / "archive", photos, settings)
    encoder = bench_archive.SyntheticEncoder(space_for(photos))
    with (
        counted_storage(tmp_path) as storage,
        Library.open_archive("s3://index/archive", settings, encoder=encoder) as library,
    ):
        browse = library.browse
        assert sum(year.photos for year in browse.timeline().years) == photos
        storage.take()
        assert sum(country.photos for country in browse.places().countries) == photos
        assert sum(camera.photos for camera in browse.cameras()) == photos
        assert sum(browse.names().keywords.values()) == photos
        assert storage.take().count("GET") == 0


# ------------------------------------------------------------------------- two sizes

SMALL, LARGE = 6_000, 18_000
# Views of all photos, and pages of lists. Each is asked after photos were put and forgotten.
VIEWS: dict[str, Callable[[Library], int]] = {
    "timeline": lambda library: sum(year.photos for year in library.browse.timeline().years),
    "places": lambda library: sum(each.photos for each in library.browse.places().countries),
    "cameras": lambda library: sum(each.photos for each in library.browse.cameras()),
    "keywords": lambda library: sum(library.browse.names().keywords.values()),
    "days": lambda library: sum(len(day.photo_ids) for day in library.browse.days()),
    "map": lambda library: len(library.browse.positions().photo_ids),
    "events": lambda library: sum(len(each.photo_ids) for each in library.browse.events()),
    "suggestions": lambda library: suggested(library, "a dog with ann"),
    "newest photos": lambda library: len(library.find("sort:date", bench_archive.PAGE).hits),
    "photos by path": lambda library: len(library.find("sort:path", bench_archive.PAGE).hits),
    "a search": lambda library: len(library.find("a lighthouse", bench_archive.PAGE).hits),
    "a short word": lambda library: len(library.find('"zy"', 5).hits),
}


def suggested(library: Library, line: str) -> int:
    """The number of photos of the first name that is suggested to a user who begins to type."""
    catalogue = library._engine.catalogue()
    assert isinstance(catalogue, LanceCatalogue)
    found = suggest(NameList(catalogue), None, line, 8)
    return found[0].photos or 0


def costs_of_views(folder: Path, photos: int) -> tuple[dict[str, StorageTraffic], dict[str, int]]:
    """What each view asks of the storage after a change, of a machine that has shown it before."""
    settings = Settings.load(data_dir=folder / "data", cache_dir=folder / "cache")
    address = folder / "index" / "archive"
    bench_archive.fill(address, photos, settings)
    encoder = bench_archive.SyntheticEncoder(space_for(photos))
    costs, results_of = {}, {}
    with (
        counted_storage(folder) as storage,
        Library.open_archive("s3://index/archive", settings, encoder=encoder) as library,
    ):
        library.memory.warm_up()
        for view in VIEWS.values():
            view(library)
        writer = LanceWriter(address)
        vectors = next(space_for(photos).photos(50, seed=8))
        new = results(range(photos, photos + 50), vectors)
        writer.put([placed(each, photos + at) for at, each in enumerate(new)])
        writer.forget([path_of(number) for number in range(0, 3_000, 100)])
        time.sleep(1.1)
        library.photo_count()  # the versions of the tables are looked up
        for name, view in VIEWS.items():
            storage.take()
            results_of[name] = view(library)
            costs[name] = storage.take()
    return costs, results_of


def placed(result: IngestResult, number: int) -> IngestResult:
    """A photo with names, one of two letters among fifty, and with a place on the map."""
    named = bench_archive.named(result, number)
    assert named.facts is not None
    keywords = ("zy",) if number % 50 == 7 else named.facts.keywords
    facts = replace(named.facts, lat=45.0 + number % 90 / 10, lon=12.0, keywords=keywords)
    return replace(named, facts=facts)


def test_no_view_asks_for_more_in_a_larger_archive(tmp_path: Path) -> None:
    """Views of an archive of three times as many photos cost as many requests and bytes."""
    small, of_small = costs_of_views(tmp_path / "small", SMALL)
    large, of_large = costs_of_views(tmp_path / "large", LARGE)
    for name in VIEWS:
        own, other = small[name], large[name]
        assert other.count() <= own.count() + 5, (name, own.by_table, other.by_table)
        assert other.sent_bytes <= 1.2 * own.sent_bytes + 50_000, (name, own.by_table)
    expected = dict.fromkeys(("timeline", "places", "cameras", "keywords", "days", "events"))
    assert {name: of_small[name] for name in expected} == dict.fromkeys(expected, SMALL + 20)
    assert {name: of_large[name] for name in expected} == dict.fromkeys(expected, LARGE + 20)
    assert of_small["map"] == of_large["map"] == 50
    assert of_small["newest photos"] == of_large["photos by path"] == bench_archive.PAGE
    assert of_large["suggestions"] > of_small["suggestions"] > 100
