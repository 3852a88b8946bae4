"""The database: what goes in comes out, whole batches only, and damage is told, not hidden."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from sqlalchemy import TableClause

from imgsearch import Library, Settings
from imgsearch.errors import (
    DiskError,
    ImgsearchError,
    Reason,
    SchemaTooNew,
    SchemaTooOld,
    StoreError,
    UsageError,
)
from imgsearch.records.files import FileStat, IngestResult
from imgsearch.records.photo import Facts, PhotoVectors
from imgsearch.records.status import Failure
from imgsearch.store import schema
from imgsearch.store.database import Database
from imgsearch.store.migrations import MIGRATIONS
from imgsearch.store.store import Store
from tests.factories import IS_ROOT, run_python, write_photos
from tests.stand_in import StandIn

DIM = 8
FACTS = Facts(
    format="JPEG",
    width_px=400,
    height_px=300,
    taken_at=datetime(2023, 6, 1, 12, 30, tzinfo=timezone(timedelta(hours=2))),
    camera="Canon EOS 40D",
    lens="50mm",
    lat=-33.9,
    lon=18.4,
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path, writable=True)
    yield opened
    opened.close()


def unit_vector(seed: int) -> np.ndarray:
    vector = np.random.default_rng(seed).normal(size=(1, DIM)).astype(np.float32)
    return vector / np.linalg.norm(vector)


def photo(path: str, content: bytes, seed: int = 0) -> IngestResult:
    return IngestResult(FileStat(path, 10, 20, 30), content, FACTS, unit_vector(seed))


def copy_of(path: str, content: bytes) -> IngestResult:
    return IngestResult(FileStat(path, 10, 20, 30), content)


def failed(path: str) -> IngestResult:
    failure = Failure(Path(path), Reason.TRUNCATED, "The image ends early.")
    return IngestResult(FileStat(path, 10, 20, 30), b"bad", failure=failure)


def fill(store: Store, *outcomes: IngestResult, root: str = "/p") -> tuple[int, int]:
    root_id = store.files.add_root(root)
    key = store.vectors.add_encoder("test/1", "test", DIM).key
    store.record(root_id, key, outcomes)
    return root_id, key


def test_a_photo_comes_back_as_it_went_in(store: Store) -> None:
    fill(store, photo("/p/a.jpg", b"one"), copy_of("/p/b/copy.jpg", b"one"))
    (found,) = store.reads.photos.records([1, 99]).values()
    assert found.facts == FACTS
    assert bytes.fromhex(found.content_hash) == b"one"
    assert [path for _, path in store.reads.photos.paths([1])[1]] == [
        Path("/p/a.jpg"),
        Path("/p/b/copy.jpg"),
    ]
    assert store.reads.photos.count() == 1


def test_vectors_survive_fp16_and_keep_length_1(store: Store) -> None:
    _, key = fill(store, *(photo(f"/p/{n}.jpg", b"%d" % n, seed=n) for n in range(50)))
    chunks = list(store.reads.vectors.chunks(key, chunk_rows=20))
    assert [len(ids) for _, ids, _ in chunks] == [20, 20, 10]
    stored = np.concatenate([rows for _, _, rows in chunks])
    original = np.concatenate([unit_vector(n) for n in range(50)])
    assert np.allclose(np.linalg.norm(stored, axis=1), 1, atol=1e-6)
    assert np.abs(stored - original).max() < 1e-3
    after = chunks[1][0]
    assert [seq for seq, _, _ in store.reads.vectors.chunks(key, after_seq=after)] == [
        store.reads.vectors.last_seq(key)
    ]


def test_a_name_that_is_not_utf8_is_kept_to_the_byte(store: Store) -> None:
    name = os.fsdecode(b"/p/caf\xe9\n\x1b[31m.jpg")
    root_id, _ = fill(store, photo(name, b"one"))
    assert list(store.files.known(root_id)) == [name]
    assert os.fsencode(store.reads.photos.paths([1])[1][0][1]) == b"/p/caf\xe9\n\x1b[31m.jpg"


def test_known_is_limited_to_a_folder_and_not_to_one_whose_name_begins_alike(store: Store) -> None:
    root_id, _ = fill(store, photo("/p/a/1.jpg", b"1"), photo("/p/ab/2.jpg", b"2"))
    assert list(store.files.known(root_id, "/p/a")) == ["/p/a/1.jpg"]
    assert len(store.files.known(root_id, "/p")) == 2


def test_a_root_inside_a_root_is_the_same_root(store: Store) -> None:
    root_id, _ = fill(store, photo("/p/a.jpg", b"one"))
    assert store.files.add_root("/p/sub") == root_id
    assert store.files.add_root("/pq") != root_id


def test_a_root_above_takes_over_and_forgets_nothing(store: Store) -> None:
    _, key = fill(store, photo("/p/x/a.jpg", b"one"), failed("/p/x/bad.jpg"), root="/p/x")
    outer = store.files.add_root("/p")
    assert store.reads.roots.all() == {outer: "/p"}
    assert set(store.files.known(outer)) == {"/p/x/a.jpg", "/p/x/bad.jpg"}
    assert store.failures.of_files()[0].path == Path("/p/x/bad.jpg")
    assert store.vectors.count(key) == 1


def test_a_batch_is_recorded_whole_or_not_at_all(store: Store) -> None:
    root_id, key = fill(store, photo("/p/a.jpg", b"one"))
    nameless = copy_of("/p/c.jpg", b"never seen")  # a copy of nothing cannot be entered
    with pytest.raises(Exception, match="No row"):
        store.record(root_id, key, [photo("/p/b.jpg", b"two"), nameless])
    assert list(store.files.known(root_id)) == ["/p/a.jpg"]
    assert store.vectors.count(key) == 1


def test_forgotten_paths_leave_the_vectors(store: Store) -> None:
    root_id, key = fill(store, photo("/p/a.jpg", b"1"), copy_of("/p/b.jpg", b"1"))
    assert store.files.forget(root_id, ["/p/a.jpg"]) == 0, "another path still has the photo"
    assert store.reads.photos.live_ids().tolist() == [1]
    assert store.files.forget(root_id, ["/p/b.jpg"]) == 1
    assert store.reads.photos.live_ids().tolist() == []
    assert store.reads.vectors.has(b"1", key), "a photo that comes back is not embedded again"


def test_a_mended_file_loses_its_failure(store: Store) -> None:
    root_id, key = fill(store, failed("/p/a.jpg"))
    assert [failure.reason for failure in store.failures.of_files()] == [Reason.TRUNCATED]
    store.record(root_id, key, [photo("/p/a.jpg", b"good now")])
    assert store.failures.of_files() == ()


def test_a_photo_id_is_never_used_again(store: Store) -> None:
    root_id, key = fill(store, photo("/p/a.jpg", b"1"))
    with store.database.engine.begin() as connection:  # as a later prune does
        connection.execute(schema.photos.delete())
    store.record(root_id, key, [photo("/p/b.jpg", b"2")])
    assert store.reads.photos.live_ids().tolist() == [2]
    assert store.reads.vectors.last_seq(key) == 2


def test_a_reader_sees_whole_batches_and_never_waits(tmp_path: Path, store: Store) -> None:
    root_id, key = fill(store, photo("/p/a.jpg", b"1"))
    reader = Store.open(tmp_path, writable=False)
    with store.database.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM paths")
        assert reader.reads.photos.count() == 1, "not committed, so not seen, and no waiting"
    assert reader.reads.photos.count() == 0
    with pytest.raises(DiskError, match="Cannot write to"):
        reader.record(root_id, key, [photo("/p/b.jpg", b"2")])
    reader.close()


def test_a_second_encoder_waits_until_it_is_promoted(store: Store) -> None:
    _, old = fill(store, photo("/p/a.jpg", b"1"))
    new = store.vectors.add_encoder("other/1", "other", DIM)
    current = store.reads.encoders.current()
    assert current is not None and current.encoder_id == "test/1"
    assert store.photos.unembedded(new.key) == {1: Path("/p/a.jpg")}
    store.vectors.add(new.key, {1: PhotoVectors(unit_vector(3))})
    assert store.photos.unembedded(new.key) == {}
    store.vectors.promote_encoder(new.key)
    assert store.reads.encoders.current() == new
    assert store.vectors.count(old) == 1, "until it is dropped"
    states = {each.row.name: (each.state, each.vectors) for each in store.vectors.stored_encoders()}
    assert states == {"test": ("kept", 1), "other": ("current", 1)}
    store.vectors.drop_encoder(old)
    assert store.vectors.count(old) == 0
    assert [each.row for each in store.vectors.stored_encoders()] == [new]


# ------------------------------------------------------------------------- the file


def test_migrations_make_the_tables_on_which_statements_are_composed(
    tmp_path: Path, store: Store
) -> None:
    tables = [each for each in vars(schema).values() if isinstance(each, TableClause)]
    for pair in schema.LIST_TABLES.values():
        tables.extend(pair)
    assert len(tables) > 20
    with closing(sqlite3.connect(tmp_path / "library.db")) as migrated:
        for each in tables:
            made = [row[1] for row in migrated.execute(f"PRAGMA table_info({each.name})")]
            assert sorted(each.c.keys()) == sorted(made), each.name


def test_opening_twice_migrates_once(tmp_path: Path, store: Store) -> None:
    fill(store, photo("/p/a.jpg", b"1"))
    again = Store.open(tmp_path, writable=True)
    assert again.reads.photos.count() == 1
    assert again.database.check_integrity() == "ok"
    again.close()


@pytest.mark.parametrize("writable", [True, False])
def test_a_fact_that_a_database_lacks_is_added_and_unknown(
    tmp_path: Path, store: Store, writable: bool
) -> None:
    """A version that did not know these facts has made it, and goes on with it."""
    fill(store, photo("/p/a.jpg", b"1"))
    store.close()
    lacking = {"focal_mm": None, "iso": None, "rating": None, "animated": False, "flash": None}
    older = sqlite3.connect(tmp_path / "library.db", isolation_level=None)
    for name in lacking:
        older.execute(f"ALTER TABLE photos DROP COLUMN {name}")
    columns = [name for _, name, *_ in older.execute("PRAGMA table_info(photos)")]
    with Store.open(tmp_path, writable=writable) as again:
        (found,) = again.reads.photos.records([1]).values()
        assert found.facts == replace(FACTS, **lacking)
    with Store.open(tmp_path, writable=True) as again:
        again.photos.update_facts({1: replace(FACTS, flash=False)})
        assert again.reads.photos.records([1])[1].facts == replace(FACTS, flash=False)
    listed = ", ".join(name for name in columns if name not in ("id", "content_hash"))
    older.execute(f"INSERT INTO photos (content_hash, {listed}) SELECT x'02', {listed} FROM photos")
    older.close()
    with Store.open(tmp_path) as again:
        assert again.reads.photos.records([2])[2].facts == replace(FACTS, **lacking)


_NOTES = """
CREATE TABLE notes (root_id INTEGER NOT NULL PRIMARY KEY REFERENCES roots (id), note TEXT NOT NULL);
INSERT INTO notes SELECT id, 'from before' FROM roots;
"""


@pytest.mark.parametrize("writable", [True, False])
def test_a_later_migration_is_applied_once_and_keeps_everything(
    tmp_path: Path, store: Store, writable: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also by a reader, which goes on to read."""
    fill(store, photo("/p/a.jpg", b"1"))
    store.close()
    monkeypatch.setitem(MIGRATIONS, "notes", _NOTES)
    for _ in range(2):
        with Store.open(tmp_path, writable=writable) as again:
            assert again.reads.photos.count() == 1
            assert again.database.fetch_all("SELECT note FROM notes") == [("from before",)]
            applied = again.database.fetch_all("SELECT name FROM migrations ORDER BY applied_at")
            assert {name for (name,) in applied} == {*MIGRATIONS} > {"notes"}
            assert again.database.fetch_one("PRAGMA user_version") == (len(MIGRATIONS),)


