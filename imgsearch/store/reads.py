"""Everything that a query reads, in plain SQL.

A query does without SQLAlchemy, whose import takes as long as the rest of a one-shot query
(docs/decisions/0009).
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby, takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from msgspec import Struct

from imgsearch.errors import UsageError
from imgsearch.records.answer import ScoreBaseline
from imgsearch.records.index import EncoderRow, SnapshotInfo
from imgsearch.records.names import (
    NAME_FIELDS,
    KnownName,
    MatchedField,
    NameField,
    NameMatch,
)
from imgsearch.records.photo import RAW, IndexedFile, Photo, PhotoVectors, are_raw_pair
from imgsearch.records.picture_text import PhotoText, TextMatch
from imgsearch.records.query import Filter, Listed, Selection
from imgsearch.store import names
from imgsearch.store.database import Database
from imgsearch.store.recent_reads import RecentReads
from imgsearch.store.sql import (
    DATE_TAKEN,
    DATED_BY,
    FACT_COLUMNS,
    HAS_PATH,
    IN_IDS,
    IS_LIVE,
    LIST_FACTS,
    from_columns,
    ids_from_text,
    ids_parameter,
    list_query,
)
from imgsearch.text import plain_text

if TYPE_CHECKING:
    from imgsearch.records.arrays import Ids, Vector, Vectors
    from imgsearch.records.browse import Moments, MonthCount
    from imgsearch.records.concepts import ConceptProbe
    from imgsearch.records.saved import SavedSearch

CHUNK_ROWS = 20_000  # 20 MB of fp16 at 512 dimensions
_MAX_PARTS = 100  # of a photo; far more than there are

_FILES = (
    "SELECT root_id, name, photos.id, format, taken_at FROM paths "
    "JOIN photos ON photos.id = photo_id WHERE "
)
_FILES_OF_PHOTOS = f"{_FILES} photos.id {IN_IDS}"
# In ASCII "." and "/" are neighbours, so this range holds the names that continue with a suffix.
_FILES_WITH_STEM = _FILES + "root_id = ? AND name >= ? AND name < ?"
_TO_THE_DAY = len("2023-06-15")


class Reads:
    """Reads a library for queries. Safe to use from several threads.

    `recent` keeps what was read or computed last, until anything is committed to the library.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        # Read last, with what tells whether it is still the same.
        self._baseline: tuple[tuple[int, object], ScoreBaseline | None] | None = None
        self.recent = RecentReads(database)

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
    def data_dir(self) -> Path:
        """The data folder of the library."""
        return self._database.data_dir

    @property
    def snapshots_dir(self) -> Path:
        """The folder of the index snapshots."""
        return self._database.snapshots_dir

    # ------------------------------------------------------------------ folders

    def roots(self) -> dict[int, str]:
        """The photo folders that the library follows: id to absolute path."""
        return self._roots_where("1")

    def paused_roots(self) -> dict[int, str]:
        """The roots that are paused: id to absolute path."""
        return self._roots_where("paused_at IS NOT NULL")

    def active_roots(self) -> dict[int, str]:
        """The roots that are not paused: id to absolute path."""
        return self._roots_where("paused_at IS NULL")

    def _roots_where(self, condition: str) -> dict[int, str]:
        rows = self._database.fetch_all(f"SELECT id, path FROM roots WHERE {condition} ORDER BY id")
        return {root_id: os.fsdecode(path) for root_id, path in rows}

    def volumes(self) -> dict[int, tuple[str, str]]:
        """Roots on an identifiable volume: root id to (identity, path on that volume)."""
        rows = self._database.fetch_all(
            "SELECT id, volume, volume_path FROM roots WHERE volume IS NOT NULL"
        )
        return {root_id: (volume, os.fsdecode(path)) for root_id, volume, path in rows}

    def filled_roots(self) -> set[int]:
        """The roots with at least one known file."""
        query = "SELECT id FROM roots WHERE EXISTS (SELECT 1 FROM paths WHERE root_id = roots.id)"
        return {root_id for (root_id,) in self._database.fetch_all(query)}

    def photo_count(self) -> int:
        """How many photos have at least one path."""
        query = "SELECT count(DISTINCT photo_id) FROM paths"
        return self.recent.get("photos", lambda: int(self._database.fetch_one(query)[0]))

    def photo_counts(self) -> dict[int, int]:
        """How many photo files each root has."""
        return dict(
            self._database.fetch_all("SELECT root_id, count(photo_id) FROM paths GROUP BY root_id")
        )

    def held_counts(self) -> dict[int, int]:
        """How many removals are held in each root; roots with none are left out."""
        query = (
            "SELECT root_id, count(*) FROM paths WHERE missing_since IS NOT NULL GROUP BY root_id"
        )
        return dict(self._database.fetch_all(query))

    # ------------------------------------------------------------------ photos

    def photos(self, ids: Iterable[int]) -> dict[int, Photo]:
        """The photos with these ids; unknown ids are left out."""
        columns = ", ".join(fact.name for fact in FACT_COLUMNS)
        photos_query = (
            f"SELECT id, content_hash, size_bytes, {columns} FROM photos WHERE id {IN_IDS}"
        )
        parameter = ids_parameter(ids)
        with self._database.reading() as connection:
            rows = connection.execute(photos_query, (parameter,)).fetchall()
            texts: dict[int, dict[str, tuple[str, ...]]] = {}
            for fact in LIST_FACTS:
                for photo_id, text in connection.execute(list_query(fact), (parameter,)):
                    lists = texts.setdefault(photo_id, {})
                    lists[fact] = (*lists.get(fact, ()), text)
        return {
            photo_id: Photo(
                photo_id,
                content_hash.hex(),
                size_bytes,
                from_columns(facts, texts.get(photo_id, {})),
            )
            for photo_id, content_hash, size_bytes, *facts in rows
        }

    def paths(self, ids: Iterable[int]) -> dict[int, list[tuple[int, Path]]]:
        """The files of these photos: id to (root id, absolute path), sorted by path."""
        query = (
            "SELECT photo_id, root_id, path, name FROM paths JOIN roots ON roots.id = root_id "
            f"WHERE photo_id {IN_IDS} ORDER BY path, name"
        )
        found: dict[int, list[tuple[int, Path]]] = {}
        for photo_id, root_id, root, name in self._database.fetch_all(query, ids_parameter(ids)):
            path = Path(os.fsdecode(root), os.fsdecode(name))
            found.setdefault(photo_id, []).append((root_id, path))
        return found

    def indexed_files(self, photo_id: int) -> list[IndexedFile]:
        """The files of a photo as they were when they were indexed, sorted by path."""
        query = (
            "SELECT path, name, mtime_ns FROM paths JOIN roots ON roots.id = root_id "
            "WHERE photo_id = ? ORDER BY path, name"
        )
        return [
            IndexedFile(Path(os.fsdecode(root), os.fsdecode(name)), os.fsdecode(root), mtime_ns)
            for root, name, mtime_ns in self._database.fetch_all(query, photo_id)
        ]

    def held_paths(self, ids: Iterable[int]) -> set[Path]:
        """The paths of these photos whose removal is held."""
        query = (
            "SELECT path, name FROM paths JOIN roots ON roots.id = root_id "
            f"WHERE photo_id {IN_IDS} AND missing_since IS NOT NULL"
        )
        rows = self._database.fetch_all(query, ids_parameter(ids))
        return {Path(os.fsdecode(root), os.fsdecode(name)) for root, name in rows}

    def dates(self, ids: Iterable[int]) -> dict[int, tuple[str, str | None]]:
        """When these photos were taken, as ISO text, and the source of that: see `Hit.date`."""
        query = f"SELECT id, {DATE_TAKEN}, {DATED_BY} FROM photos WHERE id {IN_IDS} AND {HAS_PATH}"
        return {
            photo_id: (date, by)
            for photo_id, date, by in self._database.fetch_all(query, ids_parameter(ids))
        }

    def photo_at(self, path: Path) -> int | None:
        """The id of the photo at this absolute path."""
        query = "SELECT photo_id FROM paths WHERE root_id = ? AND name = ?"
        for root_id, root in self.roots().items():
            if path.is_relative_to(root):
                row = self._database.fetch_one(query, root_id, os.fsencode(path.relative_to(root)))
                if row is not None and row[0] is not None:
                    return int(row[0])
        return None

    def photo_with(self, content_hash: bytes) -> int | None:
        """The id of the photo with this content."""
        row = self._database.fetch_one("SELECT id FROM photos WHERE content_hash = ?", content_hash)
        return None if row is None else int(row[0])

    def has_vectors(self, content_hash: bytes, encoder_key: int) -> bool:
        """Whether a photo with this content is known and already embedded."""
        query = (
            "SELECT 1 FROM photos JOIN vectors ON photo_id = photos.id "
            "WHERE content_hash = ? AND encoder_key = ? LIMIT 1"
        )
        return self._database.fetch_one(query, content_hash, encoder_key) is not None

    def live_ids(self, ids: Ids | None = None) -> Ids:
        """The photos, among these or all, that have at least one path; sorted, unique."""
        among = "IS NOT NULL" if ids is None else IN_IDS
        parameters = () if ids is None else (ids_parameter(ids.tolist()),)
        each = f"SELECT DISTINCT photo_id FROM paths WHERE photo_id {among}"
        query = f"SELECT group_concat(photo_id) FROM ({each})"
        return ids_from_text(self._database.fetch_one(query, *parameters)[0])

    def ids_without_path(self, ids: Ids) -> Ids:
        """The photos among these that no path points at, in their order.

        There are few, so a search asks for these: `live_ids` would give nearly all back, and Python
        takes its lock anew for each row.
        """
        query = (
            "SELECT value FROM json_each(?) "
            "WHERE NOT EXISTS (SELECT 1 FROM paths WHERE photo_id = value)"
        )
        return self._database.fetch_ids(query, ids_parameter(ids.tolist()))

    def matching(self, selection: Selection) -> Ids:
        """The photos of a selection: ids, sorted, unique, and read-only."""
        from imgsearch.store import filters  # lazy: many queries have no filter

        def read() -> Ids:
            with self._database.reading() as connection:
                return _read_only(filters.matching(connection, selection))

        if selection.among is not None:  # it has no hash, and few ask again
            return read()
        return self.recent.get((selection.filters, selection.online), read)

    def has_any(self, conditions: Sequence[Filter]) -> bool:
        """Whether some photo passes all of these filters, none of which names a town or root."""
        from imgsearch.store import filters

        with self._database.reading() as connection:
            return filters.has_any(connection, Selection(tuple(conditions)))

    def listing(
        self,
        selection: Selection,
        sort: Literal["date", "path"],
        after: Listed | None = None,
        limit: int = -1,
    ) -> list[Listed]:
        """The photos of a selection, newest first or by path; only those after `after`."""
        from imgsearch.store import filters

        with self._database.reading() as connection:
            return filters.listing(connection, selection, sort, after, limit)

    # ------------------------------------------------------------------ counts

    def month_counts(self, ids: Ids | None = None) -> list[MonthCount]:
        """How many of these photos, or of all, are of each month, in order."""
        from imgsearch.records.browse import MonthCount

        query = (
            f"SELECT substr({DATE_TAKEN}, 1, 7) AS month, count(*), sum(taken_at IS NULL) "
            "FROM photos WHERE {} GROUP BY month ORDER BY month"
        )

        return [MonthCount(*row) for row in self._counts_of_live_photos(query, ids)]

    def dated(self, ids: Ids | None = None) -> list[tuple[int, str, bool]]:
        """The day of each of these photos, or of all, newest first: (id, day as ISO text, …).

        The last says whether only the file has a date. The order is that of `listing` by date.
        """
        query = (
            f"SELECT id, {DATE_TAKEN} AS date, taken_at IS NULL FROM photos WHERE {{}} "
            "ORDER BY date DESC, id DESC"
        )
        rows = self._of_live_photos(query, ids)
        return [(photo_id, date[:_TO_THE_DAY], bool(by_file)) for photo_id, date, by_file in rows]

    def positions(self, ids: Ids | None = None) -> list[tuple[int, float | None, float | None]]:
        """The coordinates of these photos, or of all, newest first: (id, latitude, longitude).

        Both are None where the photo has none. An older version stored impossible ones, too.
        """
        query = f"SELECT id, lat, lon FROM photos WHERE {{}} ORDER BY {DATE_TAKEN} DESC, id DESC"
        return self._of_live_photos(query, ids)

    def place_counts(
        self, ids: Ids | None = None
    ) -> list[tuple[tuple[str | None, str | None, str | None], int, int]]:
        """How many of these photos, or of all, are of each place: ((country, region, town), …).

        With each, the number of photos and how many of them have coordinates.
        """
        query = (
            "SELECT country, region, town, count(*), count(lat) FROM photos WHERE {} "
            "GROUP BY country, region, town"
        )
        rows = self._counts_of_live_photos(query, ids)
        return [(tuple(row[:3]), *row[3:]) for row in rows]

    def folder_counts(self) -> dict[Path, int]:
        """How many photo files each folder has, without those in its subfolders; sorted."""
        rows = self._database.fetch_all(
            "SELECT path, name FROM paths JOIN roots ON roots.id = root_id "
            "WHERE photo_id IS NOT NULL"
        )
        counts = Counter((root, name.rpartition(b"/")[0]) for root, name in rows)
        return {
            Path(os.fsdecode(root), os.fsdecode(inside)): number
            for (root, inside), number in sorted(counts.items())
        }

    def text_counts_of(self, fact: str) -> dict[str, int]:
        """How many photos have each text of one of `LIST_FACTS`; most first, then by text."""
        table = f"photo_{fact}"
        return dict(
            self._database.fetch_all(
                f"SELECT name, count(*) AS photos FROM {table} "
                f"JOIN {fact} ON {fact}.id = {LIST_FACTS[fact]} "
                f"WHERE EXISTS (SELECT 1 FROM paths WHERE photo_id = {table}.photo_id) "
                "GROUP BY name ORDER BY photos DESC, name"
            )
        )

    def value_counts(self, fact: str, ids: Ids | None = None) -> list[tuple[str | None, int]]:
        """How many of these photos, or of all, have each value of a fact, None where unknown."""
        query = f"SELECT {fact}, count(*) FROM photos WHERE {{}} GROUP BY {fact}"
        return self._counts_of_live_photos(query, ids)

    def moments(self, ids: Ids | None = None) -> Moments:
        """When and where these photos, or all, were taken, in order of time.

        Photos whose metadata has no date are left out.
        """
        from imgsearch.records.browse import Moments

        query = (
            "SELECT id, taken_at, lat, lon, town, country FROM photos "
            "WHERE taken_at IS NOT NULL AND {}"
        )
        rows = self._of_live_photos(query, ids)
        return Moments.of(*(zip(*rows, strict=True) if rows else [()] * 6))

    def _counts_of_live_photos(self, query: str, ids: Ids | None) -> list[Any]:
        """As `_of_live_photos`; of all photos, what was read last is kept until a change."""

        def read() -> list[Any]:
            return self._of_live_photos(query, ids)

        return read() if ids is not None else self.recent.get(query, read)

    def _of_live_photos(self, query: str, ids: Ids | None) -> list[Any]:
        """The rows of a query about photos that have a path, and are among `ids` if given."""
        if ids is None:
            return self._database.fetch_all(query.format(IS_LIVE))
        condition = f"{HAS_PATH} AND photos.id {IN_IDS}"
        return self._database.fetch_all(query.format(condition), ids_parameter(ids.tolist()))

    # ------------------------------------------------------------------ names

    def named(
        self,
        phrases: Sequence[str],
        fields: Collection[NameField] = NAME_FIELDS,
        *,
        any_phrase: bool = False,
        limit: int = names.DEFAULT_LIMIT,
    ) -> list[NameMatch]:
        """The photos whose names have all of these phrases, or any of them, best match first.

        A phrase is one word or several, which must follow each other in one name; different
        phrases may be in different fields. Case, accents and punctuation do not matter. Phrases
        without a letter or a digit are left out; without any other there is no match.
        """
        with self._database.reading() as connection:
            return names.find(connection, phrases, fields, any_phrase, limit)

    def named_in_part(
        self,
        parts: Sequence[str],
        fields: Collection[NameField] = NAME_FIELDS,
        *,
        limit: int = names.DEFAULT_LIMIT,
    ) -> list[NameMatch]:
        """The photos whose names contain all of these parts, inside of words too, best match first.

        A part of one or two characters must be the beginning of a word. Descriptions are left out.
        """
        with self._database.reading() as connection:
            return names.find_parts(connection, parts, fields, limit)

    def fields_named(self, phrase: str) -> tuple[NameField, ...]:
        """The fields in which some photo has this phrase, in a fraction of a millisecond.

        So a query knows whether "anna" is a person, a place or a folder of this library.
        """
        with self._database.reading() as connection:
            return names.fields_with(connection, phrase)

    def names_beginning(
        self, phrases: Sequence[str], fields: Collection[NameField], limit: int
    ) -> list[KnownName]:
        """The names in these fields of which words begin with one of these phrases, best first.

        The phrases are words as in `words_of`, the longest first, and each ends with the next. The
        last word of a phrase may be the beginning of one, unless a space follows it. The fields are
        those of `knows_name`. Names with a longer phrase come first, then those that begin with it,
        then those of the most photos.
        """
        with self._database.reading() as connection:
            return names.beginning(connection, phrases, fields, limit)

    def distinct_values(self, kind: Literal["camera", "lens", "creator"]) -> list[str]:
        """The cameras, the lenses or the creators of the photos of the library, sorted."""
        # Each step is one look-up in the index of the column: far fewer than there are photos.
        query = (
            f"WITH RECURSIVE each (value) AS (SELECT min({kind}) FROM photos UNION ALL "
            f"SELECT (SELECT min({kind}) FROM photos WHERE {kind} > value) FROM each "
            "WHERE value IS NOT NULL) SELECT value FROM each WHERE value IS NOT NULL AND "
            f"EXISTS (SELECT 1 FROM photos WHERE {kind} = value AND {IS_LIVE})"
        )
        return [value for (value,) in self._database.fetch_all(query)]

    def knows_name(self, field: NameField, name: str) -> bool:
        """Whether some photo has exactly this name in a field, without case, accents and marks.

        The field is `folder`, `keywords`, `people`, `place` or `country`. The first words of a
        person's name are enough, and so are the last: "Anna" or "Smith" for Anna Smith.
        """
        with self._database.reading() as connection:
            return names.is_known(connection, field, name)

    def has_phrase(self, phrase: str, fields: Collection[NameField] = NAME_FIELDS) -> bool:
        """Whether some photo has this phrase in one of these fields: see `named`."""
        with self._database.reading() as connection:
            return names.is_phrase(connection, phrase, fields)

    def ids_named(self, phrase: str, is_whole: bool = False) -> Ids:
        """The photos that have this phrase in a name, or in the text read in them; sorted, unique.

        With `is_whole`, as a whole name: of a file, without its suffix, a folder, a title, a
        headline or a keyword. They are read-only.
        """
        import numpy as np

        def read() -> Ids:
            with self._database.reading() as connection:
                return _read_only(np.array(names.ids_with(connection, phrase, is_whole), np.int64))

        return self.recent.get(("named", phrase, is_whole), read)

    def has_named(self, phrase: str, is_whole: bool = False) -> bool:
        """Whether `ids_named` finds a photo."""
        with self._database.reading() as connection:
            return bool(names.ids_with(connection, phrase, is_whole, limit=1))

    def fields_with_any(
        self, ids: Iterable[int], phrases: Sequence[str]
    ) -> dict[int, tuple[MatchedField, ...]]:
        """The fields in which each of these photos has any of these phrases, or its text."""
        with self._database.reading() as connection:
            return names.fields_of(connection, ids, phrases)

    def has_date_from(self, first: str, end: str) -> bool:
        """Whether some photo was taken from the day `first` until before the day `end` (ISO).

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

    def words_of_names(self, limit: int) -> list[str]:
        """The words of all names, of three letters or more and without digits.

        Those that most photos have come first.
        """
        with self._database.reading() as connection:
            return names.words(connection, limit)

    def photos_around(self, lat: float, lon: float) -> int:
        """How many photos were taken within half a degree of latitude and longitude."""
        box = "lat BETWEEN ?1 - 0.5 AND ?1 + 0.5 AND lon BETWEEN ?2 - 0.5 AND ?2 + 0.5"
        # Those without a path are few. To look for that of each photo would take ten times as long.
        query = (
            f"SELECT (SELECT count(*) FROM photos WHERE {box}) - (SELECT count(*) FROM photos "
            f"INDEXED BY photos_gone WHERE gone_at IS NOT NULL AND {box})"
        )
        return self.recent.get(
            ("around", lat, lon), lambda: int(self._database.fetch_one(query, lat, lon)[0])
        )

    # ------------------------------------------------------------------ text in pictures

    def with_text(
        self,
        phrases: Sequence[str],
        *,
        any_phrase: bool = False,
        limit: int = names.DEFAULT_LIMIT,
    ) -> list[TextMatch]:
        """The photos that show text with all of these phrases, or any of them, best match first.

        A phrase is one word or several, which must follow each other, also over lines. Case,
        accents and punctuation do not matter. Phrases without a letter or a digit are left out;
        without any other there is no match. `texts` has the lines, and `lines_with` says which of
        them a phrase stands in.
        """
        with self._database.reading() as connection:
            return names.find_text(connection, phrases, any_phrase, limit)

    def texts(self, ids: Iterable[int]) -> dict[int, PhotoText]:
        """What reading the text of these photos gave; those that were not tried are left out."""
        query = (
            "SELECT photo_id, state, reader, read_at, message FROM text_readings "
            f"WHERE photo_id {IN_IDS}"
        )
        parameter = ids_parameter(ids)
        with self._database.reading() as connection:
            lines = names.read_lines(connection, parameter)
            return {
                photo_id: PhotoText(
                    state,
                    tuple(lines.get(photo_id, ())),
                    reader,
                    datetime.fromisoformat(read_at),
                    message,
                )
                for photo_id, state, reader, read_at, message in connection.execute(
                    query, (parameter,)
                )
            }

    # ------------------------------------------------------------------ saved searches

    def saved_search(self, name: str) -> SavedSearch | None:
        """The search that is saved under this name, compared without case and accents."""
        from imgsearch.store.saved import SavedSearchStore  # lazy: few queries name one

        return SavedSearchStore(self._database).named(name)

    def saved_search_names(self) -> list[str]:
        """The names of all saved searches, sorted."""
        from imgsearch.store.saved import SavedSearchStore

        return SavedSearchStore(self._database).names()

    def label_names(self) -> dict[str, tuple[str, ...]]:
        """The labels that photos may get, by the name of their facet."""
        from imgsearch.records.labels import Classes  # lazy: few queries ask

        rows = self._database.fetch_all(
            "SELECT name, classes, none_of_these FROM facets ORDER BY name"
        )
        return {
            name: Classes(tuple(json.loads(classes)), none_of_these=bool(none_of_these)).labels
            for name, classes, none_of_these in rows
        }

    # ------------------------------------------------------------------ stacks

    def raw_pairs(self, ids: Iterable[int]) -> list[tuple[int, int]]:
        """Pairs of photos (developed, RAW) of one exposure, of which one is among `ids`.

        Their files are in one folder and have one name up to the suffix; where both state a time,
        it is the same second.
        """
        pairs: dict[tuple[int, int], None] = {}
        with self._database.reading() as connection:
            rows = connection.execute(_FILES_OF_PHOTOS, (ids_parameter(ids),)).fetchall()
            for file in (_StackFile(*row) for row in rows):
                span = (file.root_id, file.stem + b".", file.stem + b"/")
                others = connection.execute(_FILES_WITH_STEM, span)
                for other in (_StackFile(*row) for row in others):
                    developed, raw = (file, other) if other.format == RAW else (other, file)
                    if _are_raw_pair(developed, raw):
                        pairs[developed.id, raw.id] = None
        return list(pairs)

    # ------------------------------------------------------------------ concepts

    def concept_names(self) -> list[str]:
        """The names of all concepts, sorted."""
        return [
            name
            for (name,) in self._database.fetch_all("SELECT name FROM concepts ORDER BY plain_name")
        ]

    def concept(self, name: str, encoder_key: int) -> ConceptProbe | None:
        """The concept of this name, whatever its case and accents, as this encoder has learned it.

        None for an unknown one, and for one that the encoder has not learned.
        """
        import numpy as np

        from imgsearch.records.concepts import ConceptProbe  # lazy: few queries name one

        row = self._database.fetch_one(
            "SELECT name, direction, slope, intercept, sure_from, likely_from FROM concepts "
            "WHERE plain_name = ? AND encoder_key = ?",
            plain_text(name),
            encoder_key,
        )
        if row is None:
            return None
        name, direction, slope, intercept, *bounds = row
        sure_from, likely_from = (float("inf") if each is None else each for each in bounds)
        vector = np.frombuffer(direction, "<f4")
        return ConceptProbe(name, vector, slope, intercept, sure_from, likely_from)

    def concept_photo_count(self, name: str) -> int:
        """In how many photos a concept is likely or sure to be."""
        query = (
            "SELECT count(*) FROM concept_photos JOIN concepts ON id = concept_id "
            "WHERE plain_name = ?"
        )
        return int(self._database.fetch_one(query, plain_text(name))[0])

    def concept_judgements(self, name: str) -> dict[int, bool]:
        """The photos of the library that are examples of a concept, and whether each is liked."""
        query = (
            "SELECT photo_id, is_like FROM concept_examples JOIN concepts ON id = concept_id "
            "WHERE plain_name = ? AND photo_id IS NOT NULL ORDER BY photo_id"
        )
        rows = self._database.fetch_all(query, plain_text(name))
        return {photo_id: bool(is_like) for photo_id, is_like in rows}

    # ------------------------------------------------------------------ encoders

    def current_encoder(self) -> EncoderRow | None:
        """The encoder that answers queries; None before the first indexing run."""
        return self._encoder_in("current")

    def encoder_dims(self) -> dict[str, int]:
        """The length of a vector of each encoder that the library knows, by its id."""
        return dict(self._database.fetch_all("SELECT encoder_id, dim FROM encoders"))

    def encoder_in_use(self) -> EncoderRow:
        """The encoder that answers queries. Raises UsageError for an empty library."""
        row = self.current_encoder()
        if row is None:
            raise UsageError("The library is empty. Add photos: imgsearch index FOLDER")
        return row

    def _encoder_in(self, state: str) -> EncoderRow | None:
        row = self._database.fetch_one(
            "SELECT key, encoder_id, name, dim FROM encoders WHERE state = ?", state
        )
        return None if row is None else EncoderRow(*row)

    # ------------------------------------------------------------------ vectors

    def vectors(
        self, encoder_key: int, after_seq: int = 0, chunk_rows: int = CHUNK_ROWS
    ) -> Iterator[tuple[int, Ids, Vectors]]:
        """Chunks of (last seq, photo ids (n,), float32 rows (n, dim)) in the order of `seq`.

        The vectors of a photo are adjacent, in one chunk, in the order of its parts, so a chunk may
        have a few more than `chunk_rows`; `photo_starts` tells where each photo begins.
        """
        import numpy as np

        query = (
            "SELECT seq, photo_id, vector FROM vectors WHERE encoder_key = ? AND seq > ? "
            "ORDER BY seq LIMIT ?"
        )
        while rows := self._database.fetch_all(query, encoder_key, after_seq, chunk_rows):
            if len(rows) == chunk_rows:  # the last photo may have further parts
                following = self._database.fetch_all(query, encoder_key, rows[-1][0], _MAX_PARTS)
                rows += _rows_of(rows[-1][1], following)
            after_seq = rows[-1][0]
            ids = np.fromiter((row[1] for row in rows), np.int64, len(rows))
            yield after_seq, ids, _to_float32([row[2] for row in rows])

    def vector_of(self, encoder_key: int, photo_id: int) -> Vector | None:
        """The vector (dim,) of a whole photo, float32 of length 1."""
        found = self.parts(encoder_key, [photo_id]).get(photo_id)
        return None if found is None else found.vectors[0]

    def parts(
        self, encoder_key: int, ids: Iterable[int], only_several: bool = False
    ) -> dict[int, PhotoVectors]:
        """All vectors of each of these photos; with `only_several`, of those with several parts."""
        # SQLite would look up every photo in the index of all vectors. That of further parts is
        # small: in most libraries it has nothing.
        several = (
            "IN (SELECT photo_id FROM vectors INDEXED BY vectors_of_parts "
            f"WHERE encoder_key = ?1 AND part > 0 AND photo_id {IN_IDS}) "
        )
        query = (
            "SELECT photo_id, vector, at_s FROM vectors "
            f"WHERE encoder_key = ?1 AND photo_id {several if only_several else IN_IDS} "
            "ORDER BY photo_id, part"
        )
        rows = self._database.fetch_all(query, encoder_key, ids_parameter(ids))
        return {
            photo_id: _photo_vectors(list(own))
            for photo_id, own in groupby(rows, lambda row: row[0])
        }

    def further_parts(self, encoder_key: int) -> tuple[Ids, Ids]:
        """Photos with several parts: ids, ascending, and the parts of each besides the first."""
        import numpy as np

        query = (
            "SELECT photo_id, count(*) FROM vectors WHERE encoder_key = ? AND part > 0 "
            "GROUP BY photo_id ORDER BY photo_id"
        )
        table = np.array(self._database.fetch_all(query, encoder_key), np.int64).reshape(-1, 2)
        return table[:, 0], table[:, 1]

    def last_seq(self, encoder_key: int) -> int:
        """The newest committed `seq` of an encoder; 0 if it has no vector."""
        row = self._database.fetch_one(
            "SELECT max(seq) FROM vectors WHERE encoder_key = ?", encoder_key
        )
        return row[0] or 0

    def current_snapshot(self, encoder_key: int) -> SnapshotInfo | None:
        """The index snapshot that readers should open, if there is one."""
        query = (
            "SELECT file_name, encoder_id, kind, last_seq, vectors, size_bytes, sha256, built_at, "
            "details FROM snapshots JOIN encoders ON encoders.key = encoder_key "
            "WHERE encoder_key = ?"
        )
        row = self._database.fetch_one(query, encoder_key)
        if row is None:
            return None
        file_name, encoder_id, kind, last_seq, vectors, size_bytes, sha256, built_at, details = row
        return SnapshotInfo(
            file_name=file_name,
            encoder_id=encoder_id,
            kind=kind,
            last_seq=last_seq,
            vectors=vectors,
            size_bytes=size_bytes,
            sha256=sha256,
            built_at=datetime.fromisoformat(built_at),
            details=json.loads(details),
        )

    def baseline(self, encoder_key: int) -> ScoreBaseline | None:
        """The score baseline of this encoder, None before it was first computed.

        It is the same object until it changes: every query asks for it, and reading it takes longer
        than many a search.
        """
        query = (
            "SELECT prompts_sha256, vectors, mean, length(photos), length(nouns) FROM nulls "
            "WHERE encoder_key = ?"
        )
        version = (encoder_key, self._database.fetch_one(query, encoder_key))
        known = self._baseline  # another thread may replace it
        if known is None or known[0] != version:
            known = self._baseline = version, self._read_baseline(encoder_key)
        return known[1]

    def _read_baseline(self, encoder_key: int) -> ScoreBaseline | None:
        import numpy as np

        query = (
            "SELECT prompts, nouns, photos, mean, vectors, dim FROM nulls "
            "JOIN encoders ON encoders.key = encoder_key WHERE encoder_key = ?"
        )
        row = self._database.fetch_one(query, encoder_key)
        if row is None:
            return None
        *halves, mean, vectors, dim = row
        prompts, nouns, photos = (
            np.frombuffer(blob, "<f2").astype(np.float32).reshape(-1, dim) for blob in halves
        )
        return ScoreBaseline(prompts, nouns, photos, np.frombuffer(mean, "<f4"), vectors)


def _read_only(ids: Ids) -> Ids:
    ids.flags.writeable = False
    return ids


def photo_starts(ids: Ids) -> Ids:
    """Where each photo begins in a chunk of `Reads.vectors`, for `np.maximum.reduceat`."""
    import numpy as np

    return np.flatnonzero(np.append(True, ids[1:] != ids[:-1])) if len(ids) else ids


def _rows_of(photo_id: int, rows: Iterable[Any]) -> Iterator[Any]:
    return takewhile(lambda row: bool(row[1] == photo_id), rows)


def _photo_vectors(rows: Sequence[Any]) -> PhotoVectors:
    times_s = tuple(at_s for _, _, at_s in rows if at_s is not None)
    return PhotoVectors(_to_float32([vector for _, vector, _ in rows]), times_s)


def _to_float32(halves: Sequence[bytes]) -> Vectors:
    import numpy as np

    rows = np.frombuffer(b"".join(halves), "<f2").astype(np.float32).reshape(len(halves), -1)
    # Rounding to fp16 changes a length by up to 2^-11, enough to reorder near ties.
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


class _StackFile(Struct, frozen=True):
    root_id: int
    name: bytes  # as the file system spells it
    id: int
    format: str
    taken_at: str | None

    @property
    def stem(self) -> bytes:
        return os.path.splitext(self.name)[0]  # noqa: PTH122  # names need not be UTF-8


def _are_raw_pair(developed: _StackFile, raw: _StackFile) -> bool:
    times = developed.taken_at, raw.taken_at
    return developed.stem == raw.stem and are_raw_pair(developed.format, raw.format, *times)
