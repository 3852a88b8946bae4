"""The Lance tables of an archive: their columns, and how they are opened, checked and changed.

- `photos` has the photos that can be found, one row for each part: vector, facts, and what is
  derived from their files and their text, so that a search reads one table.
- `kept` has the same columns: photos that have lost all their files. They are not found, and come
  back without being embedded.
- `files` has the content at each path, or the reason why it could not be indexed. It is the
  authority for paths, as `texts` is for the text in pictures, and `facts` for facts that were read
  again.
- `thumbnails` has a small picture of each photo. A search does without it, as without `facts`, and
  an archive that was made before there were any has no such table.
- `faces` has the faces that were found in each photo, and `people` has persons, what people decided
  about faces, and their last changes. `photo_people` has what follows from both for each photo; it
  is the authority for the columns of `photos` that filters on people ask. Archives that were made
  before there were faces lack the three.
- `marks` has the favourites, stars and hidden photos of the library that was copied last. It is the
  authority for the columns of `photos` with marks. Archives that were made before lack it.
- `items` has what people make in the replicas of the archive (`imgsearch.items`), one row
  for each thing, also after it was removed. A program that searches the tables does without it, and
  it is made when the first item is put there.
- `pending` has the contents of changes in progress: an interrupted one is completed.
- `baselines` has the score baseline that was published last, and the words of all names. Version
  0.1.0 searches by them, and publishes a vocabulary beside them.

A change is a commit: whole or not at all, and Lance lets two writers at once commit one after the
other. Two that insert the same new key would both succeed, unless the schema marks the key: so each
table has this mark, and a table without it is refused. The mark counts for nothing where Lance
looks keys up in an index, so `merge` compares them all.

An archive may be older or newer than the program that opens it. A column that a table lacks reads
as null, and opening the table for writing adds it. Each table states which version of the
tables a program must know to read it, and which to write to it.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, Self, TypeAlias
from urllib.parse import quote
from uuid import uuid4

from msgspec import Struct, field

from imgsearch import private_files
from imgsearch.addresses import TABLE_SUFFIX, is_folder
from imgsearch.caches import MemoryCache
from imgsearch.errors import (
    CommandLine,
    DiskError,
    LibraryLocked,
    MissingPackage,
    ObjectStorageError,
    SchemaTooNew,
    Sentence,
    StorageUnreachable,
    StoreError,
)
from imgsearch.installation import install_command, update_command
from imgsearch.records.index import EncoderRow
from imgsearch.records.names import NAME_FIELDS
from imgsearch.records.photo import FACTS
from imgsearch.text import shell_word

# Lance logs to the terminal by itself: every empty partition of an index, for example.
os.environ.setdefault("LANCE_LOG", "error")
os.environ.setdefault("RUST_BACKTRACE", "0")  # of its panics: see `lance_errors`
try:
    import lance
    import pyarrow as pa
    from lance.dataset import ColumnOrdering
except ImportError as error:
    raise MissingPackage(
        f"An archive of Lance tables needs more packages: {install_command('scale')}"
    ) from error

TableName: TypeAlias = Literal[
    "photos",
    "kept",
    "files",
    "texts",
    "facts",
    "thumbnails",
    "faces",
    "people",
    "photo_people",
    "marks",
    "items",
    "pending",
    "baselines",
]

# The version of the tables that this program makes and knows. A new column does not change it: a
# program that does not know the column reads and writes the others.
VERSION = 1
# The version that a program must know to write to tables whose rows were carried over into `items`.
_CARRIED_OVER = 2
_WRITTEN: Mapping[TableName, int] = {"people": _CARRIED_OVER}  # where it is not VERSION
IDS_AT_ONCE = 5_000  # in one condition
FIRST_PARTS = "part = 0"  # the condition that a row is of a photo as a whole
_MOST_COUNTS = 1_000  # that are kept of a version
_TABLE = b"imgsearch:table"
# The versions that a program must know to read the table, and to write to it. A table from before
# there were these numbers has version 1.
_READS, _WRITES = b"imgsearch:reads", b"imgsearch:writes"
# Another one in each table that was made: a table may be deleted, and made anew at its address.
_IDENTITY = b"imgsearch:identity"
_ENCODER = (b"imgsearch:encoder", b"imgsearch:encoder-name", b"imgsearch:dim")
_KEY_MARK = b"lance-schema:unenforced-primary-key"
# A list column: the words of names and text that the index of trigrams cannot find.
LISTED_WORDS = "listed_words"
# Of a column that the table was made with, so that every row has a value.
_WHOLE_MARK = b"imgsearch:whole"
_FROM_START = frozenset({LISTED_WORDS})  # columns that 0.1.0 uses only where they have the mark
_RETRIES = 1000  # of a commit, while others commit; the time is the limit
_PATIENCE = timedelta(minutes=10)
_ATTEMPTS = 100  # to add columns, while others commit
# In the configuration of the table of photos: the columns of marks in which a photo may have one,
# "favourite,hidden". Version 0.1.0 asks no others.
MARKED = "imgsearch.marked"
# In the configuration of photos, another text after the archive went back to an earlier version; in
# the one of faces, after all faces were deleted.
LINEAGE = "imgsearch.lineage"
# In the configuration of items, the version up to which rows of removed items may be deleted.
CLEANED = "imgsearch.cleaned"
PUBLISHED = "published"  # the tag of the version that was published last
CHANGED_IN = "_row_last_updated_at_version"  # a column that Lance keeps itself
_KEYS: dict[TableName, str] = {
    "photos": "key",
    "kept": "key",
    "files": "path",
    "texts": "hash",
    "facts": "hash",
    "thumbnails": "hash",
    "faces": "hash",
    "people": "row",
    "photo_people": "hash",
    "marks": "hash",
    "items": "item",
    "pending": "change",
    "baselines": "number",
}
_TRIGRAM = re.compile("[A-Za-z0-9]{3}")
_PLACES_IN_RUST = re.compile(r"(?:,| at)?\s*\(?\S+\.rs(?::\d+)*\)?|\n.*", re.DOTALL)

# The facts that a filter looks for a part of: without case, accents and spaces.
PART_FACTS = tuple(
    fact.name for fact in FACTS if fact.filter is not None and fact.filter.kind == "text"
)
TEXTS = "text"  # of pictures: its column of words is beside those of `NAME_FIELDS`


def plain_column(fact: str) -> str:
    """Return the column with a text fact in which a filter finds parts."""
    return f"plain_{fact}"


def words_column(field: str) -> str:
    """Return the column with the words of one of `NAME_FIELDS`, or of `TEXTS`."""
    return f"words_{field}"


# ------------------------------------------------------------------------- columns

# Columns are declared by the types of their values in Python, as facts are, and printed as these
# types of Arrow and of the SQL of Lance. Two columns of numbers name their Arrow type.
_ARROW: dict[type, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
    bytes: pa.binary(),
    tuple: pa.list_(pa.string()),
}
_SQL = {str: "STRING", int: "BIGINT", float: "DOUBLE", bool: "BOOLEAN"}
_SQL_TYPES = {_ARROW[kind]: name for kind, name in _SQL.items()}
Columns: TypeAlias = Mapping[str, "type | pa.DataType"]

_FACT_COLUMNS: Columns = {fact.name: fact.stored_type for fact in FACTS}
# What follows from the files of a photo, and what from the text that was read in it.
PLACE_COLUMNS: Columns = {
    "date": str,  # as `Hit.date`: ISO text, local time
    "date_source": str,  # as `Hit.dated_by`
    "paths": tuple,
    "first_path": str,
    "folders": tuple,  # paths of all folders that the files are in, at any depth
    "folder_names": tuple,  # their names, folded
    "folder_text": str,  # the folded paths of the folders the files lie in
    "file_text": str,  # the folded names of the files
    words_column("file_name"): str,
    words_column("folder"): str,
}
TEXT_COLUMN = words_column(TEXTS)
# All columns of words in one: its index of trigrams spares searches for names from reading them.
ALL_WORDS = words_column("any")
VECTOR_CHECKSUM = "vector_checksum"  # CRC-32 of the bytes of the vector
# Names of the persons whose faces a photo shows, the most faces at one moment (null: nobody has
# looked), and the number of faces of nobody, or of hidden persons.
FACE_NAMES, FACE_COUNT, OTHER_FACES = "face_names", "face_count", "other_faces"
PEOPLE_WORDS = words_column("people")
# The names of the facts that a photo was read for, sorted, with spaces between them. A fact that is
# not among them is unknown. Null where a program has written the row that lacks this column.
READ_FACTS = "read_facts"
GONE_AT = "gone_at"  # when a photo lost its last file: ISO 8601, UTC
# Marks of photos; `own_rating` are stars that a person has given, beside those of the files.
MARK_COLUMNS: Columns = {"favourite": bool, "own_rating": int, "hidden": bool}
_OTHER_COLUMNS: Columns = {
    **{plain_column(fact): str for fact in PART_FACTS},
    "keyword_names": tuple,  # folded, with the levels of hierarchical ones
    **{
        column: str for field in NAME_FIELDS if (column := words_column(field)) not in PLACE_COLUMNS
    },
    TEXT_COLUMN: str,
    ALL_WORDS: str,
    LISTED_WORDS: tuple,
    FACE_NAMES: tuple,
    FACE_COUNT: int,
    OTHER_FACES: int,
    **MARK_COLUMNS,
}


def is_in_trigrams(word: str) -> bool:
    """Return whether Lance's index of trigrams finds a word: three ASCII letters or digits."""
    return _TRIGRAM.search(word) is not None


