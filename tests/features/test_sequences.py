"""One thing and then another: how lines are read, and which photos answer them."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest
from numpy.typing import NDArray

from imgsearch import Library, QueryError, SequenceAnswer
from imgsearch.features.sequences.finding import Candidates, bounds, find_sequences
from imgsearch.features.sequences.reading import read_parts, with_sign
from tests.factories import run_cli
from tests.stand_in import StandIn
from tests.travels import state_beside, write_taken

FloatRows: TypeAlias = NDArray[np.float64]
OUTING = {
    "church": "2019-06-15T10:00:00",
    "ice one": "2019-06-15T12:30:00",
    "museum": "2019-06-15T14:00:30",
    "ice two": "2019-06-15T16:05:00",
    "church again": "2019-06-22T16:05:00",
    "scanned ice": None,
    "ice of a day": "2019-06-15",
}


def library_of(library: Library, folder: Path, taken: dict[str, str | None]) -> Library:
    """Index photos that were taken then."""
    for name, moment in taken.items():
        write_taken(folder / f"{name}.png", moment)
    library.index([folder]).run()
    return library


@pytest.fixture
def outing(library: Library, stand_in: StandIn, tmp_path: Path) -> Library:
    """A library of an outing, of another day, and of photos without a time."""
    return library_of(library, tmp_path / "photos", OUTING)


def names(answer: SequenceAnswer) -> list[tuple[str, ...]]:
    return [tuple(hit.path.stem for hit in each.hits) for each in answer.sequences]


# ------------------------------------------------------------------------- reading


@pytest.mark.parametrize(
    ("line", "read"),
    [
        ("a church ~> ice cream", "a church ~> ice cream"),
        ("a church ~2h~> ice cream ~> a dog", "a church ~2h~> ice cream ~> a dog"),
        (
            "after eating ice cream by the sea I sat in a red car",
            "eating ice cream by the sea ~> sat in a red car",
        ),
        ("After we left the church, we ate ice cream", "left the church ~> ate ice cream"),
        ("I sat in a red car after eating ice cream", "eating ice cream ~> sat in a red car"),
        ("we took a train before visiting the zoo", "took a train ~> visiting the zoo"),
        ("the church we saw before the museum", "the church ~> the museum"),
        ("the church that we saw after the museum", "the museum ~> the church"),
        ("first a church, then ice cream", "a church ~> ice cream"),
        ("first a dog, then a cat and then a bird", "a dog ~> a cat ~> a bird"),
        ("erst die Kirche, dann das Eis", "die Kirche ~> das Eis"),
        ("zuerst Frühstück und danach der Strand", "Frühstück ~> der Strand"),
        ("nachdem wir Eis gegessen haben, saßen wir im Auto", "Eis gegessen haben ~> im Auto"),
    ],
)
def test_lines_that_state_an_order(line: str, read: str) -> None:
    assert with_sign(line) == read
    assert read_parts(read) is not None


@pytest.mark.parametrize(
    "line",
    [
        *("after the rain", "after morning coffee I left", "die Kirche vor dem Museum"),
        *("first snow", "the first dog, then another", '"a ~> b"', "after 2019", "before sunset"),
        *("what did we see after leaving the church?", "plain:first a dog, then a cat", ""),
        *("the house after the fire", "a dog before a house", "first communion"),
    ],
)
def test_lines_that_state_none(line: str) -> None:
    """So the search field looks for them as ever."""
    assert with_sign(line) is None


@pytest.mark.parametrize(
    ("line", "message", "at"),
    [
        ("~> ice", "is empty", 0),
        ("a church ~>", "is empty", 10),
        ("a ~> ~> b", "is empty", 4),
        ("a ~> b ~> c ~> d", "3 are the most", 12),
        ("a ~0h~> b", "0h is no time", 2),
        ("a ~99999d~> b", "99999d is no time", 2),
        ("a ~2 weeks~> b", "'2 weeks' is no time", 2),
    ],
)
def test_what_is_wrong_with_a_line(line: str, message: str, at: int) -> None:
    with pytest.raises(QueryError, match=message) as raised:
        read_parts(line)
    assert raised.value.at == at


# ------------------------------------------------------------------------- order


def test_the_photos_of_one_event_in_order(outing: Library) -> None:
    find = outing.sequences.find
    assert set(names(find("name:church ~> name:ice"))) == {("church", "ice one")}
    assert names(find("name:museum ~> name:ice")) == [("museum", "ice two")]
    assert names(find("name:ice ~> name:museum")) == [("ice one", "museum")]
    assert names(find("name:museum ~> name:church")) == []  # another day
    three = find("name:church ~> name:museum ~> name:ice")
    assert names(three) == [("church", "museum", "ice two")]
    assert three.sequences[0].apart_s == (14_430, 7470)
    assert three.sequences[0].apart == ("4 h after", "2 h 4 min after")
    event = three.sequences[0].event
    assert event is not None and event.photos == 4  # one is of the day alone


def test_a_window_in_place_of_the_event(outing: Library) -> None:
    find = outing.sequences.find
    assert names(find("name:museum ~8d~> name:church")) == [("museum", "church again")]
    assert names(find("name:museum ~6d~> name:church")) == []
    assert names(find("name:church ~1h~> name:ice")) == []
    assert names(find("name:church ~3h~> name:ice")) == [("church", "ice one")]
    # The window is of its own sign: the museum is in the event of the church before it.
    mixed = find("name:church ~> name:museum ~8d~> name:church")
    assert names(mixed) == [("church", "museum", "church again")]
    assert mixed.parts[2].window == "8d" and mixed.parts[1].window is None


def test_photos_without_a_time_of_their_own_do_not_count(outing: Library) -> None:
    found = outing.sequences.find("name:church ~> name:scanned")
    assert names(found) == []
    found = outing.sequences.find("name:scanned ~> name:ice")
    assert "2 photos of the parts without a time of their own do not count." in found.remarks
    alone = outing.sequences.find('name:scanned ~> name:"ice of"')
    assert any("No photo of the parts has a time" in each for each in alone.remarks)


def test_other_bad_input(
    outing: Library, library: Library, stand_in: StandIn, tmp_path: Path
) -> None:
    with pytest.raises(QueryError, match="one thing only"):
        outing.sequences.find("a church")
    with pytest.raises(QueryError, match="Unknown filter frob"):
        outing.sequences.find("a church ~> frob:1")
    with pytest.raises(QueryError, match="number of results"):
        outing.sequences.find("a ~> b", k=0)
    with pytest.raises(QueryError, match=r"library\.sequences") as raised:
        outing.search("a church ~> ice cream")
    assert raised.value.at == 9
    assert outing.search('"a ~> b"', k=1)  # in quotes, it is words
    empty = outing.sequences.find("on:1999 a church ~> ice")
    assert names(empty) == [] and "No photo passes the filters" in empty.remarks[0]


def test_photos_of_one_second_have_no_order(
    library: Library, stand_in: StandIn, tmp_path: Path
) -> None:
    same = {f"{number}": "2019-06-15T10:00:00" for number in range(5)}
    library_of(library, tmp_path / "photos", dict(same))
    assert names(library.sequences.find("a cat ~> a dog")) == []


def test_one_photo(library: Library, stand_in: StandIn, tmp_path: Path) -> None:
    library_of(library, tmp_path / "photos", {"only": "2019-06-15T10:00:00"})
    assert names(library.sequences.find("a cat ~> a dog")) == []


def test_across_the_date_line_the_moments_count(
    library: Library, stand_in: StandIn, tmp_path: Path
) -> None:
    """By the clocks, the photo that was taken first is the later one: on a day that is repeated."""
    folder = tmp_path / "photos"
    write_taken(folder / "tonga.png", "2019-06-15T10:00:00+13:00")
    write_taken(folder / "samoa.png", "2019-06-15T09:00:00-11:00")
    library.index([folder]).run()
    assert names(library.sequences.find("name:tonga ~> name:samoa")) == [("tonga", "samoa")]
    assert names(library.sequences.find("name:samoa ~> name:tonga")) == []


def test_the_first_days_of_the_calendar(
    library: Library, stand_in: StandIn, tmp_path: Path
) -> None:
    """In UTC they are before it."""
    folder = tmp_path / "photos"
    write_taken(folder / "first.png", "0001-01-01T10:00:00+14:00")
    write_taken(folder / "second.png", "0001-01-01T11:00:00+14:00")
    library.index([folder]).run()
    assert names(library.sequences.find("name:first ~> name:second")) == [("first", "second")]


# ------------------------------------------------------------------------- the best ones


def candidates(*moments: tuple[int, float]) -> Candidates:
    """Return candidates of these events and times, in order."""
    events = np.array([event for event, _ in moments], np.int64)
    times = np.array([time for _, time in moments])
    return Candidates(np.arange(len(moments)) + 1, events, events, times)


def test_as_trying_all_pairs(made_lines: Callable[[int], tuple[Candidates, FloatRows]]) -> None:
    for seed in range(20):
        made, strengths = made_lines(seed)
        (best, *_) = find_sequences(made, strengths, [bounds(made, None)], 10)
        pairs = {
            (first, last): strengths[0, first] + strengths[1, last]
            for first in range(len(made))
            for last in range(len(made))
            if made.spans[first] == made.spans[last] and made.times_s[first] < made.times_s[last]
        }
        assert best.score == pytest.approx(max(pairs.values()))
        assert pairs[best.places[0], best.places[1]] == pytest.approx(best.score)


@pytest.fixture
def made_lines() -> Callable[[int], tuple[Candidates, FloatRows]]:
    """Return a function that makes photos of a few events, some of one second."""

    def make(seed: int) -> tuple[Candidates, FloatRows]:
        numbers = np.random.default_rng(seed)
        events = np.sort(numbers.integers(0, 5, 60))
        times = numbers.integers(0, 40, 60).astype(np.float64) * 60
        order = np.lexsort((times, events))
        made = Candidates(np.arange(60) + 1, events[order], events[order], times[order])
        return made, numbers.normal(size=(2, 60))

    return make


def test_at_most_three_of_an_event_that_lie_apart() -> None:
    made = candidates(*((0, 60.0 * minute) for minute in range(61)))
    strengths = np.ones((2, 61))
    found = find_sequences(made, strengths, [bounds(made, None)], 10)
    assert len(found) == 3
    ends = sorted(made.times_s[each.places[-1]] for each in found)
    assert all(later - earlier >= 300 for earlier, later in itertools.pairwise(ends))
    places = [place for each in found for place in each.places]
    assert len(places) == len(set(places))


# ------------------------------------------------------------------------- what photos show


@pytest.fixture
def day_out(library: Library, demo_photos: Path, tmp_path: Path) -> Library:
    """The photos of the demo on one day, with names that say nothing."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, path in enumerate(sorted(demo_photos.iterdir())):
        copied = folder / f"{number:02}{path.suffix}"
        copied.write_bytes(path.read_bytes())
        taken = datetime(2019, 6, 15, 9) + timedelta(minutes=20 * number)
        state_beside(copied, taken.isoformat())
    library.index([folder]).run()
    return library


