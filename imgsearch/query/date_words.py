"""Words for dates in other languages, as `training/date_words.py` has made the table of them."""

from __future__ import annotations

from functools import cache, lru_cache
from mmap import ACCESS_READ, mmap
from pathlib import Path

FUNCTION_WORD = "of"  # for what stands between the words of a date, or before it
_ELIDED = ("l", "d", "dell", "nell", "all", "dall")  # before an apostrophe: "l'été"


@lru_cache(1000)  # of one query, each word is asked for several times
def meaning_of(word: str) -> str | None:
    """What a lower-case word stands for in dates, in English: "june", "last", "since", "of"."""
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
    """A word, a tab and its meaning in each line. Reading all of it would take milliseconds."""
    with Path(__file__).with_name("date_words.txt").open("rb") as file:
        return mmap(file.fileno(), 0, access=ACCESS_READ)
