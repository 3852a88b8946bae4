"""The tables of a library's database, as far as SQLAlchemy composes statements on them.

`migrations` creates them, and says there which columns may be null, what they refer to, their
defaults and indexes. Here are their columns, and the types of those whose values are not stored as
they are. What plain SQL alone reads and writes is not here.

Photo ids are never reused and a stored vector never changes, so a row with a higher `seq` is
always new, and an index snapshot of everything up to some `seq` stays correct.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from sqlalchemy import (
    JSON,
    BindParameter,
    Boolean,
    Dialect,
    LargeBinary,
    TypeDecorator,
    bindparam,
    column,
    table,
    text,
)

from imgsearch.paths import path_of, stored_path
from imgsearch.store.sql import FACT_COLUMNS, LIST_FACTS


class FileName(TypeDecorator[str]):
    """A file name as the file system spells it: stored as bytes, and text in Python (see `paths`).

    Names need not be valid UTF-8, which SQLite's TEXT would not take.
    """

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:
        return None if value is None else stored_path(value)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> str | None:
        return None if value is None else path_of(value)


roots = table(
    "roots",
    column("id"),
    column("path", FileName),
    column("added_at"),
    column("volume"),  # null: the system gives it no identity
    column("volume_path", FileName),  # the path on its volume, from "/"
    column("lost"),  # photos lost recently
    column("lost_at"),  # since when (Unix time)
    column("paused_at"),  # when it was paused; null: it is not
)

photos = table(
    "photos",
    column("id"),
    column("content_hash"),
    column("size_bytes"),
    column("added_at"),
    column("gone_at"),  # when its last path was removed; set by triggers
    column("facts_at"),  # when its facts were read
    *(column(fact.name) for fact in FACT_COLUMNS),
)

paths = table(
    "paths",
    column("id"),
    column("root_id"),
    column("name", FileName),  # relative to the root
    column("photo_id"),  # null: see failures
    column("size_bytes"),
    column("mtime_ns"),
    column("inode"),
    column("missing_since"),  # its removal is held
)

sidecars = table(
    "sidecars",
    column("id"),
    column("root_id"),
    column("name", FileName),  # relative to the root
    column("size_bytes"),
    column("mtime_ns"),
    column("inode"),
)

# The two tables of each fact that is a list: its texts, and which of them each photo has.
LIST_TABLES = {
    fact: (
        table(fact, column("id"), column("name")),
        table(
            f"photo_{fact}",
            column("photo_id"),
            column("place"),  # position in the photo's own order
            column(id_column),
        ),
    )
    for fact, id_column in LIST_FACTS.items()
}

failures = table(
    "failures",
    column("path_id"),
    column("reason"),
    column("message"),
    column("failed_at"),
    column("content_hash"),  # null: it could not be read at all
    column("extra"),  # the extra of imgsearch-photos that the file needs
    column("read_by"),  # fingerprint of the decoders; null: unknown, so it is tried again
)

folders = table(
    "folders",
    column("id"),
    column("root_id"),
    column("name", FileName),  # relative to the root
    column("message"),  # why it could not be read in the last scan
)

encoders = table(
    "encoders",
    column("key"),
    column("encoder_id"),
    column("name"),
    column("dim"),
    column("state"),  # see EncoderState
)

vectors = table(
    "vectors",
    column("seq"),
    column("encoder_key"),
    column("photo_id"),
    column("part"),  # 0 is the whole image; a photo may have others
    column("vector"),  # fp16, little-endian
    column("at_s"),  # moment of the part in a video
)

snapshots = table(
    "snapshots",
    column("id"),
    column("encoder_key"),
    column("file_name"),
    column("kind"),
    column("last_seq"),
    column("vectors"),
    column("size_bytes"),
    column("sha256"),
    column("built_at"),
    column("details", JSON),
)

facets = table(
    "facets",
    column("id"),
    column("name"),
    column("classes", JSON),  # their names
    column("template"),
    column("none_of_these", Boolean),
    column("encoder_key"),  # which made the labels
    column("last_seq"),  # photos are labelled up to here
    column("rows"),  # class vectors, float32, little-endian
)

labels = table(
    "labels",
    column("facet_id"),
    column("photo_id"),
    column("label"),
    column("probability"),
)

baselines = table(
    "nulls",
    column("encoder_key"),
    column("prompts"),  # fp16, little-endian, as are the next two
    column("nouns"),
    column("photos"),
    column("mean"),  # float32
    column("prompts_sha256"),
    column("vectors"),  # how many vectors photos and mean represent
    column("usual"),  # fp16, like `prompts`; NULL in a baseline of before 0.2
)

# How near photos are to texts of all kinds, in blocks: see `imgsearch.search.hubness`.
hubness = table(
    "hubness",
    column("encoder_key"),
    column("last_seq"),  # of the vectors of the block
    column("bank_sha256"),  # of the texts
    column("photo_ids"),  # int64, little-endian
    column("vals"),  # float32, little-endian
)

# What reading the text of a photo gave: see `PhotoText`. A photo that was not tried has no row.
text_readings = table(
    "text_readings",
    column("photo_id"),
    column("state"),  # read | none | failed
    column("reader"),
    column("read_at"),
    column("message"),
)

text_lines = table(
    "text_lines",
    column("photo_id"),
    column("place"),  # position in the order of the lines
    column("line"),
    column("x"),  # shares of the sides of the picture, as the next three
    column("y"),
    column("width"),
    column("height"),
    column("confidence"),
)

# Photos that were passed over, since a reader saw no text in a small copy of them.
text_looks = table("text_looks", column("photo_id"), column("reader"))

# Concepts taught by examples.
concepts = table(
    "concepts",
    column("id"),
    column("name"),
    column("words"),  # that describe it, if any
    column("plain_name"),  # for comparison: `plain_text`
    column("taught_at"),
    column("encoder_key"),  # which it was fitted to
    column("last_seq"),  # photos are judged up to here
    column("vectors"),  # of the library when it was fitted
    column("direction"),  # float32, little-endian, as of vectors
    column("slope"),
    column("intercept"),
    column("sure_from"),  # null: no score is sure, as for the next
    column("likely_from"),
    column("test", JSON),  # the fields of `ConceptTest`
)

concept_examples = table(
    "concept_examples",
    column("concept_id"),
    column("content_hash"),
    column("is_like", Boolean),
    column("photo_id"),  # null: not in the library
    column("source", FileName),  # absolute path
    column("picture"),  # WebP
    column("vector"),  # float32, of the encoder of the concept
)

# The photos that a concept is likely or sure to be in.
concept_photos = table(
    "concept_photos",
    column("concept_id"),
    column("photo_id"),
    column("level"),  # sure | likely
)


def ids_subquery(ids: Iterable[int]):  # type: ignore[no-untyped-def]  # a scalar subquery
    """Return ids as a subquery, since SQLite limits the parameters of a statement."""
    parameter: BindParameter[str] = bindparam("ids", json.dumps(list(ids)), unique=True)
    return text("SELECT value FROM json_each(:ids)").bindparams(parameter)