def test_what_pictures_show_in_order(day_out: Library) -> None:
    cat, coffee = (day_out.search(words, k=1)[0].path.stem for words in ("a cat", "a coffee cup"))
    words = {cat: "a cat", coffee: "a coffee cup"}
    first, last = sorted((cat, coffee))
    line = f"{words[first]} ~> {words[last]}"
    found = day_out.sequences.find(line)
    assert names(found)[0] == (first, last)
    assert found.state == "found" and found.sequences[0].level == "likely"
    assert found.sequences[0].hits[0].level is not None
    assert not found.is_from_words and found.line == line
    in_words = day_out.sequences.find(f"First {words[first]}, then {words[last]}.")
    assert in_words.sequences == found.sequences
    assert in_words.is_from_words and in_words.line == line
    backwards = day_out.sequences.find(f"{words[last]} ~> {words[first]}", weak=True)
    assert (last, first) not in names(backwards)
    assert backwards.sequences[0].score < found.sequences[0].score
    nothing = day_out.sequences.find(f"{words[first]} ~> sheep on a meadow")
    assert nothing.state != "found" and "looks like" in nothing.remarks[0]
    assert nothing.parts[0].state == "found" and nothing.parts[1].state == "nothing"


# ------------------------------------------------------------------------- the command


def test_the_command(day_out: Library) -> None:
    data = day_out.settings.data_dir
    cat, coffee = (day_out.search(words, k=1)[0].path.name for words in ("a cat", "a coffee cup"))
    first, last = ("a cat", "a coffee cup") if cat < coffee else ("a coffee cup", "a cat")
    shown = run_cli("search", f"{first} ~> {last}", "-k", "1", data=data)
    assert shown.returncode == 0 and "15 June 2019  (likely)" in shown.stdout
    assert shown.stdout.index(min(cat, coffee)) < shown.stdout.index(max(cat, coffee))
    assert " after" in shown.stdout and "1 sequence" in shown.stderr
    paths = run_cli("search", f"{first} ~> {last}", "-k", "1", "--paths", data=data)
    assert [Path(line).name for line in paths.stdout.split()] == sorted((cat, coffee))
    as_json = run_cli("search", f"{first} ~> {last}", "--json", data=data)
    answer = json.loads(as_json.stdout)
    assert answer["parts"][0] == {
        "query": first,
        "state": "found",
        "understood": [],
        "window": None,
    }
    in_words = run_cli("search", "first", first, "then", last, data=data)
    assert f"Understood as {first} ~> {last}. To undo it, write plain:" in in_words.stderr
    assert in_words.stdout.startswith(shown.stdout)
    # Programs that read the answer of a search get one, unless they write the sign.
    words_alone = run_cli("search", f"first {first} then {last}", "--json", data=data)
    assert "hits" in json.loads(words_alone.stdout)


def test_the_command_with_filters_and_wrong_options(day_out: Library) -> None:
    data = day_out.settings.data_dir

    def searched(*options: str) -> tuple[int, str]:
        done = run_cli("search", "name:03 ~6h~> name:05", *options, data=data)
        return done.returncode, done.stdout + done.stderr

    assert searched("--on", "2019-06-15")[0] == 0
    code, text = searched("--on", "2018")
    assert code == 1 and "No photo passes the filters" in text
    code, text = searched("--preview")
    assert code == 2 and "A line with ~> has no --preview" in text
    code, text = searched("--min-score", "0.3")
    assert code == 2 and "no minimum score" in text
    code, text = searched("--json", "--paths")
    assert code == 2 and "one of --paths and --json" in text