def schema_of(name: TableName, encoder: EncoderRow) -> pa.Schema:
    """Return the schema that a table of a new archive gets."""
    key = _KEYS[name]
    columns = {
        "photos": _photo_columns,
        "kept": _kept_columns,
        "files": _file_columns,
        "texts": _text_columns,
        "facts": _facts_columns,
        "thumbnails": _thumbnail_columns,
        "faces": _faces_columns,
        "people": _people_columns,
        "photo_people": _photo_people_columns,
        "marks": _marks_columns,
        "items": _items_columns,
        "pending": _pending_columns,
        "baselines": _baseline_columns,
    }[name](encoder.dim)
    fields = [
        pa.field(column, _arrow(kind), nullable=False, metadata={_KEY_MARK: b"true"})
        if column == key
        else pa.field(
            column, _arrow(kind), metadata={_WHOLE_MARK: b"true"} if column in _FROM_START else None
        )
        for column, kind in columns.items()
    ]
    encoder_texts = (encoder.encoder_id, encoder.name, str(encoder.dim))
    version = str(VERSION).encode()
    marks = {_READS: version, _WRITES: version, _TABLE: name.encode()}
    return pa.schema(
        fields,
        marks | {mark: text.encode() for mark, text in zip(_ENCODER, encoder_texts, strict=True)},
    )


