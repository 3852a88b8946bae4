"""Reads the names of photos, for understanding a query and for finding photos by name."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from imgsearch.records.names import NAME_FIELDS, MatchedField, NameField
from imgsearch.records.query import Filter, Selection
from imgsearch.store import names
from imgsearch.store.database import Database
from imgsearch.store.recent_reads import RecentReads, read_only
from imgsearch.store.sql import HAS_PATH

if TYPE_CHECKING:
    from imgsearch.records.arrays import Ids


class NameReads:
    """The part of `Reads` that knows names and dates, from which queries are understood.

    Case, accents and punctuation of names do not matter.
    """

    def __init__(self, database: Database, recent: RecentReads) -> None:
        self._database = database
        self._recent = recent

    def knows_name(self, field: NameField, name: str) -> bool:
        """Return whether some photo has exactly this name in a field, without case and accents.

        The field is `folder`, `keywords`, `people`, `place` or `country`. The first words of a
        person's name are enough, and so are the last: "Anna" or "Smith" for Anna Smith.
        """
        with self._database.reading() as connection:
            return names.is_known(connection, field, name)

    def knows_own_person(self) -> bool:
        """Return whether the user has said which person they are: `person:me` finds that one."""
        with self._database.reading() as connection:
            return names.own_person(connection) is not None

    def knows_named_person(self, name: str) -> bool:
        """Return whether the user has named a person so: by the whole name, first or last words."""
        with self._database.reading() as connection:
            return names.is_named_person(connection, name)

    def has_phrase(self, phrase: str, fields: Collection[NameField] = NAME_FIELDS) -> bool:
        """Return whether some photo has this phrase in one of these fields: see `named`."""
        with self._database.reading() as connection:
            return names.is_phrase(connection, phrase, fields)

    def fields_named(self, phrase: str) -> tuple[NameField, ...]:
        """Return the fields in which some photo has this phrase, in a fraction of a millisecond.

        So a query knows whether "anna" is a person, a place or a folder of this library.
        """
        with self._database.reading() as connection:
            return names.fields_with(connection, phrase)

    def ids_named(self, phrase: str, is_whole: bool = False, misread: tuple[str, ...] = ()) -> Ids:
        """Return the photos with this phrase in a name, or in their read text; sorted, unique.

        With `is_whole`, as a whole name: of a file, without its suffix, a folder, a title, a
        headline or a keyword, or as a big part of the text. Text may also have one of the phrases
        in `misread`. The ids are read-only.
        """

        import numpy as np

        def read() -> Ids:
            with self._database.reading() as connection:
                ids = names.ids_with(connection, phrase, is_whole, misread)
                return read_only(np.array(ids, np.int64))

        return self._recent.get(("named", phrase, is_whole, misread), read)

    def has_named(self, phrase: str, is_whole: bool = False) -> bool:
        """Return whether `ids_named` finds a photo."""

        def read() -> bool:
            with self._database.reading() as connection:
                return bool(names.ids_with(connection, phrase, is_whole, limit=1))

        return self._recent.get(("has named", phrase, is_whole), read)

    def words_like(self, word: str) -> list[str]:
        """Return the words in pictures that differ from this one by a letter, most photos first.

        See `imgsearch.records.picture_text.differs_by_a_letter`.
        """
        with self._database.reading() as connection:
            return names.terms_like(connection, word)

    def fields_with_any(
        self, ids: Iterable[int], phrases: Sequence[str]
    ) -> dict[int, tuple[MatchedField, ...]]:
        """Return the fields in which each of these photos has any of these phrases, or its text."""
        with self._database.reading() as connection:
            return names.fields_of(connection, ids, phrases)

    def has_date_from(self, first: str, end: str) -> bool:
        """Return whether some photo was taken from the day `first` until before `end` (ISO).

        Photos without a date of their own count by that of their file, as everywhere.
        """
        by_camera = (
            f"SELECT 1 FROM photos WHERE taken_at >= ? AND taken_at < ? AND {HAS_PATH} LIMIT 1"
        )
        if self._database.fetch_one(by_camera, first, end) is not None:
            return True
        by_file = (
            "SELECT 1 FROM paths JOIN photos ON photos.id = photo_id "
            "WHERE mtime_ns >= ? AND mtime_ns < ? AND taken_at IS NULL LIMIT 1"
        )
        times_ns = [int(datetime.fromisoformat(day).timestamp() * 1e9) for day in (first, end)]
        return self._database.fetch_one(by_file, *times_ns) is not None

    def any_passes(self, conditions: Sequence[Filter]) -> bool:
        """Return whether some photo passes all these filters; none names a town or root."""
        from imgsearch.store import filters

        with self._database.reading() as connection:
            return filters.any_passes(connection, Selection(tuple(conditions)))

    def words_of_names(self, limit: int) -> list[str]:
        """Return the words of all names, of three letters or more and without digits.

        Those that most photos have come first.
        """
        with self._database.reading() as connection:
            return names.words(connection, limit)

    def photos_around(self, lat: float, lon: float) -> int:
        """Count the photos that were taken within half a degree of latitude and longitude."""
        box = "lat BETWEEN ?1 - 0.5 AND ?1 + 0.5 AND lon BETWEEN ?2 - 0.5 AND ?2 + 0.5"
        # Those without a path are few. To look for that of each photo would take ten times as long.
        query = (
            f"SELECT (SELECT count(*) FROM photos WHERE {box}) - (SELECT count(*) FROM photos "
            f"INDEXED BY photos_gone WHERE gone_at IS NOT NULL AND {box})"
        )
        return self._recent.get(
            ("around", lat, lon), lambda: int(self._database.fetch_one(query, lat, lon)[0])
        )