def test_a_migration_that_fails_changes_nothing(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store, photo("/p/a.jpg", b"1"))
    store.close()
    with monkeypatch.context() as later:
        later.setitem(MIGRATIONS, "notes", f"{_NOTES}INSERT INTO no_such_table VALUES (1);\n")
        with pytest.raises(StoreError, match="no_such_table"):
            Store.open(tmp_path, writable=True)
    with Store.open(tmp_path, writable=True) as again:
        assert again.reads.photos.count() == 1
        query = "SELECT name FROM sqlite_master WHERE name = 'notes'"
        assert again.database.fetch_all(query) == []


def test_a_newer_schema_is_refused(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.close()
    with monkeypatch.context() as later:
        later.setitem(MIGRATIONS, "notes", _NOTES)
        Store.open(tmp_path, writable=True).close()
    known = len(MIGRATIONS)
    message = f"schema {known + 1}, this one knows {known}.*Update imgsearch"
    for writable in (True, False):
        with pytest.raises(SchemaTooNew, match=message):
            Store.open(tmp_path, writable=writable)


@pytest.mark.parametrize("names", [[], ["first-tables", "duplicate-choices"]])
def test_a_schema_from_before_the_first_release_is_refused(
    tmp_path: Path, store: Store, names: list[str]
) -> None:
    """The earliest had no table of migrations, and the last other names in it."""
    store.close()
    file = tmp_path / "library.db"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("DELETE FROM migrations")
        connection.executemany("INSERT INTO migrations VALUES (?, '')", [(each,) for each in names])
        if not names:
            connection.execute("DROP TABLE migrations")
    before = file.read_bytes()
    for writable in (True, False):
        with pytest.raises(SchemaTooOld, match=r"before the first release.*imgsearch index FOLDER"):
            Store.open(tmp_path, writable=writable)
    assert file.read_bytes() == before


def test_a_database_of_another_program_is_refused(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "library.db")
    other.execute("CREATE TABLE theirs (x)")
    other.close()
    with pytest.raises(StoreError, match="not made by imgsearch"):
        Store.open(tmp_path, writable=True)


def test_a_damaged_database_is_reported_and_left_as_it_is(tmp_path: Path) -> None:
    damaged = b"this was a database once" * 400
    (tmp_path / "library.db").write_bytes(damaged)
    for writable in (True, False):
        with pytest.raises(StoreError, match=r"damaged.*Nothing was changed"):
            Store.open(tmp_path, writable=writable)
    assert (tmp_path / "library.db").read_bytes() == damaged


def test_text_that_is_no_longer_valid_is_damage(tmp_path: Path, store: Store) -> None:
    """A flipped bit in the name of an index of the schema, and one in a camera's name."""
    fill(store, photo("/p/a.jpg", b"1"))
    store.close()
    file = tmp_path / "library.db"
    sound = file.read_bytes()
    for text in (b"photo_keywords_by_keyword", b"Canon EOS 40D"):
        file.write_bytes(sound.replace(text, text[:7] + b"\xdf" + text[8:]))
        for writable in (True, False):
            with (
                pytest.raises(StoreError, match=r"damaged.*Nothing was changed"),
                Store.open(tmp_path, writable=writable) as damaged,
            ):
                damaged.reads.photos.records([1])


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("UPDATE encoders SET dim = 31", "a vector has a wrong length"),
        ("UPDATE nulls SET mean = x'00'", "a score baseline has a wrong length"),
        ("UPDATE roots SET path = x'2f00'", "a file name has a zero byte"),
        ("DELETE FROM roots", "a row refers to one that does not exist"),
    ],
)
def test_an_error_that_impossible_values_explain_is_damage(
    tmp_path: Path, statement: str, problem: str
) -> None:
    """Flipped bits that SQLite does not notice, because it stores no checksums."""
    settings = Settings.load(data_dir=tmp_path / "library", encoder="lite")
    with Library.open(settings, encoder=StandIn()) as library:
        library.index([write_photos(tmp_path / "photos", 20)]).run()
        library.search("a photo")  # makes the baseline
    with closing(sqlite3.connect(tmp_path / "library" / "library.db")) as connection, connection:
        assert connection.execute(statement).rowcount
    with (
        pytest.raises(StoreError, match=rf"damaged \({problem}\)"),
        Library.open(settings, encoder=StandIn()) as library,
    ):
        library.status()
        library.search("a photo")
        raise IndexError("far from the cause")


