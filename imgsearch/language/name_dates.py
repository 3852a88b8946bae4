"""Reads dates in the names of files and folders: "IMG_20190513_101112.jpg", "2019/05 Lisbon"."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from pathlib import PurePath
from typing import TypeAlias

from msgspec import Struct

from imgsearch.records.photo import DatePrecision

_FIRST_YEAR = 1826  # of the oldest photo
_Y, _M, _D = r"((?:18|19|20)\d\d)", r"(0[1-9]|1[0-2])", r"(0[1-9]|[12]\d|3[01])"
_TIME = r"(?:[ T_-]|[ _]?at[ _]|, )+([01]\d|2[0-3])[-.:hH_]?([0-5]\d)(?:[-.:mM_]?([0-5]\d))?"
_START, _END = r"(?<!\d)", r"(?![\dxX×])"  # 1920x1080 is a size
# Cameras, phones and programs write the year first; in German, the day with dots.
_IN_FILE = (
    re.compile(rf"{_START}{_Y}{_M}{_D}(?:{_TIME}\d*)?{_END}"),
    re.compile(rf"{_START}{_Y}([-._]){_M}\2{_D}(?:{_TIME})?{_END}"),
)
_DAY_FIRST = re.compile(rf"{_START}{_D}\.{_M}\.{_Y}{_END}")
_DAY = re.compile(rf"{_START}{_Y}([-._ ]?){_M}\2{_D}{_END}")
_MONTH = re.compile(rf"{_START}{_Y}[-._ ]{_M}{_END}")
_YEAR = re.compile(rf"^{_Y}{_END}|{_START}{_Y}$")
_ONLY_MONTH = re.compile(rf"^{_M}(?:\D|$)")
_ONLY_DAY = re.compile(rf"^{_D}(?:\D|$)")


class NamedDate(Struct, frozen=True):
    """The date in a name: the beginning of the time that it names, how exact that is, and the name.

    `precision` is None for a date with a time of day.
    """

    taken_at: datetime
    precision: DatePrecision | None
    name: str  # of the file or the folder, of several folders with "/" between them


_Dated: TypeAlias = tuple[datetime, DatePrecision | None]


def date_in_path(path: PurePath, today: date) -> NamedDate | None:
    """Return the date in the name of a file, or else of the nearest folder; None without one.

    Of a folder "2019/05/13" all parts count. Days that do not exist, years before photography and
    days to come are no dates.
    """
    parts = path.parts
    for taken_at, precision in (*_in_file(path.stem), *_in_folder(path.stem)):
        if _is_possible(taken_at, today):
            return NamedDate(taken_at, precision, path.name)
    for at in range(len(parts) - 2, -1, -1):
        for (taken_at, precision), name in _in_folders(parts, at):
            if _is_possible(taken_at, today):
                return NamedDate(taken_at, precision, name)
    return None


def _in_file(stem: str) -> Iterator[_Dated]:
    compact, separated = _IN_FILE
    for found in compact.finditer(stem):
        yield from _made(*found.groups())
    for found in separated.finditer(stem):
        year, _, *rest = found.groups()
        yield from _made(year, *rest)
    for found in _DAY_FIRST.finditer(stem):
        day, month, year = found.groups()
        yield from _made(year, month, day)


def _in_folders(parts: Sequence[str], at: int) -> Iterator[tuple[_Dated, str]]:
    """Yield the dates of one folder, with those above it where it is only a month or a day."""
    folder = parts[at]
    for dated in _in_folder(folder):
        yield dated, folder
    above = parts[at - 1] if at >= 1 else ""
    year = _YEAR.search(above)
    if (month := _ONLY_MONTH.match(folder)) and year is not None:
        for dated in _made(year[1] or year[2], month[1]):
            yield dated, f"{above}/{folder}"
    if (day := _ONLY_DAY.match(folder)) and (month := _ONLY_MONTH.match(above)) and at >= 2:
        year = _YEAR.search(parts[at - 2])
        if year is not None:
            for dated in _made(year[1] or year[2], month[1], day[1]):
                yield dated, "/".join(parts[at - 2 : at + 1])
    for found in _YEAR.finditer(folder):
        for dated in _made(found[1] or found[2]):
            yield dated, folder


def _in_folder(name: str) -> Iterator[_Dated]:
    """Yield the days and months in the name of a folder."""
    for found in _DAY.finditer(name):
        year, _, month, day = found.groups()
        yield from _made(year, month, day)
    for found in _DAY_FIRST.finditer(name):
        day, month, year = found.groups()
        yield from _made(year, month, day)
    for found in _MONTH.finditer(name):
        yield from _made(*found.groups())


def _made(
    year: str, month: str | None = None, day: str | None = None, *time: str | None
) -> Iterator[_Dated]:
    """Yield the moment, if it exists, and how exact it is."""
    hour, minute, second = (int(each or 0) for each in (*time, None, None, None)[:3])
    precision: DatePrecision | None = None
    if not any(each is not None for each in time):
        precision = "day" if day else "month" if month else "year"
    try:
        moment = datetime(int(year), int(month or 1), int(day or 1), hour, minute, second)
    except ValueError:
        return
    yield moment, precision


def _is_possible(taken_at: datetime, today: date) -> bool:
    return taken_at.year >= _FIRST_YEAR and taken_at.date() <= today + timedelta(days=1)
