"""Packs that are damaged, or made to harm: refused before anything is written or much is read."""

from __future__ import annotations

import shutil
import sqlite3
import struct
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from imgsearch import Library, Settings
from imgsearch.errors import PackError, PackTooNew, UsageError
from imgsearch.records.pack import (
    PackedFile,
    PackedVectors,
)
from imgsearch.records.photo import Facts
from imgsearch.records.picture_text import PhotoText, TextLine
from imgsearch.store.pack_reader import PackReader
from imgsearch.store.store import Store
from tests.factories import run_python, write_noise
from tests.pack_factory import DIM, ENCODER, INFO, NOW, WEBP, change, photo_of, write_pack
from tests.stand_in import StandIn

PAGE_BYTES = 4096


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    """A library that does not exist yet."""
    settings = Settings.load(data_dir=tmp_path / "data", cache_dir=tmp_path / "cache")
    with Library.open(settings, encoder=StandIn()) as library:
        yield library


def assert_refused(library: Library, pack: Path, problem: str) -> None:
    """Neither verified nor merged, and nothing is written for it."""
    before = pack.read_bytes(), set(pack.parent.iterdir())
    for job in (
        library.packs.verify(pack),
        library.packs.merge(pack, at="/photos", offline=True, beside=True),
    ):
        with pytest.raises(PackError, match=problem) as error:
            job.run()
        assert error.value.exit_code == 12
    assert not library.exists()
    assert (pack.read_bytes(), set(pack.parent.iterdir())) == before


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """A pack of two photos."""
    return write_pack(tmp_path / "1.imgsearch", photo_of(1), photo_of(2))


