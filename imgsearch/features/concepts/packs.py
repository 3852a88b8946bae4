"""Concepts in packs.

All packs have the tables of concepts, which belong to the whole library. A merge teaches those
whose names the library does not have, by the examples that are there: photos by their content, and
pictures from elsewhere.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import suppress

from imgsearch.errors import PhotoError, QueryError, UsageError
from imgsearch.features.concepts import teaching
from imgsearch.features.concepts.indexing import ConceptEmbedder
from imgsearch.features.concepts.records import ConceptExample
from imgsearch.features.concepts.store import ConceptStore
from imgsearch.indexer.context import IndexingContext
from imgsearch.indexer.derived import encoder_may_lack
from imgsearch.records.index import EncoderRow
from imgsearch.store import pack_checks
from imgsearch.store.pack_format import UTC_TEXT
from imgsearch.store.pack_reader import PackReader
from imgsearch.store.store import Store

_MAX_PICTURE_BYTES = 1 << 20  # of an example from outside of a library
# The library is attached to a pack as `library`. A probe does not go with a concept: it follows
# from the vectors of the library that merges the pack.
_COPY = (
    "INSERT INTO main.concepts (id, name, words, plain_name, taught_at, last_seq, vectors, "
    "direction, slope, intercept) SELECT id, name, words, plain_name, "
    f"{UTC_TEXT.format('taught_at')}, 0, 0, x'', 0, 0 FROM library.concepts ORDER BY plain_name"
)
_COPY_EXAMPLES = (
    "INSERT INTO main.concept_examples (concept_id, content_hash, is_like, picture) "
    "SELECT concept_id, content_hash, is_like, picture FROM library.concept_examples "
    "ORDER BY concept_id, content_hash"
)


def is_to_pack(store: Store) -> bool:
    """Return whether the library has any concept."""
    return bool(ConceptStore(store.database).states())


def copy(pack: sqlite3.Connection) -> None:
    """Copy all concepts with their examples from the attached library."""
    pack.execute(_COPY)
    pack.execute(_COPY_EXAMPLES)


def names(reader: PackReader) -> tuple[str, ...]:
    """Return the names of the concepts in a pack. Raises ValueError for damage."""
    for _ in _examples(reader):
        pass
    return tuple(name for (name,) in reader.rows("SELECT name FROM concepts ORDER BY plain_name"))


def merge(context: IndexingContext, store: Store, row: EncoderRow, reader: PackReader) -> int:
    """Teach the concepts whose names are free; return how many."""
    packed = dict[int, list[ConceptExample]]()
    for concept_id, example in _examples(reader):
        if example.picture is None or len(example.picture) <= _MAX_PICTURE_BYTES:
            packed.setdefault(concept_id, []).append(example)
    concepts = list(reader.rows("SELECT id, name, words FROM concepts ORDER BY plain_name"))
    added, embedder = 0, ConceptEmbedder(context, store, row)
    with encoder_may_lack(context, "The pack was merged"):
        for concept_id, name, words in concepts:
            examples = tuple(_known(store, packed.get(concept_id, [])))
            if not examples or ConceptStore(store.database).state_of(name) is not None:
                continue
            # Its examples do not suffice here, or it is none that imgsearch has made.
            with suppress(UsageError, PhotoError, QueryError):
                lesson = teaching.Lesson(name, examples, words=words or "", is_new=True)
                teaching.teach(store, row, lesson, embedder)
                added += 1
    return added


def _examples(reader: PackReader) -> Iterator[tuple[int, ConceptExample]]:
    """Yield the examples of a pack, each with the id of its concept there."""
    query = "SELECT concept_id, content_hash, is_like, picture FROM concept_examples"
    for concept_id, content_hash, is_like, picture in reader.rows(query):
        content = bytes.fromhex(pack_checks.hash_text(content_hash))
        yield concept_id, ConceptExample(content, bool(is_like), picture=picture)


def _known(store: Store, examples: list[ConceptExample]) -> Iterator[ConceptExample]:
    """Yield the examples that are photos of the library, and those that have a picture."""
    for each in examples:
        photo_id = store.reads.photos.with_content(each.content_hash)
        if photo_id is not None:
            yield ConceptExample(each.content_hash, each.is_like, photo_id)
        elif each.picture is not None:
            yield each