def _arrow(kind: type | pa.DataType) -> pa.DataType:
    return _ARROW[kind] if isinstance(kind, type) else kind


def _photo_columns(dim: int) -> Columns:
    return {
        "key": str,
        "id": int,
        "part": pa.int32(),
        "hash": str,  # hexadecimal: Lance's index of texts takes no bytes
        "size_bytes": int,
        # The numbers are those of fp16, as everywhere. Lance needs several times longer to train
        # an index on a column of fp16.
        "vector": pa.list_(pa.float32(), dim),
        "at_s": float,
        **_FACT_COLUMNS,
        **PLACE_COLUMNS,
        **_OTHER_COLUMNS,
        VECTOR_CHECKSUM: int,
        READ_FACTS: str,
    }


def _kept_columns(dim: int) -> Columns:
    return {**_photo_columns(dim), GONE_AT: str}


def _file_columns(dim: int) -> Columns:
    return {
        "path": str,
        "stem": str,  # the path without its suffix
        "hash": str,  # null: see the reason
        "size_bytes": int,
        "mtime_ns": int,
        "inode": int,
        "reason": str,
        "message": str,
        "extra": str,
        "read_by": str,
        "recorded_at": str,  # ISO 8601, UTC
    }


def _text_columns(dim: int) -> Columns:
    return {
        "hash": str,
        "reading": str,  # JSON of `PhotoText`; null for a photo that was only looked at
        "state": str,  # as in the reading
        "reader": str,  # as in the reading
        "looked_by": str,  # the reader that saw no text in a small copy
    }


def _facts_columns(dim: int) -> Columns:
    return {"hash": str, **_FACT_COLUMNS, READ_FACTS: str}


def _thumbnail_columns(dim: int) -> Columns:
    return {"hash": str, "image": bytes}  # WebP


def _faces_columns(dim: int) -> Columns:
    return {
        "hash": str,
        "faces": bytes,  # see `imgsearch.archive.lance.people_rows`
        "state": str,  # as `FaceState`
        "model": str,
        "read_at": str,  # ISO 8601, UTC, to the microsecond
        "people": int,  # the most faces at one moment
        "message": str,
    }


def _people_columns(dim: int) -> Columns:
    return {
        "row": str,  # a table of a library, and the id of a row of it: "persons/12"
        "content": bytes,  # see `imgsearch.archive.lance.people_rows`; null: the row was deleted
        "revision": int,  # the commit that wrote it
    }


def _photo_people_columns(dim: int) -> Columns:
    return {
        "hash": str,
        "names": tuple,  # of named persons who are not hidden
        "faces": int,  # the most at one moment; null: nobody has looked, or looking failed
        "others": int,  # faces of nobody, or of hidden persons
        "reading": str,  # which reading of `faces` it follows from
        "revision": int,  # of `people` that it follows from
    }


def _marks_columns(dim: int) -> Columns:
    return {"hash": str, **MARK_COLUMNS}


def _items_columns(dim: int) -> Columns:
    return {
        "item": str,  # the kind and the key: "mark/…"
        "kind": str,
        "key": str,
        "value": str,  # JSON; null: it was removed
        "changed_us": int,  # since 1970
        "writer": str,  # the replica
    }


