"""Embeds texts as queries do, and the pictures of examples, with the encoder of a library."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from imgsearch.decode.reader import decode_bytes, side_to_embed
from imgsearch.encoders import prompts
from imgsearch.search import baseline
from imgsearch.search.query_cache import QueryCache
from imgsearch.search.short_texts import embed_alone

if TYPE_CHECKING:
    from imgsearch.indexer.context import IndexingContext
    from imgsearch.records.arrays import Vector, Vectors
    from imgsearch.records.index import EncoderRow
    from imgsearch.store.store import Store


def embed_queries(context: IndexingContext, row: EncoderRow, texts: Sequence[str]) -> Vectors:
    """Embed texts as queries are embedded: (n, dim). The query cache keeps the vectors.

    The encoder is loaded only for texts that the cache does not have.
    """

    def embed(missing: Sequence[str]) -> Vectors:
        return prompts.embed_texts(context.encoders.of(row), row.name, missing)

    cache = QueryCache(context.settings.cache_dir, row.encoder_id)
    return np.stack(cache.texts(row.name, texts, embed))


def encode_texts(context: IndexingContext, row: EncoderRow, texts: Sequence[str]) -> Vectors:
    """Embed texts as they are: (n, dim). The encoder is loaded for it."""
    return context.encoders.of(row).encode_texts(texts)


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
