"""Word lists: English words, names, and words of other languages.

Every query is compared with them, so a list is a memory-mapped file that is searched for a word.
This takes microseconds for a common word; reading the whole list would take milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, lru_cache
from mmap import ACCESS_READ, mmap
from pathlib import Path

RARE_MARK = "# rare"  # the line before the rare words of a list by frequency
_MIN_STEM_LETTERS = 4
_ENDINGS = (("'s", ""), ("s", ""), ("es", ""), ("ies", "y"), ("ed", ""), ("ed", "e"), ("er", ""),
            ("ers", ""), ("ing", ""), ("ing", "e"), ("less", ""), ("like", ""))  # fmt: skip


class WordList:
    """A file with a word a line, lower-case. Lines that begin with # are comments."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._text = mmap(file.fileno(), 0, access=ACCESS_READ)

    def __contains__(self, word: str) -> bool:
        return self._text.find(b"\n%b\n" % word.encode("utf-8", "replace")) >= 0

    def has_frequent(self, word: str) -> bool:
        """Return whether the list has this word before its rare ones."""
        end = self._text.find(f"\n{RARE_MARK}\n".encode())
        return self._text.find(b"\n%b\n" % word.encode("utf-8", "replace"), 0, end + 1) >= 0

    def words(self, limit: int) -> list[str]:
        """Return the first words of the list, in their order."""
        lines = self._text[:].decode().split("\n", limit + 1)[:-1]
        return [line for line in lines if not line.startswith("#")]


@cache
def english() -> WordList:
    """Return English words, the most frequent first, from `training/words.py`."""
    return WordList(Path(__file__).with_name("english.txt"))


@cache
def photo_words() -> WordList:
    """Return English words in the captions of photos, the most frequent first."""
    return WordList(Path(__file__).with_name("photo_words.txt"))


@cache
def other_languages() -> WordList:
    """Return words of other languages, some of which are English as well."""
    return WordList(Path(__file__).with_name("other_languages.txt"))


@cache
def names_only() -> WordList:
    """Return words of the English list that are almost only used as names."""
    return WordList(Path(__file__).with_name("names_only.txt"))


@lru_cache(maxsize=4096)  # a query asks for a word several times
def is_english(word: str) -> bool:
    """Return whether a lower-case word is English: in the list, or a form of a word in it."""
    return any(form in english() for form in _forms(word))


@lru_cache(maxsize=4096)
def is_common(word: str) -> bool:
    """Return whether a lower-case word is English and not only a name: "nice", but not "geneva"."""
    return any(form in english() and form not in names_only() for form in _forms(word))


def _forms(word: str) -> Iterator[str]:
    """Yield the word, and words that it may be a form of."""
    yield word
    for ending, stem_ending in _ENDINGS:
        stem = word.removesuffix(ending) + stem_ending
        if word.endswith(ending) and len(stem) >= _MIN_STEM_LETTERS:
            yield stem


def plain_words(text: str) -> list[str]:
    """Return the lower-case words of a text: cheaper than `foreign.words_in`, mostly sufficient.

    Words with digits are left out: "dscn0042" is neither an English word nor a misspelt one.
    """
    words = (word.strip(".,;:!?()'\"").lower() for word in text.replace("-", " ").split())
    return [word for word in words if word and not any(map(str.isdecimal, word))]