def _pending_columns(dim: int) -> Columns:
    return {"change": str, "hashes": tuple, "begun_at": str}  # ISO 8601, UTC


def _baseline_columns(dim: int) -> Columns:
    return {
        "number": int,
        **dict.fromkeys(("prompts", "nouns", "photos", "mean"), bytes),  # float32
        "vectors": int,
        "made_by": str,  # the version of imgsearch: another one may compare with other queries
        "words": tuple,  # of names
        "vocabulary": bytes,  # of version 0.1.0; where it is null, that version asks the tables
    }


# ------------------------------------------------------------------------- opening


def exists(address: str, name: TableName = "photos") -> bool:
    """Return whether there is an archive at this address, of any version; or this table of it."""
    with lance_errors(address):
        try:
            lance.dataset(_uri(address, name))
        except (ValueError, OSError) as error:
            if _is_not_found(error):
                return False
            raise
    return True


def create(address: str, encoder: EncoderRow) -> None:
    """Create the tables of an archive. Tables that another process creates meanwhile stay.

    Folders that are made for it can be opened by this user only.
    """
    with lance_errors(address):
        if is_folder(address):
            for name in _KEYS:
                private_files.make_folder(Path(_uri(address, name)))
        # `photos` comes last: where it is, the others are.
        for name in sorted(_KEYS, key=lambda name: name == "photos"):
            schema = schema_of(name, encoder)
            schema = schema.with_metadata({**schema.metadata, _IDENTITY: uuid4().hex.encode()})
            empty = pa.Table.from_pylist([], schema)
            try:
                lance.write_dataset(
                    empty,
                    _uri(address, name),
                    schema=schema,
                    mode="create",
                    # By them, Lance tells which rows have changed since a version, also where
                    # fragments were joined.
                    enable_stable_row_ids=True,
                )
            except (ValueError, OSError) as error:
                if "already exists" not in str(error).lower():
                    raise


def make_private(address: str) -> None:
    """Take the rights of others away from an archive in a folder of this user.

    Where the folder has more than the tables, it keeps its rights. Raises nothing.
    """
    if is_folder(address):
        private_files.make_private(Path(address))


def make_files_private(address: str) -> None:
    """Take the rights of others away from all files of an archive in a folder. Raises nothing.

    Lance makes them with the rights that the umask leaves; nobody can open the folder they are in.
    """
    if is_folder(address):
        for name in _KEYS:
            private_files.make_tree_private(Path(_uri(address, name)))


def _missing(address: str, name: TableName) -> StoreError:
    """Return the error for a table that is not there.

    Of an archive being made, `photos` comes last.
    """
    word = shell_word(address)
    is_begun = name == "photos" and any(_is_begun(address, each) for each in _KEYS)
    if is_begun and not _lists_files(address):
        return StoreError(
            Sentence(
                f"The archive at {address} was begun and has no photos yet: its first run was "
                "stopped early, or is under way. Run it again: ",
                CommandLine(f"index FOLDER --library {word}"),
                " (or: ",
                CommandLine(f"copy --to {word}"),
                ")",
            )
        )
    return StoreError(
        Sentence(
            f"There is no archive at {address}, or its table {name} is missing. Check the "
            "address. To make an archive there: ",
            CommandLine(f"index FOLDER --library {word}"),
        )
    )


def _is_begun(address: str, name: TableName) -> bool:
    """Return whether there is a table, or the folder for one."""
    return Path(_uri(address, name)).is_dir() if is_folder(address) else exists(address, name)


def _lists_files(address: str) -> bool:
    """Return whether the table of files has rows: then a table that is missing was lost."""
    return exists(address, "files") and lance.dataset(_uri(address, "files")).count_rows() > 0


def _uri(address: str, name: str) -> str:
    return f"{address}/{name}{TABLE_SUFFIX}"


def _uri_for_tags(address: str, name: str) -> str:
    """Return the address of a table by which Lance writes tags at the same place as all else.

    By the path of a folder, it makes the folder of a tag at the percent-encoded path as well.
    """
    uri = _uri(address, name)
    return f"file-object-store://{quote(uri)}" if is_folder(address) else uri


def _is_not_found(error: Exception) -> bool:
    """Return whether a table is not there, though its folder or its bucket may be."""
    text = str(error).lower()
    return "not found" in text and "nosuchbucket" not in text


class ReachedVersion(Struct, frozen=True):
    """A version of a table up to which somebody has its rows; 0 for nothing.

    `fragments` are those of a table in which rows have no stable ids.
    """

    version: int = 0
    fragments: tuple[int, ...] = ()


