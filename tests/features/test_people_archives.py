"""People of an archive: faces found by a job, persons named, and photos found by their names."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

pytest.importorskip("lance", reason="needs the extra scale")

from click.testing import CliRunner

from imgsearch import ChangeHistory, Library, Settings
from imgsearch.addresses import working_folder
from imgsearch.cli import commands
from imgsearch.errors import UsageError
from imgsearch.features.people.operations import People
from imgsearch.records.faces import Person
from imgsearch.service.client import Client
from tests.factories import PATIENCE_S, cli_environment, wait_until
from tests.object_storage import S3Server
from tests.people import (
    NEEDS_FACE_MODELS,
    ColourReader,
    library_with_faces,
    set_face_models,
    write_people,
    write_three_persons,
)
from tests.services import serving
from tests.stand_in import StandIn
from tests.test_marks_sidecars import DIGIKAM, files_of

lance = pytest.importorskip("lance")


def open_archive(folder: Path, cache: str = "cache") -> Library:
    settings = Settings.load(data_dir=folder / "data", cache_dir=folder / cache)
    return Library.open_archive(folder / "archive", settings, encoder=StandIn())


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three persons in some photos, and one that the reader refuses: it is a square."""
    folder = write_three_persons(tmp_path / "photos")
    write_people(folder / "broken.png", "red", size_px=(80, 80))
    return folder


