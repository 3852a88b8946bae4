"""The words of the training captions as numbers, the same for all objectives."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Tokens = NDArray[np.int64]

PAD, BEGIN, END, MASK, UNKNOWN = range(5)
MARKS = 5  # the numbers above; words come after them
MIN_COUNT = 5  # a rarer word is UNKNOWN: VirTex and ICMLM keep frequent words only, too
MAX_WORDS = 18  # 95 % of Flickr8k's captions are not longer; the rest is cut off

_WORD = re.compile("[a-z0-9]+")


@dataclass(frozen=True, slots=True)
class CaptionVocabulary:
    """Lower-case words, the most frequent first."""

    words: tuple[str, ...]

    @classmethod
    def of(cls, captions: Iterable[str], min_count: int = MIN_COUNT) -> CaptionVocabulary:
        """The words that occur at least `min_count` times."""
        counts = Counter(word for caption in captions for word in words_of(caption))
        frequent = [word for word, count in counts.items() if count >= min_count]
        return cls(tuple(sorted(frequent, key=lambda word: (-counts[word], word))))

    @property
    def size(self) -> int:
        """The number of token ids, those of the marks included."""
        return len(self.words) + MARKS

    def knows(self, text: str) -> bool:
        """Whether a text has words, and all of them are in the vocabulary."""
        words = words_of(text)
        return bool(words) and set(words) <= set(self.words)

    def tokens(self, texts: Sequence[str]) -> Tokens:
        """Token ids (n, MAX_WORDS + 2): BEGIN, the words, END, and PAD for the rest."""
        ids = {word: number for number, word in enumerate(self.words, MARKS)}
        rows = np.full((len(texts), MAX_WORDS + 2), PAD, np.int64)
        for row, text in zip(rows, texts, strict=True):
            words = [ids.get(word, UNKNOWN) for word in words_of(text)[:MAX_WORDS]]
            row[: len(words) + 2] = [BEGIN, *words, END]
        return rows


def words_of(text: str) -> list[str]:
    """The words of a text in lower case, without punctuation."""
    return _WORD.findall(text.lower())
