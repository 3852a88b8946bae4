"""The library or archive that the page serves, shared by all its visitors.

What belongs to one visitor is kept in `st.session_state`.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from typing import TYPE_CHECKING, Literal, TypeVar, cast

from imgsearch import (
    ARCHIVE_VARIABLE,
    Answer,
    Counts,
    Library,
    Query,
    SavedSearchSummary,
    Settings,
    StoredEncoder,
    UsageError,
    ask,
)
from ui.tasks import BackgroundTasks, LongJob

if TYPE_CHECKING:
    from imgsearch import Archive

Value = TypeVar("Value")

MESSAGES_KEPT = 20
PHOTO_COUNT_S = 2.0  # how long a cached value is used
COUNTS_S = 60.0
SAVED_S = 5.0


class Session:
    """The open library or archive, background tasks, and cached counts. Thread-safe."""

    def __init__(self, settings: Settings, address: str = "") -> None:
        """Open the archive at an address, or, if that is empty, the library of the settings."""
        self.settings = settings
        self.messages: deque[str] = deque(maxlen=MESSAGES_KEPT)  # the latest from the library
        self.archive = self._open_archive(address) if address else None
        self._library = None if address else self._open_library()
        self._cache: dict[str, tuple[float, object]] = {}
        self.tasks = BackgroundTasks(on_end=self.forget_counts)
        self._model_lock = threading.Lock()

    def _open_library(self) -> Library:
        return Library.open(self.settings, notify=self.messages.append)

    def _open_archive(self, address: str) -> Archive:
        from imgsearch import Archive  # here, since it takes 70 ms to load

        return Archive.open(address, self.settings, self.messages.append)

    @property
    def library(self) -> Library:
        """The library. Raises UsageError on a page of an archive."""
        if self._library is None:
            raise UsageError("This page shows an archive, which has no such view. Search it.")
        return self._library

    @property
    def searched(self) -> Library | Archive:
        """What is searched and shown."""
        return self.library if self.archive is None else self.archive

    def start(self, name: str, job_of: Callable[[Library], LongJob]) -> None:
        """Start a job of the library, unless one of this name is running."""
        self.tasks.start(name, self._open_library, job_of)

    def start_on_searched(self, name: str, job_of: Callable[[Library | Archive], LongJob]) -> None:
        """Start a job of what is searched, in the same way."""
        self.tasks.start(name, self._open_searched, job_of)

    def _open_searched(self) -> AbstractContextManager[Library | Archive]:
        if self.archive is None:
            return self._open_library()
        return self._open_archive(self.archive.address)

    def photo_count(self) -> int:
        """Photos that can be found, up to 2 s old; 0 if there is no library yet."""
        if self.archive is not None:
            return self._cached("photos", self.archive.photo_count, PHOTO_COUNT_S)
        if not self.library.exists():
            return 0
        # 0 is never taken from the cache: somebody is waiting for the first photos to appear.
        return (
            self._cached("photos", self.library.photo_count, PHOTO_COUNT_S)
            or self.library.photo_count()
        )

    def content_state(self) -> tuple[int, int]:
        """What the answers to searches depend on, as old as `photo_count`: it, and the baseline."""
        if not self.photo_count():
            return (0, 0)
        vectors = self._cached("baseline", self.searched.baseline_vectors, PHOTO_COUNT_S)
        return (self.photo_count(), vectors)

    def forget_photo_count(self) -> None:
        """Count the photos anew: those that were added in the meantime are to be shown."""
        for name in ("photos", "baseline"):
            self._cache.pop(name, None)

    def counts(self) -> Counts:
        """What the photos can be filtered by, up to a minute old."""
        return self._cached("counts", self.library.counts, COUNTS_S)

    def values_of(self, fact: Literal["camera", "format"]) -> tuple[str, ...]:
        """The cameras or the formats of the photos, sorted; up to a minute old."""
        if self.archive is not None:
            archive = self.archive
            return self._cached(fact, lambda: tuple(sorted(archive.value_counts(fact))), COUNTS_S)
        counts = self.counts()
        return tuple(counts.cameras if fact == "camera" else counts.formats)

    def stored_encoders(self) -> tuple[StoredEncoder, ...]:
        """The models whose vectors the library has, up to a minute old: all vectors are counted."""
        return self._cached("models", self.library.stored_encoders, COUNTS_S)

    def saved_searches(self) -> tuple[SavedSearchSummary, ...]:
        """The saved searches and what they find, up to 5 s old; from the service if it runs."""
        return self._cached(
            "saved",
            lambda: ask(
                self.settings, lambda library: library.saved_searches(), self.exclusive_library
            ),
            SAVED_S,
        )

    def mark_looked_at(self, name: str) -> tuple[int, ...]:
        """Record that the user has looked at a saved search; returns the photos new in it."""
        self.forget_saved_searches()
        return ask(
            self.settings, lambda library: library.mark_looked_at(name), self.exclusive_library
        )

    def forget_saved_searches(self) -> None:
        """Read them anew: one of them has changed."""
        self._cache.pop("saved", None)

    def forget_counts(self) -> None:
        """Count anew: folders or vectors were removed, or another model is in use."""
        self._cache.clear()

    def _cached(self, name: str, compute: Callable[[], Value], max_age_s: float) -> Value:
        """Streamlit reruns the whole page at every click; most reruns need the same values."""
        computed_at, value = self._cache.get(name, (0.0, None))
        if value is None or time.monotonic() - computed_at > max_age_s:
            value = compute()
            self._cache[name] = (time.monotonic(), value)
        return cast(Value, value)

    def find(self, query: Query, k: int, cursor: str | None = None) -> Answer:
        """One page of results, from the resident service if it runs: its model is loaded."""
        folder = self.searched.working_folder
        return ask(
            self.settings, lambda opened: opened.find(query, k, cursor), self.exclusive, folder
        )

    @contextmanager
    def exclusive(self) -> Iterator[Library | Archive]:
        """What is searched, for one thread at a time: requests that need the model take turns."""
        with self._model_lock:
            yield self.searched

    @contextmanager
    def exclusive_library(self) -> Iterator[Library]:
        """The library, in the same way."""
        with self._model_lock:
            yield self.library


_session_of = cache(Session)


def session() -> Session:
    """The session of the archive or library that the environment names."""
    return _session_of(Settings.load(), os.environ.get(ARCHIVE_VARIABLE, ""))