def test_a_reader_of_nothing_says_how_to_make_a_library(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="imgsearch index FOLDER"):
        Store.open(tmp_path, writable=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not IS_ROOT, reason="needs root to become nobody")
def test_a_reader_works_on_a_read_only_folder(tmp_path: Path, store: Store) -> None:
    if sys.platform == "win32":
        pytest.skip("needs Unix")
    fill(store, photo("/p/a.jpg", b"1"))
    store.close()
    for folder in (tmp_path, *tmp_path.parents):
        if folder.owner() == "root" and folder != Path("/") and "pytest" in str(folder):
            folder.chmod(0o755)
    (tmp_path / "library.db").chmod(0o644)  # created private
    code = """
import os, sys
from pathlib import Path
from imgsearch.errors import DiskError
from imgsearch.store.store import Store
import imgsearch.store.database, sqlalchemy.dialects.sqlite
os.setuid(65534)  # once all is imported: nobody may not read root's Python
store = Store.open(Path(sys.argv[1]), writable=False)
print(store.reads.photos.count())
try:
    Store.open(Path(sys.argv[1]), writable=True)
except DiskError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True
    )
    photos, message = done.stdout.splitlines() or (done.stderr, "")
    assert photos == "1", done.stderr
    assert "Cannot write to" in message


def test_a_full_disk_is_told_and_loses_nothing(tmp_path: Path) -> None:
    code = """
