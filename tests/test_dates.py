"""Dates in words and in names, at their ends: what a change of one line would break unnoticed."""

from __future__ import annotations

from datetime import date
from pathlib import PurePath

import pytest
from dateutil.easter import easter

from imgsearch.errors import QueryError
from imgsearch.language.dates import FIRST_YEAR, easter_sunday, read_period
from imgsearch.language.grammar import region_of
from imgsearch.language.name_dates import date_in_path

TODAY = date(2026, 3, 1)


def written(words: str, bound: str | None = None) -> list[str] | None:
    """The filters that words stand for, with "since" and so on before them; None for no date."""
    period = read_period(words.split(), TODAY)
    if period is None:
        return None
    filters = period.filters() if bound is None else period.bounded(bound)
    return [f"{each.field}:{'|'.join(map(str, each.values))}" for each in filters]


def test_easter_is_that_of_another_library() -> None:
    years = range(FIRST_YEAR, 2200)
    assert {year: easter_sunday(year) for year in years} == {year: easter(year) for year in years}


@pytest.mark.parametrize(
    ("words", "filters"),
    [
        ("a year ago", ["on:2025"]),
        ("an year ago", ["on:2025"]),
        ("one year ago", ["on:2025"]),
        ("200 years ago", ["on:1826"]),
        ("201 years ago", None),  # before the first photograph
        ("0100 years ago", None),
        ("some years ago", None),
        ("0 years ago", None),
        ("²  years ago", None),
        ("a day ago", ["on:2026-02-28"]),
        ("two days ago", ["on:2026-02-27"]),
        ("12 months ago", ["on:2025-03"]),
        ("three months ago", ["on:2025-12"]),
        ("two weeks ago", None),
    ],
)
def test_so_long_ago(words: str, filters: list[str] | None) -> None:
    assert written(words) == filters


@pytest.mark.parametrize(
    ("words", "filters"),
    [
        ("2019年1月", ["on:2019-01"]),
        ("2019年12月", ["on:2019-12"]),
        ("2019年13月", None),
        ("2月29日", ["day:02-29"]),  # of leap years
        ("2月30日", None),
        ("4月", None),
    ],
)
def test_months_and_days_in_chinese_and_japanese(words: str, filters: list[str] | None) -> None:
    assert written(words) == filters


@pytest.mark.parametrize(
    ("words", "bound", "filters"),
    [
        ("2019", "since", ["after:2019"]),
        ("2019", "after", ["after:2020"]),
        ("2019", "before", ["before:2019"]),
        ("2019", "until", ["before:2020"]),
        ("summer 2019", "since", ["after:2019-06"]),
        ("summer 2019", "until", ["before:2019-09"]),
        ("2015-2018", "after", ["after:2019"]),
        ("december 2019", "after", ["after:2020-01"]),
        ("31 december 2019", "until", ["before:2020-01-01"]),
    ],
)
def test_since_after_before_and_until(words: str, bound: str, filters: list[str]) -> None:
    assert written(words, bound) == filters


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/photos/13.05.2019.jpg", ("2019-05-13", "day", "13.05.2019.jpg")),
        ("2019/05/a.jpg", ("2019-05-01", "month", "2019/05")),
        ("Lisbon 2019/05 Alfama/a.jpg", ("2019-05-01", "month", "Lisbon 2019/05 Alfama")),
        ("2019/05/13/a.jpg", ("2019-05-13", "day", "2019/05/13")),
        ("Lisbon 2019/05/13 Alfama/a.jpg", ("2019-05-13", "day", "Lisbon 2019/05/13 Alfama")),
        ("05/13/a.jpg", None),
        ("05/a.jpg", None),
        ("2019 trip/a.jpg", ("2019-01-01", "year", "2019 trip")),
        ("2019/x/a.jpg", ("2019-01-01", "year", "2019")),
        ("2019/02/30/a.jpg", ("2019-02-01", "month", "2019/02")),  # a day that does not exist
        ("1825/a.jpg", None),
        ("1826/a.jpg", ("1826-01-01", "year", "1826")),
        ("2026-03-02/a.jpg", ("2026-03-02", "day", "2026-03-02")),  # today, farther east
        ("2027-03-03/a.jpg", None),
    ],
)
def test_dates_in_names_of_folders(path: str, found: tuple[str, str, str] | None) -> None:
    dated = date_in_path(PurePath(path), TODAY)
    if found is None:
        assert dated is None
    else:
        assert dated is not None
        assert (dated.taken_at.date().isoformat(), dated.precision, dated.name) == found


def test_a_region_has_an_area() -> None:
    for text in ("10,10,1,1", "10%,10%,0.5%,0.5%"):
        region_of(text)
    for text in ("10,10,0,1", "10,10,1,0"):
        with pytest.raises(QueryError, match=f"The region {text} is empty"):
            region_of(text)
    with pytest.raises(QueryError, match=r"'10,10' is not a region.*--region 100,50,400,300"):
        region_of("10,10")
