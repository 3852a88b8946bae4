"""Walls: their keys, their photos, their hours, and the command that makes and deletes them."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from datetime import time
from pathlib import Path

import pytest

from imgsearch import Library, QueryError, Settings, UsageError
from imgsearch.features.wall.keys import is_key, key_of
from imgsearch.features.wall.pauses import read_pause
from tests.factories import run_cli, write_photo, write_photos

PAGE_KEY = b"k" * 32


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The data folder of a library of three photos of summer, and two of winter."""
    write_photos(tmp_path / "photos" / "summer", 3)
    write_photos(tmp_path / "photos" / "winter", 2, first=5)
    made = run_cli("index", tmp_path / "photos", "--encoder", "lite", data=tmp_path / "library")
    assert made.returncode == 0, made.stderr
    return tmp_path / "library"


@pytest.fixture
def library(data: Path) -> Iterator[Library]:
    with Library.open(Settings.load(data_dir=data)) as opened:
        yield opened


def names_of(library: Library, line: str) -> list[str]:
    ids = library.walls.photos_of(line)
    return sorted(hit.path.name for hit in library.photos(ids))


@pytest.mark.parametrize(
    ("typed", "dark", "light"),
    [
        ("22:00-07:00", ["22:00", "23:59", "00:00", "06:59"], ["07:00", "12:00", "21:59"]),
        ("22-7", ["22:00", "06:59"], ["07:00", "21:59"]),
        ("12:30–13", ["12:30", "12:59"], ["12:29", "13:00", "00:00"]),
        ("20-24", ["20:00", "23:59"], ["00:00", "19:59"]),
    ],
)
def test_a_pause_may_last_over_midnight(typed: str, dark: list[str], light: list[str]) -> None:
    pause = read_pause(typed)
    assert [each for each in dark if time.fromisoformat(each) not in pause] == []
    assert [each for each in light if time.fromisoformat(each) in pause] == []
    assert read_pause(str(pause)) == pause


@pytest.mark.parametrize("typed", ["", "22", "7-7", "25-3", "22:61-7", "night", "22:00-", "1-2-3"])
def test_hours_that_make_no_sense_are_refused(typed: str) -> None:
    with pytest.raises(UsageError, match="22:00-07:00"):
        read_pause(typed)


def test_a_key_can_be_typed_and_follows_from_two_secrets() -> None:
    key = key_of(PAGE_KEY, b"salt")
    assert len(key) == 19 and key.count("-") == 3
    assert is_key(key, key) and is_key(key.upper().replace("-", ""), key)
    assert is_key(key.replace("0", "o").replace("1", "I"), key), "as somebody reads it"
    assert not is_key(key_of(PAGE_KEY, b"another"), key)
    assert not is_key(key_of(b"other" * 8, b"salt"), key)
    for wrong in ("", "-", key[:-1], f"{key}0", "é" * 19, "0" * 10_000):
        assert not is_key(wrong, key)


def test_a_wall_shows_its_photos_and_new_ones(library: Library, tmp_path: Path) -> None:
    wall = library.walls.add("in:summer", 30, "22-7")
    assert (wall.photos, wall.seconds, wall.pause) == (3, 30, "22:00-07:00")
    found = library.walls.with_key(wall.path.rpartition("/")[2])
    assert found is not None and found.number == wall.number
    write_photo(tmp_path / "photos" / "summer" / "new.png", 99)
    library.index().run()
    assert names_of(library, found.line) == ["0000.png", "0001.png", "0002.png", "new.png"]
    (listed,) = library.walls.all()
    assert (listed.photos, listed.path) == (4, wall.path)


def test_words_show_the_good_matches_and_without_one_the_possible(demo: Library) -> None:
    for line, is_good in (("sky", True), ("a person", False)):
        hits = demo.find(line, 100).hits
        good = [hit.photo.id for hit in hits if hit.level in ("sure", "likely")]
        possible = [hit.photo.id for hit in hits if hit.level == "possible"]
        assert bool(good) == is_good and possible
        assert demo.walls.photos_of(line) == (good or possible)


