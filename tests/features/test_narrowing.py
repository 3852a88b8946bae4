"""Questions that narrow a long answer: which are asked, and what yes and no find."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from msgspec.structs import replace

from imgsearch import Answer, Library, Query, QueryError, Settings
from imgsearch.cli import commands
from imgsearch.features import installed
from imgsearch.features.declared import Feature
from imgsearch.features.narrowing import afterwards
from imgsearch.features.narrowing.afterwards import sentences
from imgsearch.features.narrowing.operations import Narrowing
from imgsearch.features.narrowing.splitting import splits
from imgsearch.language.grammar import parse, to_text
from imgsearch.service.client import Client
from tests.factories import run_cli
from tests.services import serving
from tests.travels import AREZZO, SYDNEY, write_taken

if TYPE_CHECKING:
    from imgsearch.service.api import Asking

PHOTOS = 60


@pytest.fixture
def travels(library: Library, tmp_path: Path) -> Library:
    """60 photos: half of 2008, one in three in Arezzo, one in six in Sydney, a few undated."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(PHOTOS):
        taken = f"{2008 + number % 2}-0{1 + number % 6}-07T{8 + number % 12:02}:30:00"
        at = AREZZO if number % 3 == 0 else SYDNEY if number % 6 == 1 else None
        write_taken(folder / f"{number:02}.png", None if number > 56 else taken, at)
    library.index([folder]).run()
    return library


def found(library: Library, line: str) -> set[int]:
    return {int(each) for each in library.find_all(line).ids}


def test_the_split_nearest_to_halves_comes_first_and_strong_photos_count_more() -> None:
    values = {
        "on": [(1, "2019"), (2, "2019"), (3, "2019"), (4, "2020")],
        "place": [(1, "Lisbon"), (2, "Lisbon")],
        "camera": [(each, "phone") for each in range(1, 5)],
    }
    even = dict.fromkeys(range(1, 5), 1.0)
    assert [(each.field, each.value) for each in splits(values, even)] == [
        ("place", "Lisbon"),
        ("on", "2019"),
    ]
    doubtful = {1: 0.3, 2: 0.3, 3: 0.95, 4: 0.95}
    assert [each.field for each in splits(values, doubtful)] == ["on", "place"]
    assert not list(splits({"place": [(1, "Lisbon")]}, {1: 0.05, 2: 1.0}))


def test_a_long_answer_is_asked_about_once_by_each_filter(travels: Library) -> None:
    narrowed = travels.narrowing.questions("type:png")
    assert narrowed.photos == PHOTOS
    questions = {each.question for each in narrowed.questions}
    assert len(questions) == 3
    assert "Was it in 2008?" in questions or "Was it in 2009?" in questions
    fields = {each.yes.partition(":")[0] for each in narrowed.questions}
    assert len(fields) == 3 and {"on", "time"} <= fields


def test_yes_and_no_find_as_many_photos_as_they_say(travels: Library) -> None:
    everything = found(travels, "type:png")
    for each in travels.narrowing.questions("type:png").questions:
        yes = found(travels, f"type:png {each.yes}")
        no = found(travels, f"type:png {each.no}")
        assert (len(yes), len(no)) == (each.photos, each.others)
        assert yes | no <= everything and not yes & no


def test_answering_leads_to_an_answer_without_questions(travels: Library) -> None:
    line, steps = "type:png", 0
    while questions := travels.narrowing.questions(line).questions:
        line, steps = f"{line} {questions[0].yes}", steps + 1
        assert steps < 5
    assert steps and 0 < travels.narrowing.questions(line).photos <= 40


def test_few_photos_and_photos_of_which_nothing_is_known_have_no_questions(
    travels: Library, demo: Library
) -> None:
    assert not travels.narrowing.questions("name:01").questions
    assert travels.narrowing.questions("name:no-such-name").photos == 0
    assert not demo.narrowing.questions("orientation:landscape").questions  # 21 photos at most
    with pytest.raises(QueryError):
        travels.narrowing.questions("place:")


