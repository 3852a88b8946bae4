"""What people made in other programs comes into the library, from files made by hand.

The tables and keys are those that the programs document; no file of the programs themselves was
seen.
"""

from __future__ import annotations

import gzip
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


# ------------------------------------------------------------------------- Lightroom

CATALOGUE = """
CREATE TABLE AgLibraryRootFolder (id_local INTEGER PRIMARY KEY, absolutePath);
CREATE TABLE AgLibraryFolder (id_local INTEGER PRIMARY KEY, pathFromRoot, rootFolder INTEGER);
CREATE TABLE AgLibraryFile (id_local INTEGER PRIMARY KEY, baseName, extension, folder INTEGER);
CREATE TABLE Adobe_images (id_local INTEGER PRIMARY KEY, rootFile INTEGER, rating,
    masterImage INTEGER);
CREATE TABLE AgLibraryCollection (id_local INTEGER PRIMARY KEY, creationId, name);
CREATE TABLE AgLibraryCollectionImage (id_local INTEGER PRIMARY KEY, collection INTEGER,
    image INTEGER, positionInCollection);
INSERT INTO AgLibraryCollection VALUES (1, 'com.adobe.ag.library.collection', 'Portfolio'),
    (2, 'com.adobe.ag.library.smart_collection', 'Five stars'),
    (3, 'com.adobe.ag.library.group', 'All of it');
"""


@pytest.mark.features("albums")
def test_stars_and_collections_of_lightroom_come(library: Library, tmp_path: Path) -> None:
    files = paths(library)
    source = tmp_path / "Photos.lrcat"
    with closing(sqlite3.connect(source)) as connection, connection:
        connection.executescript(CATALOGUE)
        run = connection.execute
        root = files[1].parent.parent
        run("INSERT INTO AgLibraryRootFolder VALUES (1, ?)", (f"{root}/",))
        run("INSERT INTO AgLibraryFolder VALUES (1, ?, 1)", (f"{files[1].parent.name}/",))
        for number, path in files.items():
            file = (number, path.stem, path.suffix.lstrip("."), 1)
            run("INSERT INTO AgLibraryFile VALUES (?, ?, ?, ?)", file)
            run("INSERT INTO Adobe_images VALUES (?, ?, NULL, NULL)", (10 + number, number))
        run("UPDATE Adobe_images SET rating = 4.0 WHERE rootFile = 2")
        run("INSERT INTO Adobe_images VALUES (30, 3, 5, 13)")  # a virtual copy
        rows = [(1, 13, 2.0), (1, 11, 1.0), (1, 30, 3.0), (2, 12, 1.0)]
        for row in rows:
            run("INSERT INTO AgLibraryCollectionImage VALUES (NULL, ?, ?, ?)", row)
    before = source.read_bytes()
    report = library.imports.bring(source)
    assert (report.program, report.photos, report.found) == ("Lightroom", 3, 3)
    assert stars(library) == {1: None, 2: 4, 3: 5, 4: None}
    assert [album.name for album in library.albums.all()] == ["Portfolio"]
    assert library.albums.photos("Portfolio").photo_ids == (1, 3)
    assert changes_nothing(library.imports.bring(source)) and source.read_bytes() == before


# ------------------------------------------------------------------------- PhotoPrism

PHOTOPRISM = """
CREATE TABLE photos (id INTEGER PRIMARY KEY, photo_uid VARBINARY(42), photo_favorite NUMERIC,
    photo_private NUMERIC, deleted_at DATETIME);
CREATE TABLE files (id INTEGER PRIMARY KEY, photo_id INTEGER, photo_uid VARBINARY(42),
    file_uid VARBINARY(42), file_name VARBINARY(1024), file_root VARBINARY(16), file_size BIGINT,
    file_sidecar NUMERIC, file_missing NUMERIC, deleted_at DATETIME);
CREATE TABLE albums (id INTEGER PRIMARY KEY, album_uid VARBINARY(42), album_type VARBINARY(8),
    album_title VARCHAR(160), deleted_at DATETIME);
CREATE TABLE photos_albums (photo_uid VARBINARY(42), album_uid VARBINARY(42), "order" INTEGER,
    hidden NUMERIC, missing NUMERIC, PRIMARY KEY (photo_uid, album_uid));
CREATE TABLE markers (marker_uid VARBINARY(42) PRIMARY KEY, file_uid VARBINARY(42),
    marker_type VARBINARY(8), marker_invalid NUMERIC, subj_uid VARBINARY(42),
    subj_src VARBINARY(8), x FLOAT, y FLOAT, w FLOAT, h FLOAT);
CREATE TABLE subjects (subj_uid VARBINARY(42) PRIMARY KEY, subj_name VARCHAR(160));
INSERT INTO albums VALUES (1, 'a1', 'album', 'Sea', NULL), (2, 'a2', 'month', 'May 2019', NULL),
    (3, 'a3', 'album', 'Thrown away', '2024-01-01');
INSERT INTO subjects VALUES ('j1', 'Cleo');
INSERT INTO markers VALUES ('m1', 'f1', 'face', 0, 'j1', 'manual', 0.4, 0.3, 0.2, 0.2),
    ('m2', 'f2', 'face', 0, 'j1', '', 0.4, 0.3, 0.2, 0.2),
    ('m3', 'f3', 'face', 1, 'j1', 'manual', 0.4, 0.3, 0.2, 0.2);
INSERT INTO photos_albums VALUES ('p2', 'a1', 2, 0, 0), ('p1', 'a1', 1, 0, 0),
    ('p3', 'a1', 3, 1, 0), ('p3', 'a2', 1, 0, 0), ('p3', 'a3', 1, 0, 0);
"""


