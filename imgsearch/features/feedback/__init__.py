"""Thumbs: photos that were liked, or seen and not liked, reorder an answer."""

from __future__ import annotations

from imgsearch.features.declared import Feature, ValueFilter

_ORDER = "imgsearch.features.feedback.ordering"

FEATURE = Feature(
    name="feedback",
    filters={
        "liked": ValueFilter(
            metavar="ID",
            meaning="of an answer, those like this photo first; several are separated by |",
            read=f"{_ORDER}:read",
            reorders=f"{_ORDER}:reordered",
        ),
        "disliked": ValueFilter(
            metavar="ID",
            meaning="of an answer, those like this photo last",
            read=f"{_ORDER}:read",
            reorders=f"{_ORDER}:reordered",
        ),
        "shown": ValueFilter(
            metavar="ID",
            meaning="of an answer, those like a liked photo before those like this one, which was "
            "seen and not liked",
            read=f"{_ORDER}:read",
            reorders=f"{_ORDER}:reordered",
        ),
    },
    page="imgsearch.features.feedback.page:page",
    components="imgsearch.features.feedback",
    styles={"viewer": "feedback/feedback.css"},
)
