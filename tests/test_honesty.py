"""An honest answer: what is there is found, what is not is said to be missing."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgsearch import Library
from imgsearch.records.answer import Neighbours, ScoreBaseline, Verdict
from imgsearch.search.confidence import (
    ENOUGH_PHOTOS,
    THRESHOLDS,
    CandidateCounts,
    ScoredQuery,
    assess,
    chance,
    unrelated,
    z_score,
)
from tests.factories import unit

LEVELS = ["weak", "likely", "sure"]


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("a cat", "chelsea.png"),
        ("cat", "chelsea.png"),
        ("a cup of coffee", "coffee.png"),
        ("a red motorcycle leaning on its stand in a garage", "motorcycle_left.png"),
        ("a rocket launch", "rocket.jpg"),
        ("a temple", "china.jpg"),
        ("a man looks through a camera on a tripod", "camera.png"),
    ],
)
def test_what_is_there_is_found(demo: Library, words: str, name: str) -> None:
    answer = demo.find(words)
    assert answer.verdict is not None and answer.verdict.found
    assert answer.hits[0].path.name == name
    assert answer.hits[0].level in ("sure", "likely")
    shown = [hit for hit in answer.hits if hit.level != "weak"]
    assert len(shown) < 8, "the rest of 21 photos of different things is folded away"


@pytest.mark.parametrize(
    "words",
    [
        "a submarine",
        "a violin",
        "people dancing",
        "two kids jumping into a lake",
        "a brown dog catches a frisbee on the beach",
    ],
)
def test_what_is_not_there_is_not_found(demo: Library, words: str) -> None:
    answer = demo.find(words)
    assert answer.verdict is not None and not answer.verdict.found
    assert {hit.level for hit in answer.hits} == {"weak"}
    assert str(answer.verdict) == "nothing here looks like that"


def is_found(library: Library, query: str) -> bool:
    verdict = library.find(query).verdict
    assert verdict is not None
    return verdict.found


def test_a_filter_does_not_make_the_rest_look_right(demo: Library) -> None:
    assert is_found(demo, "a cat name:chelsea")
    assert not is_found(demo, "a cat -name:chelsea")


def test_an_example_is_judged_too(demo: Library, demo_photos: Path, tmp_path: Path) -> None:
    from PIL import Image

    with Image.open(demo_photos / "motorcycle_left.png") as photo:
        photo.crop((80, 40, 650, 460)).save(tmp_path / "part.png")
    assert is_found(demo, f'image:"{tmp_path / "part.png"}"')
    assert not is_found(demo, "photo:1 name:grass")


def test_pages_agree_on_the_verdict(demo: Library) -> None:
    first = demo.find("a temple", k=2)
    second = demo.find("a temple", k=2, cursor=first.cursor)
    assert first.verdict == second.verdict
    levels = [LEVELS.index(hit.level) for hit in (*first.hits, *second.hits) if hit.level]
    assert len(levels) == 4
    assert levels == sorted(levels, reverse=True)


def test_too_few_photos_give_no_verdict(library: Library, demo_photos: Path) -> None:
    few = sorted(demo_photos.iterdir())[: ENOUGH_PHOTOS - 1]
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


@given(st.floats(-1, 1), st.floats(-1, 1), st.floats(-1, 1), st.floats(-1, 1), st.integers(0, 3))
def test_a_higher_score_never_has_a_lower_level(
    one: float, other: float, sure_from: float, width: float, sure: int
) -> None:
    verdict = Verdict(1.0, sure, 1, False, sure_from, sure_from - abs(width))
    low, high = sorted((one, other))
    assert LEVELS.index(verdict.level(low)) <= LEVELS.index(verdict.level(high))


def test_a_verdict_in_words() -> None:
    assert str(Verdict(2.0, 3, 8)) == "3 sure, 8 likely, nothing else"
    assert str(Verdict(2.0, 0, 200, more=True)) == "200 likely, and more"
    assert str(Verdict(0.5)) == "nothing here looks like that"


def test_chance_is_the_expected_largest_of_n_normal_values() -> None:
    rng = np.random.default_rng(5)
    for n in (20, 100, 1000):
        largest = rng.normal(size=(2000, n)).max(axis=1).mean()
        assert math.isclose(chance(n), largest, rel_tol=0.03)
    assert chance(1) == chance(ENOUGH_PHOTOS)


def test_one_photo_that_fits_is_found_among_many_that_do_not() -> None:
    rng = np.random.default_rng(7)
    photos = unit(rng.normal(size=(500, 32)) + 1)
    null = ScoreBaseline(
        prompts=unit(rng.normal(size=(200, 32))),
        nouns=unit(rng.normal(size=(200, 32))),
        photos=photos[:100],
        mean=photos.mean(axis=0),
        vectors=len(photos),
    )

    def ask(query: np.ndarray) -> Verdict:
        scores = photos @ query
        order = np.argsort(-scores)
        found = Neighbours(order[:200], scores[order[:200]])
        asked = ScoredQuery(query, [("text", 1.0)])
        return assess(
            null, asked, found, photos[order[:10]], CandidateCounts(len(photos), len(photos))
        )

    absent = [ask(unit(rng.normal(size=32))) for _ in range(100)]
    present = [ask(unit(photo + 0.1 * rng.normal(size=32))) for photo in photos[:100]]
    assert np.mean([verdict.found for verdict in present]) > 0.95
    assert np.mean([verdict.strength for verdict in absent]) < THRESHOLDS.found
    assert all(verdict.sure >= 1 for verdict in present if verdict.strength > THRESHOLDS.sure)


def test_a_compound_query_is_held_against_compounds() -> None:
    rng = np.random.default_rng(9)
    prompts, nouns, photos = (unit(rng.normal(size=(count, 16))) for count in (40, 30, 50))
    null = ScoreBaseline(prompts, nouns, photos, mean=photos.mean(axis=0), vectors=50)
    query = unit(rng.normal(size=16))
    minus = unit(rng.normal(size=16)) * np.float32(-0.5)
    rows = unrelated(null, ScoredQuery(query, [("text", 1.0), ("image", 0.5)], minus))
    assert rows.shape == (50, 16)
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert np.allclose(rows[0], unit(prompts[0] + 0.5 * photos[1] + minus), atol=1e-5)


def test_in_a_small_library_an_example_is_not_held_against_the_photo_itself() -> None:
    rng = np.random.default_rng(5)
    photos = rng.normal(size=(40, 64)).astype(np.float32)
    photos[1] = photos[0] * 0.5 + photos[1]  # the one that is like the example
    photos /= np.linalg.norm(photos, axis=1, keepdims=True)
    others = np.eye(64, dtype=np.float32)
    null = ScoreBaseline(others, others, photos, photos.mean(axis=0), 40)

    def strength(example: int) -> float:
        scores = photos @ photos[example]
        order = np.argsort(-scores)[1:]  # a photo is left out of its own results
        found = Neighbours(order, scores[order])
        asked = ScoredQuery(photos[example], [("image", 1.0)])
        return assess(null, asked, found, photos[order[:10]], CandidateCounts(40, 40)).strength

    assert strength(0) > 1.2
    assert np.mean([strength(example) >= THRESHOLDS.found for example in range(2, 40)]) < 0.6
    twins = replace(null, photos=np.repeat(photos[:1], 12, axis=0))  # all photos are one
    assert math.isfinite(z_score(twins, ScoredQuery(photos[0], [("image", 1.0)]), photos[:1]))


def test_a_minus_narrows_and_hides_nothing(demo: Library) -> None:
    assert is_found(demo, '"a cat" -motorcycle')
    assert demo.find('"a motorcycle" -cat').hits[0].level != "weak"
    assert not is_found(demo, '"a submarine" -motorcycle')
