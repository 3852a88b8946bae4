"""What an answer is held against: unrelated queries, and the library's usual photo."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.dialects.sqlite import insert as upsert

from imgsearch.store import schema
from imgsearch.store.vectors import VectorStore

if TYPE_CHECKING:
    from imgsearch.records.answer import ScoreBaseline


class NullStore(VectorStore):
    """The part of the store that knows what unrelated queries look like."""

    def null_basis(self, encoder_key: int) -> tuple[str, int] | None:
        """What the null was made from: the fingerprint of its texts, and how many vectors."""
        row_of = schema.nulls.c
        query = select(row_of.prompts_sha256, row_of.vectors)
        with self._engine.connect() as connection:
            row = connection.execute(query.where(row_of.encoder_key == encoder_key)).first()
        return None if row is None else (row.prompts_sha256, row.vectors)

    def set_null(self, encoder_key: int, null: ScoreBaseline, prompts_sha256: str) -> None:
        """Keep a null in the place of the one before, with the fingerprint of its texts."""
        values = {
            "encoder_key": encoder_key,
            "prompts": null.prompts.astype("<f2").tobytes(),
            "nouns": null.nouns.astype("<f2").tobytes(),
            "photos": null.photos.astype("<f2").tobytes(),
            "mean": null.mean.astype("<f4").tobytes(),
            "prompts_sha256": prompts_sha256,
            "vectors": null.vectors,
        }
        statement = upsert(schema.nulls).values(values)
        statement = statement.on_conflict_do_update(index_elements=["encoder_key"], set_=values)
        with self._engine.begin() as connection:
            connection.execute(statement)
