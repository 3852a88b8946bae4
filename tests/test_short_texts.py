"""A few words are searched for with their vector less a share of the mean vector of many nouns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from imgsearch import Library, Settings
from imgsearch.encoders.base import Encoder
from imgsearch.encoders.prompts import embed_texts
from imgsearch.index.live import LiveIndex
from imgsearch.search.baseline import LibraryBaseline, mean_noun_of, nouns
from imgsearch.search.confidence import MIN_PHOTOS
from imgsearch.search.hubness import hubness_shares
from imgsearch.search.library_photos import LibraryPhotos
from imgsearch.search.short_texts import (
    distinct_texts,
    less_mean_noun,
    mean_noun_share,
    meant_vectors,
    text_kind,
    texts_meant,
)
from imgsearch.store.reads import Reads
from tests.factories import cosines, random_vectors, unit

NAME = "lite"
CAPTION = "a cat with green eyes looks into the camera"


def test_less_of_what_all_nouns_have_in_common_is_left() -> None:
    common = unit(np.eye(1, 32, dtype=np.float32))
    words = unit(random_vectors(20, 32) + common)
    mean = words.mean(axis=0)
    rows = less_mean_noun(words, mean, 0.75)
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert (np.abs(rows @ mean) < np.abs(words @ mean)).mean() > 0.9
    assert np.allclose(less_mean_noun(words, mean, 0), words, atol=1e-6)
    # Photos are ordered by their own score less that share of their score with the mean noun.
    photos = random_vectors(50, 32, seed=3)
    order = np.argsort(-(photos @ rows[0]))
    assert (order == np.argsort(-(photos @ words[0] - 0.75 * (photos @ mean)))).all()


def test_only_short_texts_change_and_a_group_is_the_mean_of_its_texts() -> None:
    texts = ["a cat", "dogs", CAPTION]
    vectors = dict(zip(texts, random_vectors(3, 16), strict=True))
    mean = random_vectors(1, 16, seed=5)[0] / 2

    def embedded(groups: list[tuple[str, ...]]) -> np.ndarray:
        return np.array([vectors[text] for text in distinct_texts(groups)])

    groups = [("a cat",), (CAPTION,), ("a cat", "dogs")]
    assert distinct_texts(groups) == ["a cat", CAPTION, "dogs"], "each text once"
    cat, caption, both = meant_vectors(NAME, groups, embedded(groups), mean)
    assert np.allclose(caption, vectors[CAPTION], atol=1e-6)
    assert not np.allclose(cat, vectors["a cat"], atol=1e-2)
    (dogs,) = meant_vectors(NAME, [("dogs",)], embedded([("dogs",)]), mean)
    assert np.allclose(both, unit((cat + dogs)[None])[0], atol=1e-6)
    (bare,) = meant_vectors(NAME, [("a cat",)], embedded([("a cat",)]), None)
    assert np.allclose(bare, vectors["a cat"], atol=1e-6), "without a mean noun nothing changes"


def test_a_line_of_clauses_is_searched_for_as_a_whole_and_by_its_clauses() -> None:
    dog, day = "a brown dog runs over the beach", "it was on that day"
    line = f"{dog}. {day}"
    group = texts_meant("lite/2:id", line)
    assert group == (line, dog, day)
    vectors = dict(zip(group, random_vectors(3, 64), strict=True))
    (found,) = meant_vectors(NAME, [group], [vectors[text] for text in group], None)
    alone = vectors[line] @ vectors[dog]
    assert found @ vectors[dog] > found @ vectors[day] + 0.2, "which no photo shows"
    assert found @ vectors[line] > 0.6 > alone
    for one in (dog, "a dog, a cat"):
        assert texts_meant("lite/2:id", one) == (one,)


def test_a_line_that_is_too_long_for_a_model_is_searched_for_by_its_clauses() -> None:
    clauses = [f"a brown dog number {number} runs over the sand" for number in range(12)]
    line = ". ".join(clauses)
    for encoder_id in ("lite/2:id", "openclip:ViT-B-32/openai@id"):
        assert texts_meant(encoder_id, line) == tuple(clauses)
    assert texts_meant("openclip:ViT-B-32/openai@id", ". ".join(clauses[:3])) == (
        ". ".join(clauses[:3]),
    ), "not measured"


def test_encoders_that_were_not_measured_search_for_what_they_embed() -> None:
    assert mean_noun_share("lite/2:id") == mean_noun_share("lite/2+views:id") > 0
    for encoder_id in ("openclip:ViT-B-32/openai@id", "nobody-knows-it/1"):
        assert mean_noun_share(encoder_id) == 0


@pytest.fixture
def small(tmp_path: Path, demo_photos: Path, model_cache: Path) -> Iterator[Library]:
    """A library of fewer photos than a score baseline needs, in the folder `photos`."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for photo in sorted(demo_photos.iterdir())[: MIN_PHOTOS - 1]:
        (folder / photo.name).write_bytes(photo.read_bytes())
    settings = Settings.load(
        data_dir=tmp_path / "library", cache_dir=model_cache, encoder=NAME, service="off"
    )
    with Library.open(settings) as library:
        library.index([folder]).run()
        yield library