class View(Struct, frozen=True, eq=False):
    """A version of a table, which no writer changes any more.

    `known` is the schema that the table has in a new archive. A column of it that this table
    lacks is null in every row. `encoder` is what the archive was made for. `counts` has the
    conditions whose rows were counted: one answer asks for the same several times. Lance makes the
    schema anew whenever it is asked for it, so what an answer needs of it is read once.
    """

    dataset: Any  # lance.LanceDataset
    known: pa.Schema
    version: int
    names: frozenset[str]  # of the columns that the table has
    encoder: EncoderRow
    counts: MemoryCache[str | None] = field(default_factory=lambda: MemoryCache(_MOST_COUNTS))

    @classmethod
    def of(cls, dataset: Any, known: pa.Schema) -> Self:
        """Return the version that a dataset (lance.LanceDataset) is at."""
        schema = dataset.schema
        names = frozenset(schema.names)
        return cls(dataset, known, int(dataset.version), names, _encoder_of(schema))

    @property
    def identity(self) -> str:
        """Return another text after the table was deleted and made anew; empty for 0.1.0."""
        return _marks_in(self.dataset).get(_IDENTITY, b"").decode()

    @property
    def reached(self) -> ReachedVersion:
        """Return the argument with which `changed` finds later changes."""
        if self.dataset.has_stable_row_ids:
            return ReachedVersion(self.version)
        fragments = (each.fragment_id for each in self.dataset.get_fragments())
        return ReachedVersion(self.version, tuple(fragments))

    def changed(
        self,
        columns: Sequence[str],
        since: ReachedVersion,
        rows: int,
        condition: str | None = None,
    ) -> Iterator[Any]:
        """Yield the rows that are not as they were, at most this many at once, as they are stored.

        Of a table from before rows had stable ids, they are all rows of the fragments that were not
        there: also those that were joined meanwhile, and have not changed.
        """
        if since.version == self.version:
            return
        conditions = [] if condition is None else [condition]
        options = {}
        if self.dataset.has_stable_row_ids:
            conditions.append(f"_row_last_updated_at_version > {since.version}")
        else:
            there = self.dataset.get_fragments()
            new = [each for each in there if each.fragment_id not in since.fragments]
            if not new:
                return
            options["fragments"] = new
        condition = " AND ".join(conditions) or None
        for found in self.batches(columns, condition, rows, **options):
            for start in range(0, found.num_rows, rows):  # Lance may give more at once
                yield found.slice(start, rows)

    def read(self, columns: Sequence[str], condition: str | None = None, **options: Any) -> Any:
        """Return the rows (a pyarrow.Table) that fulfil an SQL condition."""
        lacking = self._lacking(columns)
        stored = self._without(lacking, columns)
        rows = self.dataset.to_table(columns=stored, filter=condition, **options)
        return self._with_nulls(rows, lacking, columns)

    def newest_first(self, column: str, condition: str, limit: int) -> list[int]:
        """Return the ids of the first rows by a column, the largest values first, nulls last."""
        order = [
            ColumnOrdering(each, ascending=False, nulls_first=False) for each in (column, "id")
        ]
        ids: list[int] = self.read(["id"], condition, limit=limit, order_by=order)["id"].to_pylist()
        return ids

    def batches(
        self, columns: Sequence[str], condition: str | None, rows: int, **options: Any
    ) -> Iterator[Any]:
        """As `read`, in tables of about this many rows, where all rows may take too much memory."""
        lacking = self._lacking(columns)
        stored = self._without(lacking, columns)
        scanner = self.dataset.scanner(columns=stored, filter=condition, batch_size=rows, **options)
        for batch in scanner.to_batches():
            if batch.num_rows:
                yield self._with_nulls(pa.Table.from_batches([batch]), lacking, columns)

    def column(self, name: str) -> str:
        """Return a column in SQL: its name, or a null of its type if the table lacks it."""
        if name in self.names:
            return name
        sql_type = _SQL_TYPES.get(self.known.field(name).type)
        return "NULL" if sql_type is None else f"CAST(NULL AS {sql_type})"

    def _lacking(self, columns: Sequence[str]) -> list[str]:
        """Return the known columns among these that the table lacks."""
        return [each for each in columns if each not in self.names and each in self.known.names]

    def _without(self, lacking: Sequence[str], columns: Sequence[str]) -> list[str]:
        """Return the other columns; the key of the table if there are none."""
        return [each for each in columns if each not in lacking] or [self.known.names[0]]

    def _with_nulls(self, rows: Any, lacking: Sequence[str], columns: Sequence[str]) -> Any:
        """Return rows with nulls for the columns that the table lacks."""
        for name in lacking:
            kind = self.known.field(name).type
            rows = rows.append_column(name, pa.nulls(rows.num_rows, kind))
        return rows.select(list(columns)) if lacking else rows

    def has(self, condition: str) -> bool:
        """Return whether a row fulfils an SQL condition."""
        return bool(self.read([self.known.names[0]], condition, limit=1).num_rows)

    def count(self, condition: str | None = None) -> int:
        """Count the rows that fulfil an SQL condition."""
        return self.counts.get(
            condition,
            lambda: int(self.dataset.count_rows(condition)),
            lambda: self.version,
        )

    def read_with(
        self, column: str, values: Sequence[object], columns: Sequence[str], also: str = ""
    ) -> Any:
        """Return the rows that have one of these values in a column; `also` begins with AND.

        Without a value, nothing is read: Lance would read a whole column to find nothing.
        """
        parts = [
            self.read(columns, f"{is_one_of(column, values[start : start + IDS_AT_ONCE])}{also}")
            for start in range(0, len(values), IDS_AT_ONCE)
        ]
        return pa.concat_tables(parts) if parts else self._no_rows(columns)

    def _no_rows(self, columns: Sequence[str]) -> Any:
        there = self.dataset.schema
        fields = [there.field(c) if c in self.names else self.known.field(c) for c in columns]
        return pa.schema(fields).empty_table()


