"""Suggests a correction for an unknown word: the closest known word, preferably a frequent one."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from functools import cache

from rapidfuzz import process
from rapidfuzz.distance import OSA

from imgsearch.language.words import english, is_english, photo_words

_SUGGESTED_WORDS = 50_000  # by frequency: rarer words are known, but not suggested
_MIN_LETTERS = 3
_LONG_WORD = 6  # letters; from here on, two edits are allowed
_MAX_EDITS = 2  # of a long word, and of a word that sounds the same
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
# Spellings of one sound, in the order in which they are replaced.
_SOUNDS = tuple(
    (re.compile(spelling), sound)
    for spelling, sound in (
        *(("ph", "f"), ("ck", "k"), ("wh", "w"), ("gh", "g"), ("kn", "n"), ("c(?=[eiy])", "s")),
        *(("[cq]", "k"), ("z", "s"), ("y", "i"), (r"(.)\1", r"\1"), ("(?<=...)e$", "")),
    )
)

# The cost of a suggestion, in edits. Chosen with the unknown words in the captions of coco-dev and
# Flickr8k's dev split: misspelt words get the right word, names and rare words mostly none. The
# costs of sounds and of missing letters were chosen with `benchmarks/misspelt.txt`.
_MAX_COST = 3.0
_OTHER_FIRST_LETTER = 0.4
_SAME_LETTERS = -0.4  # in another order
_SAME_LETTER_SET = -0.2  # a letter doubled or halved
_SAME_SOUND = -0.4  # "elefant"
_FURTHER_EDIT_OF_SOUND = 0.4  # beyond the first
_LETTERS_LEFT_OUT = -0.3  # and no other edit: the most frequent error
_PER_DOUBLED_RANK = 0.11  # a word of rank 2n costs so much more than one of rank n
_RANK_OFFSET = 50


def corrected(
    text: str, is_name: Callable[[str], bool], names: Callable[[], Sequence[str]] = tuple
) -> str | None:
    """Correct the misspelt words of a text; None if there is nothing to correct.

    `is_name` says whether a word is a name in the library; `names` returns the names to suggest,
    the most frequent first.
    """

    def replacement(match: re.Match[str]) -> str:
        word = match[0].lower()
        if is_english(word) or is_name(word):
            return match[0]
        return _closest(word, names()) or match[0]

    result = _WORD.sub(replacement, text)
    return None if result == text else result


def similarity(word: str, other: str) -> float:
    """Return the similarity of two words, from 0 to 1: 1 less the edits between them per letter."""
    return float(OSA.normalized_similarity(word, other))


def _closest(word: str, names: Sequence[str]) -> str | None:
    """Return the cheapest correction, if its cost is low enough."""
    if len(word) < _MIN_LETTERS:
        return None
    edits = 1 if len(word) < _LONG_WORD else _MAX_EDITS
    edits_of_sound = _MAX_EDITS if len(word) > _MIN_LETTERS else edits
    sound = _sound(word)
    best, best_cost = None, _MAX_COST
    for ranked in (_choices(), names):
        for choice, distance, rank in process.extract(
            word, ranked, scorer=OSA.distance, score_cutoff=edits_of_sound, limit=None
        ):
            same_sound = _sound(choice) == sound
            if distance > edits and not same_sound:
                continue
            same_letters = sorted(choice) == sorted(word)
            if len(word) == _MIN_LETTERS and not same_letters:
                continue  # every short word is an edit away from many
            edit_cost = float(distance)
            if same_sound:
                edit_cost = 1 + _FURTHER_EDIT_OF_SOUND * (distance - 1) + _SAME_SOUND
            cost = (
                edit_cost
                + _OTHER_FIRST_LETTER * (choice[0] != word[0] and not same_sound)
                + _SAME_LETTERS * same_letters
                + _SAME_LETTER_SET * (set(choice) == set(word))
                + _LETTERS_LEFT_OUT * _has_letters_in_order(choice, word)
                + _PER_DOUBLED_RANK * math.log2(rank + _RANK_OFFSET)
            )
            if cost < best_cost:
                best, best_cost = choice, cost
    return best


def _sound(word: str) -> str:
    """Return a word with about one spelling for each sound: "elefant" and "elephant" are equal."""
    for spelling, sound in _SOUNDS:
        word = spelling.sub(sound, word)
    return word


def _has_letters_in_order(word: str, letters: str) -> bool:
    """Return whether a word has all these letters in their order, with others between them."""
    rest = iter(word)
    return all(letter in rest for letter in letters)


@cache
def _choices() -> tuple[str, ...]:
    """Return the words to suggest: first words of photo captions, then others, each by frequency.

    A query names what a photo shows: "keybord" is a keyboard and no keyword.
    """
    of_photos = photo_words().words(_SUGGESTED_WORDS)
    words = dict.fromkeys([*of_photos, *english().words(_SUGGESTED_WORDS)])
    return tuple(word for word in words if len(word) >= _MIN_LETTERS)
