"""Finds the lines of text in a photo that match the filters of a query."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from imgsearch.records.answer import Hit
from imgsearch.records.picture_text import PhotoText, TextLine, lines_with
from imgsearch.records.query import Query

if TYPE_CHECKING:
    from imgsearch.catalogue.base import Catalogue


def with_text_lines(catalogue: Catalogue, query: Query, hits: Sequence[Hit]) -> tuple[Hit, ...]:
    """Add `text_lines` to the hits; unchanged if the query has no `text:` filter."""
    phrases = _phrases(query)
    if not phrases:
        return tuple(hits)
    texts = catalogue.texts([hit.photo.id for hit in hits])
    return tuple(replace(hit, text_lines=_lines(texts.get(hit.photo.id), phrases)) for hit in hits)


def lines_of_query(text: PhotoText | None, query: Query) -> tuple[TextLine, ...]:
    """The lines of one photo that match the `text:` filters of a query, in reading order."""
    return _lines(text, _phrases(query))


def _phrases(query: Query) -> list[str]:
    return [
        str(value)
        for condition in query.filters
        if condition.field == "text" and not condition.negated
        for value in condition.values
    ]


def _lines(text: PhotoText | None, phrases: Sequence[str]) -> tuple[TextLine, ...]:
    if text is None:
        return ()
    found = {line for phrase in phrases for line in lines_with(text.lines, phrase)}
    return tuple(line for line in text.lines if line in found)
