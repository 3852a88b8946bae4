"""The photos of an answer as a grid gets them: sections, marks, and positions."""

from __future__ import annotations

import numpy as np

from imgsearch import Answer, FoundPhotos, Query, Verdict
from ui.answer_data import PhotoList, WholeAnswer, list_parameters
from ui.search_state import NEWEST, SearchInput

VERDICT = Verdict("found", 9.0, sure_from=0.3, likely_from=0.2, possible_from=0.1)


def whole_answer(scores: list[float], named: frozenset[int] = frozenset()) -> WholeAnswer:
    """The answer to some words: photos 1, 2, 3, … with these scores."""
    found = FoundPhotos(
        Query(),
        np.arange(1, len(scores) + 1),
        np.array(scores, np.float32),
        VERDICT,
        named,
    )
    return WholeAnswer(SearchInput("words"), Answer((), verdict=VERDICT), found, 100)


def test_a_line_separates_the_levels_and_only_sure_photos_are_marked() -> None:
    answer = whole_answer([0.4, 0.35, 0.25, 0.15, 0.12, 0.11, 0.05])
    assert answer.strong.sections == (("", 2), ("Likely", 1), ("Possible", 3))
    assert answer.everything.sections[-1] == ("Weaker matches", 1)
    assert answer.strong.marked == ("sure",)
    assert answer.strong.ids.tolist() == [1, 2, 3, 4, 5, 6]
    assert (
        answer.everything.version != answer.strong.version == answer.photos(with_weak=False).version
    )


def test_levels_that_are_mixed_are_marked_on_the_photos() -> None:
    answer = whole_answer([0.05, 0.4, 0.15, 0.25, 0.02], frozenset({1}))
    assert answer.strong.sections == (("", 4),)
    assert answer.strong.marked == ("sure", "possible")


def test_words_that_the_model_cannot_read_find_weak_photos_only() -> None:
    answer = whole_answer([0.4, 0.35])
    unread = WholeAnswer(answer.search_input, Answer((), is_read=False), answer.found, 100)
    assert len(unread.strong.ids) == 0 and unread.strong.sections == ()
    assert unread.everything.sections == (("Weaker matches", 2),)


def test_a_grid_names_its_photos() -> None:
    assert list_parameters(NEWEST, is_newest=True) == "from=newest"
    search_input = SearchInput("a cat", photo_id=7)
    assert list_parameters(search_input, with_weak=True) == "q=a+cat&photo=7&weak=1"


def test_a_stack_has_the_place_of_the_photo_on_top() -> None:
    photos = PhotoList(np.array([1, 4]), (("", 2),), (), stacks={1: (2, 3), 4: (9,)})
    assert [photos.offset_of(each) for each in (1, 2, 3, 4, 9, 5)] == [0, 0, 0, 1, 1, None]