@pytest.mark.features("albums", "people")
def test_albums_favourites_and_given_names_of_photoprism_come(
    library: Library, tmp_path: Path
) -> None:
    files = paths(library)
    source = tmp_path / "index.db"
    with closing(sqlite3.connect(source)) as connection, connection:
        connection.executescript(PHOTOPRISM)
        for number, path in files.items():
            private, deleted = int(number == 2), "2024-01-01" if number == 4 else None
            photo = (number, f"p{number}", int(number in (3, 4)), private, deleted)
            connection.execute("INSERT INTO photos VALUES (?, ?, ?, ?, ?)", photo)
            file = (number, number, f"p{number}", f"f{number}", f"2019/{path.name}".encode())
            connection.execute(
                "INSERT INTO files VALUES (?, ?, ?, ?, ?, '/', ?, 0, 0, NULL)",
                (*file, path.stat().st_size),
            )
    report = library.imports.bring(source)
    assert (report.program, report.photos, report.found) == ("PhotoPrism", 3, 3)
    assert library.albums.photos("Sea").photo_ids == (1, 2)
    assert [album.name for album in library.albums.all()] == ["Sea"]
    assert [hit.photo.id for hit in library.search("is:favourite")] == [3]
    assert [hit.photo.id for hit in library.search("is:hidden")] == [2]
    assert [hit.photo.id for hit in library.search("person:Cleo")] == [1]
    assert changes_nothing(library.imports.bring(source))


# ------------------------------------------------------------------------- Immich

NOTHING = r"\N"


def dump_of(tables: dict[str, list[dict[str, object]]]) -> str:
    """Return a dump as PostgreSQL writes it."""
    lines = ["--", "-- PostgreSQL database dump", "--", "", "SET statement_timeout = 0;", ""]
    for table, rows in tables.items():
        columns = ", ".join(f'"{name}"' if name != name.lower() else name for name in rows[0])
        lines.append(f"COPY public.{table} ({columns}) FROM stdin;")
        for row in rows:
            values = (NOTHING if each is None else str(each) for each in row.values())
            lines.append("\t".join(values))
        lines += ["\\.", "", ""]
    return "\n".join(lines)


def immich_tables(files: dict[int, Path], *, old: bool) -> dict[str, list[dict[str, object]]]:
    """What Immich keeps of four photos, by the names of old versions or of new ones."""

    def asset(number: int, **keys: object) -> dict[str, object]:
        row: dict[str, object] = {
            "id": f"asset-{number}",
            "originalPath": f"/data/library/anna/2019/{number}.jpg",
            "isFavorite": "f",
            "originalFileName": files[number].name,
            "deletedAt": None,
            **keys,
        }
        return row if old else {"visibility": "timeline", **row}

    person, id_of_person = ("personId", "id") if old else ("personGroupId", "personGroupId")
    album, photo = ("albumsId", "assetsId") if old else ("albumId", "assetId")

    def face(number: int, whose: str, **keys: object) -> dict[str, object]:
        box = {"boundingBoxX1": 10, "boundingBoxY1": 20, "boundingBoxX2": 30, "boundingBoxY2": 60}
        about = {"assetId": f"asset-{number}", person: whose, "imageWidth": 100}
        return {**about, "imageHeight": 100, **box, "deletedAt": None, **keys}

    return {
        "assets" if old else "asset": [
            asset(1, isFavorite="t"),
            asset(2) if old else asset(2, visibility="locked"),
            asset(3),
            asset(4, isFavorite="t", deletedAt="2024-01-01 00:00:00+00"),
        ],
        "exif" if old else "asset_exif": [
            {
                "assetId": f"asset-{number}",
                "description": "of a\\tpier",
                "fileSizeInByte": path.stat().st_size,
                "rating": 4 if number == 3 else None,
            }
            for number, path in files.items()
        ],
        "albums" if old else "album": [
            {"id": "album-1", "albumName": r"Sea \\ shore", "deletedAt": None},
            {"id": "album-2", "albumName": "Gone", "deletedAt": "2024-01-01 00:00:00+00"},
        ],
        "albums_assets_assets" if old else "album_asset": [
            {album: "album-1", photo: "asset-3"},
            {album: "album-1", photo: "asset-1"},
            {album: "album-2", photo: "asset-1"},
        ],
        "person": [
            {id_of_person: "someone", "name": "Dora"},
            {id_of_person: "nobody", "name": ""},
        ],
        "asset_faces" if old else "asset_face": [
            face(1, "someone"),
            face(2, "nobody"),
            face(3, "someone", deletedAt="2024-01-01 00:00:00+00"),
        ],
        "smart_search": [{"assetId": "asset-1", "embedding": "[0.5,0.25]"}],
    }


