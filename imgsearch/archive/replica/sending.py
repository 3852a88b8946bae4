"""Sends what people make in a replica to its archive, in a thread of its own.

A person who marks a photo does not wait for the storage. What was made is in the database of the
replica before it is sent, so nothing is lost where the storage is away or the process is killed:
the next process that opens the replica sends it.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from imgsearch.archive.items.synchronising import SharedItems, push
from imgsearch.errors import ImgsearchError, StoreError
from imgsearch.items import local
from imgsearch.store.database import DATABASE_FILE, Database
from imgsearch.store.unsent import unsent_count
from imgsearch.text import format_count

_AGAIN_S = 30.0  # after the storage could not be reached, or refused
_SILENT_S = 2.0  # of the wait for what is being sent when the replica is closed
_LAST_WAIT_S = 60.0  # until it is left for another time


class ItemSending:
    """Sends the items of the replica in a folder. Safe in any thread and in any process."""

    def __init__(
        self,
        folder: Path,
        shared: SharedItems,
        notify: Callable[[str], None],
        last_wait_s: float = _LAST_WAIT_S,
    ) -> None:
        """`notify` tells a person that something could not be sent yet."""
        self._folder = folder
        self._shared = shared
        self._notify = notify
        self._last_wait_s = last_wait_s
        self._lock = threading.Lock()
        self._opened: Database | None = None
        self._thread: threading.Thread | None = None
        self._is_due = False  # something was made since the thread looked last
        self._not_before_s = 0.0
        self._problem: ImgsearchError | None = None
        self._has_told = False

    @contextmanager
    def around(self, connection: sqlite3.Connection) -> Iterator[None]:
        """Begin to send at the end of a transaction of the library in which something was made."""
        yield
        if connection.execute("SELECT EXISTS (SELECT 1 FROM outbox)").fetchone()[0]:
            self._start()

    def send_waiting(self) -> None:
        """Begin to send what was made before, here or by another process."""
        if self.waiting_count():
            self._start()

    def waiting_count(self) -> int:
        """Return the number of changes that are not in the archive yet."""
        if not (self._folder / DATABASE_FILE).exists():
            return 0
        return unsent_count(self._database())

    def close(self) -> None:
        """Wait for what is being sent, for a minute at most; the rest is sent another time."""
        with suppress(StoreError):  # a damaged replica, which was named when it was asked
            self.send_waiting()
        with self._lock:
            thread = self._thread
        if thread is not None:
            thread.join(_SILENT_S)
            if thread.is_alive():
                self._notify("Sending what was made here to the archive …")
                thread.join(self._last_wait_s)
        self._tell()
        with self._lock:
            if self._opened is not None and self._thread is None:
                self._opened.close()
                self._opened = None

    def _database(self) -> Database:
        with self._lock:
            if self._opened is None:
                self._opened = Database.open(self._folder)
            return self._opened

    def _start(self) -> None:
        with self._lock:
            self._is_due = True
            if self._thread is None and time.monotonic() >= self._not_before_s:
                # One that waits for a storage that does not answer must not hold up the end of the
                # process: nothing is lost by it.
                self._thread = threading.Thread(
                    target=self._send, name="imgsearch-items", daemon=True
                )
                self._thread.start()

    def _send(self) -> None:
        try:
            while self._is_more_due():
                database = self._database()
                with database.brief_transaction() as connection:
                    # It waits for the transaction at whose end the thread was started.
                    local.take_in(connection)
                push(database, self._shared)
        except ImgsearchError as error:
            with self._lock:
                self._thread = None
                self._problem = error
                self._not_before_s = time.monotonic() + _AGAIN_S
            self._tell()

    def _is_more_due(self) -> bool:
        with self._lock:
            is_due, self._is_due = self._is_due, False
            if not is_due:
                self._thread = None
            return is_due

    def _tell(self) -> None:
        """Tell a person, once, that something waits here."""
        with self._lock:
            problem, has_told = self._problem, self._has_told
            self._has_told = has_told or problem is not None
        if problem is None or has_told:
            return
        with suppress(StoreError):  # of a damaged replica, which is named to whoever asks it
            changes = format_count(self.waiting_count(), "change")
            self._notify(
                f"{problem} Nothing is lost: what was made here ({changes}) is stored on this "
                "machine, and goes to the archive when its storage takes it."
            )
