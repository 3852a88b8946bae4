"""Scores of texts are less a share of a photo's hubness: how near it is to texts of all kinds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from imgsearch import Library
from imgsearch.encoders.base import HubnessShares
from imgsearch.index.build import build_snapshot
from imgsearch.index.live import LiveIndex
from imgsearch.records.answer import Neighbours
from imgsearch.records.arrays import Ids, Vector, Vectors
from imgsearch.records.photo import PhotoVectors
from imgsearch.search import hubness
from imgsearch.search.library_photos import LibraryPhotos
from imgsearch.store.store import Store
from tests.catalogue_writer import DIM, photo
from tests.factories import random_vectors, unit

LITE = "lite/2:test"  # an id of an encoder that subtracts hubness
PHOTOS = 6_000  # more than an index of one exact matrix has


# ------------------------------------------------------------------------- the bank


def test_the_bank_has_as_many_texts_of_each_kind_short_and_long() -> None:
    texts = hubness.bank_texts()
    assert len(texts) == len(set(texts)) >= 2_000
    words = [len(text.split()) for text in texts]
    assert sum(count <= 3 for count in words) >= 400
    assert sum(count >= 7 for count in words) >= 400
    assert not any("{" in text or " = " in text for text in texts)


# ------------------------------------------------------------------------- the number of a photo


def test_the_nearest_texts_count_and_the_best_part_of_a_photo() -> None:
    bank = unit(random_vectors(40, 16, seed=1))
    rows = unit(random_vectors(5, 16, seed=2))
    whole, parts = hubness.hubness_of(rows, np.array([0, 2]), bank)
    scores = rows @ bank.T
    best = [scores[:2].max(axis=0), scores[2:].max(axis=0)]
    expected = [np.sort(each)[-hubness.NEAREST_TEXTS :].mean() for each in best]
    assert (whole, parts) == (pytest.approx(expected[0]), pytest.approx(expected[1]))


def test_photos_are_compared_in_blocks_as_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, bank = unit(random_vectors(23, 16, seed=3)), unit(random_vectors(30, 16, seed=4))
    starts = np.array([0, 1, 4, 9, 10, 15, 22])
    whole = hubness.hubness_of(rows, starts, bank)
    monkeypatch.setattr(hubness, "_BLOCK_ROWS", 3)
    assert np.allclose(hubness.hubness_of(rows, starts, bank), whole)


# ------------------------------------------------------------------------- a library


class Stored:
    """A store of photos with vectors of `lite`, and a bank that is embedded by a random table."""

    def __init__(self, folder: Path, photos: int) -> None:
        self.folder = folder
        (folder / "library").mkdir()
        self.store = Store.open(folder / "library", writable=True)
        self.store.files.add_root("/photos")
        self.row = self.store.vectors.add_encoder(LITE, "lite", DIM)
        self.embedded: list[int] = []
        self.add(range(photos))

    def add(self, numbers: Sequence[int]) -> None:
        self.store.put(self.row.key, [photo(number, f"/photos/{number}.jpg") for number in numbers])

    def refresh(self) -> bool:
        return hubness.refresh(self.store, self.row, self.folder / "cache", self.embed)

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.embedded.append(len(texts))
        return unit(random_vectors(len(texts), DIM, seed=9))

    def photos(self) -> LibraryPhotos:
        reads = self.store.reads
        return LibraryPhotos(reads, self.row, LiveIndex(reads, self.row.key), {1: True})

    def vectors(self) -> tuple[np.ndarray, Vectors]:
        ((_, ids, rows),) = self.store.reads.vectors.chunks(self.row.key, chunk_rows=PHOTOS * 2)
        return ids, rows

    def values(self) -> Vector:
        ids, values = self.store.reads.vectors.hubness(self.row.key)
        assert ids.tolist() == np.unique(self.vectors()[0]).tolist()
        return values


@pytest.fixture
def stored(tmp_path: Path) -> Iterator[Callable[[int], Stored]]:
    made: list[Stored] = []

    def make(photos: int) -> Stored:
        made.append(Stored(tmp_path, photos))
        return made[-1]

    yield make
    for each in made:
        each.store.close()


def test_photos_are_compared_once_and_new_ones_with_the_kept_bank(
    stored: Callable[[int], Stored],
) -> None:
    library = stored(30)
    assert library.refresh() and not library.refresh()
    before = library.values()
    library.add(range(30, 40))
    assert library.refresh()
    assert library.embedded == [len(hubness.bank_texts())], "once on a machine"
    after = library.values()
    assert len(after) == 40 and np.array_equal(after[:30], before)
    (library.folder / "cache" / hubness.FOLDER).rename(library.folder / "lost")
    library.add([40])
    assert library.refresh() and len(library.embedded) == 2, "an emptied cache is filled again"


def test_another_bank_compares_all_photos_anew_and_goes_on_after_an_interruption(
    stored: Callable[[int], Stored], monkeypatch: pytest.MonkeyPatch
) -> None:
    library = stored(30)
    library.refresh()
    before = library.values()
    monkeypatch.setattr(hubness, "bank_texts", lambda: ("a cat", "a dog", "a boat"))
    add_hubness, chunks = library.store.vectors.add_hubness, library.store.reads.vectors.chunks
    monkeypatch.setattr(
        library.store.reads.vectors, "chunks", lambda key, after: chunks(key, after, 10)
    )

    def interrupted(*values: object) -> None:
        add_hubness(*values)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    monkeypatch.setattr(library.store.vectors, "add_hubness", interrupted)
    with pytest.raises(KeyboardInterrupt):
        library.refresh()
    ids, values = library.store.reads.vectors.hubness(library.row.key)
    assert 0 < len(ids) < 30, "values of two banks are not mixed"
    monkeypatch.setattr(library.store.vectors, "add_hubness", add_hubness)
    assert library.refresh() and not library.refresh()
    monkeypatch.undo()
    assert not np.isclose(library.values(), before).any()
    assert np.array_equal(library.values()[: len(values)], values), "it went on where it was"


def test_a_photo_that_is_embedded_again_is_compared_again(
    stored: Callable[[int], Stored], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imgsearch.store.vectors._BLOCK_PHOTOS", 7)  # in several blocks
    library = stored(5)
    for first in range(5, 30, 5):
        library.refresh()
        library.add(range(first, first + 5))
    library.refresh()
    before = library.values()
    ids, _ = library.vectors()
    new = unit(random_vectors(1, DIM, seed=77))
    library.store.vectors.delete_of(library.row.key, [int(ids[0])])
    library.store.vectors.add(library.row.key, {int(ids[0]): PhotoVectors(new)})
    library.refresh()
    after = library.values()
    assert len(after) == 30 and np.array_equal(after[1:], before[1:]) and after[0] != before[0]


def test_an_encoder_without_a_share_has_no_hubness(stored: Callable[[int], Stored]) -> None:
    library = stored(5)
    library.row = library.store.vectors.add_encoder("openclip:ViT-B-32/openai@x", "x", DIM)
    assert hubness.hubness_shares(library.row.encoder_id) == HubnessShares()
    assert not library.refresh() and not library.embedded


@pytest.mark.parametrize("has_index", [False, True])
def test_the_best_photos_are_found_however_hubness_reorders_them(
    stored: Callable[[int], Stored], has_index: bool
) -> None:
    library = stored(PHOTOS if has_index else 400)
    library.refresh()
    if has_index:
        build_snapshot(library.store, library.row.key, LITE)
    # One photo is so far from all texts that it passes nearly all others.
    ids, rows = library.vectors()
    far = int(ids[np.argsort(rows @ rows[0])[len(rows) // 2]])
    source = library.store.vectors.hubness_source(library.row.key)
    assert source is not None
    bank, last_seq = source
    library.store.vectors.add_hubness(
        library.row.key, bank, last_seq + 1, np.array([far]), np.array([-5.0], np.float32)
    )
    values = dict(zip(np.unique(ids).tolist(), library.values().tolist(), strict=True))
    usual = hubness.hubness_shares(LITE).usual
    photos = library.photos()
    for share in (0.5, 0.3, 0.0):
        best: dict[int, float] = {}
        for photo_id, cosine in zip(ids.tolist(), (rows @ rows[0]).tolist(), strict=True):
            score = cosine - share * (values[photo_id] - usual)
            best[photo_id] = max(score, best.get(photo_id, -9.0))
        expected = sorted(best, key=lambda each: (-best[each], each))
        for k in (1, 20, len(best) + 3):
            found = photos.nearest_neighbours(rows[0], k, kind="text", hubness_share=share)
            assert found.ids.tolist()[:20] == expected[:k][:20]  # later ones may be equal
            assert len(set(found.ids.tolist())) == min(k, len(best))
            assert np.allclose(found.scores, [best[each] for each in expected[:k]], atol=1e-5)
        assert photos.less_hubness(
            far, float(rows[np.flatnonzero(ids == far)[0]] @ rows[0]), share
        ) == pytest.approx(best[far], abs=0.01 if (ids == far).sum() == 1 else 2)


class CountedTexts:
    """An index that says whether it is exact, and counts how often it is searched."""

    def __init__(self, index: LiveIndex, is_exact: bool) -> None:
        self._index = index
        self.is_exact = is_exact
        self.fetched: list[int] = []

    def search(
        self, queries: Vectors, k: int, only: Ids | None = None, *, kind: Literal["text", "image"]
    ) -> list[Neighbours]:
        self.fetched.append(k)
        return self._index.search(queries, k, only, kind=kind)


def test_an_index_that_may_miss_photos_is_asked_once_and_for_fewer(
    stored: Callable[[int], Stored],
) -> None:
    library = stored(400)
    library.refresh()
    ids, rows = library.vectors()
    source = library.store.vectors.hubness_source(library.row.key)
    assert source is not None
    library.store.vectors.add_hubness(  # no search is settled before it has all photos
        library.row.key, source[0], source[1] + 1, ids[-1:], np.array([-50.0], np.float32)
    )
    reads = library.store.reads
    asked: dict[bool, list[int]] = {}
    for is_exact in (True, False):
        index = CountedTexts(LiveIndex(reads, library.row.key), is_exact)
        photos = LibraryPhotos(reads, library.row, index, {1: True})
        found = photos.nearest_neighbours(rows[0], 10, kind="text", hubness_share=0.5)
        assert len(found.ids) == 10 and sorted(found.scores.tolist())[::-1] == found.scores.tolist()
        asked[is_exact] = index.fetched
    assert len(asked[False]) == 1 < len(asked[True]) and asked[False][0] < asked[True][0]


def test_a_photo_that_was_not_compared_yet_is_a_usual_one(
    stored: Callable[[int], Stored],
) -> None:
    library = stored(40)
    library.refresh()
    library.add([40])
    ids, rows = library.vectors()
    new = int(ids[-1])
    found = library.photos().nearest_neighbours(rows[-1], 50, kind="text", hubness_share=0.5)
    scores = dict(zip(found.ids.tolist(), found.scores.tolist(), strict=True))
    assert scores[new] == pytest.approx((rows[ids == new] @ rows[-1]).max(), abs=1e-5)


# ------------------------------------------------------------------------- real photos


def test_an_answer_explains_its_scores_and_images_are_compared_as_they_are(
    demo: Library,
) -> None:
    answer = demo.find('"a cat with green eyes looks into the camera"', k=5)
    best = answer.hits[0]
    explanation = demo.explain(best.path, '"a cat with green eyes looks into the camera"')
    assert explanation.hubness is not None and abs(explanation.hubness) > 1e-4
    total = sum(share.share for share in explanation.shares) + explanation.hubness
    assert best.score == pytest.approx(explanation.score, abs=1e-5)
    assert best.score == pytest.approx(total, abs=1e-4)

    like = demo.explain(answer.hits[1].path, f"photo:{best.photo.id}")
    assert like.hubness is None
    assert like.score == pytest.approx(sum(share.share for share in like.shares), abs=1e-4)
    mixed = demo.explain(answer.hits[1].path, f'"{"a cat"}" photo:{best.photo.id}')
    assert mixed.hubness is not None
