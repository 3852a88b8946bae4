"""How to go on with a query line: names in the library, and past queries."""

from __future__ import annotations

import os
import random
import sqlite3
import stat
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet
from click.testing import CliRunner
from msgspec.structs import replace

from imgsearch import Library, Query, Settings, parse
from imgsearch.cli import commands
from imgsearch.errors import DiskError, SettingsError, UsageError
from imgsearch.features.installed import features
from imgsearch.language.completion import typed_end
from imgsearch.language.fields import FIELDS
from imgsearch.place_names import _regions_file
from imgsearch.records.directions import CalibratedDirection
from imgsearch.records.photo import Facts
from imgsearch.store.past_queries import PAST_QUERIES_FILE, PastQueries
from imgsearch.store.store import Store
from tests.factories import ingested, random_vectors

ANNA, BOB = "Anna Weidinger", "Bob Okafor"
PHOTOS = {
    "2019/Trip to Genève/IMG_1.jpg": Facts(
        "JPEG", 10, 10, people=(ANNA,), keywords=("Nature|Birds",), camera="Canon EOS 5D"
    ),
    "2019/Trip to Genève/IMG_2.jpg": Facts("JPEG", 10, 10, people=(ANNA,), camera="Canon EOS 5D"),
    "2019/Trip to Genève/IMG_3.jpg": Facts(
        "JPEG", 10, 10, people=("Annabel Lee", BOB), town="Genève", country="Switzerland"
    ),
    "Toskana/DSC_4.nef": Facts(
        "JPEG", 10, 10, people=("Jo \u200fAnn",), town="Arezzo", region="Tuscany", country="Italy",
        keywords=("to print", "bird bath"), camera="NIKON D90", lens="Nikkor 50mm f/1.8",
        creator="Zoë Lindqvist",
    ),
    "Toskana/odd.jpg": Facts("JPEG", 10, 10, keywords=('say "cheese"', "a|b", "line\nbreak")),
}  # fmt: skip


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with Store.open(tmp_path, writable=True) as store:
        root = store.files.add_root("/home/ada/Pictures")
        key = store.vectors.add_encoder("test/1", "test", 2).key
        vectors = random_vectors(len(PHOTOS), 2)
        store.record(
            root,
            key,
            [
                ingested(f"/home/ada/Pictures/{path}", vector[None], facts=facts)
                for (path, facts), vector in zip(PHOTOS.items(), vectors, strict=True)
            ],
        )
        if "labels" in features():
            save_labels(store)
        if "concepts" in features():
            teach(store, key)
    with Library.open(tmp_path) as opened:
        if "saved" in features():
            opened.saved.save("Vacation Toskana", "in:Toskana")
        yield opened


def save_labels(store: Store) -> None:
    from imgsearch.features.labels.records import Classes
    from imgsearch.features.labels.store import LabelStore

    facets = LabelStore(store.database)
    facets.save_facet("rooms", Classes(("kitchen", "living room"), none_of_these=False))
    facets.save_facet("places", Classes(("kitchen", "garden")))


def teach(store: Store, encoder_key: int) -> None:
    from imgsearch.features.concepts.records import ConceptExample, FittedConcept
    from imgsearch.features.concepts.store import ConceptStore

    house = CalibratedDirection("Our house", random_vectors(1, 2)[0], 1, 0, 0.5, 0.2)
    fitted = FittedConcept(house, None, None, len(PHOTOS))
    example = ConceptExample(b"1", True, 1)
    ConceptStore(store.database).save("Our house", [example], encoder_key, fitted)


def of(feature: str, typed: str, suggested: list[str]) -> ParameterSet:
    """A case that a feature suggests."""
    return pytest.param(typed, suggested, marks=pytest.mark.features(feature))


def lines(library: Library, typed: str, k: int = 8) -> list[str]:
    return [suggestion.line for suggestion in library.lines.suggest(typed, k)]


# ------------------------------------------------------------------------- names


