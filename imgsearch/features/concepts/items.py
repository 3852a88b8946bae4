"""Concepts as items: each is known by its name.

Which photos show a concept, and how a concept is fitted, follows from the photos of
each replica, so it is no item. A concept that has come in is fitted the next time that concepts are
brought up to date (`update_concepts` in `imgsearch.features.concepts.teaching`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

from msgspec import Struct

from imgsearch.items.base import ItemGroup, LiveItem, values_of
from imgsearch.items.item import (
    CONTENT,
    ItemName,
    KindOfItem,
    Moment,
)
from imgsearch.items.rows import photo_with


class ConceptItem(Struct, frozen=True):
    """A concept. Key: its name without case and accents."""

    name: str
    words: str | None
    taught_at: Moment


class ConceptExampleItem(Struct, frozen=True):
    """An example of a concept. Key: the content, "/", the key of the concept.

    A picture (WebP) that is not in the archive has its `source`, a path on the machine where the
    concept was taught.
    """

    is_like: bool
    source: bytes | None = None
    picture: bytes | None = None


class ConceptItems:
    """Concepts and their examples; the subject is the name, without case and accents."""

    name = "concept"
    kinds: ClassVar = {
        "concept": KindOfItem(
            ConceptItem, ".+", title=("concept", "concepts"), changed="taught_at"
        ),
        # An example that is no photo of the archive has its picture.
        "concept example": KindOfItem(
            ConceptExampleItem,
            f"{CONTENT}/(?P<subject>.+)",
            title=("example of a concept", "examples of concepts"),
        ),
    }
    noted_columns: ClassVar = {"concepts": "name"}

    def noted(self, connection: sqlite3.Connection, subject: str) -> str | None:
        return subject

    def present(self, connection: sqlite3.Connection, subject: str) -> dict[ItemName, Struct]:
        row = connection.execute(
            "SELECT id, name, words, taught_at FROM concepts WHERE plain_name = ?", (subject,)
        ).fetchone()
        if row is None:
            return {}
        concept_id, name, words, taught_at = row
        items: dict[ItemName, Struct] = dict(_examples(connection, subject, concept_id))
        items["concept", subject] = ConceptItem(name, words, datetime.fromisoformat(taught_at))
        return items

    def follow(
        self,
        connection: sqlite3.Connection,
        subjects: Mapping[str, Mapping[ItemName, LiveItem]],
    ) -> set[ItemName]:
        waiting: set[ItemName] = set()
        for plain_name, items in subjects.items():
            concept = items.get(("concept", plain_name))
            if concept is None or not isinstance(concept.value, ConceptItem):
                connection.execute("DELETE FROM concepts WHERE plain_name = ?", (plain_name,))
                waiting |= items.keys()
                continue
            wanted: dict[ItemName, ConceptExampleItem] = {}
            for name, example in values_of(items, ConceptExampleItem).items():
                if example.picture is None and photo_with(connection, name[1][:64]) is None:
                    waiting.add(name)
                else:
                    wanted[name] = example
            _teach(connection, plain_name, concept.value, wanted)
        return waiting


def _examples(
    connection: sqlite3.Connection, plain_name: str, concept_id: int
) -> dict[ItemName, ConceptExampleItem]:
    rows = connection.execute(
        "SELECT lower(hex(content_hash)), is_like, source, picture FROM concept_examples "
        "WHERE concept_id = ?",
        (concept_id,),
    )
    return {
        ("concept example", f"{content}/{plain_name}"): ConceptExampleItem(
            bool(is_like), source, picture
        )
        for content, is_like, source, picture in rows.fetchall()
    }


def _teach(
    connection: sqlite3.Connection,
    plain_name: str,
    concept: ConceptItem,
    wanted: Mapping[ItemName, ConceptExampleItem],
) -> None:
    """Give a concept its name, words and examples, and have it fitted again.

    Until then it goes on with its old probe. A new one has none, as after a change of the encoder.
    """
    connection.execute(
        "INSERT OR IGNORE INTO concepts (name, words, plain_name, taught_at, last_seq, vectors, "
        "direction, slope, intercept) VALUES (?, ?, ?, ?, 0, 0, x'', 0, 0)",
        (concept.name, concept.words, plain_name, concept.taught_at.isoformat()),
    )
    concept_id, *is_now = connection.execute(
        "SELECT id, name, words, taught_at FROM concepts WHERE plain_name = ?", (plain_name,)
    ).fetchone()
    there = _examples(connection, plain_name, concept_id)
    if [concept.name, concept.words, concept.taught_at.isoformat()] == is_now and there == wanted:
        return
    connection.execute(
        # A concept that was fitted to no photos is fitted again.
        "UPDATE concepts SET name = ?, words = ?, taught_at = ?, vectors = 0 WHERE id = ?",
        (concept.name, concept.words, concept.taught_at.isoformat(), concept_id),
    )
    connection.executemany(
        "DELETE FROM concept_examples WHERE concept_id = ? AND content_hash = ?",
        [(concept_id, bytes.fromhex(key[:64])) for _, key in there.keys() - wanted.keys()],
    )
    for (_, key), example in wanted.items():
        content = key[:64]
        connection.execute(
            "INSERT INTO concept_examples (concept_id, content_hash, is_like, photo_id, source, "
            "picture) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (concept_id, content_hash) DO UPDATE "
            "SET is_like = excluded.is_like",
            (
                *(concept_id, bytes.fromhex(content), example.is_like),
                photo_with(connection, content) if example.picture is None else None,
                *(example.source, example.picture),
            ),
        )


GROUPS: tuple[ItemGroup, ...] = (ConceptItems(),)