import resource, sys
from pathlib import Path
from imgsearch.errors import DiskError
from imgsearch.records.photo import Facts
from imgsearch.records.files import FileStat, IngestResult
from imgsearch.store.store import Store
import numpy as np, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = Store.open(Path(sys.argv[1]), writable=True)
root, key = store.files.add_root('/p'), store.vectors.add_encoder('t/1', 't', 512).key
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
vector = np.ones((1, 512), np.float32)
done = 0
try:
    for batch in range(100):
        store.record(root, key, [
            IngestResult(FileStat(f'/p/{batch}-{n}', 1, 1, 1), b'%d-%d' % (batch, n),
                    Facts('JPEG', 1, 1), vector)
            for n in range(50)])
        done += 50
except DiskError as error:
    print(done, error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )
    committed = int(done.stdout.split()[0])
    assert "Free some space" in done.stdout
    after = Store.open(tmp_path, writable=True)
    assert after.reads.photos.count() == committed > 0
    assert after.database.check_integrity() == "ok"
    after.close()


def test_as_many_threads_as_like_may_read_at_once(tmp_path: Path, store: Store) -> None:
    root_id, key = store.files.add_root("/photos"), store.vectors.add_encoder("t/1", "t", 4).key
    outcomes = [
        IngestResult(
            FileStat(f"/photos/{number}.jpg", 1, 1, number), b"%d" % number, Facts("JPEG", 1, 1)
        )
        for number in range(200)
    ]
    store.record(root_id, key, outcomes)
    with Store.open(tmp_path, writable=False) as reader, ThreadPoolExecutor(40) as threads:
        found = list(
            threads.map(lambda _: len(reader.reads.photos.records(range(1, 201))), range(400))
        )
    assert set(found) == {200}


