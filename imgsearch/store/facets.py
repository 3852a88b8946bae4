"""Labels that were saved: a facet names some classes, and each photo has one of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from imgsearch.records.labels import Classes, Facet, Label
from imgsearch.store import schema
from imgsearch.store.vectors import VectorStore

if TYPE_CHECKING:
    from imgsearch.records.arrays import Vectors

_facet = schema.facets.c


class FacetStore(VectorStore):
    """The part of the store that knows labels."""

    def facets(self) -> tuple[Facet, ...]:
        """The facets that were saved, by name."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(schema.facets).order_by(_facet.name)).all()
        return tuple(
            Facet(
                row.id,
                row.name,
                Classes(tuple(row.classes), row.template, bool(row.none_of_these)),
            )
            for row in rows
        )

    def save_facet(self, name: str, classes: Classes) -> Facet:
        """Enter a facet, without labels yet, in the place of one of the same name."""
        values = {
            "name": name,
            "classes": list(classes.names),
            "template": classes.template,
            "none_of_these": classes.none_of_these,
            "last_seq": 0,
        }
        with self._engine.begin() as connection:
            connection.execute(delete(schema.facets).where(_facet.name == name))
            statement = insert(schema.facets).values(values).returning(_facet.id)
            return Facet(connection.execute(statement).scalar_one(), name, classes)

    def drop_facet(self, name: str) -> bool:
        """Forget a facet and its labels; whether there was one."""
        with self._engine.begin() as connection:
            statement = delete(schema.facets).where(_facet.name == name)
            return bool(connection.execute(statement).rowcount)

    # ------------------------------------------------------------------ how far a facet has come

    def facet_rows(self, facet_id: int, encoder_key: int) -> tuple[Vectors, int] | None:
        """The rows its classes are recognised by, and the last `seq` that is labelled.

        None before `begin_facet` with this encoder.
        """
        import numpy as np

        query = select(_facet.rows, _facet.last_seq, schema.encoders.c.dim).join(schema.encoders)
        query = query.where(_facet.id == facet_id, _facet.encoder_key == encoder_key)
        with self._engine.connect() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        return np.frombuffer(row.rows, "<f4").reshape(-1, row.dim), row.last_seq

    def begin_facet(self, facet_id: int, encoder_key: int, rows: Vectors) -> None:
        """Label with the vectors of this encoder from now on; labels by another are dropped."""
        values = {"encoder_key": encoder_key, "last_seq": 0, "rows": rows.astype("<f4").tobytes()}
        with self._engine.begin() as connection:
            connection.execute(delete(schema.labels).where(schema.labels.c.facet_id == facet_id))
            connection.execute(update(schema.facets).where(_facet.id == facet_id).values(values))

    def set_labels(self, facet_id: int, last_seq: int, labels: Iterable[Label]) -> None:
        """Enter the labels of all photos up to `last_seq`, all or nothing."""
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
        progress = update(schema.facets).where(_facet.id == facet_id).values(last_seq=last_seq)
        with self._engine.begin() as connection:
            if rows:
                connection.execute(statement, rows)
            connection.execute(progress)

    def label_counts(self, facet_id: int) -> dict[str, int]:
        """How many photos of the library have each label of a facet."""
        row_of = schema.labels.c
        live = select(schema.paths.c.photo_id).where(schema.paths.c.photo_id.is_not(None))
        query = select(row_of.label, func.count().label("photos")).group_by(row_of.label)
        query = query.where(row_of.facet_id == facet_id, row_of.photo_id.in_(live))
        with self._engine.connect() as connection:
            return {row.label: row.photos for row in connection.execute(query)}

    def labels_of(self, photo_id: int) -> dict[str, Label]:
        """The labels of one photo, by the name of the facet."""
        row_of = schema.labels.c
        query = select(_facet.name, row_of.label, row_of.probability).join_from(
            schema.labels, schema.facets
        )
        query = query.where(row_of.photo_id == photo_id).order_by(_facet.name)
        with self._engine.connect() as connection:
            return {
                name: Label(photo_id, label, probability)
                for name, label, probability in connection.execute(query)
            }