class _Commits:
    """The number of commits that this process has made to each table, by its address.

    A reader in the same process sees them at once: see `Table.newest`.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = Counter[str]()

    def add(self, uri: str) -> None:
        with self._lock:
            self._numbers[uri] += 1

    def of(self, uri: str) -> int:
        with self._lock:
            return self._numbers[uri]


_commits = _Commits()


class Table:
    """One table of an archive. Any number of threads may use it at once."""

    def __init__(
        self,
        address: str,
        name: TableName,
        *,
        writable: bool = False,
        unchecked_s: float = 0.0,
    ) -> None:
        """Open a table; columns that it lacks are added to one that is opened for writing.

        Raises StoreError for one that is missing, foreign or damaged, and SchemaTooNew. For
        `unchecked_s` seconds, a version counts as the newest without another look at the storage.
        """
        self.address = address
        self.name = name
        self._writable = writable
        self._unchecked_s = unchecked_s
        self._lock = threading.Lock()
        self._uri = _uri(address, name)
        self._seen = (_commits.of(self._uri), time.monotonic())
        with lance_errors(address):
            try:
                dataset = lance.dataset(self._uri)
            except (ValueError, OSError) as error:
                if not _is_not_found(error):
                    raise
                raise _missing(address, name) from error
            self._check(dataset)
            self._known = schema_of(name, _encoder_of(dataset.schema))
            self._view = self._view_of(dataset)
        if writable:
            self.add_lacking_columns()

    @classmethod
    def if_there(cls, address: str, name: TableName, unchecked_s: float = 0.0) -> Table | None:
        """Return a table that an archive may lack, None where it does.

        Raises as opening one does.
        """
        return cls(address, name, unchecked_s=unchecked_s) if exists(address, name) else None

    def _check(self, dataset: Any) -> None:
        marks = _marks_in(dataset)
        if marks.get(_TABLE) != self.name.encode():
            raise StoreError(
                f"The table {self.name} in {self.address} is not one of imgsearch. "
                "Check the address."
            )
        self._check_version(marks)
        key = dataset.schema.field(_KEYS[self.name])
        if (key.metadata or {}).get(_KEY_MARK) != b"true":
            raise StoreError(
                f"The key of the table {self.name} in {self.address} is not marked as one, so two "
                "writers could double its rows. Copy the archive again with imgsearch, or "
                f"index the photos into a new one."
            )

    def _check_version(self, marks: Mapping[bytes, bytes]) -> None:
        reads, writes = (int(marks.get(mark, b"1")) for mark in (_READS, _WRITES))
        if reads > VERSION:
            raise SchemaTooNew(
                f"The archive {self.address} was written by a newer imgsearch (version {reads} "
                f"of the tables, this one knows {VERSION}). Update it: {update_command()}"
            )
        known = _WRITTEN.get(self.name, VERSION)
        if self._writable and writes > known:
            raise SchemaTooNew(
                f"The archive {self.address} was written by a newer imgsearch. This one can "
                f"search it, but not write to it (that needs version {writes} of the tables, this "
                f"one knows {known}). Update it: {update_command()}"
            )

    def _view_of(self, dataset: Any) -> View:
        self._check_version(_marks_in(dataset))
        return View.of(dataset, self._known)

    @property
    def encoder(self) -> EncoderRow:
        """The encoder that the archive was made for."""
        return self._view.encoder

    @property
    def schema(self) -> Any:
        return self._view.dataset.schema

    def add_lacking_columns(self) -> None:
        """Add the columns of a new archive that this table lacks; null in all its rows.

        No data is written anew, and other programs go on reading and writing meanwhile. Raises
        LibraryLocked if others commit all the time.
        """

        def add(dataset: Any) -> None:
            there = dataset.schema.names  # others may have added some since
            lacking = [field.remove_metadata() for field in self._known if field.name not in there]
            if lacking:
                dataset.add_columns(pa.schema(lacking))

        self._change_unless(lambda view: view.names.issuperset(self._known.names), add)

    def close_to_older_writers(self) -> None:
        """Keep programs from writing that do not know that its rows were carried over into items.

        They go on reading it. Raises LibraryLocked if others commit all the time.
        """
        version = str(_CARRIED_OVER)
        self._change_unless(
            lambda view: _marks_in(view.dataset).get(_WRITES) == version.encode(),
            lambda dataset: dataset.update_schema_metadata({_WRITES.decode(): version}),
        )

    def configure(self, key: str, value: str) -> None:
        """Set a value in the configuration. Raises LibraryLocked if others commit all the time."""
        self._change_unless(
            lambda view: view.dataset.config().get(key) == value,
            lambda dataset: dataset.update_config({key: value}),
        )

    def _change_unless(
        self, is_done: Callable[[View], bool], change: Callable[[Any], object]
    ) -> None:
        """Make a change again until it is done, while others commit."""
        for attempt in range(_ATTEMPTS):
            if is_done(self.newest()):
                return
            last = attempt == _ATTEMPTS - 1
            with suppress(*(() if last else (LibraryLocked,))), self.changing() as dataset:
                change(dataset)

    def newest(self) -> View:
        """Return the newest version; others' commits may be unseen for `unchecked_s`."""
        with self._lock, lance_errors(self.address):
            if not self._is_due():
                return self._view
            commits, now_s = _commits.of(self._uri), time.monotonic()
            latest = self._view.dataset.latest_version
            if latest != self._view.version:
                self._view = self._view_of(self._view.dataset.checkout_version(latest))
            self._seen = (commits, now_s)
            return self._view

    def _is_due(self) -> bool:
        """Return whether this process has committed to the table, or `unchecked_s` are over."""
        commits, seen_s = self._seen
        return commits != _commits.of(self._uri) or time.monotonic() - seen_s >= self._unchecked_s

    def before(self, version: int) -> View:
        """Return the version before this one."""
        with lance_errors(self.address):
            return self._view_of(self.newest().dataset.checkout_version(max(1, version - 1)))

    def merge(self, rows: Any, *, update: bool = False) -> int:
        """Insert the rows whose keys are new, with `update` in place of old ones too.

        Returns the version that has them.
        """
        with self.changing() as dataset:
            builder = dataset.merge_insert(_KEYS[self.name]).when_not_matched_insert_all()
            if update:
                builder = builder.when_matched_update_all()
            # By the index of the keys, Lance would not see that another writer inserts the same.
            builder = builder.use_index(False)
            builder.conflict_retries(_RETRIES).retry_timeout(_PATIENCE).execute(rows)
            return int(dataset.version)

    def delete(self, condition: str) -> tuple[int, int]:
        """Delete rows; returns their number and the version without them."""
        with self.changing() as dataset:
            done = dataset.delete(condition, conflict_retries=_RETRIES, retry_timeout=_PATIENCE)
            return int(done["num_deleted_rows"]), int(dataset.version)

    def forget_versions(self) -> None:
        """Write fragments with deleted rows anew, and delete all earlier versions from the disk.

        A reader of one of them may fail. Raises LibraryLocked if others commit all the time.
        """
        with self.changing() as dataset:
            dataset.optimize.compact_files(materialize_deletions_threshold=0.0)
            dataset.cleanup_old_versions(timedelta(0), error_if_tagged_old_versions=False)

    @contextmanager
    def changing(self) -> Iterator[Any]:
        """Provide a dataset at the newest version, to call methods of Lance that commit."""
        with lance_errors(self.address):
            # One of its own: views share the other, and a commit moves the dataset it is made by.
            dataset = lance.dataset(self._uri)
            self._check_version(_marks_in(dataset))
            try:
                yield dataset
            finally:
                _commits.add(self._uri)

    @contextmanager
    def tagging(self) -> Iterator[Any]:
        """Provide a dataset at the newest version, to write tags."""
        with lance_errors(self.address):
            yield lance.dataset(_uri_for_tags(self.address, self.name))