def test_an_empty_database_file_is_damage(tmp_path: Path) -> None:
    (tmp_path / "library.db").touch()
    for writable in (True, False):
        with pytest.raises(StoreError, match="it is empty"):
            Store.open(tmp_path, writable=writable)


def test_a_new_database_is_complete_before_it_has_its_name(tmp_path: Path) -> None:
    (tmp_path / "library.db.new").write_bytes(b"left by a killed process")
    Store.open(tmp_path, writable=True).close()
    assert {file.name for file in tmp_path.iterdir()} == {"library.db"}


def test_a_new_database_has_its_write_ahead_log_before_it_has_its_name(tmp_path: Path) -> None:
    """Switching to it later writes a journal that readers cannot undo after a kill."""
    done = run_python(
        """import sys
from pathlib import Path
from imgsearch.store.store import Store
def tell_format(event, arguments):
    if event == "os.rename" and str(arguments[1]).endswith("library.db"):
        print(list(Path(arguments[0]).read_bytes()[18:20]))
sys.addaudithook(tell_format)
Store.open(Path(sys.argv[1]), writable=True).close()""",
        tmp_path,
    )
    # The format versions for WAL: https://sqlite.org/fileformat.html#file_format_version_numbers
    assert done.stdout == "[2, 2]\n", done.stderr


@pytest.mark.parametrize("seed", range(4))
def test_flipped_bits_are_reported_as_damage(tmp_path: Path, seed: int) -> None:
    """Never as an internal error, wherever the damage shows."""
    photos = write_photos(tmp_path / "photos", 30)
    config = Settings.load(data_dir=tmp_path / "library", cache_dir=tmp_path / "cache")
    with Library.open(config, encoder=StandIn()) as library:
        library.index([photos]).run()
    database = tmp_path / "library" / "library.db"
    content = bytearray(database.read_bytes())
    chance = random.Random(seed)
    for _ in range(400):
        place = chance.randrange(100, len(content))  # behind the header, which is checked at once
        content[place] ^= 1 << chance.randrange(8)
    database.write_bytes(content)
    calls: tuple[Callable[[Library], object], ...] = (
        lambda library: library.find("a photo", k=30),
        lambda library: library.find("type:png camera:x", k=30),
        lambda library: library.status(),
        lambda library: library.index().run(),
    )
    for call in calls:
        # Exit code 8, or another error with its cure; never an internal one.
        with suppress(ImgsearchError), Library.open(config, encoder=StandIn()) as library:
            call(library)


def test_a_connection_that_is_read_with_while_the_store_closes_is_closed_after_it(
    tmp_path: Path,
) -> None:
    Store.open(tmp_path, writable=True).close()
    database = Database.open(tmp_path)
    with database.reading() as connection:
        database.close()
        assert connection.execute("SELECT count(*) FROM photos").fetchone() == (0,)
    with pytest.raises(sqlite3.ProgrammingError, match="closed database"):
        connection.execute("SELECT 1")
