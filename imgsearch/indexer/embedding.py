"""Embeds texts with the encoder of a library."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from imgsearch.encoders import prompts
from imgsearch.indexer.context import IndexingContext
from imgsearch.records.arrays import Vectors
from imgsearch.records.index import EncoderRow
from imgsearch.search.query_cache import QueryCache


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
