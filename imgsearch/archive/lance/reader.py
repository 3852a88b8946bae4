"""The read side of a catalogue of Lance tables."""

from __future__ import annotations

import math
import os
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from copy import copy
from datetime import datetime
from pathlib import Path
from threading import Thread
from typing import Any, Literal, Self, TypeAlias, TypeVar

import numpy as np
import pyarrow.compute as pc
from lance.dataset import ColumnOrdering
from msgspec import Struct
from msgspec.structs import replace

from imgsearch.addresses import as_path, is_folder, normal_address
from imgsearch.archive.lance import filters
from imgsearch.archive.lance.counts import PhotoCounts
from imgsearch.archive.lance.nearest import (
    USUAL_POLICY,
    LancePolicy,
    PhotoVectorsView,
    SearchSettings,
    indexed_rows,
)
from imgsearch.archive.lance.rows import (
    HAS_READING,
    PHOTO_COLUMNS,
    READING_COLUMNS,
    checksums_of,
    id_of,
    images_by_hash,
    photo_of,
    reading_of,
    stem_of,
    stored_in,
    vectors_in,
)
from imgsearch.archive.lance.tables import (
    FACE_NAMES,
    FIRST_PARTS,
    TEXT_COLUMN,
    VECTOR_CHECKSUM,
    Pinned,
    Table,
    TableName,
    Versions,
    View,
    is_one_of,
    lance_errors,
    literal,
    loaded,
    stored,
    words_column,
)
from imgsearch.archive.lance.vector_files import (
    LIST_COLUMNS,
    RECORD_COLUMNS,
    PartRows,
    VectorFiles,
)
from imgsearch.archive.lance.vocabulary import (
    NAMED,
    KnownCounts,
    KnownWords,
    Published,
    Vocabulary,
    counts_of_all,
    is_exactly_known,
    name_of,
    published_in,
)
from imgsearch.caches import MemoryCache
from imgsearch.catalogue.base import CataloguedPhoto, PhotoCount, PhotoFile
from imgsearch.errors import Reason
from imgsearch.records.answer import Neighbours, ScoreBaseline
from imgsearch.records.arrays import HalfVectors, Ids, Vector
from imgsearch.records.index import EncoderRow
from imgsearch.records.names import (
    NAME_FIELDS,
    WHOLE_NAME_FIELDS,
    MatchedField,
    NameField,
)
from imgsearch.records.photo import DEVELOPED, RAW, PhotoVectors, are_raw_pair, with_people
from imgsearch.records.picture_text import PhotoText, differs_by_a_letter, words_in_text
from imgsearch.records.query import Filter, Listed, NamedPhrase, Selection
from imgsearch.records.status import Failure
from imgsearch.records.worth import LOSSY, MEASURE_COLUMNS, PictureMeasures
from imgsearch.text import path_text, words_of

_ROWS_AT_ONCE = 8_192  # of all vectors: 16 MB
_KEPT_COLUMNS = frozenset(RECORD_COLUMNS)
_LISTED = frozenset(LIST_COLUMNS)
_ANSWERS_BEFORE_FILES = 10  # by a process that goes on searching an archive in a folder
_MADE_AT_ONCE = 20_000  # vectors whose files one search makes: 20 MB
_MOST_UNSETTLED = 20_000  # photos whose words are read since the catalogue was settled
_MOST_NEW_FRAGMENTS = 1_000  # whose words are kept, and whose counts
_MOST_SHOWN = 5_000  # photos whose records are kept in memory: some 10 MB
_MOST_TEXTS = 1000  # that are looked through for a misread word
_SortColumn: TypeAlias = Literal["date", "first_path"]
_Value = TypeVar("_Value")


class _Settled(Struct, frozen=True):
    """What was published when the catalogue was settled last: its number is 0 before."""

    number: int = 0
    baseline: ScoreBaseline | None = None
    words: list[str] = []
    vocabulary: Published = Published()


class _ShownPhoto(Struct, frozen=True):
    """A photo, and all photos that were read with it."""

    photo: CataloguedPhoto
    page: tuple[CataloguedPhoto, ...]


