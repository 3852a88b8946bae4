"""Saves and deletes the concepts that users define."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgsearch.concepts import teaching
from imgsearch.indexer.embedding import ConceptEmbedder
from imgsearch.store.lock import writing

if TYPE_CHECKING:
    from imgsearch.indexer.context import IndexingContext


def teach(context: IndexingContext, lesson: teaching.Lesson) -> None:
    """Teach a concept, and find the photos that show it."""
    with writing(context.data_dir) as store:
        row = store.reads.encoders.in_use()
        teaching.teach(store, row, lesson, ConceptEmbedder(context, store, row))


def forget_concept(context: IndexingContext, name: str) -> bool:
    """Delete a concept with its examples; returns whether there was one with this name."""
    with writing(context.data_dir) as store:
        return store.concepts.delete(name)