NAMES = [
    ("weid", 'person:"Anna Weidinger"'),
    ("a dog with ANNA W", 'a dog person:"Anna Weidinger"'),
    ("GENEV", "place:Genève"),
    ("beach gene", 'beach in:"Trip to Genève"'),
    ("photos of trip to g", 'photos of in:"Trip to Genève"'),
    ("walking in tusc", "walking place:Tuscany"),
    ("walking in it", "walking country:Italy"),
    ("walking in the it", "walking country:Italy"),
    ("photos by the ita", "photos by the country:Italy"),
    ("tosk", "in:Toskana"),
    ("birds", "keyword:Birds"),
    ("natu", "keyword:Nature"),
    ("can", 'camera:"Canon EOS 5D"'),
    ("sunset by d90", 'sunset camera:"NIKON D90"'),
    ("50mm", 'lens:"Nikkor 50mm f/1.8"'),
    ("a dog -okaf", "a dog -person:\"Bob Okafor\""),
    ("person:okaf", 'person:"Bob Okafor"'),
    ("dog -person:okaf", 'dog -person:"Bob Okafor"'),
    ('dog person:"bob o', 'dog person:"Bob Okafor"'),
    ("folder:tosk", "in:Toskana"),  # the name that other programs have for it
    ("place:swit", "place:Switzerland"),
    ("camera:eos", 'camera:"Canon EOS 5D"'),
    ("jo a", 'person:"Jo Ann"'),  # without the mark for a direction
    ("say", 'keyword:"say \\"cheese\\""'),
]  # fmt: skip


@pytest.mark.parametrize(("typed", "suggested"), NAMES)
def test_a_name_is_completed_to_its_exact_filter(
    library: Library, typed: str, suggested: str
) -> None:
    assert suggested in lines(library, typed)
    (found,) = (each for each in library.lines.suggest(typed) if each.line == suggested)
    if found.photos is not None:  # the filter finds exactly these
        (condition,) = parse(suggested).filters
        query = Query(filters=(replace(condition, negated=False),))
        assert len(library.find(query, 50).hits) == found.photos


# The name of Tuscany in German, with the extra `places`.
IN_GERMAN = [] if _regions_file() is None else ["place:Tuscany"]


@pytest.mark.parametrize(
    ("typed", "suggested"),
    [
        of("labels", "label:gard", ["label:garden"]),
        of("labels", "LABEL:kit", ["label:places/kitchen", "label:rooms/kitchen"]),  # of two facets
        of("labels", "dog -label:roo", ["dog -label:rooms/kitchen", 'dog -label:"living room"']),
        of("labels", "label:rooms/liv", ['label:"rooms/living room"']),
        of("labels", "label:none", ['label:"none of these"']),
        of("concepts", "shows:hou", ['shows:"Our house"']),
        of("concepts", "dog concept:our", ['dog concept:"Our house"']),
        of("concepts", "dog -concept:our", ['dog -concept:"Our house"']),
        of("saved", "saved:", ['saved:"Vacation Toskana"']),
        of("saved", "-saved:vac", []),  # the language has no such filter
        ("root:", ["root:Pictures"]),
        ("creator:lind", ['creator:"Zoë Lindqvist"']),
        ("author:", ['creator:"Zoë Lindqvist"']),
        ("zoe", []),
        ("type:j", ["type:jpeg", "type:jpeg2000", "type:jxl"]),
        ("ext:jpeg x", []),  # a space ends the value
        ('type:"jpeg x', ["type:jxl"]),
        ("is:o", ["is:offline", "is:online"]),
        ("orientation:", ["orientation:landscape", "orientation:portrait", "orientation:square"]),
        ("dated:xm", ["dated:xmp"]),
        ("month:ju", ["month:06", "month:07"]),
        ("sort:", ["sort:date", "sort:path", "sort:best"]),
        of("labels", "dog gard", ["dog label:garden"]),  # after free words as well
        of("concepts", "our h", ['shows:"Our house"']),
        of("saved", "vac", ['saved:"Vacation Toskana"']),
        ("jpeg", []),
        of("saved", "tosk", ["in:Toskana", 'saved:"Vacation Toskana"', *IN_GERMAN]),
    ],
)  # fmt: skip
def test_values_of_filters_are_completed(
    library: Library, typed: str, suggested: list[str]
) -> None:
    assert lines(library, typed) == suggested
    for line in suggested:
        parse(line)


def test_every_filter_with_a_few_values_is_completed(library: Library) -> None:
    for name, field in FIELDS.items():
        for text, value in field.choices().items():
            (found,) = [
                each.line
                for each in library.lines.suggest(f'{name}:"{text}', 20)
                if each.text == text
            ]
            assert parse(found) == parse(f"{name}:{value}")