@pytest.fixture
def found_by(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Sets the model that finds faces from here on."""
    return set_face_models(monkeypatch)


@pytest.fixture
def archive(tmp_path: Path, photos: Path, found_by: Callable[[str], None]) -> Iterator[Library]:
    with open_archive(tmp_path) as archive:
        archive.index([photos]).run()
        archive.people.find_faces().run()
        yield archive


def found(library: Library, line: str) -> set[str]:
    return {hit.path.stem for hit in library.find(line, 20).hits}


def of_colour(library: Library, stem: str) -> Person:
    """The person of the first face in this photo."""
    (hit,) = library.find(f"name:{stem}", 20).hits
    face = library.people.faces_in(hit.photo.id)[0]
    return next(each for each in library.people.all() if each.id == face.person_id)


def test_faces_are_found_once_and_grouped(tmp_path: Path, photos: Path, found_by: Any) -> None:
    with open_archive(tmp_path) as archive:
        archive.index([photos]).run()
        assert archive.people.all() == ()
        report = archive.people.find_faces().run()
        assert (report.found, report.none, report.failed, report.faces) == (5, 1, 1, 8)
        counts = archive.people.counts()
        assert (counts.found, counts.none, counts.failed, counts.unread) == (5, 1, 1, 0)
        assert (counts.faces, counts.groups, counts.alone) == (8, 2, 1)
        groups = archive.people.all()
        assert [(each.faces, each.photos, each.name) for each in groups] == [
            (4, 4, None),
            (3, 3, None),
        ]
        assert archive.people.find_faces().run().tried == 0
    found_by("colours/2")
    with open_archive(tmp_path, "another machine") as other:
        assert [each.faces for each in other.people.all()] == [each.faces for each in groups]
        assert other.people.find_faces().run().tried == 1  # the one that had failed
        report = other.people.find_faces(again=True).run()
        assert (report.tried, report.faces) == (6, 8)
        assert [each.faces for each in other.people.all()] == [4, 3]


def test_a_named_person_is_found_on_every_machine(archive: Library, tmp_path: Path) -> None:
    red = of_colour(archive, "red0")
    change = archive.people.name(red.id, "Zoë Adler")
    assert (change.person.name, change.person.confirmed) == ("Zoë Adler", 4)
    assert found(archive, "person:zoe") == {"red0", "red1", "both", "three"}
    with open_archive(tmp_path, "another machine") as other:
        wait_until(lambda: found(other, "person:zoe") == {"red0", "red1", "both", "three"})
        (zoe,) = [each for each in other.people.all() if each.name is not None]
        assert (zoe.name, zoe.faces, zoe.confirmed) == ("Zoë Adler", 4, 4)
        other.people.name(of_colour(other, "lime").id, "Ben")
        undone = other.changes.undo()
        assert undone.title == "Named Ben" and found(other, "person:ben") == set()
        other.changes.redo()
    wait_until(lambda: found(archive, "person:zoe person:ben") == {"both", "three"})
    archive.people.hide(red.id)
    assert found(archive, "person:zoe") == set()
    archive.people.hide(red.id, False)
    archive.people.name(red.id, "")
    assert found(archive, "person:zoe") == set()


def test_filters_and_names_answer_as_in_a_library(archive: Library) -> None:
    archive.people.name(of_colour(archive, "red0").id, "Zoë Adler")
    archive.people.name(of_colour(archive, "lime").id, "Ben")
    assert found(archive, "people:0") == {"nobody"}
    assert found(archive, "people:1") == {"red0", "red1", "lime"}
    assert found(archive, "people:2..3") == {"both", "three"}
    assert found(archive, "people:3+") == {"three"}
    assert found(archive, "only:zoe") == {"red0", "red1"}
    assert found(archive, "only:ben,zoe") == {"both"}  # somebody else is in the other one
    assert found(archive, "only:adler,ben") == {"both"}
    assert found(archive, "only:zo") == set()
    assert found(archive, "Zoe Adler and Ben") == {"both", "three"}
    assert archive.browse.names().people == {"Zoë Adler": 4, "Ben": 3}
    (both,) = archive.find("name:both", 5).hits
    assert both.photo.facts.people == ("Ben", "Zoë Adler")
    assert found(archive, "person:me") == set()
    archive.people.set_me(of_colour(archive, "red0").id)
    assert found(archive, "person:me") == {"red0", "red1", "both", "three"}
    assert found(archive, "me and Ben") == {"both", "three"}
    assert found(archive, "only:me") == {"red0", "red1"}
    archive.people.set_me(of_colour(archive, "red0").id, False)
    assert found(archive, "person:me") == set()
    archive.fleet.settle().run()
    assert archive.browse.names().people == {"Zoë Adler": 4, "Ben": 3}
    with Library.open_archive(archive.address, archive.settings, encoder=StandIn()) as other:
        assert "Zoë Adler" in str(other.lines.suggest("zoe a"))
        assert found(other, "Zoe Adler -people:1") == {"both", "three"}


def told(library: Library) -> list[Any]:
    """All that the operations of people say, without the numbers of photos and faces."""
    people = library.people
    rows: list[object] = []
    for person in people.all(hidden=True):
        hits = {hit.photo.id: hit.path.name for hit in library.find("sort:path width:>0", 50).hits}
        faces = sorted(
            (hits[face.photo_id], round(face.x, 3), face.is_confirmed, face.name)
            for face in people.faces_of(person.id)
        )
        proposed = sorted(
            (hits[each.face.photo_id], each.score) for each in people.proposals(person.id)
        )
        rows.append(
            (person.name, person.is_hidden, person.is_me, person.confirmed, faces, proposed)
        )
    listed = [(each.title, each.photos, each.undone) for each in library.changes.all()]
    return [sorted(rows, key=repr), listed, library.people.counts()]


def decisions(library: Library) -> Iterator[str]:
    """One decision after the other, each told by its name."""
    people = library.people
    red, lime = of_colour(library, "red0"), of_colour(library, "lime")
    people.name(red.id, "Zoë")
    yield "named"
    (blue,) = [
        face
        for hit in library.find("name:three", 5).hits
        for face in people.faces_in(hit.photo.id)
        if face.person_id is None
    ]
    made = people.name_faces((blue.id,), "Cleo").person
    yield "named one that was seen once"
    people.decide((blue.id,), made.id, False)
    yield "rejected"
    (hit,) = library.find("name:red0", 5).hits
    split = people.split((people.faces_in(hit.photo.id)[0].id,), red.id).person
    yield "split"
    people.merge(split.id, red.id)
    yield "merged"
    people.merge(lime.id, red.id)
    yield "merged two that are in one photo"
    library.changes.undo()
    yield "undone"
    people.hide(lime.id)
    yield "hidden"
    people.set_me(red.id)
    yield "me"
    people.name(red.id, "")
    yield "named no more"
    library.changes.undo()
    library.changes.undo()
    library.changes.redo()
    yield "undone twice, and done again"
    people.regroup()
    yield "grouped anew"


def test_every_decision_has_the_result_that_it_has_in_a_library(
    archive: Library, photos: Path, tmp_path: Path
) -> None:
    with library_with_faces(tmp_path / "own", photos) as library:
        for done, _ in zip(decisions(library), decisions(archive), strict=True):
            assert told(archive) == told(library), done
            for line in ("person:zoe", "only:zoe", "person:cleo", "only:cleo,zoe", "person:me"):
                assert found(archive, line) == found(library, line), (done, line)
    with pytest.raises(UsageError, match="There is no person with the id 999"):
        archive.people.name(999, "Nobody")


def test_names_are_written_beside_photos_as_a_library_writes_them(
    archive: Library, photos: Path, tmp_path: Path
) -> None:
    for name, stem in (("Zoë Adler", "red0"), ("Ben", "lime")):
        archive.people.name(of_colour(archive, stem).id, name)
    with library_with_faces(tmp_path / "own", photos) as library:
        for name, stem in (("Zoë Adler", "red0"), ("Ben", "lime")):
            library.people.name(of_colour(library, stem).id, name)
        expected = library.people.plan_sidecars().run()
    (photos / "red1.png").rename(tmp_path / "moved.png")  # another machine has it
    before = files_of(photos)
    planned = archive.people.plan_sidecars().run()
    assert [(each.change, each.packed) for each in planned] == [
        (each.change, each.packed) for each in expected if each.change.photo.name != "red1.png"
    ]
    assert len(planned) == 4 and files_of(photos) == before, "nothing is written yet"
    (photos / "lime.png.xmp").write_text(DIGIKAM)
    problems = {
        each.photo.name: each.problem for each in archive.people.write_sidecars(planned).run()
    }
    assert {name for name, problem in problems.items() if problem is None} == {
        "both.png",
        "red0.png",
        "three.png",
    }
    assert (photos / "lime.png.xmp").read_text() == DIGIKAM, "another program has made it meanwhile"
    again = archive.people.plan_sidecars().run()
    assert [each.change.photo.name for each in again] == ["lime.png"]
    after = archive.people.write_sidecars(again).run()
    assert [each.problem for each in after] == [None]
    assert {name: files_of(photos)[name] for name in before} == before, "no photo has changed"
    archive.index([photos], accept_removals=True).run()
    (both,) = archive.find("person:ben person:zoe name:both", 20).hits
    assert sorted(both.photo.facts.people) == ["Ben", "Zoë Adler"], "each once"
    assert archive.people.plan_sidecars().run() == [], "the files state them"


def test_the_command_writes_beside_photos_of_an_archive(
    archive: Library, photos: Path, tmp_path: Path
) -> None:
    archive.people.name(of_colour(archive, "lime").id, "Ben")
    line = ["people", "--write-sidecars", "--library", str(archive.address)]
    listed = CliRunner().invoke(commands, [*line, "--dry-run"], obj=StandIn())
    assert listed.exit_code == 0 and list(photos.glob("*.xmp")) == []
    command = f"imgsearch people --library {archive.address} --write-sidecars"
    assert command in listed.stderr, "as it is typed"
    done = CliRunner().invoke(commands, line, obj=StandIn())
    assert done.exit_code == 0 and done.stdout == listed.stdout
    assert f"To read them: imgsearch index --library {archive.address} FOLDER" in done.stderr
    assert {each.name for each in photos.glob("*.xmp")} == {
        "both.png.xmp",
        "lime.png.xmp",
        "three.png.xmp",
    }


def test_faces_are_forgotten_on_all_machines(archive: Library, tmp_path: Path) -> None:
    with open_archive(tmp_path, "another machine") as other:
        other.people.name(of_colour(other, "red0").id, "Zoë Adler")
        wait_until(lambda: "Zoë Adler" in {each.name for each in archive.people.all()})
        assert archive.people.forget() == 8
        assert archive.people.counts().faces == 0
        wait_until(lambda: other.people.counts().faces == 0)
        assert found(other, "person:zoe") == {"red0", "red1", "both", "three"}
        assert found(other, "people:0") == set()  # nobody has looked
        other.people.find_faces().run()
        (zoe, ben) = other.people.all()
        assert (zoe.name, zoe.confirmed, ben.name) == ("Zoë Adler", 4, None)
        wait_until(lambda: archive.people.counts().faces == 8)
        assert archive.people.forget(with_names=True) == 8
        assert found(archive, "person:zoe") == set()
        wait_until(lambda: other.people.all() == archive.people.all() == ())
    archive.close()
    vector = ColourReader().read(_picture("red"))[0].vector.astype("<f2").tobytes()
    for place in ("archive", "cache", "another machine"):
        for file in (tmp_path / place).rglob("*"):
            assert not file.is_file() or vector not in file.read_bytes(), file


def _picture(colour: str) -> Any:
    from PIL import Image

    image = Image.new("RGB", (80, 40))
    image.paste(Image.new("RGB", (10, 10), colour), (5, 12))
    return image


def test_faces_move_and_go_with_their_photos(
    archive: Library, photos: Path, found_by: Callable[[str], None]
) -> None:
    red = of_colour(archive, "red0").id
    archive.people.name(red, "Zoë")
    (photos / "red0.png").rename(photos / "moved.png")
    archive.index([photos]).run()
    assert found(archive, "person:zoe") == {"moved", "red1", "both", "three"}
    (photos / "moved.png").unlink()
    archive.index([photos]).run()
    assert found(archive, "person:zoe") == {"red1", "both", "three"}
    person = archive.people.get(red)
    assert (person.faces, person.photos, person.confirmed) == (3, 3, 4)
    archive.folders.prune(0)
    assert archive.people.counts().faces == 7
    write_people(photos / "red0.png", "red", size_px=(80, 40))
    archive.index([photos]).run()
    found_by("colours/2")
    archive.people.find_faces(again=True).run()
    assert found(archive, "person:zoe") == {"red0", "red1", "both", "three"}
    assert archive.people.get(red).faces == 4


def test_the_commands_and_the_service_have_people(
    photos: Path,
    tmp_path: Path,
    model_cache: Path,
    found_by: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data, address = tmp_path / "data", tmp_path / "archive"
    settings = Settings.load(data_dir=data, cache_dir=model_cache, encoder="lite")
    with Library.open_archive(address, settings) as archive:
        archive.index([photos]).run()

    def run(*arguments: str) -> Any:
        own = ("--library", str(address), "--data", str(data), "--json")
        done = CliRunner().invoke(commands, [*arguments, *own])
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    assert run("faces")["library"]["faces"] == 8
    red, lime = (each["id"] for each in run("people"))
    assert run("people", str(red), "--name", "Zoë")["confirmed"] == 4
    assert [each["title"] for each in run("undo", "--list")] == ["Named Zoë"]
    assert run("undo")["undone"] and run("people")[0]["name"] is None
    with serving(data, "--library", str(address)):
        client = Client(settings, working_folder(data, address))
        client.call(People.name, lime, "Ben")
        assert {each.name for each in client.call(People.all)} == {None, "Ben"}
        assert client.call(ChangeHistory.undo).title == "Named Ben"
        assert client.call(People.counts).faces == 8
        with monkeypatch.context() as patch:  # commands ask the service
            patch.setenv("IMGSEARCH_ENCODER", "lite")  # as the service has it
            patch.setattr(Library, "open_archive", lambda *_, **__: pytest.fail("was opened"))
            assert run("people", str(red), "--name", "Zoë")["name"] == "Zoë"
            assert len(run("people", "zoe")["faces_listed"]) == 4
            shown = CliRunner().invoke(
                commands, ["people", "zoe", "--library", str(address), "--data", str(data)]
            )
            assert str(photos / "red0.png") in shown.output
            (like, *_) = run("people", "--like", str(photos / "red0.png"))
            assert like["face"]["name"] == "Zoë"
            assert run("undo")["title"] == "Named Zoë"
    assert run("faces", "--forget") == {"forgotten": 8}


def test_people_of_photos_and_an_archive_in_object_storage(
    s3: S3Server, photos: Path, tmp_path: Path, found_by: Callable[[str], None]
) -> None:
    s3.put({f"2020/{each.name}": each.read_bytes() for each in photos.iterdir()})
    s3.put({"nothing": b""}, bucket="index")
    machines = []
    for name in ("one", "two"):
        settings = Settings.load(data_dir=tmp_path / name, cache_dir=tmp_path / name / "cache")
        machines.append(Library.open_archive("s3://index/a", settings, encoder=StandIn()))
    one, two = machines
    one.index(["s3://photos"]).run()
    s3.delete("2020/lime.png")
    report = one.people.find_faces(["s3://photos/2020"]).run()
    assert (report.found, report.unreached, report.faces) == (4, 1, 7)
    red = of_colour(one, "red0")
    assert one.people.picture(one.people.faces_of(red.id)[0].id)
    one.people.name(red.id, "Zoë")
    two.people.name(next(each for each in two.people.all() if each.faces == 2).id, "Ben")
    for library in machines:
        wait_until(
            lambda library=library: (
                {"Zoë", "Ben"}
                == {  # type: ignore[misc]
                    each.name for each in library.people.all()
                }
            )
        )
        assert found(library, "person:zoe person:ben") == {"both", "three"}
        with pytest.raises(UsageError, match="are in object storage, and imgsearch writes no file"):
            library.people.plan_sidecars()
        library.close()


def test_going_back_leaves_what_was_decided_since(archive: Library) -> None:
    archive.fleet.settle().run()
    archive.people.name(of_colour(archive, "red0").id, "Zoë")
    archive.fleet.settle().run()
    archive.people.name(of_colour(archive, "lime").id, "Ben")
    archive.fleet.writer().go_back()
    for name in ("zoe", "ben"):
        assert len(found(archive, f"person:{name}")) >= 3


def test_a_library_is_copied_with_its_faces(photos: Path, tmp_path: Path) -> None:
    with library_with_faces(tmp_path / "own", photos) as library:
        red, lime = of_colour(library, "red0"), of_colour(library, "lime")
        library.people.name(red.id, "Zoë")
        (hit,) = library.find("name:both", 5).hits
        library.people.decide((library.people.faces_in(hit.photo.id)[1].id,), red.id, False)
        library.people.hide(lime.id)
        library.people.set_me(red.id)
        with open_archive(tmp_path) as archive:
            archive.fleet.copy_from(library.settings.data_dir).run()
            assert archive.people.all(hidden=True) == () and found(archive, "person:zoe") == set()
            for faces in (8, 0):  # a second time there is nothing to copy
                report = archive.fleet.copy_from(library.settings.data_dir, faces=True).run()
                assert report.faces == faces
                (persons, listed, counts), own = told(archive), told(library)
                assert persons == own[0] and listed == []
                # A failure is not copied, as another machine may read the photo.
                assert replace(counts, failed=1, unread=0) == own[2]
                for line in ("person:zoe", "person:me", "only:me", "people:3+", "people:0"):
                    assert found(archive, line) == found(library, line), line
                assert [each.name for each in archive.people.all() if each.is_me] == ["Zoë"]


def test_faces_come_back_to_a_library_in_a_pack(
    archive: Library, photos: Path, tmp_path: Path
) -> None:
    red, lime = of_colour(archive, "red0"), of_colour(archive, "lime")
    archive.people.name(red.id, "Zoë")
    (hit,) = archive.find("name:both", 5).hits
    archive.people.decide((archive.people.faces_in(hit.photo.id)[1].id,), red.id, False)
    archive.people.hide(lime.id)
    report = archive.packs.make(photos, tmp_path / "a.imgsearch", faces=True).run()
    assert report.photos == 7
    assert list((tmp_path / "cache" / "archives" / "people").rglob("*.part")) == []
    settings = Settings.load(data_dir=tmp_path / "back", cache_dir=tmp_path / "cache")
    with Library.open(settings, encoder=StandIn()) as library:
        merged = library.packs.merge(tmp_path / "a.imgsearch", at=photos).run()
        assert (merged.new, merged.faces) == (7, 8)
        assert told(library)[0] == told(archive)[0]
        for line in ("person:zoe", "only:zoe", "people:3+", "people:0"):
            assert found(library, line) == found(archive, line), line
    archive.packs.make(photos, tmp_path / "a.imgsearch").run()  # without being asked, none go
    settings = Settings.load(data_dir=tmp_path / "other", cache_dir=tmp_path / "cache")
    with Library.open(settings, encoder=StandIn()) as library:
        assert library.packs.merge(tmp_path / "a.imgsearch", at=photos).run().faces == 0


def test_a_pack_brings_faces_into_an_archive_if_they_are_asked_for(
    archive: Library, photos: Path, tmp_path: Path
) -> None:
    with library_with_faces(tmp_path / "own", photos) as library:
        red, lime = of_colour(library, "red0"), of_colour(library, "lime")
        library.people.name(red.id, "Zoë")
        library.people.decide((library.people.faces_of(red.id)[-1].id,), red.id, False)
        library.people.hide(lime.id)
        library.packs.make(photos, tmp_path / "a.imgsearch", faces=True).run()
        settings = Settings.load(data_dir=tmp_path / "x", cache_dir=tmp_path / "cache")
        with Library.open_archive(tmp_path / "new", settings, encoder=StandIn()) as new:
            merged = new.packs.merge(tmp_path / "a.imgsearch", at=photos).run()
            assert (merged.new, merged.faces) == (7, 0)
            assert new.people.counts().faces == 0 and found(new, "person:zoe") == set()
            for faces in (8, 0):  # a second time there is nothing to merge
                merged = new.packs.merge(tmp_path / "a.imgsearch", at=photos, faces=True).run()
                assert (merged.new, merged.faces) == (0, faces)
                assert new.people.counts().faces == 8
                for line in ("person:zoe", "only:zoe", "people:3+", "people:0"):
                    assert found(new, line) == found(library, line), line
            assert list((tmp_path / "cache" / "archives" / "unpacking").iterdir()) == []
        # What was decided in the archive stays.
        archive.people.name(of_colour(archive, "red0").id, "Ben")
        for _ in range(2):
            merged = archive.packs.merge(tmp_path / "a.imgsearch", at=photos, faces=True).run()
            assert (merged.new, merged.faces) == (0, 0)
            assert found(archive, "person:ben") == {"red0", "red1", "both", "three"}
            assert found(archive, "person:zoe") == set()


# ------------------------------------------------------------------------- real faces, real kills

# Runs a command that commits after three photos.
_IN_SMALL_STEPS = """
import runpy, sys
from imgsearch.archive import commits
commits._PHOTOS_PER_COMMIT = 3
sys.argv[0] = "imgsearch"
runpy.run_module("imgsearch", run_name="__main__")
"""


def versions_of(address: Path) -> int:
    return sum(1 for _ in address.glob("*.lance/_versions/*"))


def killed_after(commits: int, *arguments: str, address: Path, data: Path, cache: Path) -> bool:
    """Run a command and kill it after so many commits; False if it came to its end before."""
    environment = cli_environment(data, IMGSEARCH_CACHE_DIR=str(cache))
    before, is_killed = versions_of(address), False
    with subprocess.Popen(
        [sys.executable, "-c", _IN_SMALL_STEPS, *arguments, "--library", str(address)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        while process.poll() is None:
            if versions_of(address) >= before + commits:
                process.kill()
                is_killed = True
                break
            time.sleep(0.002)
        _, errors = process.communicate(timeout=PATIENCE_S)
    assert b"Traceback" not in errors, errors
    assert process.returncode == 0 or is_killed, errors
    return process.returncode != 0


@NEEDS_FACE_MODELS
@pytest.mark.slow
def test_commands_that_are_killed_lose_and_double_nothing(
    shared_data: Path, tmp_path: Path, model_cache: Path
) -> None:
    if sys.platform == "win32":
        pytest.skip("needs Unix")
    address, photos = tmp_path / "archive", tmp_path / "photos"
    for name in ("amy", "raj", "sheldon"):
        shutil.copytree(shared_data / "faces" / "persons" / name, photos / name)
    shutil.copy2(shared_data / "faces" / "groups" / "group1.jpg", photos)
    settings = Settings.load(data_dir=tmp_path / "data", cache_dir=model_cache, encoder="lite")
    at: Any = {"address": address, "data": settings.data_dir, "cache": model_cache}
    with Library.open_archive(address, settings) as archive:
        archive.index([photos]).run()
        table = lance.dataset(str(address / "faces.lance"))
        read, kills = 0, 0
        while killed_after(1 + kills % 3, "faces", **at):
            table = table.checkout_version(table.latest_version)
            assert table.count_rows() >= read, "what was read stays"
            read, kills = table.count_rows(), kills + 1
        assert kills >= 2
        counts = archive.people.counts()
        assert (counts.found, counts.none, counts.failed, counts.unread) == (16, 0, 0, 0)
        faces = [
            face.id
            for hit in archive.find("sort:path width:>0", 50).hits
            for face in archive.people.faces_in(hit.photo.id)
        ]
        assert len(faces) == len(set(faces)) == counts.faces >= 18
        alone = archive.find("people:1", 50).hits
        assert {hit.path.parent.name for hit in alone} == {"amy", "raj", "sheldon"}
        for number, name in enumerate(("amy", "raj", "sheldon"), 1):
            (first, *_) = archive.find(f"in:{name}", 5).hits
            (face,) = archive.people.faces_in(first.photo.id)
            assert face.person_id is not None
            command = ("people", str(face.person_id), "--name", name.title())
            if killed_after(number, *command, **at):
                assert archive.people.get(face.person_id).name in (None, name.title())
                assert not killed_after(10_000, *command, **at)
            assert archive.people.get(face.person_id).name == name.title()
        archive.fleet.settle().run()  # completes what was cut off last
        for name in ("amy", "raj", "sheldon"):
            own = archive.find(f"person:{name} -name:group1", 50).hits
            assert {hit.path.parent.name for hit in own} == {name} and len(own) >= 4
        assert lance.dataset(str(address / "pending.lance")).count_rows() <= 1 + kills + 3
