"""Persons that the user has named by their faces, in words of a query; and what then is unsure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from imgsearch import Library, Settings
from imgsearch.language.grammar import parse
from imgsearch.language.understanding import understand
from imgsearch.store.store import Store
from tests.people import index_painted_people

ROSE, KLARA, MAX = "Rose", "Klara Hartmann", "Max"
PEOPLE = {f"rose{n}": ["red"] for n in range(8)}
PEOPLE |= {f"klara{n}": ["lime"] for n in range(5)}
PEOPLE |= {f"max{n}": ["blue", "red"] for n in range(4)}  # Rose is in these, too


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """A library of painted people, who have got their names from the user."""
    place = index_painted_people(tmp_path_factory.mktemp("named"), PEOPLE)
    settings = Settings.load(data_dir=place / "library", encoder="lite")
    with Library.open(settings) as library:
        by_photos = sorted(library.people.all(), key=lambda person: -person.photos)
        for person, name in zip(by_photos, (ROSE, KLARA, MAX), strict=True):
            library.people.name(person.id, name)
        yield library


def names_in(library: Library, query: str) -> set[str]:
    """The names of the files that a query finds, without their numbers."""
    hits = library.find(query, 50).without_weak_hits().hits
    return {hit.path.stem.rstrip("0123456789") for hit in hits}


@pytest.mark.parametrize(
    ("query", "filters", "found"),
    [
        ("Rose", ["person:Rose"], {"rose", "max"}),
        ("rose", ["person:rose"], {"rose", "max"}),
        ("Max", ["person:Max"], {"max"}),
        ("Max and Rose", ["person:Max", "person:Rose"], {"max"}),
        ("Rose without Max", ["person:Rose", "-person:Max"], {"rose"}),
        ("without Rose", ["-person:Rose"], {"klara"}),
        ("Hartmann 2019", ["person:Hartmann"], {"klara"}),
    ],
)
def test_a_bare_name_that_is_also_a_word_finds_the_person(
    named: Library, query: str, filters: list[str], found: set[str]
) -> None:
    assert [part.filters for part in named.find(query).understood] == filters
    assert names_in(named, query) == found


def test_undoing_a_name_searches_for_the_word(named: Library) -> None:
    (part,) = named.find("Rose").understood
    answer = named.find(part.undo)
    assert answer.understood == () and answer.hits != named.find("Rose").hits


@pytest.mark.parametrize("query", ["a rose", "a garden -rose", "roses", "a red rose in a vase"])
def test_the_word_stays_a_word(named: Library, query: str) -> None:
    assert named.find(query).understood == ()


class CountedNames:
    """The names of a library, and the look-ups of each."""

    def __init__(self, names: object) -> None:
        self._names = names
        self.asked: list[tuple[object, ...]] = []

    def __getattr__(self, method: str) -> Any:
        def ask(*arguments: object) -> object:
            if method == "knows_name":
                self.asked.append(arguments)
            return getattr(self._names, method)(*arguments)

        return ask


def test_words_that_no_name_has_are_looked_up_once(named: Library) -> None:
    with Store.open(named.settings.data_dir) as store:
        names: Any = CountedNames(store.reads.names)
        understood = understand(names, parse("an old dog on green grass with Rose"))
        assert [part.filters for part in understood.parts] == ["person:Rose"]
        assert names.asked and len(names.asked) == len(set(names.asked))


def test_photos_of_a_person_are_the_answer_and_the_doubt_about_the_rest_is_said(
    named: Library,
) -> None:
    words = "fireworks over a city"
    alone = named.find(words).verdict
    assert alone is not None and alone.state == "nothing"
    answer = named.find(f"{words} with Klara", 50)
    assert answer.verdict is not None and answer.verdict.state == "unsure"
    assert answer.verdict.possible == 5
    assert {hit.level for hit in answer.hits} == {"possible"}
    assert names_in(named, f"{words} with Klara") == {"klara"}
    scores = [hit.score or 0 for hit in answer.hits]
    assert scores == sorted(scores, reverse=True)
    assert answer.remarks == (
        f'These are the photos with Klara. Whether any shows "{words}" is unsure.',
    )


def test_other_filters_still_end_in_nothing(named: Library) -> None:
    answer = named.find("fireworks over a city name:klara", 50)
    assert answer.verdict is not None and answer.verdict.state == "nothing"
    assert names_in(named, "fireworks over a city -person:Rose") == set()