class LanceCatalogue:
    """A catalogue in Lance tables, in a folder or in object storage.

    Every call reads the newest version: what this process has put or forgotten is seen at once, and
    what others have after `unchecked_s` seconds. All calls of one that is `pinned` read the same
    version. All files count as online: shared storage has no drives that come and go.
    """

    def __init__(
        self,
        address: str | Path,
        policy: LancePolicy = USUAL_POLICY,
        index_cache_bytes: int | None = None,
        unchecked_s: float = 0.0,
        vector_files: VectorFiles | None = None,
    ) -> None:
        """Open a catalogue. Raises StoreError where there is none, or a damaged or foreign one.

        `index_cache_bytes` bounds what stays in memory of the indexes that a search uses. For
        `unchecked_s` seconds, a version counts as the newest without another look at the storage.
        `vector_files` are copies of the vectors on this machine, which searches use. `warm_up`
        makes those of all vectors.
        """
        self.address = normal_address(address)
        self._policy = policy
        self._unchecked_s = unchecked_s
        self._vector_files = vector_files
        self._makes_all_files = False
        self._answers = 0

        def table(name: TableName, cache_bytes: int | None = None) -> Versions:
            return Table(self.address, name, cache_bytes, unchecked_s=unchecked_s)

        self._photos = table("photos", index_cache_bytes)
        self._kept = table("kept")
        self._files = table("files")
        self._texts = table("texts")
        self._baselines = table("baselines")
        self._lock = threading.Lock()
        self._thumbnail_table: Table | None = None
        self._cache: MemoryCache[str] = MemoryCache(4, keeps_outdated=True)
        self._new_words: MemoryCache[str] = MemoryCache(_MOST_NEW_FRAGMENTS)
        self._known_counts: KnownCounts = MemoryCache(_MOST_NEW_FRAGMENTS)
        self._shown: MemoryCache[int] = MemoryCache(_MOST_SHOWN)
        self._of_version: dict[str, Any] | None = None  # of one that is pinned: see `_once`

    def version(self) -> tuple[int, ...]:
        """A value that changes whenever anything is written to the archive."""
        return tuple(view.version for view in self._answering())

    def pinned(self) -> Self:
        """The catalogue as it is now: what is written from here on, it does not see."""
        self._answers += 1
        if self._answers >= _ANSWERS_BEFORE_FILES and is_folder(self.address):
            self._makes_all_files = True
        photos, files, texts, baselines = self._answering()
        pinned = copy(self)
        pinned._photos, pinned._files = Pinned(photos), Pinned(files)
        pinned._texts, pinned._baselines = Pinned(texts), Pinned(baselines)
        pinned._of_version = {}
        return pinned

    def _once(self, key: str, read: Callable[[], _Value]) -> _Value:
        """What `read` returns; of a pinned catalogue, where it stays the same, read once.

        Two threads may both read it.
        """
        if self._of_version is None:
            return read()
        if key not in self._of_version:
            self._of_version[key] = read()
        value: _Value = self._of_version[key]
        return value

    def _answering(self) -> tuple[View, View, View, View]:
        """The newest versions of the tables that answers depend on, looked up at the same time."""
        tables = (self._photos, self._files, self._texts, self._baselines)
        due = [table for table in tables if table.is_due()]
        if len(due) > 1 and not is_folder(self.address):  # where a look takes no time to speak of
            with ThreadPoolExecutor(len(due)) as threads:
                list(threads.map(lambda table: table.newest(), due))
        photos, files, texts, baselines = (table.newest() for table in tables)
        return photos, files, texts, baselines

    @property
    def encoder(self) -> EncoderRow:
        """The encoder whose vectors are searched."""
        return self._photos.newest().encoder

    @property
    def names(self) -> LanceNames:
        """The names of its photos."""
        return LanceNames(self)

    @property
    def search_settings(self) -> SearchSettings | None:
        """The search settings of the index and its recall; None where every vector is compared."""
        with self._errors():
            return self._current().settings

    def indexed_vectors(self) -> int:
        """The number of vectors in the index; the others are compared one by one."""
        with self._errors():
            return indexed_rows(self._current().view.dataset)

    def failure_count(self) -> int:
        """The number of files that could not be indexed."""
        with self._errors():
            return self._files.newest().count("reason IS NOT NULL")

    def warm_up(self) -> None:
        """Read the indexes into memory, so that the first search is as fast as others."""
        with self._errors():
            current = self._current()
            dataset = current.view.dataset
            for index in dataset.describe_indices():
                dataset.prewarm_index(index.name)
            current.prepare()
            self._makes_all_files = True

    # ------------------------------------------------------------------ searching

    def nearest(
        self,
        query: Vector,
        k: int,
        among: Selection | None = None,
        *,
        kind: Literal["text", "image"],
    ) -> Neighbours:
        """The k photos nearest to a query (dim,) of length 1: best first, equal scores by id."""
        with self._errors():
            current = self._current()
            self._make_vector_files(current)
            condition = None if among is None else _where(among, current.view)
            return current.nearest(query, k, condition, kind)

    def count(self, among: Selection | None = None) -> PhotoCount:
        """Count the photos in a selection."""
        with self._errors():
            current = self._current()
            if among is None:
                return PhotoCount(current.view.count(FIRST_PARTS), current.rows)
            condition = _where(among, current.view)
            return PhotoCount(current.count_photos(condition), current.count(condition))

    def ids(self, among: Selection) -> Ids:
        """The photos of a selection, sorted, unique: for views of everything, not for a search."""
        with self._errors():
            view = self.photos_view()
            condition = filters.all_of([FIRST_PARTS, _where(among, view)])
            rows = view.read(["id"], condition)
        ids: Ids = np.sort(rows["id"].to_numpy()).astype(np.int64)
        return ids

    def without_fact(self, fact: str) -> int:
        """0: an archive does not know with which facts a photo was read."""
        return 0

    def within(self, ids: Sequence[int], among: Selection) -> set[int]:
        """The photos among these that are in a selection."""
        with self._errors():
            current = self._current()
            condition = _where(among, current.view)
            found = current.within(ids, condition)
            if found is not None:
                return found
            also = f" AND {FIRST_PARTS} AND ({condition})"
            rows = current.view.read_with("id", _plain_ids(ids), ["id"], also)
        return set(rows["id"].to_pylist())

    def listing(
        self,
        among: Selection,
        sort: Literal["date", "path"],
        after: Listed | None = None,
        limit: int = -1,
    ) -> list[Listed]:
        """The photos of a selection, newest first or by path; only those after `after`.

        Names that are not UTF-8 come after all others.
        """
        if limit == 0:
            return []
        column: _SortColumn = "date" if sort == "date" else "first_path"
        sign = "<" if sort == "date" else ">"
        conditions = [FIRST_PARTS]
        if after is not None:
            key = literal(after.key)
            conditions.append(
                f"{column} {sign} {key} OR {column} = {key} AND id {sign} {int(after.id)}"
            )
        ascending = sort == "path"
        with self._errors():
            view = self.photos_view()
            chosen = _where(among, view)
            rows = self._current().listed_rows(None if chosen == filters.ALWAYS else chosen)
            if rows is not None:
                rows = _listed(rows, column, after, limit)
            else:
                rows = view.read(
                    ["id", column],
                    filters.all_of([*conditions, chosen]),
                    order_by=[ColumnOrdering(column, ascending), ColumnOrdering("id", ascending)],
                    limit=None if limit < 0 else limit,
                )
        pairs = zip(rows["id"].to_pylist(), rows[column].to_pylist(), strict=True)
        return [Listed(photo_id, loaded(key)) for photo_id, key in pairs]

    def measures(self, among: Selection) -> PictureMeasures:
        """What is stored about the pictures of a selection, in any order."""
        with self._errors():
            view = self.photos_view()
            condition = filters.all_of([FIRST_PARTS, _where(among, view)])
            rows = view.read(list(MEASURE_COLUMNS), condition)
        is_lossy = pc.fill_null(pc.equal(rows["format"], LOSSY), False)
        # A null becomes NaN.
        numbers = (rows[name].cast("float64").to_numpy() for name in MEASURE_COLUMNS[2:])
        return PictureMeasures.of_columns(
            rows["id"].to_numpy(), is_lossy.to_numpy(), *map(np.array, numbers)
        )

    # ------------------------------------------------------------------ photos

    def photos(self, ids: Iterable[int]) -> dict[int, CataloguedPhoto]:
        """The records of these photos; photos without a path are left out."""
        wanted = _plain_ids(ids)
        if not wanted:
            return {}
        view = self.photos_view()
        known = {each: self._shown.known(each, view.version) for each in wanted}
        lacking = [photo_id for photo_id, shown in known.items() if shown is None]
        if lacking:
            columns = [*PHOTO_COLUMNS, FACE_NAMES, "paths", "date", "date_source"]
            page = tuple(map(_catalogued, self.records_of(lacking, columns)))
            for photo in page:
                shown = _ShownPhoto(photo, page)
                self._shown.keep(photo.photo.id, view.version, shown)
                known[photo.photo.id] = shown
        return {
            photo_id: shown.photo
            for photo_id, shown in known.items()
            if isinstance(shown, _ShownPhoto)
        }

    def stated_names(self, ids: Iterable[int]) -> dict[int, tuple[str, ...]]:
        """The names of people in the metadata of these photos, by photo, without those of faces."""
        rows = self.records_of(ids, PHOTO_COLUMNS)
        return {photo.id: photo.facts.people for photo in map(photo_of, rows)}

    def shown_with(self, content_hash: str) -> list[str]:
        """The contents, in hexadecimal, of the photos that were read with this one, and its own.

        These are the photos of a page: who asks for something of one asks for that of the others.
        """
        shown = self._shown.known(id_of(content_hash), self.photos_view().version)
        page = shown.page if isinstance(shown, _ShownPhoto) else ()
        return list(dict.fromkeys([content_hash, *(each.photo.content_hash for each in page)]))

    def file_times(self, content_hashes: Sequence[str]) -> dict[str, int]:
        """Return the time of change (ns) of each file of photos when it was recorded, by path."""
        with self._errors():
            rows = self._files.newest().read_with("hash", content_hashes, ["path", "mtime_ns"])
        return {loaded(row["path"]): row["mtime_ns"] for row in rows.to_pylist()}

    def vectors_of(
        self, ids: Iterable[int], *, only_several: bool = False
    ) -> dict[int, PhotoVectors]:
        """The vectors of these photos; with `only_several`, of photos with several parts."""
        wanted = _plain_ids(ids)
        found: dict[int, PhotoVectors] = {}
        with self._errors():
            stored = None
            if wanted:
                stored = self._current().stored_parts(wanted, only_several=only_several)
            if stored is not None:
                found = _stored_vectors(stored)
                wanted = [] if only_several else [each for each in wanted if each not in found]
            if only_several and wanted:
                rows = self.photos_view().read_with("id", wanted, ["id"], " AND part = 1")
                wanted = rows["id"].to_pylist()
            for table in (self._photos, self._kept):
                missing = [photo_id for photo_id in wanted if photo_id not in found]
                columns = ["id", "part", "vector", "at_s"]
                rows = table.newest().read_with("id", missing, columns) if missing else None
                if rows is not None and rows.num_rows:
                    found |= _photo_vectors(rows)
        if only_several:
            return {key: photo for key, photo in found.items() if len(photo.vectors) > 1}
        return found

    def whole_vectors(self) -> Iterator[tuple[Ids, HalfVectors]]:
        """The vectors of photos as wholes, some thousands at a time: ids (n,) and rows (n, dim).

        All of one version, which is the newest when the first is read.
        """
        with self._errors():
            for rows in self.photos_view().batches(["id", "vector"], FIRST_PARTS, _ROWS_AT_ONCE):
                yield rows["id"].to_numpy(), vectors_in(rows).astype(np.float16)

    def texts(self, ids: Iterable[int]) -> dict[int, PhotoText]:
        """The text in these photos; photos that were not read are left out."""
        by_hash = {row["hash"]: row["id"] for row in self.records_of(ids, ["id", "hash"])}
        with self._errors():
            rows = self._texts.newest().read_with(
                "hash", list(by_hash), READING_COLUMNS, HAS_READING
            )
        return {by_hash[row["hash"]]: reading_of(row["reading"]) for row in rows.to_pylist()}

    def thumbnail(self, content_hash: bytes) -> bytes | None:
        """The small picture (WebP) of the photo with this content; None where there is none."""
        return self.thumbnails([content_hash.hex()]).get(content_hash.hex())

    def thumbnails(self, content_hashes: Sequence[str]) -> dict[str, bytes]:
        """The small pictures (WebP) of photos by their content, in hexadecimal, where there are."""
        with self._errors():
            table = self._thumbnails
            if table is None:
                return {}
            rows = table.newest().read_with("hash", content_hashes, ["hash", "image"])
        return images_by_hash(rows)

    @property
    def _thumbnails(self) -> Table | None:
        """None for a catalogue from before there were thumbnails, until a writer adds the table."""
        with self._lock:
            if self._thumbnail_table is None:
                self._thumbnail_table = Table.if_there(
                    self.address, "thumbnails", self._unchecked_s
                )
            return self._thumbnail_table

    def whole_photos(
        self,
        columns: Sequence[str],
        ids: Iterable[int] | None = None,
        condition: str = filters.ALWAYS,
    ) -> Any:
        """These columns (a pyarrow.Table) of these photos, or of all, if they fulfil a condition.

        Each photo is one row, however many parts it has.
        """
        wanted = f"{FIRST_PARTS} AND {condition}"
        with self._errors():
            view = self.photos_view()
            if ids is None and condition == filters.ALWAYS and _LISTED.issuperset(columns):
                rows = self._current().listed_rows(None)
                if rows is not None:
                    return rows.filter(pc.equal(rows["part"], 0)).select(list(columns))
            if ids is None:
                return view.read(columns, wanted)
            return view.read_with("id", _plain_ids(ids), columns, f" AND {wanted}")

    def photo_with(self, content_hash: bytes) -> int | None:
        """The id of the photo with this content."""
        text = content_hash.hex()
        condition = f"id = {id_of(text)} AND hash = {literal(text)}"
        with self._errors():
            for table in (self._photos, self._kept):
                rows = table.newest().read(["id"], condition, limit=1)
                if rows.num_rows:
                    return int(rows["id"][0].as_py())
        return None

    def put_away(self) -> list[int]:
        """The photos that have lost all their files."""
        with self._errors():
            ids = self._kept.newest().read(["id"], FIRST_PARTS)["id"].to_pylist()
            back = self.photos_view().read_with("id", ids, ["id"])["id"].to_pylist()
        return sorted(set(ids) - set(back))

    def versions_of_photos(self) -> tuple[int, int]:
        """Changes whenever a photo comes, changes, or loses its last file."""
        return self.photos_view().version, self._kept.newest().version

    def photo_at(self, path: Path) -> int | None:
        """The id of the photo at this absolute path."""
        condition = f"path = {literal(path_text(path))} AND hash IS NOT NULL"
        with self._errors():
            rows = self._files.newest().read(["hash"], condition)
        if not rows.num_rows:
            return None
        return self.photo_with(bytes.fromhex(rows["hash"][0].as_py()))

    def paths_below(self, place: str) -> list[str]:
        """The paths of all files below a folder or address, without a slash at its end."""
        below = f"path >= {literal(f'{place}/')} AND path < {literal(f'{place}0')}"  # after "/"
        with self._errors():
            paths = self._files.newest().read(["path"], below)["path"].to_pylist()
        return [loaded(path) for path in paths]

    def raw_pairs(self, ids: Iterable[int]) -> list[tuple[int, int]]:
        """Pairs (JPEG, RAW) of one shot in which one of these photos occurs."""
        columns = ["id", "hash", "format", "taken_at", "paths"]
        formats = (RAW, *DEVELOPED)
        own = [row for row in self.records_of(ids, columns) if row["format"] in formats]
        stems = {stored(stem_of(loaded(path))) for row in own for path in row["paths"]}
        with self._errors():
            rows = self._files.newest().read_with("stem", sorted(stems), ["hash"])
            ids = sorted({id_of(each) for each in rows["hash"].to_pylist() if each is not None})
            also = f" AND {FIRST_PARTS} AND {is_one_of('format', formats)}"
            shots = self.photos_view().read_with("id", ids, columns, also).to_pylist()
        by_stem: dict[str, list[dict[str, Any]]] = {}
        for row in shots:
            for stem in {stem_of(loaded(path)) for path in row["paths"]}:
                by_stem.setdefault(stem, []).append(row)
        wanted = {row["id"] for row in own}
        pairs = {
            (developed["id"], raw["id"]): None
            for shot in by_stem.values()
            for developed in shot
            for raw in shot
            if {developed["id"], raw["id"]} & wanted
            and are_raw_pair(
                *(developed["format"], raw["format"]), *(developed["taken_at"], raw["taken_at"])
            )
        }
        return list(pairs)

    def failures(self) -> list[Failure]:
        """The files that could not be indexed, by path."""
        columns = ["path", "reason", "message", "extra", "read_by", "recorded_at"]
        with self._errors():
            rows = self._files.newest().read(columns, "reason IS NOT NULL").to_pylist()
        rows.sort(key=lambda row: os.fsencode(loaded(row["path"])))
        return [
            Failure(
                as_path(loaded(row["path"])),
                Reason(row["reason"]),
                loaded(row["message"]),
                row["extra"],
                row["read_by"],
                datetime.fromisoformat(row["recorded_at"]),
            )
            for row in rows
        ]

    def rows_of_tables(self) -> dict[str, int]:
        """The number of rows of each table that a search reads. Raises StoreError for damage."""
        tables = {
            "photos": self._photos,
            "kept": self._kept,
            "files": self._files,
            "texts": self._texts,
            "baselines": self._baselines,
        }
        with self._errors():
            return {name: table.newest().count() for name, table in tables.items()}

    def pending_changes(self) -> int:
        """Count the changes that are in progress, or were interrupted."""
        with self._errors():
            return Table(self.address, "pending").newest().count()

    def check_vectors(self, count: int) -> tuple[int, list[int]]:
        """Compare a random sample of vectors with their checksums.

        Returns the number of compared vectors, and the ids of photos whose vectors were damaged. An
        older imgsearch stored no checksums.
        """
        with self._errors():
            view = self.photos_view()
            total = view.count()
            chosen = np.random.default_rng().choice(total, min(count, total), replace=False)
            columns = ["id", "vector", VECTOR_CHECKSUM]
            if VECTOR_CHECKSUM not in view.names:
                return 0, []
            rows = view.dataset.take(np.sort(chosen).tolist(), columns=columns)
        rows = rows.filter(pc.is_valid(rows[VECTOR_CHECKSUM]))
        stored = rows[VECTOR_CHECKSUM].to_pylist()
        pairs = zip(rows["id"].to_pylist(), stored, checksums_of(stored_in(rows)), strict=True)
        return len(stored), [photo_id for photo_id, wanted, own in pairs if wanted != own]

    def baseline(self) -> ScoreBaseline | None:
        """The scores of unrelated queries with these photos; None for too few photos."""
        return self._published().baseline

    # ------------------------------------------------------------------ for `LanceNames`

    def own_person(self) -> str | None:
        """The words of the name of the person that the user is; None if that is not known."""
        return self.photos_view().own_person

    def marked(self) -> frozenset[str]:
        """The columns of marks in which a photo may have one."""
        return self.photos_view().marked

    def photos_view(self) -> View:
        """The newest version of the table of photos."""
        return self._photos.newest()

    def texts_view(self) -> View:
        """The newest version of the table of texts."""
        return self._texts.newest()

    def has_photo(self, condition: Callable[[filters.Column], str]) -> bool:
        """Whether a photo fulfils an SQL condition, given the columns of the table."""
        with self._errors():
            view = self.photos_view()
            text = condition(view.column)
            return text != filters.NEVER and view.has(text)

    def texts_with(self, condition: Callable[[filters.Column], str]) -> list[str]:
        """The words of the text in some of the photos that fulfil an SQL condition."""
        with self._errors():
            view = self.photos_view()
            wanted = f"{FIRST_PARTS} AND ({condition(view.column)})"
            rows = view.read([TEXT_COLUMN], wanted, limit=_MOST_TEXTS)
        texts: list[str] = rows[TEXT_COLUMN].to_pylist()
        return texts

    def frequent_words(self) -> list[str]:
        """The words of all names, most photos first; in old archives, as they were settled last."""
        known = self.known_words()
        return self._published().words if known is None else known.vocabulary.frequent_words()

    def known_words(self) -> KnownWords | None:
        """The words and names of all photos; None if too many have none that is published."""
        return self._once("words", self._known_words)

    def _known_words(self) -> KnownWords | None:
        with self._errors():
            view, published = self.photos_view(), self._published()
            return self._cache.get(
                "words",
                lambda: self._words_of(view, published.vocabulary),
                lambda: (view.version, published.number),
            )

    def _words_of(self, view: View, published: Published) -> KnownWords | None:
        new = published.uncovered(view)
        if sum(each.physical_rows for each in new) > _MOST_UNSETTLED:
            return None
        vocabulary = published.vocabulary
        for fragment in new:
            own = self._new_words.get(
                name_of(fragment.metadata),  # its rows are never changed
                lambda fragment=fragment: Vocabulary.of(view, [fragment]),  # type: ignore[misc]
                lambda: None,
            )
            vocabulary = vocabulary.with_those_of(own)
        is_new_whole = not any(each.num_deletions for each in new)
        return KnownWords(vocabulary, is_new_whole and not published.removed_in(view))

    def counts(self) -> PhotoCounts | None:
        """The counts of all photos: those that were published, with what has changed since.

        None if too many photos were removed since then, or while the archive was settled.
        """
        with self._errors():
            view, settled = self.photos_view(), self._published()
            return self._cache.get(
                "counts",
                lambda: counts_of_all(
                    settled.vocabulary, view, self._known_counts, self._current().records_at
                ),
                lambda: (view.version, settled.number),
            )

    # ------------------------------------------------------------------

    def _errors(self) -> AbstractContextManager[None]:
        return lance_errors(self.address)

    def _current(self) -> PhotoVectorsView:
        view = self.photos_view()
        return self._once(
            "vectors",
            lambda: self._cache.get(
                "vectors",
                lambda: PhotoVectorsView.of(view, self._policy, self._vector_files),
                lambda: view.version,
            ),
        )

    def _make_vector_files(self, current: PhotoVectorsView) -> None:
        """Make the files of a few new vectors; those of many only in a process that is warmed up.

        There they are made in the background, and until then vectors are read from the storage. Of
        an archive in a folder, all are made so, also in a process that has answered some queries.
        """
        if self._vector_files is None or current.is_prepared():
            return
        if self._vector_files.made_by_searches:
            current.make_files(_MADE_AT_ONCE)
        if self._makes_all_files and not current.is_prepared():
            Thread(target=current.prepare, daemon=True).start()

    def records_of(self, ids: Iterable[int], columns: Sequence[str]) -> list[dict[str, Any]]:
        """These columns of these photos, from files on this machine where there are any."""
        wanted = _plain_ids(ids)
        if wanted and _KEPT_COLUMNS.issuperset(columns):
            with self._errors():
                current = self._current()
                self._make_vector_files(current)
                stored = current.stored_records(wanted)
            if stored is not None:
                return stored
        found: list[dict[str, Any]] = self.whole_photos(columns, wanted).to_pylist()
        return found

    def _published(self) -> _Settled:
        return self._once("published", self._newly_published)

    def _newly_published(self) -> _Settled:
        with self._errors():
            view = self._baselines.newest()
            return self._cache.get(
                "baseline", lambda: _newest_settled(view, self.encoder.dim), lambda: view.version
            )


