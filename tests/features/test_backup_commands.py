"""Backups as a person makes and restores them: the commands, the guides, and a damaged database."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from imgsearch import Library, Settings, UsageError
from imgsearch.records.faces import FoundFace
from imgsearch.store.store import Store
from imgsearch.testing import free_port
from tests.factories import CHECKOUT, PATIENCE_S, run_cli, start_cli, wait_until

pytestmark = pytest.mark.features("albums", "people", "corrections", "saved", "labels")


@pytest.fixture(scope="module")
def used(demo_data: Path, demo_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder of a library in which a person has made things of many kinds."""
    data = Path(shutil.copytree(demo_data, tmp_path_factory.mktemp("used") / "library"))
    for command in (
        ("album", "make", "Italy", "--photo", "3", "--photo", "1"),
        ("mark", "--photo", "2", "--stars", "4"),
        ("mark", "--photo", "4", "--favourite"),
        ("mark", "--photo", "5", "--hide"),
        ("correct", "--photo", "6", "--set-date", "1974-07"),
        ("save", "Cats", "a cat -people"),
        ("label", "dog,cat", "--save-as", "pets"),
    ):
        done = run_cli(*command, data=data)
        assert done.returncode == 0, done.stderr
    find_face(data, names_in(data)[1])
    with Library.open(Settings.load(data_dir=data, encoder="lite")) as library:
        (found,) = library.people.faces_in(1)
        library.people.name_faces((found.id,), "Ada Lovelace")
    return data


@pytest.fixture
def home(used: Path, tmp_path: Path) -> Path:
    """Its copy for one test."""
    return Path(shutil.copytree(used, tmp_path / "old"))


def names_in(data: Path) -> dict[int, str]:
    """The names of the photos of a library by their ids."""
    with Library.open(Settings.load(data_dir=data, encoder="lite")) as library:
        return {hit.photo.id: hit.path.name for hit in library.photos(list(range(1, 22)))}


def find_face(data: Path, name: str) -> None:
    """Record a face in the photo of this name, as the model would."""
    (photo_id,) = (number for number, each in names_in(data).items() if each == name)
    face = FoundFace(0.2, 0.3, 0.1, 0.2, 0.9, 60.0, np.eye(1, 128, dtype=np.float32)[0])
    with Store.open(data, writable=True) as store:
        store.faces.record(photo_id, "model 1", [face])


def made(data: Path) -> dict[str, object]:
    """What was made, by the names of photos and things, as a person sees it."""

    def names_of(line: str) -> list[str]:
        done = run_cli("search", line, "-k", "50", "--json", data=data)
        assert done.returncode in (0, 1), done.stderr
        return sorted(Path(hit["paths"][0]).name for hit in json.loads(done.stdout)["hits"])

    lines = ("album:Italy", "rating:4", "is:favourite", "is:hidden", "person:Ada", "on:1974-07")
    listed = run_cli("album", "show", "Italy", "--json", data=data).stdout
    return {
        **{line: names_of(line) for line in lines},
        "order": [names_in(data)[photo_id] for photo_id in json.loads(listed)["photo_ids"]],
        "saved": re.findall("Cats", run_cli("saved", data=data).stdout),
        "labels": names_of("label:cat") != [],
    }


def test_a_library_moves_to_a_new_computer_as_the_guide_says(
    home: Path, demo_photos: Path, tmp_path: Path
) -> None:
    before, names = made(home), names_in(home)
    photos = tmp_path / "Pictures"
    shutil.copytree(demo_photos, photos / "from the old one")
    drive = tmp_path / "drive"
    drive.mkdir()
    guide = (CHECKOUT / "docs" / "moving.md").read_text()
    commands = re.findall(r"^ +imgsearch (.+)$", guide, re.MULTILINE)
    assert [command.split()[0] for command in commands] == [
        *("backup", "index", "restore", "restore", "faces")
    ]
    new = tmp_path / "new"
    for command in commands[:-1]:
        typed = command.replace("~/Pictures", str(photos)).replace("/media/drive", str(drive))
        data = home if typed.startswith("backup") else new
        done = run_cli(*shlex.split(typed), data=data)
        assert done.returncode == 0, done.stderr
    find_face(new, names[1])
    assert made(new) == before
    assert before["person:Ada"] == [names[1]] and before["order"] == [names[3], names[1]]