def _marks_in(dataset: Any) -> Mapping[bytes, bytes]:
    """Return what the schema of a table states: its name, its versions and more."""
    return dataset.schema.metadata or {}


def _encoder_of(schema: pa.Schema) -> EncoderRow:
    encoder_id, name, dim = (schema.metadata[mark].decode() for mark in _ENCODER)
    return EncoderRow(1, encoder_id, name, int(dim))


# ------------------------------------------------------------------------- conditions


def literal(text: str) -> str:
    """Return a text in SQL."""
    return "'" + stored(text).replace("'", "''") + "'"


def is_one_of(column: str, values: Sequence[object]) -> str:
    """Return the condition that a column has one of these numbers or texts."""
    if not len(values):
        return "false"
    listed = ", ".join(literal(each) if isinstance(each, str) else str(each) for each in values)
    return f"{column} IN ({listed})"


# ------------------------------------------------------------------------- texts

# Names of files need not be UTF-8, and columns must be: such bytes become characters of a plane for
# private use, and genuine characters from there become their bytes.
_UNSTORABLE = re.compile("[\ud800-\udfff\U0010ff80-\U0010ffff]")
_ESCAPED = re.compile("[\U0010ff80-\U0010ffff]+")
_ESCAPE = 0x10FF00


def stored(text: str) -> str:
    """Return a text as columns hold it: see `loaded`."""
    return text if text.isascii() else _UNSTORABLE.sub(_escape, text)


