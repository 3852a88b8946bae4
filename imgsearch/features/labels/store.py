"""Saved labels: a facet has a name and classes, and every photo has one label of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from imgsearch.features.labels.records import Classes, Facet, Label
from imgsearch.store import schema
from imgsearch.store.database import Database

if TYPE_CHECKING:
    from imgsearch.records.arrays import Vectors

_facets = schema.facets.c


class LabelStore:
    """The part of a store that knows facets and the labels of photos."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def facets(self) -> tuple[Facet, ...]:
        """Return all facets, sorted by name."""
        with self._database.engine.connect() as connection:
            rows = connection.execute(select(schema.facets).order_by(_facets.name)).all()
        return tuple(
            Facet(
                row.id,
                row.name,
                Classes(tuple(row.classes), row.template, bool(row.none_of_these)),
            )
            for row in rows
        )

    def save_facet(self, name: str, classes: Classes) -> Facet:
        """Save a facet without labels, in place of one of the same name."""
        values = {
            "name": name,
            "classes": list(classes.names),
            "template": classes.template,
            "none_of_these": classes.none_of_these,
            "last_seq": 0,
        }
        with self._database.engine.begin() as connection:
            connection.execute(delete(schema.facets).where(_facets.name == name))
            statement = insert(schema.facets).values(values).returning(_facets.id)
            return Facet(connection.execute(statement).scalar_one(), name, classes)

    def delete_facet(self, name: str) -> bool:
        """Delete a facet and its labels; returns whether there was one."""
        with self._database.engine.begin() as connection:
            statement = delete(schema.facets).where(_facets.name == name)
            return bool(connection.execute(statement).rowcount)

    # ------------------------------------------------------------------ labelling

    def class_vectors(self, facet_id: int, encoder_key: int) -> tuple[Vectors, int] | None:
        """Return the vectors of a facet's classes, and the last `seq` that is labelled.

        None before `start_facet` with this encoder.
        """
        encoders = schema.encoders.c
        query = select(_facets.rows, _facets.last_seq, encoders.dim)
        query = query.join_from(schema.facets, schema.encoders, encoders.key == _facets.encoder_key)
        query = query.where(_facets.id == facet_id, _facets.encoder_key == encoder_key)
        with self._database.engine.connect() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        return np.frombuffer(row.rows, "<f4").reshape(-1, row.dim), row.last_seq

    def start_facet(self, facet_id: int, encoder_key: int, class_vectors: Vectors) -> None:
        """Label with this encoder from now on; labels of another encoder are deleted."""
        values = {
            "encoder_key": encoder_key,
            "last_seq": 0,
            "rows": class_vectors.astype("<f4").tobytes(),
        }
        with self._database.engine.begin() as connection:
            connection.execute(delete(schema.labels).where(schema.labels.c.facet_id == facet_id))
            connection.execute(update(schema.facets).where(_facets.id == facet_id).values(values))

    def set_labels(self, facet_id: int, last_seq: int, labels: Iterable[Label]) -> None:
        """Store the labels of all photos up to `last_seq`, all or nothing."""
        rows = [
            {
                "facet_id": facet_id,
                "photo_id": label.photo_id,
                "label": label.name,
                "probability": label.probability,
            }
            for label in labels
        ]
        statement = upsert(schema.labels)
        new = statement.excluded
        statement = statement.on_conflict_do_update(
            index_elements=["facet_id", "photo_id"],
            set_={"label": new.label, "probability": new.probability},
        )
        progress = update(schema.facets).where(_facets.id == facet_id).values(last_seq=last_seq)
        with self._database.engine.begin() as connection:
            if rows:
                connection.execute(statement, rows)
            connection.execute(progress)

    def counts(self, facet_id: int) -> dict[str, int]:
        """Count the photos with a path by the label of a facet."""
        c = schema.labels.c
        live = select(schema.paths.c.photo_id).where(schema.paths.c.photo_id.is_not(None))
        query = select(c.label, func.count().label("photos")).group_by(c.label)
        query = query.where(c.facet_id == facet_id, c.photo_id.in_(live))
        with self._database.engine.connect() as connection:
            return {row.label: row.photos for row in connection.execute(query)}

    def of_photo(self, photo_id: int) -> dict[str, Label]:
        """Return the labels of one photo, by facet name."""
        c = schema.labels.c
        query = select(_facets.name, c.label, c.probability)
        query = query.join_from(schema.labels, schema.facets, _facets.id == c.facet_id)
        query = query.where(c.photo_id == photo_id).order_by(_facets.name)
        with self._database.engine.connect() as connection:
            return {
                name: Label(photo_id, label, probability)
                for name, label, probability in connection.execute(query)
            }
