"""The vocabulary of an archive says of words and names what its tables say."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import pytest

pytest.importorskip("lance", reason="needs the extra scale")

import lance
import numpy as np

from imgsearch.archive.lance import filters, vocabulary
from imgsearch.archive.lance.browsing import LanceBrowsing
from imgsearch.archive.lance.name_list import NameList
from imgsearch.archive.lance.nearest import LancePolicy
from imgsearch.archive.lance.reader import LanceCatalogue
from imgsearch.archive.lance.tables import LISTED_WORDS
from imgsearch.archive.lance.writer import LanceWriter
from imgsearch.records.index import EncoderRow
from imgsearch.records.names import NAME_FIELDS, NameField
from imgsearch.records.photo import Facts
from imgsearch.records.picture_text import PhotoText, TextLine
from imgsearch.records.query import NamedPhrase
from tests.catalogue_writer import DIM, content_of, photo

NAMED: tuple[NameField, ...] = ("folder", "keywords", "people", "place", "country")
PHRASES = (
    *("anna", "smith", "anna smith", "anna lee", "lee smith", "anna lee smith", "bob", "clara"),
    *("lake como", "como", "como lake", "bellagio", "italy", "the italy", "norway", "bergen"),
    *("nature", "birds", "nature birds", "grey heron", "heron", "a grey heron on a lake"),
    *("img 1", "img", "1", "2041", "jpg", "trips", "trips 2019", "2019", "walk", "a long walk"),
    *("parking", "parkine", "parking forbidden", "forbidden", "exit", "exxit", "", "...", "ß"),
    *("strasse", "straße", "genève", "geneve", "小樽", "old harbour", "harbour"),
)
BEGINNINGS = ("a", "b", "l", "n", "s", "w", "20", "grey h")
DATES = (("2019-07-01", "2019-08-01"), ("2019-07-14", "2019-07-15"), ("1980-01-01", "1990-01-01"))
FACTS = (
    Facts("JPEG", 40, 30, taken_at=datetime(2019, 7, 14, 23, 30), people=("Anna Lee Smith",)),
    Facts("JPEG", 40, 30, town="Bellagio", region="Lake Como", country="Italy"),
    Facts("JPEG", 40, 30, keywords=("Nature|Birds", "Grey Heron"), title="A long walk"),
    Facts("JPEG", 40, 30, description="Straße in Genève", country="Switzerland"),
    Facts("JPEG", 40, 30, title="小樽", headline="Old harbour", creator="Clara Jones"),
    Facts("JPEG", 40, 30, taken_at=datetime(1985, 1, 2), people=("Bob",), town="Bergen"),
)


def path_of(number: int) -> str:
    return f"/photos/Trips 2019/walk {number % 2}/IMG_{number}.jpg"


def put(writer: LanceWriter, numbers: Iterable[int], first: int = 0) -> None:
    writer.put([photo(each, path_of(each), FACTS[(each + first) % len(FACTS)]) for each in numbers])


def asked(catalogue: LanceCatalogue) -> list[object]:
    """What a catalogue says of all phrases and dates."""
    names = catalogue.names
    return [
        *(
            (
                phrase,
                [names.knows_name(field, phrase) for field in NAMED],
                [names.has_phrase(phrase, [field]) for field in NAME_FIELDS],
                names.has_phrase(phrase),
                names.has_named(phrase),
                names.has_named(phrase, is_whole=True),
                names.fields_named(phrase),
                names.words_like(phrase) if len(phrase) >= 6 and phrase.isalpha() else None,
            )
            for phrase in PHRASES
        ),
        *(names.has_date_from(*dates) for dates in DATES),
    ]


def counted(catalogue: LanceCatalogue) -> list[object]:
    """How many photos a catalogue has of each month, place and name."""
    browsing = LanceBrowsing(catalogue)
    return [
        browsing.month_counts(),
        sorted(browsing.place_counts(), key=str),
        browsing.folder_counts(),
        [browsing.text_counts_of(fact) for fact in ("people", "keywords")],
        [sorted(browsing.value_counts(fact), key=str) for fact in ("camera", "format", "lens")],
        [
            sorted((each.field, each.photos, each.text) for each in names)
            for beginning in BEGINNINGS
            for names in [NameList(catalogue).names_beginning((beginning,), NAMED, 100)]
        ],
    ]


class WithoutVocabulary(LanceCatalogue):
    """Asks the tables about every word."""

    def known_words(self) -> None:
        return None

    def counts(self) -> None:
        return None


def test_the_vocabulary_says_what_the_tables_say(tmp_path: Path) -> None:
    address = tmp_path / "archive"
    policy = LancePolicy(index_from=30, scalar_index_from=30)
    writer = LanceWriter.open(address, EncoderRow(1, "some/encoder", "some", DIM), policy=policy)
    catalogue, tables = LanceCatalogue(address), WithoutVocabulary(address)

    def compare() -> LanceCatalogue:
        assert asked(catalogue) == asked(tables)
        assert catalogue.counts() is not None
        assert counted(catalogue) == counted(tables)
        return catalogue

    def is_exact() -> bool:
        known = catalogue.known_words()
        assert known is not None
        return known.is_exact

    compare()
    put(writer, range(5))
    compare()
    writer.settle()
    assert compare().names.knows_name("people", "smith")
    put(writer, range(5, 60))
    line = TextLine("Parkine forbidden", 0.0, 0.0, 1.0, 1.0, 0.9)
    writer.put_texts(
        {content_of(7): PhotoText("read", (line,), "some reader", datetime(2026, 1, 1))}
    )
    assert compare().names.words_like("parking") == ["parkine"]
    assert catalogue.names.knows_name("people", "bob")
    assert not is_exact()  # the row of the photo with the text was replaced
    writer.settle()
    compare()
    assert is_exact()
    bobs = [number for number in range(60) if FACTS[number % len(FACTS)].people == ("Bob",)]
    writer.forget([path_of(number) for number in bobs])
    assert not compare().names.knows_name("people", "bob")
    assert not is_exact()
    writer.put_facts({content_of(2): Facts("JPEG", 40, 30, people=("Bob",))})
    assert compare().names.knows_name("people", "bob")
    writer.settle()
    compare()
    assert is_exact()
    put(writer, range(60, 70))
    writer.settle()  # adds the words of ten photos to those that are published
    compare()
    assert is_exact()
    frequent = catalogue.names.words_of_names(100)
    assert frequent == tables.frequent_words() == catalogue.frequent_words()
    assert frequent[:3] == ["img", "jpg", "photos"]


def test_counts_are_made_anew_where_words_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vocabulary, "_REMADE_ROWS", 0)
    address = tmp_path / "archive"
    writer = LanceWriter.open(address, EncoderRow(1, "some/encoder", "some", DIM))
    put(writer, range(60))
    writer.settle()
    catalogue, tables = LanceCatalogue(address), WithoutVocabulary(address)
    writer.forget([path_of(5)])
    assert counted(catalogue) == counted(tables)
    for number in (60, 61):
        put(writer, [number])
        writer.settle()
        known = catalogue.known_words()
        assert known is not None and not known.is_exact and catalogue.counts() is not None
        assert counted(catalogue) == counted(tables)
        assert asked(catalogue) == asked(tables)


def test_of_many_new_photos_the_tables_are_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from imgsearch.archive.lance import reader

    monkeypatch.setattr(reader, "_MOST_UNSETTLED", 20)
    address = tmp_path / "archive"
    writer = LanceWriter.open(address, EncoderRow(1, "some/encoder", "some", DIM))
    put(writer, range(30))
    catalogue = LanceCatalogue(address)
    assert catalogue.known_words() is None
    assert catalogue.names.knows_name("people", "anna")
    writer.settle()
    assert catalogue.known_words() is not None
    assert catalogue.names.knows_name("people", "anna")


def test_what_was_removed_is_taken_away_from_counts(tmp_path: Path) -> None:
    address = tmp_path / "archive"
    policy = LancePolicy(scalar_index_from=30)
    writer = LanceWriter.open(address, EncoderRow(1, "some/encoder", "some", DIM), policy=policy)
    catalogue, tables = LanceCatalogue(address), WithoutVocabulary(address)

    def compare() -> None:
        assert catalogue.counts() is not None
        assert counted(catalogue) == counted(tables)

    put(writer, range(40))
    writer.forget([path_of(3)])  # before it was settled at all
    compare()
    writer.settle()
    writer.forget([path_of(number) for number in range(0, 40, 4)])
    compare()
    writer.forget([path_of(number) for number in range(1, 40, 4)])  # more of the same fragment
    put(writer, range(40, 60))
    compare()
    writer.forget([path_of(45)])  # of a fragment that is not settled
    put(writer, [0])  # comes back
    writer.put_facts({content_of(2): Facts("JPEG", 40, 30, people=("Zoë",), country="Chile")})
    compare()
    assert ("people", 1, "Zoë") in [
        (each.field, each.photos, each.text)
        for each in NameList(catalogue).names_beginning(("zo",), NAMED, 5)
    ]
    writer.settle()
    compare()
    writer.forget([path_of(2)])
    compare()
    assert not NameList(catalogue).names_beginning(("zo",), NAMED, 5)
    writer.settle()
    writer.go_back()
    assert counted(catalogue) == counted(tables)


def test_if_too_much_was_removed_columns_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vocabulary, "_MOST_TAKEN_AWAY", 5)
    address = tmp_path / "archive"
    writer = LanceWriter.open(address, EncoderRow(1, "some/encoder", "some", DIM))
    put(writer, range(30))
    writer.settle()
    catalogue = LanceCatalogue(address)
    writer.forget([path_of(number) for number in range(20)])
    assert catalogue.counts() is None
    assert counted(catalogue) == counted(WithoutVocabulary(address))
    writer.settle()
    assert catalogue.counts() is not None


def test_what_is_published_in_another_form_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = tmp_path / "archive"
    writer = LanceWriter.open(address, EncoderRow(1, "some/encoder", "some", DIM))
    put(writer, range(30))
    with monkeypatch.context() as patch:
        patch.setattr(vocabulary, "_FORM", 99)
        writer.settle()
    catalogue, tables = LanceCatalogue(address), WithoutVocabulary(address)
    assert asked(catalogue) == asked(tables)
    assert counted(catalogue) == counted(tables)
    writer.settle()
    assert counted(LanceCatalogue(address)) == counted(tables)


def test_short_words_and_other_scripts_are_found_by_an_index(tmp_path: Path) -> None:
    address = tmp_path / "archive"
    policy = LancePolicy(scalar_index_from=30)
    writer = LanceWriter.open(address, EncoderRow(1, "some/encoder", "some", DIM), policy=policy)
    put(writer, range(60))
    line = TextLine("Ул. Ленина 7, 東京", 0.0, 0.0, 1.0, 1.0, 0.9)
    reading = PhotoText("read", (line,), "some reader", datetime(2026, 1, 1))
    writer.put_texts({content_of(7): reading})
    writer.settle()
    view = LanceCatalogue(address).photos_view()

    def column_of_before(name: str) -> str:
        return "NULL" if name == LISTED_WORDS else view.column(name)

    def conditions(phrase: str, column: filters.Column) -> list[str]:
        return [
            filters.named(NamedPhrase(phrase, False), column),
            filters.named(NamedPhrase(phrase, True), column),
            filters.has_phrase(phrase, ("folder", "title"), column),
        ]

    found = 0
    for phrase in (*PHRASES, "ул ленина", "ленина 7", "7 ул", "東京", "京", "a", "0", "img 7"):
        now, before = (conditions(phrase, each) for each in (view.column, column_of_before))
        for condition, plain_condition in zip(now, before, strict=True):
            ids = sorted(view.read(["key"], condition)["key"].to_pylist())
            expected = sorted(view.read(["key"], plain_condition)["key"].to_pylist())
            assert ids == expected, phrase
            found += len(ids)
    assert found > 100
    condition = filters.has_text("ул", view.column)
    plan = view.dataset.scanner(columns=["id"], filter=condition).explain_plan()
    assert f"array_has({LISTED_WORDS}" in plan and "ScalarIndexQuery" in plan, plan
    table = lance.dataset(f"{address}/photos.lance")
    table.drop_columns([LISTED_WORDS])
    writer = LanceWriter(address, policy=policy)  # adds it: it is null in the rows that there are
    view = LanceCatalogue(address).photos_view()
    assert LISTED_WORDS in view.names and view.column(LISTED_WORDS) == "NULL"
    put(writer, range(60, 63))
    assert len(view.read(["key"], filters.has_text("ул", view.column))) > 0


def test_a_word_is_found_among_marks_that_hardly_differ() -> None:
    words = [f"word{chr(97 + number)}" for number in range(26)]
    own = [vocabulary._mark("title", word) for word in words]
    assert min(own) < 2**63 <= max(own)
    marks = np.unique(np.array([each + off for each in own for off in range(-2, 3)], np.uint64))
    known = vocabulary.Vocabulary(marks=marks.astype("<u8").tobytes())
    assert all(known.has_word("title", word) for word in words)
    without = np.setdiff1d(marks, np.array(own, np.uint64)).astype("<u8").tobytes()
    assert not any(vocabulary.Vocabulary(marks=without).has_word("title", word) for word in words)