def loaded(text: str) -> str:
    """Return the text behind a column's text: the reverse of `stored`."""
    return text if text.isascii() else _ESCAPED.sub(_unescape, text)


def _escape(found: re.Match[str]) -> str:
    try:
        own_bytes = found[0].encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half of a pair, which no file name has
        return "\ufffd"
    return "".join(chr(_ESCAPE + byte) for byte in own_bytes)


def _unescape(found: re.Match[str]) -> str:
    return bytes(ord(each) - _ESCAPE for each in found[0]).decode("utf-8", "surrogateescape")


# ------------------------------------------------------------------------- errors


# What Lance says, and what that means. Its own words are shown for nothing that has to do with an
# account: they may have parts of requests.
_MEANINGS = (
    (
        ("conflict", "contention", "concurrent writers"),
        LibraryLocked,
        "Others write to the archive {} at the same time, and this change did not get through. "
        "Nothing is lost: run the command again.",
    ),
    (
        ("no space left",),
        DiskError,
        "The disk of the archive {} is full. Free some space, and run the command again.",
    ),
    (
        ("requesttimetooskewed",),
        ObjectStorageError,
        "The storage of the archive {} refuses requests because the clock of this machine is "
        "wrong. Set it, and run the command again.",
    ),
    (
        ("builder error",),  # of a request: Lance refuses http:// unless it is allowed
        ObjectStorageError,
        "The storage of the archive {} has an address with http://, by which everything is sent "
        "unencrypted. If its network is your own, set AWS_ALLOW_HTTP=true; else use https://.",
    ),
    (
        ("credential", "invalidaccesskeyid", "signaturedoesnotmatch", "expiredtoken"),
        ObjectStorageError,
        "The storage of the archive {} does not accept the credentials, or there are none. "
        "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or choose a profile.",
    ),
    (
        ("403 forbidden", "accessdenied", "access denied", "permission denied"),
        ObjectStorageError,
        "The storage of the archive {} refuses access. Searching needs permission to read and "
        "list, and writing needs permission to write and delete as well.",
    ),
    (
        ("nosuchbucket", "404 not found"),
        ObjectStorageError,
        "There is no storage at {}: a bucket of this name does not exist. Check the address.",
    ),
    (
        ("error sending request", "connection", "connect error", "timed out", "dns error"),
        StorageUnreachable,
        "The storage of the archive {} cannot be reached. Check the network and, if it has an "
        "address of its own, AWS_ENDPOINT_URL; then run the command again.",
    ),
    (
        ("generic s3 error",),
        StorageUnreachable,
        "The storage of the archive {} answers with an error of its own. Nothing is lost: run "
        "the command again later.",
    ),
)
_PANIC = "pyo3_runtime"  # the module of the exception that a panic in Rust is; it has no other name


@contextmanager
def lance_errors(address: str) -> Iterator[None]:
    """Turn errors of Lance into errors of imgsearch with a cure.

    StoreError, DiskError, LibraryLocked, and ObjectStorageError for storage that refuses or cannot
    be reached. A panic is none of Python's usual exceptions.
    """
    try:
        yield
    except (OSError, ValueError, RuntimeError, NotImplementedError) as error:
        text = str(error)
        for signs, kind, sentence in _MEANINGS:
            if any(sign in text.lower() for sign in signs):
                is_here = issubclass(kind, ObjectStorageError) and is_folder(address)
                raise (StoreError if is_here else kind)(sentence.format(address)) from error
        raise _unusable(address, error) from error
    except BaseException as error:
        if type(error).__module__ != _PANIC:
            raise
        raise _unusable(address, error) from error  # bytes that make no sense, where it looked


def _unusable(address: str, error: BaseException) -> StoreError:
    reason = _PLACES_IN_RUST.sub("", str(error)).strip(" .,")[:300]
    return StoreError(
        f"Cannot use the archive {address}: {reason}. Check the address; if its files are "
        "damaged, restore them from a backup."
    )
