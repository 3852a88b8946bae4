"""Persons: named, corrected and found by name, and every decision taken back."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner

from imgsearch import ChangeHistory, Library, Settings, ShownPerson
from imgsearch.cli import commands
from imgsearch.errors import QueryError, UsageError
from imgsearch.features.people.finding import find_faces
from imgsearch.features.people.operations import People
from imgsearch.features.people.xmp_regions import NamedFace, new_packet_of_faces
from imgsearch.records.faces import Person
from imgsearch.service.client import Client
from imgsearch.store import changes as journal
from imgsearch.store import migrations
from imgsearch.store.store import Store
from tests.factories import context_of, run, run_cli, wait_until
from tests.people import (
    ColourReader,
    found,
    library_with_faces,
    of_colour,
    rows,
    write_three_persons,
)
from tests.services import serving
from tests.stand_in import StandIn


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_three_persons(tmp_path / "photos")


@pytest.fixture
def library(tmp_path: Path, folder: Path) -> Iterator[Library]:
    with library_with_faces(tmp_path, folder) as library:
        yield library


# ------------------------------------------------------------------------- naming


def test_a_named_person_is_found_as_names_from_metadata_are(library: Library) -> None:
    red = of_colour(library, "red0")
    named = library.people.name(red.id, "  Zoë   Adler ").person
    assert (named.id, named.name, named.faces) == (red.id, "Zoë Adler", 4)
    assert 0 < named.confirmed <= 5
    everyone = {"red0", "red1", "both", "three"}
    for line in ("person:zoe", 'person:"Zoë Adler"', "zoe adler", "photos of Zoë"):
        assert found(library, line) == everyone, line
    assert found(library, "-person:zoe") == {"lime", "nobody"}
    (hit,) = [hit for hit in library.find("zoe", k=9).hits if hit.path.stem == "both"]
    assert hit.photo.facts.people == ("Zoë Adler",)
    assert library.photo(hit.photo.id).hit.photo.facts.people == ("Zoë Adler",)
    assert [each.text for each in library.lines.suggest("zo")] == ["Zoë Adler"]
    assert library.browse.names().people == {"Zoë Adler": 4}
    with pytest.raises(UsageError, match="imgsearch people"):
        library.people.name(999, "Nobody")


def test_filters_count_and_exclude_people(library: Library) -> None:
    library.people.name(of_colour(library, "red0").id, "Anna")
    library.people.name(of_colour(library, "lime").id, "Ben")
    assert found(library, "person:anna person:ben") == {"both", "three"}
    assert found(library, "only:anna") == {"red0", "red1"}
    assert found(library, "only:Anna,Ben") == {"both"}, "in the other is somebody else"
    assert found(library, "people:0") == {"nobody"}
    assert found(library, "people:1") == {"red0", "red1", "lime"}
    assert found(library, "people:2+") == found(library, "people:>=2") == {"both", "three"}
    assert found(library, "people:3+") == {"three"}
    with pytest.raises(QueryError, match="person:Anna"):
        library.find("people:Anna")
    assert (
        library.lines.understand("people:3+").query.filters
        == library.lines.understand("people:>=3").query.filters
    )


def test_the_details_of_a_person_are_those_of_its_operations_with_days(library: Library) -> None:
    red = of_colour(library, "red0")
    details = library.people.details(red.id, k=2, proposed=3)
    assert details.person == red
    best = library.people.faces_of(red.id, 2)
    assert [each.id for each in details.faces] == [face.id for face in best]
    assert [each.is_confirmed for each in details.faces] == [face.is_confirmed for face in best]
    assert details.looks == library.people.looks_of(red.id)
    proposals = library.people.proposals(red.id, 3)
    assert [each.id for each in details.proposals] == [each.face.id for each in proposals]
    for each in (*details.faces, *details.proposals):
        (hit,) = library.photos([each.photo_id])
        assert hit.date is not None and each.day == hit.date.date()
    library.people.hide(red.id)
    assert library.people.details(red.id).proposals == ()
    with pytest.raises(UsageError, match="imgsearch people"):
        library.people.details(999)


def test_the_overview_has_everybody_and_the_details_of_one(library: Library) -> None:
    red, lime = of_colour(library, "red0"), of_colour(library, "lime")
    assert library.people.overview().last_change is None
    named = library.people.name(red.id, "Anna").change
    library.people.hide(lime.id)
    library.changes.undo()
    library.people.hide(lime.id)
    overview = library.people.overview(red.id, k=2)
    assert overview.people == library.people.all(hidden=True)
    assert {lime.id, red.id} <= {each.id for each in overview.people}
    assert overview.alone == library.people.counts().alone
    assert overview.person == library.people.details(red.id, k=2)
    library.changes.undo()
    assert library.people.overview().last_change == named
    gone = library.people.overview(999)
    assert gone.person is None and gone.people == library.people.all(hidden=True)


def test_a_decision_is_refused_where_the_person_is_not_as_it_was_shown(library: Library) -> None:
    red, lime = of_colour(library, "red0"), of_colour(library, "lime")
    faces = tuple(face.id for face in library.people.faces_of(red.id))
    shown = ShownPerson(red.id, faces)
    library.people.name(red.id, "Anna", shown)
    decisions: list[Callable[[ShownPerson], object]] = [
        lambda shown: library.people.name(red.id, "Ben", shown),
        lambda shown: library.people.merge(lime.id, red.id, shown),
        lambda shown: library.people.hide(red.id, shown=shown),
        lambda shown: library.people.set_me(red.id, shown=shown),
    ]
    for decide in decisions:
        with pytest.raises(UsageError, match="This person has the name Anna by now"):
            decide(shown)
    library.people.split(faces[:1], red.id)
    for decide in decisions:
        with pytest.raises(UsageError, match="Some of the faces shown are not of this person"):
            decide(ShownPerson(red.id, faces, "Anna"))
    assert library.people.get(red.id).name == "Anna" and not library.people.get(red.id).is_me
    library.people.set_me(red.id, shown=ShownPerson(red.id, faces[1:2], "Anna"))
    assert library.people.get(red.id).is_me, "further faces are no reason"


def test_two_persons_of_one_name_are_one(library: Library) -> None:
    red, lime = of_colour(library, "red0"), of_colour(library, "lime")
    library.people.name(red.id, "Anna")
    assert library.people.name(lime.id, "anna").person.id == red.id
    (person,) = [each for each in library.people.all() if each.name]
    assert (person.name, person.faces) == ("Anna", 7)
    library.changes.undo()
    assert library.people.get(lime.id).name is None
    assert library.people.get(red.id).faces == 4
    library.people.name(red.id, "")
    assert found(library, "person:anna") == set()


# ------------------------------------------------------------------------- correcting


def test_a_face_that_is_not_a_person_leaves_it_for_good(library: Library) -> None:
    red = library.people.name(of_colour(library, "red0").id, "Anna").person
    wrong = library.people.faces_of(red.id)[-1]
    library.people.decide((wrong.id,), red.id, False)
    assert library.people.get(red.id).faces == 3
    library.people.regroup()
    assert wrong.id not in [face.id for face in library.people.faces_of(red.id)]
    assert wrong.id not in [each.face.id for each in library.people.proposals(red.id)]
    assert library.changes.undo()
    assert library.people.get(red.id).faces == 4
    library.people.decide((wrong.id,), red.id, False)
    library.people.decide((wrong.id,), red.id, True)  # on second thoughts
    assert library.people.get(red.id).faces == 4
    assert library.people.decide((9999,), red.id, True).faces == 0


def test_a_yes_brings_the_whole_group_along(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imgsearch.features.people.proposals.PROPOSE", -1.0)
    lime = library.people.name(of_colour(library, "lime").id, "Ben").person
    others = library.people.proposals(lime.id)
    assert [each.face.photo_id for each in others], "red, in the photos without Ben"
    assert len({each.face.person_id for each in others}) == len(others), "one face of each group"
    red = of_colour(library, "red0")
    (asked,) = [each for each in others if each.face.person_id == red.id]
    assert library.people.decide((asked.face.id,), lime.id, True).faces == 1
    # In two photos both are to be seen, and nobody is there twice.
    assert library.people.get(lime.id).faces == 5
    assert library.people.get(red.id).faces == 2
    library.changes.undo()
    assert library.people.get(red.id).faces == 4


def test_merge_split_hide_and_undo_each(library: Library) -> None:
    people = library.people
    before = people.all()
    red, lime = of_colour(library, "red0"), of_colour(library, "lime")
    people.name(lime.id, "Ben")
    merged = people.merge(lime.id, red.id).person
    assert (merged.id, merged.name, merged.faces) == (red.id, "Ben", 7)
    with pytest.raises(UsageError, match="one person already"):
        people.merge(red.id, red.id)
    own = [face.id for face in people.faces_of(red.id)][:2]
    split = people.split(tuple(own), red.id).person
    assert (split.faces, split.confirmed, people.get(red.id).faces) == (2, 2, 5)
    assert people.hide(split.id).person.is_hidden
    assert split.id not in [each.id for each in people.all()]
    assert split.id in [each.id for each in people.all(hidden=True)]
    people.regroup()
    assert people.get(split.id).is_hidden, "it stays hidden when all are grouped anew"
    titles = [each.title for each in library.changes.all()]
    assert titles == [
        f"Hid person {split.id}",
        "Split 2 faces off Ben",
        f"Made Ben and person {red.id} one person",
        "Named Ben",
    ]
    for title in titles:
        assert library.changes.undo().title == title
    with pytest.raises(UsageError, match="no change to undo"):
        library.changes.undo()
    assert sorted(each.faces for each in people.all()) == sorted(each.faces for each in before)
    assert found(library, "person:ben") == set()


def test_two_at_once_lose_no_decision(library: Library) -> None:
    red, lime = of_colour(library, "red0"), of_colour(library, "lime")

    def name(person: Person, name: str) -> None:
        for number in range(5):
            library.people.name(person.id, f"{name} {number}")

    threads = [threading.Thread(target=name, args=args) for args in ((red, "Anna"), (lime, "Ben"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {each.name for each in library.people.all() if each.name} == {"Anna 4", "Ben 4"}


def test_the_service_makes_the_same_changes_and_undoes_them(folder: Path, tmp_path: Path) -> None:
    settings = Settings.load(data_dir=tmp_path / "served", encoder="lite")
    with Library.open(settings) as library:
        library.index([folder]).run()
        context = context_of(settings, None, models={"people": ColourReader})
        run(find_faces(context, (), False))
        red = of_colour(library, "red0")
        with serving(settings.data_dir):
            client = Client(settings, settings.data_dir)
            made = client.call(People.name, red.id, "Anna")
            assert made.change == library.changes.all()[0] and made.person.name == "Anna"
            assert client.call(People.all) == library.people.all()
            assert client.call(People.set_me, red.id).person.is_me
            faces = library.people.faces_of(red.id, 2)  # asked for by a number in the path
            assert client.call(People.faces_of, red.id, 2) == faces
            photo_id = faces[0].photo_id
            assert client.call(Library.photo, photo_id) == library.photo(photo_id)
            face = library.people.faces_of(red.id)[-1].id
            assert client.call(People.decide, (face,), red.id, False).faces == 1
            assert client.call(People.split, (face,), red.id).person.id != red.id
            for title in ("Split 1 face off Anna", "Rejected 1 face as Anna"):
                assert client.call(ChangeHistory.undo).title == title
            with pytest.raises(UsageError, match="no person with the id 99"):
                client.call(People.hide, 99)
            with pytest.raises(UsageError, match="no person with the id 99"):
                client.call(People.proposals, 99)
            assert library.people.get(red.id).faces == 4


def test_a_picture_of_a_face_shows_it(library: Library) -> None:
    from io import BytesIO

    from PIL import Image

    red = of_colour(library, "red0")
    (face, *_) = library.people.faces_of(red.id)
    content = library.people.picture(face.id, 96)
    assert content is not None
    with Image.open(BytesIO(content)) as picture:
        assert picture.size == (96, 96)
        centre = picture.convert("RGB").getpixel((48, 48))
    assert isinstance(centre, tuple) and centre[0] > 200 and max(centre[1:]) < 60
    assert library.people.picture(10_000) is None


# ------------------------------------------------------------------------- me


def test_me_is_the_person_that_the_user_is(library: Library, folder: Path) -> None:
    red, lime = of_colour(library, "red0"), of_colour(library, "lime")
    named_by_another = new_packet_of_faces(
        (80, 40), [NamedFace("Anna Smith", (0.1, 0.3, 0.2, 0.3))]
    )
    (folder / "nobody.png.xmp").write_bytes(named_by_another.packet)
    library.index().run()
    assert found(library, "person:me") == set()
    assert library.lines.understand("me and Ben").parts == ()
    with pytest.raises(UsageError, match="Name this person first"):
        library.people.set_me(red.id)
    library.people.name(red.id, "Anna")
    library.people.name(lime.id, "Ben")
    assert library.people.set_me(red.id).person.is_me
    mine = {"red0", "red1", "both", "three"}
    assert found(library, "person:me") == found(library, "person:ME") == mine
    assert found(library, "person:anna") == {*mine, "nobody"}, "Anna Smith is somebody else"
    assert found(library, "-person:me") == {"lime", "nobody"}
    assert found(library, "only:me") == {"red0", "red1"}
    assert found(library, "only:me,Ben") == {"both"}
    assert library.people.set_me(lime.id).person.is_me and not library.people.get(red.id).is_me
    assert found(library, "person:me") == {"lime", "both", "three"}
    library.changes.undo()
    assert found(library, "person:me") == mine
    library.people.merge(red.id, lime.id)
    assert library.people.get(lime.id).is_me, "the one that both are now"
    library.changes.undo()
    assert not library.people.get(lime.id).is_me and found(library, "person:me") == mine
    library.people.hide(red.id)
    assert found(library, "person:me") == set() and library.lines.understand("me").parts == ()
    library.people.hide(red.id, False)
    assert not library.people.set_me(red.id, False).person.is_me
    assert found(library, "person:me") == set()


def test_me_in_words_is_understood_as_a_name(library: Library) -> None:
    library.people.name(of_colour(library, "red0").id, "Anna")
    library.people.name(of_colour(library, "lime").id, "Ben")
    library.people.set_me(of_colour(library, "red0").id)

    def parts(line: str) -> list[tuple[str, str]]:
        return [(part.words, part.filters) for part in library.lines.understand(line).parts]

    assert parts("me and Ben at the lake") == [("me", "person:me"), ("and Ben", "person:Ben")]
    assert library.lines.understand("me and Ben at the lake").query.terms[0].what == "lake"
    assert found(library, "me and Ben") == {"both", "three"}
    assert (
        found(library, "photos of me")
        == found(library, "Myself")
        == {*("red0", "red1", "both", "three")}
    )
    assert parts("Ben with me") == [("Ben", "person:Ben"), ("with me", "person:me")]
    assert parts("Ben or me") == [("Ben or me", "person:Ben|me")]
    for line in ("show me a dog", "find me photos of a beach", "let me see a lake", "I and my dog"):
        assert parts(line) == [], line
    (part,) = library.lines.understand("me at the beach").parts
    assert part.undo == "plain:me at the beach"
    assert part.rest == "at the beach"


# ------------------------------------------------------------------------- undoing


@pytest.mark.features("albums")
def test_decisions_albums_and_marks_are_undone_in_one_order(library: Library) -> None:
    red = of_colour(library, "red0")
    (photo,) = library.find("name:nobody").hits
    library.people.name(red.id, "Anna")
    library.albums.make("Book", [photo.photo.id])
    library.people.hide(red.id)
    library.marks.set([photo.photo.id], rating=3)
    titles = ["Gave 1 photo 3 stars", "Hid Anna", "Made the album Book with 1 photo", "Named Anna"]
    assert [each.title for each in library.changes.all()] == titles
    assert library.changes.undo().title == titles[0]
    assert found(library, "person:anna") == set()
    assert library.changes.undo().photos == 4, "the photos of Anna"
    assert found(library, "person:anna") == {"red0", "red1", "both", "three"}
    assert library.changes.undo().title == titles[2]
    assert library.albums.all() == () and found(library, "person:anna") != set()
    assert library.changes.undo().title == titles[3]
    assert found(library, "person:anna") == set()
    assert library.changes.redo().title == titles[3]
    assert found(library, "person:anna") == {"red0", "red1", "both", "three"}
    assert library.people.get(red.id).name == "Anna"


@pytest.mark.features("albums")
def test_the_last_decision_about_people_is_known_among_other_changes(library: Library) -> None:
    assert library.changes.last_of_people() is None
    library.marks.set(range(1, 7), rating=3)
    assert library.changes.last_of_people() is None
    red = of_colour(library, "red0")
    everyone = library.people.name(red.id, "Anna").change
    denied = library.people.decide((library.people.faces_of(red.id)[0].id,), red.id, False).change
    library.albums.make("Book", range(1, 7))
    assert library.changes.last_of_people() == denied
    library.changes.undo(denied.id)
    assert library.changes.last_of_people() == everyone
    own = library.people.set_me(red.id).change
    assert library.changes.last_of_people() == own


def test_every_decision_leaves_and_brings_back_the_same_rows(library: Library) -> None:
    people = library.people
    red, lime = of_colour(library, "red0"), of_colour(library, "lime")
    face = people.faces_of(red.id)[-1].id
    steps: list[Callable[[], object]] = [
        lambda: people.name(red.id, "Anna"),
        lambda: people.decide((face,), red.id, False),
        lambda: people.name(lime.id, "Ben"),
        lambda: people.decide((face,), lime.id, True),
        lambda: people.name(lime.id, "Benno"),
        lambda: people.split((face, people.faces_of(red.id)[0].id), red.id),
        lambda: people.hide(people.all()[-1].id),
        lambda: people.merge(lime.id, red.id),
        lambda: people.name(red.id, ""),
        lambda: people.decide(tuple(each.id for each in people.faces_of(red.id)), red.id, False),
    ]
    states = [rows(library)]
    for step in steps:
        step()
        states.append(rows(library))
    assert all(a != b for a, b in pairwise(states))
    for before in reversed(states[:-1]):
        library.changes.undo()
        assert rows(library) == before
    for after in states[1:]:
        library.changes.redo()
        assert rows(library) == after


def test_a_decision_that_says_nothing_new_is_no_change(library: Library) -> None:
    red = library.people.name(of_colour(library, "red0").id, "Anna").person
    face = library.people.faces_of(red.id)[0].id
    for made in (
        library.people.name(red.id, "Anna"),
        library.people.decide((face,), red.id, True),
        library.people.hide(red.id, False),
        library.people.decide((9999,), red.id, False),
    ):
        assert made.change.id is None
    assert len(library.changes.all()) == 1


def test_an_older_decision_is_undone_without_the_newer_ones(library: Library) -> None:
    people = library.people
    red, lime = of_colour(library, "red0"), of_colour(library, "lime")
    named = people.name(red.id, "Anna").change
    refused = people.decide((people.faces_of(red.id)[-1].id,), red.id, False).change
    renamed = people.name(red.id, "Annie").change
    people.name(lime.id, "Anna")
    library.changes.undo(refused.id)
    assert (people.get(red.id).name, people.get(red.id).faces) == ("Annie", 4)
    with pytest.raises(UsageError, match=f'"Renamed Anna to Annie" came later .* {renamed.id}$'):
        library.changes.undo(named.id)
    with pytest.raises(
        UsageError, match=r"another person has the name. Rename .* imgsearch people"
    ):
        library.changes.undo(renamed.id)
    assert people.get(red.id).name == "Annie" and people.get(lime.id).name == "Anna"


def test_yes_and_no_are_one_change(library: Library) -> None:
    red = library.people.name(of_colour(library, "red0").id, "Anna").person
    first, second, *_ = (each.id for each in library.people.faces_of(red.id))
    library.people.decide((first,), red.id, False)
    before = rows(library)
    made = library.people.decide((first,), red.id, True, others=(second,))
    assert (made.person.faces, made.faces) == (4 - 1, 2)
    assert made.change.title == "Confirmed 1 face as Anna and rejected 1"
    assert library.changes.undo().id == made.change.id
    assert rows(library) == before
    with pytest.raises(UsageError, match="both yes and no"):
        library.people.decide((first,), red.id, True, others=(second, first))
    assert rows(library) == before


def test_a_decision_is_undone_after_another_model_has_found_the_faces(
    library: Library, tmp_path: Path
) -> None:
    people = library.people
    red, lime = of_colour(library, "red0"), of_colour(library, "lime")
    people.name(red.id, "Anna")
    people.name(lime.id, "Ben")
    people.merge(lime.id, red.id)
    context = context_of(
        library.settings, StandIn(), models={"people": lambda: ColourReader("colours/2")}
    )
    run(find_faces(context, (), True))
    library.changes.undo()
    people.regroup()
    assert found(library, "person:ben") == {"lime", "both", "three"}
    assert found(library, "person:anna") == {"red0", "red1", "both", "three"}
    assert of_colour(library, "lime").name == "Ben"


def test_what_was_forgotten_is_not_brought_back(library: Library) -> None:
    red = of_colour(library, "red0")
    library.people.name(red.id, "Zoë Secretname")
    library.marks.set([1], rating=3)
    library.people.forget(with_names=True)
    assert [each.title for each in library.changes.all()] == ["Gave 1 photo 3 stars"]
    assert rows(library) == {each: [] for each in rows(library)}
    files = [each for each in library.settings.data_dir.rglob("*") if each.is_file()]
    assert not any(b"Secretname" in each.read_bytes() for each in files)


def test_a_decision_about_a_hundred_thousand_faces_can_be_undone(
    library: Library,
) -> None:
    """All of them confirmed, which takes the most room; the bound keeps many such changes."""
    red, lime = of_colour(library, "red0"), of_colour(library, "lime")
    library.people.name(red.id, "Anna")
    with closing(sqlite3.connect(library.settings.data_dir / "library.db")) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(
            "WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number "
            "WHERE n < 100000) INSERT INTO faces (photo_id, x, y, width, height, score, size_px, "
            "vector, person_id) SELECT 1 + n % 6, (n % 977) / 977.0, (n % 1009) / 1009.0, "
            "(n % 31) / 337.0, (n % 37) / 331.0, 0.9, 60, x'00', ? FROM number",
            (red.id,),
        )
        connection.execute(
            "INSERT INTO face_decisions (content_hash, x, y, width, height, person_id, is_person, "
            "face_id, decided_at) SELECT content_hash, x, y, width, height, person_id, 1, "
            "faces.id, '2026-11-30T10:00:00+00:00' FROM faces JOIN photos ON photos.id = photo_id "
            "WHERE faces.vector = x'00'"
        )
        connection.execute("DELETE FROM stale_names")
        connection.commit()
    before = rows(library)
    with Store.open(library.settings.data_dir) as store:
        store.people.merge(red.id, lime.id, ())
        assert library.people.get(lime.id).faces > 100_000
        (size_bytes,) = store.database.fetch_one("SELECT max(length(steps)) FROM changes")
        assert size_bytes < journal.MOST_BYTES / 3
        library.changes.undo()
        assert rows(library) == before


def test_a_library_from_before_the_one_history_keeps_its_names(tmp_path: Path) -> None:
    before = list(migrations.MIGRATIONS).index("changes of people")
    with closing(sqlite3.connect(tmp_path / "library.db", isolation_level=None)) as connection:
        migrations.apply_first(connection, before)
        connection.execute(
            "INSERT INTO persons (id, name, plain_name, made_at) VALUES (3, 'Zoë', 'zoe', '')"
        )
        connection.execute(
            "INSERT INTO face_decisions VALUES (7, x'ab', NULL, 0.1, 0.2, 0.3, 0.4, 3, 1, NULL, '')"
        )
        connection.execute("INSERT INTO people_changes VALUES (1, 'named Zoë', '{}', '')")
    with Store.open(tmp_path, writable=True) as store:
        assert store.people.named("zoe") == 3
        assert journal.ChangeStore(store.database).all() == ()
        decisions = store.database.fetch_all("SELECT id, content_hash, x FROM face_decisions")
        assert decisions == [(7, b"\xab", 0.1)]
        triggers = store.database.fetch_all(
            "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'face_decisions' "
            "AND sql LIKE '%stale_names%'"
        )
        assert len(triggers) == 3
        assert store.database.dangling_rows() == 0


# ------------------------------------------------------------------------- several at once


def test_a_person_that_another_process_has_merged_is_not_named(
    library: Library,
) -> None:
    """What is named was chosen before the transaction, so it may be gone, or have other faces."""
    people = library.people
    red, lime = of_colour(library, "red0"), of_colour(library, "lime")
    taken = [face.id for face in people.faces_of(red.id)]
    with Store.open(library.settings.data_dir) as other:
        split, _ = other.people.split(taken[:2], red.id)
        assert other.people.name(red.id, "Anna", taken)[0] == red.id
        assert {face.id for face in people.faces_of(split)} == set(taken[:2]), "they stay"
        assert people.get(red.id).faces == 2
        other.people.merge(red.id, lime.id, ())
        with pytest.raises(UsageError, match="may have been joined with another"):
            other.people.name(red.id, "Berta", taken)
    with pytest.raises(UsageError, match="imgsearch people"):
        people.decide((taken[0],), red.id, True)
    assert {each.name for each in people.all() if each.name} == {"Anna"}
    assert people.get(lime.id).faces == 5


_DECIDE = """
import sys
from imgsearch import Library
with Library.open(sys.argv[1]) as library:
    people, person = library.people, int(sys.argv[3])
    face = people.faces_of(person, 1)[0].id
    for number in range(int(sys.argv[4])):
        people.name(person, f"{sys.argv[2]} {number}")
        people.decide((face,), person, number % 2 == 1)
