"""Date words of other languages, from a table that `training/date_words.py` makes."""

from __future__ import annotations

from functools import cache, lru_cache
from mmap import ACCESS_READ, mmap
from pathlib import Path

FUNCTION_WORD = "of"  # stands for words between or before the words of a date
_ELIDED = ("l", "d", "dell", "nell", "all", "dall")  # before an apostrophe: "l'été"


@lru_cache(1000)  # a query looks each word up several times
def meaning_of(word: str) -> str | None:
    """Return the English meaning of a lower-case date word: "june", "last", "since", "of"."""
    article, _, rest = word.partition("'")
    return _looked_up(word) or (_looked_up(rest) if rest and article in _ELIDED else None)


def _looked_up(word: str) -> str | None:
    table = _table()
    line = b"\n%b\t" % word.encode("utf-8", "replace")
    at = table.find(line)
    if at < 0:
        return None
    start = at + len(line)
    return table[start : table.find(b"\n", start)].decode()


@cache
def _table() -> mmap:
    """Return the mapped table, a word, a tab and its meaning per line.

    Parsing it takes milliseconds.
    """
    with Path(__file__).with_name("date_words.txt").open("rb") as file:
        return mmap(file.fileno(), 0, access=ACCESS_READ)
