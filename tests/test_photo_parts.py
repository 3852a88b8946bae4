"""Photos with several parts: each is one result, by its best part, wherever vectors are read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from imgsearch import Library, Settings
from imgsearch.analysis import captions
from imgsearch.decode.reader import decode
from imgsearch.decode.tiles import DEFAULT_TILING, images_to_embed, tiles
from imgsearch.index.build import build_snapshot
from imgsearch.index.check import check_recall
from imgsearch.index.live import LiveIndex
from imgsearch.index.policy import IndexPolicy, IndexSpec
from imgsearch.progress import Job
from imgsearch.records.files import Decoded
from imgsearch.records.index import EncoderRow
from imgsearch.records.photo import Facts
from imgsearch.search import baseline
from imgsearch.search.library_photos import LibraryPhotos
from imgsearch.store.reading.vectors import photo_starts
from imgsearch.store.store import Store
from tests.factories import ingested, random_vectors, unit
from tests.stand_in import StandIn

DIM = 16
PHOTOS, MOST = 400, 9
# Every kind of index with a few hundred vectors: none, exact, and lists of which few are probed.
POLICIES = {
    "flat": IndexPolicy(((0, IndexSpec("flat")),)),
    "whole": IndexPolicy(((0, IndexSpec("ivf", {"nlist": 8})),)),
    "probed": IndexPolicy(((0, IndexSpec("ivfpq")),), recall_target=0.6),
}


def vectors_of(count: int, seed: int = 1) -> np.ndarray:
    return random_vectors(count, DIM, seed)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    (tmp_path / "library").mkdir()
    with Store.open(tmp_path / "library", writable=True) as opened:
        yield opened


def fill(store: Store) -> tuple[EncoderRow, dict[int, np.ndarray]]:
    """Photos with one part, every third with up to MOST; returns the vectors of each photo."""
    root_id = store.files.add_root("/photos")
    row = store.vectors.add_encoder("made@1", "lite", DIM)
    rng = np.random.default_rng(3)
    counts = [int(rng.integers(2, MOST + 1)) if n % 3 == 0 else 1 for n in range(PHOTOS)]
    photos = [
        ingested(f"/photos/{number}.jpg", vectors_of(count, seed=number + 100))
        for number, count in enumerate(counts)
    ]
    store.record(root_id, row.key, photos)
    own = store.reads.vectors.parts(row.key, range(1, PHOTOS + 1))
    assert len(own) == PHOTOS
    return row, {photo_id: parts.vectors for photo_id, parts in own.items()}


def truth(own: dict[int, np.ndarray], query: np.ndarray) -> list[tuple[int, float]]:
    scores = {photo_id: float((parts @ query).max()) for photo_id, parts in own.items()}
    return sorted(scores.items(), key=lambda item: -item[1])


# ---------------------------------------------------------------------------- panoramas


@given(st.integers(64, 3000), st.integers(64, 3000))
def test_tiles_are_square_windows_from_end_to_end(width_px: int, height_px: int) -> None:
    boxes = tiles(width_px, height_px)
    long_px, short_px = max(width_px, height_px), min(width_px, height_px)
    assert bool(boxes) == (long_px > 2 * short_px)
    along = 0 if width_px > height_px else 1
    ends = [(box[along], box[along + 2]) for box in boxes]
    across = {(box[1 - along], box[3 - along]) for box in boxes}
    assert across <= {(0, short_px)}
    if not boxes:
        return
    assert (ends[0][0], ends[-1][1], len(ends) <= DEFAULT_TILING.max_tiles) == (0, long_px, True)
    length_px = ends[0][1]
    assert all(stop - start == length_px >= short_px for start, stop in ends)
    assert length_px <= short_px + 1 or len(ends) == DEFAULT_TILING.max_tiles, (
        "longer only where it must be"
    )
    for (_, stop), (start, _) in pairwise(ends):
        assert stop - start >= DEFAULT_TILING.overlap * length_px - 1


def test_a_very_thin_strip_has_no_tiles() -> None:
    strip = Image.new("RGB", (500, 49))
    assert images_to_embed(Decoded(strip, Facts("JPEG", 500, 49))) == ([strip], ())


def test_a_panorama_is_decoded_with_enough_pixels_for_its_tiles(tmp_path: Path) -> None:
    Image.new("RGB", (6000, 1200), "teal").save(tmp_path / "wide.jpg")
    images, times_s = images_to_embed(decode(tmp_path / "wide.jpg", 260))
    assert (len(images), times_s) == (1 + 7, ())
    assert all(min(image.size) >= 260 for image in images)


@pytest.fixture(scope="module")
def wide(demo_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """The demo photos without cat, coffee and motorcycle: these are in panoramas."""
    photos = tmp_path_factory.mktemp("wide")
    joined = ["chelsea.png", "coffee.png", "motorcycle_left.png"]
    for path in demo_photos.iterdir():
        if path.name not in joined:
            (photos / path.name).write_bytes(path.read_bytes())
    row = [Image.open(demo_photos / name).convert("RGB").resize((450, 300)) for name in joined]
    panorama = Image.new("RGB", (1350, 300))
    for place, image in enumerate(row):
        panorama.paste(image, (450 * place, 0))
    panorama.save(photos / "panorama.jpg", quality=92)
    panorama.rotate(90, expand=True).save(photos / "column.jpg", quality=92)
    settings = Settings.load(data_dir=tmp_path_factory.mktemp("wide-library"), encoder="lite")
    with Library.open(settings) as opened:
        opened.index([photos]).run()
        yield opened


@pytest.mark.parametrize("text", ["a cat", "a cup of coffee", "a motorcycle"])
def test_subjects_at_the_ends_of_a_panorama_are_found(wide: Library, text: str) -> None:
    hits = wide.search(text, k=30)
    # The column shows the same, lying on its side.
    assert {hit.path.name for hit in hits[:2]} == {"panorama.jpg", "column.jpg"}
    assert all(hit.at_s is None for hit in hits[:2])
    names = [hit.path.name for hit in hits]
    assert len(names) == len(set(names)) == wide.photo_count(), "every photo once"


def test_a_panorama_counts_as_one_photo_everywhere(wide: Library) -> None:
    status = wide.status()
    photos = [hit.photo for hit in wide.find("is:online", k=30).hits]
    further = sum(len(tiles(photo.width_px, photo.height_px)) for photo in photos)
    assert further >= 2 * 6
    assert (status.photos, status.vectors) == (len(photos), len(photos) + further)
    verdict = wide.find("a cat", k=3).verdict
    assert verdict is not None and verdict.found
    assert not verdict.more and verdict.sure + verdict.likely <= status.photos


@pytest.mark.features("labels")
def test_a_panorama_gets_one_label(wide: Library) -> None:
    from imgsearch.features.labels.records import Classes

    found = wide.label(Classes(("a cat", "a cup of coffee")))
    assert len(found) == len({label.photo_id for label in found}) == wide.photo_count()


def test_explain_shows_the_score_of_the_hit(wide: Library) -> None:
    hit = wide.search('"a cup of coffee" -sea', k=1)[0]
    explained = wide.explain(hit.path, '"a cup of coffee" -sea')
    assert explained.rank == 1
    assert explained.score == pytest.approx(hit.score, abs=1e-5)
    total = sum(share.share for share in explained.shares) + (explained.hubness or 0.0)
    assert total == pytest.approx(hit.score, abs=1e-5)


def test_a_panorama_as_example_is_the_whole_photo(wide: Library, tmp_path: Path) -> None:
    (hit,) = wide.search("a cat", k=1)
    by_id = wide.find(f"photo:{hit.photo.id}", k=5).hits
    assert hit.photo.id not in {hit.photo.id for hit in by_id}
    by_file = wide.search(image=hit.path, k=5)
    assert [hit.photo.id for hit in by_file] == [hit.photo.id for hit in by_id]


def test_pages_show_every_photo_once(wide: Library) -> None:
    shown, cursor = [], None
    while True:
        page = wide.find("a cat", 4, cursor)
        shown += [hit.photo.id for hit in page.hits]
        cursor = page.cursor
        if cursor is None:
            break
    assert len(shown) == len(set(shown)) == wide.photo_count()


def test_a_rebuild_embeds_the_tiles_too(stand_in: StandIn, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for number in range(20):
        shape = (90, 30, 3) if number % 2 else (64, 64, 3)
        pixels = np.random.default_rng(number).integers(0, 256, shape, np.uint8)
        Image.fromarray(pixels).resize((shape[1] * 3, shape[0] * 3)).save(
            tmp_path / "photos" / f"{number}.png"
        )
    settings = Settings.load(data_dir=tmp_path / "library", encoder="lite")
    with Library.open(settings, encoder=stand_in) as library:
        library.index([tmp_path / "photos"]).run()
        before = library.status().vectors
        assert before == stand_in.embedded == 10 + 10 * (1 + len(tiles(18, 54)))
        stand_in.id = "lite/newer"
        report = library.rebuild("lite").run()
        assert (report.vectors, report.missing) == (before, 0)
        assert library.status().photos == 20
        assert len(library.search("anything", k=50)) == 20


# ---------------------------------------------------------------------------- vectors


@pytest.mark.parametrize("chunk_rows", [1, 7, 100, 20_000])
def test_all_parts_of_a_photo_are_in_one_chunk(store: Store, chunk_rows: int) -> None:
    row, own = fill(store)
    seen: dict[int, np.ndarray] = {}
    for _, ids, vectors in store.reads.vectors.chunks(row.key, chunk_rows=chunk_rows):
        starts = photo_starts(ids)
        assert len(starts) == len(set(ids.tolist()))
        for photo_id, parts in zip(
            ids[starts].tolist(), np.split(vectors, starts[1:]), strict=True
        ):
            assert photo_id not in seen
            seen[photo_id] = parts
    assert seen.keys() == own.keys()
    assert all(np.array_equal(seen[photo_id], own[photo_id]) for photo_id in own)


def test_times_are_stored_and_survive_when_a_photo_returns(store: Store) -> None:
    root_id = store.files.add_root("/photos")
    key = store.vectors.add_encoder("made@1", "made", DIM).key
    path, times_s = "/photos/a.mp4", (4.0, 0.0, 8.5)
    video = ingested(path, vectors_of(3), facts=Facts("VIDEO", 8, 8), times_s=times_s)
    store.record(root_id, key, [video])
    before = store.reads.vectors.parts(key, [1])[1]
    assert before.times_s == times_s
    assert np.allclose(before.vectors, vectors_of(3), atol=1e-3)
    store.files.forget(root_id, [path])
    store.record(root_id, key, [ingested(path)])
    assert store.reads.vectors.last_seq(key) == 6, "its vectors have new numbers"
    after = store.reads.vectors.parts(key, [1])[1]
    assert after.times_s == times_s and np.array_equal(after.vectors, before.vectors)


@pytest.mark.parametrize("kind", POLICIES)
def test_a_search_returns_each_photo_once_by_its_best_part(store: Store, kind: str) -> None:
    row, own = fill(store)
    policy = POLICIES[kind]
    build_snapshot(store, row.key, row.encoder_id, policy=policy)
    index = LiveIndex(store.reads, row.key, policy)
    for query in vectors_of(20, seed=7):
        best = truth(own, query)
        exact = dict(best)
        for k in (1, 10, 150, PHOTOS, PHOTOS + 50):
            (near,) = index.search(query[None], k, kind="image")
            ids = near.ids.tolist()
            assert len(ids) == len(set(ids)) == min(k, PHOTOS)
            assert near.scores.tolist() == pytest.approx([exact[i] for i in ids], abs=1e-5)
            if kind != "probed" or k >= PHOTOS:
                assert near.scores.tolist() == pytest.approx(
                    [score for _, score in best[:k]], abs=1e-5
                )
        only = np.arange(1, PHOTOS + 1, 2)
        (near,) = index.search(query[None], 50, only)
        inside = [pair for pair in best if pair[0] % 2]
        assert kind == "probed" or near.ids.tolist() == [photo_id for photo_id, _ in inside[:50]]


@pytest.mark.slow
def test_recall_is_counted_in_photos(store: Store) -> None:
    """Ten parts a photo: the ten best photos are not among the ten best vectors."""
    root_id = store.files.add_root("/photos")
    key = store.vectors.add_encoder("made@1", "made", DIM).key
    rng = np.random.default_rng(5)
    photos = [
        ingested(f"/photos/{number}.jpg", unit(middle + 0.05 * rng.normal(size=(10, DIM))))
        for number, middle in enumerate(vectors_of(300, seed=2))
    ]
    store.record(root_id, key, photos)
    policy = IndexPolicy(((0, IndexSpec("ivfpq")),))
    info = build_snapshot(store, key, "made@1", policy=policy)
    assert int(info.details["nprobe_image"]) < int(info.details["nlist"])
    report = check_recall(store, key, lambda texts: vectors_of(len(texts), seed=9), policy)
    assert report.image.mean >= 0.95


class FixedTexts(StandIn):
    """An encoder that gives each text the vector that it was made with."""

    dim = DIM

    def __init__(self, texts: Sequence[str], vectors: np.ndarray) -> None:
        super().__init__()
        self._vectors = dict(zip(texts, vectors, strict=True))

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        return np.stack([self._vectors[text] for text in texts])


@pytest.mark.features("labels")
def test_a_photo_gets_one_label_however_large_the_chunks(store: Store) -> None:
    from imgsearch.features.labels import labelling as labels
    from imgsearch.features.labels.records import Classes
    from imgsearch.features.labels.store import LabelStore

    row, own = fill(store)
    rows = vectors_of(3, seed=21)
    classes = Classes(("one", "two", "three"), template="{}", none_of_these=False)
    encoder = FixedTexts(classes.names, rows)
    expected = {
        photo_id: classes.names[int((parts @ rows.T).max(axis=0).argmax())]
        for photo_id, parts in own.items()
    }
    assert len({*expected.values()}) == 3
    for chunk_rows in (3, 50, 10_000):
        facet = labels.save_facet(store, f"in chunks of {chunk_rows}", classes)
        labels.update_facets(store, row, lambda: encoder, chunk_rows)
        facets = LabelStore(store.database)
        assert sum(facets.counts(facet.id).values()) == PHOTOS
        assigned = {photo_id: facets.of_photo(photo_id)[facet.name].name for photo_id in own}
        assert assigned == expected


def test_captions_are_ranked_among_photos(store: Store) -> None:
    row, own = fill(store)
    queries = vectors_of(30, seed=13)
    texts = tuple(f"caption number {number} of this test." for number in range(30))
    photos = [truth(own, query)[at][0] for at, query in enumerate(queries)]  # of known rank
    index = LiveIndex(store.reads, row.key)
    evaluation = captions.evaluate_captions(
        store,
        LibraryPhotos(store.reads, row, index, {}),
        FixedTexts(texts, queries),
        index,
        captions.Captions(texts, tuple(photos), 0),
    )
    assert (evaluation.photos, evaluation.index_recall) == (PHOTOS, 1.0)
    assert evaluation.recall_at_10 == pytest.approx(10 / 30)
    assert evaluation.median_rank == pytest.approx(15.5, abs=0.5)


def test_the_baseline_counts_photos(store: Store) -> None:
    root_id = store.files.add_root("/photos")
    row = store.vectors.add_encoder("made@1", "lite", DIM)
    few = [ingested(f"/photos/{n}", vectors_of(9, n)) for n in range(11)]
    store.record(root_id, row.key, few)
    assert not baseline.refresh(store, row, lambda texts: vectors_of(len(texts)))
    store.record(root_id, row.key, [ingested("/photos/x", vectors_of(9, 99))])
    assert baseline.refresh(store, row, lambda texts: vectors_of(len(texts)))
    scores = store.reads.encoders.baseline(row.key)
    assert scores is not None and len(scores.photos) == 12
    wholes = np.stack([vectors_of(9, seed)[0] for seed in (*range(11), 99)])
    assert np.allclose(scores.mean, wholes.mean(axis=0), atol=1e-3)


@pytest.mark.features("duplicates")
def test_duplicates_are_compared_as_whole_photos(store: Store, tmp_path: Path) -> None:
    from imgsearch.features.duplicates import pairs

    root_id = store.files.add_root("/photos")
    key = store.vectors.add_encoder("made@1", "made", DIM).key
    sky, first, second = vectors_of(1, 1), vectors_of(1, 2), vectors_of(1, 3)
    photos = [
        np.concatenate(rows) for rows in ([first, sky], [second, sky], [first, second], [first])
    ]
    store.record(root_id, key, [ingested(f"/photos/{n}", rows) for n, rows in enumerate(photos)])
    reads = store.reads
    index = LiveIndex(reads, key)
    catalogue = LibraryPhotos(reads, reads.encoders.in_use(), index, {})
    found = Job(pairs.find_pairs(catalogue, tmp_path, 0.9)).run()
    assert {(pair.a, pair.b) for pair in found.pairs} == {(1, 3), (1, 4), (3, 4)}