class LanceNames:
    """The names that the photos of a catalogue of Lance tables have.

    Most questions are answered by the vocabulary in memory. The tables are asked about phrases
    whose words are all known, and about known words if photos have been removed since.
    """

    def __init__(self, catalogue: LanceCatalogue) -> None:
        self._catalogue = catalogue

    def knows_name(self, field: NameField, name: str) -> bool:
        """Whether some photo has exactly this name in a field."""
        words = " ".join(words_of(name))
        known = self._catalogue.known_words()
        if known is not None:
            is_known = bool(words) and known.vocabulary.has_name(field, words)
            if known.is_exact or not is_known:
                return is_known

        def has_name(column: filters.Column) -> str:
            if field != "people":
                return filters.has_whole_name(field, name, column)
            # The first words of a person's name are enough, and the last ones.
            return filters.any_of(
                [
                    filters.has_name_beginning(field, name, column),
                    filters.has_name_ending(field, name, column),
                ]
            )

        return self._catalogue.has_photo(has_name)

    def has_phrase(self, phrase: str, fields: Collection[NameField] = NAME_FIELDS) -> bool:
        """Whether some photo has the words of this phrase, in their order, in one of the fields."""
        known = self._catalogue.known_words()
        if known is not None:
            words = words_of(phrase)
            fields = [field for field in fields if _knows_all(known, field, words)]
            if not fields or _is_certain(known, words):
                return bool(fields)
        return self._catalogue.has_photo(lambda column: filters.has_phrase(phrase, fields, column))

    def has_named(self, phrase: str, is_whole: bool = False) -> bool:
        """Whether some photo has this phrase in a name or in its text: see `NamedPhrase`."""
        known = self._catalogue.known_words()
        if known is not None:
            words, text_words = words_of(phrase), words_in_text(phrase)
            fields = [
                field
                for field in (WHOLE_NAME_FIELDS if is_whole else NAME_FIELDS)
                if _knows_all(known, field, words)
            ]
            is_in_text = _knows_all(known, "text", text_words)
            if not fields and not is_in_text:
                return False
            if not is_whole and (
                (fields and _is_certain(known, words))
                or (is_in_text and _is_certain(known, text_words))
            ):
                return True
            if is_whole and known.is_exact and _has_known_name(known, fields, words):
                return True
        named = NamedPhrase(phrase, is_whole)
        return self._catalogue.has_photo(lambda column: filters.named(named, column))

    def words_like(self, word: str) -> list[str]:
        """The words of text in pictures that differ from this one by a letter, most photos first.

        Of very many photos with similar words, some are looked through.
        """
        known = self._catalogue.known_words()
        if known is not None:
            like = known.vocabulary.text_words_like(word)
            return like if known.is_exact else [each for each in like if self.has_named(each)]
        texts = self._catalogue.texts_with(lambda column: filters.has_word_like(word, column))
        words = Counter(
            each for text in texts for each in set(text.split()) if differs_by_a_letter(word, each)
        )
        return [each for each, _ in sorted(words.items(), key=lambda one: (-one[1], one[0]))]

    def fields_named(self, phrase: str) -> tuple[NameField, ...]:
        """The fields in which some photo has this phrase."""
        if not self.has_phrase(phrase):
            return ()
        return tuple(field for field in NAME_FIELDS if self.has_phrase(phrase, [field]))

    def fields_with_any(
        self, ids: Iterable[int], phrases: Sequence[str]
    ) -> dict[int, tuple[MatchedField, ...]]:
        """The fields in which each of these photos has any of these phrases, or its text."""
        in_names = [f" {words} " for each in phrases if (words := " ".join(words_of(each)))]
        in_text = [f" {words} " for each in phrases if (words := " ".join(words_in_text(each)))]
        wanted: dict[MatchedField, list[str]] = {
            **dict.fromkeys(NAME_FIELDS, in_names),
            "text": in_text,
        }
        columns = ["id", *map(words_column, wanted)]
        rows = self._catalogue.records_of(ids, columns)
        return {
            row["id"]: tuple(
                field
                for field, spellings in wanted.items()
                if any(each in (row[words_column(field)] or "") for each in spellings)
            )
            for row in rows
        }

    def has_date_from(self, first: str, end: str) -> bool:
        """Whether some photo was taken from the day `first` until before the day `end` (ISO)."""
        known = self._catalogue.known_words()
        if known is not None:
            is_known = known.vocabulary.has_date_from(first, end)
            if known.is_exact or not is_known:
                return is_known
        return self._catalogue.has_photo(
            lambda column: (
                f"{column('date')} >= {literal(first)} AND {column('date')} < {literal(end)}"
            )
        )

    def has_any(self, conditions: Sequence[Filter]) -> bool:
        """Whether some photo passes all of these filters, none of which names a town or root."""
        selection, marked = Selection(tuple(conditions)), self._catalogue.marked()
        if any(filters.lacking_marks(each, marked) for each in conditions):
            return False
        own_person = self._catalogue.own_person()
        return self._catalogue.has_photo(
            lambda column: filters.where(selection, column, own_person, marked)
        )

    def words_of_names(self, limit: int) -> list[str]:
        """The words of names, of three letters or more and without digits, most photos first."""
        return self._catalogue.frequent_words()[:limit]

    def knows_own_person(self) -> bool:
        return self._catalogue.own_person() is not None

    def knows_named_person(self, name: str) -> bool:
        """Whether a photo has a person of this name: names by faces are not told from others."""
        return self.knows_name("people", name)

    def photos_around(self, lat: float, lon: float) -> int:
        """The approximate number of photos around a point, for choosing between two towns."""
        box = (
            f"lat >= {lat - 0.5!r} AND lat <= {lat + 0.5!r} AND "
            f"lon >= {lon - 0.5!r} AND lon <= {lon + 0.5!r}"
        )
        with lance_errors(self._catalogue.address):
            return self._catalogue.photos_view().count(f"{FIRST_PARTS} AND {box}")


