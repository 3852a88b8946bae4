"""Reads: everything that a query reads of a library, in plain SQL, by subject.

A query does without SQLAlchemy, whose import takes as long as the rest of a one-shot query
(docs/decisions/0009).
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from imgsearch.store.database import Database
from imgsearch.store.reading.definitions import DefinitionReads
from imgsearch.store.reading.encoders import EncoderReads
from imgsearch.store.reading.names import NameReads
from imgsearch.store.reading.photos import PhotoReads
from imgsearch.store.reading.roots import RootReads
from imgsearch.store.reading.vectors import VectorReads
from imgsearch.store.recent_reads import MOST_BYTES, RecentReads

if TYPE_CHECKING:
    from imgsearch.store.reading.browsing import BrowsingReads
    from imgsearch.store.reading.selections import SelectionReads
    from imgsearch.store.reading.suggestions import SuggestionReads


class Reads:
    """Reads a library for queries. Safe to use from several threads.

    Its parts are `roots`, `photos`, `names`, `definitions`, `encoders` and `vectors`; and, loaded
    when first used, since few queries do, `selections`, `browsing` and `suggestions`. `recent`
    caches the results of recent reads until anything is committed to the library.
    """

    def __init__(self, database: Database, cache_bytes: int = MOST_BYTES) -> None:
        self._database = database
        self.recent = RecentReads(database, cache_bytes)
        self.roots = RootReads(database, self.recent)
        self.photos = PhotoReads(database, self.recent, self.roots)
        self.names = NameReads(database, self.recent)
        self.definitions = DefinitionReads(database, self.recent)
        self.encoders = EncoderReads(database, self.recent)
        self.vectors = VectorReads(database, self.recent)

    @cached_property
    def selections(self) -> SelectionReads:
        """The photos that pass filters."""
        from imgsearch.store.reading.selections import SelectionReads

        return SelectionReads(self._database, self.recent)

    @cached_property
    def browsing(self) -> BrowsingReads:
        """The numbers of photos of each month, place, folder and value, and their dates."""
        from imgsearch.store.reading.browsing import BrowsingReads

        return BrowsingReads(self._database, self.recent)

    @cached_property
    def suggestions(self) -> SuggestionReads:
        """The names with which a query line can be completed."""
        from imgsearch.store.reading.suggestions import SuggestionReads

        return SuggestionReads(self._database, self.definitions, self.roots)

    @classmethod
    def open(cls, data_dir: Path) -> Self:
        """Open the library in `data_dir` to read; one of an older version is migrated first.

        Raises what `Database.open` raises.
        """
        return cls(Database.open(data_dir))

    def close(self) -> None:
        """Close every connection."""
        self._database.close()

    @property
    def database(self) -> Database:
        """The database, of which features read their own tables."""
        return self._database

    @property
    def data_dir(self) -> Path:
        """The data folder of the library."""
        return self._database.data_dir

    @property
    def snapshots_dir(self) -> Path:
        """The folder of the index snapshots."""
        return self._database.snapshots_dir