# ------------------------------------------------------------------------- schema


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TRIGGER t AFTER INSERT ON photos BEGIN DELETE FROM photos; END",
        "CREATE VIEW v AS SELECT * FROM photos",
        "CREATE INDEX i ON photos (length(title))",
        "CREATE TABLE more (x)",
        "CREATE VIRTUAL TABLE words USING fts5 (x)",
        "DROP TABLE text_lines",
    ],
)
def test_a_schema_with_anything_else_in_it_is_refused(
    statement: str, pack: Path, library: Library
) -> None:
    with closing(sqlite3.connect(pack)) as connection:
        connection.execute(statement)
        connection.commit()
    assert_refused(library, pack, "its tables are not those of a pack")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("flash BOOLEAN", "flash BOOLEAN, x TEXT AS (title || title)"),
        ("flash BOOLEAN", "flash BOOLEAN, x TEXT DEFAULT (hex(randomblob(9)))"),
        ("flash BOOLEAN", "flash BOOLEAN CHECK (flash IN (0, 1))"),
        ("flash BOOLEAN", "flash TEXT"),
        ("title TEXT", "title TEXT COLLATE NOCASE"),
        ("lat FLOAT", "lat BLOB"),
        ("INTEGER NOT NULL REFERENCES photos (id) ON DELETE CASCADE", "INTEGER"),
    ],
)
def test_a_table_with_other_columns_is_refused(
    old: str, new: str, pack: Path, library: Library
) -> None:
    with closing(sqlite3.connect(pack)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_master SET sql = replace(sql, ?, ?)", (old, new))
        connection.commit()
    assert_refused(library, pack, "is not that of a pack")


def test_a_pack_of_a_newer_version_is_refused(pack: Path, library: Library) -> None:
    with closing(sqlite3.connect(pack)) as connection:
        connection.execute("PRAGMA user_version = 999")
        connection.execute("CREATE TABLE unheard_of (x)")
    with pytest.raises(PackTooNew, match=r"schema 999.*Update") as error:
        library.packs.merge(pack).run()
    assert error.value.exit_code == 12
    with closing(sqlite3.connect(pack)) as connection:
        connection.execute("PRAGMA user_version = 0")
    assert_refused(library, pack, "there is no schema 0 of packs")


def test_other_files_are_no_packs(tmp_path: Path, library: Library) -> None:
    foreign, empty = tmp_path / "foreign.db", tmp_path / "empty"
    with closing(sqlite3.connect(foreign)) as connection:
        connection.execute("CREATE TABLE x (y)")
    empty.touch()
    parquet = tmp_path / "parquet"
    parquet.write_bytes(b"PAR1" + bytes(200) + b"PAR1")
    for file in (foreign, empty, parquet, write_noise(tmp_path / "0.png", 1), tmp_path):
        with pytest.raises(PackError, match="not a pack"), PackReader(file):
            pass
    with pytest.raises(UsageError, match="There is no pack"):
        library.packs.merge(tmp_path / "none.imgsearch").run()


# ------------------------------------------------------------------------- pages


def pages_of(pack: Path, table: str) -> tuple[int, list[int]]:
    """The root page of a table, which has others below it, and where it names them."""
    if table == "sqlite_master":
        root = 1
    else:
        with closing(sqlite3.connect(pack)) as connection:
            query = "SELECT rootpage FROM sqlite_master WHERE name = ?"
            (root,) = connection.execute(query, (table,)).fetchone()
    content, start = pack.read_bytes(), (root - 1) * PAGE_BYTES
    header = start + (100 if root == 1 else 0)
    assert content[header] in (2, 5), "the table has only one page"
    (cells,) = struct.unpack_from(">H", content, header + 3)
    places = struct.unpack_from(f">{cells}H", content, header + 12)
    return root, [*(start + place for place in places), header + 8]


@pytest.mark.parametrize("table", ["paths", "photos", "vectors", "sqlite_master"])
@pytest.mark.parametrize("where", ["one", "itself"])
def test_pages_that_lead_in_a_circle_are_damage(
    table: str, where: str, tmp_path: Path, library: Library
) -> None:
    pack = write_pack(tmp_path / "1.imgsearch", *map(photo_of, range(2000)), at_once=2000)
    root, places = pages_of(pack, table)
    content = bytearray(pack.read_bytes())
    (first,) = struct.unpack_from(">I", content, places[0])
    for place in places:
        struct.pack_into(">I", content, place, first if where == "one" else root)
    pack.write_bytes(content)
    is_schema = table == "sqlite_master"
    assert_refused(library, pack, "already exists|malformed" if is_schema else "Tree .* page")


def test_pages_of_thumbnails_that_lead_to_each_other_are_damage(
    tmp_path: Path, library: Library
) -> None:
    """Each page of a chain leads many times to the next one: there is no end to the rows."""
    photos = [photo_of(number, thumbnail=WEBP + bytes(100)) for number in range(2000)]
    pack = write_pack(tmp_path / "1.imgsearch", *photos, at_once=2000)
    root, places = pages_of(pack, "thumbnails")
    content = bytearray(pack.read_bytes())
    leaves = [struct.unpack_from(">I", content, place)[0] for place in places]
    *chain, last = leaves[:15]
    assert len(chain) == 14, "SQLite follows twenty levels of pages"
    inner = content[(root - 1) * PAGE_BYTES : root * PAGE_BYTES]
    for page, following in zip((root, *chain), (*chain, last), strict=True):
        start = (page - 1) * PAGE_BYTES
        content[start : start + PAGE_BYTES] = inner
        for place in places:
            struct.pack_into(">I", content, place - (root - 1) * PAGE_BYTES + start, following)
    pack.write_bytes(content)
    assert_refused(library, pack, "thumbnails are not in order")


def test_a_pack_that_is_cut_off_is_refused_wherever_it_ends(pack: Path, library: Library) -> None:
    whole = pack.read_bytes()
    for size in (4, 50, 100, len(whole) // 2, len(whole) - 9, len(whole) - 1):
        pack.write_bytes(whole[:size])
        assert_refused(library, pack, "cut off")


def test_flipped_bits_are_noticed_or_change_nothing(tmp_path: Path) -> None:
    text = PhotoText("read", (TextLine("EXIT 12", 0.1, 0.2, 0.3, 0.1, 0.9),), "reader 1", NOW)
    facts = Facts("JPEG", 8, 8, title="a title", keywords=("one", "two"), lat=1.0, lon=2.0)
    thumbnail = WEBP + np.random.default_rng(1).bytes(3000)
    photos = [photo_of(number, text=text, facts=facts, thumbnail=thumbnail) for number in range(12)]
    pack = write_pack(tmp_path / "1.imgsearch", *photos)
    expected = read_all(pack)
    whole = pack.read_bytes()
    noticed = 0
    for at in np.random.default_rng(5).integers(0, len(whole), 400).tolist():
        pack.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        try:
            found = read_all(pack)
        except PackError:
            noticed += 1
        else:
            assert found == expected, f"byte {at} differs"
    assert noticed > 60, "most bytes of a small pack are free"


def read_all(pack: Path) -> list[Any]:
    """Everything that a pack states and has, as a merge would take it."""
    with PackReader(pack) as reader:
        found: list[Any] = [reader.info]
        for batch in reader.batches():
            with closing(sqlite3.connect(":memory:")) as connection:
                connection.deserialize(batch.library)
                found.append(list(connection.iterdump()))
            found += [
                batch.files,
                *reader.thumbnails(batch, [photo_of(n).content_hash for n in range(12)]),
            ]
        assert list(reader.verify())[-1:] == [reader.info.photos]
        return found


def test_files_beside_a_pack_are_not_taken_for_its_journals(
    pack: Path, tmp_path: Path, library: Library
) -> None:
    expected = read_all(pack)
    other = write_pack(tmp_path / "other.imgsearch", photo_of(3))
    with closing(sqlite3.connect(other, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = PERSIST")
        connection.execute("UPDATE photos SET title = 'other'")
    for suffix in ("-journal", "-wal", "-shm"):
        shutil.copy(tmp_path / "other.imgsearch-journal", f"{pack}{suffix}")
    before = {file: file.read_bytes() for file in tmp_path.glob("1.imgsearch*")}
    assert len(before) == 4
    assert read_all(pack) == expected
    assert library.packs.merge(pack, at="/photos", offline=True).run().new == 2
    assert {file: file.read_bytes() for file in tmp_path.glob("1.imgsearch*")} == before


# ------------------------------------------------------------------------- what it states


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"encoders": (ENCODER, replace(ENCODER, encoder_id="b@1"))}, "an encoder occurs twice"),
        ({"encoders": (replace(ENCODER, dim=0),)}, "impossible number of dimensions"),
        ({"encoders": (replace(ENCODER, dim=1 << 40),)}, "impossible number of dimensions"),
        ({"folder": "../elsewhere"}, "folder has no name"),
        ({"folder": "a\0b"}, "folder has no name"),
        ({"volume": "1", "volume_path": "a\0b"}, "folder has no name"),
    ],
)
def test_an_impossible_pack_is_damage(
    changes: dict[str, Any], problem: str, tmp_path: Path, library: Library
) -> None:
    pack = write_pack(tmp_path / "1.imgsearch", photo_of(1), info=replace(INFO, **changes))
    assert_refused(library, pack, problem)


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("UPDATE pack SET made_at = '2026-01-01'", "no time zone"),
        ("UPDATE pack SET made_at = 'long ago'", "Invalid isoformat"),
        ("UPDATE pack SET made_by = x'00'", "another type"),
        ("UPDATE pack SET photos = 3", "another number of photos"),
        ("UPDATE pack SET files = 0", "another number of photos or files"),
        ("DELETE FROM pack", "damaged"),
        ("INSERT INTO pack SELECT * FROM pack", "damaged"),
        ("INSERT INTO roots (path, added_at) VALUES (x'61', '')", "damaged"),
        ("UPDATE roots SET path = x'ff'", "can't decode"),
        ("UPDATE encoders SET name = x'00'", "another type"),
        ("UPDATE encoders SET dim = 'many'", "another type"),
        ("UPDATE encoders SET dim = dim + 1", "wrong size"),
        ("DELETE FROM encoders", "does not exist"),
        (
            "INSERT INTO saved_searches VALUES "
            "(1, 'a', 'a', 'dog', NULL, 0, '2026-01-01', '', x'', x'')",
            "no time zone",
        ),
        (
            "INSERT INTO saved_searches VALUES (1, 'a', 'a', 'dog', 'x', 0, '', '', x'', x'')",
            "another type",
        ),
        ("INSERT INTO named_photos VALUES (3, x'00')", "no content"),
        pytest.param(
            "INSERT INTO concept_examples (concept_id, content_hash, is_like) VALUES (1, x'00', 1)",
            "no content",
            marks=pytest.mark.features("concepts"),
        ),
        ("DELETE FROM batches", "another number of photos"),
        ("UPDATE batches SET photos = 3", "another number of photos"),
        ("INSERT INTO batches VALUES (7, 0, '')", "a part has no photo"),
        ("INSERT INTO batches VALUES (7, -1, '')", "a part has no photo"),
        ("UPDATE batches SET last_photo_id = 1", "another number of photos"),
    ],
)
def test_impossible_rows_of_the_whole_pack_are_damage(
    statement: str, problem: str, pack: Path, library: Library
) -> None:
    assert_refused(library, change(pack, statement), problem)