def test_suggestions_say_what_they_are(library: Library) -> None:
    (anna,) = library.lines.suggest("weid")
    assert (anna.kind, anna.text, anna.photos) == ("person", ANNA, 2)
    assert [each.kind for each in library.lines.suggest("geneve")] == ["place", "folder"]
    assert [each.kind for each in library.lines.suggest("d90")] == ["camera"]
    assert [each.text for each in library.lines.suggest("month:j")] == ["January", "June", "July"]


@pytest.mark.features("saved")
def test_a_suggested_saved_search_says_what_it_is(library: Library) -> None:
    (saved,) = library.lines.suggest("saved:vac")
    assert (saved.kind, saved.kind_name, saved.text) == (
        "saved", "saved search", "Vacation Toskana",
    )  # fmt: skip


def test_names_that_begin_with_the_words_come_first(library: Library) -> None:
    texts = [each.text for each in library.lines.suggest("ann")]
    assert texts == [ANNA, "Annabel Lee", "Jo Ann"]
    assert [each.text for each in library.lines.suggest("ann ")] == ["Jo Ann"]  # the word is ended
    assert lines(library, "ann", 2) == lines(library, "ann")[:2]


def test_after_a_colon_all_names_of_the_field_are_suggested(library: Library) -> None:
    everyone = [each.text for each in library.lines.suggest("person:")]
    assert everyone[0] == ANNA and set(everyone) == {ANNA, BOB, "Annabel Lee", "Jo Ann"}
    assert {each.text for each in library.lines.suggest("camera:")} == {"Canon EOS 5D", "NIKON D90"}


@pytest.mark.parametrize(
    "typed",
    ["", " ", "xyzzy", "a dog in ", "a dog with", '"anna', 'dog "anna w', "person:anna|bo",
     "2:anna", 'person:"Bob Okafor"', "rating:5", "t:0.", "-", "?!", "anna" * 500, "\ud800"],
)  # fmt: skip
def test_nothing_is_suggested_where_no_name_is_typed(library: Library, typed: str) -> None:
    assert lines(library, typed) == []


def test_a_name_that_no_line_can_hold_is_left_out(library: Library) -> None:
    assert lines(library, "keyword:line") == []


def test_names_of_photos_that_are_gone_are_not_suggested(library: Library) -> None:
    with Store.open(library.settings.data_dir, writable=True) as store:
        root = store.files.add_root("/home/ada/Pictures")
        store.files.remove_root(root)
    assert lines(library, "anna") == [] and lines(library, "canon") == []


def test_only_whole_positive_numbers_of_suggestions(library: Library) -> None:
    with pytest.raises(UsageError, match="1 or more"):
        library.lines.suggest("anna", 0)


def test_names_are_ranked_by_phrase_then_beginning_then_photos(tmp_path: Path) -> None:
    rng = random.Random(5)
    words = ("an", "ann", "anna", "bo", "bob", "lee")
    made = [" ".join(rng.choices(words, k=rng.randint(1, 3))) for _ in range(150)]
    photos = [
        Facts("JPEG", 10, 10, people=(name,) if rng.random() < 0.5 else (), keywords=(name,))
        for name in made
    ]
    with Store.open(tmp_path, writable=True) as store:
        root = store.files.add_root("/photos")
        key = store.vectors.add_encoder("test/1", "test", 2).key
        vectors = random_vectors(len(photos), 2)
        found = [
            ingested(f"/photos/{number}.jpg", vector[None], facts=facts)
            for number, (facts, vector) in enumerate(zip(photos, vectors, strict=True))
        ]
        store.record(root, key, found)
        known = Counter(
            [("people", name) for facts in photos for name in facts.people]
            + [("keywords", name) for facts in photos for name in facts.keywords]
        )
        for phrases in (["an"], ["an "], ["x an", "an"], ["ann bob l", "bob l", "l"], ["zoe"]):
            ranked = []
            for (field, name), number in known.items():
                starts = [f" {name} ".find(f" {phrase}") for phrase in phrases]
                phrase = next((at for at, start in enumerate(starts) if start >= 0), None)
                if phrase is not None:
                    rank = (phrase, starts[phrase] > 0, -number, len(name), name, field)
                    ranked.append((rank, (field, name, number, phrase)))
            for limit in (1, 3, 8, 500):
                names = store.reads.suggestions.names_beginning(
                    phrases, ["keywords", "people"], limit
                )
                assert [(each.field, each.text, each.photos, each.phrase) for each in names] == [
                    about for _, about in sorted(ranked)
                ][:limit], (phrases, limit)


