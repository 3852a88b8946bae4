"""Thumbs on the page: a section of the viewer that adds them to the line of the search."""

from __future__ import annotations

from msgspec.structs import replace

from imgsearch.errors import ImgsearchError
from imgsearch.language.grammar import parse, to_text
from imgsearch.records.query import Query
from ui.features import PageFeature, ViewerSection
from ui.search_state import SearchInput

_THUMBS = ("liked", "disliked")


def page() -> PageFeature:
    """Return the share of the feature in the page."""
    return PageFeature(
        section=ViewerSection("feedback", "feedback/section.js", thumbs_of),
        photo_keys=(
            ("u", "thumb up: more photos like this one first, or take it back"),
            ("d", "thumb down: photos like this one last, or take it back"),
        ),
        filter_nouns={"liked": "Liked: photo", "disliked": "Not liked: photo"},
    )


def thumbs_of(search_input: SearchInput) -> dict[str, object] | None:
    """Return the thumbs of a search; None where there is no answer to reorder.

    `line` is the line without them, `liked` and `disliked` are ids as texts, and `parameters` are
    those of the address besides the line.
    """
    try:
        query = parse(search_input.line) if search_input.line.strip() else Query()
    except ImgsearchError:
        return None  # the search view shows the error
    if not (query.terms or search_input.has_example):
        return None
    thumbs = [each for each in query.filters if each.field in _THUMBS and not each.negated]
    rest = tuple(each for each in query.filters if each not in thumbs)
    others = {name: text for name, text in search_input.parameters.items() if name != "q"}
    return {
        "line": to_text(replace(query, filters=rest)),
        "parameters": others,
        **{
            name: [str(value) for each in thumbs if each.field == name for value in each.values]
            for name in _THUMBS
        },
    }