def test_without_its_checksum_a_pack_is_damaged(pack: Path, library: Library) -> None:
    for statement, problem in (
        ("UPDATE photos SET title = 'other'", "a checksum of photos is wrong"),
        ("UPDATE thumbnails SET crc32 = 1", "a checksum of photos is wrong"),
        ("UPDATE pack SET made_by = 'other'", "its checksum is wrong"),
        ("UPDATE batches SET photos = 2", "its checksum is wrong"),
    ):
        with closing(sqlite3.connect(pack)) as connection:
            connection.execute(statement)
            connection.execute("UPDATE batches SET sha256 = ''") if "batches" in statement else None
            connection.commit()
        assert_refused(library, pack, problem)


# ------------------------------------------------------------------------- rows of photos


@pytest.mark.parametrize("path", ["../1.jpg", "/etc/passwd", "a/../../x", "", "a\0b"])
def test_a_path_that_leads_out_of_its_folder_is_damage(
    path: str, tmp_path: Path, library: Library
) -> None:
    pack = write_pack(tmp_path / "1.imgsearch", photo_of(1, files=(PackedFile(path, 1, 1),)))
    assert_refused(library, pack, "leads out of its folder")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"vectors": (PackedVectors("made@1", (b"\0" * 2 * DIM,)),)}, "not of length 1"),
        ({"vectors": (PackedVectors("made@1", (b"\xff\x7f" * DIM,)),)}, "not of length 1"),
        ({"vectors": (PackedVectors("made@1", (b"\0\x3c",)),)}, "wrong size"),
        ({"facts": Facts("JPEG", 8, 8, lat=91.0, lon=0.0)}, "not on the Earth"),
        ({"facts": Facts("JPEG", 8, 8, lat=1.0)}, "not on the Earth"),
        ({"facts": Facts("JPEG", 8, 8, aperture=float("inf"))}, "photos.aperture .* no number"),
        ({"content_hash": b""}, "no content"),
        ({"content_hash": b"1"}, "no content"),
        ({"size_bytes": -1}, "no content"),
        ({"files": (PackedFile("1.jpg", -1, 1),)}, "no size"),
        ({"facts": Facts("JPEG", 0, 8)}, "no size"),
        ({"text": PhotoText("seen", (), "reader 1", NOW)}, "unknown state"),  # type: ignore[arg-type]
        (
            {"text": PhotoText("read", (TextLine("a", float("inf"), 0, 1, 1, 1),), "r", NOW)},
            "text_lines.x .* no number",
        ),
    ],
)
def test_impossible_photos_are_damage(
    changes: dict[str, Any], problem: str, tmp_path: Path, library: Library
) -> None:
    assert_refused(library, write_pack(tmp_path / "1.imgsearch", photo_of(1, **changes)), problem)


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("UPDATE photos SET title = CAST(x'61ff' AS TEXT)", "decode"),
        ("UPDATE photos SET title = x'61'", "photos.title has a value of another type"),
        ("UPDATE photos SET width_px = 'wide'", "photos.width_px has a value of another type"),
        ("UPDATE photos SET width_px = 1.5", "photos.width_px has a value of another type"),
        ("UPDATE photos SET animated = 7", "photos.animated has a value of another type"),
        ("UPDATE photos SET taken_at = 'yesterday'", "Invalid isoformat"),
        ("UPDATE photos SET facts_at = '2026-01-01T00:00:00'", "no time zone"),
        ("UPDATE photos SET facts_at = '0001-01-01T00:00:00+14:00'", "out of range"),
        ("UPDATE paths SET name = CAST(name AS TEXT)", "paths.name has a value of another type"),
        ("UPDATE vectors SET part = 1", "not in order"),
        ("INSERT INTO vectors SELECT 9, 1, 1, 1, vector, 0.5 FROM vectors LIMIT 1", "not in order"),
        ("UPDATE vectors SET encoder_key = 9", "does not exist"),
        ("UPDATE thumbnails SET photo_id = -7 WHERE photo_id = 2", "a thumbnail has no photo"),
        ("INSERT INTO photo_keywords VALUES (1, 0, 99)", "does not exist"),
        ("INSERT INTO vectors VALUES (9, 1, -9, 0, x'003c', NULL)", "does not exist"),
        ("UPDATE photos SET id = id + 100", "does not exist"),
        ("DELETE FROM paths", "another number of photos or files"),
    ],
)
def test_impossible_rows_are_damage(
    statement: str, problem: str, pack: Path, library: Library
) -> None:
    assert_refused(library, change(pack, statement), problem)


