"""Teaches and deletes concepts of a library, and lets them follow its vectors."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from msgspec import Struct

from imgsearch.decode.reader import decode_bytes, side_to_embed
from imgsearch.features.concepts import teaching
from imgsearch.features.concepts.store import ConceptStore
from imgsearch.indexer.context import IndexingContext
from imgsearch.indexer.embedding import embed_queries
from imgsearch.records.arrays import Vector, Vectors
from imgsearch.records.index import EncoderRow
from imgsearch.search import baseline
from imgsearch.search.short_texts import embed_alone
from imgsearch.store.lock import writing
from imgsearch.store.store import Store


def teach(context: IndexingContext, lesson: teaching.Lesson) -> None:
    """Teach a concept, and find the photos that show it."""
    with writing(context.data_dir) as store:
        row = store.reads.encoders.in_use()
        teaching.teach(store, row, lesson, ConceptEmbedder(context, store, row))


def forget_concept(context: IndexingContext, name: str) -> bool:
    """Delete a concept with its examples; returns whether there was one with this name."""
    with writing(context.data_dir) as store:
        return ConceptStore(store.database).delete(name)


def follow_vectors(context: IndexingContext, store: Store, row: EncoderRow) -> None:
    """Judge new photos by every concept, and fit those again that have to be."""
    teaching.update_concepts(store, row, ConceptEmbedder(context, store, row))


class ConceptEmbedder(Struct, frozen=True):
    """Embeds the words and the example pictures of concepts. The encoder is loaded when needed."""

    context: IndexingContext
    store: Store
    row: EncoderRow

    def words(self, texts: Sequence[str]) -> Vectors:
        """Embed texts as a search for each of them alone does: (n, dim)."""
        row = self.row
        mean_noun = baseline.mean_noun_of(
            self.store.reads.encoders.baseline(row.key), row.encoder_id
        )
        return embed_alone(
            row.encoder_id, texts, mean_noun, partial(embed_queries, self.context, row)
        )

    def picture(self, picture: bytes) -> Vector:
        """Embed an encoded image: (dim,)."""
        encoder = self.context.encoders.of(self.row)
        side_px = side_to_embed(encoder.side_px)
        image = decode_bytes(picture, side_px, self.context.settings.max_megapixels).image
        vector: Vector = encoder.encode_pixels(encoder.prepare(image)[None])[0]
        return vector