"""


def test_two_processes_decide_at_once_and_a_killed_one_loses_nothing(library: Library) -> None:
    """What is stored stays consistent, and all of it can be undone to what it was before."""
    before = rows(library)
    red, lime = of_colour(library, "red0").id, of_colour(library, "lime").id

    def start(name: str, person: int, times: int) -> subprocess.Popen[bytes]:
        data = str(library.settings.data_dir)
        command = [sys.executable, "-c", _DECIDE, data, name, str(person), str(times)]
        return subprocess.Popen(command)

    both = start("Anna", red, 20), start("Ben", lime, 20)
    assert [each.wait(120) for each in both] == [0, 0]
    assert {each.name for each in library.people.all()} >= {"Anna 19", "Ben 19"}
    assert len(library.changes.all()) == 80
    with start("Cleo", red, 10_000) as killed:
        wait_until(lambda: len(library.changes.all()) > 90, 60)
        killed.kill()
    with closing(sqlite3.connect(library.settings.data_dir / "library.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        assert connection.execute("SELECT count(*) FROM stale_names").fetchone() == (0,)
    people = library.people
    names = [each.name for each in people.all(hidden=True) if each.name]
    assert len(names) == 2
    for name in names:
        photos = {each.photo_id for each in people.faces_of(named(library, name), 100)}
        assert {hit.photo.id for hit in library.find(f'person:"{name}"', k=20).hits} >= photos
    for change in library.changes.all():
        if not change.undone:
            library.changes.undo()
    after = rows(library)
    assert after["persons"] == before["persons"] and after["face_decisions"] == []
    assert after["faces"] == before["faces"]


def test_an_open_library_is_not_called_damaged_after_a_decision(library: Library) -> None:
    person = of_colour(library, "red0").id
    for name in ("Anna", "Zoë", "", "Ben"):
        library.people.name(person, name)
        found(library, "name:red")  # reads the indexes of names
        with Store.open(library.settings.data_dir) as other:
            assert other.database.check_integrity() == "ok"
        assert {each.level for each in library.upkeep.doctor() if each.area == "database"} == {"ok"}
        library._opened.raise_if_damaged(ValueError("of another kind"))


def named(library: Library, name: str) -> int:
    (person,) = [each for each in library.people.all() if each.name == name]
    return person.id


@pytest.mark.parametrize("character", ["\x07", "\x86", "\udcff", "\ud800", "\ufffe"])
def test_a_name_that_no_file_could_hold_is_refused(library: Library, character: str) -> None:
    red, face = of_colour(library, "red0").id, library.people.faces_in(1)[0].id
    with pytest.raises(UsageError, match="A name cannot have the character"):
        library.people.name(red, f"An{character}na")
    with pytest.raises(UsageError, match="A name cannot have the character"):
        library.people.name_faces((face,), f"An{character}na")
    assert library.changes.all() == ()
    library.people.name(
        red, "Zoë\u200d 👩\u200d👧"
    )  # what joins letters and emoji is no control character
    assert library.people.get(red).name == "Zoë\u200d 👩\u200d👧"


def test_a_name_from_before_is_blamed_and_not_the_file(library: Library, tmp_path: Path) -> None:
    red = library.people.name(of_colour(library, "red0").id, "Anna").person
    with closing(sqlite3.connect(library.settings.data_dir / "library.db")) as connection:
        connection.execute(
            "UPDATE persons SET name = 'An\x07na', plain_name = 'an\x07na' WHERE name NOTNULL"
        )
        connection.commit()
    changes = library.people.write_sidecars(library.people.plan_sidecars().run()).run()
    assert {each.problem for each in changes} == {
        r"the name An\x07na has a character that no XMP file can hold; imgsearch people lists its "
        "person; imgsearch people NUMBER --name NAME renames it"
    }
    invoke(library, str(red.id), "--name", "Anna")  # as the message says
    changes = library.people.write_sidecars(library.people.plan_sidecars().run()).run()
    assert {each.problem for each in changes} == {None}


# ------------------------------------------------------------------------- the command


def invoke(library: Library, *arguments: str, code: int = 0) -> str:
    data = str(library.settings.data_dir)
    result = CliRunner().invoke(commands, ["people", *arguments, "--data", data])
    assert result.exit_code == code, (result.output, result.exception)
    return result.stdout


def test_the_command_lists_names_and_corrects(library: Library) -> None:
    lines = invoke(library).splitlines()
    assert (
        lines[0].split()
        == f"{of_colour(library, 'red0').id} - 4 faces in 4 photos, 0 confirmed".split()
    )
    number = lines[0].split()[0]
    assert "Anna" in invoke(library, number, "--name", "Anna")
    shown = invoke(library, "anna").splitlines()
    assert len(shown) == 5 and shown[1].endswith(".png")
    face = json.loads(invoke(library, "anna", "--json"))["faces_listed"][0]["id"]
    assert "3 faces" in invoke(library, "Anna", "--no", str(face))
    data = str(library.settings.data_dir)
    undone = CliRunner().invoke(commands, ["undo", "--data", data]).stdout
    assert undone == "Undone: Rejected 1 face as Anna\n"
    assert "hidden" in invoke(library, "Anna", "--hide")
    assert "hidden" not in invoke(library, "Anna", "--show")
    assert "Anna (you)" in invoke(library, "--me", "Anna")
    assert "Anna (you)" in invoke(library, "me")
    assert "(you)" not in invoke(library, "me", "--not-me")
    refused = run_cli("people", number, "--name", os.fsdecode(b"bad\xff"), data=Path(data))
    assert refused.returncode == 2 and r"cannot have the character \udcff" in refused.stderr
    people = json.loads(invoke(library, "--json"))
    assert people[0]["name"] == "Anna"
    with pytest.raises(UsageError, match="Did you mean Anna"):
        CliRunner().invoke(
            commands,
            ["people", "Annna", "--data", str(library.settings.data_dir)],
            catch_exceptions=False,
        )
    assert invoke(library, "--name", "Ben", code=2) == ""
    assert invoke(library, "Anna", "--hide", "--name", "Ben", code=2) == ""
