"""Words that are one token each, looked up in a tokenizer's own file.

The library `tokenizers` takes up to a tenth of a second to make ready for any text; most that are
asked are plain words, of which the vocabulary has an entry each.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_ID_DIGITS = 12  # no vocabulary has more


@dataclass(frozen=True, slots=True)
class TokenizerSpec:
    """How a tokenizer takes plain texts apart: into what `words` finds, each with `end` behind it,
    between two marks. Only for tokenizers that leave an entry of their vocabulary whole. With
    `lower`, they take capital letters for small ones."""

    words: re.Pattern[str]
    end: str
    marks: tuple[str, str]
    lower: bool = False


class WholeWordVocabulary:
    """The vocabulary of a `tokenizer.json`, mapped.

    Entries are found by a search in its text, which takes less than making a table of them.
    """

    def __init__(self, path: Path, manner: TokenizerSpec) -> None:
        with path.open("rb") as file:
            self._text = mmap(file.fileno(), 0, access=ACCESS_READ)
        self._begin = self._text.find(b'"vocab"')
        self._manner = manner

    def __contains__(self, part: bytes) -> bool:
        """Whether the file says this anywhere."""
        return self._text.find(part) >= 0

    def ids(self, text: str) -> list[int] | None:
        """The tokens of a clean text and its marks; None where a word is not one of these."""
        if not is_plain(text):
            return None
        if self._manner.lower:
            text = text.lower()
        begin, end = self._manner.marks
        words = (f"{word}{self._manner.end}" for word in self._manner.words.findall(text))
        ids: list[int] = []
        for token in (begin, *words, end):
            number = self._id(token)
            if number is None:
                return None
            ids.append(number)
        return ids

    def _id(self, token: str) -> int | None:
        entry = json.dumps(token).encode() + b":"
        at = self._text.find(entry, self._begin)
        if at < 0 or self._text[at - 1 : at] == b"\\":  # the end of an entry with a quote in it
            return None
        behind = at + len(entry)
        found = re.match(rb" ?(\d+)", self._text[behind : behind + _ID_DIGITS])
        return None if found is None else int(found[1])


class FastPathTokenizer:
    """The tokens of any text. `load` makes the library's tokenizer at the first one that is more
    than whole words; it takes all from then on."""

    def __init__(self, words: WholeWordVocabulary | None, load: Callable[[], Tokenizer]) -> None:
        self._words, self._load = words, load
        self._tokenizer: Tokenizer | None = None

    def ids(self, text: str) -> list[int]:
        """The tokens of a clean text, begin and end marks included."""
        if self._tokenizer is None:
            ids = None if self._words is None else self._words.ids(text)
            if ids is not None:
                return ids
            self._tokenizer = self._load()
        return list(self._tokenizer.encode(text).ids)


def is_plain(text: str) -> bool:
    """Whether a text is ASCII that can be printed, with no mark-up in it."""
    return text.isascii() and text.isprintable() and not set("&<[") & set(text)