@pytest.mark.parametrize(
    ("table", "column"), [("photos", "format"), ("text_readings", "reader"), ("paths", "photo_id")]
)
def test_a_value_that_must_be_there_and_is_not_is_damage(
    table: str, column: str, tmp_path: Path, library: Library
) -> None:
    text = PhotoText("none", (), "reader 1", NOW)
    pack = write_pack(tmp_path / "1.imgsearch", photo_of(1, text=text))
    with closing(sqlite3.connect(pack)) as connection:
        (sql,) = connection.execute(
            "SELECT sql FROM sqlite_master WHERE name = ?", (table,)
        ).fetchone()
        connection.execute("PRAGMA writable_schema = ON")
        query = "UPDATE sqlite_master SET sql = ? WHERE name = ?"
        loose = sql.replace(f"{column} TEXT NOT NULL", f"{column} TEXT")
        connection.execute(query, (loose, table))
        connection.commit()
    with closing(sqlite3.connect(pack)) as connection:
        connection.execute(f"UPDATE {table} SET {column} = NULL")
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(query, (sql, table))
        connection.commit()
    assert_refused(library, change(pack), "NULL|no size|another number")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (
            {"facts": Facts("JPEG", 8, 8, keywords=tuple(map(str, range(501))))},
            "more than 500 rows of photo_keywords",
        ),
        (
            {"facts": Facts("JPEG", 8, 8, people=tuple(map(str, range(501))))},
            "more than 500 rows of photo_people",
        ),
        (
            {"vectors": (PackedVectors("made@1", photo_of(1).vectors[0].vectors * 101),)},
            "more than 100 rows of vectors",
        ),
    ],
)
def test_a_photo_with_more_rows_than_a_library_reads_is_damage(
    changes: dict[str, Any], problem: str, tmp_path: Path, library: Library
) -> None:
    many = write_pack(tmp_path / "1.imgsearch", photo_of(1, **changes))
    assert_refused(library, many, f"a photo has {problem}")


