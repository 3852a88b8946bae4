"""Concepts that were taught: their examples, their probes, and the photos that they are in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from msgspec.structs import asdict
from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from imgsearch.features.concepts.records import (
    Concept,
    ConceptExample,
    ConceptState,
    ConceptTest,
    FittedConcept,
)
from imgsearch.records.directions import Level
from imgsearch.store import schema
from imgsearch.store.database import Database
from imgsearch.text import plain_text

_concepts, _examples, _photos = (
    schema.concepts.c,
    schema.concept_examples.c,
    schema.concept_photos.c,
)


class ConceptStore:
    """The part of a store that knows concepts. What a query needs of them, `reading` reads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self, encoder_key: int) -> tuple[Concept, ...]:
        """Return all concepts, sorted by name, as this encoder has learned them."""
        live = select(schema.paths.c.photo_id).where(schema.paths.c.photo_id.is_not(None))
        judged = select(_examples.concept_id, _examples.is_like, func.count())
        judged = judged.group_by(_examples.concept_id, _examples.is_like)
        found = select(_photos.concept_id, _photos.level, func.count())
        found = found.where(_photos.photo_id.in_(live))
        found = found.group_by(_photos.concept_id, _photos.level)
        with self._database.engine.connect() as connection:
            rows = connection.execute(select(schema.concepts).order_by(_concepts.plain_name)).all()
            examples = {(id, bool(like)): n for id, like, n in connection.execute(judged)}
            photos = {(id, level): n for id, level, n in connection.execute(found)}
        return tuple(
            Concept(
                row.name,
                row.words,
                examples.get((row.id, True), 0),
                examples.get((row.id, False), 0),
                photos.get((row.id, "sure"), 0),
                photos.get((row.id, "likely"), 0),
                None if row.test is None else ConceptTest(**row.test),
                row.encoder_key == encoder_key,
                datetime.fromisoformat(row.taught_at),
            )
            for row in rows
        )

    def states(self) -> list[ConceptState]:
        """Return the state of each concept, sorted by name."""
        columns = (
            _concepts.id,
            _concepts.name,
            _concepts.words,
            _concepts.encoder_key,
            _concepts.last_seq,
            _concepts.vectors,
        )
        with self._database.engine.connect() as connection:
            rows = connection.execute(select(*columns).order_by(_concepts.plain_name)).all()
        return [ConceptState(*row) for row in rows]

    def state_of(self, name: str) -> ConceptState | None:
        """Return the same for the concept of this name, whatever its case and accents.

        None if unknown.
        """
        wanted = plain_text(name)
        return next((each for each in self.states() if plain_text(each.name) == wanted), None)

    def examples(self, concept_id: int) -> list[ConceptExample]:
        """Return the examples of a concept, the library's photos first, in the order of ids."""
        query = select(schema.concept_examples).where(_examples.concept_id == concept_id)
        query = query.order_by(_examples.photo_id.is_(None), _examples.photo_id)
        with self._database.engine.connect() as connection:
            rows = connection.execute(query).all()
        return [
            ConceptExample(
                row.content_hash,
                bool(row.is_like),
                row.photo_id,
                None if row.source is None else Path(row.source),
                row.picture,
                None if row.vector is None else np.frombuffer(row.vector, "<f4"),
            )
            for row in rows
        ]

    def save(
        self,
        name: str,
        examples: Sequence[ConceptExample],
        encoder_key: int,
        fitted: FittedConcept,
    ) -> int:
        """Save a concept with these examples, in place of one of the same name; returns its id.

        It is in no photo yet: `add_photos` follows in the same run of the writer.
        """
        values = {
            "name": name,
            "plain_name": plain_text(name),
            "taught_at": datetime.now(UTC).isoformat(timespec="seconds"),
            **_fitted_values(encoder_key, fitted),
        }
        with self._database.engine.begin() as connection:
            connection.execute(
                delete(schema.concepts).where(_concepts.plain_name == plain_text(name))
            )
            statement = insert(schema.concepts).values(values).returning(_concepts.id)
            concept_id = int(connection.execute(statement).scalar_one())
            _write_examples(connection, concept_id, examples)
        return concept_id

    def refit(
        self,
        concept_id: int,
        examples: Sequence[ConceptExample],
        encoder_key: int,
        fitted: FittedConcept,
    ) -> None:
        """Replace the probe of a concept; no photo is judged by the new one yet."""
        with self._database.engine.begin() as connection:
            connection.execute(
                update(schema.concepts)
                .where(_concepts.id == concept_id)
                .values(_fitted_values(encoder_key, fitted))
            )
            connection.execute(
                delete(schema.concept_photos).where(_photos.concept_id == concept_id)
            )
            connection.execute(
                delete(schema.concept_examples).where(_examples.concept_id == concept_id)
            )
            _write_examples(connection, concept_id, examples)

    def add_photos(
        self, concept_id: int, last_seq: int, levels: Iterable[tuple[int, Level]]
    ) -> None:
        """Store the verdicts on photos up to `last_seq`, all or nothing; ids with their levels."""
        rows = [
            {"concept_id": concept_id, "photo_id": photo_id, "level": level}
            for photo_id, level in levels
        ]
        statement = upsert(schema.concept_photos)
        statement = statement.on_conflict_do_update(
            index_elements=["concept_id", "photo_id"], set_={"level": statement.excluded.level}
        )
        progress = update(schema.concepts).where(_concepts.id == concept_id)
        with self._database.engine.begin() as connection:
            if rows:
                connection.execute(statement, rows)
            connection.execute(progress.values(last_seq=last_seq))

    def delete(self, name: str) -> bool:
        """Delete a concept with its examples; returns whether there was one."""
        statement = delete(schema.concepts).where(_concepts.plain_name == plain_text(name))
        with self._database.engine.begin() as connection:
            return bool(connection.execute(statement).rowcount)


def _fitted_values(encoder_key: int, fitted: FittedConcept) -> dict[str, object]:
    probe = fitted.probe
    infinite = float("inf")
    return {
        "words": fitted.words,
        "encoder_key": encoder_key,
        "last_seq": 0,
        "vectors": fitted.vectors,
        "direction": probe.direction.astype("<f4").tobytes(),
        "slope": probe.slope,
        "intercept": probe.intercept,
        "sure_from": None if probe.sure_from == infinite else probe.sure_from,
        "likely_from": None if probe.likely_from == infinite else probe.likely_from,
        "test": None if fitted.test is None else asdict(fitted.test),
    }


def _write_examples(
    connection: Connection, concept_id: int, examples: Sequence[ConceptExample]
) -> None:
    connection.execute(
        insert(schema.concept_examples),
        [
            {
                "concept_id": concept_id,
                "content_hash": example.content_hash,
                "is_like": example.is_like,
                "photo_id": example.photo_id,
                "source": None if example.source is None else str(example.source),
                "picture": example.picture,
                "vector": None
                if example.vector is None
                else example.vector.astype("<f4").tobytes(),
            }
            for example in examples
        ],
    )
