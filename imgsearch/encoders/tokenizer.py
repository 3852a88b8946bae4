"""A fast path for tokenizing plain words, which looks them up in the tokenizer's own file.

The library `tokenizers` takes up to a tenth of a second to load; most queries are plain words, each
of which is an entry of the vocabulary.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_ID_DIGITS = 12  # more than any vocabulary needs


class TokenizerSpec(Struct, frozen=True):
    """The rules by which a tokenizer splits plain texts.

    A text becomes the matches of `words`, each followed by `end`, between a begin and an end mark.
    With `lower`, the text is lower-cased first. The rules hold only for tokenizers that never split
    a word that is an entry of their vocabulary.
    """

    words: re.Pattern[str]
    end: str
    marks: tuple[str, str]
    lower: bool = False


class WholeWordVocabulary:
    """The vocabulary of a `tokenizer.json`, memory-mapped.

    Entries are found by searching its text, which is faster than parsing it.
    """

    def __init__(self, path: Path, spec: TokenizerSpec) -> None:
        with path.open("rb") as file:
            self._text = mmap(file.fileno(), 0, access=ACCESS_READ)
        self._begin = self._text.find(b'"vocab"')
        self._spec = spec

    def __contains__(self, part: bytes) -> bool:
        """Return whether the file contains this text anywhere."""
        return self._text.find(part) >= 0

    def ids(self, text: str) -> list[int] | None:
        """Return the tokens of a clean text with its marks.

        None if a word is not in the vocabulary.
        """
        if not is_plain(text):
            return None
        if self._spec.lower:
            text = text.lower()
        begin, end = self._spec.marks
        words = (f"{word}{self._spec.end}" for word in self._spec.words.findall(text))
        ids: list[int] = []
        for token in (begin, *words, end):
            token_id = self._id(token)
            if token_id is None:
                return None
            ids.append(token_id)
        return ids

    def _id(self, token: str) -> int | None:
        entry = json.dumps(token).encode() + b":"
        at = self._text.find(entry, self._begin)
        if at < 0 or self._text[at - 1 : at] == b"\\":  # the end of an entry with a quote in it
            return None
        start = at + len(entry)
        match = re.match(rb" ?(\d+)", self._text[start : start + _ID_DIGITS])
        return None if match is None else int(match[1])


class FastPathTokenizer:
    """A tokenizer for any text, fast for plain words.

    The first text with more than whole words loads the library's tokenizer with `load`, which
    tokenizes all texts from then on.
    """

    def __init__(self, words: WholeWordVocabulary | None, load: Callable[[], Tokenizer]) -> None:
        self._words, self._load = words, load
        self._tokenizer: Tokenizer | None = None

    def ids(self, text: str) -> list[int]:
        """Return the tokens of a clean text, begin and end marks included."""
        if self._tokenizer is None:
            ids = None if self._words is None else self._words.ids(text)
            if ids is not None:
                return ids
            self._tokenizer = self._load()
        return list(self._tokenizer.encode(text).ids)


def is_plain(text: str) -> bool:
    """Return whether a text is printable ASCII without mark-up."""
    return text.isascii() and text.isprintable() and not set("&<[") & set(text)