def test_a_photo_with_more_lines_than_a_library_reads_is_damage(
    tmp_path: Path, library: Library
) -> None:
    text = PhotoText("read", (TextLine("a", 0, 0, 1, 1, 1),) * 5001, "r", NOW)
    pack = write_pack(tmp_path / "1.imgsearch", photo_of(1, text=text))
    with PackReader(pack) as reader:
        assert list(reader.check()) == [1], "a photo that has more is packed with the first ones"
    more = "INSERT INTO text_lines SELECT photo_id, 5000, line, x, y, width, height, confidence"
    change(pack, f"{more} FROM text_lines WHERE place = 0")
    assert_refused(library, pack, "a photo has more than 5,000 rows of text_lines")


def test_a_photo_may_have_as_many_rows_as_a_library_reads(tmp_path: Path, library: Library) -> None:
    (vector,) = photo_of(1).vectors[0].vectors
    texts = tuple(map(str, range(500)))
    lines = tuple(TextLine("a", 0.1, n / 5000, 0.1, 1 / 5000, 1) for n in range(5000))
    most = photo_of(
        1,
        facts=Facts("JPEG", 8, 8, keywords=texts, people=texts),
        text=PhotoText("read", lines, "r", NOW),
        vectors=(PackedVectors("made@1", (vector,) * 100),),
    )
    pack = write_pack(tmp_path / "1.imgsearch", most)
    assert library.packs.merge(pack, at="/photos", offline=True, beside=True).run().new == 1


def test_a_photo_that_occurs_twice_is_damage(pack: Path, library: Library) -> None:
    first, second = photo_of(1).content_hash, photo_of(2).content_hash
    content = pack.read_bytes()
    assert content.count(second) == 2, "in the table and in its index"
    pack.write_bytes(content.replace(second, first))
    assert_refused(library, change(pack), "occurs twice")


