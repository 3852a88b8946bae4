"""The SQLite file of a library: connections, transactions and the errors they raise."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeAlias, TypeVar

from imgsearch import private_files
from imgsearch.errors import CommandLine, DiskError, LibraryLocked, Sentence, StoreError, UsageError
from imgsearch.paths import database_uri
from imgsearch.replacing import rename_over
from imgsearch.store import migrations, names
from imgsearch.store.sql import ids_of, with_pragmas

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, ExceptionContext

    from imgsearch.records.arrays import Ids

_Taken = TypeVar("_Taken")

DATABASE_FILE = "library.db"
SNAPSHOT_FOLDER = "snapshots"
IDLE_CONNECTIONS = 8  # kept open; the threads of a page open as many as they need
_WRONG_VECTORS = "a vector has a wrong length"
# Rows that no imgsearch writes, and that later fail far from here: a query and what it finds.
_IMPOSSIBLE = (
    (
        "SELECT 1 FROM vectors JOIN encoders ON key = encoder_key WHERE length(vector) != 2 * dim",
        _WRONG_VECTORS,
    ),
    (
        "SELECT 1 FROM nulls JOIN encoders ON key = encoder_key WHERE length(mean) != 4 * dim "
        "OR length(prompts) % (2 * dim) OR length(nouns) % (2 * dim) OR length(photos) % (2 * dim) "
        "OR length(usual) % (2 * dim)",
        "a score baseline has a wrong length",
    ),
    (
        "SELECT 1 FROM roots WHERE instr(path, x'00') "
        "UNION ALL SELECT 1 FROM paths WHERE instr(name, x'00')",
        "a file name has a zero byte",
    ),
    ("PRAGMA foreign_key_check", "a row refers to one that does not exist"),
)
# Free space from which on the file is written anew: at least so much, and this share of the file.
_MUCH_ROOM_BYTES, _MUCH_ROOM = 1_000_000, 0.1
BUSY_TIMEOUT_S = 30.0  # how long a writer waits for another process's short transaction


# Made of the connection when a brief transaction has begun, and left before it is committed.
AroundTransactions: TypeAlias = Callable[[sqlite3.Connection], AbstractContextManager[object]]


def require_library(data_dir: Path) -> None:
    """Raise UsageError where there is no library in a data folder."""
    if not (data_dir / DATABASE_FILE).exists():
        raise UsageError(
            Sentence(
                f"There is no library in {data_dir} yet. Create one: ",
                CommandLine("index FOLDER"),
                " (or choose another place with --data).",
            )
        )


class Database:
    """The open database of one library. Safe to use from several threads.

    A reader never writes and works on a read-only disk. Plain SQLite serves `reading`, `fetch_all`
    and `fetch_one`; `engine` is SQLAlchemy on the same file, for everything that writes and for
    queries that are composed.
    """

    def __init__(
        self,
        data_dir: Path,
        writable: bool,
        around_transactions: AroundTransactions = nullcontext,
    ) -> None:
        """`around_transactions` sees each brief transaction, and may stop its commit by raising."""
        self.data_dir = data_dir
        self._file = data_dir / DATABASE_FILE
        self._around_transactions = around_transactions
        self._writable = writable
        self._idle: list[sqlite3.Connection] = []
        self._is_closed = False
        self._engine: Engine | None = None
        self._engine_lock = Lock()
        self._watching: sqlite3.Connection | None = None  # for `version` alone
        self._watchers = 0  # how many connections there have been for it
        self._watching_lock = Lock()

    @classmethod
    def open(
        cls,
        data_dir: Path,
        writable: bool = False,
        around_transactions: AroundTransactions = nullcontext,
    ) -> Self:
        """Open the database in `data_dir`, migrated to this version's schema.

        A writer creates it if there is none. Raises UsageError where a reader finds none,
        StoreError for a damaged or foreign file, SchemaTooNew, DiskError and LibraryLocked.
        """
        file = data_dir / DATABASE_FILE
        if not writable:
            require_library(data_dir)
        if not file.exists():
            cls._create(file)
        elif file.stat().st_size == 0:
            raise damage(file, "it is empty")
        database = cls(data_dir, writable, around_transactions)
        try:
            if not writable:
                with database.reading() as connection:
                    is_current = migrations.is_current(connection)
            if writable or not is_current:
                database._migrate(file)
        except BaseException:
            database.close()
            raise
        return database

    @classmethod
    def _create(cls, file: Path) -> None:
        """Create the database under another name first: a killed process leaves no empty file.

        Without a write-ahead log, which would stay behind: on a full disk, SQLite keeps in it what
        it cannot write to the database, and says nothing. The file is switched to one before it
        gets its name: a kill during the switch would leave a journal that readers cannot undo.
        """
        draft = file.with_name(file.name + ".new")
        for suffix in ("", "-wal", "-shm"):
            draft.with_name(draft.name + suffix).unlink(missing_ok=True)
        try:
            private_files.create_file(draft)  # SQLite gives its other files the same rights
            cls._migrate(draft, journal_mode="MEMORY")
            connect(draft, writable=True).close()
            rename_over(draft, file)
        except OSError as error:
            raise DiskError(f"Cannot write to {file.parent} ({error.strerror}).") from error

    @staticmethod
    def _migrate(file: Path, journal_mode: str = "WAL") -> None:
        with closing(connect(file, writable=True, journal_mode=journal_mode)) as connection:
            try:
                migrations.migrate(connection)
            except (sqlite3.Error, UnicodeDecodeError) as error:
                raise_translated(error, file)

    def close(self) -> None:
        """Close every connection; one that a thread still reads with is closed after that."""
        self._is_closed = True
        while self._idle:
            self._idle.pop().close()
        with self._watching_lock:
            self._stop_watching()
        if self._engine is not None:  # last: only a writer can empty the write-ahead log
            self._engine.dispose()

    @property
    def snapshots_dir(self) -> Path:
        """The folder of the index snapshots."""
        return self.data_dir / SNAPSHOT_FOLDER

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Provide a connection in one read transaction: everything read on it is of one moment."""
        connection = self._borrowed()
        try:
            connection.execute("BEGIN")
            yield connection
            connection.execute("COMMIT")
        except BaseException as error:
            self._close_failed(connection, error)
            raise
        self._give_back(connection)

    def _borrowed(self) -> sqlite3.Connection:
        """Return a connection that only reads, for one thread until it is given back."""
        try:
            return self._idle.pop()
        except IndexError:
            return connect(self._file, writable=False)

    def _give_back(self, connection: sqlite3.Connection) -> None:
        if len(self._idle) < IDLE_CONNECTIONS and not self._is_closed:
            self._idle.append(connection)
        else:
            connection.close()

    def _close_failed(self, connection: sqlite3.Connection, error: BaseException) -> None:
        """Close a connection after an error, and with it what it began; translate the error."""
        connection.close()
        if isinstance(error, sqlite3.Error | UnicodeDecodeError):
            raise_translated(error, self._file)

    def _read(
        self, query: str, parameters: Sequence[object], take: Callable[[Any], _Taken]
    ) -> _Taken:
        """Run a query and pass its rows to `take`, in one snapshot."""
        connection = self._borrowed()
        try:
            taken = take(connection.execute(query, parameters))
        except BaseException as error:
            self._close_failed(connection, error)
            raise
        self._give_back(connection)
        return taken

    def version(self) -> tuple[int, int]:
        """Return a value that changes with every commit to the library, by any process."""
        with self._watching_lock:
            try:
                # For one connection, SQLite counts the commits of all others.
                if self._watching is None:
                    self._watching = connect(self._file, writable=False)
                    self._watchers += 1
                (commits,) = self._watching.execute("PRAGMA data_version").fetchone()
                return self._watchers, commits
            except sqlite3.Error as error:
                self._stop_watching()
                raise_translated(error, self._file)

    def _stop_watching(self) -> None:
        if self._watching is not None:
            self._watching.close()
            self._watching = None

    @contextmanager
    def brief_transaction(self) -> Iterator[sqlite3.Connection]:
        """Provide a connection in one short write transaction, also of a database opened to read.

        For what does not follow from the disk, so the writer's lock is not needed: another
        process's transaction, a batch of photos for instance, is waited for. Raises DiskError where
        the data folder cannot be written, and LibraryLocked after a wait of `BUSY_TIMEOUT_S`.
        """
        with closing(connect(self._file, writable=True)) as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
                with self._around_transactions(connection):
                    yield connection
                connection.execute("COMMIT")
            except sqlite3.Error as error:
                raise_translated(error, self._file)

    def fetch_all(self, query: str, *parameters: object) -> list[Any]:
        """Return all rows of one plain SQL query, all of one moment."""
        return self._read(query, parameters, sqlite3.Cursor.fetchall)

    def fetch_ids(self, query: str, *parameters: object) -> Ids:
        """Return the ids in the first column of one plain SQL query, all of one moment."""
        return self._read(query, parameters, ids_of)

    def fetch_one(self, query: str, *parameters: object) -> Any:
        """Return the first row of one plain SQL query, or None."""
        return self._read(query, parameters, sqlite3.Cursor.fetchone)

    def raise_if_damaged(self, error: Exception) -> None:
        """Raise StoreError if damage to the file explains an unexpected `error`.

        Flipped bits can surface as errors of any kind, far from where they were read.
        """
        problem = self.check_integrity()
        if problem == "ok":
            problem = next((what for query, what in _IMPOSSIBLE if self.fetch_one(query)), "ok")
        if problem != "ok":
            raise damage(self._file, problem) from error

    def check_integrity(self) -> str:
        """SQLite's own integrity check: "ok", or what is wrong.

        On a connection of its own: one that has read a full-text index before, and not since others
        wrote to it, calls it malformed (SQLite 3.46).
        """
        with closing(connect(self._file, writable=False)) as connection:
            try:
                return str(connection.execute("PRAGMA integrity_check").fetchone()[0])
            except sqlite3.Error as error:
                raise_translated(error, self._file)

    def dangling_rows(self) -> int:
        """Count the rows that refer to a row of another table that does not exist."""
        return len(self.fetch_all("PRAGMA foreign_key_check"))

    def free_bytes(self) -> int:
        """Return the space in the file that deleted rows have left, and that new ones will use."""
        with self.reading() as connection:
            (pages,) = connection.execute("PRAGMA freelist_count").fetchone()
            (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
        return int(pages) * int(page_bytes)

    def has_much_room(self) -> bool:
        """Return whether so much of the file is free that writing it anew is worth it."""
        size_bytes = self._file.stat().st_size
        return self.free_bytes() >= max(_MUCH_ROOM_BYTES, _MUCH_ROOM * size_bytes)

    def compact(self) -> int:
        """Give the free space back to the disk; returns by how many bytes the file shrank.

        The file is written anew, and readers go on meanwhile. Until that is done, a copy of all
        that is in it is in the folder of temporary files, and another one in the log beside it.
        Raises DiskError where there is no space for them, and LibraryLocked; the file stays as it
        was then. Call it outside of transactions.
        """
        file = self._file
        before = file.stat().st_size
        needed = 2 * (before - self.free_bytes())
        if shutil.disk_usage(self.data_dir).free < needed:
            raise DiskError(
                Sentence(
                    f"The database could be {self.free_bytes() / 1e6:,.0f} MB smaller, but to "
                    f"write it anew the disk of {self.data_dir} needs {needed / 1e6:,.0f} MB for "
                    "a while. Free some space; then: ",
                    CommandLine("doctor --repair"),
                )
            )
        with closing(connect(file, writable=True)) as connection:
            try:
                connection.execute("VACUUM")
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            except sqlite3.Error as error:
                raise_translated(error, file)
        return before - file.stat().st_size

    @property
    def engine(self) -> Engine:
        """SQLAlchemy on the same file, loaded at first use: its import takes 0.2 s."""
        with self._engine_lock:
            if self._engine is None:
                self._engine = _create_engine(self._file, self._writable)
            return self._engine


def connect(file: Path, writable: bool, journal_mode: str = "WAL") -> sqlite3.Connection:
    """Return a connection to the database `file` for use in any thread, in autocommit mode.

    Its user issues BEGIN and COMMIT, so that schema changes are transactional too.
    """
    try:
        connection = sqlite3.connect(
            uri_of(file, writable),
            uri=True,
            timeout=BUSY_TIMEOUT_S,
            isolation_level=None,
            check_same_thread=False,
        )
        writing = (f"journal_mode = {journal_mode}", "synchronous = NORMAL") if writable else ()
        return with_pragmas(connection, "foreign_keys = ON", *writing)
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise_translated(error, file)


def uri_of(file: Path, writable: bool) -> str:
    """Return the URI by which SQLite opens a database."""
    if writable:
        return database_uri(file, "mode=rwc")
    log = file.with_name(file.name + "-wal")
    if not os.access(file.parent, os.W_OK) and not (log.exists() and log.stat().st_size):
        return database_uri(
            file, "immutable=1"
        )  # the shared memory file of WAL cannot be created here
    return database_uri(file, "mode=ro")


def _create_engine(file: Path, writable: bool) -> Engine:
    from sqlalchemy import QueuePool, create_engine, event

    def new_connection() -> sqlite3.Connection:
        return connect(file, writable)

    # For "sqlite://" SQLAlchemy would pick its pool for in-memory databases, which closes
    # connections that other threads are using once there are more than five threads.
    engine = create_engine(
        "sqlite://",
        creator=new_connection,
        poolclass=QueuePool,
        pool_size=IDLE_CONNECTIONS,
        max_overflow=-1,
    )

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A deferred transaction that turns into a write can fail with SQLITE_BUSY at once.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writable else "BEGIN")

    @event.listens_for(engine, "commit")
    def refresh_names(connection: Connection) -> None:
        driver_connection = connection.connection.driver_connection
        if writable and isinstance(driver_connection, sqlite3.Connection):
            try:
                names.refresh(driver_connection)
            except sqlite3.Error as error:
                raise_translated(error, file)

    @event.listens_for(engine, "handle_error")
    def translate(context: ExceptionContext) -> None:
        original = context.original_exception
        if isinstance(original, sqlite3.Error | UnicodeDecodeError):
            raise_translated(original, file)

    return engine