def test_a_damaged_database_is_restored_as_doctor_says(home: Path, demo_photos: Path) -> None:
    before, names = made(home), names_in(home)
    assert run_cli("index", data=home).returncode == 0  # it makes the copy of the day
    database = home / "library.db"
    content = bytearray(database.read_bytes())
    for at in range(8192, len(content), 4096):
        content[at : at + 200] = b"\x55" * 200
    database.write_bytes(content)
    (home / "library.db-wal").unlink(missing_ok=True)
    said = run_cli("search", "cat", data=home)
    assert said.returncode == 8 and "imgsearch doctor" in said.stderr
    doctor = run_cli("doctor", "--json", data=home)
    assert doctor.returncode == 8
    (finding,) = [each for each in json.loads(doctor.stdout) if each["area"] == "backups"]
    files, aside = re.search(r"move the files (\S+) .* to (\S+);", finding["cure"]).groups()  # type: ignore[union-attr]
    Path(aside).mkdir()
    for file in home.glob(files):
        file.rename(Path(aside, file.name))
    for command in re.findall(r"imgsearch ([^;]+)", finding["cure"]):
        done = run_cli(*shlex.split(command), data=home)
        assert done.returncode == 0, done.stderr
    find_face(home, names[1])
    assert made(home) == before


def test_commands_say_what_they_did_and_what_to_do_next(
    home: Path, demo_data: Path, tmp_path: Path
) -> None:
    file = tmp_path / "mine.jsonl"
    done = run_cli("backup", file, data=home)
    assert "3 marks, 1 corrected date, 1 person, 1 face of a person, 1 album" in done.stdout
    assert f"imgsearch restore {file}" in done.stderr
    new = Path(shutil.copytree(demo_data, tmp_path / "new"))
    planned = run_cli("restore", file, "--dry-run", data=new)
    assert planned.stdout.startswith("Would be added: 3 marks")
    assert json.loads(run_cli("album", "--json", data=new).stdout) == []
    report = json.loads(run_cli("restore", file, "--json", data=new).stdout)
    assert report["added"]["mark"] == 3 and report["missing_photos"] == 0
    assert "Nothing of it is missing" in run_cli("restore", file, data=new).stdout
    undone = run_cli("undo", str(report["change_id"]), data=new)
    assert undone.returncode == 0, undone.stderr
    assert json.loads(run_cli("album", "--json", data=new).stdout) == []
    run_cli("mark", "--photo", "2", "--stars", "1", data=new)
    different = run_cli("restore", file, data=new).stdout
    assert "Different here, and not changed: 1 mark" in different
    assert f"mark, {names_in(home)[2]}: " in different


def test_a_backup_replaces_an_older_one_and_no_other_file(
    home: Path, demo_photos: Path, tmp_path: Path
) -> None:
    with Library.open(Settings.load(data_dir=home, encoder="lite")) as library:
        file, other = tmp_path / "mine.jsonl.gz", tmp_path / "letter.txt"
        library.backups.make(file)
        again = library.backups.make(file)
        assert again is not None and again.counts["mark"] == 3
        other.write_text("Dear Ada")
        for place, sentence in (
            (other, "is not a backup"),
            (demo_photos / "mine.jsonl", "is in the photo folder"),
        ):
            with pytest.raises(UsageError, match=sentence):
                library.backups.make(place)
        assert other.read_text() == "Dear Ada"
        assert library.backups.all() == ()
        copy = library.backups.make()
        assert copy is not None and library.backups.all() == (copy,)
        assert library.backups.make() is None, "nothing has changed"


@pytest.mark.parametrize("command", ["watch", "serve", "ui"])
def test_what_runs_for_long_makes_the_copy_of_the_day(home: Path, command: str) -> None:
    options = ("--no-browser", "--port", str(free_port())) if command == "ui" else ()
    with start_cli(command, *options, data=home) as process:
        try:
            wait_until(lambda: any((home / "backups").glob("*.jsonl.gz")))
        finally:
            process.terminate()
            process.communicate(timeout=PATIENCE_S)
    if sys.platform != "win32":
        (file,) = (home / "backups").iterdir()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_restoring_without_a_library_says_what_to_do_first(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "mine.jsonl"
    run_cli("backup", file, data=home)
    done = run_cli("restore", file, data=tmp_path / "none")
    assert done.returncode == 2 and "imgsearch index FOLDER" in done.stderr
    assert run_cli("restore", tmp_path / "no file", data=home).returncode == 2
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8\xff")
    damaged = run_cli("restore", tmp_path / "photo.jpg", data=home)
    assert damaged.returncode == 12 and "is not a backup" in damaged.stderr


def test_a_search_makes_no_copy(home: Path) -> None:
    done: subprocess.CompletedProcess[str] = run_cli("search", "a cat", data=home)
    assert done.returncode == 0 and not (home / "backups").exists()


def test_names_that_are_forgotten_are_in_no_copy(home: Path) -> None:
    with Library.open(Settings.load(data_dir=home, encoder="lite")) as library:
        assert library.backups.make() is not None
        library.people.forget(with_names=True)
        (copy,) = library.backups.all()
        assert "person" not in copy.counts and copy.counts["mark"] == 3