def test_a_thumbnail_that_is_no_picture_is_damage(tmp_path: Path, library: Library) -> None:
    for thumbnail in (b"<html>", WEBP + bytes(1_000_000)):
        pack = write_pack(tmp_path / "1.imgsearch", photo_of(1, thumbnail=thumbnail))
        for job in (
            library.packs.verify(pack),
            library.packs.merge(pack, at="/photos", offline=True),
        ):
            with pytest.raises(PackError, match="not a WebP image"):
                job.run()
        assert library.photo_count() == 0
    pack = write_pack(tmp_path / "1.imgsearch", photo_of(1))
    with closing(sqlite3.connect(pack)) as connection:
        connection.execute("UPDATE thumbnails SET image = CAST(image || 'x' AS BLOB)")
        connection.commit()
    with pytest.raises(PackError, match="checksum of a thumbnail"):
        library.packs.verify(pack).run()


# ------------------------------------------------------------------------- memory


def test_a_batch_of_too_many_photos_is_refused(tmp_path: Path, library: Library) -> None:
    photo = photo_of(1)
    photos = [replace(photo, content_hash=b"%032d" % number, files=()) for number in range(2001)]
    pack = write_pack(tmp_path / "1.imgsearch", *photos, at_once=2001)
    assert_refused(library, pack, "too many photos")


def long_texts(pack: Path) -> None:
    change(pack, "UPDATE photos SET title = hex(zeroblob(950000))")


def one_long_text(pack: Path) -> None:
    change(pack, "UPDATE photos SET title = hex(zeroblob(3000000)) WHERE id = 1")


def large_examples(pack: Path) -> None:
    change(
        pack,
        "INSERT INTO concepts (id, name, plain_name, taught_at, last_seq, vectors, direction, "
        "slope, intercept) VALUES (1, 'a', 'a', '', 0, 0, x'', 0, 0)",
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 70) "
        "INSERT INTO concept_examples (concept_id, content_hash, is_like, picture) "
        "SELECT 1, CAST(printf('%032d', i) AS BLOB), 1, zeroblob(1000000) FROM n",
    )


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (long_texts, "more memory than it may"),
        (one_long_text, "too big"),
        pytest.param(
            large_examples, "more memory than they may", marks=pytest.mark.features("concepts")
        ),
    ],
)
def test_a_pack_that_takes_much_memory_is_refused_before_it_does(
    spoil: Callable[[Path], None], problem: str, tmp_path: Path
) -> None:
    pack = write_pack(tmp_path / "1.imgsearch", *map(photo_of, range(60)))
    spoil(pack)
    program = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "import numpy\n"
        "from imgsearch.errors import PackError\n"
        "from imgsearch.store.pack_reader import PackReader\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try:\n"
        "    with PackReader(Path(sys.argv[1])) as reader:\n"
        "        reader.sample_files(10)\n"
        "        list(reader.check())\n"
        "except PackError as error:\n"
        "    print(error)\n"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)\n"
    )
    message, more_mb = run_python(program, pack).stdout.splitlines()
    assert problem in message
    assert int(more_mb) < 120


# ------------------------------------------------------------------------- changed meanwhile


def test_what_changes_in_a_pack_that_is_merged_is_noticed(tmp_path: Path, library: Library) -> None:
    """Somebody overwrites a pack that has been checked, with one that is made to harm."""
    photos = [photo_of(n, facts=Facts("JPEG", 8, 8, description="a " * 900)) for n in range(3000)]
    pack = write_pack(tmp_path / "1.imgsearch", *photos, at_once=500)
    harmful = write_pack(tmp_path / "2.imgsearch", *photos, at_once=500)
    change(
        harmful,
        "UPDATE photos SET title = x'00', width_px = 0",
        "UPDATE paths SET name = x'2e2e2f78'||id",
    )
    job = library.packs.merge(pack, at="/photos", offline=True)
    with pytest.raises(PackError, match="damaged"):
        for step in job:
            if step.part is None and step.done == 500:
                with pack.open("r+b") as file:
                    file.write(harmful.read_bytes())
    with Store.open(library.settings.data_dir) as store:
        merged = store.packs.photos(store.packs.photo_ids("/photos").tolist(), "/photos")
    assert 500 <= len(merged) < 3000
    assert merged == [replace(photo, thumbnail=None) for photo in photos[: len(merged)]]
