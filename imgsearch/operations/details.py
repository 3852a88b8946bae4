"""The details of a photo, with the fields that features add."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from imgsearch.errors import MissingPackage
from imgsearch.features import installed
from imgsearch.features.declared import load, plugin_errors
from imgsearch.operations.marks import Marks
from imgsearch.operations.pictures import Pictures
from imgsearch.records.answer import Card, Hit, PhotoDetails
from imgsearch.records.extended import details_type

if TYPE_CHECKING:
    from imgsearch.opened.library import OpenedLibrary


def details_of(opened: OpenedLibrary, hit: Hit) -> PhotoDetails:
    """Return the details of the photo of a hit, with those of all features."""
    photo_id, declared = hit.photo.id, installed.details()
    shown, cards = list(hit.photo.facts.shown()), []
    for named in installed.rows():
        rows, problem = _rows_of(named, opened, hit)
        shown += rows
        cards += problem
    for title, named in installed.cards():
        rows, problem = _rows_of(named, opened, hit)
        cards += [Card(title, rows)] if rows else problem
    added = {name: load(each.made_by)(opened, photo_id) for name, each in declared.items()}
    return details_type()(
        hit=hit,
        text=Pictures(opened).text_of(photo_id),
        marks=Marks(opened).of([photo_id]).get(photo_id),
        shown=tuple(shown),
        cards=tuple(cards),
        present=tuple(map(os.path.exists, hit.paths)),
        **added,
    )


def _rows_of(
    named: str, opened: OpenedLibrary, hit: Hit
) -> tuple[tuple[tuple[str, str], ...], list[Card]]:
    """Return the rows of a feature, or a card that says why a plug-in has none."""
    try:
        with plugin_errors(named):
            return tuple((name, text) for name, text in load(named)(opened, hit)), []
    except MissingPackage as error:
        return (), [Card("A plug-in failed", (("Problem", str(error)),))]
