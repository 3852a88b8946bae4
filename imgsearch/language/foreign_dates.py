"""Dates in other languages: "juin 2021", "été 2019", "Weihnachten 2020", "vorigen Sommer".

A table translates each word into English, and the English words are read. Months, seasons and
feasts count only with a year, a day or "last": many of their names are common words of another
language.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date

from imgsearch.language.date_words import FUNCTION_WORD, meaning_of
from imgsearch.language.dates import Period, read_period
from imgsearch.language.words import is_english

_NUMBER = re.compile(r"(\d{4}|\d{1,2})(?:er|ère|e|º|°|ª)?$")
_YEAR_DIGITS = 4
_BOUNDS = ("since", "before", "after")


def read_foreign_period(words: Sequence[str], today: date) -> Period | None:
    """Return the period that these lower-case words name in another language.

    None if they name none.
    """
    spoken: list[str] = []
    for word in words:
        meaning, number = meaning_of(word), _NUMBER.match(word)
        if meaning is None and number is None:
            return None
        spoken.append(meaning or (number[1] if number else ""))
    if FUNCTION_WORD in (spoken[0], spoken[-1]) or all(each.isdecimal() for each in spoken):
        return None
    others = [each for each in spoken if each != FUNCTION_WORD]
    if not set(_BOUNDS).isdisjoint(others):
        return None
    if "last" in others:
        others.remove("last")
        return read_period(["last", *others], today)
    numbers = [each for each in others if each.isdecimal()]
    years = [each for each in numbers if len(each) == _YEAR_DIGITS]
    named = [each for each in others if each not in (*years, "year")]  # "im Jahr 2019"
    period = read_period([*named, *years], today) if named or years else None
    if period is None or period.kind == "month":
        return None
    if period.kind == "day":
        is_plain = all(word.isdecimal() or meaning_of(word) for word in words)  # not "1er mai"
        if not numbers or (is_plain and any(map(is_english, words))):
            return None  # "3 mars" are bars
    return period
