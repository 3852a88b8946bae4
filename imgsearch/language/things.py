"""Splits a short text into the things that it names."""

from __future__ import annotations

import re

from imgsearch.language.everyday import is_everyday
from imgsearch.language.function_words import words_as
from imgsearch.language.phrasing import unwrapped

MOST_THINGS = 3
_MOST_WORDS = 6  # a longer text is a caption, which names much that its photo may lack
_BETWEEN = words_as(
    *("article", "indefinite", "before_thing", "before_negation", "ends_negation", "link"),
    "position",
)
_NEGATIONS = words_as("without", "other_negation") | {"no"}


def things_in(text: str) -> tuple[str, ...]:
    """Return the things that a short text names, if several: dog and snow in "a dog in snow".

    Words side by side are one thing ("a red car"). What nearly every library shows is left out
    (see `everyday`): of "a man with a dog", only the dog remains. Empty for a text that names one
    thing or more than `MOST_THINGS`, for a long one, and for one with a negation.
    """
    words = re.findall(r"[^\W_]+(?:[-'’][^\W_]+)*", unwrapped(text).lower())
    if len(words) > _MOST_WORDS or not _NEGATIONS.isdisjoint(words):
        return ()
    things: list[list[str]] = [[]]
    for word in words:
        if word not in _BETWEEN:
            things[-1].append(word)
        elif things[-1]:
            things.append([])
    named = tuple(dict.fromkeys(" ".join(each) for each in things if each))
    if not 2 <= len(named) <= MOST_THINGS:
        return ()
    return tuple(thing for thing in named if not is_everyday(thing))