@pytest.mark.features("when")
def test_only_features_that_are_there_ask(
    travels: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert any("time:" in each.yes for each in travels.narrowing.questions("type:png").questions)
    features = {name: replace_narrowing(name, each) for name, each in installed.features().items()}
    monkeypatch.setattr(installed, "features", lambda: features)
    left = travels.narrowing.questions("type:jpeg|png").questions
    assert left and not any("time:" in each.yes for each in left)


def replace_narrowing(name: str, feature: Feature) -> Feature:
    return feature._replace(narrowing={}) if name == "when" else feature


def test_the_commands_say_what_narrows(travels: Library) -> None:
    data = travels.settings.data_dir
    asked = run_cli("narrow", "type:png", data=data)
    assert asked.returncode == 0 and "Was it in 200" in asked.stdout
    answer = json.loads(run_cli("narrow", "type:png", "--json", data=data).stdout)
    assert answer["photos"] == PHOTOS and answer["questions"][0]["no"].startswith("-")
    few = run_cli("narrow", "name:01", data=data)
    assert few.returncode == 1 and "more than 40" in few.stderr
    # Only a terminal has the line after an answer.
    assert "Narrow" not in run_cli("search", "type:png", "-k", "3", data=data).stderr


def test_a_long_answer_ends_with_the_filters_that_narrow_it(travels: Library) -> None:
    def ask(operation: Any, query: str) -> Any:
        assert operation is Narrowing.questions
        return travels.narrowing.questions(query)

    first = travels.narrowing.questions("type:png").questions[0]
    long, short = (travels.find(line, 3) for line in ("type:png", "name:01"))
    (sentence,) = sentences(cast("Asking", ask), cast("Query", "type:png"), long)
    assert sentence.startswith(f"Narrow down: {first.yes} ({first.photos})")
    assert not list(sentences(cast("Asking", ask), cast("Query", "name:01"), short))


def test_the_answer_is_shown_before_anything_is_asked(
    travels: Library, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown: list[str] = []

    def read_the_terminal(ask: Any, query: Query, answer: Answer) -> Iterator[str]:
        shown.append(capsys.readouterr().out)
        yield from sentences(ask, query, answer)

    monkeypatch.setattr(afterwards, "sentences", read_the_terminal)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    commands.main(
        ["search", "type:png", "-k", "3", "--data", str(travels.settings.data_dir)],
        standalone_mode=False,
    )
    assert len(shown) == 1 and shown[0].count(".png") == 3
    assert "Narrow down: " in capsys.readouterr().err


def test_a_service_asks_the_same(travels: Library) -> None:
    expected = travels.narrowing.questions("type:png")
    data = travels.settings.data_dir
    with serving(data):
        client = Client(Settings.load(data_dir=data, encoder="lite"))
        assert client.call(Narrowing.questions, "type:png") == expected
        assert client.call(Narrowing.questions, "type:png sort:best") == expected


@pytest.mark.parametrize("line", ["sort:date", "sort:path", "sort:best"])
def test_an_order_alone_is_a_query_of_all_photos(demo: Library, line: str) -> None:
    """The page asks about each answer, and an order alone has one."""
    assert demo.narrowing.questions(line).photos == demo.photo_count()


def test_an_empty_query_is_refused_as_a_search_does(demo: Library) -> None:
    with pytest.raises(QueryError, match="The query is empty"):
        demo.narrowing.questions(Query())


@pytest.mark.parametrize(
    "line",
    ["", "a dog", "(camera:canon | place:Paris) -is:picked", "a dog -people sort:date t:.2"],
)
def test_a_filter_behind_a_line_in_normal_form_holds_for_all_of_it(line: str) -> None:
    query = parse(line) if line else Query()
    narrowed = parse(f"{to_text(query)} -on:2019".strip())
    assert narrowed == replace(query, filters=(*query.filters, *parse("-on:2019").filters))
