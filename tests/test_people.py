"""Persons: named, corrected and found by name, and every decision taken back."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from imgsearch import Library, Settings
from imgsearch.cli import commands
from imgsearch.errors import QueryError, UsageError
from imgsearch.indexer import sync
from imgsearch.indexer.faces import find_faces
from imgsearch.records.faces import Person
from tests.factories import context_of
from tests.stand_in import StandIn
from tests.test_faces import DIRECTIONS, ColourReader, write_people
from tests.test_picture_text import run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Photos of three persons: red in four, lime in three, blue in one; and one of nobody."""
    folder = tmp_path / "photos"
    for number in range(2):
        write_people(folder / f"red{number}.png", "red", size_px=(80 + number, 40))
    write_people(folder / "both.png", "red", "lime")
    write_people(folder / "three.png", "red", "lime", "blue")
    write_people(folder / "lime.png", "lime")
    write_people(folder / "nobody.png")
    return folder


@pytest.fixture
def library(tmp_path: Path, folder: Path) -> Iterator[Library]:
    settings = Settings.load(data_dir=tmp_path / "data", cache_dir=tmp_path / "cache")
    context = context_of(settings, StandIn(), open_faces=lambda cache: ColourReader())
    run(sync.index(context, (str(folder),), False, False))
    run(find_faces(context, (), False))
    with Library.open(settings, encoder=StandIn()) as library:
        yield library


def found(library: Library, line: str) -> set[str]:
    return {hit.path.stem for hit in library.find(line, k=20).hits}


def of_colour(library: Library, stem: str) -> Person:
    """The person of the leftmost face in this photo."""
    (hit,) = [hit for hit in library.find("sort:path", k=20).hits if hit.path.stem == stem]
    face = library.people.faces_in(hit.photo.id)[0]
    assert face.person_id is not None
    return library.people.get(face.person_id)


# ------------------------------------------------------------------------- naming


def test_a_named_person_is_found_as_names_from_metadata_are(library: Library) -> None:
    red = of_colour(library, "red0")
    named = library.people.name(red.id, "  Zoë   Adler ")
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


def test_two_persons_of_one_name_are_one(library: Library) -> None:
    red, lime = of_colour(library, "red0"), of_colour(library, "lime")
    library.people.name(red.id, "Anna")
    assert library.people.name(lime.id, "anna").id == red.id
    (person,) = [each for each in library.people.all() if each.name]
    assert (person.name, person.faces) == ("Anna", 7)
    library.people.undo()
    assert library.people.get(lime.id).name is None
    assert library.people.get(red.id).faces == 4
    library.people.name(red.id, "")
    assert found(library, "person:anna") == set()


# ------------------------------------------------------------------------- correcting


def test_a_face_that_is_not_a_person_leaves_it_for_good(library: Library) -> None:
    red = library.people.name(of_colour(library, "red0").id, "Anna")
    wrong = library.people.faces_of(red.id)[-1]
    library.people.decide((wrong.id,), red.id, False)
    assert library.people.get(red.id).faces == 3
    library.people.regroup()
    assert wrong.id not in [face.id for face in library.people.faces_of(red.id)]
    assert wrong.id not in [each.face.id for each in library.people.proposals(red.id)]
    assert library.people.undo() is not None
    assert library.people.get(red.id).faces == 4
    library.people.decide((wrong.id,), red.id, False)
    library.people.decide((wrong.id,), red.id, True)  # on second thoughts
    assert library.people.get(red.id).faces == 4
    assert library.people.decide((9999,), red.id, True) == 0


def test_a_yes_brings_the_whole_group_along(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imgsearch.faces.proposals.PROPOSE", -1.0)
    lime = library.people.name(of_colour(library, "lime").id, "Ben")
    others = library.people.proposals(lime.id)
    assert [each.face.photo_id for each in others], "red, in the photos without Ben"
    assert len({each.face.person_id for each in others}) == len(others), "one face of each group"
    red = of_colour(library, "red0")
    (asked,) = [each for each in others if each.face.person_id == red.id]
    assert library.people.decide((asked.face.id,), lime.id, True) == 1
    # In two photos both are to be seen, and nobody is there twice.
    assert library.people.get(lime.id).faces == 5
    assert library.people.get(red.id).faces == 2
    library.people.undo()
    assert library.people.get(red.id).faces == 4


def test_merge_split_hide_and_undo_each(library: Library) -> None:
    people = library.people
    before = people.all()
    red, lime = of_colour(library, "red0"), of_colour(library, "lime")
    people.name(lime.id, "Ben")
    merged = people.merge(lime.id, red.id)
    assert (merged.id, merged.name, merged.faces) == (red.id, "Ben", 7)
    with pytest.raises(UsageError, match="one person already"):
        people.merge(red.id, red.id)
    own = [face.id for face in people.faces_of(red.id)][:2]
    split = people.split(tuple(own), red.id)
    assert (split.faces, split.confirmed, people.get(red.id).faces) == (2, 2, 5)
    assert people.hide(split.id).is_hidden
    assert split.id not in [each.id for each in people.all()]
    assert split.id in [each.id for each in people.all(hidden=True)]
    people.regroup()
    assert people.get(split.id).is_hidden, "it stays hidden when all are grouped anew"
    for _ in range(4):
        assert people.undo() is not None
    assert people.undo() is None
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


def test_a_pack_carries_neither_faces_nor_their_names(
    library: Library, folder: Path, tmp_path: Path
) -> None:
    from imgsearch.store.faces import packed

    library.people.name(of_colour(library, "red0").id, "Zoë Secretname")
    pack = tmp_path / "photos.pack"
    library.packs.make(folder, pack).run()
    content = pack.read_bytes()
    assert b"Secretname" not in content
    assert packed(DIRECTIONS[0].astype(np.float32)) not in content
    other = Settings.load(data_dir=tmp_path / "other", cache_dir=tmp_path / "cache")
    with Library.open(other, encoder=StandIn()) as there:
        there.packs.merge(pack, at=folder).run()
        assert there.photo_count() == 6
        assert there.people.all() == () and there.people.counts().unread == 6


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
    assert invoke(library, "--undo").startswith("Undone")
    assert "hidden" in invoke(library, "Anna", "--hide")
    assert "hidden" not in invoke(library, "Anna", "--show")
    people = json.loads(invoke(library, "--json"))
    assert people[0]["name"] == "Anna"
    with pytest.raises(UsageError, match="Did you mean Anna"):
        CliRunner().invoke(
            commands,
            ["people", "Annna", "--data", str(library.settings.data_dir)],
            catch_exceptions=False,
        )
    assert invoke(library, "--name", "Ben", code=2) == ""
    assert invoke(library, "Anna", "--hide", "--undo", code=2) == ""
