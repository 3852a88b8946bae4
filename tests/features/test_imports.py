"""What people made in other programs comes into the library, from files made by hand.

The tables and keys are those that the programs document; no file of the programs themselves was
seen.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from imgsearch import ImportReport, Library, Settings, SourceError, UsageError
from imgsearch.errors import DiskError
from tests.factories import run_cli

# Of digiKam's tables, what an import reads, and a column more here and there.
TABLES = """
CREATE TABLE AlbumRoots (id INTEGER PRIMARY KEY, label TEXT, status INTEGER NOT NULL,
    type INTEGER NOT NULL, identifier TEXT, specificPath TEXT);
CREATE TABLE Albums (id INTEGER PRIMARY KEY, albumRoot INTEGER NOT NULL,
    relativePath TEXT NOT NULL, date DATE, caption TEXT);
CREATE TABLE Images (id INTEGER PRIMARY KEY, album INTEGER, name TEXT NOT NULL,
    status INTEGER NOT NULL, category INTEGER NOT NULL, fileSize INTEGER, uniqueHash TEXT);
CREATE TABLE ImageInformation (imageid INTEGER PRIMARY KEY, rating INTEGER, width INTEGER,
    height INTEGER);
CREATE TABLE Tags (id INTEGER PRIMARY KEY, pid INTEGER, name TEXT NOT NULL);
CREATE TABLE TagProperties (tagid INTEGER, property TEXT, value TEXT);
CREATE TABLE ImageTagProperties (imageid INTEGER, tagid INTEGER, property TEXT, value TEXT);
INSERT INTO AlbumRoots VALUES (1, 'Pictures', 0, 1, 'volumeid:?uuid=1', '/home/anna/Pictures');
INSERT INTO Albums VALUES (1, 1, '/', NULL, NULL), (2, 1, '/Demo', NULL, NULL);
INSERT INTO Tags VALUES (1, 0, 'People'), (2, 1, 'Anna'), (3, 1, 'Unknown'), (4, 1, 'Ignored'),
    (5, 0, 'Holiday');
INSERT INTO TagProperties VALUES (2, 'person', 'Anna Smith'), (3, 'person', 'Unknown'),
    (3, 'unknownPerson', ''), (4, 'person', 'Ignored'), (4, 'ignoredPerson', '');
