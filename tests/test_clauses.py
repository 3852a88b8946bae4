"""Lines of several clauses: where they are split, what each clause does, and what is set aside."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from imgsearch import Library
from imgsearch.language.clauses import clauses_of, sentences_of
from imgsearch.language.grammar import parse, to_text
from imgsearch.language.understanding import understand
from imgsearch.records.query import Understanding
from imgsearch.store.reading.names import NameReads
from tests.factories import run_cli
from tests.stand_in import StandIn
from tests.test_understanding import TODAY, library_of, photo
from tests.travels import write_taken


@pytest.fixture(scope="module")
def reads(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NameReads]:
    photos = [
        photo("2019-09-06T18:00:00", "Anna Smith", town="Lisbon", country="Portugal"),
        photo("2020-01-08T10:00:00", "Anna Smith", town="Porto", country="Portugal"),
        photo("2020-08-31T08:00:00", "Bob", town="Seoul", country="South Korea"),
        photo("2018-03-12T08:00:00", town="Brass Anchor", country="Ireland"),
    ]
    store = library_of(tmp_path_factory.mktemp("library"), photos)
    yield store.reads.names
    store.close()


def read(reads: NameReads, line: str) -> Understanding:
    return understand(reads, parse(line), TODAY, any_passes=reads.any_passes)


# ------------------------------------------------------------------------- splitting


@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        (
            "A brown dog on a beach. It was chasing a red ball; a boy watched it!",
            ("A brown dog on a beach", "It was chasing a red ball", "a boy watched it"),
        ),
        ("a dog in deep snow, a boy on a sledge", ("a dog in deep snow", "a boy on a sledge")),
        ("we saw the old church, then we ate fish", ("we saw the old church", "we ate fish")),
        ("we saw a church and then we ate", ("we saw a church", "we ate")),
        ("the old red car, which stood in rain", ("the old red car", "which stood in rain")),
        ("Cups for sale. Red, green, blue ones.", ("Cups for sale", "Red, green, blue ones")),
        ("a plate (fish, chips and salad), a glass of wine", ("a plate (fish, chips and salad)",
         "a glass of wine")),
        ('He said "stop." Then we left.', ('He said "stop."', "we left")),
        ("a lake. a lake.", ("a lake. a lake.",)),
    ],
)  # fmt: skip
def test_where_a_text_is_split(text: str, clauses: tuple[str, ...]) -> None:
    assert clauses_of(text) == clauses


@pytest.mark.parametrize(
    "text",
    [
        *("a dog", "red, white and blue", "a black, white dog", "a dog, a cat, a bird", "", "..."),
        *("St. Peter in the evening", "at 5 p.m. on the beach", "am 3. Mai am Strand"),
        *(
            "Dr. Smith and Mrs. Jones",
            "a man and then",
            "a sign (no dogs, no cats, no birds at all",
        ),
    ],
)
def test_texts_of_one_clause_stay_as_they_are(text: str) -> None:
    assert clauses_of(text) == (text,)


def test_sentences_are_no_parts_between_commas() -> None:
    assert sentences_of("At 5 p.m. we left, all of us. It rained.") == [
        "At 5 p.m. we left, all of us.",
        "It rained.",
    ]


# ------------------------------------------------------------------------- reading


def test_each_clause_says_what_it_does(reads: NameReads) -> None:
    line = "A red tram on a steep street. It was in Lisbon in 2019, with Anna. A dog slept there."
    understood = read(reads, line)
    assert [(each.words, each.ranked, each.filters) for each in understood.clauses] == [
        ("A red tram on a steep street.", "A red tram on a steep street.", ""),
        ("It was in Lisbon in 2019", "", "place:Lisbon on:2019"),
        ("with Anna.", "", "person:Anna"),
        ("A dog slept there.", "A dog slept there.", ""),
    ]
    assert to_text(understood.query) == (
        "A red tram on a steep street. A dog slept there. place:Lisbon on:2019 person:Anna"
    )
    assert understood.set_aside == ()
    without_third = read(reads, understood.clauses[2].rest)
    assert [each.filters for each in without_third.parts] == ["place:Lisbon", "on:2019"]


def test_a_clause_that_empties_the_answer_is_set_aside(reads: NameReads) -> None:
    understood = read(reads, "A red tram in Lisbon with Anna. It was in January 2020 in Portugal.")
    assert [each.filters for each in understood.parts] == [
        "place:Lisbon", "person:Anna", "country:Portugal"
    ]  # fmt: skip
    assert [(each.words, each.filters) for each in understood.set_aside] == [
        ("in January 2020", "on:2020-01")
    ]
    assert [each.set_aside for each in understood.clauses] == ["", "on:2020-01"]
    assert to_text(understood.query) == ("A red tram place:Lisbon person:Anna country:Portugal")
    # Its words can be searched for as they are, or left out.
    (part,) = understood.set_aside
    assert "in January 2020" in [str(term.what) for term in parse(part.undo).terms]
    assert "2020" not in part.rest


def test_filters_that_were_typed_are_never_set_aside(reads: NameReads) -> None:
    understood = read(reads, "on:2020 a red tram, it was in Lisbon")
    assert [each.filters for each in understood.set_aside] == ["place:Lisbon"]
    assert to_text(understood.query) == "a red tram on:2020"
    both = read(reads, "on:1999 a red tram, it was in Lisbon")  # nothing to gain
    assert both.set_aside == () and [each.filters for each in both.parts] == ["place:Lisbon"]


@pytest.mark.parametrize(
    "line",
    ["Anna in Lisbon in January 2020", "a red tram in Lisbon on:2020", "a dog", "red, green, blue"],
)
def test_a_line_of_one_clause_is_read_as_ever(reads: NameReads, line: str) -> None:
    understood = read(reads, line)
    assert understood == understand(reads, parse(line), TODAY)
    assert understood.clauses == () and understood.set_aside == ()


@pytest.mark.parametrize(
    ("line", "filters"),
    [
        ("It was the last day of August", "day:08-31"),
        ("the last day of August 2020", "on:2020-08-31"),
        ("on the first day of September", ""),  # of which there is no photo
        ("a bar called the Brass Anchor", 'place:"Brass Anchor"'),
        ("a bar called Brass Anchor", 'place:"Brass Anchor"'),
        ("the brass anchor of a ship", ""),
        ("a temple in Korea", 'country:"south korea"'),
        ("the last day of school", ""),
        ("first day in snow", ""),
    ],
)
def test_what_people_say_of_a_moment(reads: NameReads, line: str, filters: str) -> None:
    assert " ".join(each.filters for each in read(reads, line).parts) == filters


def test_the_last_day_of_february_is_one_of_two(tmp_path: Path) -> None:
    store = library_of(tmp_path, [photo("2019-02-28")])
    assert read(store.reads.names, "the last day of February").parts[0].filters == "day:02-29|02-28"
    store.close()


# ------------------------------------------------------------------------- an answer


@pytest.fixture
def trips(library: Library, stand_in: StandIn, tmp_path: Path) -> Library:
    folder = tmp_path / "photos"
    for name, moment in {"tram": "2019-06-15T10:00:00", "lake": "2020-01-08T12:00:00"}.items():
        write_taken(folder / f"{name}.png", moment)
    library.index([folder]).run()
    return library


def test_an_answer_says_what_was_set_aside(trips: Library) -> None:
    answer = trips.find("A red tram in June 2019. It was in January 2020.")
    assert [hit.path.stem for hit in answer.hits] == ["tram"]
    assert any("2020" in remark and "set aside" in remark for remark in answer.remarks)
    assert [each.set_aside for each in answer.clauses] == ["", "on:2020-01"]
    alone = trips.find("A red tram in June 2019 in January 2020")  # one clause: as ever
    assert alone.hits == () and alone.clauses == ()


def test_the_command_says_what_each_clause_does(trips: Library) -> None:
    data = trips.settings.data_dir
    line = "A red tram in June 2019. It was in January 2020."
    result = run_cli("search", line, data=data)
    assert "Clause 1: filters by on:2019-06, ranks by A red tram" in result.stderr
    assert "Clause 2: set aside: on:2020-01" in result.stderr
    shown = json.loads(run_cli("search", "--json", line, data=data).stdout)
    assert [each["filters"] for each in shown["clauses"]] == ["on:2019-06", ""]
