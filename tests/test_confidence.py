"""Confidence: photos that are there are found, and missing things are reported as not found."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from imgsearch import Library
from imgsearch.language.everyday import is_everyday
from imgsearch.records.answer import Neighbours, ScoreBaseline, Verdict
from imgsearch.records.arrays import Vector, Vectors
from imgsearch.records.photo import PhotoCount
from imgsearch.search.composition import compose
from imgsearch.search.confidence import (
    MIN_PHOTOS,
    THRESHOLDS,
    ScoredQuery,
    answer_strength,
    assess,
    chance,
    unrelated_queries,
    unsure_hits,
)
from imgsearch.search.short_texts import texts_meant
from tests.factories import unit

LEVELS = ["weak", "possible", "likely", "sure"]


@pytest.mark.parametrize(
    ("words", "name", "state"),
    [
        ("a cat", "chelsea.png", "found"),
        ("cat", "chelsea.png", "found"),
        ("a red motorcycle leaning on its stand in a garage", "motorcycle_left.png", "found"),
        ("a temple", "china.jpg", "found"),
        ("a man looks through a camera on a tripod", "camera.png", "found"),
        ("a cup of coffee", "coffee.png", None),
        ("a rocket launch", "rocket.jpg", None),
    ],
)
def test_a_photo_that_matches_is_shown_first(
    demo: Library, words: str, name: str, state: str | None
) -> None:
    answer = demo.find(words)
    assert answer.verdict is not None and answer.verdict.state in (state or ("found", "unsure"))
    assert answer.hits[0].path.name == name
    shown = [hit for hit in answer.hits if hit.level != "weak"]
    assert 1 <= len(shown) <= 10, "the other photos, of different things, are folded away"


@pytest.mark.parametrize(
    "words",
    [
        "a guitar",
        "two kids jumping into a lake",
        "a brown dog catches a frisbee on the beach",
    ],
)
def test_a_missing_subject_is_not_found(demo: Library, words: str) -> None:
    answer = demo.find(words)
    assert answer.verdict is not None and answer.verdict.state == "nothing"
    assert {hit.level for hit in answer.hits} == {"weak"}
    assert str(answer.verdict) == "nothing here looks like that"


def test_an_unsure_answer_shows_the_nearest_photos_as_possible(demo: Library) -> None:
    answer = demo.find("a submarine")
    verdict = answer.verdict
    assert verdict is not None and verdict.state == "unsure" and not verdict.found
    levels = [hit.level for hit in answer.hits]
    assert 3 <= verdict.possible <= 10
    assert levels == ["possible"] * verdict.possible + ["weak"] * (len(levels) - verdict.possible)
    few = demo.find("a submarine type:jpeg", k=2)
    assert [hit.level for hit in few.hits] == ["possible", "possible"]


def is_found(library: Library, query: str) -> bool:
    verdict = library.find(query).verdict
    assert verdict is not None
    return verdict.found


def test_a_filter_does_not_make_other_photos_look_right(demo: Library) -> None:
    assert is_found(demo, "a cat name:chelsea")
    assert not is_found(demo, "a cat -name:chelsea")


def test_examples_are_assessed_too(demo: Library, demo_photos: Path, tmp_path: Path) -> None:
    from PIL import Image

    with Image.open(demo_photos / "motorcycle_left.png") as photo:
        photo.crop((80, 40, 650, 460)).save(tmp_path / "part.png")
    assert is_found(demo, f'image:"{tmp_path / "part.png"}"')
    assert not is_found(demo, "photo:1 name:grass")


def test_all_pages_have_the_same_verdict(demo: Library) -> None:
    first = demo.find("a temple", k=2)
    second = demo.find("a temple", k=2, cursor=first.cursor)
    assert first.verdict == second.verdict
    levels = [LEVELS.index(hit.level) for hit in (*first.hits, *second.hits) if hit.level]
    assert len(levels) == 4
    assert levels == sorted(levels, reverse=True)


def test_a_library_with_too_few_photos_has_no_verdict(library: Library, demo_photos: Path) -> None:
    few = sorted(demo_photos.iterdir())[: MIN_PHOTOS - 1]
    folder = library.settings.data_dir.parent / "few"
    folder.mkdir()
    for photo in few:
        (folder / photo.name).write_bytes(photo.read_bytes())
    library.index([folder]).run()
    answer = library.find("a cat")
    assert answer.verdict is None
    assert len(answer.hits) == len(few)
    assert {hit.level for hit in answer.hits} == {None}


# ------------------------------------------------------------------------- arithmetic


@given(st.floats(-1, 1), st.floats(-1, 1), st.lists(st.floats(-1, 1), min_size=3, max_size=3))
def test_a_higher_score_never_has_a_lower_level(
    score_a: float, score_b: float, bounds: list[float]
) -> None:
    possible_from, likely_from, sure_from = sorted(bounds)
    verdict = Verdict("found", 3.0, 1, 1, 1, False, sure_from, likely_from, possible_from)
    low, high = sorted((score_a, score_b))
    assert LEVELS.index(verdict.level(low)) <= LEVELS.index(verdict.level(high))


def test_a_verdict_as_text() -> None:
    assert str(Verdict("found", 3.5, 3, 8)) == "3 sure, 8 likely, nothing else"
    assert str(Verdict("found", 2.0, 0, 8, 12)) == "8 likely, 12 possible, nothing else"
    assert str(Verdict("found", 2.0, 0, 20, 180, more=True)) == "20 likely, 180 possible, and more"
    assert str(Verdict("unsure", 0.0, possible=7)) == "unsure, the 7 nearest are possible"
    assert str(Verdict("nothing", -2.0)) == "nothing here looks like that"


def test_chance_is_the_expected_largest_of_n_normal_values() -> None:
    rng = np.random.default_rng(5)
    for n in (20, 100, 1000):
        largest = rng.normal(size=(2000, n)).max(axis=1).mean()
        assert math.isclose(chance(n), largest, rel_tol=0.03)
    assert chance(1) == chance(MIN_PHOTOS)


def test_among_few_photos_and_of_examples_in_many_less_is_denied() -> None:
    text = ScoredQuery(np.ones(1, np.float32), [("text", 1.0)])
    mixed = ScoredQuery(np.ones(1, np.float32), [("short", 3.0), ("image", 1.0)])
    image = ScoredQuery(np.ones(1, np.float32), [("image", 1.0)])

    def bounds(query: ScoredQuery, *sizes: int) -> list[float]:
        return [THRESHOLDS.unsure_from(query, PhotoCount(n, n)) for n in sizes]

    of_text = bounds(text, 20, 50, 200, 2000, 20_000)
    assert of_text == sorted(of_text) and len(set(of_text)) == 5
    assert bounds(image, 20) == bounds(image, 200) == [THRESHOLDS.unsure_image]
    of_image = bounds(image, 200, 20_000, 100_000)
    assert of_image == sorted(of_image, reverse=True) and len(set(of_image)) == 3
    (own,), (example,), (of_both,) = (bounds(query, 5000) for query in (text, image, mixed))
    assert math.isclose(of_both, 0.75 * own + 0.25 * example)
    assert THRESHOLDS.found_from(text) == THRESHOLDS.found_text
    everyday = replace(text, everyday=True)
    assert THRESHOLDS.found_from(everyday) == THRESHOLDS.found_everyday < THRESHOLDS.found_short
    expected = 0.75 * THRESHOLDS.found_short + 0.25 * THRESHOLDS.found_image
    assert math.isclose(THRESHOLDS.found_from(mixed), expected)


def _strength_of_words(baseline: ScoreBaseline, vector: Vector, photos: Vectors) -> float:
    query = ScoredQuery(vector, [("short", 1.0)])
    return answer_strength(baseline, query, photos, PhotoCount(100, 100))


def test_words_for_what_photos_usually_show_count_for_more() -> None:
    rng = np.random.default_rng(9)
    photos = unit(rng.normal(size=(100, 32)))
    nouns = unit(rng.normal(size=(100, 32)))
    without = ScoreBaseline(
        unit(rng.normal(size=(100, 32))), nouns, photos, photos.mean(axis=0), 100
    )
    vector = unit(rng.normal(size=(1, 32)))[0]
    near = unit(vector + 0.1 * rng.normal(size=(20, 32)))
    familiar, strange = replace(without, usual=near), replace(without, usual=-near)
    strengths = [
        _strength_of_words(baseline, vector, photos[:10])
        for baseline in (strange, without, familiar)
    ]
    assert strengths == sorted(strengths) and len(set(strengths)) == 3
    caption = ScoredQuery(vector, [("text", 1.0)])
    of_captions = {
        answer_strength(baseline, caption, photos[:10], PhotoCount(100, 100))
        for baseline in (strange, without, familiar)
    }
    assert len(of_captions) == 1, "a caption is specific, however usual"


def test_a_photo_that_is_nearer_to_another_noun_counts_for_less() -> None:
    rng = np.random.default_rng(9)
    dog, wolf, others = np.eye(32, dtype=np.float32)[0], np.eye(32, dtype=np.float32)[1], 32
    photos = unit(rng.normal(size=(100, 32)))
    prompts = unit(rng.normal(size=(100, 32)))
    random_nouns = unit(rng.normal(size=(others, 32)))

    def strength(shown: Vector, nouns: Vectors) -> float:
        baseline = ScoreBaseline(prompts, nouns, photos, photos.mean(axis=0), 100)
        return _strength_of_words(baseline, dog, unit(shown[None]))

    wolves = np.stack([wolf, unit(wolf[None] + 0.1)[0], unit(wolf[None] - 0.1)[0]])
    with_wolves = np.concatenate([random_nouns, wolves])
    assert strength(dog + 0.1 * wolf, with_wolves) > strength(dog + 1.5 * wolf, with_wolves) + 1


def test_one_matching_photo_is_found_among_many_others() -> None:
    rng = np.random.default_rng(7)
    photos = unit(rng.normal(size=(500, 32)) + 0.3)
    baseline = ScoreBaseline(
        prompts=unit(rng.normal(size=(200, 32))),
        nouns=unit(rng.normal(size=(200, 32))),
        photos=photos[:100],
        mean=photos.mean(axis=0),
        vectors=len(photos),
    )

    def verdict_on(query: np.ndarray) -> Verdict:
        scores = photos @ query
        order = np.argsort(-scores)
        return assess(
            baseline,
            ScoredQuery(query, [("text", 1.0)]),
            Neighbours(order[:200], scores[order[:200]]),
            photos[order[:10]],
            PhotoCount(len(photos), len(photos)),
        )

    absent = [verdict_on(unit(rng.normal(size=32))) for _ in range(100)]
    own = photos[:100] - baseline.mean  # what a photo does not share with all the others
    present = [verdict_on(unit(vector + 0.1 * rng.normal(size=32))) for vector in own]
    assert np.mean([verdict.found for verdict in present]) > 0.95
    assert np.mean([verdict.strength for verdict in absent]) < THRESHOLDS.found_text
    assert all(verdict.sure >= 1 for verdict in present if verdict.strength > THRESHOLDS.sure)


def test_a_strong_word_does_not_carry_a_weak_one() -> None:
    """Of photos that show both things, one of them or neither, only the first are likely."""
    rng = np.random.default_rng(8)
    snow, dog = (unit(rng.normal(size=64)) for _ in range(2))
    noise = rng.normal(size=(300, 64))
    others = unit(noise - np.outer(noise @ dog, dog))  # none has anything of the dog
    snowy = unit(others[:20] + 1.5 * snow)
    both = unit(others[20:23] + 1.2 * snow + 1.2 * dog)

    def verdict_on(photos: np.ndarray, things: np.ndarray | None) -> Verdict:
        baseline = ScoreBaseline(
            prompts=unit(rng.normal(size=(200, 64))),
            nouns=unit(rng.normal(size=(200, 64))),
            photos=photos[:100],
            mean=photos.mean(axis=0).astype(np.float32),
            vectors=len(photos),
        )
        query = unit(2 * snow + dog)
        scores = photos @ query
        order = np.argsort(-scores)
        return assess(
            baseline,
            ScoredQuery(query, [("text", 1.0)], things=things),
            Neighbours(order[:200], scores[order[:200]]),
            photos[order[:10]],
            PhotoCount(len(photos), len(photos)),
        )

    of_both = np.stack([dog, snow])
    only_snow = np.concatenate([snowy, others[23:]])
    assert verdict_on(only_snow, None).found, "by the words as one text"
    carried = verdict_on(only_snow, of_both)
    assert carried.state == "unsure" and carried.possible >= 3
    assert verdict_on(only_snow, np.stack([snow])).found
    shown = verdict_on(np.concatenate([both, only_snow]), of_both)
    assert shown.found and 3 <= shown.sure + shown.likely <= 5, "few more than those of both"


def test_a_weaker_unsure_answer_shows_more_photos() -> None:
    shown = [unsure_hits(strength) for strength in (-2.0, -1.0, 0.0, 1.0, 1.9)]
    assert shown == [10, 10, 7, 4, 3]


def test_a_compound_query_is_compared_with_compound_queries() -> None:
    rng = np.random.default_rng(9)
    prompts, nouns, photos = (unit(rng.normal(size=(count, 16))) for count in (40, 30, 50))
    baseline = ScoreBaseline(prompts, nouns, photos, mean=photos.mean(axis=0), vectors=50)
    query = unit(rng.normal(size=16))
    negative = unit(rng.normal(size=16)) * np.float32(-0.5)
    rows = unrelated_queries(
        baseline, ScoredQuery(query, [("text", 1.0), ("image", 0.5)], negative)
    )
    assert rows.shape == (50, 16)
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    positive = prompts[0] + 0.5 * photos[1]
    assert np.allclose(rows[0], unit(compose(positive[None], negative)[0]), atol=1e-5)


def test_in_a_small_library_an_example_is_not_compared_with_itself() -> None:
    rng = np.random.default_rng(5)
    photos = rng.normal(size=(40, 64)).astype(np.float32)
    photos[1] = photos[0] * 0.5 + photos[1]  # this one resembles the example
    photos /= np.linalg.norm(photos, axis=1, keepdims=True)
    others = np.eye(64, dtype=np.float32)
    baseline = ScoreBaseline(others, others, photos, photos.mean(axis=0), 40)

    def strength(example: int) -> float:
        scores = photos @ photos[example]
        order = np.argsort(-scores)[1:]  # a photo is left out of its own results
        query = ScoredQuery(photos[example], [("image", 1.0)])
        hits = Neighbours(order, scores[order])
        return assess(baseline, query, hits, photos[order[:10]], PhotoCount(40, 40)).strength

    assert strength(0) > 1.2
    assert np.mean([strength(example) >= THRESHOLDS.found_image for example in range(2, 40)]) < 0.6
    twins = replace(
        baseline, photos=np.repeat(photos[:1], 12, axis=0)
    )  # all sample photos are the same
    query = ScoredQuery(photos[0], [("image", 1.0)])
    assert math.isfinite(answer_strength(twins, query, photos[:1], PhotoCount(40, 40)))


def test_a_negative_term_narrows_the_answer_but_does_not_empty_it(demo: Library) -> None:
    assert is_found(demo, '"a cat" -motorcycle')
    assert demo.find('"a motorcycle" -cat').hits[0].level != "weak"
    assert not is_found(demo, '"a violin" -motorcycle')


@pytest.mark.parametrize("words", ["people", "a woman", "a photo of a man", "children -motorcycle"])
def test_what_nearly_every_library_shows_is_not_denied(demo: Library, words: str) -> None:
    verdict = demo.find(f"{words} type:png").verdict
    assert verdict is not None and verdict.state != "nothing"


def test_everyday_words_are_all_of_a_query() -> None:
    assert is_everyday("a photo of people") and is_everyday("Men")
    assert not is_everyday("people dancing") and not is_everyday("a submarine")


@pytest.mark.parametrize("negative", [False, True])
def test_people_stand_for_men_women_and_children(negative: bool) -> None:
    people = texts_meant("lite/2:id", "people", negative)
    assert {"man", "woman", "child"} <= set(people)
    assert texts_meant("lite/2:id", "a photo of A person", negative) == people
    assert texts_meant("lite/2:id", "people dancing", negative) == ("people dancing",)
    assert texts_meant("lite/2:id", "a man", negative) == ("a man",)


def test_what_is_searched_for_changes_only_where_it_was_measured() -> None:
    for encoder_id in ("made:id", "openclip:ViT-B-32/openai@id"):
        assert texts_meant(encoder_id, "people") == ("people",)
        assert "woman" in texts_meant(encoder_id, "people", negative=True)
