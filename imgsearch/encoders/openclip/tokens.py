"""A tokenizer without torch: one `tokenizer.json`, read by the `tokenizers` library.

open_clip's tokenizers need torch, which takes seconds to import. So the export of a model holds its
tokenizer, checked against open_clip's own on probe texts (see `torch.TorchTokens.write`), and this
module reads it. Plain texts whose words are whole entries of CLIP's vocabulary are looked up
without the library, which takes a tenth of a second to load.
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


def _whitespace(text: str) -> str:
    if is_plain(text):  # nothing to repair, and ftfy takes a while to load
        return " ".join(text.split())
    import html

    import ftfy

    return " ".join(html.unescape(html.unescape(ftfy.fix_text(text))).split())


def _canonical(text: str) -> str:
    return " ".join(_whitespace(text).translate(_NO_PUNCTUATION).lower().split())


# The functions that clean a text first, by open_clip's names.
CLEANERS: dict[str, Callable[[str], str]] = {
    "whitespace": _whitespace,
    "lower": lambda text: _whitespace(text).lower(),
    "canonicalize": _canonical,
}

# Texts on which tokenizers differ: plain, empty, long, accented, many scripts, emoji, mark-up.
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


CLIP_MARKS = ("<start_of_text>", "<end_of_text>")  # open_clip's names
# What CLIP's tokenizer takes as a word, as in open_clip.
CLIP_PATTERN = (
    r"<start_of_text>|<end_of_text>"
    r"|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
)
# The same for ASCII, and as it stands in a tokenizer.json.
_CLIP_WORDS_IN_FILE = rb"'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+"
CLIP_WORDS = TokenizerSpec(
    re.compile(r"'s|'t|'re|'ve|'m|'ll|'d|[A-Za-z]+|[0-9]|[^\sA-Za-z0-9]+"),
    "</w>",
    CLIP_MARKS,
)


class FileTokens:
    """A tokenizer from a `tokenizer.json`, with the same ids as open_clip."""

    def __init__(self, path: Path, cleaner: str, pad_id: int, context_length: int) -> None:
        words = WholeWordVocabulary(path, CLIP_WORDS)
        is_clip = _CLIP_WORDS_IN_FILE in words
        self._tokenizer = FastPathTokenizer(words if is_clip else None, lambda: _load(path))
        self._clean = CLEANERS[cleaner]
        self._pad_id = pad_id
        self.context_length = context_length

    def ids(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Return token ids, shape (n, context_length).

        A longer text is cut off, its end mark kept.
        """
        rows = np.full((len(texts), self.context_length), self._pad_id, np.int64)
        for row, text in zip(rows, texts, strict=True):
            ids = self._encode(text)
            if len(ids) > self.context_length:
                ids = [*ids[: self.context_length - 1], ids[-1]]
            row[: len(ids)] = ids
        return rows

    def count(self, text: str) -> int:
        """Return the number of tokens of a text before it is cut off, with begin and end marks."""
        return len(self._encode(text))

    def _encode(self, text: str) -> list[int]:
        return self._tokenizer.ids(self._clean(text))


def _load(path: Path) -> Tokenizer:
    from tokenizers import Tokenizer

    return Tokenizer.from_file(str(path))


def without_padding(ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """Cut token ids after the last end mark, the highest id of a row: mostly to a tenth."""
    return np.ascontiguousarray(ids[:, : int(ids.argmax(axis=1).max()) + 1])
