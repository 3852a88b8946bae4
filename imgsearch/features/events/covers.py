"""Chooses the photo that stands for many: the cover of an event."""

from __future__ import annotations

from collections.abc import Sequence

from imgsearch.analysis.spread import MAX_COMPARED, spread_over
from imgsearch.records.answer import Hit
from imgsearch.search.context import SearchContext
from imgsearch.search.hits import make_hits
from imgsearch.search.worth import look_points


def cover_of(context: SearchContext, photo_ids: Sequence[int]) -> Hit | None:
    """Return the clearest of these photos, which are in order of time; None without any.

    Of many, some that are spread over all are compared by their light and sharpness. Of about
    equally clear photos (to a tenth of a point), the one nearest to the middle is taken: the first
    and the last of an occasion are seldom what it was about.
    """
    compared = spread_over(photo_ids, MAX_COMPARED)
    found = context.photos.records(compared)
    looks = look_points(each.photo for each in found.values())
    middle = (len(compared) - 1) / 2
    places = {photo_id: place for place, photo_id in enumerate(compared) if photo_id in found}
    best = min(
        places,
        key=lambda photo_id: (
            -round(looks[photo_id], 1),
            abs(places[photo_id] - middle),
            places[photo_id],
        ),
        default=None,
    )
    if best is None:
        return None
    return next(iter(make_hits(context.photos, [best], stack_raw=context.stack_raw)), None)