def raise_translated(error: sqlite3.Error | UnicodeDecodeError, file: Path) -> NoReturn:
    """Raise `error` as the error of our own tree, with its cure."""
    if isinstance(error, UnicodeDecodeError):  # file names are bytes; every text was valid once
        raise damage(file, "a text in it is not valid UTF-8") from error
    if isinstance(error, sqlite3.IntegrityError | sqlite3.ProgrammingError):
        raise error  # a bug in this program, not a fault of the disk
    text = str(error).lower()
    folder = file.parent
    if "disk is full" in text or "disk i/o error" in text:
        raise DiskError(
            f"The disk that holds {folder} is full or failing ({error}). Free some space and run "
            "the command again; what was committed is safe."
        ) from error
    if "readonly" in text or "read-only" in text:
        raise DiskError(
            f"Cannot write to {folder}. Make it writable, or choose another place with --data."
        ) from error
    if "unable to open" in text:
        if not os.access(folder, os.R_OK | os.X_OK) or not file.exists():
            raise DiskError(
                f"Cannot open or create a library in {folder}. Check that the folder exists and "
                "that you may read and write it, or choose another with --data."
            ) from error
        raise StoreError(f"Cannot open {file}. Check its permissions.") from error
    if "locked" in text or "busy" in text:
        raise LibraryLocked(
            f"Another process has kept the library in {folder} busy for {BUSY_TIMEOUT_S:.0f} s. "
            "Wait for it to finish, then try again."
        ) from error
    if not is_damage(error):
        raise StoreError(f"The database {file} cannot be used: {error}.") from error
    raise damage(file, str(error)) from error


def is_damage(error: sqlite3.Error) -> bool:
    """Return whether SQLite means a damaged file, not one that it could not open or read."""
    text = str(error).lower()
    return any(word in text for word in ("malformed", "not a database", "corrupt", "decode"))


def damage(file: Path, problem: str) -> StoreError:
    """Return the error for a damaged database, with its cure."""
    cure = Sentence(
        "To see what can be restored: ",
        CommandLine("doctor"),
        ". Or move it away and begin anew: ",
        CommandLine("index FOLDER"),
    )
    if problem == _WRONG_VECTORS:
        cure = Sentence(
            "Run ",
            CommandLine("doctor --repair"),
            ", which deletes such vectors; then ",
            CommandLine("index"),
            ", which embeds their photos again.",
        )
    return StoreError(
        Sentence(
            f"The database {file} is damaged ({problem.splitlines()[0]}). Nothing was changed. ",
            cure,
        )
    )
