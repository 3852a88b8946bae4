"""The names in an archive, kept in memory to be suggested while somebody types."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Collection, Sequence
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal
from weakref import finalize

import pyarrow.compute as pc

from imgsearch.archive.lance.name_counts import NAME_COLUMNS, NameCounts, count_names
from imgsearch.archive.lance.tables import loaded
from imgsearch.caches import MemoryCache
from imgsearch.records.names import KnownName, NameField
from imgsearch.store.names import exact_names, ranked_names

if TYPE_CHECKING:
    from imgsearch.archive.lance.reader import LanceCatalogue

_KEPT_S = 60.0
_KEPT_PER_READ = 20.0  # times as long as reading took, so that this takes a twentieth at most
_VALUES = ("camera", "lens", "creator")
_TABLE = """
CREATE TABLE known_names (
    field TEXT, name TEXT, photos INTEGER, text TEXT, PRIMARY KEY (field, name)
) WITHOUT ROWID"""


class NameList:
    """Implements `imgsearch.search.suggestions.SuggestedNames`, as `store.reads.Reads` does.

    Names are those that were published when the archive was settled, with those of what was put
    since; where too much was removed since then, a few columns of all photos are read. They are
    used without a look at the archive for a minute, or for twenty times as long as reading them
    took if that is longer. Any number of threads may ask at once.
    """

    def __init__(
        self, catalogue: LanceCatalogue, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._catalogue = catalogue
        self._now_s = now_s
        self._lock = Lock()  # the database of names is used by one thread at a time
        self._cache: MemoryCache[str] = MemoryCache(1, now_s=now_s)
        self._reading_s = 0.0

    def names_beginning(
        self, phrases: Sequence[str], fields: Collection[NameField], limit: int
    ) -> list[KnownName]:
        """The names in these fields of which words begin so, as `Reads.names_beginning`."""
        with self._lock:
            current = self._current()  # its database is closed when nobody has it any more
            return current.spelled(ranked_names(current.names, phrases, fields, limit))

    def names_called(self, names: Sequence[str], fields: Collection[NameField]) -> list[KnownName]:
        """The names in these fields that are exactly one of these, as `Reads.names_called`."""
        with self._lock:
            current = self._current()
            return current.spelled(exact_names(current.names, names, fields))

    def distinct_values(self, kind: Literal["camera", "lens", "creator"]) -> list[str]:
        """The cameras, the lenses or the creators of the photos, sorted."""
        return self._current().values[kind]

    # What an archive does not have.

    def label_names(self) -> dict[str, tuple[str, ...]]:
        return {}

    def concept_names(self) -> list[str]:
        return []

    def saved_search_names(self) -> list[str]:
        return []

    def names_for(self, filter_name: str) -> list[str]:
        return []

    def roots(self) -> dict[int, str]:
        return {}

    def _current(self) -> _Names:
        """The names as they were a short time ago."""
        return self._cache.get(
            "names",
            self._read,
            lambda: self._catalogue.photos_view().version,
            unchecked_s=max(_KEPT_S, _KEPT_PER_READ * self._reading_s),
        )

    def _read(self) -> _Names:
        began_s = self._now_s()
        counts = self._catalogue.counts()
        if counts is not None:
            values = {
                kind: sorted(loaded(text) for text in counts.values.get(kind, {}) if text)
                for kind in _VALUES
            }
            read = _Names(_table_of(counts.names), values)
        else:
            photos = self._catalogue.whole_photos([*NAME_COLUMNS, *_VALUES])
            values = {kind: _distinct(photos[kind]) for kind in _VALUES}
            read = _Names(_table_of(count_names(photos)), values)
        self._reading_s = self._now_s() - began_s
        return read


class _Names:
    """A database in memory with all names, and the values of filters by the name of their fact."""

    def __init__(self, names: sqlite3.Connection, values: dict[str, list[str]]) -> None:
        self.names = names
        self.values = values
        finalize(self, names.close)

    def spelled(self, named: Sequence[tuple[NameField, str, int, int]]) -> list[KnownName]:
        """These names as they are spelled in a photo."""
        return [
            KnownName(field, _spelling(self.names, field, name), photos, phrase)
            for field, name, photos, phrase in named
        ]


def _distinct(texts: Any) -> list[str]:
    return sorted(loaded(text) for text in pc.unique(texts.drop_null()).to_pylist())


def _table_of(names: NameCounts) -> sqlite3.Connection:
    """A database in memory with the table of known names that a library has, and spellings."""
    # Whoever asks holds the lock of the list.
    connection = sqlite3.connect(":memory:", check_same_thread=False)
    connection.execute(_TABLE)
    for field, counts in names.items():
        connection.executemany(
            "INSERT INTO known_names VALUES (?, ?, ?, ?)",
            [(field, name, photos, text) for name, (photos, text) in counts.items()],
        )
    return connection


def _spelling(connection: sqlite3.Connection, field: NameField, name: str) -> str:
    query = "SELECT text FROM known_names WHERE field = ? AND name = ?"
    return str(connection.execute(query, (field, name)).fetchone()[0])