def _knows_all(known: KnownWords, field: MatchedField, words: Sequence[str]) -> bool:
    """Whether the vocabulary has all of these words in a field."""
    return bool(words) and all(known.vocabulary.has_word(field, word) for word in words)


def _is_certain(known: KnownWords, words: Sequence[str]) -> bool:
    """Whether some photo has all of these words, in their order, if the vocabulary has them."""
    return known.is_exact and len(words) == 1 and is_exactly_known(words[0])


def _has_known_name(known: KnownWords, fields: Sequence[NameField], words: Sequence[str]) -> bool:
    """Whether these words are a whole name in one of the fields whose names are known."""
    name = " ".join(words)
    return any(known.vocabulary.has_name(field, name) for field in fields if field in NAMED)


def _where(among: Selection, view: View) -> str:
    return filters.where(among, view.column, view.own_person, view.marked)


def _listed(rows: Any, column: _SortColumn, after: Listed | None, limit: int) -> Any:
    """The first photos of a listing among these rows (a pyarrow.Table), after one of them.

    By date the newest first, and by path in its order; equal ones by id.
    """
    rows = rows.filter(pc.equal(rows["part"], 0)).select(["id", column])
    is_later = pc.less if column == "date" else pc.greater
    if after is not None:
        key, own_id = stored(after.key), int(after.id)
        is_same = pc.and_(pc.equal(rows[column], key), is_later(rows["id"], own_id))
        rows = rows.filter(pc.or_(is_later(rows[column], key), is_same))
    order = "descending" if column == "date" else "ascending"
    keys = [(column, order), ("id", order)]
    if 0 <= limit < len(rows):
        return rows.take(pc.select_k_unstable(rows, limit, sort_keys=keys))
    return rows.sort_by(keys)


