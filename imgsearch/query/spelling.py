"""Suggests a word for one that is in no list: the closest one, the more frequent the better."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from functools import cache

from rapidfuzz import process
from rapidfuzz.distance import OSA

from imgsearch.query.words import english, is_english

_SUGGESTED_WORDS = 50_000  # by frequency: rarer words are known, but not suggested
_MIN_LETTERS = 3
_LONG_WORD = 6  # letters, from which on two edits are allowed
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")

# The cost of a suggestion, in edits. Chosen with the unknown words in the captions of coco-dev and
# Flickr8k's dev split: misspelt ones get the right word, names and rare words mostly none.
_MAX_COST = 3.0
_OTHER_FIRST_LETTER = 0.4
_SAME_LETTERS = -0.4  # in another order
_SAME_LETTER_SET = -0.2  # a letter doubled or halved
_PER_DOUBLED_RANK = 0.11  # a word of rank 2n costs so much more than one of rank n
_RANK_OFFSET = 50


def corrected(
    text: str, is_name: Callable[[str], bool], names: Callable[[], Sequence[str]] = tuple
) -> str | None:
    """The text with its misspelt words corrected; None if there is nothing to suggest.

    `is_name` tells of a word that it is a name in the library; `names` gives those to suggest as
    well, the most frequent first.
    """

    def replacement(match: re.Match[str]) -> str:
        word = match[0].lower()
        if is_english(word) or is_name(word):
            return match[0]
        return _closest(word, names()) or match[0]

    result = _WORD.sub(replacement, text)
    return None if result == text else result


def _closest(word: str, names: Sequence[str]) -> str | None:
    """The word that costs least, if that is little."""
    if len(word) < _MIN_LETTERS:
        return None
    choices = _choices()
    edits = 1 if len(word) < _LONG_WORD else 2
    best, best_cost = None, _MAX_COST
    for ranked in (choices, names):
        for choice, distance, rank in process.extract(
            word, ranked, scorer=OSA.distance, score_cutoff=edits, limit=None
        ):
            same_letters = sorted(choice) == sorted(word)
            if len(word) == _MIN_LETTERS and not same_letters:
                continue  # every short word is an edit away from many
            cost = (
                distance
                + _OTHER_FIRST_LETTER * (choice[0] != word[0])
                + _SAME_LETTERS * same_letters
                + _SAME_LETTER_SET * (set(choice) == set(word))
                + _PER_DOUBLED_RANK * math.log2(rank + _RANK_OFFSET)
            )
            if cost < best_cost:
                best, best_cost = choice, cost
    return best


@cache
def _choices() -> tuple[str, ...]:
    words = english().words(_SUGGESTED_WORDS)
    return tuple(word for word in words if len(word) >= _MIN_LETTERS)
