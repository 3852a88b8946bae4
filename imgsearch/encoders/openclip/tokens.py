"""A tokenizer without torch: one `tokenizer.json`, read by the `tokenizers` library.

open_clip's tokenizers come with torch, which takes seconds to import. So the tokenizer of a model
is written down once, checked against open_clip's own on probe texts, and read from then on. Where
a text is plain and its words are in CLIP's vocabulary as they stand, they are looked up in that
file: the library takes a tenth of a second to make ready for all the others.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from imgsearch.encoders.tokenizer import (
    FastPathTokenizer,
    TokenizerSpec,
    WholeWordVocabulary,
    is_plain,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from tokenizers import Tokenizer

_NO_PUNCTUATION = str.maketrans("_", " ", string.punctuation.replace("_", ""))


def _spaces(text: str) -> str:
    if is_plain(text):  # there is nothing to mend, and to load what mends takes a while
        return " ".join(text.split())
    import html

    import ftfy

    return " ".join(html.unescape(html.unescape(ftfy.fix_text(text))).split())


# How a text is cleaned first, by the names open_clip gives the ways.
CLEANERS: dict[str, Callable[[str], str]] = {
    "whitespace": _spaces,
    "lower": lambda text: _spaces(text).lower(),
    "canonicalize": lambda text: " ".join(_spaces(text).translate(_NO_PUNCTUATION).lower().split()),
}

# Plain, empty, long, accented, many scripts, emoji, markup, marks: where tokenizers differ.
PROBES = (
    "a photo of a dog running through snow",
    "",
    "  Two   KIDS\tjumping\n into a lake!?  ",
    "it's we're I'll they'd (1920s) 3.14 — “quotes” & &amp; <b>bold</b>",
    "Überraschung, crème brûlée, smörgåsbord, naïve façade",
    "東京タワーの夜景 Москва зимой القاهرة ราเมน 한국의 산",
    "👩‍👩‍👧 🏔️ sunset 🌅",
    "under_score IMG_2041.JPG 50% #tag @home",
    "a very long caption about nothing in particular " * 20,
)


# What CLIP takes for a word: as its tokenizer.json says it, and the same for ASCII.
_CLIPS_WORDS = rb"'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+"
CLIPS = TokenizerSpec(
    re.compile(r"'s|'t|'re|'ve|'m|'ll|'d|[A-Za-z]+|[0-9]|[^\sA-Za-z0-9]+"),
    "</w>",
    ("<start_of_text>", "<end_of_text>"),
)


class FastTokens:
    """Token ids as open_clip makes them, from a `tokenizer.json`."""

    def __init__(self, path: Path, cleaner: str, pad_id: int, context_length: int) -> None:
        words = WholeWordVocabulary(path, CLIPS)
        self._tokens = FastPathTokenizer(
            words if _CLIPS_WORDS in words else None, lambda: _read(path)
        )
        self._clean = CLEANERS[cleaner]
        self._pad_id = pad_id
        self.context_length = context_length

    def ids(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Token ids, shape (n, context_length). A longer text is cut, its closing mark kept."""
        rows = np.full((len(texts), self.context_length), self._pad_id, np.int64)
        for row, text in zip(rows, texts, strict=True):
            ids = self._encode(text)
            if len(ids) > self.context_length:
                ids = [*ids[: self.context_length - 1], ids[-1]]
            row[: len(ids)] = ids
        return rows

    def count(self, text: str) -> int:
        """How many tokens a text has before it is cut off, begin and end marks included."""
        return len(self._encode(text))

    def _encode(self, text: str) -> list[int]:
        return self._tokens.ids(self._clean(text))


def _read(path: Path) -> Tokenizer:
    from tokenizers import Tokenizer

    return Tokenizer.from_file(str(path))
