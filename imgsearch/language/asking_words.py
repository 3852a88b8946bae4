"""Leaves out what no photo shows from the words beside a name or a date, in the languages of dates.

"what did we do" (in Lisbon), "unser Urlaub" (in Kroatien).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import get_args

from msgspec import Struct

from imgsearch.language.function_words import LINKS, Role, words_as
from imgsearch.language.phrasing import PICTURES
from imgsearch.language.words import is_english

_PUNCTUATION = "?!.,;:'’¿¡\"“”„"
_ENGLISH = "en"
_FUNCTION_WORDS = words_as(*get_args(Role))
_NOUNS = {"see"}  # alone it is a lake, in German


class _Language(Struct, frozen=True):
    """The words of a language that no photo shows. A question or a request begins with `leads`."""

    name: str
    leads: frozenset[str]
    words: frozenset[str]  # `leads` and `links` among them
    links: frozenset[str]


def without_asking_words(text: str) -> str:
    """Remove what no photo shows from the words beside a name or a date.

    "what did we do" (in Lisbon) -> "", "where did we eat" -> "eat", "wo war der Hund" -> "Hund". A
    text whose words may be shown by a photo stays as it is, but for a link to the name that it
    ends with: "Strand auf" (Mallorca) -> "Strand".
    """
    words = text.split()
    plain = [word.lower().strip(_PUNCTUATION) for word in words]
    if plain in ([each] for each in _NOUNS):
        return text
    read = [_told(language, plain) for language in _languages()]
    if any(told and all(told) for told in read):
        return ""
    asking = [
        told
        for told, language in zip(read, _languages(), strict=True)
        if told and _is_among(language.leads, plain[0])
    ]
    if asking:
        told = max(asking, key=sum)  # "co" is Czech and Polish
        while told[-1]:
            told.pop()
        return " ".join(words[told.index(False) : len(told)]).rstrip("?! ")
    while len(words) > 1 and _is_link(plain[-1]) and not is_english(plain[-1]):
        words.pop()
        plain.pop()
    return " ".join(words)


def says_nothing(text: str, language: str) -> bool:
    """Return whether no photo shows what these words of a language ("de") say: "die Bilder"."""
    words = [word.lower().strip(_PUNCTUATION) for word in text.split()]
    known = _language(language).words
    return all(_is_among(known, word) for word in words)


def words_shown(text: str) -> int:
    """Return the number of words of an English text that a photo may show."""
    told = _language(_ENGLISH)
    words = (word.lower().strip(_PUNCTUATION) for word in text.split())
    return sum(word not in told.words and word not in _FUNCTION_WORDS for word in words)


def _told(language: _Language, words: Sequence[str]) -> list[bool]:
    """Return which words no photo shows; none for English words: "hat" and "son" are things."""
    if language.name != _ENGLISH and all(map(is_english, words)):
        return []
    return [_is_among(language.words, word) for word in words]


def _is_among(known: frozenset[str], word: str) -> bool:
    """Return whether a word is among these, or each part of it: "avons-nous", "qu'est-ce"."""
    if word in known:
        return True
    parts = word.replace("’", "'").replace("-", "'").split("'")
    return len(parts) > 1 and all(part in known for part in parts)


def _is_link(word: str) -> bool:
    return any(word in language.links for language in _languages())


def _language(name: str) -> _Language:
    return next(each for each in _languages() if each.name == name)


@cache
def _languages() -> tuple[_Language, ...]:
    lines = Path(__file__).with_name("asking_words.txt").read_text("utf-8").splitlines()
    return tuple(_read(line) for line in lines if not line.startswith("#"))


def _read(line: str) -> _Language:
    name, *columns = line.split("\t")
    leads, others, links = (frozenset(column.split()) for column in columns)
    words = leads | others | links
    if name == _ENGLISH:
        words |= LINKS | words_as("article", "quantifier", "before_photos") | PICTURES
    return _Language(name, leads, words, links)
