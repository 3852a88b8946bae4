"""Faces and persons in packs: only on request, merged once, and nothing believed."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from imgsearch import Library, Settings
from imgsearch.errors import PackError
from imgsearch.features.people.finding import find_faces
from imgsearch.indexer import sync
from imgsearch.store import pack_format
from imgsearch.store.faces import packed
from tests.factories import context_of, run, run_cli
from tests.pack_factory import change
from tests.people import DIRECTIONS, ColourReader, found, of_colour, rows, write_people
from tests.stand_in import StandIn

RED = packed(DIRECTIONS[0].astype(np.float32))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    for number in range(3):
        write_people(folder / f"red{number}.png", "red", size_px=(80 + number, 40))
    write_people(folder / "both.png", "red", "lime")
    write_people(folder / "lime.png", "lime")
    write_people(folder / "nobody.png")
    write_people(folder.parent / "private" / "blue0.png", "blue")
    write_people(folder.parent / "private" / "blue1.png", "blue", size_px=(81, 40))
    return folder


@pytest.fixture
def open_library(tmp_path: Path) -> Iterator[Callable[..., Library]]:
    opened: list[Library] = []

    def open_one(name: str, *folders: Path, model: str | None = None) -> Library:
        settings = Settings.load(data_dir=tmp_path / name, cache_dir=tmp_path / "cache")
        context = context_of(
            settings, StandIn(), models={"people": lambda: ColourReader(model or "colours/1")}
        )
        if folders:
            run(sync.index(context, tuple(map(str, folders)), False, False))
        if model:
            run(find_faces(context, (), False))
        opened.append(Library.open(settings, encoder=StandIn()))
        return opened[-1]

    yield open_one
    for library in opened:
        library.close()


@pytest.fixture
def library(open_library: Callable[..., Library], folder: Path) -> Library:
    """A library in which Zoë, Ben and Cleo are named; Cleo is in none of the photos to pack."""
    library = open_library("data", folder, folder.parent / "private", model="colours/1")
    library.people.name(of_colour(library, "red0").id, "Zoë Adler")
    library.people.name(of_colour(library, "lime").id, "Ben")
    library.people.name(of_colour(library, "blue0").id, "Cleo Secretname")
    return library


def measured(library: Library) -> list[tuple[object, ...]]:
    """Every column of faces but ids, and the content of their photos."""
    with closing(sqlite3.connect(library.settings.data_dir / "library.db")) as connection:
        columns = [name for _, name, *_ in connection.execute("PRAGMA table_info(faces)")]
        own = [f"faces.{each}" for each in columns if not each.endswith("id")]
        query = (
            f"SELECT content_hash, {', '.join(own)} FROM faces JOIN photos ON photos.id = photo_id"
        )
        return connection.execute(query).fetchall()


def names(library: Library) -> dict[str | None, int]:
    return {each.name: each.faces for each in library.people.all(hidden=True)}


def test_a_pack_without_the_flag_has_nothing_of_faces(
    library: Library, folder: Path, tmp_path: Path, open_library: Callable[..., Library]
) -> None:
    pack = tmp_path / "photos.pack"
    library.packs.make(folder, pack).run()
    content = pack.read_bytes()
    assert RED not in content and "Zoë Adler".encode() not in content
    with closing(sqlite3.connect(pack)) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        assert not tables & {*pack_format.FACE_TABLES, *pack_format.PERSON_TABLES}
    assert not library.packs.verify(pack).run().has_faces
    there = open_library("other")
    assert there.packs.merge(pack, at=folder).run().faces == 0
    assert there.photo_count() == 6
    assert there.people.all() == () and there.people.counts().unread == 6


def test_a_pack_with_faces_says_who_the_owner_is_unless_that_is_known(
    library: Library, folder: Path, tmp_path: Path, open_library: Callable[..., Library]
) -> None:
    library.people.set_me(of_colour(library, "red0").id)
    pack = tmp_path / "photos.pack"
    library.packs.make(folder, pack, faces=True).run()
    persons = library.packs.verify(pack).run().persons
    assert [each.name for each in persons if each.is_me] == ["Zoë Adler"]
    there = open_library("other")
    there.packs.merge(pack, at=folder).run()
    assert [each.name for each in there.people.all() if each.is_me] == ["Zoë Adler"]
    assert len(there.search("person:me", k=10)) == 4
    there.people.set_me(next(each.id for each in there.people.all() if each.name == "Ben"))
    there.packs.merge(pack, at=folder).run()
    assert [each.name for each in there.people.all() if each.is_me] == ["Ben"]


def test_two_owners_of_a_library_are_damage(
    library: Library, folder: Path, tmp_path: Path, open_library: Callable[..., Library]
) -> None:
    library.people.set_me(of_colour(library, "red0").id)
    pack = tmp_path / "photos.pack"
    library.packs.make(folder, pack, faces=True).run()
    change(pack, "UPDATE photos SET mark_me = mark_me + 1 WHERE id = 1")
    with pytest.raises(PackError, match="two persons"):
        library.packs.verify(pack).run()


def test_a_pack_with_faces_brings_persons_and_proposals_into_another_library(
    library: Library, folder: Path, tmp_path: Path, open_library: Callable[..., Library]
) -> None:
    red = of_colour(library, "red0")
    wrong = library.people.faces_of(red.id)[-1]
    library.people.decide((wrong.id,), red.id, False)
    with closing(sqlite3.connect(library.settings.data_dir / "library.db")) as connection:
        connection.execute("UPDATE faces SET quality = 10 + x, turn = x / 2")
        connection.commit()
    pack = tmp_path / "photos.pack"
    library.packs.make(folder, pack, faces=True).run()
    content = pack.read_bytes()
    assert RED in content and "Zoë Adler".encode() in content
    assert b"Secretname" not in content, "of a person who is in none of these photos"
    assert packed(DIRECTIONS[2].astype(np.float32)) not in content
    info = library.packs.verify(pack).run()
    assert info.has_faces and {each.name for each in info.persons} == {"Zoë Adler", "Ben"}
    there = open_library("other")
    assert there.packs.merge(pack, at=folder).run().faces == 6
    assert names(there) == {"Zoë Adler": 3, "Ben": 2}
    refused = {hit.path.stem for hit in library.photos([wrong.photo_id])}
    assert found(there, "person:zoe") == {"red0", "red1", "red2", "both"} - refused
    assert found(there, "person:ben") == {"lime", "both"}
    assert there.people.counts().unread == 0 and found(there, "people:0") == {"nobody"}
    (zoe,) = [each for each in there.people.all() if each.name == "Zoë Adler"]
    assert zoe.confirmed >= 3 and there.people.proposals(zoe.id) == (), "nothing is asked twice"
    assert len(measured(there)) == 6 and set(measured(there)) < set(measured(library))
    before = rows(there)
    assert there.packs.merge(pack, at=folder).run().faces == 0
    assert rows(there) == before, "merging again adds nothing"


def test_what_was_said_here_stays_and_one_name_is_one_person(
    library: Library, folder: Path, tmp_path: Path, open_library: Callable[..., Library]
) -> None:
    library.people.hide(
        library.people.split(
            (library.people.faces_of(of_colour(library, "lime").id)[0].id,),
            of_colour(library, "lime").id,
        ).person.id
    )
    pack = tmp_path / "photos.pack"
    library.packs.make(folder, pack, faces=True).run()
    there = open_library("other", folder, model="colours/1")
    red, lime = of_colour(there, "red0"), of_colour(there, "lime")
    there.people.name(red.id, "zoe ADLER")
    there.people.name(lime.id, "Bernd")
    there.packs.merge(pack, at=folder).run()
    assert there.people.get(red.id).name == "zoe ADLER" and there.people.get(red.id).faces == 4
    assert there.people.get(lime.id).name == "Bernd" and there.people.get(lime.id).faces == 2
    assert found(there, "person:bernd") == {"lime", "both"}


def test_names_come_without_faces_where_another_model_has_looked(
    library: Library, folder: Path, tmp_path: Path, open_library: Callable[..., Library]
) -> None:
    pack = tmp_path / "photos.pack"
    library.packs.make(folder, pack, faces=True).run()
    private = open_library("private", folder.parent / "private", model="colours/2")
    assert private.packs.merge(pack, at=folder).run().faces == 0
    assert found(private, "person:zoe") == {"red0", "red1", "red2", "both"}
    assert private.people.counts().unread == 6
    there = open_library("other", folder, model="colours/2")
    there.packs.merge(pack, at=folder).run()
    assert names(there) == {"Zoë Adler": 4, "Ben": 2}, "on the faces that were found here"


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("UPDATE faces SET vector = x'00'", "wrong size"),
        ("UPDATE faces SET vector = zeroblob(256)", "not of length 1"),
        ("UPDATE faces SET x = 9e99", "in no picture"),
        ("UPDATE faces SET size_px = 'large'", "another type"),
        ("UPDATE faces SET person_id = 999", "refers to one that does not exist"),
        ("UPDATE face_readings SET state = 'maybe'", "unknown state"),
        ("UPDATE face_readings SET read_at = 'yesterday'", "damaged"),
        ("UPDATE face_decisions SET width = -1", "in no picture"),
        ("UPDATE face_decisions SET is_person = 7", "another type"),
        ("DELETE FROM persons", "refers to one that does not exist"),
        ("CREATE TRIGGER evil AFTER INSERT ON faces BEGIN SELECT 1; END", "not those of a pack"),
        ("DROP TABLE face_decisions", "damaged"),
    ],
)
def test_a_pack_that_no_library_makes_is_refused(
    library: Library, folder: Path, tmp_path: Path, statement: str, problem: str
) -> None:
    pack = tmp_path / "photos.pack"
    library.packs.make(folder, pack, faces=True).run()
    before = rows(library)
    if statement.startswith("DROP"):
        with closing(sqlite3.connect(pack)) as connection:
            connection.execute(statement)
    else:
        change(pack, statement)
    with pytest.raises(PackError, match=problem):
        library.packs.merge(pack, at=folder).run()
    assert rows(library) == before


def test_a_name_from_a_pack_is_cleaned(
    library: Library, folder: Path, tmp_path: Path, open_library: Callable[..., Library]
) -> None:
    pack = tmp_path / "photos.pack"
    library.packs.make(folder, pack, faces=True).run()
    change(
        pack,
        f"UPDATE persons SET name = '  Eve   {'x' * 400}', plain_name = 'ben2' WHERE name = 'Ben'",
        "UPDATE persons SET name = '' WHERE name = 'Zoë Adler'",
    )
    there = open_library("other")
    there.packs.merge(pack, at=folder).run()
    (eve,) = [each.name for each in there.people.all() if each.name]
    assert eve.startswith("Eve xxx") and len(eve) == 200


def test_the_commands(library: Library, folder: Path, tmp_path: Path) -> None:
    pack, data = tmp_path / "photos.pack", library.settings.data_dir
    done = run_cli("pack", folder, pack, "--faces", data=data)
    assert done.returncode == 0
    verified = run_cli("pack", "--verify", pack, data=data)
    assert "It carries faces. Persons with a name: Zoë Adler, Ben\n" in verified.stdout
    assert run_cli("faces", "--forget", "--with-names", data=data).returncode == 0
    merged = run_cli("unpack", pack, "--at", folder, data=data)
    assert "Also added: 6 faces. To see persons: imgsearch people" in merged.stderr
    assert "Zoë Adler" in run_cli("people", data=data).stdout