"""
REGION = '<rect x="{}" y="{}" width="{}" height="{}"/>'


@pytest.fixture
def library(demo_data: Path, tmp_path: Path) -> Iterator[Library]:
    data = Path(shutil.copytree(demo_data, tmp_path / "library"))
    with Library.open(Settings.load(data_dir=data, encoder="lite")) as opened:
        yield opened


@pytest.fixture
def names(library: Library) -> list[str]:
    """The names of the first photos."""
    return [hit.path.name for hit in library.photos([1, 2, 3, 4])]


class DigiKam:
    """A database as digiKam has it."""

    def __init__(self, file: Path) -> None:
        self.file = file
        with closing(sqlite3.connect(file)) as connection:
            connection.executescript(TABLES)

    def change(self, statement: str, *values: object) -> None:
        with closing(sqlite3.connect(self.file)) as connection, connection:
            connection.execute(statement, values)

    def add(self, number: int, path: Path, rating: int = -1, status: int = 1) -> None:
        size = path.stat().st_size
        image = (number, 2, path.name, status, 1, size, "")
        self.change("INSERT INTO Images VALUES (?, ?, ?, ?, ?, ?, ?)", *image)
        self.change("INSERT INTO ImageInformation VALUES (?, ?, 1, 1)", number, rating)

    def face(self, number: int, tag: int, *box: int, kind: str = "tagRegion") -> None:
        row = (number, tag, kind, REGION.format(*box))
        self.change("INSERT INTO ImageTagProperties VALUES (?, ?, ?, ?)", *row)


@pytest.fixture
def digikam(tmp_path: Path) -> DigiKam:
    return DigiKam(tmp_path / "digikam4.db")


def paths(library: Library) -> dict[int, Path]:
    return {hit.photo.id: hit.path for hit in library.photos([1, 2, 3, 4])}


def stars(library: Library) -> dict[int, int | None]:
    found = {}
    for number in (1, 2, 3, 4):
        marks = library.photo(number).marks
        found[number] = None if marks is None else marks.rating
    return found


def changes_nothing(report: ImportReport) -> bool:
    return not report.merged.added and not report.merged.changed


# ------------------------------------------------------------------------- digiKam


@pytest.mark.features("people")
def test_stars_and_confirmed_faces_of_digikam_come(library: Library, digikam: DigiKam) -> None:
    files = paths(library)
    digikam.add(11, files[1], rating=4)
    digikam.add(12, files[2], rating=0)
    digikam.add(13, files[3], rating=5, status=3)  # in the recycle bin
    digikam.face(11, 2, 10, 20, 30, 40)
    digikam.face(11, 3, 50, 20, 30, 40)  # nobody has named it
    digikam.face(11, 4, 90, 20, 30, 40)  # of no interest
    digikam.face(12, 2, 10, 20, 30, 40, kind="autodetectedFace")  # a proposal
    before = digikam.file.read_bytes()
    planned = library.imports.bring(digikam.file, dry_run=True)
    assert stars(library) == dict.fromkeys(files)
    report = library.imports.bring(digikam.file)
    assert planned.merged.added == report.merged.added == {"mark": 1, "person": 1, "face": 1}
    assert (report.program, report.photos, report.found) == ("digiKam", 1, 1)
    assert stars(library) == {1: 4, 2: None, 3: None, 4: None}
    found = library.search('person:"Anna Smith"')
    assert [hit.path for hit in found] == [files[1]]
    assert changes_nothing(library.imports.bring(digikam.file)), "again changes nothing"
    assert digikam.file.read_bytes() == before
    assert [each.name for each in digikam.file.parent.glob("digikam4*")] == ["digikam4.db"]
    library.changes.undo(report.merged.change_id)
    assert stars(library)[1] is None


def test_what_the_library_has_stays(library: Library, digikam: DigiKam) -> None:
    library.marks.set([1], rating=2)
    digikam.add(11, paths(library)[1], rating=4)
    report = library.imports.bring(digikam.file)
    assert changes_nothing(report) and report.merged.kept == {"mark": 1}
    assert stars(library)[1] == 2


def test_a_photo_of_another_size_needs_its_folders(library: Library, digikam: DigiKam) -> None:
    path = paths(library)[1]
    digikam.add(11, path, rating=4)
    digikam.change("UPDATE Images SET fileSize = fileSize + 1")
    report = library.imports.bring(digikam.file)
    assert (report.photos, report.found) == (1, 0)
    digikam.change("UPDATE AlbumRoots SET specificPath = ?", str(path.parent.parent.parent))
    below = path.parent.relative_to(path.parent.parent.parent)
    digikam.change("UPDATE Albums SET relativePath = ? WHERE id = 2", f"/{below.as_posix()}")
    assert library.imports.bring(digikam.file).found == 1


def test_only_photos_below_a_folder_count(
    library: Library, digikam: DigiKam, tmp_path: Path
) -> None:
    path = paths(library)[1]
    digikam.add(11, path, rating=4)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert library.imports.bring(digikam.file, folder=elsewhere).found == 0
    assert library.imports.bring(digikam.file, folder=path.parent).found == 1


def test_two_photos_of_one_name_and_size_are_left_out(
    library: Library, digikam: DigiKam, tmp_path: Path
) -> None:
    path = paths(library)[1]
    other = tmp_path / "more" / path.name
    other.parent.mkdir()
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    other.write_bytes(content)
    library.index([other.parent]).run()
    digikam.add(11, path, rating=4)
    report = library.imports.bring(digikam.file)
    assert (report.found, report.ambiguous) == (0, 1)
    assert library.imports.bring(digikam.file, folder=path.parent).found == 1


def test_a_face_outside_its_photo_is_left_out(library: Library, digikam: DigiKam) -> None:
    digikam.add(11, paths(library)[1], rating=4)
    digikam.face(11, 2, 10, 20, 30_000, 40)
    report = library.imports.bring(digikam.file)
    assert report.outside == 1 and report.merged.added == {"mark": 1}


def test_a_database_in_use_is_not_read(library: Library, digikam: DigiKam) -> None:
    digikam.add(11, paths(library)[1], rating=4)
    with closing(sqlite3.connect(digikam.file)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("UPDATE ImageInformation SET rating = 5")
        connection.commit()
        with pytest.raises(UsageError, match="Close digiKam"):
            library.imports.bring(digikam.file)


# ------------------------------------------------------------------------- Apple Photos


def photo_of(path: Path, **keys: object) -> dict[str, object]:
    return {
        "uuid": path.name,
        "original_filename": path.name,
        "original_filesize": path.stat().st_size,
        "keywords": ["any"],
        **keys,
    }


@pytest.mark.features("albums", "people")
def test_albums_favourites_and_faces_of_apple_photos_come(library: Library, tmp_path: Path) -> None:
    files = paths(library)
    source = tmp_path / "photos.json"
    face = {"name": "Ben", "mwg_rs_area": {"x": 0.5, "y": 0.5, "h": 0.2, "w": 0.1}}
    nobody = {"name": "_UNKNOWN_", "mwg_rs_area": {"x": 0.1, "y": 0.1, "h": 0.1, "w": 0.1}}
    photos = [
        photo_of(files[3], albums=["Sea  side", "Best"], favorite=True),
        photo_of(files[1], albums=["Sea side"], face_info=[face, nobody]),
        photo_of(files[2], hidden=True, faces=[face]),
        photo_of(files[4], albums=["Best"], intrash=True),
        {"uuid": "x", "original_filename": "IMG_9.HEIC", "favorite": True},
    ]
    source.write_text(json.dumps(photos))
    report = library.imports.bring(source)
    assert (report.program, report.photos, report.found) == ("Apple Photos", 4, 3)
    assert library.albums.photos("Sea side").photo_ids == (3, 1)
    assert library.albums.photos("Best").photo_ids == (3,)
    assert [hit.photo.id for hit in library.search("is:favourite")] == [3]
    assert [hit.photo.id for hit in library.search("is:hidden")] == [2]
    assert {hit.photo.id for hit in library.search("person:Ben")} == {1}
    assert changes_nothing(library.imports.bring(source))


# ------------------------------------------------------------------------- other files


@pytest.mark.parametrize(
    ("content", "error", "sentence"),
    [
        (b"\xff\xd8\xff", SourceError, "of no program"),
        (b"", SourceError, "of no program"),
        (b'[{"a": 1}]', SourceError, "not what osxphotos writes"),
        (b'[{"uuid": "a", "original_filename": ' + b"[" * 100_000, SourceError, "not what"),
        (b'[{"uuid": 1, "original_filename": "a"}]', SourceError, "not what"),
        (b"SQLite format 3\x00" + b"\x55" * 4000, SourceError, "of no program"),
    ],
)
def test_other_files_change_nothing(
    library: Library, tmp_path: Path, content: bytes, error: type[Exception], sentence: str
) -> None:
    source = tmp_path / "source"
    source.write_bytes(content)
    with pytest.raises(error, match=sentence):
        library.imports.bring(source)
    assert library.changes.all() == ()


def test_a_damaged_database_is_told(library: Library, digikam: DigiKam) -> None:
    for number in range(500):
        digikam.change("INSERT INTO Images VALUES (?, 2, ?, 1, 1, 9, '')", number, "n" * 300)
    content = bytearray(digikam.file.read_bytes())
    for at in range(len(content) // 2, len(content), 4096):
        content[at : at + 400] = b"\x55" * 400
    digikam.file.write_bytes(content)
    with pytest.raises(SourceError, match="cannot be read"):
        library.imports.bring(digikam.file)


def test_a_file_that_is_missing_is_told(library: Library, tmp_path: Path) -> None:
    with pytest.raises((DiskError, SourceError)):
        library.imports.bring(tmp_path / "none.db")


def test_the_command_says_what_it_did_and_what_is_next(library: Library, digikam: DigiKam) -> None:
    digikam.add(11, paths(library)[1], rating=4)
    digikam.change("INSERT INTO Images VALUES (12, 2, 'lost.jpg', 1, 1, 9, '')")
    digikam.change("INSERT INTO ImageInformation VALUES (12, 3, 1, 1)")
    data = library.settings.data_dir
    planned = run_cli("import", digikam.file, "--dry-run", data=data)
    assert "digiKam: 2 photos with something to bring, 1 found here" in planned.stdout
    assert "Would be added: 1 mark" in planned.stdout
    assert f"imgsearch import {digikam.file}" in planned.stderr
    assert "Not in the library: 1 photo" in planned.stderr
    done = run_cli("import", digikam.file, "--json", data=data)
    assert json.loads(done.stdout)["merged"]["added"] == {"mark": 1}
    assert run_cli("import", data / "library.db", data=data).returncode == 12
