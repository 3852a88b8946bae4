"""The tables of a library's database, for SQLAlchemy. `migrations` creates them on disk.

Photo ids are never reused and a stored vector never changes, so a row with a higher `seq` is
always new, and an index snapshot of everything up to some `seq` stays correct.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable

import sqlalchemy
from sqlalchemy import (
    JSON,
    BindParameter,
    Boolean,
    CheckConstraint,
    Column,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    bindparam,
    text,
)

from imgsearch.store.sql import FACT_COLUMNS, LIST_FACTS, SQL_TYPES


class FileName(TypeDecorator[str]):
    """A file name as the file system spells it: bytes on disk, `os.fsdecode`d text in Python.

    Names need not be valid UTF-8, which SQLite's TEXT would not take.
    """

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:
        return None if value is None else os.fsencode(value)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> str | None:
        return None if value is None else os.fsdecode(value)


metadata = MetaData()

migrations = Table(
    "migrations",
    metadata,
    Column("name", Text, primary_key=True),
    Column("applied_at", Text, nullable=False),
    sqlite_with_rowid=False,
)

roots = Table(
    "roots",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("path", FileName, nullable=False, unique=True),
    Column("added_at", Text, nullable=False),
    Column("volume", Text),  # null: the system gives it no identity
    Column("volume_path", FileName),  # the path on its volume, from "/"
    Column("lost", Integer, nullable=False, server_default="0"),  # photos lost recently
    Column("lost_at", Float, nullable=False, server_default="0"),  # since when (Unix time)
    Column("paused_at", Text),  # when it was paused; null: it is not
)

photos = Table(
    "photos",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("content_hash", LargeBinary, nullable=False, unique=True),
    Column("size_bytes", Integer, nullable=False),
    Column("added_at", Text, nullable=False),
    Column("gone_at", Text),  # when its last path was removed; set by triggers
    Column("facts_at", Text, nullable=False),  # when its facts were read
    *(
        Column(
            fact.name,
            getattr(sqlalchemy, SQL_TYPES[fact.type]),
            nullable=not fact.required and fact.unknown is None,
            server_default="0" if fact.unknown is False else None,
        )
        for fact in FACT_COLUMNS
    ),
    Index("photos_gone", "gone_at"),
    Index("photos_by_date", "taken_at"),
    Index("photos_by_camera", "camera"),
    Index("photos_by_lens", "lens"),
    Index("photos_by_creator", "creator"),
    Index("photos_by_place", "lat", "lon"),
    sqlite_autoincrement=True,
)

paths = Table(
    "paths",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("root_id", ForeignKey("roots.id", ondelete="CASCADE"), nullable=False),
    Column("name", FileName, nullable=False),  # relative to the root
    Column("photo_id", ForeignKey("photos.id", ondelete="CASCADE")),  # null: see failures
    Column("size_bytes", Integer, nullable=False),
    Column("mtime_ns", Integer, nullable=False),
    Column("inode", Integer, nullable=False),
    Column("missing_since", Text),  # its removal is held
    UniqueConstraint("root_id", "name"),
    Index("paths_by_photo", "photo_id"),
)

sidecars = Table(
    "sidecars",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("root_id", ForeignKey("roots.id", ondelete="CASCADE"), nullable=False),
    Column("name", FileName, nullable=False),  # relative to the root
    Column("size_bytes", Integer, nullable=False),
    Column("mtime_ns", Integer, nullable=False),
    Column("inode", Integer, nullable=False),
    UniqueConstraint("root_id", "name"),
)


def _list_tables(fact: str, id_column: str) -> tuple[Table, Table]:
    """The two tables of a fact that is a list: its texts, and which of them each photo has."""
    texts = Table(
        fact,
        metadata,
        Column("id", Integer, primary_key=True),
        Column("name", Text, nullable=False, unique=True),
    )
    link = Table(
        f"photo_{fact}",
        metadata,
        Column("photo_id", ForeignKey("photos.id", ondelete="CASCADE"), primary_key=True),
        Column("place", Integer, primary_key=True),  # position in the photo's own order
        Column(id_column, ForeignKey(f"{fact}.id", ondelete="CASCADE"), nullable=False),
        Index(f"photo_{fact}_by_{id_column.removesuffix('_id')}", id_column),
        sqlite_with_rowid=False,
    )
    return texts, link


LIST_TABLES = {fact: _list_tables(fact, id_column) for fact, id_column in LIST_FACTS.items()}

# Kept by triggers: see `migrations`.
known_names = Table(
    "known_names",
    metadata,
    Column("field", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("photos", Integer, nullable=False),
    sqlite_with_rowid=False,
)

failures = Table(
    "failures",
    metadata,
    Column("path_id", ForeignKey("paths.id", ondelete="CASCADE"), primary_key=True),
    Column("reason", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("failed_at", Text, nullable=False),
    Column("content_hash", LargeBinary),  # null: it could not be read at all
    Column("extra", Text),  # the extra of imgsearch-photos that the file needs
    Column("read_by", Text),  # fingerprint of the decoders; null: unknown, so it is tried again
    Index("failures_by_content", "content_hash"),
)

folders = Table(
    "folders",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("root_id", ForeignKey("roots.id", ondelete="CASCADE"), nullable=False),
    Column("name", FileName, nullable=False),  # relative to the root
    Column("message", Text, nullable=False),  # why it could not be read in the last scan
    UniqueConstraint("root_id", "name"),
)

encoders = Table(
    "encoders",
    metadata,
    Column("key", Integer, primary_key=True),
    Column("encoder_id", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("dim", Integer, nullable=False),
    Column("state", Text, nullable=False),  # see EncoderState
)

vectors = Table(
    "vectors",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("encoder_key", ForeignKey("encoders.key", ondelete="CASCADE"), nullable=False),
    Column("photo_id", ForeignKey("photos.id", ondelete="CASCADE"), nullable=False),
    Column("part", Integer, nullable=False),  # 0 is the whole image; a photo may have others
    Column("vector", LargeBinary, nullable=False),  # fp16, little-endian
    Column("at_s", Float),  # moment of the part in a video
    UniqueConstraint("photo_id", "encoder_key", "part"),
    Index("vectors_of_parts", "encoder_key", "photo_id", sqlite_where=text("part > 0")),
    sqlite_autoincrement=True,
)

snapshots = Table(
    "snapshots",
    metadata,
    Column("id", Integer, primary_key=True),
    Column(
        "encoder_key", ForeignKey("encoders.key", ondelete="CASCADE"), nullable=False, unique=True
    ),
    Column("file_name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("last_seq", Integer, nullable=False),
    Column("vectors", Integer, nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("built_at", Text, nullable=False),
    Column("details", JSON, nullable=False),
)

facets = Table(
    "facets",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("classes", JSON, nullable=False),  # their names
    Column("template", Text),
    Column("none_of_these", Boolean, nullable=False),
    Column("encoder_key", ForeignKey("encoders.key", ondelete="SET NULL")),  # which made the labels
    Column("last_seq", Integer, nullable=False),  # photos are labelled up to here
    Column("rows", LargeBinary),  # class vectors, float32, little-endian
)

labels = Table(
    "labels",
    metadata,
    Column("facet_id", ForeignKey("facets.id", ondelete="CASCADE"), primary_key=True),
    Column("photo_id", ForeignKey("photos.id", ondelete="CASCADE"), primary_key=True),
    Column("label", Text, nullable=False),
    Column("probability", Float, nullable=False),
    Index("labels_by_label", "label", "photo_id"),
    Index("labels_by_photo", "photo_id"),
    sqlite_with_rowid=False,
)

baselines = Table(
    "nulls",
    metadata,
    Column("encoder_key", ForeignKey("encoders.key", ondelete="CASCADE"), primary_key=True),
    Column("prompts", LargeBinary, nullable=False),  # fp16, little-endian, as are the next two
    Column("nouns", LargeBinary, nullable=False),
    Column("photos", LargeBinary, nullable=False),
    Column("mean", LargeBinary, nullable=False),  # float32
    Column("prompts_sha256", Text, nullable=False),
    Column("vectors", Integer, nullable=False),  # how many vectors photos and mean represent
)

# What reading the text of a photo gave: see `PhotoText`. A photo that was not tried has no row.
text_readings = Table(
    "text_readings",
    metadata,
    Column("photo_id", ForeignKey("photos.id", ondelete="CASCADE"), primary_key=True),
    Column("state", Text, nullable=False),  # read | none | failed
    Column("reader", Text, nullable=False),
    Column("read_at", Text, nullable=False),
    Column("message", Text),
)

text_lines = Table(
    "text_lines",
    metadata,
    Column("photo_id", ForeignKey("photos.id", ondelete="CASCADE"), primary_key=True),
    Column("place", Integer, primary_key=True),  # position in the order of the lines
    Column("line", Text, nullable=False),
    Column("x", Float, nullable=False),  # shares of the sides of the picture, as the next three
    Column("y", Float, nullable=False),
    Column("width", Float, nullable=False),
    Column("height", Float, nullable=False),
    Column("confidence", Float, nullable=False),
    sqlite_with_rowid=False,
)

# Photos that were passed over, since a reader saw no text in a small copy of them.
text_looks = Table(
    "text_looks",
    metadata,
    Column("photo_id", ForeignKey("photos.id", ondelete="CASCADE"), primary_key=True),
    Column("reader", Text, nullable=False),
)

saved_searches = Table(
    "saved_searches",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", Text, nullable=False, unique=True),  # the name as `plain_text`
    Column("name", Text, nullable=False),
    Column("line", Text, nullable=False),  # in the query language
    Column("k", Integer),
    Column("include_weak", Boolean, nullable=False),
    Column("saved_at", Text, nullable=False),
    Column("looked_at", Text, nullable=False),
    Column("seen", LargeBinary, nullable=False),  # photo ids, as `store.saved.pack_ids` has them
    Column("announced", LargeBinary, nullable=False),  # the same
)

saved_examples = Table(
    "saved_examples",
    metadata,
    Column("search_id", ForeignKey("saved_searches.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),  # among the terms of the query
    Column("weight", Float, nullable=False),
    Column("photo_id", Integer),  # of the library; or the bytes of a file:
    Column("image", LargeBinary),
    Column("region", Text),  # as JSON
)

# Concepts taught by examples: see `imgsearch.records.concepts`.
concepts = Table(
    "concepts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("words", Text),  # that describe it, if any
    Column("plain_name", Text, nullable=False, unique=True),  # for comparison: `plain_text`
    Column("taught_at", Text, nullable=False),
    Column(
        "encoder_key", ForeignKey("encoders.key", ondelete="SET NULL")
    ),  # which it was fitted to
    Column("last_seq", Integer, nullable=False),  # photos are judged up to here
    Column("vectors", Integer, nullable=False),  # of the library when it was fitted
    Column("direction", LargeBinary, nullable=False),  # float32, little-endian, as of vectors
    Column("slope", Float, nullable=False),
    Column("intercept", Float, nullable=False),
    Column("sure_from", Float),  # null: no score is sure, as for the next
    Column("likely_from", Float),
    Column("test", JSON),  # the fields of `ConceptTest`
)

concept_examples = Table(
    "concept_examples",
    metadata,
    Column("concept_id", ForeignKey("concepts.id", ondelete="CASCADE"), primary_key=True),
    Column("content_hash", LargeBinary, primary_key=True),
    Column("is_like", Boolean, nullable=False),
    Column("photo_id", ForeignKey("photos.id", ondelete="CASCADE")),  # null: not in the library
    Column("source", FileName),  # absolute path
    Column("picture", LargeBinary),  # WebP
    Column("vector", LargeBinary),  # float32, of the encoder of the concept
    Index("concept_examples_by_photo", "photo_id"),
    sqlite_with_rowid=False,
)

# The photos that a concept is likely or sure to be in.
concept_photos = Table(
    "concept_photos",
    metadata,
    Column("concept_id", ForeignKey("concepts.id", ondelete="CASCADE"), primary_key=True),
    Column("photo_id", ForeignKey("photos.id", ondelete="CASCADE"), primary_key=True),
    Column("level", Text, nullable=False),  # sure | likely
    Index("concept_photos_by_photo", "photo_id"),
    sqlite_with_rowid=False,
)

# Which near-duplicates to keep. By the content of a photo, which may have left the library.
duplicate_choices = Table(
    "duplicate_choices",
    metadata,
    Column("content_hash", LargeBinary, primary_key=True),
    Column("is_kept", Boolean, nullable=False),
    sqlite_with_rowid=False,
)

# The album with an empty key is the tray.
albums = Table(
    "albums",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", Text, nullable=False, unique=True),  # the name as `plain_text`
    Column("name", Text, nullable=False),
    Column("made_at", Text, nullable=False),
    sqlite_autoincrement=True,
)

album_photos = Table(
    "album_photos",
    metadata,
    Column("album_id", ForeignKey("albums.id", ondelete="CASCADE"), primary_key=True),
    Column("photo_id", ForeignKey("photos.id", ondelete="CASCADE"), primary_key=True),
    Column("place", Integer, nullable=False),  # position in the album, with gaps
    Index("album_photos_by_photo", "photo_id"),
    sqlite_with_rowid=False,
)

marks = Table(
    "marks",
    metadata,
    Column("kind", Text, primary_key=True),  # favourite | rating | hidden
    Column("photo_id", ForeignKey("photos.id", ondelete="CASCADE"), primary_key=True),
    Column("value", Integer, nullable=False),  # stars of a rating, else 1
    Index("marks_by_photo", "photo_id"),
    sqlite_with_rowid=False,
)

# The last changes of albums, marks and persons: see `store.changes`.
changes = Table(
    "changes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("title", Text, nullable=False),
    Column("photos", Integer, nullable=False),  # how many photos it was about
    Column("changed_at", Text, nullable=False),
    Column("undone_at", Text),  # null: it is in effect
    Column("steps", LargeBinary, nullable=False),  # that undo it, or do it again
    sqlite_autoincrement=True,
)

persons = Table(
    "persons",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text),  # null: a group of faces that has no name yet
    Column("plain_name", Text, unique=True),  # for comparison: `plain_text`
    Column("is_hidden", Boolean, nullable=False, server_default="0"),
    Column("made_at", Text, nullable=False),
    sqlite_autoincrement=True,
)

# What looking for faces in a photo gave. A photo that was not tried has no row.
face_readings = Table(
    "face_readings",
    metadata,
    Column("photo_id", ForeignKey("photos.id", ondelete="CASCADE"), primary_key=True),
    Column("state", Text, nullable=False),  # found | none | failed
    Column("model", Text, nullable=False),
    Column("read_at", Text, nullable=False),
    Column("people", Integer, nullable=False),  # faces at one moment, the most of a video
    Column("message", Text),
)

faces = Table(
    "faces",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("photo_id", ForeignKey("photos.id", ondelete="CASCADE"), nullable=False),
    Column("at_s", Float),  # moment of a video
    Column("x", Float, nullable=False),  # shares of the sides of the picture, as the next three
    Column("y", Float, nullable=False),
    Column("width", Float, nullable=False),
    Column("height", Float, nullable=False),
    Column("score", Float, nullable=False),
    Column("size_px", Float, nullable=False),
    Column("vector", LargeBinary, nullable=False),  # fp16, little-endian
    Column("person_id", ForeignKey("persons.id", ondelete="SET NULL")),
    Index("faces_by_photo", "photo_id"),
    Index("faces_by_person", "person_id"),
    sqlite_autoincrement=True,
)

# The user's own: whether a face is a person. By the content of a photo and the box of the face.
face_decisions = Table(
    "face_decisions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("content_hash", LargeBinary, nullable=False),
    Column("at_s", Float),
    Column("x", Float, nullable=False),
    Column("y", Float, nullable=False),
    Column("width", Float, nullable=False),
    Column("height", Float, nullable=False),
    Column("person_id", ForeignKey("persons.id", ondelete="CASCADE"), nullable=False),
    Column("is_person", Boolean, nullable=False),
    Column("face_id", ForeignKey("faces.id", ondelete="SET NULL")),  # found at this place last
    Column("decided_at", Text, nullable=False),
    Index("face_decisions_by_content", "content_hash"),
    Index("face_decisions_by_person", "person_id"),
    Index("face_decisions_by_face", "face_id"),
    sqlite_autoincrement=True,
)

# The one row names the person that the user is.
own_person = Table(
    "own_person",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1"), primary_key=True),
    Column("person_id", ForeignKey("persons.id", ondelete="CASCADE"), nullable=False),
)


def ids_subquery(ids: Iterable[int]):  # type: ignore[no-untyped-def]  # a scalar subquery
    """Ids as a subquery, since SQLite limits the parameters of a statement."""
    parameter: BindParameter[str] = bindparam("ids", json.dumps(list(ids)), unique=True)
    return text("SELECT value FROM json_each(:ids)").bindparams(parameter)
