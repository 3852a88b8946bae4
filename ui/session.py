"""The library that the page serves, shared by all its visitors.

What belongs to one visitor is kept in `st.session_state`.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache, partial
from pathlib import Path
from typing import Literal, TypeVar

from imgsearch import (
    ARCHIVE_VARIABLE,
    Answer,
    Asking,
    Counts,
    Library,
    LibraryLocked,
    MemoryCache,
    Query,
    Settings,
    StoredEncoder,
    path_text,
)
from ui.tasks import COPY, INDEX, BackgroundTasks, LongJob

Value = TypeVar("Value")

MESSAGES_KEPT = 20
# For how long a value is used without asking whether the library has changed.
CONTENTS_S = 2.0
COUNTS_S = 60.0
MOST_VALUES = 100
MAX_AGE_S = 60.0  # of an answer: a drive may have been unplugged, which the library does not record


class Session:
    """The open library, background tasks, and cached counts. Thread-safe."""

    def __init__(self, settings: Settings, address: str = "") -> None:
        """Open the archive at an address, or, if that is empty, the library of the settings."""
        self.settings = settings
        self.messages: deque[str] = deque(maxlen=MESSAGES_KEPT)  # the latest from the library
        self._archive_address = address
        self.library = self._open_library()
        self._cache: MemoryCache[str] = MemoryCache(MOST_VALUES, keeps_outdated=True)
        self.tasks = BackgroundTasks(on_end=self.forget_counts)
        self._model_lock = threading.Lock()
        # Calls operations: of the resident service if it runs, whose model is loaded.
        self.ask = Asking(settings, self.exclusive_library, self.library.working_folder)
        if address:  # the first copy takes a while: it answers from the beginning
            self.start(COPY, lambda library: library.fleet.update_copy())

    def _open_library(self) -> Library:
        if self._archive_address:
            return Library.open_archive(self._archive_address, self.settings, self.messages.append)
        return Library.open(self.settings, notify=self.messages.append)

    def has(self, part: str) -> bool:
        """Return whether the library has this part: see `Library.capabilities`."""
        return part in self.library.capabilities

    def start(self, name: str, job_of: Callable[[Library], LongJob], title: str = "") -> None:
        """Start a job of the library. While one of this name is running, it waits if it has a
        title, and is not started if not.
        """
        self.tasks.start(name, self._open_library, job_of, title)

    def index(self, folders: Sequence[str | Path] = (), *, accept_removals: bool = False) -> None:
        """Bring folders up to date, all if none is named, after those that are being read now."""
        title = ", ".join(path_text(Path(folder)) for folder in folders)
        self.start(
            INDEX,
            lambda library: library.index(folders, accept_removals=accept_removals),
            title or "all folders",
        )

    def photo_count(self) -> int:
        """Return photos that can be found, up to 2 s old; 0 if there is no library yet."""
        photos, _ = self._contents()
        if not photos:  # somebody is waiting for the first ones to appear
            self.forget_photo_count()
            photos, _ = self._contents()
        return photos

    def photos_now(self) -> int:
        """Return photos that can be found at this moment; 0 if there is no library yet."""
        with suppress(LibraryLocked):  # the first copy of an archive begins at this moment
            return self.library.photo_count() if self.library.exists() else 0
        return 0

    def content_state(self) -> Hashable:
        """Return the library's version and the minute, on which answers to searches depend.

        The version is up to 2 s old, and no older than `photo_count`.
        """
        return (self._contents()[1], int(time.monotonic() / MAX_AGE_S))

    def _contents(self) -> tuple[int, Hashable]:
        """Return the number of photos and version of the library, up to 2 s old, read together."""
        # A new object equals no other, so the age alone decides when they are read again.
        return self._cache.get("contents", self._read_contents, object, unchecked_s=CONTENTS_S)

    def _read_contents(self) -> tuple[int, Hashable]:
        # The version last: a view with this number of photos has them all in its answers.
        photos = self.cached("photos", self.photos_now)
        return photos, self._version()

    def _version(self) -> Hashable:
        with suppress(LibraryLocked):  # as in `photos_now`
            return self.library.version() if self.library.exists() else None
        return None

    def forget_photo_count(self) -> None:
        """Count the photos anew: those that were added in the meantime are to be shown."""
        self._cache.forget("contents")

    def counts(self) -> Counts:
        """Return the values that photos can be filtered by, with their counts.

        Up to a minute old.
        """
        return self.cached("counts", self.library.folders.counts, COUNTS_S)

    def values_of(self, fact: Literal["camera", "format"]) -> tuple[str, ...]:
        """Return the cameras or the formats of the photos, sorted; up to a minute old."""
        values = partial(self.library.browse.values, fact)
        return self.cached(fact, lambda: tuple(sorted(values())), COUNTS_S)

    def stored_encoders(self) -> tuple[StoredEncoder, ...]:
        """Return the models with vectors in the library, up to a minute old, with counts."""
        return self.cached("models", self.library.encoders.stored, COUNTS_S)

    def forget(self, name: str) -> None:
        """Forget a value that `cached` keeps under this name."""
        self._cache.forget(name)

    def forget_counts(self) -> None:
        """Count anew: folders or vectors were removed, or another model is in use."""
        self._cache.clear()

    def cached(self, name: str, compute: Callable[[], Value], unchecked_s: float = 0.0) -> Value:
        """Return a value that is kept under a name until the library changes.

        For `unchecked_s` it is used without asking whether that has happened: Streamlit reruns the
        whole page at every click, and most reruns need the same values.
        """
        return self._cache.get(name, compute, self._version, unchecked_s=unchecked_s)

    def find(self, query: Query, k: int, cursor: str | None = None) -> Answer:
        """Return one page of results, from the resident service if it runs: its model is loaded."""
        return self.ask(Library.find, query, k, cursor)

    @contextmanager
    def exclusive_library(self) -> Iterator[Library]:
        """Provide the library to one thread at a time: requests that need the model take turns."""
        with self._model_lock:
            yield self.library

    @contextmanager
    def library_for(self, query: Query) -> Iterator[Library]:
        """Provide the library for whatever needs to know what a query finds.

        The words or examples of one are searched for first, by the service if it runs: the library
        finds their vector then, and need not load the model. Raises as `Library.find` does.
        """
        if not query.terms:
            yield self.library
            return
        self.find(query, 1)
        with self.exclusive_library() as opened:
            yield opened


_session_of = cache(Session)
# `cache` alone makes two where threads ask at once, as when the page starts: the jobs that one has
# begun would be unknown to the other.
_making = threading.RLock()


@cache
def _session_in(environment: tuple[tuple[str, str], ...]) -> Session:
    return _session_of(Settings.load(), dict(environment).get(ARCHIVE_VARIABLE, ""))


def session() -> Session:
    """Return the session of the archive or library that the environment names.

    Settings are read once for each environment: a run of the page asks for this some 15 times.
    """
    with _making:
        return _session_in(tuple(os.environ.items()))
