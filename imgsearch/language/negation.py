"""Understands "without dogs", "no dog" and "other than a dog" in words of a query as a minus.

Negations are understood in short texts only: the unchanged text finds the photo of a caption such
as "a man without a shirt on is rock climbing" better (`benchmarks/bench_phrasing.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from imgsearch.language.function_words import ARTICLES, words_as

_MAX_WORDS = 7  # of a text in which negations are understood
_WITHOUT = words_as("without")
_OTHER_THAN = (["other", "than"], ["apart", "from"], ["aside", "from"])
_ANYTHING = words_as("anything")
_BEFORE_BUT = words_as("before_but")
_BEFORE_NEGATION = words_as("before_negation")
_INDEFINITE = words_as("article", "indefinite")
_AFTER_NOT = ARTICLES | {"any"}  # "not a dog", but neither "not some dogs" nor "not looking"
_ENDS = words_as("ends_negation")
# After "no", these are written on signs: "no parking" is something to find.
_PROHIBITED = {
    *("parking", "smoking", "entry", "stopping", "trespassing", "littering", "swimming", "fishing"),
    *("cycling", "diving", "loitering", "vacancy", "way", "exit", "man's", "mans"),
}
# In Portuguese, "no" before these is "in the" or "on the", not a negation.
_AFTER_PORTUGUESE_NO = {
    *("domingo", "sábado", "sabado", "verão", "verao", "inverno", "outono", "natal", "carnaval"),
    *("ano", "mês", "mes", "feriado"),
}
_NO_NEGATION_BEFORE = _PROHIBITED | _AFTER_PORTUGUESE_NO
_MAX_NEGATED_WORDS = 3
_OTHER_NEGATIONS = words_as("other_negation")


def split_negations(
    words: Sequence[str], max_words: int = _MAX_WORDS
) -> tuple[list[str], list[str]]:
    """Split the words into what to find and what to exclude, a text for each exclusion.

    "a street without cars or people" becomes "a street", without "cars" and "people". A negation
    that is not understood stays in the words, see `has_negation`; so does any negation in more than
    `max_words` words.
    """
    rest: list[str] = []
    negated: list[str] = []
    if len(words) > max_words:
        return list(words), []
    at = 0
    while at < len(words):
        end, texts = _read_negation(words, at)
        if not texts:
            rest.append(words[at])
            at += 1
            continue
        while rest and rest[-1].lower().strip(",") in _BEFORE_NEGATION:
            rest.pop()
        if rest:
            rest[-1] = rest[-1].rstrip(",")
        negated += texts
        at = end
    return rest, negated


def names_anything(words: Sequence[str]) -> bool:
    """Return whether words say nothing about the content of a photo: "something", "anything"."""
    return len(words) == 1 and words[0].lower().strip(",") in _ANYTHING


def has_negation(text: str) -> bool:
    """Return whether a text still has a negation, which was not understood."""
    words = text.lower().replace("’", "'").split()
    if any(list(pair) in _OTHER_THAN for pair in pairwise(words)):
        return True
    return any(
        word.strip(",.") in _OTHER_NEGATIONS
        or word in _WITHOUT
        or word.endswith("n't")
        or (word == "no" and after.strip(",.") not in _NO_NEGATION_BEFORE)
        for word, after in pairwise([*words, ""])
    )


def _read_negation(words: Sequence[str], at: int) -> tuple[int, list[str]]:
    """Return the end of the negation that begins at a word and its texts, if there is one."""
    lower = [word.lower() for word in words]
    if lower[at] == "not":
        starts_text = at == 0 or lower[at - 1].endswith(",") or lower[at - 1] in {"but", "and"}
        if not starts_text and _AFTER_NOT.isdisjoint(lower[at + 1 : at + 2]):
            return at, []
    elif lower[at] == "no":
        if {word.strip(",.") for word in lower[at + 1 : at + 2]} & _NO_NEGATION_BEFORE:
            return at, []
    elif lower[at : at + 2] in _OTHER_THAN:
        at += 1
    elif lower[at] not in _WITHOUT and not (lower[at] == "but" and lower[at - 1] in _BEFORE_BUT):
        return at, []
    texts: list[str] = []
    at += 1
    while True:
        text, at = _read_phrase(words, at)
        if text:
            texts.append(text)
        is_list = at + 1 < len(words) and (
            lower[at] == "or" or (lower[at] == "and" and lower[at + 1] not in _INDEFINITE)
        )
        if not (text and is_list) or lower[at + 1] in {"no", "not", *_WITHOUT}:
            return at, texts
        at += 1


def _read_phrase(words: Sequence[str], at: int) -> tuple[str, int]:
    """Return the negated phrase that begins at a word, without an article, and its end."""
    if at < len(words) and words[at].lower() in _INDEFINITE:
        at += 1
    start = at
    while at < len(words) and at - start < _MAX_NEGATED_WORDS and words[at].lower() not in _ENDS:
        at += 1
        if words[at - 1].endswith(","):
            break
    return " ".join(words[start:at]).rstrip(",."), at
