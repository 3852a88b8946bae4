"""Search by a face that was seen once, and by one of several in a photo."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from imgsearch import Library, Settings
from imgsearch.cli import commands
from imgsearch.errors import UsageError
from imgsearch.features.people.finding import find_faces
from imgsearch.indexer import sync
from imgsearch.records.faces import Face
from tests.factories import context_of, run
from tests.people import ColourReader, library_with_faces, write_people
from tests.stand_in import StandIn


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two photos of red, one of lime, and a photo of yellow, who is somewhat like red."""
    folder = tmp_path / "photos"
    for number in range(2):
        write_people(folder / f"red{number}.png", "red", size_px=(80 + number, 40))
    write_people(folder / "both.png", "lime", "red")
    write_people(folder / "lime.png", "lime")
    write_people(folder / "yellow.png", "yellow")
    write_people(folder / "nobody.png")
    return folder


@pytest.fixture
def library(tmp_path: Path, folder: Path) -> Iterator[Library]:
    with library_with_faces(tmp_path, folder) as library:
        yield library


def faces_of(library: Library, stem: str) -> tuple[Face, ...]:
    (hit,) = [hit for hit in library.find("sort:path", k=20).hits if hit.path.stem == stem]
    return library.people.faces_in(hit.photo.id)


def stems(library: Library, faces: list[Face]) -> list[str]:
    return [hit.path.stem for hit in library.photos([face.photo_id for face in faces])]


def test_a_face_seen_once_finds_the_faces_like_it(library: Library) -> None:
    (yellow,) = faces_of(library, "yellow")
    assert yellow.person_id is None
    similar = library.people.similar(yellow.id)
    assert sorted(stems(library, [each.face for each in similar])) == ["both", "red0", "red1"]
    assert all(0.36 < each.score < 0.5 for each in similar)
    for each in similar:
        (hit,) = library.photos([each.face.photo_id])
        assert hit.date is not None and each.day == hit.date.date()
    assert len(library.people.similar(yellow.id, k=2)) == 2


def test_the_likeliest_face_is_first_and_the_photo_itself_is_left_out(library: Library) -> None:
    _, red = faces_of(library, "both")
    similar = library.people.similar(red.id)
    assert stems(library, [each.face for each in similar][-1:]) == ["yellow"]
    assert sorted(stems(library, [each.face for each in similar])) == ["red0", "red1", "yellow"]
    assert similar[0].score == pytest.approx(1, abs=1e-3)


def test_an_unknown_face_is_refused(library: Library) -> None:
    with pytest.raises(UsageError, match="no face with the number 999"):
        library.people.similar(999)
    with pytest.raises(UsageError):
        library.people.similar(faces_of(library, "yellow")[0].id, k=0)


def invoke(library: Library, *arguments: str) -> str:
    result = CliRunner().invoke(
        commands,
        ["people", *arguments, "--data", str(library.settings.data_dir)],
        catch_exceptions=False,
    )
    assert result.exit_code == 0
    return result.stdout


def test_the_command_takes_a_photo_and_the_place_of_a_face(library: Library, folder: Path) -> None:
    assert len(invoke(library, "--like", f"{folder}/yellow.png").splitlines()) == 3
    lines = invoke(library, "--like", f"{folder}/both.png:1").splitlines()
    assert len(lines) == 1 and lines[0].endswith("lime.png") and " 1.00 " in lines[0]
    (found,) = json.loads(invoke(library, "--like", f"{folder}/both.png:1", "--json"))
    assert found["face"]["photo_id"] == faces_of(library, "lime")[0].photo_id


@pytest.mark.parametrize(
    ("example", "message"),
    [
        ("both.png", "has 2 faces. Say which, counted from the left"),
        ("both.png:3", "has 2 faces"),
        ("nobody.png", "No face was found"),
        ("no_such.png:1", "Not in the library"),
    ],
)
def test_an_example_that_names_no_face_says_why(
    library: Library, folder: Path, example: str, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        invoke(library, "--like", str(folder / example))


def test_a_face_seen_once_gets_a_name_and_is_found_by_it(library: Library, folder: Path) -> None:
    (yellow,) = faces_of(library, "yellow")
    named = library.people.name_faces((yellow.id,), "  Yuki  Sato ")
    assert (named.person.name, named.person.faces, named.person.confirmed) == ("Yuki Sato", 1, 1)
    assert [hit.path.stem for hit in library.find("person:yuki").hits] == ["yellow"]
    # A face of somebody who has the name already goes to that person; its group comes along.
    lime = faces_of(library, "lime")[0]
    assert library.people.name_faces((lime.id,), "yuki sato").person.id == named.person.id
    assert {hit.path.stem for hit in library.find("person:yuki").hits} == {"yellow", "lime", "both"}
    library.changes.undo()
    assert [hit.path.stem for hit in library.find("person:yuki").hits] == ["yellow"]
    library.changes.undo()
    assert faces_of(library, "yellow")[0].person_id is None
    assert "Ada" in invoke(library, "--like", f"{folder}/both.png:2", "--name", "Ada")
    assert {hit.path.stem for hit in library.find("person:ada").hits} == {"both", "red0", "red1"}


def test_naming_faces_refuses_no_name_and_no_face(library: Library) -> None:
    (yellow,) = faces_of(library, "yellow")
    for faces, name in (((yellow.id,), " "), ((yellow.id,), "x" * 201), ((999,), "Yuki")):
        with pytest.raises(UsageError):
            library.people.name_faces(faces, name)
    assert library.people.all() and all(person.name is None for person in library.people.all())


def test_faces_of_another_model_are_not_compared(
    library: Library, folder: Path, tmp_path: Path
) -> None:
    """Their persons stay as they are, until the photos are looked at again."""
    (lime,) = faces_of(library, "lime")
    settings = Settings.load(data_dir=tmp_path / "data", cache_dir=tmp_path / "cache")
    newer = context_of(settings, StandIn(), models={"people": lambda: ColourReader("colours/2")})
    write_people(folder / "new" / "lime2.png", "lime")
    run(sync.index(newer, (), False, False))
    run(find_faces(newer, (), False))
    assert library.people.counts().other_model == 1
    (lime2,) = faces_of(library, "lime2")
    with pytest.raises(UsageError, match="imgsearch faces --again"):
        library.people.similar(lime2.id)
    assert lime2.person_id is None
    assert stems(library, [each.face for each in library.people.similar(lime.id)]) == ["both"]
    assert faces_of(library, "lime")[0].person_id == lime.person_id
    assert lime.person_id is not None
    library.people.name(lime.person_id, "Lea")
    run(find_faces(newer, (), True))
    (lime2,) = faces_of(library, "lime2")
    assert library.people.counts().other_model == 0
    assert len(library.people.similar(lime2.id)) == 2
    assert lime2.name == "Lea", "a name given meanwhile is carried over"
