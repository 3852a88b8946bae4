"""Finds the lines of text in a photo that match the filters or words of a query."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from imgsearch.records.answer import Hit
from imgsearch.records.picture_text import PhotoText, TextLine, lines_with
from imgsearch.records.query import Query

if TYPE_CHECKING:
    from imgsearch.search.library_photos import LibraryPhotos


def with_text_lines(
    photos: LibraryPhotos, query: Query, hits: Sequence[Hit], named: Sequence[str] = ()
) -> tuple[Hit, ...]:
    """Add `text_lines` to the hits that match a `text:` filter of a query, or words of it.

    `named` are the words of the query that are names or text of a photo.
    """
    filtered = _phrases(query)
    ids = [hit.photo.id for hit in hits if filtered or "text" in hit.matched_by]
    if not ids:
        return tuple(hits)
    texts, phrases = photos.texts(ids), (*filtered, *named)
    return tuple(replace(hit, text_lines=_lines(texts.get(hit.photo.id), phrases)) for hit in hits)


def lines_of_query(
    text: PhotoText | None, query: Query, named: Sequence[str] = ()
) -> tuple[TextLine, ...]:
    """Return the lines of one photo that match a query, in reading order: see `with_text_lines`."""
    return _lines(text, (*_phrases(query), *named))


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
