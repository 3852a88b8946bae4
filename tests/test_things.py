"""A short text is split into the things that it names."""

from __future__ import annotations

import pytest

from imgsearch.language.things import things_in


@pytest.mark.parametrize(
    ("text", "things"),
    [
        ("a dog in snow", ("dog", "snow")),
        ("A photo of a dog in the snow", ("dog", "snow")),
        ("three dogs and two cats", ("dogs", "cats")),
        ("a red car on a beach", ("red car", "beach")),
        ("dog beside a lake near mountains", ("dog", "lake", "mountains")),
        ("there is a dog in the background", ()),
        ("a dog and a dog", ()),
        ("a man with a dog", ("dog",)),
        ("a man with a woman", ()),
        ("a dog", ()),
        ("beach sunset", ()),
        ("a beach without a dog", ()),
        ("a dog on a hill by a lake in fog", ()),
        ("a brown dog runs over a field of wet snow", ()),
        ("", ()),
        ("???", ()),
    ],
)
def test_things_are_the_words_between_the_small_ones(text: str, things: tuple[str, ...]) -> None:
    assert things_in(text) == things
