"""Records for text in pictures: lines with their positions, and the progress of reading."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice, takewhile
from typing import Literal, TypeAlias

from msgspec import Struct

from imgsearch.text import words_of

TextState: TypeAlias = Literal["read", "none", "failed"]

# Recognition often loses or adds the space between letters and digits, and Chinese and Japanese
# have no spaces: each run of letters or digits, and each such character, is a word.
_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = rf"[{_CJK}]|\d+|[^\W\d_{_CJK}]+"  # compiled when a text is first looked through
_HYPHENS = ("-", "\u2010", "\u00ad", "\u00ac")
MOST_LINES = 5000  # of one photo; a page of a newspaper has about 1,000
_LARGEST_GAP = 1.5  # between two lines of a column, in heights of the upper one
_BIG_PART = 4  # times as long as words may be the text of which they are a big part


class TextLine(Struct, frozen=True):
    """One line of text in a picture, and its position.

    The box is upright: left and top edge, width and height, as shares of the width and height of
    the upright picture, from 0 to 1. `confidence` is the confidence of the recognition, 0 to 1.
    """

    text: str
    x: float
    y: float
    width: float
    height: float
    confidence: float


class PhotoText(Struct, frozen=True):
    """The result of reading the text of one photo.

    The state is "read" (with at least one line), "none" (there is no legible text) or "failed"
    (the photo could not be decoded; `message` says why). `reader` names the software and its
    version.
    """

    state: TextState
    lines: tuple[TextLine, ...]
    reader: str
    read_at: datetime  # UTC
    message: str | None = None


class TextCounts(Struct, frozen=True):
    """The number of photos in each state; `unread` ones were not tried yet.

    `passed_over` counts unread photos without visible text in a small copy.
    """

    read: int
    none: int
    failed: int
    unread: int
    passed_over: int


def words_in_text(text: str) -> list[str]:
    """Return the words of a text, without case and accents.

    Letters and digits are separate words: "Table12" gives table, 12. Each character of Chinese and
    Japanese is a word, too.
    """
    return [part for word in words_of(text) for part in re.findall(_WORD, word)]


def longest_with(phrase: str) -> int:
    """Return the greatest length of a text of which a phrase (words with spaces) is a big part."""
    return _BIG_PART * len(" ".join(words_in_text(phrase)))


def lengths_like(word: str) -> tuple[int, int]:
    """Return the least and greatest length of a word that `differs_by_a_letter` from this one."""
    letters = len(word.replace("ss", "ß"))
    return letters - 1, letters + 1 + max(2, word.count("ss"))


def differs_by_a_letter(word: str, other: str) -> bool:
    """Return whether one letter was changed, added, left out, or swapped with the next one.

    "ss" counts as one letter, since "ß" is written so here and read as "f" or "b". This is one edit
    (OSA), without the import of RapidFuzz, which takes longer than a query.
    """
    first, second = word.replace("ss", "ß"), other.replace("ss", "ß")
    if first == second:
        return False
    at = next((at for at, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), None)
    start = min(len(first), len(second)) if at is None else at
    first, second = first[start:], second[start:]
    is_swapped = first[:2] == second[1::-1] and first[2:] == second[2:]
    return first[1:] in (second, second[1:]) or first == second[1:] or is_swapped


def searchable_texts(lines: Sequence[TextLine]) -> list[str]:
    """Return the words of all lines, joined with spaces, once for each possible reading order."""
    orders = (" ".join(word for word, _ in order) for order in _reading_orders(lines))
    return list(dict.fromkeys(orders))


def lines_with(lines: Sequence[TextLine], phrase: str) -> tuple[TextLine, ...]:
    """Return the lines that contain a phrase: its words in sequence, within or across lines.

    The result is empty for an absent phrase and for a phrase without words.
    """
    wanted = words_in_text(phrase)
    found: set[int] = set()
    for order in _reading_orders(lines):
        words = [word for word, _ in order]
        for start in range(len(words) - len(wanted) + 1) if wanted else ():
            if words[start : start + len(wanted)] == wanted:
                for _, numbers in order[start : start + len(wanted)]:
                    found.update(numbers)
    return tuple(lines[number] for number in sorted(found))


_Words: TypeAlias = list[tuple[str, tuple[int, ...]]]  # with the numbers of their lines


def _reading_orders(lines: Sequence[TextLine]) -> Iterator[_Words]:
    """Yield the words of all lines from top to bottom, and column by column.

    The words of a sign stand side by side; a menu or a receipt has columns.
    """
    yield _words(lines, range(len(lines)))
    yield _words(lines, _by_column(lines))


def _words(lines: Sequence[TextLine], order: Sequence[int]) -> _Words:
    words: _Words = []
    hyphenated = False
    for number in order:
        text = lines[number].text.strip()
        own: _Words = [(word, (number,)) for word in words_in_text(text)]
        if hyphenated and own and text[0].islower():
            (begin, numbers), (end, _) = words.pop(), own.pop(0)
            words.append((begin + end, (*numbers, number)))
        words += own
        hyphenated = text.endswith(_HYPHENS) and bool(own) and own[-1][0].isalpha()
    return words


def _by_column(lines: Sequence[TextLine]) -> list[int]:
    """Return the numbers of the lines, each followed by the line below it, if any."""
    by_top = sorted(range(len(lines)), key=lambda each: (lines[each].y, lines[each].x))
    tops = [lines[number].y for number in by_top]
    left = set(by_top)
    order = []
    for first in by_top:
        number: int | None = first if first in left else None
        while number is not None:
            order.append(number)
            left.remove(number)
            upper = lines[number]
            lower = bisect_right(tops, upper.y + upper.height / 2)
            number = _line_below(
                lines, number, (each for each in islice(by_top, lower, None) if each in left)
            )
    return order


def _line_below(lines: Sequence[TextLine], number: int, lower: Iterable[int]) -> int | None:
    """Return the next line of the column of a line.

    `lower` are the lines below its middle, by their top.

    It stops at the first one that is in the column, or too far below.
    """
    upper = lines[number]
    bottom = upper.y + upper.height
    near = takewhile(lambda each: lines[each].y - bottom < _LARGEST_GAP * upper.height, lower)
    beside = (
        each
        for each in near
        if lines[each].x < upper.x + upper.width and lines[each].x + lines[each].width > upper.x
    )
    first = next(beside, None)
    if first is None:
        return None
    level = takewhile(lambda each: lines[each].y == lines[first].y, beside)
    return min((first, *level), key=lambda each: (abs(lines[each].x - upper.x), each))