@pytest.mark.features("albums", "people")
@pytest.mark.parametrize("old", [False, True], ids=["new names", "old names"])
def test_albums_stars_and_names_of_immich_come(
    library: Library, tmp_path: Path, *, old: bool
) -> None:
    source = tmp_path / "immich-db-backup-20261201T020000.sql.gz"
    dump = dump_of(immich_tables(paths(library), old=old))
    source.write_bytes(gzip.compress(dump.encode()))
    report = library.imports.bring(source)
    photos = 2 if old else 3  # old versions have no locked folder
    assert (report.program, report.photos, report.found) == ("Immich", photos, photos)
    assert stars(library) == {1: None, 2: None, 3: 4, 4: None}
    assert library.albums.photos("Sea \\ shore").photo_ids == (3, 1)
    assert len(library.albums.all()) == 1
    assert [hit.photo.id for hit in library.search("is:favourite")] == [1]
    assert [hit.photo.id for hit in library.search("is:hidden")] == ([] if old else [2])
    assert [hit.photo.id for hit in library.search("person:Dora")] == [1]
    assert changes_nothing(library.imports.bring(source))


def test_a_dump_that_is_cut_off_or_of_another_program_changes_nothing(
    library: Library, tmp_path: Path
) -> None:
    source = tmp_path / "backup.sql.gz"
    dump = dump_of(immich_tables(paths(library), old=False))
    packed = gzip.compress(dump.encode())
    source.write_bytes(packed[: len(packed) // 2])
    with pytest.raises(SourceError, match="cut off or damaged"):
        library.imports.bring(source)
    plain = tmp_path / "backup.sql"
    plain.write_text(dump[: dump.index("album-1")])
    with pytest.raises(SourceError, match="cut off or damaged"):
        library.imports.bring(plain)
    plain.write_text(dump.replace("asset-1\t", "asset-1", 1))
    with pytest.raises(SourceError, match="too few values"):
        library.imports.bring(plain)
    plain.write_text(dump_of({"customers": [{"id": 1}]}))
    with pytest.raises(SourceError, match="without photos of Immich"):
        library.imports.bring(plain)
    assert library.changes.all() == ()


# ------------------------------------------------------------------------- Google Takeout


def takeout_note(title: str, **keys: object) -> str:
    return json.dumps({"title": title, "photoTakenTime": {"timestamp": "1556000000"}, **keys})


@pytest.fixture
def takeout(library: Library, tmp_path: Path) -> Path:
    """A Takeout of three photos: one in its album as well, one only by its JSON file."""
    files = paths(library)
    root = tmp_path / "Takeout" / "Google Photos"
    year, album = root / "Photos from 2019", root / "Sea side"
    for folder in (year, album):
        folder.mkdir(parents=True)
    for number in (1, 2, 3):
        shutil.copy(files[number], year)
    shutil.copy(files[1], album)
    (year / f"{files[2].name}.supplemental-metadata.json").write_text(
        takeout_note(files[2].name, favorited=True)
    )
    (year / "metadata.json").write_text(json.dumps({"title": "Photos from 2019"}))
    (album / "Metadaten.json").write_text(json.dumps({"title": "Sea & side", "access": "x"}))
    (album / f"{files[1].name}.json").write_text(takeout_note(files[1].name))
    (album / f"{files[3].name}.json").write_text(takeout_note(files[3].name))
    (album / f"{files[4].name}.json").write_text(takeout_note(files[4].name))  # not in the export
    (album / "print-subscriptions.json").write_text("[" * 100_000)
    return root.parent


@pytest.mark.features("albums")
def test_albums_and_favourites_of_google_photos_come(library: Library, takeout: Path) -> None:
    before = sorted(each.name for each in takeout.rglob("*"))
    report = library.imports.bring(takeout)
    assert (report.program, report.photos, report.found) == ("Google Photos", 3, 3)
    assert [album.name for album in library.albums.all()] == ["Sea & side"]
    assert library.albums.photos("Sea & side").photo_ids == (1, 3)
    assert [hit.photo.id for hit in library.search("is:favourite")] == [2]
    assert changes_nothing(library.imports.bring(takeout))
    assert sorted(each.name for each in takeout.rglob("*")) == before


def test_a_folder_of_photos_is_no_takeout(library: Library, tmp_path: Path) -> None:
    shutil.copy(paths(library)[1], tmp_path)
    with pytest.raises(SourceError, match="of no program"):
        library.imports.bring(tmp_path)


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
