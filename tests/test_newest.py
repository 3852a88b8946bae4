"""Words that ask for the newest photos, in the languages that dates have."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgsearch import Library
from imgsearch.language.newest import newest_first
from tests.factories import run_cli
from tests.travels import AREZZO, write_taken


@pytest.mark.parametrize(
    ("text", "words", "rest"),
    [
        ("newest photos", "newest", ""),
        ("Show me my latest pictures!", "latest", ""),
        ("the most recent photos of a dog", "most recent", "the photos of a dog"),
        ("recent photos from Italy", "recent", "photos from Italy"),
        ("die neuesten Fotos", "neuesten", ""),
        ("zeig mir die letzten Bilder aus Rom", "letzten", "zeig mir die Bilder aus Rom"),
        ("les photos les plus récentes", "les plus récentes", ""),
        ("mis últimas fotos de Ana", "últimas", "mis fotos de Ana"),
        ("ultime foto", "ultime", ""),
        ("fotos mais recentes", "mais recentes", ""),
        ("nieuwste foto's", "nieuwste", ""),
        ("последние фотографии", "последние", ""),
        ("najnowsze zdjęcia", "najnowsze", ""),
        ("en son fotoğraflar", "en son", ""),
    ],
)  # fmt: skip
def test_they_are_taken_out(text: str, words: str, rest: str) -> None:
    newest = newest_first(text)
    assert newest is not None
    assert (newest.words, newest.rest) == (words, rest)


@pytest.mark.parametrize(
    "text",
    [
        "a dog in the last picture",
        "last summer",
        "the latest phone",
        "a wall of photos",
        "a newest",
        "the last supper, a picture",
        "photos of the last supper",
        "",
    ],
)
def test_other_words_stay(text: str) -> None:
    assert newest_first(text) is None


@pytest.fixture
def dated(library: Library, tmp_path: Path) -> Library:
    """Photos of three years; that of the middle one was taken in Arezzo."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for year, at in ((2019, None), (2008, AREZZO), (2005, None)):
        write_taken(folder / f"{year}.png", f"{year}-05-07T10:00:00", at)
    library.index([folder]).run()
    return library


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("newest photos", ["2019", "2008", "2005"]),
        ("latest pictures in Italy", ["2008"]),
        ("die neuesten Fotos before:2010", ["2008", "2005"]),
    ],
)
def test_the_newest_come_first(dated: Library, line: str, found: list[str]) -> None:
    answer = dated.find(line)
    assert [hit.path.stem for hit in answer.hits] == found
    assert answer.understood[0].filters == "sort:date"


def test_a_stated_order_and_plain_words_count(dated: Library) -> None:
    by_path = dated.find("newest photos sort:path")
    assert not by_path.understood
    part = dated.find("newest photos before:2010").understood[0]
    assert (part.words, part.rest) == ("newest", "before:2010")
    assert not dated.find(part.undo).understood


@pytest.mark.parametrize("line", ["a flower sort:date", "newest photos of a flower"])
def test_the_command_prints_the_dates_that_are_the_order(line: str, demo_data: Path) -> None:
    (flower, *_) = run_cli("search", line, data=demo_data).stdout.splitlines()
    assert flower.split()[:2] == ["1", "2011-08-15"]
    (flower, *_) = run_cli("search", "a flower", data=demo_data).stdout.splitlines()
    assert 0 < float(flower.split()[1]) < 1