def test_two_walls_of_one_search_have_keys_of_their_own(library: Library) -> None:
    first, second = library.walls.add("in:summer"), library.walls.add("in:summer")
    library.walls.remove(first.number)
    assert library.walls.with_key(first.path.rpartition("/")[2]) is None
    assert library.walls.with_key(second.path.rpartition("/")[2]) is not None
    assert library.walls.add("in:summer").number not in (first.number, second.number)
    with pytest.raises(UsageError, match=f"no wall with the number {first.number}"):
        library.walls.remove(first.number)


def test_no_copy_of_the_database_gives_a_key_away(
    library: Library, data: Path, tmp_path: Path
) -> None:
    key = library.walls.add("in:summer").path.rpartition("/")[2]
    with sqlite3.connect(data / "library.db") as connection:
        dump = "\n".join(connection.iterdump())
    connection.close()
    assert "in:summer" in dump
    assert key not in dump and key.replace("-", "") not in dump
    (tmp_path / "copy").mkdir()
    shutil.copy(data / "library.db", tmp_path / "copy" / "library.db")
    with Library.open(Settings.load(data_dir=tmp_path / "copy")) as copy:
        assert copy.walls.with_key(key) is None


@pytest.mark.parametrize("number", [0, 7, 1 << 63, 1 << 64])
def test_a_number_that_no_wall_has_is_refused(library: Library, number: int) -> None:
    with pytest.raises(UsageError, match=f"no wall with the number {number}"):
        library.walls.remove(number)


def test_what_no_wall_can_show_is_refused_at_once(library: Library) -> None:
    for line, error in (
        ("  ", UsageError),
        ("rating:many", QueryError),
        ("album:None", QueryError),
    ):
        with pytest.raises(error):
            library.walls.add(line)
    for seconds in (2, 100_000):
        with pytest.raises(UsageError, match="seconds"):
            library.walls.add("in:summer", seconds)
    assert library.walls.all() == ()


@pytest.mark.features("albums")
def test_a_wall_whose_album_is_gone_says_so(library: Library) -> None:
    library.albums.make("Beach", query="in:summer")
    wall = library.walls.add("album:Beach")
    assert wall.photos == 3
    library.albums.remove("Beach")
    (listed,) = library.walls.all()
    assert listed.photos == 0 and "Beach" in (listed.problem or "")


def test_the_command_makes_lists_and_deletes_walls(data: Path) -> None:
    none = run_cli("wall", data=data)
    assert none.returncode == 1 and "imgsearch wall in:Holidays" in none.stderr
    made = run_cli("wall", "in:summer", "--pause", "22-7", data=data)
    address = made.stdout.strip()
    assert address.startswith("http://localhost:8501/wall/"), made.stderr
    assert "3 photos" in made.stderr and "imgsearch ui" in made.stderr
    at = run_cli("wall", "in:winter", "--page", "https://photos.example/", "--json", data=data)
    assert json.loads(at.stdout)["photos"] == 2
    listed = run_cli("wall", data=data).stdout.splitlines()
    assert listed[0] == f"1  {address}  3 photos, 20 s, dark 22:00-07:00  in:summer"
    assert listed[1].endswith("2 photos, 20 s  in:winter")
    removed = run_cli("wall", "--remove", "1", data=data)
    assert removed.stdout == "Removed wall 1; no photo was touched\n"
    assert [each["number"] for each in json.loads(run_cli("wall", "--json", data=data).stdout)] == [
        2
    ]
    unknown = run_cli("wall", "--remove", "1", data=data)
    assert unknown.returncode == 2 and "imgsearch wall" in unknown.stderr
    for wrong in (
        ("--seconds", "9"),
        ("in:summer", "--remove", "2"),
        ("in:summer", "--pause", "x"),
    ):
        assert run_cli("wall", *wrong, data=data).returncode == 2
