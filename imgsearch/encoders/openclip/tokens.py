"""A tokenizer without torch: one `tokenizer.json`, read by the `tokenizers` library.

open_clip's tokenizers come with torch, which takes seconds to import. So the tokenizer of a model
is written down once, checked against open_clip's own on probe texts, and read from then on.
"""

from __future__ import annotations

import html
import string
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import ftfy
import numpy as np
from tokenizers import Tokenizer

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NO_PUNCTUATION = str.maketrans("_", " ", string.punctuation.replace("_", ""))


def _spaces(text: str) -> str:
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


class FastTokens:
    """Token ids as open_clip makes them, from a `tokenizer.json`."""

    def __init__(self, path: Path, cleaner: str, pad_id: int, context_length: int) -> None:
        self._tokenizer = Tokenizer.from_file(str(path))
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
        return list(self._tokenizer.encode(self._clean(text)).ids)