def test_the_phrases_of_a_line() -> None:
    end = typed_end("beach in:Rome trip to gen")
    assert end is not None
    assert [phrase.text for phrase in end.phrases] == ["trip to gen", "to gen", "gen"]
    assert "beach in:Rome trip to gen"[end.phrases[1].start :] == "to gen"


# ------------------------------------------------------------------------- past queries


def test_past_queries_are_suggested(library: Library) -> None:
    for line in ("a dog", "sunset person:Bob", "a café by night", "a dog"):
        library.lines.remember(line)
    assert lines(library, "") == ["a dog", "a café by night", "sunset person:Bob"]
    assert lines(library, "caf") == ["a café by night"]
    assert lines(library, "CAFÉ by") == ["a café by night"]
    assert lines(library, "bob") == ["sunset person:Bob", 'person:"Bob Okafor"']
    assert lines(library, "a dog") == []  # it is typed already
    assert [each.kind for each in library.lines.suggest("caf")] == ["query"]


def test_past_queries_are_deleted_from_the_file(library: Library) -> None:
    file = library.settings.data_dir / PAST_QUERIES_FILE
    library.lines.remember("a secret meeting")
    assert b"secret" in file.read_bytes()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert library.lines.forget() == 1
    assert b"secret" not in file.read_bytes() and lines(library, "") == []
    assert not [path for path in file.parent.iterdir() if path.name.startswith(f"{file.name}-")]
    assert library.lines.forget() == 0


def test_the_oldest_queries_are_dropped(tmp_path: Path) -> None:
    past = PastQueries(tmp_path, 3)
    for number in range(5):
        past.add(f"query {number}")
    past.add("query 3")
    assert past.newest(9) == ["query 3", "query 4", "query 2"]
    assert PastQueries(tmp_path, 0).newest(9) == past.newest(9)
    PastQueries(tmp_path, 0).add("another")  # with this setting none is kept
    assert past.newest(9) == []


def test_none_is_kept_if_the_setting_says_so(tmp_path: Path) -> None:
    PastQueries(tmp_path, 0).add("a dog")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(SettingsError, match="past_queries"):
        Settings.load(data_dir=tmp_path, past_queries=-1)


@pytest.mark.parametrize("line", ["", "  ", "\ud800", "long " * 200])
def test_what_is_no_query_to_type_again_is_not_kept(tmp_path: Path, line: str) -> None:
    past = PastQueries(tmp_path, 3)
    past.add(line)
    assert past.newest(9) == [] and past.clear() == 0


def test_a_damaged_file_is_replaced(tmp_path: Path) -> None:
    past = PastQueries(tmp_path, 3)
    (tmp_path / PAST_QUERIES_FILE).write_bytes(b"no database" * 400)
    assert past.newest(9) == []
    past.add("lost with the file")
    past.add("a dog")
    assert past.newest(9) == ["a dog"]
    (tmp_path / PAST_QUERIES_FILE).write_bytes(b"no database" * 400)
    assert past.clear() == 0 and not (tmp_path / PAST_QUERIES_FILE).exists()


def test_queries_that_cannot_be_deleted_are_reported(tmp_path: Path) -> None:
    past = PastQueries(tmp_path, 3)
    past.add("a dog")
    with closing(sqlite3.connect(tmp_path / PAST_QUERIES_FILE)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(DiskError, match="Cannot delete the past queries"):
            past.clear()
        past.add("a cat")  # a search goes on
    assert past.newest(9) == ["a dog"]


# ------------------------------------------------------------------------- the command


def test_the_command(library: Library) -> None:
    data = ["--data", os.fspath(library.settings.data_dir)]
    run = CliRunner().invoke
    done = run(commands, ["suggest", "a dog with weid", *data])
    assert done.exit_code == 0
    assert done.stdout == 'a dog person:"Anna Weidinger"  person, 2 photos\n'
    done = run(commands, ["suggest", "can", "--json", *data])
    assert '"kind": "camera"' in done.stdout and '"photos": null' in done.stdout
    library.lines.remember("a dog")
    assert run(commands, ["suggest", *data]).stdout == "a dog  past query\n"
    done = run(commands, ["suggest", "--clear", *data])
    assert "Past queries deleted: 1." in done.stderr
    assert run(commands, ["suggest", *data]).exit_code == 1
