"""Saves and deletes the labels and the concepts that users define."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgsearch.concepts import teaching
from imgsearch.indexer.embedding import ConceptEmbedder
from imgsearch.labels import labels
from imgsearch.store.lock import writing
from imgsearch.text import is_utf8

if TYPE_CHECKING:
    from imgsearch.indexer.context import IndexingContext
    from imgsearch.records.labels import Classes, Facet


def save_labels(context: IndexingContext, name: str, classes: Classes) -> Facet:
    """Save labels under this name, and label every photo."""
    with writing(context.data_dir) as store:
        facet = labels.save_facet(store, name, classes)
        row = store.reads.encoders.current()
        if row is not None:
            labels.update_facets(store, row, lambda: context.encoders.of(row))
        return facet


def forget_labels(context: IndexingContext, name: str) -> bool:
    """Delete saved labels; returns whether there were any with this name."""
    with writing(context.data_dir) as store:
        return is_utf8(name) and store.labels.delete_facet(name)


def teach(context: IndexingContext, lesson: teaching.Lesson) -> None:
    """Teach a concept, and find the photos that show it."""
    with writing(context.data_dir) as store:
        row = store.reads.encoders.in_use()
        teaching.teach(store, row, lesson, ConceptEmbedder(context, store, row))


def forget_concept(context: IndexingContext, name: str) -> bool:
    """Delete a concept with its examples; returns whether there was one with this name."""
    with writing(context.data_dir) as store:
        return store.concepts.delete(name)
