"""Reads words that ask for the newest photos: "newest photos of Anna", "die letzten Fotos"."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from msgspec import Struct

from imgsearch.language.asking_words import says_nothing
from imgsearch.language.phrasing import asks_for_any_photo

_PUNCTUATION = "?!.,;:"


class NewestFirst(Struct, frozen=True):
    """The words that ask for the newest photos, and the text without them; "" for all photos."""

    words: str
    rest: str


class _NewestWords(Struct, frozen=True):
    name: str
    newest: tuple[tuple[str, ...], ...]  # phrases
    pictures: frozenset[str]


def newest_first(text: str) -> NewestFirst | None:
    """Take out of a text the words that ask for the newest photos first; None if it has none.

    They stand beside a word for photos: "latest pictures of a dog" -> "pictures of a dog". What
    stands before both says nothing of what the photos show: "show me my latest pictures" does, and
    "a dog in the last picture" does not.
    """
    words = text.split()
    plain = [word.lower().strip(_PUNCTUATION) for word in words]
    for language in _languages():
        if language.pictures.isdisjoint(plain):
            continue
        for start, end, pictures in _places(language, plain):
            before = words[: min(start, pictures)]
            if not _is_any(" ".join([*before, words[pictures]]), language):
                continue
            rest = " ".join([*words[:start], *words[end:]])
            return NewestFirst(" ".join(words[start:end]), "" if _is_any(rest, language) else rest)
    return None


def _places(language: _NewestWords, words: Sequence[str]) -> Iterator[tuple[int, int, int]]:
    """Yield where such words begin and end, and where the word for photos is."""
    for at, word in enumerate(words):
        if word not in language.pictures:
            continue
        for phrase in language.newest:
            size = len(phrase)
            if tuple(words[max(0, at - size) : at]) == phrase:
                yield at - size, at, at
            if tuple(words[at + 1 : at + 1 + size]) == phrase:
                yield at + 1, at + 1 + size, at


def _is_any(text: str, language: _NewestWords) -> bool:
    """Return whether a text asks for photos but not for their content: "show me my photos"."""
    return asks_for_any_photo(text) or says_nothing(text, language.name)


@cache
def _languages() -> tuple[_NewestWords, ...]:
    lines = Path(__file__).with_name("newest_words.txt").read_text("utf-8").splitlines()
    return tuple(_read(line) for line in lines if not line.startswith("#"))


def _read(line: str) -> _NewestWords:
    name, newest, pictures = line.split("\t")
    phrases = sorted(
        (tuple(each.split()) for each in newest.split(", ")), key=len, reverse=True
    )  # the longest first: "most recent" before "recent"
    return _NewestWords(name, tuple(phrases), frozenset(pictures.split(", ")))
