"""Liked and disliked photos: the order of an answer, what stays as it was, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from imgsearch import Library, QueryError, parse
from imgsearch.features.feedback.likeness import posterior
from imgsearch.language.grammar import to_text
from tests.factories import run_cli

WORDS = "a photo of something"


def ids_of(library: Library, line: str, k: int = 100) -> list[int]:
    return [hit.photo.id for hit in library.find(line, k).hits]


def all_of(library: Library, line: str) -> list[int]:
    return [int(each) for each in library.find_all(line).ids]


def test_photos_like_a_liked_one_gain_on_those_like_others() -> None:
    """Two clusters that the words do not tell apart."""
    photos = np.eye(4, dtype=np.float32)[[0, 0, 1, 1]]
    photos[1, 2] = photos[3, 2] = 0.5
    photos /= np.linalg.norm(photos, axis=1, keepdims=True)
    scores, none = np.full(4, 0.2, np.float32), np.empty((0, 4), np.float32)
    liked = posterior(scores, photos, photos[:1], none)
    assert min(liked[:2]) > max(liked[2:])
    passed = posterior(scores, photos, none, photos[2:3])
    assert min(passed[:2]) > max(passed[2:])
    assert np.isfinite(posterior(scores[:1], photos[:1], photos[:1], photos[:1])).all()


def test_a_liked_photo_comes_first_and_a_disliked_one_last(demo: Library) -> None:
    before = all_of(demo, WORDS)
    first, last = before[-1], before[0]
    after = all_of(demo, f"{WORDS} liked:{first} disliked:{last}")
    assert after[0] == first and after[-1] == last
    assert set(before) <= set(after)
    assert after != before


def test_the_verdict_and_the_scores_stay_and_filters_count(demo: Library) -> None:
    before = demo.find_all(WORDS)
    liked = before.ids.tolist()[-1]
    after = demo.find_all(f"{WORDS} liked:{liked}")
    assert after.verdict == before.verdict
    was = dict(zip(before.ids.tolist(), before.scores.tolist(), strict=True))  # type: ignore[union-attr]
    now = dict(zip(after.ids.tolist(), after.scores.tolist(), strict=True))  # type: ignore[union-attr]
    assert {photo: now[photo] for photo in was} == was
    assert after.level_of(liked, now[liked]) != "weak"
    shape = f"{WORDS} orientation:landscape"
    assert set(all_of(demo, f"{shape} liked:{liked}")) == set(all_of(demo, shape))


def test_pages_follow_each_other_in_the_new_order(demo: Library) -> None:
    whole = ids_of(demo, WORDS)
    line = f"{WORDS} liked:{whole[3]}|{whole[4]} shown:{whole[0]}"
    expected = ids_of(demo, line)
    assert expected[:2] in ([whole[3], whole[4]], [whole[4], whole[3]])
    found, page = [], demo.find(line, 3)
    while True:
        found += [hit.photo.id for hit in page.hits]
        if page.cursor is None:
            break
        page = demo.find(line, 3, page.cursor)
    assert found == expected
    cursor = demo.find(line, 3).cursor
    with pytest.raises(QueryError, match="another query"):
        demo.find(f"{WORDS} liked:{whole[3]}", 3, cursor)


def test_views_without_the_order_of_an_answer_refuse_thumbs_with_the_line_to_use(
    demo: Library,
) -> None:
    (photo,) = ids_of(demo, WORDS, 1)
    for ask in (demo.browse.timeline, demo.browse.days, demo.browse.cameras):
        with pytest.raises(QueryError, match=r"liked: reorder .* Leave them out") as refused:
            ask(f"{WORDS} orientation:landscape liked:{photo}")
        assert refused.value.suggestion == f"{WORDS} orientation:landscape"


def test_what_cannot_be_reordered_is_refused(demo: Library) -> None:
    (photo,) = ids_of(demo, WORDS, 1)
    for line, message in (
        (f"liked:{photo}", "photo:12"),
        (f"{WORDS} liked:{photo} disliked:{photo}", "both liked and disliked"),
        (f"{WORDS} -liked:{photo}", "Write disliked:12"),
        (f"{WORDS} liked:999999", "no photo with the id 999999"),
        (f"{WORDS} liked:dog", "no id of a photo"),
        (f"{WORDS} shown:0", "no id of a photo"),
    ):
        with pytest.raises(QueryError, match=message):
            demo.find(line)


def test_a_line_with_thumbs_is_written_as_it_was_read() -> None:
    query = parse("beach liked:12|15 disliked:7 shown:3")
    assert to_text(query).endswith(" liked:12|15 disliked:7 shown:3")
    assert parse(to_text(query)) == query


def test_the_command_prints_the_new_order(demo: Library) -> None:
    liked = ids_of(demo, WORDS)[-1]
    expected = ids_of(demo, f"{WORDS} liked:{liked}", 3)
    path = next(hit.path for hit in demo.find(f"{WORDS} liked:{liked}", 1).hits)
    data = demo.settings.data_dir
    printed = run_cli("search", WORDS, "--liked", str(liked), "-k", "1", "--paths", data=data)
    assert printed.stdout.strip() == str(path)
    assert expected[0] == liked