def scores(library: Library, text: str) -> dict[str, float]:
    """The cosines of all photos: scores without the hubness that is subtracted from them."""
    hits = library.find(f'"{text}"', k=50).hits
    reads = Reads.open(library.settings.data_dir)
    row = reads.encoders.in_use()
    shares = hubness_shares(row.encoder_id)
    values = dict(zip(*(column.tolist() for column in reads.vectors.hubness(row.key)), strict=True))
    reads.close()
    share = shares.short if text_kind(NAME, text) == "short" else shares.text
    return {
        hit.path.name: hit.score + share * (values[hit.photo.id] - shares.usual)
        for hit in hits
        if hit.score is not None
    }


def test_a_library_that_gets_a_baseline_goes_on_with_the_vectors_in_the_cache(
    small: Library, tmp_path: Path, demo_photos: Path, lite: Encoder
) -> None:
    before = {text: scores(small, text) for text in ("a cat", CAPTION)}
    for photo in demo_photos.iterdir():
        (tmp_path / "photos" / photo.name).write_bytes(photo.read_bytes())
    small.index().run()
    cat, caption = (scores(small, text) for text in ("a cat", CAPTION))
    for name, score in before[CAPTION].items():
        assert caption[name] == pytest.approx(score, abs=1e-5), "a caption is never changed"

    reads = Reads.open(tmp_path / "library")
    row = reads.encoders.in_use()
    mean_noun = mean_noun_of(reads.encoders.baseline(row.key), row.encoder_id)
    assert mean_noun is not None
    (bare,) = embed_texts(lite, NAME, ["a cat"])
    (expected,) = less_mean_noun(bare[None], mean_noun, mean_noun_share(row.encoder_id))
    hits = small.find('"a cat"', k=50).hits
    parts = reads.vectors.parts(row.key, [hit.photo.id for hit in hits])
    for hit in hits:
        vectors, name = parts[hit.photo.id].vectors, hit.path.name
        assert cat[name] == pytest.approx((vectors @ expected).max(), abs=2e-3)
        if name in before["a cat"]:
            assert before["a cat"][name] == pytest.approx((vectors @ bare).max(), abs=2e-3)
    assert max(abs(cat[name] - before["a cat"][name]) for name in before["a cat"]) > 0.02
    reads.close()


def test_explain_gives_the_score_of_the_search(small: Library, demo: Library) -> None:
    for library in (small, demo):
        for line in ("cat", "people", '"a cat" -motorcycle', "-people"):
            hit = library.find(line).hits[0]
            explanation = library.explain(hit.path, line)
            assert explanation.score == pytest.approx(hit.score, abs=1e-5)
            total = sum(share.share for share in explanation.shares) + (explanation.hubness or 0.0)
            assert total == pytest.approx(hit.score, abs=1e-5)


def test_the_nouns_of_the_baseline_are_searched_for_in_the_same_way(demo: Library) -> None:
    reads = Reads.open(demo.settings.data_dir)
    row = reads.encoders.in_use()
    catalogue = LibraryPhotos(reads, row, LiveIndex(reads, row.key), {})
    stored, baseline = reads.encoders.baseline(row.key), LibraryBaseline.read(catalogue)
    assert stored is not None and baseline is not None and baseline.mean_noun is not None
    assert all(text_kind(NAME, text) == "short" for text in nouns()[:50])
    alike_before, alike = (
        cosines(rows, np.roll(rows, 1, axis=0)).mean()
        for rows in (stored.nouns, baseline.scores.nouns)
    )
    assert alike < alike_before - 0.1, "less alike, as queries of a few words are"
    assert np.array_equal(baseline.scores.prompts, stored.prompts)
    reads.close()