def _catalogued(row: dict[str, Any]) -> CataloguedPhoto:
    photo = photo_of(row)
    return CataloguedPhoto(
        with_people(photo, map(loaded, row[FACE_NAMES])) if row[FACE_NAMES] else photo,
        tuple(PhotoFile(as_path(loaded(path))) for path in row["paths"]),
        row["date"],
        row["date_source"],
    )


def _plain_ids(ids: Iterable[int]) -> list[int]:
    return [int(each) for each in ids]


def _photo_vectors(rows: Any) -> dict[int, PhotoVectors]:
    times_s = pc.fill_null(rows["at_s"], math.nan).to_numpy()
    parts = rows["part"].to_numpy()
    no_addresses = np.empty(0, np.uint64)
    ids = rows["id"].to_numpy()
    return _stored_vectors(PartRows(ids, parts, times_s, vectors_in(rows), no_addresses))


def _stored_vectors(rows: PartRows) -> dict[int, PhotoVectors]:
    """The vectors of each photo, in the order of its parts."""
    if not len(rows.ids):
        return {}
    order = np.lexsort((rows.parts, rows.ids))
    ids, vectors, times_s = rows.ids[order], rows.vectors[order], rows.times_s[order]
    starts = np.flatnonzero(np.append(True, ids[1:] != ids[:-1])).tolist()
    return {
        int(ids[start]): PhotoVectors(
            vectors[start:end], tuple(each for each in times_s[start:end].tolist() if each == each)
        )
        for start, end in zip(starts, [*starts[1:], len(ids)], strict=True)
    }


def _newest_settled(view: View, dim: int) -> _Settled:
    numbers = view.read(["number"])["number"].to_pylist()
    if not numbers:
        return _Settled()
    baseline = ("prompts", "nouns", "photos", "mean")
    columns = [*baseline, "vectors", "words", "vocabulary"]
    (row,) = view.read(columns, f"number = {max(numbers)}").to_pylist()
    settled = _Settled(max(numbers), None, row["words"], published_in(row["vocabulary"]))
    if row["mean"] is None:
        return settled
    *rows, mean = (np.frombuffer(row[name], "<f4") for name in baseline)
    prompts, nouns, photos = (each.reshape(-1, dim) for each in rows)
    return replace(settled, baseline=ScoreBaseline(prompts, nouns, photos, mean, row["vectors"]))
