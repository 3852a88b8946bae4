"""The names in an archive, kept in memory to be suggested while somebody types."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal, TypeAlias
from weakref import finalize

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from imgsearch.archive.lance.rows import folder_names
from imgsearch.archive.lance.tables import loaded
from imgsearch.caches import MemoryCache
from imgsearch.records.names import KnownName, NameField, names_of_keyword
from imgsearch.store.names import exact_names, ranked_names
from imgsearch.text import words_of

if TYPE_CHECKING:
    from imgsearch.archive.lance.reader import LanceCatalogue

_KEPT_S = 60.0
_KEPT_PER_READ = 20.0  # times as long as reading took, so that this takes a twentieth at most
# The columns that have the names of a field, and the names in one text of them.
_NAMES: dict[NameField, tuple[tuple[str, ...], Callable[[str], Iterable[str]]]] = {
    "people": (("people",), lambda text: [text]),
    "keywords": (("keywords",), names_of_keyword),
    "folder": (("paths",), folder_names),
    "place": (("town", "region"), lambda text: [text]),
    "country": (("country",), lambda text: [text]),
}
_VALUES = ("camera", "lens", "creator")
_FILE_NAME = "[^/]*$"
_TABLE = """
CREATE TABLE known_names (
    field TEXT, name TEXT, photos INTEGER, text TEXT, PRIMARY KEY (field, name)
) WITHOUT ROWID"""
_Texts: TypeAlias = tuple[Any, Any]  # the number of the photo of each text, and the texts


class NameList:
    """Implements `imgsearch.search.suggestions.SuggestedNames`, as `store.reads.Reads` does.

    Names are read when they are first asked for: a few columns of all photos. They are used without
    a look at the archive for a minute, or for twenty times as long as reading them took if that is
    longer. Any number of threads may ask at once.
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
        counts = self._catalogue.counts()
        if counts is not None:
            return sorted(loaded(text) for text in counts.values.get(kind, {}) if text)
        return self._current().values[kind]

    # What an archive does not have.

    def label_names(self) -> dict[str, tuple[str, ...]]:
        return {}

    def concept_names(self) -> list[str]:
        return []

    def saved_search_names(self) -> list[str]:
        return []

    def album_names(self) -> list[str]:
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
        columns = [column for sources, _ in _NAMES.values() for column in sources]
        photos = self._catalogue.whole_photos([*columns, *_VALUES])
        read = _Names(_table_of(photos), {kind: _distinct(photos[kind]) for kind in _VALUES})
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


def _table_of(photos: Any) -> sqlite3.Connection:
    """A database in memory with the table of known names that a library has, and spellings."""
    # Whoever asks holds the lock of the list.
    connection = sqlite3.connect(":memory:", check_same_thread=False)
    connection.execute(_TABLE)
    for field, (columns, names_in) in _NAMES.items():
        texts = [_texts_of(photos[column]) for column in columns]
        if field == "folder":
            texts = [
                (numbers, pc.replace_substring_regex(paths, _FILE_NAME, ""))
                for numbers, paths in texts
            ]
        connection.executemany(
            "INSERT INTO known_names VALUES (?, ?, ?, ?)",
            [(field, name, count, text) for name, count, text in _counted(texts, names_in)],
        )
    return connection


def _texts_of(column: Any) -> _Texts:
    """The texts of a column, each with the number of its photo."""
    column = column.combine_chunks()
    numbers = pa.array(np.arange(len(column)))
    if pa.types.is_list(column.type):
        numbers, column = pc.list_parent_indices(column), pc.list_flatten(column)
    is_there = pc.is_valid(column)
    return np.asarray(pc.filter(numbers, is_there)), pc.filter(column, is_there)


def _counted(
    columns: Iterable[_Texts], names_in: Callable[[str], Iterable[str]]
) -> Iterator[tuple[str, int, str]]:
    """Each name as words, with its number of photos and its spelling."""
    number_of: dict[str, int] = {}
    spellings: list[str] = []

    def number(name: str) -> int | None:
        """The number of a name; None for one without words."""
        words = " ".join(words_of(name))
        if words and words not in number_of:
            number_of[words] = len(spellings)
            spellings.append(name)
        return number_of.get(words)

    pairs = []  # number of a photo, number of a name
    for photos, texts in columns:
        encoded = texts.dictionary_encode()
        # There are far fewer different texts than photos: only they are taken apart.
        numbers = [
            sorted({each for name in names_in(loaded(text)) if (each := number(name)) is not None})
            for text in encoded.dictionary.to_pylist()
        ]
        for place in range(max(map(len, numbers), default=0)):
            # The name at this place of each text, -1 where it has fewer.
            names = np.array([each[place] if place < len(each) else -1 for each in numbers])
            of_photos = names[np.asarray(encoded.indices)]
            pairs.append(np.stack([photos, of_photos], axis=1)[of_photos >= 0])
    if spellings:
        of_all = np.concatenate(pairs)
        unique = np.unique(of_all[:, 0] * len(spellings) + of_all[:, 1])
        counts = np.bincount(unique % len(spellings), minlength=len(spellings))
        yield from zip(number_of, counts.tolist(), spellings, strict=True)


def _spelling(connection: sqlite3.Connection, field: NameField, name: str) -> str:
    query = "SELECT text FROM known_names WHERE field = ? AND name = ?"
    return str(connection.execute(query, (field, name)).fetchone()[0])
